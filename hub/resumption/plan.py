"""Whether a site may open on a day, and whether it is ready for it. Pure functions; what they say has a reason.

The order: nobody resumes before 9 February 2020, 24:00, but whom the local headquarters approved, or whom public
services, the epidemic's control or people's lives need. Until the day only the exempted come in (`edge.policy`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from hub.registry.fields import Fault
from hub.resumption.models import Ground, Item

ORDERED = date(2020, 2, 10)
"""The first day of work that the order leaves to everybody."""


class Wish(NamedTuple):
    """When somebody wants the site to open, and on what ground."""

    opens_on: date
    ground: Ground
    approved_by: str = ""
    document: str = ""
    approved_on: date | None = None


def faults_of(wish: Wish, not_before: date) -> list[Fault]:
    """Why the site may not open like that; nothing where it may."""
    early = wish.opens_on < not_before
    found = []
    if early and wish.ground is Ground.DATE:
        found.append(Fault("opens_on", "before-the-order", {"found": f"{wish.opens_on}", "first": f"{not_before}"}))
    if wish.ground is not Ground.DATE:
        missing = {"approved_by": wish.approved_by, "document": wish.document, "approved_on": wish.approved_on}
        found += [Fault(name, "required") for name, given in missing.items() if not given]
        if wish.approved_on is not None and wish.approved_on > wish.opens_on:
            found.append(Fault("approved_on", "approved-later", {"found": f"{wish.approved_on}"}))
    return found


class Known(NamedTuple):
    """What the register itself shows of the site's readiness."""

    isolation_places: int
    teams: int
    without_leader: Sequence[str]
    """Names of teams that nobody answers for."""
    without_meal: Sequence[str]
    """Names of teams without a time to eat."""


class Answer(NamedTuple):
    """What somebody says of an item."""

    owner: str
    done: bool
    evidence: str = ""


class Lack(StrEnum):
    """Why an item is not ready."""

    OPEN = "open"
    NO_OWNER = "no-owner"
    NO_PLACE = "no-place"
    NO_TEAMS = "no-teams"
    NO_LEADER = "no-leader"
    NO_MEAL = "no-meal"


class Missing(NamedTuple):
    """An item that is not ready, and why; `names` where it is about some of several."""

    item: Item
    why: Lack
    names: Sequence[str] = ()


def missing_of(answers: Mapping[Item, Answer], known: Known) -> list[Missing]:
    """What is missing, in the checklist's order; nothing when the site is ready. What the register shows counts for
    more than what was ticked."""
    return [missing for item in Item for missing in _of(item, answers.get(item), known)]


def _of(item: Item, answer: Answer | None, known: Known) -> list[Missing]:
    found = []
    if answer is None or not answer.owner:
        found.append(Missing(item, Lack.NO_OWNER))
    if answer is None or not answer.done:
        found.append(Missing(item, Lack.OPEN))
    return found + _shown(item, known)


def _shown(item: Item, known: Known) -> list[Missing]:
    """What the register shows against it."""
    match item:
        case Item.ISOLATION if not known.isolation_places:
            return [Missing(item, Lack.NO_PLACE)]
        case Item.TEAMS if not known.teams:
            return [Missing(item, Lack.NO_TEAMS)]
        case Item.TEAMS if known.without_leader:
            return [Missing(item, Lack.NO_LEADER, known.without_leader)]
        case Item.CANTEEN if known.without_meal:
            return [Missing(item, Lack.NO_MEAL, known.without_meal)]
        case _:
            return []


def is_open(opens_on: date | None, today: date) -> bool | None:
    """Whether people come in without an exemption; None where the hub does not say and each gate's file counts."""
    return None if opens_on is None else today >= opens_on
