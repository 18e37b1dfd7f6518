"""One run: start a plant, kill its parts in turn while it works, wait until it is quiet, and let the oracle judge."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from tests.chaos.oracle import Findings, judge
from tests.chaos.plant import Plant, Size


def run(
    folder: Path, size: Size, kills: int, quiet_within_s: float, tell: Callable[[str], None] = lambda text: None
) -> tuple[Findings, int]:
    """The oracle's findings and the number of kills. Raises `TimeoutError` when the plant does not become quiet."""
    draw = random.Random(size.seed)
    plant = Plant(folder, size)
    wanted = size.gates * size.events_per_gate
    spread_s = size.events_per_gate / size.rate_per_s / (kills + 1)
    try:
        plant.start()
        for turn in range(kills):
            time.sleep(draw.uniform(0.5, 1.5) * spread_s)
            victim = plant.kill_one(turn, draw)
            tell(f"kill {turn + 1}/{kills}: {victim}, {plant.stored()}/{wanted} stored")
        _wait_until_quiet(plant, wanted, quiet_within_s, tell)
        return judge(plant), kills
    finally:
        plant.stop()


def _wait_until_quiet(plant: Plant, wanted: int, within_s: float, tell: Callable[[str], None]) -> None:
    deadline, before = time.monotonic() + within_s, -1
    while (stored := plant.stored()) < wanted or plant.time_series_behind():
        if stored != before:  # the deadline is for standing still, not for being slow
            deadline, before = time.monotonic() + within_s, stored
        if time.monotonic() > deadline:
            tell(f"not quiet: {stored}/{wanted} stored, time series {plant.time_series_behind()} behind")
            return  # the oracle says what is missing
        time.sleep(0.2)
    tell(f"quiet: {stored}/{wanted} stored")
