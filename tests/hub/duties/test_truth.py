"""The duties of a plant whose truth is known, over several days: right to the last person, and the judge says so."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from hub.cases.models import Case, Cause
from hub.duties.models import Absence, AbsenceKind
from hub.duties.points import DAILY, OFF_DAILY, points_of
from hub.duties.roll import Figures, total
from hub.duties.standing import Off
from hub.journal import Entry
from hub.registry.models import Badge, Person, Shift, Team
from hub.standings.file import Standings
from sim.judge import duties as judging
from sim.judge.duties import DutySeen, compare_duties
from sim.judge.effects import date_of, day_ns
from sim.judge.findings import Fault
from sim.plant import Conduct, Faults, Plant
from sim.roster import Site, sites, token_key
from sim.story import Story
from sim.truth import DutyTruth, IsolationTruth, PersonTruth, SecondaryTruth, Truth, event_of
from tests.support.duties import DutySite
from tests.support.journals import entry

DAYS = 4
OWN_BADGES = Conduct(forgotten_badge_share=0.0, lent_badge_share=0.0, passed_back_share=0.0, skipped_second_share=0.08)
"""Everybody shows their own badge: what a hub knows of people is what it knows of badges."""
PLANT = Plant(people=300, team_size=12, conduct=OWN_BADGES, faults=Faults(reader_faults=0.0))


class Known:
    """A hub that was told everything about a simulated plant but who is on duty."""

    def __init__(self, folder: Path) -> None:
        (self.site,) = sites(PLANT, 3, token_key(3))
        self.truths: list[Truth] = list(itertools.chain.from_iterable(Story(self.site).days(DAYS)))
        self.strangers = {member.badge for member in self.site.members if not member.registered}
        self.hub = DutySite(f"sqlite:///{folder / 'people.db'}", folder)
        self.people: dict[str, int] = {}

    def events(self) -> list[Entry]:
        told = [(truth, event) for truth in self.truths if (event := event_of(truth)) is not None]
        return [entry(event, offset, gate=truth.gate) for offset, (truth, event) in enumerate(told, 1)]

    def dates(self) -> list[dt.date]:
        """Days whose every shift the truth tells of."""
        told = Counter(truth.date for truth in self.truths if isinstance(truth, DutyTruth))
        return [dt.date.fromisoformat(date) for date, shifts in sorted(told.items()) if shifts == len(PLANT.shifts)]

    async def start(self) -> None:
        hub = self.hub
        await hub.database.start()
        await hub.registrar.start()
        await hub.checks.start()
        self.people = await hub.database.write(lambda session: register(session, self.site, self.strangers))
        hub.now_ns = PLANT.begins_ns() + DAYS * 86_400 * 10**9
        await hub.database.write(lambda session: stay_away(session, self))

    async def seen(self) -> list[DutySeen]:
        found = []
        for date in self.dates():
            book = await self.hub.desk.book(date)
            lines = [line for line in book.roll.lines(self.hub.now_ns) if line.standing is not None]
            found += [
                DutySeen(
                    self.site.name,
                    date.isoformat(),
                    book.shift(line.duty.shift_id),
                    token,
                    line.measured,
                    line.standing or "",
                    over=True,
                )
                for line in lines
                for token in line.duty.whom.tokens
            ]
        return found


def register(session, site: Site, unknown: set[str]) -> dict[str, int]:
    shifts = [
        Shift(
            name=shift.name, from_min=round(shift.from_h * 60), to_min=round((shift.from_h + shift.hours) * 60) % 1440
        )
        for shift in PLANT.shifts
    ]
    teams: dict[int, Team] = {}
    people = []
    for number, member in enumerate(site.members[: site.staff]):
        team = teams.setdefault(member.team, Team(name=f"team {member.team}", shift=shifts[member.shift]))
        person = Person(number=f"{number:04d}", name="x", team=team, created_ns=1, changed_ns=1)
        person.badges = [Badge(number=f"{number}", token=member.badge)]
        if member.badge not in unknown:
            people.append(person)
    session.add_all(people)
    session.flush()
    return {badge.token: person.id for person in people for badge in person.badges}


def stay_away(session, known: Known) -> None:
    """HR and the ward enter what the gates do not know: who is on leave that day, and who is isolated."""
    for truth in known.truths:
        if isinstance(truth, IsolationTruth) and truth.person in known.people:
            session.add(
                Case(person_id=known.people[truth.person], cause=Cause.FEVER,
                     opened_on=dt.date.fromisoformat(date_of(truth.time_ns)),
                     opened_ns=truth.time_ns, opened_by="ward")
            )  # fmt: skip
    for date in known.dates():
        there = came(known, date)
        for token, person in known.people.items():
            if token not in there:
                session.add(
                    Absence(
                        person_id=person, kind=AbsenceKind.HOLIDAY, from_on=date, until_on=date, said_ns=1, said_by="hr"
                    )
                )


def came(known: Known, date: dt.date) -> dict[str, int]:
    """Who came for a shift of a date, and how often each was measured, told apart from the simulator's own rolls."""
    begins_ns = PLANT.begins_ns() + (date - PLANT.begins).days * 86_400 * 10**9
    spans = [
        (begins_ns + round((shift.from_h - 3) * 3600e9), begins_ns + round((shift.from_h + shift.hours + 3) * 3600e9))
        for shift in PLANT.shifts
    ]
    shifts = {member.badge: member.shift for member in known.site.members[: known.site.staff]}
    found: dict[str, int] = {}
    for truth in known.truths:
        if isinstance(truth, PersonTruth | SecondaryTruth) and truth.person in shifts:
            from_ns, until_ns = spans[shifts[truth.person]]
            if from_ns <= truth.time_ns < until_ns and not _is_breach(truth):
                measured = isinstance(truth, SecondaryTruth) or (truth.seen and truth.facts.measured)
                found[truth.person] = found.get(truth.person, 0) + measured
    return found


