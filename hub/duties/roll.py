"""The roll of one day: everybody who is registered, whether they are on duty, and how often they were measured.

It is in memory and kept up to date: measurements are added as they come, people are replaced when something about them
changes. Counts by team, grid and shift are kept beside, so that a page over 50,000 people does not count them anew.
Not thread-safe.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from enum import StrEnum
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

from hub.duties.standing import AWAY, MINUTE_NS, TWICE, DutyRules, Off, Standing, counted, standing
from hub.registry.holdings import Holding


class Means(StrEnum):
    """By what somebody was measured."""

    GATE = "gate"
    CONTACT = "contact"
    CORRECTION = "correction"
    """A person said so, with a reason (`hub.duties.corrections`)."""


class Check(NamedTuple):
    """One measurement. `number` is its offset in the journal; of a correction its own number, below 0."""

    number: int
    time_ns: int
    gate: str
    lane: str
    means: Means


class Whom(NamedTuple):
    """Somebody who is registered."""

    id: int
    number: str
    name: str
    team_id: int | None
    grid: str
    tokens: tuple[str, ...]
    limited: tuple[Holding, ...] = ()
    """Those of the cards that were somebody else's before or after."""

    def had(self, token: str, time_ns: int) -> bool:
        """Whether the card was theirs then."""
        times = [one for one in self.limited if one.token == token]
        return not times or any(one.covers(time_ns) for one in times)


class Group(NamedTuple):
    """What is counted together. `shift_id` is None for those who are not on duty, or of whom no shift is known."""

    team_id: int | None
    grid: str
    shift_id: int | None
    off: Off | None


class Duty(NamedTuple):
    """What somebody has to do on a day. `from_ns` to `until_ns` is the shift, or the day of who has none.

    `elsewhere`: measurements within these times belong to the shift of the day before or after.
    """

    whom: Whom
    shift_id: int | None
    off: Off | None
    from_ns: int
    until_ns: int
    group: Group
    elsewhere: tuple[tuple[int, int], ...] = ()


class Line(NamedTuple):
    """One person of the roll as lists show them."""

    duty: Duty
    measured: int
    standing: Standing | None
    """None for who is not on duty."""


class Figures(NamedTuple):
    """The day in numbers; none of them is of a person. Who has no known shift but came counts as on duty."""

    on_duty: int = 0
    never: int = 0
    once: int = 0
    twice: int = 0
    first_missing: int = 0
    second_missing: int = 0
    to_come: int = 0
    away: int = 0
    isolated: int = 0
    resting: int = 0
    unknown: int = 0
    uncalled: int = 0
    """Measured without being on duty."""

    @property
    def missing(self) -> int:
        """Who is missing the first or the second now."""
        return self.first_missing + self.second_missing


