"""Several looks at each vehicle of a film, and one reading of it: the looks vote.

State, for one lane (a vehicle at a time):

    empty ──a plate is seen──► looking ──a text leads by `lead` sure looks──► told
      ▲                          │  │                                          │
      │   unread or what leads ◄─┘  └─ another vehicle's plate takes over ─┐   │ another vehicle's plate
      └──────────── no plate for `forget_after_s` ◄────────────────────────┼───┘ takes over: looking, anew
                                                                           ▼
                                                     the first is told as it stands; looking, anew

Each vehicle is told once. A text that is not sure does not vote; of sure texts that contradict each other neither is
told until one leads by `lead` looks. What leaves with no leader is unread: it is never guessed.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

from edge.plates.types import PlateReading


class VoteSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text is told when it leads every other by `lead` sure looks, or when its vehicle has gone and it leads at all.

    A vehicle has gone when no plate was seen for `forget_after_s`, or when `lead` sure looks in a row read a plate that
    differs from its own in at least `other_characters` places. A vehicle that shows a plate for fewer than
    `least_looks` looks and is not read was none: a poster, a reflection.
    """

    lead: Annotated[int, Meta(ge=1, le=20)] = 2
    forget_after_s: Annotated[float, Meta(gt=0, le=60)] = 2.0
    other_characters: Annotated[int, Meta(ge=1, le=8)] = 3
    least_looks: Annotated[int, Meta(ge=1, le=100)] = 3


class Vote(NamedTuple):
    """One vehicle's reading: text or None for unread, the best look's confidence, how many looks voted and for what.

    `growth` is the plate's last width over its first: above 1 the vehicle came nearer.
    """

    text: str | None
    confidence: float
    looks: int
    agreeing: int
    growth: float


class _Look(NamedTuple):
    at_s: float
    text: str | None
    """None when the look is not sure."""
    confidence: float
    width_px: float


class Votes:
    """The votes of one lane; time is given with each look and never runs backwards."""

    def __init__(self, settings: VoteSettings, sure_confidence: float) -> None:
        self._settings = settings
        self._sure = sure_confidence
        self._looks: list[_Look] = []
        self._told = False
        self._seen_s = 0.0
        self._in_view = False

    @property
    def undecided(self) -> bool:
        """Whether another look may still decide: a vehicle is in view, and not told."""
        return bool(self._looks) and not self._told

    def still(self, at_s: float) -> list[Vote]:
        """The scene has not changed since the last look: who was in view still is, and who had gone may be decided."""
        if self._in_view:
            self._seen_s = at_s
        return self.wait(at_s)

    def see(self, at_s: float, reading: PlateReading) -> list[Vote]:
        """One more look; the vehicles that it decides, mostly none."""
        votes = self.wait(at_s)
        self._in_view = reading.width_px is not None
        if reading.width_px is None:
            return votes
        sure = reading.text if reading.confidence >= self._sure else None
        self._looks.append(_Look(at_s, sure, reading.confidence, reading.width_px))
        self._seen_s = at_s
        votes += self._taken_over()
        leader = self._leader(self._settings.lead)
        if leader is not None and not self._told:
            self._told = True
            votes.append(self._vote(leader))
        self._looks = _bounded(self._looks)
        return votes

    def wait(self, at_s: float) -> list[Vote]:
        """Time passes without a look; the vehicle that has gone meanwhile, if it was not told before."""
        gone = bool(self._looks) and at_s - self._seen_s > self._settings.forget_after_s
        return self.flush() if gone else []

    def flush(self) -> list[Vote]:
        """The film is over: the vehicle in view, if it was not told before."""
        leader = self._leader(1)
        was_one = leader is not None or len(self._looks) >= self._settings.least_looks
        votes = [self._vote(leader)] if was_one and not self._told else []
        self._looks, self._told = [], False
        return votes

    def _leader(self, lead: int) -> str | None:
        """The text with at least `lead` more sure looks than any other."""
        ranked = Counter(look.text for look in self._looks if look.text).most_common(2)
        if not ranked:
            return None
        behind = ranked[1][1] if len(ranked) > 1 else 0
        return ranked[0][0] if ranked[0][1] - behind >= lead else None

    def _vote(self, text: str | None) -> Vote:
        mine = [look.confidence for look in self._looks if look.text == text and text is not None]
        growth = self._looks[-1].width_px / max(self._looks[0].width_px, 1.0)
        return Vote(text, max(mine, default=0.0), len(self._looks), len(mine), growth)

    def _taken_over(self) -> list[Vote]:
        """The vehicle before, when the last sure looks are another's; those looks then begin the next."""
        lead = self._settings.lead
        sure = [look for look in self._looks if look.text]
        last, before = sure[-lead:], sure[:-lead]
        if len(last) < lead or not before or len({look.text for look in last}) > 1:
            return []
        mine = Counter(look.text for look in before).most_common(1)[0][0]
        if mine is None or last[0].text is None or _differing(mine, last[0].text) < self._settings.other_characters:
            return []
        began = self._looks.index(last[0])
        after, self._looks = self._looks[began:], self._looks[:began]
        votes = self.flush()
        self._looks = after
        return votes


def _differing(one: str, other: str) -> int:
    """Places at which two texts differ; those that only the longer has count too."""
    return sum(a != b for a, b in zip(one, other, strict=False)) + abs(len(one) - len(other))


_MOST_LOOKS = 200


def _bounded(looks: list[_Look]) -> list[_Look]:
    """A lorry parked before the camera for hours: its first look, and the last ones."""
    return looks if len(looks) <= _MOST_LOOKS else [looks[0], *looks[-_MOST_LOOKS // 2 :]]
