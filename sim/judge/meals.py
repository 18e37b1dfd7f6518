"""A hub's meals (错时用餐) against the truth: who came to a canteen when, and who of them in another team's time. Pure.

Whoever is let in comes in, and whom a guard waves through after measuring them; so does whoever slips through beside
somebody. Whose badge is shown says whose time it is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from sim.judge.findings import Fault, Finding
from sim.plant import ZONE
from sim.truth import PersonTruth, SecondaryTruth, Truth
from wire.events import Direction, Outcome, Reason

_SLIPS = frozenset({Reason.TAILGATING, Reason.UNSCREENED_ENTRY, Reason.ENTERED_REFUSED})
_DAY_MIN = 24 * 60


class Way(StrEnum):
    """How somebody came to a canteen, in a hub's words."""

    IN_SLOT = "in-slot"
    OUT_OF_SLOT = "out-of-slot"
    BETWEEN = "between"
    """In nobody's time."""
    NO_SLOT = "no-slot"


class MealSeen(Struct, frozen=True):
    """One arrival at a canteen (`GET /api/meals`); `badge` is a token, "" for who had none."""

    site: str
    place: str
    time_ns: int
    badge: str
    meal: str


class _Came(NamedTuple):
    place: str
    time_ns: int
    badge: str


def compare_meals(
    truths: Sequence[Truth], slots: Mapping[str, str], seen: Iterable[MealSeen]
) -> tuple[list[Finding], int]:
    """The errors in who ate when, and how many arrivals there ought to be. `slots` are those of the badges that the hub
    knows, as `11:30-12:00`; "" for who has none."""
    every = {slot for slot in slots.values() if slot}
    wanted = {came: _ways(came, slots, every) for came in _arrivals(truths) if came.badge in slots}
    site = next((truth.site for truth in truths), "")
    have: dict[_Came, list[str]] = {}
    for one in seen:
        if one.badge in slots:
            have.setdefault(_Came(one.place, one.time_ns, one.badge), []).append(one.meal)
    findings = []
    for came in sorted(wanted.keys() | have.keys()):
        ought, found = wanted.get(came, set()), have.get(came, [])
        if len(found) != 1 or found[0] not in ought:
            fault = Fault.MEAL_WRONG
            expected, instead = " or ".join(sorted(ought)), ", ".join(found)
            findings.append(
                Finding(
                    fault=fault, site=site, gate=came.place, time_ns=came.time_ns, expected=expected or "nobody",
                    found=instead or "nobody", passage=came.badge,
                )
            )  # fmt: skip
    return findings, len(wanted)


def _arrivals(truths: Iterable[Truth]) -> Iterable[_Came]:
    """Who came into a place where teams eat, and when."""
    stopped: dict[str, PersonTruth] = {}
    for truth in sorted(truths, key=lambda truth: truth.time_ns):
        match truth:
            case PersonTruth(seen=True, place=str(place), badge=str(badge), direction=Direction.IN) if _is_canteen(
                place
            ):
                if truth.outcome is Outcome.ALLOW or _SLIPS.intersection(truth.reasons):
                    yield _Came(place, truth.time_ns, badge)
                else:
                    stopped[truth.passage] = truth
            case SecondaryTruth(fever=False) if truth.passage in stopped:
                before = stopped.pop(truth.passage)
                yield _Came(before.place or "", truth.time_ns, before.badge or "")
            case _:
                pass


def _is_canteen(place: str) -> bool:
    return place.startswith("canteen")


def _ways(came: _Came, slots: Mapping[str, str], every: Collection[str]) -> set[str]:
    """How it may be told; in the second in which a sitting begins or ends, also as in the one before."""
    at = dt.datetime.fromtimestamp(came.time_ns // 10**9, ZONE)
    minute = at.hour * 60 + at.minute + at.second / 60
    moments = (minute, minute - 1 / 60) if at.second == 0 else (minute,)
    return {_way(slots[came.badge], every, moment).value for moment in moments}


def _way(own: str, every: Collection[str], minute: float) -> Way:
    if not own:
        return Way.NO_SLOT
    if _holds(own, minute):
        return Way.IN_SLOT
    return Way.OUT_OF_SLOT if any(_holds(slot, minute) for slot in every) else Way.BETWEEN


def _holds(slot: str, minute: float) -> bool:
    begins, ends = (int(part[:2]) * 60 + int(part[3:]) for part in slot.split("-"))
    return (minute - begins) % _DAY_MIN < (ends - begins) % _DAY_MIN
