"""Which temperatures isolate somebody, and which do not any more. Pure functions.

The order: 体温检测异常员工实施隔离观察 - whoever's temperature is abnormal is isolated and observed. So

- a camera's fever isolates at once. A suspicion (close to the limit) does not: it asks for a second look, and the gate
  lets nobody in before it;
- a contact thermometer at or above the limit isolates, whatever the camera said: it confirms a suspicion or a fever;
- a contact thermometer below the limit soon after a camera's fever takes that fever back, for the camera only sorts
  out (it reads skin) and the thermometer measures. It never takes back what a thermometer has shown.

What somebody's temperatures say together is a matter of the set, in the order of their own times: in whatever order
gates are heard, and however often, the outcome is the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from hub.cases.models import SignKind
from hub.journal import Entry
from wire.events import PersonPassage, SecondaryMeasurement, Verdict


class Told(NamedTuple):
    """What a journalled event says of somebody's temperature."""

    source: str
    kind: SignKind
    time_ns: int
    received_ns: int
    gate: str
    lane: str
    passage: str
    badge: str | None
    measured_c: float | None
    by: str
    alert_key: str


class Seen(NamedTuple):
    """One of somebody's temperatures, as far as the rule asks."""

    time_ns: int
    received_ns: int
    kind: SignKind
    source: str = ""


class Why(StrEnum):
    """The reason for which a rule isolates somebody or does not."""

    NOTHING = "nothing"
    """No abnormal temperature that is not answered for already."""
    SCREENED = "screened"
    """A camera said fever, and no contact thermometer has said otherwise."""
    CONFIRMED = "confirmed"
    """A contact thermometer said fever."""
    MEASURED_NORMAL = "measured-normal"
    """A contact thermometer said that the camera's fever is none."""


class Standing(NamedTuple):
    """What the temperatures of somebody say together: whether they belong into isolation, why, and since when.

    `since_ns` is the first abnormal one that still counts, `last_ns` the last, `normal_ns` the contact thermometer's
    word after it, which a person may go by where the rule does not.
    """

    isolate: bool
    why: Why
    since_ns: int = 0
    normal_ns: int | None = None
    last_ns: int = 0

    def recheck_until_ns(self, recheck_ns: int) -> int | None:
        """Until when a contact thermometer's word ends this isolation; None where it does not."""
        return self.last_ns + recheck_ns if self.isolate and self.why is Why.SCREENED else None


def told_by(entry: Entry, confirmed_from_c: float) -> Told | None:
    """What an event says of a temperature; None for nothing that the rule asks for.

    A clock that is not synchronised cannot say when: then it is the moment when the hub heard of it.
    """
    event = entry.event()
    stream = entry.stream
    match event:
        case PersonPassage(verdict=Verdict.FEVER):
            kind, rule, what = SignKind.FEVER, "fever", event.passage
            measured_c = event.temperature.skin_c if event.temperature else None
            by = ""
        case SecondaryMeasurement():
            kind = SignKind.CONFIRMED if event.body_c >= confirmed_from_c else SignKind.NORMAL
            rule = "fever-confirmed"
            what = event.passage or f"{stream.urgency}/{stream.epoch}/{entry.seq}"
            measured_c, by = event.body_c, event.by or ""
        case _:
            return None
    return Told(
        source=f"{stream.site}/{stream.gate}/{stream.urgency}/{stream.epoch}/{entry.seq}",
        kind=kind,
        time_ns=min(entry.time_ns, entry.received_ns) if event.clock.is_right else entry.received_ns,
        received_ns=entry.received_ns,
        gate=stream.gate,
        lane=event.lane,
        passage=event.passage or "",
        badge=event.badge,
        measured_c=measured_c,
        by=by,
        alert_key="" if kind is SignKind.NORMAL else f"{rule}/{stream.site}/{stream.gate}/{what}",
    )


def standing(
    signs: Iterable[Seen], *, ended_ns: int | None = None, recheck_ns: int, contact_clears: bool = True
) -> Standing:
    """What somebody's temperatures say together.

    `ended_ns` is when a person last ended an isolation of theirs: who ended it knew what was before. Only a contact
    thermometer's fever that was heard of later is news to them.
    """
    now = Standing(False, Why.NOTHING)
    for sign in sorted((sign for sign in signs if _counts(sign, ended_ns)), key=_in_order):
        match sign.kind:
            case SignKind.FEVER | SignKind.CONFIRMED:
                confirmed = now.why is Why.CONFIRMED or sign.kind is SignKind.CONFIRMED
                since_ns = now.since_ns if now.isolate else sign.time_ns
                why = Why.CONFIRMED if confirmed else Why.SCREENED
                now = Standing(True, why, since_ns, last_ns=sign.time_ns)
            case SignKind.NORMAL if now.isolate:
                clears = contact_clears and now.why is Why.SCREENED and sign.time_ns - now.last_ns <= recheck_ns
                why = Why.MEASURED_NORMAL if clears else now.why
                now = Standing(not clears, why, now.since_ns, sign.time_ns, now.last_ns)
    return now


def _in_order(sign: Seen) -> tuple[int, SignKind, str]:
    """By its own time; of one moment what is abnormal first."""
    return sign.time_ns, sign.kind, sign.source


def _counts(sign: Seen, ended_ns: int | None) -> bool:
    if ended_ns is None or sign.time_ns > ended_ns:
        return True
    return sign.kind is SignKind.CONFIRMED and sign.received_ns > ended_ns
