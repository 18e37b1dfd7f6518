"""A gate whose people are screened for real: rendered frames through the edge's screening and its porters, one for
each way, with the gate's memory: a badge that is inside already is noticed. Who goes through is the truth's to tell, as
a lane's contact would: people come again as the order decides, whatever this gate says.

What the gate says of its people's lane comes of pictures and badge reads instead of the truth, in the truth's own time
and as fast as it goes; what its other lanes say is straight from the truth.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from edge.clock import Instant
from edge.drivers.base import ThermalFrame
from edge.memory import Memory
from edge.passage import BadgeSeen, Fusion, Turns
from edge.policy import LaneRules
from edge.porter import Act, LaneParts, PeoplePorter
from edge.registry import Registry
from edge.rules import PolicySettings
from edge.thermal.screen import Screen
from edge.thermal.settings import ThermalSettings
from sim.background import Background
from sim.frames import View, picture
from sim.gates import PAIR_BEFORE_S, REFERENCE_C
from sim.live import visit_of
from sim.people import stream
from sim.plant import PERSON_LANE
from sim.roster import Site, registry
from sim.scene import Visit
from sim.sensor import Sensor
from sim.truth import IsolationTruth, PersonTruth, SecondaryTruth, Truth, event_of
from wire.events import AnyEvent, Direction, Outcome, Refusal
from wire.registry import Flag, RegistryEntry
from wire.sightings import Sighting

FPS = 9.0
TURN_S = 8.0
_BEFORE_S, _AFTER_S = 0.2, 1.2
"""Of each visit so much more is filmed; those of two visits do not meet (`sim.scene.BREAK_S`)."""


class _Moment(NamedTuple):
    """A frame (`badge` None), or a badge that is read."""

    at_ns: int
    badge: str | None


class _Known(Registry):
    """What the gate knows, as cases of isolation open."""

    def settle(self, entry: RegistryEntry) -> None:
        self._entries[entry.token] = entry


class ScreenedGate:
    """One gate of a site. `events` takes the site's records in the order of time."""

    def __init__(self, site: Site, gate: str) -> None:
        self._site, self._gate = site, gate
        self._numbers = {member.badge: number for number, member in enumerate(site.members)}
        self._known = _Known(registry(site).entries)
        self._memory = Memory()
        self._porters = {way: self._porter(way) for way in (Direction.IN, Direction.OUT)}
        self._ways: dict[str, Direction] = {}
        """Of each passage that a guard may complete."""
        self._screen = Screen(ThermalSettings(reference_c=REFERENCE_C))
        self._view = View(reference_c=REFERENCE_C)
        self._place = Background(seed=site.seed, door=True, heater=True, lamps=True)
        self._sensor = Sensor(seed=site.seed)
        self._noise = stream(site.seed, "frames", gate)
        self._count = 0
        self._waiting: list[tuple[int, int, AnyEvent]] = []
        """Said already but not the next in time: records come in the order of time, and so go events."""

    def _porter(self, way: Direction) -> PeoplePorter:
        place = {point.gate: point.place for point in self._site.plant.checkpoints()}[self._gate]
        parts = LaneParts(
            PERSON_LANE,
            LaneRules(self._gate, reads_badges=True, measures=True),
            PolicySettings(antipassback="hard"),
            self._known,
            self._memory,
            self._name,
            way,
            place=place,
        )
        return PeoplePorter(parts, Fusion(reads_badges=True, measures=True, before_s=PAIR_BEFORE_S), Turns(way, TURN_S))

    def _name(self) -> str:
        self._count += 1
        return f"{self._site.name}-{self._gate}-s{self._count}"

    def events(self, records: Sequence[Truth]) -> Iterator[AnyEvent]:
        """What the gate says, in the order of time; of the last visit some may come with the next records."""
        for record in records:
            if isinstance(record, IsolationTruth):
                self._isolate(record.person)
            if record.gate != self._gate:
                continue
            if isinstance(record, PersonTruth) and record.lane == PERSON_LANE:
                for act in self._visit(record) if record.seen else ():
                    self._say(act.event)
                if record.outcome is Outcome.ALLOW:
                    self._went(record.badge, record.direction, record.time_ns)
            elif (event := event_of(record)) is not None:
                self._say(event)
            if isinstance(record, SecondaryTruth):
                self._let_in_by_hand(record)
            yield from self._said_before(record.time_ns - int(10e9))

    def rest(self) -> Iterator[AnyEvent]:
        """What is still waiting when there are no more records."""
        yield from self._said_before(None)

    def _say(self, event: AnyEvent) -> None:
        self._count += 1
        heapq.heappush(self._waiting, (event.time_ns, self._count, event))

    def _said_before(self, time_ns: int | None) -> Iterator[AnyEvent]:
        while self._waiting and (time_ns is None or self._waiting[0][0] < time_ns):
            yield heapq.heappop(self._waiting)[2]

    def _isolate(self, person: str) -> None:
        entry = self._known.find(person)
        if entry is not None:
            self._known.settle(RegistryEntry(person, entry.holder, flags=(Flag.ISOLATION,)))

    def _let_in_by_hand(self, truth: SecondaryTruth) -> None:
        way = self._ways.pop(truth.passage, None)
        if way is not None and not truth.fever:
            self._went(truth.badge, way, truth.time_ns)

    def _went(self, badge: str | None, way: Direction, at_ns: int) -> None:
        if badge is not None:
            self._memory.saw(Sighting(badge, self._gate, PERSON_LANE, way, at_ns, entered=True))

    def _visit(self, truth: PersonTruth) -> Iterator[Act]:
        """One person before the camera, or the camera's absence."""
        porter = self._porters[truth.direction]
        porter.works.camera = truth.refusal is not Refusal.NO_CAMERA
        self._ways[truth.passage] = truth.direction
        visit = visit_of(self._site, self._numbers, truth, truth.time_ns)
        for moment in self._moments(truth, visit):
            now = Instant(moment.at_ns, moment.at_ns)
            if moment.badge is not None:
                yield from porter.badge(BadgeSeen(moment.badge, now), now)
            elif truth.refusal is not Refusal.NO_CAMERA:
                at_s = (moment.at_ns - truth.time_ns) / 1e9
                frame = picture(
                    self._view,
                    visit.posed(at_s),
                    self._noise,
                    background=self._place,
                    sensor=self._sensor,
                    at_s=moment.at_ns / 1e9 % 1e6,
                )
                view = self._screen.see(ThermalFrame(np.asarray(frame), now))
                porter.view(now, [person.track for person in view.people])
                for reading in view.readings:
                    yield from porter.reading(reading, now)
            yield from porter.due(now)
        late = Instant(truth.time_ns + int(20e9), truth.time_ns + int(20e9))
        for reading in self._screen.flush():
            yield from porter.reading(reading, late)
        yield from porter.due(late)

    def _moments(self, truth: PersonTruth, visit: Visit) -> list[_Moment]:
        begin_ns, end_ns = (
            truth.time_ns + int(at_s * 1e9) for at_s in (visit.begin_s - _BEFORE_S, visit.end_s + _AFTER_S)
        )
        found = [_Moment(at_ns, None) for at_ns in range(begin_ns, end_ns, int(1e9 / FPS))]
        if truth.badge is not None:
            found.append(_Moment(truth.time_ns + int(visit.badge_s * 1e9), truth.badge))
        return sorted(found, key=lambda moment: moment.at_ns)
