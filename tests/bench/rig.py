"""A site under load: the real broker with the deployed limits, InfluxDB, `menshen hub run`, and a fleet of gates.

What it uses is read from /proc while it runs.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec

from tests.bench import figures
from tests.bench.fleet import SITE
from tests.support.servers import InfluxDB1, Mosquitto, Program, die_with_parent, wait_until

DATABASE = "menshen"
LIMITS = ("max_packet_size 300000", "max_inflight_messages 1000", "max_queued_messages 10000")
"""As `hub.trust.broker` writes them."""


STARTS_WITHIN_S = 300.0


class Hub(Program):
    """`menshen hub run`, without people to tell."""

    def __init__(self, folder: Path, broker_port: int, influx_url: str | None) -> None:
        super().__init__(folder)
        influx = f'[influx]\nurl = "{influx_url}"\nbucket = "{DATABASE}"\n' if influx_url else ""
        (folder / "hub.toml").write_text(
            f'site = "{SITE}"\ndata = "data"\nzone = "Asia/Shanghai"\n[broker]\nport = {broker_port}\n'
            f"[web]\nport = {self.port}\n{influx}"
        )
        self.started_s = 0.0

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def command(self) -> list[str]:
        return [sys.executable, "-m", "menshen", "hub", "run", str(self.folder / "hub.toml"), "--log-level", "warning"]

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/healthz", timeout=1).status_code == 200
        except httpx.HTTPError:
            return False

    def start(self) -> None:
        began_s = time.monotonic()
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdout=log, stderr=subprocess.STDOUT, cwd=self.folder, preexec_fn=die_with_parent
            )
        wait_until(self._is_up, "the hub", STARTS_WITHIN_S)
        self.started_s = time.monotonic() - began_s

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def journal(self, query: str) -> int:
        with closing(sqlite3.connect(f"file:{self.data / 'journal.db'}?mode=ro", uri=True)) as db:
            return int(db.execute(query).fetchone()[0] or 0)

    def stored(self) -> int:
        """Passages of the fleet in the journal."""
        return self.journal("SELECT sum(through) FROM streams WHERE gate LIKE 'gate-%'")

    def written(self) -> int:
        """Up to which entry the time series are written."""
        return self.journal("SELECT max(\"offset\") FROM cursors WHERE name = 'timeseries'")

    def last(self) -> int:
        return self.journal('SELECT max("offset") FROM entries')


class Site(NamedTuple):
    """All servers, running."""

    folder: Path
    broker: Mosquitto
    influx: InfluxDB1
    hub: Hub

    def pids(self) -> dict[str, int]:
        return {"hub": self.hub.pid, "broker": pid_of(self.broker), "influx": pid_of(self.influx)}


def pid_of(program: Program) -> int:
    assert program._process is not None
    return program._process.pid


@contextmanager
def site(folder: Path, prepare: Any = None) -> Iterator[Site]:
    """A site in that folder; `prepare` may fill the hub's data before it starts."""
    broker, influx = Mosquitto(folder / "broker", *LIMITS), InfluxDB1(folder / "influx")
    hub = Hub(folder / "hub", broker.port, influx.url)
    if prepare is not None:
        prepare(hub)
    started: list[Program] = []
    try:
        for program in (broker, influx, hub):
            program.start()
            started.append(program)
        yield Site(folder, broker, influx, hub)
    finally:
        for program in reversed(started):
            program.stop()


class Fleet:
    """Gates in a process of their own; `newest` is the last line that it wrote."""

    def __init__(self, site: Site, name: str, **options: float) -> None:
        self._file = site.folder / f"{name}.jsonl"
        words = [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
        command = [sys.executable, "-m", "tests.bench.fleet", str(site.broker.port), str(self._file), *words]
        self._process = subprocess.Popen(command, preexec_fn=die_with_parent)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    @property
    def newest(self) -> dict[str, Any]:
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        return json.loads(lines[-1]) if lines else {}

    def end(self) -> dict[str, Any]:
        """Wait for it; its last line, and its delays beside it."""
        if self._process.wait() != 0:
            raise RuntimeError(f"the fleet ended with {self._process.returncode}")
        return self.newest | msgspec.msgpack.decode(self._file.with_suffix(".delays").read_bytes())


class Use(NamedTuple):
    """What each process used between two looks."""

    seconds: float
    cpu_s: dict[str, float]
    peak_mb: float
    load: dict[str, float]


class Meter:
    """Looks at processes, and at how long the disk takes; `use` is what happened since it was made."""

    def __init__(self, pids: dict[str, int], folder: Path) -> None:
        self._pids = pids
        self._syncs_ms: list[float] = []
        self._ended = threading.Event()
        threading.Thread(target=self._sync, args=(folder / "sync",), daemon=True).start()
        self._began_s = time.monotonic()
        self._machine = figures.machine()
        self._before = {name: figures.process(pid) for name, pid in pids.items()}

    def use(self) -> Use:
        after = {name: figures.process(pid) for name, pid in self._pids.items() if Path(f"/proc/{pid}/status").exists()}
        cpu_s = {name: round(one.cpu_s - self._before[name].cpu_s, 2) for name, one in after.items()}
        load = figures.load(self._machine, figures.machine(), sum(cpu_s.values()))
        self._ended.set()
        load |= {f"sync_p{n}_ms": round(figures.percentile(self._syncs_ms, n / 100), 1) for n in (50, 99)}
        return Use(time.monotonic() - self._began_s, cpu_s, round(after["hub"].peak_mb, 1), load)

    def _sync(self, path: Path) -> None:
        """A commit waits for the disk at least this long, and the disk is everybody's."""
        with path.open("wb", buffering=0) as file:
            while not self._ended.wait(0.2):
                file.write(b"x" * 4096)
                began_s = time.perf_counter()
                os.fdatasync(file.fileno())
                self._syncs_ms.append((time.perf_counter() - began_s) * 1000)
