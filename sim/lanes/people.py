"""People one after the other at a lane: each with a badge, a face, a way through, and perhaps something wrong.

What the physics is: a person is at the lane's place from coming to leaving, the face in the picture and the badge at
the reader are of that time, and nobody takes another's place in less than `CHANGE_S`. What is told of it may be late by
less than the lane waits, or by much more, doubled, or lost.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from msgspec.structs import replace

from edge.passage import BadgeSeen, Crossing
from edge.thermal.types import Reading
from sim.lanes.situation import ByHand, Expected, Frame, Told, What, Word, moment
from sim.orders import PersonFacts, SiteFacts, person_ought
from wire.events import Direction, Outcome, Reason, Refusal, Temperature, Verdict

CHANGE_S = 1.05
IN_TIME_S = 0.45
"""Told within this time, it makes no difference when."""
LOST_SHARE, MUCH_LATER_SHARE, DOUBLED_SHARE = 0.04, 0.03, 0.1
FRAME_S = 0.25
DECIDED_S = 3.2
"""Whoever left the place so long ago has been decided upon."""
FOLLOWS_S = 3.0
ALONE_AGAIN_S = 5.3
"""So long after somebody went through nobody is at their heels."""
LIMIT_C = 36.4


@dataclass(frozen=True)
class Person:
    """One person, and what is true of this passage.

    `token` None: shows no badge. `face` False: no camera sees it. `goes`: through the lane although not let in.
    `body_c`: what a guard's thermometer shows, where a guard measures.
    """

    token: str | None
    facts: PersonFacts
    face: bool = True
    goes: bool = False
    body_c: float | None = None


@dataclass
class Crowd:
    """Puts people one after the other, and keeps what is told and what ought to come of it."""

    draw: random.Random
    site: SiteFacts
    direction: Direction = Direction.IN
    counts: bool = False
    noise: bool = True
    hurry: bool = False
    """The next person does not wait until the last is decided upon."""
    camera: bool = True
    reader: bool = True
    told: list[Told] = field(default_factory=list)
    expected: list[Expected] = field(default_factory=list)
    faces: dict[float, int] = field(default_factory=dict)
    now_s: float = 5.0
    led_s: list[float] = field(default_factory=list)
    """When badges were shown that were told."""
    last_entry_s: float = -100.0
    tracks: int = 0

    def come(self, person: Person) -> bool:
        """One person comes, is decided upon and goes; whether the lane let them in."""
        begin_s = self.now_s + CHANGE_S + self.draw.uniform(0, 2)
        end_s = begin_s + self.draw.uniform(1.2, 4.0)
        fate = self.draw.random() if self.noise else 1.0
        badge = self._badge(person, begin_s, end_s, much_later=fate < MUCH_LATER_SHARE)
        face = self._face(person, begin_s, end_s, much_later=1 - MUCH_LATER_SHARE < fate < 1)
        decided_s, outcome = self._decide(person, badge, face, end_s)
        if person.body_c is not None and outcome is not None:
            decided_s, outcome = self._by_hand(person, decided_s)
        free_s = self._go(person, outcome, decided_s, named=badge is not None)
        self.now_s = end_s if self.hurry and not self.counts else free_s
        return outcome is Outcome.ALLOW

    # -- what is told ------------------------------------------------------------------------------------------------

    def _badge(self, person: Person, begin_s: float, end_s: float, *, much_later: bool) -> tuple[float, float] | None:
        """When the badge is shown, and when that is told."""
        late_s = self._late(much_later)
        if person.token is None or not self.reader or late_s is None:
            return None
        at_s = self.draw.uniform(begin_s, end_s)
        return at_s, self._say(BadgeSeen(person.token, moment(at_s)), at_s, late_s)

    def _face(
        self, person: Person, begin_s: float, end_s: float, *, much_later: bool
    ) -> tuple[float, float, float] | None:
        """When the face comes into the picture, when it is measured, and when that is told."""
        if not person.face or not self.camera:
            return None
        first_s = begin_s + self.draw.uniform(0.0, 0.3)
        at_s = first_s + self.draw.uniform(0.4, 0.8)
        self.tracks += 1
        self._frames(first_s, end_s, (self.tracks,))
        late_s = self._late(much_later)
        if late_s is None:
            return None
        return first_s, at_s, self._say(self._reading(person.facts, first_s, at_s), at_s, late_s)

    def _reading(self, facts: PersonFacts, first_s: float, at_s: float) -> Reading:
        first, at, track = moment(first_s), moment(at_s), self.tracks
        masked = facts.masked
        if not facts.measured:
            refusal = Refusal.NOT_FRONTAL if facts.alone else Refusal.SEVERAL_FACES
            return Reading(track, at, first, Verdict.UNMEASURED, None, refusal, facts.alone, masked)
        skin_c = round((37.6 if facts.feverish else 35.2) + 0.001 * track, 3)
        self.faces[skin_c] = track
        verdict = Verdict.FEVER if facts.feverish else Verdict.NORMAL
        temperature = Temperature(skin_c=skin_c, u_c=0.3, looks=3, limit_c=LIMIT_C)
        return Reading(track, at, first, verdict, temperature, None, facts.alone, masked)

    def _frames(self, first_s: float, end_s: float, tracks: tuple[int, ...]) -> None:
        for number in range(int((end_s - first_s) / FRAME_S) + 1):
            seen_s = first_s + number * FRAME_S
            self.told.append(Told(seen_s + 0.02, Frame(moment(seen_s), tracks)))

    def _late(self, much_later: bool) -> float | None:
        """How late a part is told; None when it is lost."""
        if self.noise and self.draw.random() < LOST_SHARE:
            return None
        return self.draw.uniform(12.0, 20.0) if much_later else self.draw.uniform(0.0, IN_TIME_S)

    def _say(self, word: Word, at_s: float, late_s: float) -> float:
        self.told.append(Told(at_s + late_s, word))
        if self.noise and self.draw.random() < DOUBLED_SHARE:
            self.told.append(Told(at_s + late_s + self.draw.uniform(0.01, 5.0), word))
        return at_s + late_s

    # -- what ought to come of it ------------------------------------------------------------------------------------

    def _decide(
        self,
        person: Person,
        badge: tuple[float, float] | None,
        face: tuple[float, float, float] | None,
        end_s: float,
    ) -> tuple[float, Outcome | None]:
        """When somebody is decided upon, and what for; what is told much later is a passage of its own."""
        in_time = badge is None or badge[1] - badge[0] <= IN_TIME_S, face is None or face[2] - face[1] <= IN_TIME_S
        if badge is not None and face is not None and all(in_time):
            outcome = self._expect(person, badge, face)
            return max(badge[1], face[2]), outcome
        outcomes = []
        is_first = badge is not None and in_time[0]
        if badge is not None and is_first:
            outcomes.append(self._expect(person, badge, None))
        if face is not None:
            outcomes.append(self._expect(person, None, face))
        if badge is not None and not is_first:
            outcomes.append(self._expect(person, badge, None))
        told_s = max([end_s, *(part[-1] for part in (badge, face) if part is not None)])
        return told_s + DECIDED_S, outcomes[-1] if outcomes else None

    def _expect(
        self, person: Person, badge: tuple[float, float] | None, face: tuple[float, float, float] | None
    ) -> Outcome:
        follows = badge is None and face is not None and any(face[0] - led_s <= FOLLOWS_S for led_s in self.led_s)
        if badge is not None and badge[1] - badge[0] <= IN_TIME_S:
            self.led_s.append(badge[0])
        facts = replace(
            person.facts,
            badge_shown=badge is not None,
            measured=face is not None and person.facts.measured,
            alone=face is None or person.facts.alone,
            masked=face is None or person.facts.masked,
            follows=follows,
        )
        ought = person_ought(facts, self.site)
        at_s = max(badge[0] if badge else 0.0, face[1] if face else 0.0)
        owner = self.tracks if facts.measured else None
        token = person.token if badge else None
        self.expected.append(Expected(What.PERSON, at_s, ought.outcome, ought.reasons, token, owner))
        return ought.outcome

    def _by_hand(self, person: Person, decided_s: float) -> tuple[float, Outcome]:
        """A guard measures whoever was not let in, and asks for the badge."""
        assert person.body_c is not None
        at_s = decided_s + self.draw.uniform(5.0, 30.0)
        self.told.append(Told(at_s, ByHand(person.token, person.body_c)))
        facts = replace(person.facts, badge_shown=person.token is not None, measured=True, alone=True, by_hand=True)
        ought = person_ought(facts, self.site)
        self.expected.append(Expected(What.BY_HAND, at_s, ought.outcome, ought.reasons, person.token))
        return at_s, ought.outcome

    # -- through the lane --------------------------------------------------------------------------------------------

    def _go(self, person: Person, outcome: Outcome | None, decided_s: float, *, named: bool) -> float:
        """Through the lane, or back; when the lane is free."""
        if not self.counts:
            return decided_s
        go_s = decided_s + self.draw.uniform(0.2, 2.0)
        if outcome is Outcome.ALLOW:
            return self.enters(go_s)
        if not person.goes:
            return decided_s + 0.5
        go_s = max(go_s, self.last_entry_s + ALONE_AGAIN_S)
        self._cross(go_s, self.direction)
        reason = Reason.UNSCREENED_ENTRY if outcome is None else Reason.ENTERED_REFUSED
        self._report(go_s, reason, person.token if named else None)
        return go_s + 10.0

    def enters(self, at_s: float) -> float:
        """Somebody who was let in goes through."""
        self._cross(at_s, self.direction)
        self.last_entry_s = at_s
        return at_s

    def together(self, person: Person) -> None:
        """Two come at once, faces side by side, and one of them shows a badge."""
        begin_s = self.now_s + CHANGE_S
        first_s, at_s, end_s = begin_s + 0.1, begin_s + 0.9, begin_s + 2.0
        self.tracks += 2
        self._frames(first_s, end_s, (self.tracks - 1, self.tracks))
        badge_s = self.draw.uniform(begin_s, end_s)
        assert person.token is not None
        self._say(BadgeSeen(person.token, moment(badge_s)), badge_s, self.draw.uniform(0, IN_TIME_S))
        for track in (self.tracks - 1, self.tracks):
            reading = Reading(
                track, moment(at_s), moment(first_s), Verdict.UNMEASURED, None, Refusal.SEVERAL_FACES, alone=False
            )
            self._say(reading, at_s, self.draw.uniform(0, IN_TIME_S))
        both = replace(person.facts, measured=False, alone=False)
        for facts, when_s, token in (
            (both, max(badge_s, at_s), person.token),
            (replace(both, badge_shown=False, follows=True), at_s, None),
        ):
            ought = person_ought(facts, self.site)
            self.expected.append(Expected(What.PERSON, when_s, ought.outcome, ought.reasons, token))
        self.led_s.append(badge_s)
        self.now_s = end_s + DECIDED_S

    def slip(self) -> None:
        """Nobody but the contact sees this one: at the heels of whoever went in last, or long after."""
        at_heels = self.now_s - self.last_entry_s < 0.1
        go_s = self.now_s + (self.draw.uniform(0.6, 3.0) if at_heels else self.draw.uniform(10.0, 20.0))
        self._cross(go_s, self.direction)
        self._report(go_s, Reason.TAILGATING if at_heels else Reason.UNSCREENED_ENTRY, None)
        self.now_s = go_s + 1.0

    def wrong_way(self) -> None:
        """Somebody comes through the other way."""
        way = Direction.OUT if self.direction is Direction.IN else Direction.IN
        go_s = self.now_s + self.draw.uniform(0.1, 5.0)
        self._cross(go_s, way)
        self._report(go_s, Reason.WRONG_DIRECTION, None, entry=False)
        self.now_s = go_s + 0.5

    def _cross(self, at_s: float, way: Direction) -> None:
        self._say(Crossing(moment(at_s), way), at_s, self.draw.uniform(0.0, IN_TIME_S))

    def _report(self, at_s: float, reason: Reason, token: str | None, *, entry: bool = True) -> None:
        self.expected.append(Expected(What.CROSSING, at_s, Outcome.DENY, frozenset({reason}), token, entry=entry))
