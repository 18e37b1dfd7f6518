"""What people do beside the gates, day by day, drawn from a seed; and who is isolated because of it, by the order's own
rules. It reads nothing of the hub: what it says is the truth.

    fever at a gate ──► isolated ──┬─ thermometer of a guard says otherwise soon after ──► not isolated
    back from elsewhere ───────────┤
    named by the officer ──────────┴─ 14 days are over, or somebody answers for an earlier end ──► not isolated
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from sim.roster import ISOLATION_DAYS, Member, Site
from sim.truth import PersonTruth, SecondaryTruth, Truth

RECHECK_NS = 2 * 3600 * 10**9
HOSPITAL = "市第三医院"


@dataclass
class Isolation:
    """One case, as it came about. `on` is its day 1, `opened` the day on which the hub could know of it."""

    badge: str
    cause: str
    on: date
    opened: date
    by_hub: bool = True
    reported: bool = False
    in_grid: bool = False
    where: str = ""
    readings: dict[date, int] = field(default_factory=dict)
    ended: date | None = None
    released: bool = False
    named: bool = False
    """Ended by somebody's name."""

    @property
    def may_be_cleared(self) -> bool:
        """Nothing stands behind it but a camera."""
        return self.by_hub and self.cause == "fever" and not (self.reported or self.readings or self.where == HOSPITAL)


class Told(NamedTuple):
    """A temperature at a gate that was out of the ordinary, or a guard's."""

    time_ns: int
    kind: str
    badge: str | None


class Declared(NamedTuple):
    """Somebody's declaration."""

    badge: str
    concern: str


class Deed(NamedTuple):
    """One thing that somebody does in the office, in the order in which it is done."""

    what: str
    badge: str = ""
    more: object = None


class Standing(NamedTuple):
    """One open case on an evening."""

    badge: str
    cause: str
    day: int
    reported: bool
    in_grid: bool
    where: str
    readings: int


class Evening(NamedTuple):
    """How a day stood at its end."""

    isolated: list[Standing]
    opened: int
    ended: int
    declared: dict[str, str]
    """The worst concern by badge."""
    concerns: int
    """People whose declaration nobody has looked into."""
    announced: int
    """Visits of that day."""
    coming: int
    """Visits that are not over."""


