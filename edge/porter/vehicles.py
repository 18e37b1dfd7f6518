"""A lane for vehicles: what it says of each visit and of the people in the vehicles, and what its barrier is told."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from edge.clock import Instant
from edge.passage import Passage, VehicleFusion, VehicleSeen, Visit
from edge.policy import Decision, VehicleLook, decide_vehicle, verdict_by_hand
from edge.porter.people import person_event
from edge.porter.types import Act, ByHand, LaneParts, Recent, Works, circumstances, override, secondary
from edge.thermal.types import Reading
from wire.events import (
    Disinfection,
    Outcome,
    PersonPassage,
    Reason,
    Refusal,
    VehiclePassage,
    Verdict,
)
from wire.messages import encode_event
from wire.registry import RegistryEntry


class _Concluded(Struct):
    look: VehicleLook
    confidence: float
    let_in: bool


class VehiclePorter:
    """One lane for vehicles. Every method takes what happened and gives what comes of it."""

    def __init__(self, parts: LaneParts, fusion: VehicleFusion) -> None:
        self.works = Works()
        self._parts = parts
        self._fusion = fusion
        self._visits: Recent[_Concluded] = Recent()

    def seen(self, seen: VehicleSeen, now: Instant) -> list[Act]:
        return self._decide_all(self._fusion.seen(seen), now)

    def reading(self, reading: Reading, now: Instant) -> list[Act]:
        return self._decide_all(self._fusion.reading(reading), now)

    def due(self, now: Instant) -> list[Act]:
        """What became clear by waiting."""
        visits, on_foot = self._fusion.due(now)
        return self._decide_all(visits, now) + [self._on_foot(passage) for passage in on_foot]

    def measured_by_hand(self, now: Instant, hand: ByHand) -> Act:
        """A guard measured the driver. Raises `ValueError` for a figure that no body has, `DecodeError` for no
        token."""
        hand.check()
        known = self._visits.get(hand.passage)
        verdict = verdict_by_hand(self._parts.policy, hand.body_c)
        if known is None or (known.let_in and verdict is not Verdict.FEVER):
            return secondary(self._parts, now, hand, hand.badge, None)
        look = replace(known.look, occupants=(verdict,))
        of_look = self._judge(look, now)
        decision = Decision(of_look.outcome, (*of_look.reasons, Reason.MEASURED_BY_HAND))
        act = secondary(self._parts, now, hand, hand.badge, decision)
        known.look, known.let_in = look, decision.outcome is Outcome.ALLOW
        return act

    def override(self, now: Instant, outcome: Outcome, by: str, why: str, passage: str | None) -> Act:
        """A guard decides otherwise. Raises `DecodeError` when it is not named or not reasoned."""
        act = override(self._parts, now, outcome, by, why, passage)
        if (known := self._visits.get(passage)) is not None:
            known.let_in = outcome is Outcome.ALLOW
        return act

    def disinfected(self, now: Instant, vehicle: str, by: str | None, agent: str) -> list[Act]:
        """A vehicle was disinfected here: it counts for the site's time, and one that waits is decided upon again.

        Raises `DecodeError` when `vehicle` or `by` is no token.
        """
        event = Disinfection(time_ns=now.time_ns, clock=now.clock, vehicle=vehicle, by=by, agent=agent)
        encode_event(event)
        valid_ns = int(self._parts.policy.disinfection_valid_h * 3600e9)
        self._parts.memory.disinfected(vehicle, now.time_ns + valid_ns)
        its = [known for known in self._visits.all() if vehicle in self._tokens(known.look)]
        return [Act(event), *(self._again(known, now) for known in its[-1:] if not known.let_in)]

    # -- deciding ---------------------------------------------------------------------------------------------------

    def _decide_all(self, visits: Sequence[Visit], now: Instant) -> list[Act]:
        return [act for visit in visits for act in self._decide(visit, now)]

    def _decide(self, visit: Visit, now: Instant) -> list[Act]:
        look = VehicleLook(
            tag=visit.tag,
            plate=visit.plate,
            direction=visit.direction,
            occupants=tuple(reading.verdict for reading in visit.occupants),
            unmasked=any(reading.masked is False for reading in visit.occupants),
        )
        decision = self._judge(look, visit.at)
        acts = [self._act(look, decision, visit.at, visit.confidence, now)]
        of_people = Decision(decision.outcome, tuple(reason for reason in decision.reasons if reason in _OF_PEOPLE))
        return acts + [self._occupant(reading, of_people, visit) for reading in visit.occupants]

    def _judge(self, look: VehicleLook, at: Instant) -> Decision:
        parts = self._parts
        until = [parts.memory.disinfected_until_ns(token) for token in self._tokens(look)]
        known = max((ns for ns in until if ns is not None), default=None)
        look = replace(look, disinfected_until_ns=known)
        return decide_vehicle(parts.policy, parts.rules, look, self._entry(look), circumstances(parts, self.works, at))

    def _tokens(self, look: VehicleLook) -> frozenset[str]:
        """By what else the vehicle is known: whatever was recorded of its plate counts for its tag, and the reverse."""
        registry = self._parts.registry
        return registry.same(look.tag) | registry.same(look.plate)

    def _entry(self, look: VehicleLook) -> RegistryEntry | None:
        """A tag is surer than a plate."""
        registry = self._parts.registry
        return registry.find(look.tag) or registry.find(look.plate)

    def _act(self, look: VehicleLook, decision: Decision, at: Instant, confidence: float, now: Instant) -> Act:
        name = self._parts.new_id()
        self._visits.put(name, now, _Concluded(look, confidence, decision.outcome is Outcome.ALLOW))
        event = VehiclePassage(
            time_ns=at.time_ns,
            clock=at.clock,
            passage=name,
            lane=self._parts.name,
            outcome=decision.outcome,
            direction=look.direction,
            vehicle=look.tag or look.plate,
            registered=Reason.VEHICLE_REGISTERED in decision.reasons,
            confidence=min(1.0, max(0.0, confidence)),
            reasons=decision.reasons,
        )
        return Act(event, decision)

    def _again(self, known: _Concluded, now: Instant) -> Act:
        return self._act(known.look, self._judge(known.look, now), now, known.confidence, now)

    def _occupant(self, reading: Reading, decision: Decision, visit: Visit) -> Act:
        passage = Passage(reading.at, None, reading)
        event = person_event(self._parts.name, self._parts.new_id(), passage, decision, None, visit.direction)
        return Act(event)

    def _on_foot(self, passage: Passage) -> Act:
        """Somebody whose face belongs to no vehicle that waits: one more occupant, or a person on the wrong lane."""
        reasons = [_OF_VERDICT.get(passage.verdict, Reason.UNMEASURED)]
        if not passage.followed:
            reasons.append(Reason.UNSCREENED_ENTRY)
        is_fine = reasons == [Reason.TEMPERATURE_NORMAL]
        decision = Decision(Outcome.ALLOW if is_fine else Outcome.DENY, tuple(reasons))
        event: PersonPassage = person_event(
            self._parts.name, self._parts.new_id(), passage, decision, Refusal.NO_FACE, self._parts.direction
        )
        return Act(event, None if is_fine else decision)


_OF_VERDICT = {
    Verdict.NORMAL: Reason.TEMPERATURE_NORMAL,
    Verdict.SUSPECT: Reason.SUSPECT,
    Verdict.FEVER: Reason.FEVER,
}
_OF_PEOPLE = frozenset({*_OF_VERDICT.values(), Reason.UNMEASURED, Reason.NO_MASK, Reason.DEVICE_GONE})
