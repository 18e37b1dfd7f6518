"""A plant under test: real mosquitto, real InfluxDB, a hub and scripted gates, each a process to be killed."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import sys
import time
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.support.console import bearer, make_database, token_for
from tests.support.servers import InfluxDB1, Mosquitto, Program

DATABASE = "menshen"
SITE = "chaos"


class Size(NamedTuple):
    """How much of everything."""

    gates: int
    events_per_gate: int
    rate_per_s: float
    """Of each gate."""
    seed: int


class HubProcess(Program):
    """`menshen hub run` on the given broker and time-series server."""

    def __init__(self, folder: Path, broker_port: int, influx_url: str | None, extra: str = "") -> None:
        super().__init__(folder)
        influx = f'[influx]\nurl = "{influx_url}"\nbucket = "{DATABASE}"\n' if influx_url else ""
        (folder / "hub.toml").write_text(
            f"""site = "{SITE}"
data = "data"
[broker]
port = {broker_port}
backoff_max_s = 1.0
[web]
port = {self.port}
{influx}{extra}"""
        )

    @property
    def journal(self) -> Path:
        return self.folder / "data" / "journal.db"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @cached_property
    def token(self) -> str:
        """For all that its API has."""
        return asyncio.run(self._token())

    async def _token(self) -> str:
        database = await make_database(self.folder / "data")
        try:
            return await token_for(database)
        finally:
            await database.stop()

    def get(self, path: str) -> httpx.Response:
        """What its API answers."""
        return httpx.get(f"{self.url}{path}", headers=bearer(self.token), timeout=5)

    def command(self) -> list[str]:
        return [sys.executable, "-m", "menshen", "hub", "run", str(self.folder / "hub.toml"), "--log-level", "warning"]

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", timeout=1).status_code == 200
        except httpx.HTTPError:
            return False


class GateProcess(Program):
    """A scripted gate (`sim.feed`) with the real spool and uplink."""

    def __init__(self, folder: Path, gate: str, size: Size, broker_port: int, *, all_fevers: bool = False) -> None:
        super().__init__(folder)
        self.gate = gate
        self._arguments = {
            "--site": SITE,
            "--gate": gate,
            "--spool": folder / "spool.db",
            "--port": broker_port,
            "--seed": size.seed,
            "--events": size.events_per_gate,
            "--rate-per-s": size.rate_per_s,
            "--backoff-max-s": 1.0,
            "--fever-share": 1.0 if all_fevers else 0.02,
        }

    def command(self) -> list[str]:
        pairs = [str(part) for pair in self._arguments.items() for part in pair]
        return [sys.executable, "-m", "sim.feed", *pairs]

    def is_ready(self) -> bool:
        return self._process is not None and self._process.poll() is None


class Plant:
    """Everything together; `kill_one` is the fault."""

    def __init__(self, folder: Path, size: Size) -> None:
        self.size = size
        self.broker = Mosquitto(folder / "broker", "max_queued_messages 0", "log_type none")
        self.influx = InfluxDB1(folder / "influx")
        self.hub = HubProcess(folder / "hub", self.broker.port, self.influx.url)
        self.gates = [
            GateProcess(folder / f"gate-{n:02d}", f"gate-{n:02d}", size, self.broker.port) for n in range(size.gates)
        ]
        self._everything: list[Program] = [self.broker, self.influx, self.hub, *self.gates]

    def start(self) -> None:
        for program in self._everything:
            program.start()

    def stop(self) -> None:
        for program in reversed(self._everything):
            program.stop()

    def kill_one(self, turn: int, draw: random.Random) -> str:
        """SIGKILL broker, hub, a gate, or InfluxDB in turn; leave it dead for a moment, start it again; its name."""
        victim = (self.broker, self.hub, draw.choice(self.gates), self.influx)[turn % 4]
        victim.kill()
        time.sleep(draw.uniform(0.0, 1.0))
        victim.start()
        return victim.folder.name

    def stored(self) -> int:
        """Passages in the journal so far."""
        with sqlite3.connect(f"file:{self.hub.journal}?mode=ro", uri=True) as db:
            return int(db.execute("SELECT count(*) FROM entries WHERE kind LIKE '%-passage'").fetchone()[0])

    def time_series_behind(self) -> int:
        """Entries that the time-series projection has still to write."""
        with sqlite3.connect(f"file:{self.hub.journal}?mode=ro", uri=True) as db:
            return int(
                db.execute(
                    'SELECT (SELECT max("offset") FROM entries)'
                    " - coalesce((SELECT \"offset\" FROM cursors WHERE name = 'timeseries'), 0)"
                ).fetchone()[0]
            )
