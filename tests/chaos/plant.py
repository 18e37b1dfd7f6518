"""A hub and scripted gates, each a process of its own that a test may kill."""

from __future__ import annotations

import asyncio
import sys
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.support.console import bearer, make_database, token_for
from tests.support.servers import Program

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