class Script:
    """The office of one site. For each day: `morning`, `hear` as often as something is heard, `evening`."""

    def __init__(self, site: Site, seed: int) -> None:
        self.site = site
        self.staff = [member for member in site.members[: site.staff] if member.registered]
        self.evenings: dict[date, Evening] = {}
        self.paper: dict[date, list[str]] = {}
        """Whom somebody measured on paper, by the day of the duty."""
        self._draw = random.Random(seed)
        self._known = {member.badge for member in self.staff}
        self._told: dict[str, list[Told]] = {}
        self._ended_ns: dict[str, int] = {}
        self._cases: list[Isolation] = []
        self._declared: dict[date, dict[str, str]] = {}
        self._concerns: set[str] = set()
        self._visits: list[tuple[date, bool]] = []

    # -- the gates ---------------------------------------------------------------------------------------------------

    def hear(self, truths: Iterable[Truth], today: date) -> None:
        """What the gates told: whoever is feverish is isolated, until a thermometer takes the camera's word back."""
        badges = set()
        for told in _told(truths):
            if told.badge in self._known:
                self._told.setdefault(told.badge, []).append(told)
                badges.add(told.badge)
        for badge in sorted(badges):
            since_ns = self._since(badge)
            case = self.open_of(badge)
            if since_ns is not None and case is None:
                self._cases.append(Isolation(badge, "fever", self._day(since_ns), today))
            elif since_ns is None and case is not None and case.may_be_cleared:
                case.ended = today

    def _since(self, badge: str) -> int | None:
        """Since when somebody's temperatures isolate them; None where they do not."""
        since_ns, camera_ns, confirmed = None, 0, False
        for told in sorted(self._told[badge], key=lambda told: told.time_ns):
            if told.time_ns <= self._ended_ns.get(badge, 0):
                continue
            if told.kind != "normal":
                since_ns = told.time_ns if since_ns is None else since_ns
                camera_ns, confirmed = told.time_ns, confirmed or told.kind == "confirmed"
            elif since_ns is not None and not confirmed and told.time_ns - camera_ns <= RECHECK_NS:
                since_ns = None
        return since_ns

    # -- the office --------------------------------------------------------------------------------------------------

    def morning(self, today: date) -> list[Deed]:
        """Returnees are isolated; people declare their health; visitors are announced."""
        for member in self.staff:
            self._return(member, today)
        deeds = [Deed("look")]
        self._declared[today] = {}
        declare = [member.badge for member in self.staff if self._draw.random() < 0.8]
        deeds += [Deed("declare", badge, self._declare(badge, today)) for badge in declare]
        for _ in range(self._draw.randrange(3)):
            ahead = self._draw.randrange(3)
            self._visits.append((today + timedelta(days=ahead), False))
            deeds.append(Deed("announce", more=today + timedelta(days=ahead)))
        if self._visits and self._draw.random() < 0.2:
            number = self._draw.randrange(len(self._visits))
            day, cancelled = self._visits[number]
            if day >= today and not cancelled:
                self._visits[number] = day, True
                deeds.append(Deed("cancel", more=number))
        return deeds

    def evening(self, today: date) -> list[Deed]:
        """Cases are looked after, concerns are spoken about, what was measured on paper is entered."""
        deeds = []
        for case in [case for case in self._cases if case.ended is None]:
            deeds += self._look_after(case, today)
        if self._draw.random() < 0.15:
            deeds += self._isolate(today)
        if self._concerns and self._draw.random() < 0.6:
            self._concerns.clear()
            deeds.append(Deed("settle"))
        for ago in (0, 1, 4):
            day = today - timedelta(days=ago)
            if self._draw.random() < 0.3 and day >= self.site.plant.begins:
                for member in self._draw.sample(self.staff, 9):
                    self.paper.setdefault(day, []).append(member.badge)
                    deeds.append(Deed("paper", member.badge, day))
        self.evenings[today] = self._stands(today)
        return deeds

    def open_of(self, badge: str) -> Isolation | None:
        """Somebody's open case."""
        return next((case for case in self._cases if case.badge == badge and case.ended is None), None)

    def isolated_on(self, day: date) -> list[Standing]:
        """Who was isolated when that day ended, by all that is known since: a gate may have been heard days later."""
        late = [case for case in self._cases if case.on <= day < case.opened and (case.ended is None or case.named)]
        return sorted([
            *self.evenings[day].isolated,
            *(Standing(case.badge, case.cause, (day - case.on).days + 1, False, False, "", 0) for case in late),
        ])  # fmt: skip

    def _return(self, member: Member, today: date) -> None:
        if member.returns_day is None or self.open_of(member.badge):
            return
        on = self.site.plant.date(member.returns_day)
        answered = any(
            case.badge == member.badge and case.cause == "returnee" and case.on == on for case in self._cases
        )
        if on <= today < on + timedelta(days=ISOLATION_DAYS) and not answered:
            self._cases.append(Isolation(member.badge, "returnee", on, today))

    def _declare(self, badge: str, today: date) -> str:
        concern = self._draw.choices(["none", "note", "call", "ill"], [94, 3, 1, 2])[0]
        self._declared[today][badge] = concern
        if concern in {"call", "ill"}:
            self._concerns.add(badge)
        return concern

    def _look_after(self, case: Isolation, today: date) -> Iterator[Deed]:
        draw, day = self._draw, (today - case.on).days + 1
        if not case.reported and draw.random() < 0.7:
            case.reported = True
            yield Deed("report", case.badge)
        if not case.in_grid and draw.random() < 0.6:
            case.in_grid = True
            yield Deed("grid", case.badge)
        if not case.where and draw.random() < 0.6:
            case.where = "isolation"
            yield Deed("place", case.badge)
        elif case.where == "isolation" and draw.random() < 0.04:
            case.where = HOSPITAL
            yield Deed("hospital", case.badge)
        for _ in range(draw.choice([0, 1, 2, 2])):
            case.readings[today] = case.readings.get(today, 0) + 1
            yield Deed("measure", case.badge)
        if day > ISOLATION_DAYS or (day >= 5 and draw.random() < 0.06):
            case.ended, case.released, case.named = today, day > ISOLATION_DAYS, True
            self._ended_ns[case.badge] = 2**63 - 1  # the hub says when; see `ended_at`
            yield Deed("close", case.badge, "released" if case.released else "early")

    def ended_at(self, badge: str, time_ns: int) -> None:
        """When exactly an isolation was ended by name: what was measured before was known then."""
        self._ended_ns[badge] = time_ns

    def _isolate(self, today: date) -> list[Deed]:
        free = [member.badge for member in self.staff if self.open_of(member.badge) is None]
        badge = self._draw.choice(free)
        self._cases.append(Isolation(badge, "contact", today, today, by_hub=False))
        return [Deed("isolate", badge)]

    def _stands(self, today: date) -> Evening:
        return Evening(
            isolated=sorted(
                Standing(case.badge, case.cause, (today - case.on).days + 1, case.reported, case.in_grid, case.where,
                         case.readings.get(today, 0))
                for case in self._cases if case.ended is None
            ),
            opened=sum(case.opened == today for case in self._cases),
            ended=sum(case.ended == today for case in self._cases),
            declared=dict(self._declared[today]),
            concerns=len(self._concerns),
            announced=sum(day == today and not cancelled for day, cancelled in self._visits),
            coming=sum(day > today and not cancelled for day, cancelled in self._visits),
        )  # fmt: skip

    def _day(self, time_ns: int) -> date:
        return self.site.plant.date((time_ns - self.site.plant.begins_ns()) // (86_400 * 10**9))


def _told(truths: Iterable[Truth]) -> list[Told]:
    """Temperatures that matter; a guard's of somebody without a badge is of whoever's passage it is."""
    found: list[Told] = []
    of_passage: dict[str, str] = {}
    for truth in sorted(truths, key=lambda truth: truth.time_ns):
        match truth:
            case PersonTruth(seen=True, passage=passage, badge=badge) if truth.facts.measured and truth.facts.feverish:
                of_passage[passage] = badge or ""
                found.append(Told(truth.time_ns, "fever", badge))
            case SecondaryTruth(passage=passage, fever=fever):
                badge = truth.badge or of_passage.get(passage) or None
                found.append(Told(truth.time_ns, "confirmed" if fever else "normal", badge))
            case _:
                pass
    return found


def told_of(truths: Iterable[Truth]) -> Sequence[Told]:
    """Temperatures that count as signs: fevers of cameras, and what guards measured."""
    return _told(truths)