def _is_breach(truth: Truth) -> bool:
    return isinstance(truth, PersonTruth) and truth.facts.isolated


@pytest.fixture
async def known(tmp_path: Path):
    known = Known(tmp_path)
    await known.start()
    await known.hub.checks.apply(known.events())
    yield known
    await known.hub.stop()


async def test_the_duties_of_a_simulated_plant_are_its_truth_to_the_last_person(known):
    dates = known.dates()
    assert len(dates) == 3
    compared = 0
    for date in dates:
        book = await known.hub.desk.book(date)
        lines = {line.duty.whom.tokens[0]: line for line in book.roll.lines(known.hub.now_ns)}
        isolated = isolated_by(known.truths, date.isoformat())
        expected = {t: n for t, n in came(known, date).items() if t in known.people and t not in isolated}
        on_duty = {token: line.measured for token, line in lines.items() if line.standing is not None}
        assert on_duty == expected
        assert {
            token for token, line in lines.items() if line.duty.off is Off.ISOLATED
        } == isolated & known.people.keys()
        compared += len(on_duty)
    assert compared > 700


def isolated_by(truths: list[Truth], date: str) -> set[str]:
    """Who has to be in isolation when a date is over."""
    ends_ns = day_ns(date)[1]
    isolations = [truth for truth in truths if isinstance(truth, IsolationTruth)]
    return {truth.person for truth in isolations if truth.time_ns < ends_ns <= truth.until_ns}


async def test_the_judge_finds_no_error_in_the_duties_and_each_that_is_made(known):
    seen = await known.seen()
    members = [member for member in known.site.members if member.registered and member.badge in known.people]
    returns = {one.badge: PLANT.date(one.returns_day) for one in members if one.returns_day is not None}
    told = judging.Known(known.people, returns, PLANT.shifts)
    assert judging.dates_of(known.truths, PLANT.shifts) == [date.isoformat() for date in known.dates()]
    findings, compared = compare_duties(known.truths, told, seen)
    assert findings == []
    assert compared == len(seen) > 700
    assert {1, 2} <= {min(one.measured, 2) for one in seen}
    once, twice = (next(one for one in seen if one.measured == measured) for measured in (1, 2))
    away = next(badge for badge in sorted(known.people) if badge not in {one.badge for one in seen})
    for planted, wrong, found in (
        (twice, [replace(twice, measured=1, standing="second-missing")], "1"),  # a measurement is lost
        (once, [replace(once, measured=2, standing="done")], "2"),  # one is invented
        (once, [replace(once, standing="done")], "done"),  # nobody is told that one is missing
        (once, [], "not on duty"),  # somebody is forgotten
        (twice, [replace(twice, badge=away)], "2 measurements"),  # somebody else is taken for them
        (twice, [twice, twice], "on duty twice"),
    ):
        others = [one for one in seen if one is not planted]
        wrongs = compare_duties(known.truths, told, [*others, *wrong])[0]
        assert {one.fault for one in wrongs} == {Fault.DUTY_WRONG}
        assert found in [one.found for one in wrongs]
        assert {one.passage for one in wrongs} == {planted.badge, *(one.badge for one in wrong)}


async def test_a_rebuild_in_another_order_and_in_other_batches_gives_the_same_figures(known, tmp_path):
    before = {date: await figures(known, date) for date in known.dates()}
    again = Known(tmp_path / "again")
    await again.start()
    events = again.events()
    for start in range(0, len(events), 700):
        await again.hub.checks.apply(list(reversed(events[start : start + 700])))
    await again.hub.checks.apply(events[:50])
    assert {date: await figures(again, date) for date in again.dates()} == before
    await again.hub.stop()


async def test_the_points_of_the_time_series_and_the_pages_say_the_same(known):
    hub, kept = known.hub, Standings(known.hub.folder / "standings.db")
    await kept.start()
    for date in known.dates():
        book = await hub.desk.book(date)
        await kept.put(points_of(book, "sim", hub.now_ns, hub.office.moment_ns(date, dt.time())))
        on_page = await figures(known, date)
        for measurement in (DAILY, OFF_DAILY):
            day_ns = hub.office.moment_ns(date, dt.time())
            points = await kept.between(measurement.name, day_ns, day_ns + 1)
            for field in measurement.fields:
                assert sum(point.fields[field] for point in points) == getattr(on_page, field), field
            assert not any(person in str(points) for person in known.people)
    await kept.stop()


async def figures(known: Known, date: dt.date) -> Figures:
    book = await known.hub.desk.book(date)
    return total(book.roll.figures(known.hub.now_ns).values())
