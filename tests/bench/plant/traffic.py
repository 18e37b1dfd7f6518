"""Who passes where and when, day after day: arrays, for there are millions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.bench.plant.size import SHIFTS_H, TEAM, Size

Numbers = NDArray[np.int64]
CANTEEN_LANES = 20
_SLOTS_H = ((11, 13), (19, 20), (3, 4))
"""When a shift eats."""
_FEVER_SHARE = 2e-4


class DayOfPassages(NamedTuple):
    """The passages of one day in the order of time. `gate` counts entrances first, then lanes of canteens."""

    time_ns: Numbers
    person: Numbers
    gate: Numbers
    enters: NDArray[np.bool_]
    measured: NDArray[np.bool_]
    fever: NDArray[np.bool_]


def days(size: Size) -> Iterator[DayOfPassages]:
    """Every day, the last as far as it has got."""
    draw = np.random.default_rng(1)
    person = np.arange(1, size.people + 1)
    own_gate = draw.integers(size.gates, size=size.people)
    for ago in reversed(range(size.days)):
        weekday = (size.today - timedelta(days=ago)).weekday()
        yield _day(size, draw, person[(weekday + person // TEAM) % 7 < 5], own_gate, ago)


def _day(size: Size, draw: np.random.Generator, person: Numbers, own_gate: Numbers, ago: int) -> DayOfPassages:
    shift = person // TEAM % len(SHIFTS_H)
    begins, ends = (np.array(column)[shift] for column in zip(*SHIFTS_H, strict=True))
    eats, done = (np.array(column)[shift] for column in zip(*_SLOTS_H, strict=True))
    count = len(person)
    lunch = eats * 60 + draw.integers(0, 60 * (done - eats), size=count)
    minutes = [
        begins * 60 - 15 + draw.normal(0, 6, count),
        lunch,
        lunch + 25,
        ends * 60 + 10 + draw.normal(0, 6, count),
    ]
    seconds = np.concatenate(minutes) * 60 + draw.random(4 * count) * 60
    canteen = size.gates + person % CANTEEN_LANES
    gate = np.concatenate([own_gate[person - 1], canteen, canteen, own_gate[person - 1]])
    kind = np.repeat(np.arange(4), count)
    time_ns = size.midnight_ns(ago) + (seconds * 1e9).astype(np.int64)
    order = np.argsort(time_ns, kind="stable")
    order = order[time_ns[order] < size.now_ns]
    whom, kind = np.tile(person, 4)[order], kind[order]
    measured = (kind != 2) & (draw.random(len(order)) > 0.02)
    fever = measured & (kind == 0) & (draw.random(len(order)) < _FEVER_SHARE)
    return DayOfPassages(time_ns[order], whom, gate[order], kind < 2, measured, fever)


def gate_name(size: Size, gate: int) -> str:
    return f"g{gate:02d}" if gate < size.gates else f"c{gate - size.gates:02d}"


def place_of(size: Size, gate: int) -> str | None:
    """The place that a gate's lane leads into."""
    return None if gate < size.gates else f"canteen-{(gate - size.gates) % size.canteens}"
