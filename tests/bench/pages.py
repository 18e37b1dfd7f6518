"""How long each page of the console takes at a plant of 50,000 people: `python -m tests.bench.pages [PEOPLE]`.

Every address of the table of doors that is read with GET, over HTTP, as a safety officer and as an administrator: the
slowest of five, beside the goal of 300 ms.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import httpx
from sqlalchemy import create_engine, insert

from hub.registry.models import Badge, Person, PersonKind, Team
from hub.web.doors import DOORS, Key
from tests.support.office import PASSWORD, ServedOffice, served_office

GOAL_MS = 300.0
LOOKS = 5
_STREAMS = {"/live", "/wall/live", "/api/live"}
_FILE = "/export"
"""Files of everybody are no pages."""


def fill(folder: Path, people: int) -> None:
    """People in teams of 25, each with a badge."""
    engine = create_engine(f"sqlite:///{folder / 'menshen.db'}")
    with engine.begin() as db:
        db.execute(
            insert(Team), [{"id": n, "name": f"班组{n}", "grid": f"网格{n % 40}"} for n in range(1, people // 25 + 2)]
        )
        rows = [
            {
                "id": n, "number": f"{n:06d}", "name": f"李{n}", "kind": PersonKind.EMPLOYEE, "team_id": n // 25 + 1,
                "active": True, "created_ns": 1, "changed_ns": 1,
            }
            for n in range(1, people + 1)
        ]  # fmt: skip
        db.execute(insert(Person), rows)
        badges = [{"id": n, "person_id": n, "number": str(n), "token": f"token-{n:020d}"} for n in range(1, people + 1)]
        db.execute(insert(Badge), badges)
    engine.dispose()


def time_of(client: httpx.Client, path: str) -> tuple[int, list[float]]:
    """The status, and how long each look took, in milliseconds."""
    took, status = [], 0
    for _ in range(LOOKS):
        began = time.perf_counter()
        status = client.get(path).status_code
        took.append(1000 * (time.perf_counter() - began))
    return status, took


def look(office: ServedOffice) -> int:
    """Print every page; how many are over the goal."""
    over = 0
    for role in ("officer", "admin"):
        with httpx.Client(base_url=office.url, trust_env=False, timeout=120) as client:
            client.post("/sign-in", data={"login": role, "password": PASSWORD})
            for address, door in DOORS.items():
                method, path = address.split()
                if method != "GET" or path in _STREAMS or path.endswith(_FILE) or door.needs is Key.LINK:
                    continue
                status, took = time_of(client, re.sub(r"{[^}]*}", "1", path))
                if status in {401, 403}:
                    continue
                is_over = median(took) > GOAL_MS
                over += is_over
                print(
                    f"{median(took):8.1f} {max(took):8.1f} ms  {status}  {role:8} {path}{'  OVER' if is_over else ''}"
                )
    return over


def main(people: int) -> int:
    with tempfile.TemporaryDirectory() as name, served_office(Path(name)) as office:
        fill(Path(name), people)
        print(f"{people} people; median and slowest of {LOOKS}; goal {GOAL_MS:.0f} ms")
        return 1 if look(office) else 0


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000))