class Roll:
    """One day. `corrections` are added measurements by person; `struck` are numbers that were not this person's."""

    def __init__(
        self,
        day: date,
        rules: DutyRules,
        duties: Iterable[Duty],
        corrections: dict[int, list[Check]] | None = None,
        struck: dict[int, set[int]] | None = None,
    ) -> None:
        self.day = day
        self._before_ns = rules.before_min * MINUTE_NS
        self._after_ns = rules.after_min * MINUTE_NS
        self._apart_ns = rules.apart_min * MINUTE_NS
        self._corrections = corrections or {}
        self._struck = struck or {}
        self._seen: dict[str, dict[int, Check]] = {}
        self._duties: dict[int, Duty] = {}
        self._measured: dict[int, int] = {}
        self._people: dict[str, list[int]] = {}
        self._groups: dict[Group, list[int]] = {}
        self._spans: dict[Group, tuple[int, int]] = {}
        self._order: list[tuple[str, int]] | None = None
        for duty in duties:
            self.put(duty)

    def __len__(self) -> int:
        return len(self._duties)

    # -- what changes ------------------------------------------------------------------------------------------------

    def add(self, token: str, check: Check) -> None:
        """A measurement of whoever holds the badge; the same one again changes nothing."""
        of_token = self._seen.setdefault(token, {})
        if check.number in of_token:
            return
        of_token[check.number] = check
        for person in self._people.get(token, ()):
            self._recount(self._duties[person])

    def knows(self, token: str) -> bool:
        """Whether somebody of the day has, or had, that badge: what others' measurements are, it need not keep."""
        return token in self._people

    def put(self, duty: Duty) -> None:
        """Somebody's duty, in place of the one before."""
        person = duty.whom.id
        self._drop(person)
        self._duties[person] = duty
        for token in duty.whom.tokens:
            self._people.setdefault(token, []).append(person)
        measured = self._count(duty)
        self._measured[person] = measured
        self._spans[duty.group] = (duty.from_ns, duty.until_ns)
        self._groups.setdefault(duty.group, [0] * (TWICE + 1))[min(measured, TWICE)] += 1
        self._order = None

    def replace(
        self,
        people: Iterable[int],
        duties: Iterable[Duty],
        corrections: dict[int, list[Check]],
        struck: dict[int, set[int]],
    ) -> None:
        """Something about these people has changed: what there is of them now; nothing for who is not there."""
        for person in people:
            self._corrections.pop(person, None)
            self._struck.pop(person, None)
            self._drop(person)
        self._corrections |= corrections
        self._struck |= struck
        for duty in duties:
            self.put(duty)
        self._order = None

    # -- what is asked -----------------------------------------------------------------------------------------------

    def of(self, person: int, now_ns: int) -> Line | None:
        """Somebody's line."""
        duty = self._duties.get(person)
        return None if duty is None else self._line(duty, now_ns)

    def checks(self, person: int) -> list[Check]:
        """The measurements that count for somebody, oldest first."""
        duty = self._duties.get(person)
        return [] if duty is None else sorted(self._counting(duty), key=lambda check: check.time_ns)

    def lines(self, now_ns: int, has: Callable[[Group], bool] | None = None, after: str = "") -> Iterator[Line]:
        """Everybody of the groups that are asked for whose number comes after that one, in the order of numbers."""
        if self._order is None:
            self._order = sorted((duty.whom.number, person) for person, duty in self._duties.items())
        groups = {group for group in self._groups if has is None or has(group)}
        start = bisect_right(self._order, after, key=itemgetter(0)) if after else 0
        for _, person in islice(self._order, start, None):
            duty = self._duties[person]
            if duty.group in groups:
                yield self._line(duty, now_ns)

    def figures(self, now_ns: int) -> dict[Group, Figures]:
        """The numbers of each group."""
        return {
            group: _figures(group, counts, self._spans[group], now_ns)
            for group, counts in self._groups.items()
            if any(counts)
        }

    def counts(self) -> dict[Group, tuple[int, int, int]]:
        """How many of each group were never measured, once, and twice or more often."""
        return {group: (never, once, twice) for group, (never, once, twice) in self._groups.items()}

    def groups_of(self, people: Iterable[int]) -> Counter[Group]:
        """How many of these people are of each group; whoever is not of the day counts in none."""
        duties = self._duties
        return Counter(duties[person].group for person in people if person in duties)

    def off(self) -> dict[int, Off]:
        """Who is not on duty, and why."""
        return {person: duty.off for person, duty in self._duties.items() if duty.off is not None}

    def spans(self) -> dict[Group, tuple[int, int]]:
        """When the shift of each group begins and ends."""
        return self._spans

    # -- within ------------------------------------------------------------------------------------------------------

    def _drop(self, person: int) -> None:
        duty = self._duties.pop(person, None)
        if duty is None:
            return
        for token in duty.whom.tokens:
            self._people[token].remove(person)
        self._groups[duty.group][min(self._measured.pop(person), TWICE)] -= 1

    def _recount(self, duty: Duty) -> None:
        old, new = self._measured[duty.whom.id], self._count(duty)
        self._measured[duty.whom.id] = new
        counts = self._groups[duty.group]
        counts[min(old, TWICE)] -= 1
        counts[min(new, TWICE)] += 1

    def _count(self, duty: Duty) -> int:
        return counted((check.time_ns for check in self._counting(duty)), self._apart_ns)

    def _counting(self, duty: Duty) -> Iterator[Check]:
        person = duty.whom.id
        yield from self._corrections.get(person, ())
        from_ns, until_ns = duty.from_ns, duty.until_ns
        if duty.off is None:
            from_ns, until_ns = from_ns - self._before_ns, until_ns + self._after_ns
        struck = self._struck.get(person, ())
        for token in dict.fromkeys(duty.whom.tokens):
            for check in self._seen.get(token, {}).values():
                if (
                    from_ns <= check.time_ns < until_ns
                    and check.number not in struck
                    and not _is_elsewhere(duty, check)
                    and duty.whom.had(token, check.time_ns)
                ):
                    yield check

    def _line(self, duty: Duty, now_ns: int) -> Line:
        measured = self._measured[duty.whom.id]
        if duty.off is None or (duty.off is Off.UNKNOWN and measured):
            return Line(duty, measured, standing(measured, duty.from_ns, duty.until_ns, now_ns))
        return Line(duty, measured, None)


def _is_elsewhere(duty: Duty, check: Check) -> bool:
    return any(from_ns <= check.time_ns < until_ns for from_ns, until_ns in duty.elsewhere)


def _figures(group: Group, counts: Sequence[int], span: tuple[int, int], now_ns: int) -> Figures:
    never, once, twice = counts
    if group.off is None or group.off is Off.UNKNOWN:
        unknown = never if group.off is Off.UNKNOWN else 0
        never -= unknown
        begun, over = now_ns >= span[0], now_ns >= span[1]
        return Figures(
            on_duty=never + once + twice,
            never=never,
            once=once,
            twice=twice,
            first_missing=never if begun else 0,
            second_missing=once if over else 0,
            to_come=0 if begun else never,
            unknown=unknown,
        )
    everybody = never + once + twice
    return Figures(
        away=everybody if group.off in AWAY else 0,
        isolated=everybody if group.off is Off.ISOLATED else 0,
        resting=everybody if group.off in {Off.REST, Off.CLOSED} else 0,
        uncalled=once + twice,
    )


def total(figures: Iterable[Figures]) -> Figures:
    """All of them together."""
    columns = list(zip(*figures, strict=True))
    return Figures(*map(sum, columns)) if columns else Figures()
