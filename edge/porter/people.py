"""A lane for people: what it says of each passage and crossing, and what its barrier is told."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from edge.clock import Instant
from edge.passage import BadgeSeen, Crossing, Finding, Fusion, Passage, Turns, Walks, is_inside, too_soon
from edge.policy import Decision, LaneRules, PersonSeen, decide_person, verdict_by_hand
from edge.porter.types import Act, ByHand, LaneParts, Recent, Works, circumstances, override, secondary
from edge.thermal.types import Reading
from wire.events import Direction, Outcome, PersonPassage, Refusal, Verdict
from wire.sightings import Sighting


class _Concluded(Struct):
    """A passage that was decided upon; `let_in` at last, by whatever way."""

    seen: PersonSeen
    reading: Reading | None
    let_in: bool


class PeoplePorter:
    """One lane for people. Every method takes what happened and gives what comes of it."""

    def __init__(self, parts: LaneParts, fusion: Fusion, turns: Turns | None) -> None:
        """`turns` where a contact counts who goes through."""
        self.works = Works()
        self._parts = parts
        self._fusion = fusion
        self._turns = turns
        self._walks = Walks(parts.policy.walk_s, parts.policy.lane_walk_s)
        self._passages: Recent[_Concluded] = Recent()
        self._let_in: Instant | None = None
        """When the last one who was let in was there."""

    def badge(self, seen: BadgeSeen, now: Instant) -> list[Act]:
        return self._decide_all(self._fusion.badge(seen), now)

    def reading(self, reading: Reading, now: Instant) -> list[Act]:
        return self._decide_all(self._fusion.reading(reading), now)

    def together(self, passage: Passage, now: Instant, *, reads_badges: bool, live: bool = True) -> Act:
        """A device that says all it saw of one person at once: a terminal, which may read the badge too.

        `live` False: it happened earlier and is told only now; it enters the record, gives no turn and moves no
        barrier.
        """
        rules = replace(self._parts.rules, reads_badges=reads_badges)
        act = self._decide(passage, now, rules, live=live)
        return act if live else Act(act.event)

    def view(self, at: Instant, tracks: Sequence[int]) -> None:
        """Whose faces one frame showed."""
        self._fusion.view(at, tracks)

    def crossed(self, crossing: Crossing) -> None:
        """Somebody went through; `due` says what it was."""
        if self._turns is not None:
            self._turns.crossed(crossing)

    def due(self, now: Instant) -> list[Act]:
        """What became clear by waiting."""
        acts = self._crossings(self._turns, now) if self._turns is not None else []
        return acts + self._decide_all(self._fusion.due(now), now)

    def measured_by_hand(self, now: Instant, hand: ByHand) -> Act:
        """A guard's contact thermometer; it completes the passage, or one of the badge alone.

        Raises `ValueError` for a figure that no body has, `DecodeError` for what is no token.
        """
        hand.check()
        known = self._passages.get(hand.passage)
        verdict = verdict_by_hand(self._parts.policy, hand.body_c)
        badge = hand.badge or (known.seen.badge if known else None)
        if known is not None and known.let_in and verdict is not Verdict.FEVER:
            return secondary(self._parts, now, hand, badge, None)
        decision = self._by_hand(known, badge, verdict, now)
        act = secondary(self._parts, now, hand, badge, decision)
        self._settle(hand.passage or self._parts.new_id(), badge, now, decision, now)
        if known is not None:
            known.let_in = decision.outcome is Outcome.ALLOW
        return act

    def reading_of(self, passage: str) -> Reading | None:
        """What the camera said of a passage, for holding a contact thermometer's reading against it."""
        known = self._passages.get(passage)
        return known.reading if known else None

    def override(self, now: Instant, outcome: Outcome, by: str, why: str, passage: str | None) -> Act:
        """A guard decides otherwise. Raises `DecodeError` when it is not named or not reasoned."""
        act = override(self._parts, now, outcome, by, why, passage)
        known = self._passages.get(passage)
        if act.decision is not None:
            badge = known.seen.badge if known else None
            self._settle(passage or self._parts.new_id(), badge, now, act.decision, now)
        if known is not None:
            known.let_in = outcome is Outcome.ALLOW
        return act

    # -- deciding ---------------------------------------------------------------------------------------------------

    def _decide_all(self, passages: Sequence[Passage], now: Instant) -> list[Act]:
        return [self._decide(passage, now) for passage in passages]

    def _decide(self, passage: Passage, now: Instant, rules: LaneRules | None = None, *, live: bool = True) -> Act:
        parts, rules = self._parts, rules or self._parts.rules
        seen = self._seen(passage)
        entry = parts.registry.find(seen.badge)
        at = circumstances(parts, self.works, passage.at)
        decision = decide_person(parts.policy, rules, seen, entry, at)
        name = parts.new_id()
        refusal = self._why_unmeasured() if rules.measures else None
        event = person_event(parts.name, name, passage, decision, refusal, parts.direction)
        self._passages.put(name, now, _Concluded(seen, passage.reading, decision.outcome is Outcome.ALLOW))
        self._settle(name, seen.badge, passage.began, decision, now if live else passage.at, passage.at)
        said = replace(event, place=parts.place)
        return Act(said, None if self._is_overtaken(passage, decision) else decision)

    def _is_overtaken(self, passage: Passage, decision: Decision) -> bool:
        """Whoever waited in vain for a measurement must not close the barrier before the next, who was let in."""
        if decision.outcome is Outcome.ALLOW:
            self._let_in = passage.at
        is_before = self._let_in is not None and passage.at.mono_ns < self._let_in.mono_ns
        return decision.outcome is Outcome.REMEASURE and is_before

    def _seen(self, passage: Passage) -> PersonSeen:
        parts = self._parts
        badge = passage.badge.token if passage.badge else None
        known = parts.memory.sightings.of(badge) if badge else []
        here = self._sighting(badge or "", passage.at)
        forget_s = parts.policy.antipassback_forget_h * 3600
        return PersonSeen(
            verdict=passage.verdict,
            badge=badge,
            alone=passage.alone,
            direction=parts.direction,
            masked=passage.reading.masked if passage.reading else None,
            followed=passage.followed,
            passed_back=self._is_way_in and is_inside(known, passage.at.time_ns, forget_s),
            elsewhere=too_soon(here, known, self._walks) is not None,
        )

    def _by_hand(self, known: _Concluded | None, badge: str | None, verdict: Verdict, now: Instant) -> Decision:
        """The guard has one person before them, and knows whose badge that is."""
        parts = self._parts
        seen = known.seen if known else PersonSeen(verdict, badge, direction=parts.direction)
        seen = replace(seen, verdict=verdict, by_hand=True, followed=False, badge=badge or seen.badge)
        return decide_person(
            parts.policy, parts.rules, seen, parts.registry.find(seen.badge), circumstances(parts, self.works, now)
        )

    def _settle(
        self,
        name: str,
        badge: str | None,
        since: Instant,
        decision: Decision,
        now: Instant,
        shown_at: Instant | None = None,
    ) -> None:
        """Remember where the badge was, and give the turn. Without a contact, who is let in is taken to go in."""
        allowed = decision.outcome is Outcome.ALLOW
        if badge is not None:
            sighting = self._sighting(badge, shown_at or now)
            gone_in = allowed and self._turns is None and self._is_entrance
            self._parts.memory.saw(replace(sighting, entered=gone_in))
        if self._turns is not None:
            self._turns.decided(name, badge, since, now, allowed=allowed)

    def _sighting(self, badge: str, at: Instant) -> Sighting:
        return Sighting(badge, self._parts.rules.gate, self._parts.name, self._parts.direction, at.time_ns)

    @property
    def _is_entrance(self) -> bool:
        """Of the plant: only there one comes to be inside; to an office or canteen go those who are."""
        return self._parts.place is None

    @property
    def _is_way_in(self) -> bool:
        return self._is_entrance and self._parts.direction is Direction.IN

    def _why_unmeasured(self) -> Refusal:
        return Refusal.NO_FACE if self.works.camera else Refusal.NO_CAMERA

    # -- crossings --------------------------------------------------------------------------------------------------

    def _crossings(self, turns: Turns, now: Instant) -> list[Act]:
        acts: list[Act] = []
        for crossing in turns.ripe(now):
            if not turns.explains(crossing):
                acts += self._decide_all(self._fusion.gone_through(crossing.at), now)
            if (finding := turns.judge(crossing)) is not None:
                acts += self._went_through(finding)
        turns.forget(now)
        return acts

    def _went_through(self, finding: Finding) -> list[Act]:
        at = finding.crossing.at
        if finding.badge is not None:
            sighting = replace(self._sighting(finding.badge, at), direction=finding.crossing.direction)
            self._parts.memory.saw(replace(sighting, entered=self._is_entrance))
        if finding.fault is None:
            return []
        decision = Decision(Outcome.DENY, (finding.fault,))
        event = PersonPassage(
            time_ns=at.time_ns,
            clock=at.clock,
            passage=self._parts.new_id(),
            lane=self._parts.name,
            outcome=decision.outcome,
            verdict=Verdict.UNMEASURED,
            direction=finding.crossing.direction,
            badge=finding.badge,
            reasons=decision.reasons,
            place=self._parts.place,
        )
        return [Act(event, decision)]


def person_event(
    lane: str,
    passage_id: str,
    passage: Passage,
    decision: Decision,
    unmeasured: Refusal | None,
    direction: Direction = Direction.IN,
) -> PersonPassage:
    """What a lane says of a passage; `unmeasured` is why there is no reading, where there is none."""
    reading = passage.reading
    return PersonPassage(
        time_ns=passage.at.time_ns,
        clock=passage.at.clock,
        passage=passage_id,
        lane=lane,
        outcome=decision.outcome,
        verdict=passage.verdict,
        direction=direction,
        badge=passage.badge.token if passage.badge else None,
        temperature=reading.temperature if reading else None,
        refusal=reading.refusal if reading else unmeasured,
        reasons=decision.reasons,
        again_after_s=reading.again_after_s if reading else None,
    )
