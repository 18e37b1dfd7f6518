"""The guard's page on a free port of this machine, with lanes that a test shows frames on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from edge.guard.app import create_app
from edge.guard.passwords import hashed, write
from edge.guard.server import GuardServer
from edge.guard.settings import GuardSettings
from edge.guard.stage import Stage
from edge.thermal.types import Box, Person, Reading, Reference, View
from sim.frames import Pose
from sim.frames import View as SimView
from sim.people import population
from tests.support.clocks import at
from tests.support.pictures import render
from wire.events import Refusal, Temperature, Verdict

PASSWORD = "correct horse"
GATE = """site = "s"
gate = "g"
token_key_file = "key"
broker.port = 9
[guard]
password_file = "guard.password"
port = 0
[[lanes]]
name = "people"
[lanes.camera]
"""
"""A gate with a guard's page; its camera's settings follow."""


def write_gate(folder: Path, text: str) -> Path:
    """The gate's file, with its key and the guard's password."""
    (folder / "key").write_text("k" * 32)
    (folder / "gate.toml").write_text(text)
    write(folder / "guard.password", PASSWORD)
    return folder / "gate.toml"


def temperature(skin_c: float) -> Temperature:
    return Temperature(skin_c=skin_c, u_c=0.4, looks=3, limit_c=36.4)


def frame() -> np.ndarray:
    return render(SimView(), population(1, 1)[0], Pose(0.48, 0.41, 1.0), np.random.default_rng(1))


def view(verdict: Verdict = Verdict.NORMAL, skin_c: float = 35.1, refusal: Refusal | None = None) -> View:
    """Somebody before the camera, who was just concluded about."""
    person = Person(1, Box(38, 30, 44, 60), verdict, temperature(skin_c), None)
    reading = Reading(1, at(1), at(0), verdict, temperature(skin_c), None)
    return View(at(1), (person,), (reading,), Reference(102.5, 105.0, 6.0, 34.7, 0.1), refusal)


class ServedGuard:
    """The page with its server in a thread of its own."""

    def __init__(self, lanes: list[str], **more: Any) -> None:
        self.settings = GuardSettings(password_file="-", port=0, **more)
        self.stage = Stage(lanes, self.settings.rate_hz)
        self._server = GuardServer(
            create_app("baotou-1/north", self.stage, self.settings, hashed(PASSWORD)), self.settings
        )

    @property
    def url(self) -> str:
        assert self._server.url is not None
        return self._server.url

    def show(self, lane: str, celsius: np.ndarray, seen: View) -> None:
        self._loop.call_soon_threadsafe(self.stage.lanes[lane].show, celsius, seen)

    def tell(self, lane: str, reading: Reading) -> None:
        self._loop.call_soon_threadsafe(self.stage.lanes[lane].tell, reading)

    def start(self) -> None:
        ready = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(ready),), name="guard")
        self._thread.start()
        assert ready.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10)

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._server.run())
        while self._server.url is None:
            await asyncio.sleep(0.01)
        ready.set()
        await asyncio.gather(self._task, return_exceptions=True)


@contextmanager
def served_guard(*lanes: str, **more: Any) -> Iterator[ServedGuard]:
    guard = ServedGuard(list(lanes), **more)
    guard.start()
    try:
        yield guard
    finally:
        guard.stop()
