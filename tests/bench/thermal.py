"""What the screening costs: CPU time of each stage for each frame at three cameras' sizes, and an agent's memory.

One person comes, stands and goes before a reference, rendered; each frame goes through each stage alone, then through
`Screen.see` as a gate's lane does it. Times are this process's CPU time, best of some rounds (another program on the
machine can only add); the agent is a real `menshen edge run` with one camera that replays the film.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edge.clock import Instant
from edge.drivers.base import CelsiusImage, ThermalFrame
from edge.drivers.replay import ZERO_C_IN_CENTIKELVIN
from edge.thermal.faces import find_faces
from edge.thermal.frames import FrameCheck
from edge.thermal.measure import measure
from edge.thermal.reference import find_reference
from edge.thermal.screen import Screen
from edge.thermal.settings import ThermalSettings
from edge.thermal.types import Box
from sim.background import Background
from sim.frames import Posed, View, picture, plain_looks
from sim.people import population
from sim.scene import Visit
from sim.sensor import Sensor
from tests.support.servers import Program, free_port

SIZES = ((160, 120), (640, 480), (24, 32))
"""Rows and columns: a Lepton 3.5, a camera of VGA size, an MLX90640."""
FPS = 9.0
_MS = 1e3


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--agent-s", type=float, default=12.0, help="how long the agent works before it is weighed")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    figures: dict[str, object] = {}
    for height, width in SIZES:
        film = _film(height, width)
        figures[f"{max(height, width)}x{min(height, width)}"] = _stages(film, arguments.rounds)
    figures["agent"] = _agent(_film(160, 120), arguments.agent_s)
    print(json.dumps(figures, indent=None if arguments.json else 2))
    return 0


def _film(height: int, width: int) -> list[CelsiusImage]:
    """One visit, float32 °C of shape (height, width) each."""
    visit, view = Visit(begin_s=0.5, person=population(1, 1)[0]), View(height, width)
    looks, draw = plain_looks(visit.person), np.random.default_rng(1)
    sensor, place = Sensor(), Background(seed=3, door=True, lamps=True)
    film = []
    for t_s in np.arange(0, visit.end_s + 0.5, 1 / FPS):
        here = [Posed(looks, visit.pose(float(t_s)))] if visit.begin_s <= t_s < visit.end_s else []
        film.append(picture(view, here, draw, background=place, sensor=sensor, at_s=float(t_s)))
    return film


def _stages(film: list[CelsiusImage], rounds: int) -> dict[str, float]:
    """CPU milliseconds a frame."""
    settings = ThermalSettings(reference_c=35.0, min_face_px=4)
    reference = next((found for image in film if (found := find_reference(image)) is not None), None)
    height, width = film[0].shape
    box = Box(width // 3, height // 4, width // 3, height // 3)
    frames = [ThermalFrame(image, _at(number)) for number, image in enumerate(film)]
    check = FrameCheck(settings)
    costs = {
        "check": _each_ms(frames, rounds, check.refuse),
        "reference": _each_ms(film, rounds, lambda image: find_reference(image, reference)),
        "faces": _each_ms(film, rounds, lambda image: find_faces(image, reference)),
        "measure": _each_ms(film, rounds, lambda image: measure(image, box, reference, settings)),
    }
    screen = Screen(settings)
    costs["screen"] = _each_ms(frames, 1, screen.see)
    for _ in range(rounds - 1):
        costs["screen"] = min(costs["screen"], _each_ms(frames, 1, Screen(settings).see))
    return {name: round(cost_ms, 3) for name, cost_ms in costs.items()}


def _each_ms(items: list[Any], rounds: int, work: Callable[[Any], object]) -> float:
    work(items[0])  # what is made once (the network) is not a frame's cost
    best_s = float("inf")
    for _ in range(rounds):
        began_s = time.process_time()
        for item in items:
            work(item)
        best_s = min(best_s, time.process_time() - began_s)
    return best_s / len(items) * _MS


def _at(number: int) -> Instant:
    time_ns = int(number / FPS * 1e9)
    return Instant(time_ns, time_ns)


class _Agent(Program):
    """`menshen edge run` with one lane, whose camera replays a film again and again; nobody hears it."""

    def __init__(self, folder: Path, film: list[CelsiusImage]) -> None:
        super().__init__(folder)
        raw = np.round(np.stack(film) * 100 + ZERO_C_IN_CENTIKELVIN).astype(np.uint16)
        np.savez(folder / "film.npz", frames=raw, t_s=np.arange(len(film)) / FPS)
        (folder / "token.key").write_text("0123456789abcdef0123456789abcdef")
        (folder / "gate.toml").write_text(
            f'site = "bench"\ngate = "north"\ntoken_key_file = "token.key"\n[broker]\nport = {free_port()}\n'
            '[spool]\npath = "spool.db"\n[[lanes]]\nname = "entrance"\n'
            '[lanes.camera]\ndriver = "replay"\npath = "film.npz"\nloop = true\n'
            "[lanes.thermal]\nreference_c = 35.0\n"
        )

    def command(self) -> list[str]:
        return [sys.executable, "-m", "menshen", "edge", "run", "gate.toml", "--log-level", "warning"]

    def is_ready(self) -> bool:
        return (self.folder / "spool.db").exists()

    def memory_mib(self) -> dict[str, float]:
        """Resident now and at the most, in MiB (Linux's /proc)."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        sizes = dict(line.split(":", 1) for line in status.splitlines())
        return {
            name: round(int(sizes[key].split()[0]) / 1024, 1)
            for name, key in (("resident_mib", "VmRSS"), ("most_resident_mib", "VmHWM"))
        }

    def cpu_s(self) -> float:
        """Of all its threads since the start."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _agent(film: list[CelsiusImage], work_s: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="menshen-thermal-") as folder:
        agent = _Agent(Path(folder), film)
        agent.start()
        try:
            time.sleep(work_s / 2)  # imports are not work
            before_s, began_s = agent.cpu_s(), time.monotonic()
            time.sleep(work_s / 2)
            share = (agent.cpu_s() - before_s) / (time.monotonic() - began_s)
            return {**agent.memory_mib(), "cpu_share_of_a_core": round(share, 3)}
        finally:
            agent.stop()
