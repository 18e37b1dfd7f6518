"""What breaks at the gates of a simulated site and when: power, links, cameras, readers, clocks. From a seed only."""

from __future__ import annotations

import bisect
from enum import StrEnum

from msgspec import Struct

from sim.people import stream
from sim.plant import DAY_S, Faults
from sim.roster import Site

_WEEK_S = 7 * DAY_S
BOOT_S = 60.0
"""A gate takes so long from power to its first frame."""
_SYNC_S = (20.0, 300.0)


class Breakdown(StrEnum):
    POWER = "power"
    LINK = "link"
    SLOW_LINK = "slow-link"
    CAMERA = "camera"
    READER = "reader"
    CLOCK = "clock"
    """The clock is wrong from the start after a power cut until it is synchronised."""


class Fault(Struct, frozen=True):
    """Something is broken from `from_s` to `until_s`, seconds since the plant's first midnight.

    `amount` is how wrong the clock is in seconds (clock), or how slow the link is in seconds (slow-link).
    """

    kind: Breakdown
    gate: int
    from_s: float
    until_s: float
    amount: float = 0.0


class Breakdowns:
    """The faults of one site, made week by week as they are asked for."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._weeks = 0
        self._faults: dict[tuple[Breakdown, int], list[Fault]] = {}

    def at(self, kind: Breakdown, gate: int, at_s: float) -> Fault | None:
        """What of that kind is broken at a gate at a moment."""
        self._make_until(at_s)
        known = self._faults.get((kind, gate), [])
        before = bisect.bisect_right(known, at_s, key=lambda fault: fault.from_s)
        found = known[before - 1] if before else None
        return found if found is not None and at_s < found.until_s else None

    def of_day(self, day: int) -> list[Fault]:
        """All faults that begin on a day, in the order of their time."""
        self._make_until((day + 1) * DAY_S)
        found = [
            fault
            for faults in self._faults.values()
            for fault in faults
            if day * DAY_S <= fault.from_s < (day + 1) * DAY_S
        ]
        return sorted(found, key=lambda fault: (fault.from_s, fault.gate, fault.kind))

    def _make_until(self, at_s: float) -> None:
        while self._weeks * _WEEK_S <= at_s:
            for gate in range(len(self._site.plant.checkpoints())):
                for fault in self._week(gate, self._weeks):
                    self._faults.setdefault((fault.kind, gate), []).append(fault)
            self._weeks += 1

    def _week(self, gate: int, week: int) -> list[Fault]:
        draw = stream(self._site.seed, "faults", str(gate), str(week))
        rates = self._site.plant.faults
        found = []
        for kind, often, minutes in _often(rates):
            free_s = week * _WEEK_S
            for wanted_s in sorted(draw.uniform(0, _WEEK_S, draw.poisson(often)).tolist()):
                from_s = max(free_s, week * _WEEK_S + wanted_s)
                until_s = min(from_s + max(30.0, draw.exponential(minutes * 60)), (week + 1) * _WEEK_S - 1)
                if from_s < until_s:
                    found.append(Fault(kind, gate, from_s, until_s))
                free_s = until_s + 600
        starts = [fault for fault in found if fault.kind is Breakdown.POWER]
        for start in starts:
            if draw.random() < rates.wrong_clock_share:
                ready_s = start.until_s + BOOT_S
                wrong_s = -float(draw.uniform(60, 30 * DAY_S))
                found.append(Fault(Breakdown.CLOCK, gate, ready_s, ready_s + float(draw.uniform(*_SYNC_S)), wrong_s))
        if stream(self._site.seed, "slow", str(gate)).random() < rates.slow_link_share:
            from_s = week * _WEEK_S
            found.append(Fault(Breakdown.SLOW_LINK, gate, from_s, from_s + _WEEK_S, float(draw.uniform(0.5, 4))))
        return found


def _often(rates: Faults) -> tuple[tuple[Breakdown, float, float], ...]:
    return (
        (Breakdown.POWER, rates.power_cuts, rates.power_min),
        (Breakdown.LINK, rates.link_outages, rates.link_min),
        (Breakdown.CAMERA, rates.camera_faults, rates.camera_min),
        (Breakdown.READER, rates.reader_faults, rates.reader_min),
    )
