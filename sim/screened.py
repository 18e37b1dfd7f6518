"""A gate whose people are screened for real: rendered frames through the edge's screening, fusion and policy.

What the gate says of its people's lane comes of pictures and badge reads instead of the truth, in the truth's own time
and as fast as it goes; what its other lanes say is straight from the truth.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from edge.clock import Instant
from edge.drivers.base import ThermalFrame
from edge.passage import BadgeSeen, Fusion, Passage
from edge.policy import Circumstances, LaneRules, PersonSeen, decide_person
from edge.porter import person_event
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
from sim.truth import IsolationTruth, PersonTruth, Truth, event_of
from wire.events import AnyEvent, PersonPassage, Refusal
from wire.registry import Flag, RegistryEntry

FPS = 9.0
_BEFORE_S, _AFTER_S = 0.2, 1.2
"""Of each visit so much more is filmed; those of two visits do not meet (`sim.scene.BREAK_S`)."""


class _Moment(NamedTuple):
    """A frame (`badge` None), or a badge that is read."""

    at_ns: int
    badge: str | None


class ScreenedGate:
    """One gate of a site. `events` takes the site's records in the order of time."""

    def __init__(self, site: Site, gate: str) -> None:
        self._site, self._gate = site, gate
        self._numbers = {member.badge: number for number, member in enumerate(site.members)}
        self._entries = {entry.token: entry for entry in registry(site).entries}
        self._rules = LaneRules(gate, reads_badges=True, measures=True)
        self._screen = Screen(ThermalSettings(reference_c=REFERENCE_C))
        self._fusion = Fusion(reads_badges=True, measures=True, before_s=PAIR_BEFORE_S)
        self._view = View(reference_c=REFERENCE_C)
        self._place = Background(seed=site.seed, door=True, heater=True, lamps=True)
        self._sensor = Sensor(seed=site.seed)
        self._noise = stream(site.seed, "frames", gate)
        self._unmeasured = Refusal.NO_FACE
        self._leads_into = {point.gate: point.place for point in site.plant.checkpoints()}[gate]
        self._count = 0
        self._waiting: list[tuple[int, int, AnyEvent]] = []
        """Said already but not the next in time: records come in the order of time, and so go events."""

    def events(self, records: Sequence[Truth]) -> Iterator[AnyEvent]:
        """What the gate says, in the order of time; of the last visit some may come with the next records."""
        for record in records:
            if isinstance(record, IsolationTruth):
                self._isolate(record.person)
            if record.gate != self._gate:
                continue
            if isinstance(record, PersonTruth) and record.lane == PERSON_LANE:
                for passage in self._visit(record) if record.seen else ():
                    self._say(passage)
            elif (event := event_of(record)) is not None:
                self._say(event)
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
        entry = self._entries.get(person)
        if entry is not None:
            self._entries[person] = RegistryEntry(person, entry.holder, flags=(Flag.ISOLATION,))

    def _visit(self, truth: PersonTruth) -> Iterator[PersonPassage]:
        """One person before the camera, or the camera's absence."""
        self._unmeasured = Refusal.NO_CAMERA if truth.refusal is Refusal.NO_CAMERA else Refusal.NO_FACE
        visit = visit_of(self._site, self._numbers, truth, truth.time_ns)
        for moment in self._moments(truth, visit):
            now = Instant(moment.at_ns, moment.at_ns)
            if moment.badge is not None:
                yield from self._conclude(self._fusion.badge(BadgeSeen(moment.badge, now)))
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
                self._fusion.view(now, [person.track for person in view.people])
                for reading in view.readings:
                    yield from self._conclude(self._fusion.reading(reading))
            yield from self._conclude(self._fusion.due(now))
        for reading in self._screen.flush():
            yield from self._conclude(self._fusion.reading(reading))
        late = Instant(truth.time_ns + int(20e9), truth.time_ns + int(20e9))
        yield from self._conclude(self._fusion.due(late))

    def _moments(self, truth: PersonTruth, visit: Visit) -> list[_Moment]:
        begin_ns, end_ns = (
            truth.time_ns + int(at_s * 1e9) for at_s in (visit.begin_s - _BEFORE_S, visit.end_s + _AFTER_S)
        )
        found = [_Moment(at_ns, None) for at_ns in range(begin_ns, end_ns, int(1e9 / FPS))]
        if truth.badge is not None:
            found.append(_Moment(truth.time_ns + int(visit.badge_s * 1e9), truth.badge))
        return sorted(found, key=lambda moment: moment.at_ns)

    def _conclude(self, passages: Sequence[Passage]) -> Iterator[PersonPassage]:
        for passage in passages:
            badge = passage.badge.token if passage.badge else None
            seen = PersonSeen(passage.verdict, badge, alone=passage.alone, followed=passage.followed)
            entry, at = self._entries.get(badge or ""), Circumstances(passage.at.time_ns)
            decision = decide_person(PolicySettings(), self._rules, seen, entry, at)
            self._count += 1
            name = f"{self._site.name}-{self._gate}-s{self._count}"
            said = person_event(PERSON_LANE, name, passage, decision, self._unmeasured)
            yield replace(said, place=self._leads_into)
