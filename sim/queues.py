"""Queues before lanes: who wants to pass when, and when the lane is free and has power."""

from __future__ import annotations

import heapq
from typing import Generic, NamedTuple, TypeVar

from sim.faults import BOOT_S, Breakdown, Breakdowns

W = TypeVar("W")


class _Waiting(NamedTuple, Generic[W]):
    wanted_s: float
    order: int
    gate: int
    lane: str
    what: W


class Served(NamedTuple, Generic[W]):
    """Somebody's turn: at `at_s`, seconds since the plant's first midnight."""

    at_s: float
    gate: int
    lane: str
    what: W


class Queues(Generic[W]):
    """One queue before each lane of a site: of those who wait, who came first is served first."""

    def __init__(self, service_s: float, breakdowns: Breakdowns) -> None:
        self._service_s = service_s
        self._breakdowns = breakdowns
        self._waiting: list[_Waiting[W]] = []
        self._free_s: dict[tuple[int, str], float] = {}
        self._order = 0

    def push(self, wanted_s: float, gate: int, lane: str, what: W) -> None:
        """Somebody wants to pass a lane from that moment on."""
        self._order += 1
        heapq.heappush(self._waiting, _Waiting(wanted_s, self._order, gate, lane, what))

    def served(self, until_s: float) -> Served[W] | None:
        """The next turn of somebody who came before `until_s` (the turn may be later); None when there is nobody."""
        if not self._waiting or self._waiting[0].wanted_s >= until_s:
            return None
        waiting = heapq.heappop(self._waiting)
        at_s = max(waiting.wanted_s, self._free_s.get((waiting.gate, waiting.lane), 0.0))
        cut = self._breakdowns.at(Breakdown.POWER, waiting.gate, at_s)
        if cut is not None:
            at_s = cut.until_s + BOOT_S
        self._free_s[waiting.gate, waiting.lane] = at_s + self._service_s
        return Served(at_s, waiting.gate, waiting.lane, waiting.what)
