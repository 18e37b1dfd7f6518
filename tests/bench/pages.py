"""How long each page of the console takes at a large plant: 50,000 people, 10 million passages over ten weeks.

Every address of the table of doors that is read with GET, asked of a hub that runs as a process of its own over real
files (`tests.bench.plant`), as each role that may see it; with searches, filters and days long past. Printed are the
median, the slowest and the first look in milliseconds, and the processor's time that the hub spent in a look: the
machine may be busy with other things. The folder stays where `--folder` says, and is asked again without filling.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import httpx
from msgspec import Struct, to_builtins

from hub.accounts.models import Role
from hub.accounts.roles import MAY, Permission
from hub.alerts.links import read_key
from hub.forms import invitations, workers
from hub.forms.links import Signer
from hub.web.doors import DOORS, Door, Key
from tests.bench.plant import Filled, filled
from tests.bench.plant.people import CLOSED_CASES, PASSWORD
from tests.bench.plant.size import Size, badge

GOAL_MS = 300.0
_STREAMS = {"/live", "/wall/live", "/api/live"}
_LINKS = {"/pass/{number}", "/r/{code}", "/w/{link}", "/visit/{link}"}
"""Of the doors that an address itself opens, those that can be made from what was filled in."""
_FILES = ("/export", "/reports/file")
"""Files of everybody are no pages: they are asked with `--files`."""
_BEGINS = re.compile(r"console=(http\S+)")


class Look(Struct):
    """One address as one role sees it; times in milliseconds."""

    path: str
    role: str
    status: int = 0
    first_ms: float = 0.0
    median_ms: float = 0.0
    max_ms: float = 0.0
    cpu_ms: float = 0.0
    """Of the hub with all that it does beside: the median."""
    kilobytes: float = 0.0


class _Hub(NamedTuple):
    """A running hub, and its process."""

    url: str
    pid: int
    size: Size
    signer: Signer

    def cpu_ns(self) -> int:
        """What all its threads have spent."""
        found = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            try:
                found += int((task / "schedstat").read_text().split()[0])
            except OSError:  # a thread that has just ended
                continue
        return found


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--passages", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, help="where the filled hub stays, to be asked again; else it is deleted")
    parser.add_argument("--looks", type=int, default=12, help="how often each page is asked by each role")
    parser.add_argument("--only", default="", metavar="REGEX", help="addresses that match")
    parser.add_argument("--one-role", action="store_true", help="each address as one role alone")
    parser.add_argument("--files", action="store_true", help="exports and files too")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="menshen-pages-") as made:
        plant = filled(arguments.folder or Path(made), arguments.people, arguments.passages, _tell)
        with _running(plant) as hub:
            _settle(hub)
            _tell(f"asking {hub.url}")
            looks = _asked(hub, arguments)
    looks.sort(key=lambda look: -look.median_ms)
    over = sorted({look.path for look in looks if look.median_ms > GOAL_MS})
    if arguments.json:
        whole = {
            "people": plant.size.people, "passages": plant.size.passages, "days": plant.size.days,
            "filled_s": round(plant.took_s, 1), "load": os.getloadavg()[0], "goal_ms": GOAL_MS, "over": over,
            "pages": to_builtins(looks),
        }  # fmt: skip
        print(json.dumps(whole, ensure_ascii=False))
    else:
        print(f"{plant.size.people} people, {plant.size.passages} passages; ms: median, slowest, first, processor")
        for one in looks:
            times = f"{one.median_ms:8.1f} {one.max_ms:8.1f} {one.first_ms:8.1f} {one.cpu_ms:8.1f}"
            print(f"{times}  {one.status} {one.role:8} {one.path}{'  OVER' if one.path in over else ''}")
    return 1 if over else 0


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def _running(plant: Filled) -> Iterator[_Hub]:
    """The hub as a process, asked as soon as it says that it is ready."""
    command = [sys.executable, "-m", "menshen", "hub", "run", str(plant.settings)]
    log = (plant.settings.parent / "hub.log").open("w+b")
    with log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            url = _url(process, Path(log.name))  # the key of links is made when the hub is
            signer = Signer(read_key(plant.settings.parent / "data" / "forms.key"))
            yield _Hub(url, process.pid, plant.size, signer)
        finally:
            process.terminate()
            process.wait(60)


def _url(process: subprocess.Popen[bytes], log: Path) -> str:
    until_s = time.monotonic() + 300
    while time.monotonic() < until_s and process.poll() is None:
        found = _BEGINS.search(re.sub(r"\x1b\[[0-9;]*m", "", log.read_text()))
        if found:
            return found[1]
        time.sleep(0.1)
    raise SystemExit(f"the hub did not start: {log.read_text()[-2000:]}")


def _asked(hub: _Hub, arguments: argparse.Namespace) -> list[Look]:
    wanted = [
        (path, role)
        for path, door in addresses(hub, files=arguments.files)
        for role in _roles(door)[: 1 if arguments.one_role else None]
        if re.search(arguments.only, path)
    ]
    clients = {role: _client(hub.url, role) for role in {role for _, role in wanted}}
    looks = [Look(path, role or "nobody") for path, role in wanted]
    took: list[list[tuple[float, float]]] = [[] for _ in wanted]
    for _ in range(arguments.looks):
        for look, times, (path, role) in zip(looks, took, wanted, strict=True):
            cpu_ns, began_s = hub.cpu_ns(), time.perf_counter()
            answer = clients[role].get(path)
            times.append((1e3 * (time.perf_counter() - began_s), (hub.cpu_ns() - cpu_ns) / 1e6))
            look.status, look.kilobytes = answer.status_code, round(len(answer.content) / 1e3, 1)
    for look, times in zip(looks, took, strict=True):
        walls, cpus = zip(*(times[1:] or times), strict=True)
        look.first_ms = round(times[0][0], 1)
        look.median_ms, look.max_ms, look.cpu_ms = (round(ms, 1) for ms in (median(walls), max(walls), median(cpus)))
    for client in clients.values():
        client.close()
    return looks


def _settle(hub: _Hub) -> None:
    """Wait until the hub has made what it makes when it starts: what a page takes is not what starting takes."""
    for _ in range(60):
        before = hub.cpu_ns()
        time.sleep(2)
        if hub.cpu_ns() - before < 5e8:
            return


def _client(url: str, role: str) -> httpx.Client:
    client = httpx.Client(base_url=url, trust_env=False, timeout=300)
    if role:
        answer = client.post("/sign-in", data={"login": role, "password": PASSWORD})
        if answer.status_code != httpx.codes.SEE_OTHER:
            raise SystemExit(f"{role} cannot sign in: {answer.status_code}")
    return client


def _roles(door: Door) -> list[str]:
    """Who may go through, those with the most rights first."""
    if isinstance(door.needs, Permission):
        return sorted((role.value for role, rights in MAY.items() if door.needs in rights),
                      key=lambda role: -len(MAY[Role(role)]))  # fmt: skip
    return [Role.OFFICER.value] if door.needs is Key.SIGNED_IN else [""]


def addresses(hub: _Hub, *, files: bool) -> list[tuple[str, Door]]:
    """Every page that is read, one of each kind where an address holds a number, and what can be asked of them."""
    found = []
    for address, door in DOORS.items():
        method, path = address.split()
        if method != "GET" or path in _STREAMS or (door.needs is Key.LINK and path not in _LINKS):
            continue
        if files or not path.endswith(_FILES):
            found += [(one, door) for one in _filled_in(path, hub)]
    return found


def _filled_in(path: str, hub: _Hub) -> list[str]:
    """Addresses of a route: with each board's name, with numbers of what is there, with what pages can be asked."""
    if path.startswith("/boards/{name}"):
        return [one for name in _boards(hub) for one in _asked_of(path.replace("{name}", name), path, hub.size)]
    size, signer = hub.size, hub.signer
    values = {
        "link": signer.link(workers.LINK, 7) if path.startswith("/w/") else signer.link(invitations.LINK, 7),
        "record_id:int": str(size.people // 2 if path.startswith("/people") else 1000),
        "person_id:int": str(size.people // 2 + 1),
        "case_id:int": str(CLOSED_CASES + 7),
        "alert": "2024",
        "number:int": "7",
        "number": "v-00000001",
        "code": f"stop{3:028d}",
    }
    plain = re.sub(r"{(.*?)}", lambda match: values.get(match[1], match[0]), path)
    return _asked_of(plain, path, size)


def _asked_of(plain: str, path: str, size: Size) -> list[str]:
    return [plain, *(plain + more.format(**_words(size)) for more in _QUESTIONS.get(path, ()))]


def _words(size: Size) -> dict[str, object]:
    ago = [size.today.fromordinal(size.today.toordinal() - days) for days in (1, 30)]
    return {"last": f"{size.people:06d}", "badge": badge(size.people), "yesterday": ago[0], "month": ago[1]}


_QUESTIONS: dict[str, tuple[str, ...]] = {
    "/search": ("?q={last}", "?q={badge}", "?q=王芳", "?q=王", "?q=no+such+words", "?q=fever", "?q=1车间7班",
                "?q=蒙B00007"),
    "/people": ("?q={last}", "?q=王芳", "?q=no+such+words", "?after=040000", "?everybody=1"),
    "/vehicles": ("?q=B02999", "?q=no+such+words"),
    "/duties": (
        "?by=shift", "?by=grid", "?show=on_duty", "?show=first_missing", "?show=on_duty&after=049900",
        "?team=7&show=on_duty",
        "?words=王芳", "?words={last}", "?day={yesterday}", "?day={month}",
    ),
    "/duties/{person_id:int}": ("?day={yesterday}", "?day={month}"),
    "/api/duties": ("?day={yesterday}", "?day={month}"),
    "/declarations": ("?team=7",),
    "/absences": ("?from={month}",),
    "/rotas": ("?of=7班", "?from=1900"),
    "/links": ("?team=7",),
    "/reports": ("?day={yesterday}", "?day={month}"),
    "/api/report": ("?day={yesterday}", "?day={month}"),
    "/reports/file": ("?form=xlsx",),
    "/crowds": ("?day={yesterday}", "?day={month}"),
    "/rounds": ("?day={yesterday}", "?day={month}"),
    "/audit": ("?who=officer",),
    "/alerts": ("?lang=en",),
    "/boards/{name}/answers": ("?since=now-24h", "?since=now-6d/d", "?since=now-29d/d", "?since=now-364d/d"),
    "/api/events": ("?after=9000000", "?after=5000000&limit=10000"),
    "/api/alerts": ("?after=5000",),
}  # fmt: skip
"""What can be asked of a page beside itself."""


def _boards(hub: _Hub) -> list[str]:
    client = _client(hub.url, Role.OFFICER.value)
    first = client.get("/boards", follow_redirects=True)
    client.close()
    return sorted(set(re.findall(r'"/boards/([a-z0-9-]+)"', first.text)))
