"""A site's vehicles and its disinfection rounds, day by day, as truth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from sim.faults import Breakdowns
from sim.orders import VehicleFacts, vehicle_ought
from sim.people import stream
from sim.plant import DAY_S, VEHICLE_LANE
from sim.queues import Queues, Served
from sim.roster import Car, Errand, Site
from sim.truth import DisinfectionTruth, Truth, VehicleTruth
from wire.events import Direction, Outcome, Reason

VEHICLE_S = 25.0
"""How long one vehicle keeps a lane."""
DELIVERY_SHARE = 0.5
"""Of the vehicles that deliver, on each day."""
_MAX_TRIES = 4


class _Drive(NamedTuple):
    number: int
    direction: Direction
    disinfected: bool
    tries: int = 0


class Traffic:
    """The vehicles of one site."""

    def __init__(self, site: Site, breakdowns: Breakdowns) -> None:
        self._site, self._plant = site, site.plant
        self._queues: Queues[_Drive] = Queues(VEHICLE_S, breakdowns)
        self._gates = site.plant.gate_names()
        self._begins_ns = site.plant.begins_ns()

    def day(self, number: int) -> Iterator[Truth]:
        """What happens on a day; some of it may be after midnight."""
        draw = stream(self._site.seed, "day", str(number), "vehicles")
        self._deliveries(draw, number)
        self._buses(draw, number)
        count = 0
        while (turn := self._queues.served((number + 1) * DAY_S)) is not None:
            count += 1
            yield from self._pass(draw, turn, f"{self._site.name}-{number}-v{count}")

    def _deliveries(self, draw: np.random.Generator, number: int) -> None:
        coming = np.flatnonzero(draw.random(self._plant.vehicles) < DELIVERY_SHARE).tolist()
        hours = self._plant.delivery_from_h + draw.uniform(0, self._plant.delivery_h, len(coming))
        for car, hour in zip(coming, hours.tolist(), strict=True):
            self._push(draw, number * DAY_S + hour * 3600, car, Direction.IN)

    def _buses(self, draw: np.random.Generator, number: int) -> None:
        for car, bus in enumerate(self._site.cars):
            if bus.shift is None:
                continue
            shift = self._plant.shifts[bus.shift]
            begin_s = number * DAY_S + shift.from_h * 3600
            for at_s in (begin_s - 1500, begin_s + shift.hours * 3600 - 600):
                self._push(draw, max(number * DAY_S, at_s + float(draw.uniform(-300, 300))), car, Direction.IN)

    def _push(self, draw: np.random.Generator, wanted_s: float, car: int, direction: Direction) -> None:
        clean = direction is Direction.OUT or bool(draw.random() >= self._plant.undisinfected_share)
        self._queues.push(wanted_s, self._site.cars[car].gate, VEHICLE_LANE, _Drive(car, direction, clean))

    def _pass(self, draw: np.random.Generator, turn: Served[_Drive], passage: str) -> Iterator[Truth]:
        drive, car = turn.what, self._site.cars[turn.what.number]
        truth = self._truth(draw, turn, passage)
        yield truth
        if truth.outcome is Outcome.ALLOW:
            if drive.direction is Direction.IN:
                bounds = (1200, 3600) if car.errand is Errand.DELIVERY else (400, 900)
                stay_s = float(draw.uniform(*bounds))
                self._push(draw, turn.at_s + stay_s, drive.number, Direction.OUT)
        elif drive.tries < _MAX_TRIES:
            if Reason.NOT_DISINFECTED in truth.reasons:
                done_s = turn.at_s + float(draw.uniform(300, 900))
                yield self._washed(turn, car, done_s)
                self._again(turn, drive._replace(disinfected=True), done_s + 30)
            elif truth.outcome is Outcome.REMEASURE:
                self._again(turn, drive, turn.at_s + 40)

    def _again(self, turn: Served[_Drive], drive: _Drive, wanted_s: float) -> None:
        self._queues.push(wanted_s, turn.gate, turn.lane, drive._replace(tries=drive.tries + 1))

    def _truth(self, draw: np.random.Generator, turn: Served[_Drive], passage: str) -> VehicleTruth:
        drive, car = turn.what, self._site.cars[turn.what.number]
        unread = draw.random() < self._plant.faults.unread_plate_share
        facts = VehicleFacts(bool(drive.tries) or not unread, car.registered, drive.disinfected)
        ought = vehicle_ought(facts)
        return VehicleTruth(
            time_ns=self._ns(turn.at_s),
            site=self._site.name,
            gate=self._gates[turn.gate],
            lane=turn.lane,
            passage=passage,
            direction=drive.direction,
            vehicle=car.plate,
            errand=car.errand,
            facts=facts,
            outcome=ought.outcome,
            reasons=tuple(sorted(ought.reasons)),
            warn=tuple(sorted(ought.warn)),
        )

    def _washed(self, turn: Served[_Drive], car: Car, done_s: float) -> DisinfectionTruth:
        return DisinfectionTruth(
            time_ns=self._ns(done_s),
            site=self._site.name,
            gate=self._gates[turn.gate],
            vehicle=car.plate,
            due_ns=self._ns(turn.at_s),
            by=self._site.members[0].badge,
        )

    def _ns(self, at_s: float) -> int:
        return self._begins_ns + int(at_s * 1e6) * 1000


def rounds(site: Site, number: int) -> Iterator[DisinfectionTruth]:
    """The disinfection of every place and commuter bus before and after the working day; some are left out."""
    draw = stream(site.seed, "day", str(number), "rounds")
    begins_ns, gate = site.plant.begins_ns(), site.plant.gate_names()[0]
    buses = [car.plate for car in site.cars if car.errand is Errand.COMMUTER]
    what: list[tuple[str | None, str | None]] = [(place, None) for place in site.plant.places()]
    what += [(None, bus) for bus in buses]
    for due_h in (7.0, 18.5):
        for place, vehicle in what:
            due_s = number * DAY_S + due_h * 3600
            at_s = due_s + float(draw.uniform(-1800, 0))
            left_out = bool(draw.random() < site.plant.undisinfected_share)
            yield DisinfectionTruth(
                time_ns=begins_ns + int((due_s if left_out else at_s) * 1e6) * 1000,
                site=site.name,
                gate=gate,
                place=place,
                vehicle=vehicle,
                due_ns=begins_ns + int(due_s * 1e9),
                done=not left_out,
                by=site.members[int(draw.integers(site.staff))].badge,
            )
