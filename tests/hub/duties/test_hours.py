"""Hours at the gates from shifts: the gate lets staff in exactly while their shift and its margins last."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from edge.policy import _within
from edge.rules import PolicySettings
from hub.duties import absences, rotas, shifts
from hub.duties.absences import Said
from hub.duties.hours import NEVER, gate_hours, hours_of
from hub.duties.models import AbsenceKind
from hub.duties.rotas import Whose
from hub.registry.models import Team
from hub.registry.office import Touched
from tests.support.duties import KEY, MONDAY, ZONE, DutySite, at
from wire.registry import Hours, RegistryEntry
from wire.tokens import TokenKind, token

FIRST = MONDAY - timedelta(days=1)
KNOWN = {1: shifts.Hours(1, "白班", 480, 960), 2: shifts.Hours(2, "夜班", 1320, 360), 3: shifts.Hours(3, "全天", 0, 0)}


def may_come(hours: tuple[Hours, ...], moment_ns: int) -> bool:
    """What a gate says."""
    return not hours or any(_within(one, PolicySettings(utc_offset_h=8), moment_ns) for one in hours)


@pytest.mark.parametrize(
    ("worked", "expected"),
    [
        ([None] * 7, ()),
        ([0] * 7, NEVER),
        ([1, 1, 0, 0, 0, 0, 0], (Hours(420, 1020, (1, 7)),)),
        ([3, 0, 0, 0, 0, 0, 0], (Hours(0, 1440, (7,)),)),
        ([0, 2, 0, 0, 0, 0, 0], (Hours(1260, 420, (1,)),)),
        ([0, None, 0, 0, 0, 0, 0], (Hours(0, 1440, (1,)),)),
    ],
)
def test_hours_are_those_of_the_shifts_with_their_margins(worked, expected):
    assert gate_hours(worked, FIRST, KNOWN, 60) == expected


@given(
    st.lists(st.sampled_from([0, 1, 2, None]), min_size=7, max_size=7),
    st.dictionaries(st.sampled_from([1, 2]), st.tuples(st.integers(0, 1439), st.integers(0, 1439)), min_size=2),
    st.integers(0, 300),
    st.integers(1, 5 * 1440 - 1),
)
def test_a_gate_lets_staff_in_exactly_while_a_shift_and_its_margins_last(worked, spans, margin, minute):
    known = {key: shifts.Hours(key, "x", *span) for key, span in spans.items()}
    hours = gate_hours(worked, FIRST, known, margin)
    now_ns = at(0) + minute * 60 * 10**9  # from Monday on; the days before and after matter too
    may = all(shift is None for shift in worked)
    for n, shift in enumerate(worked):
        day = FIRST + timedelta(days=n)
        midnight_ns = int(datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp()) * 10**9
        if shift is None:
            may |= midnight_ns <= now_ns < midnight_ns + 86_400 * 10**9
        elif shift:
            may |= _lasts(known[shift], day, midnight_ns, margin, now_ns)
    assert may_come(hours, now_ns) == may


def _lasts(shift: shifts.Hours, day: date, midnight_ns: int, margin: int, now_ns: int) -> bool:
    length = (shift.to_min - shift.from_min) % 1440 or 1440
    if length + 2 * margin >= 1440:  # so long that gates are told the whole day
        return midnight_ns <= now_ns < midnight_ns + 86_400 * 10**9
    begins_ns = midnight_ns + (shift.from_min - margin) * 60 * 10**9
    return begins_ns <= now_ns < begins_ns + (length + 2 * margin) * 60 * 10**9


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[DutySite]:
    site = DutySite(f"sqlite:///{tmp_path / 'people.db'}", tmp_path)
    site.office.hours = partial(hours_of, margin_min=60)
    await site.start()
    yield site
    await site.stop()


async def at_gates(site: DutySite, number: str) -> RegistryEntry | None:
    return await site.registrar.ask(lambda store: store.find(token(KEY, TokenKind.BADGE, f"B{number}")))


async def test_a_change_of_a_rota_or_an_absence_is_at_the_gates_when_it_is_saved(site):
    person = await site.put("1")
    assert (await at_gates(site, "1")).hours == (), "nobody said when they work"
    team = await site.database.read(lambda session: session.scalars(select(Team.id)).one())

    def work(session) -> tuple[None, Touched]:
        rotas.put_rota(session, Whose(team_id=team), MONDAY - timedelta(days=7), (1,), by="hr", now_ns=1)
        return None, Touched(people=rotas.members(session, Whose(team_id=team)), teams=True)

    await site.office.change(work)
    assert (await at_gates(site, "1")).hours == (Hours(420, 1020, (1, 2, 3, 4, 5, 6, 7)),)
    said = Said(person, AbsenceKind.SICK, MONDAY, MONDAY)
    await site.change(lambda session: absences.say(session, said, by="hr", now_ns=1), person)
    assert (await at_gates(site, "1")).hours == (Hours(420, 1020, (2, 3, 4, 5, 6, 7)),)


async def test_without_the_setting_gates_are_told_no_hours(site):
    site.office.hours = None
    await site.put("1")
    await site.team_works("白班")
    await site.office.publish(Touched(everything=True))
    assert (await at_gates(site, "1")).hours == ()


async def test_hours_follow_a_rota_from_day_to_day(site):
    await site.put("1")
    team = await site.database.read(lambda session: session.scalars(select(Team.id)).one())
    await site.database.write(
        lambda session: rotas.put_rota(session, Whose(team_id=team), MONDAY, (1, 0, 0), by="hr", now_ns=1)
    )
    seen = []
    for day in range(6):
        site.now_ns = at(12, day)
        await site.office.publish(Touched(everything=True))
        seen.append(may_come((await at_gates(site, "1")).hours, site.now_ns))
    assert seen == [True, False, False, True, False, False]
