"""How long each page of the console takes at a plant of 50,000 people: `python -m tests.bench.pages [PEOPLE]`.

Every address of the table of doors that is read with GET, and searches, over HTTP, as a safety officer, an auditor and
an administrator: the slowest of five, beside the goal of 300 ms. The record of who saw what has 100,000 lines.
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
from sqlalchemy.orm import Session

from hub.accounts.audit import note_all
from hub.registry.models import Badge, Person, PersonKind, Team
from hub.web.doors import DOORS, Key
from tests.support.office import PASSWORD, ServedOffice, served_office

GOAL_MS = 300.0
LOOKS = 5
NOTES = 100_000
"""Lines of the record of who saw and changed what."""
_SEARCHES = (
    "/search?q={name}",
    "/search?q={number}",
    "/search?q=no+such+words",
    "/people?q={name}",
    "/duties?words={name}",
)
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
    with Session(engine) as session:
        note_all(session, 1, "bench", [("person-seen", f"person {n % people}", {}) for n in range(NOTES)])
        session.commit()
    engine.dispose()


def time_of(client: httpx.Client, path: str) -> tuple[int, list[float]]:
    """The status, and how long each look took, in milliseconds."""
    took, status = [], 0
    for _ in range(LOOKS):
        began = time.perf_counter()
        status = client.get(path).status_code
        took.append(1000 * (time.perf_counter() - began))
    return status, took


def addresses(people: int) -> list[str]:
    """Every page that is read, and searches: for one of the last, and for what is nowhere."""
    found = []
    for address, door in DOORS.items():
        method, path = address.split()
        if method == "GET" and path not in _STREAMS and not path.endswith(_FILE) and door.needs is not Key.LINK:
            found.append(re.sub(r"{[^}]*}", "1", path))
    return [*found, *(search.format(name=f"李{people - 1}", number=f"{people - 1:06d}") for search in _SEARCHES)]


def look(office: ServedOffice, people: int) -> int:
    """Print every page; how many are over the goal."""
    over = 0
    for role in ("officer", "auditor", "admin"):
        with httpx.Client(base_url=office.url, trust_env=False, timeout=120) as client:
            client.post("/sign-in", data={"login": role, "password": PASSWORD})
            for path in addresses(people):
                status, took = time_of(client, path)
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
        return 1 if look(office, people) else 0


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000))
