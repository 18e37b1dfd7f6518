"""A site's days as they truly are, from its seed and nothing else: people, vehicles, rounds and what breaks."""

from __future__ import annotations

from collections.abc import Iterator

from sim.faults import Breakdown, Breakdowns
from sim.orders import Warn
from sim.plant import DAY_S, PERSON_LANE
from sim.roster import Site
from sim.traffic import Traffic, rounds
from sim.truth import DeviceTruth, FaultTruth, Truth
from sim.ways import People
from wire.events import DeviceKind

_DEVICES = {Breakdown.CAMERA: DeviceKind.THERMAL, Breakdown.READER: DeviceKind.BADGE}


class Story:
    """One site. `days` may be asked once."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._breakdowns = Breakdowns(site)
        self._people = People(site, self._breakdowns)
        self._traffic = Traffic(site, self._breakdowns)
        self._later: list[Truth] = []
        self._begins_ns = site.plant.begins_ns()

    def days(self, count: int) -> Iterator[list[Truth]]:
        """The records of each day in the order of their time."""
        for number in range(count):
            found = [
                *self._later,
                *self._people.day(number),
                *self._traffic.day(number),
                *rounds(self._site, number),
                *self._faults(number),
            ]
            found.sort(key=lambda truth: truth.time_ns)
            end_ns = self._begins_ns + int((number + 1) * DAY_S) * 10**9
            self._later = [truth for truth in found if truth.time_ns >= end_ns]
            yield found[: len(found) - len(self._later)]

    def isolated(self, at_s: float) -> set[int]:
        """The numbers of those who have to be in isolation, seconds since the first midnight."""
        return self._people.isolated(at_s)

    def _faults(self, number: int) -> Iterator[Truth]:
        for fault in self._breakdowns.of_day(number):
            gate = self._site.plant.gate_names()[fault.gate]
            from_ns, until_ns = (self._begins_ns + int(at_s * 1e6) * 1000 for at_s in (fault.from_s, fault.until_s))
            device = _DEVICES.get(fault.kind)
            if device is None:
                yield FaultTruth(
                    time_ns=from_ns,
                    site=self._site.name,
                    gate=gate,
                    fault=fault.kind,
                    until_ns=until_ns,
                    amount=fault.amount,
                )
                continue
            for at_ns, well in ((from_ns, False), (until_ns, True)):
                yield DeviceTruth(
                    time_ns=at_ns,
                    site=self._site.name,
                    gate=gate,
                    device=f"{PERSON_LANE}-{device.value}",
                    device_kind=device,
                    well=well,
                    detail="" if well else "says nothing",
                    warn=() if well else (Warn.DEVICE_FAULT,),
                )
