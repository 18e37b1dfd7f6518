"""Cases that the journal opens: at once, once each, whatever is replayed, and never again after a person ended one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import select

from hub.accounts import audit
from hub.archive import Archive
from hub.cases import signs, ward
from hub.cases.keeper import CaseKeeper
from hub.cases.models import Case, Cause, End, Sign
from hub.cases.settings import IsolationSettings
from hub.cases.ward import Cannot
from hub.journal import Entry
from hub.registry.models import Person
from hub.registry.office import Touched
from tests.hub.registry.test_office import DAY_NS, KEY, NOON_NS, Site
from tests.support.events import fever
from tests.support.journals import batch, entry
from wire.events import PersonPassage, SecondaryMeasurement
from wire.messages import decode_event
from wire.registry import Flag
from wire.tokens import TokenKind, token

MIN_NS = 60 * 10**9
LI, HAN = token(KEY, TokenKind.BADGE, "B1"), token(KEY, TokenKind.BADGE, "B2")
STRANGER = token(KEY, TokenKind.BADGE, "B9")


class Ward(Site):
    """A site whose cases are kept from a journal."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url, folder)
        self.archive = Archive(folder / "journal.db", lambda: self.now_ns)
        self.keeper = CaseKeeper(self.archive, self.office, "site", 37.3)
        self._seq = 0

    async def open(self) -> Ward:
        await self.database.start()
        await self.registrar.start()
        await self.archive.start()
        return self

    async def close(self) -> None:
        await self.archive.stop()
        await self.registrar.stop()
        await self.database.stop()

    def entry(self, event: PersonPassage | SecondaryMeasurement, gate: str = "north") -> Entry:
        self._seq += 1
        return entry(event, offset=self._seq, seq=self._seq, gate=gate)

    async def hear(self, *events: PersonPassage | SecondaryMeasurement) -> list[Entry]:
        entries = [self.entry(event) for event in events]
        self.now_ns = max(self.now_ns, *(one.received_ns for one in entries))
        await self.keeper.apply(entries)
        return entries

    async def cases(self) -> Sequence[Case]:
        return await self.database.read(lambda session: session.scalars(select(Case).order_by(Case.id)).all())

    async def isolated(self, number: str) -> bool:
        return Flag.ISOLATION in (await self.at_gates(number)).flags

    async def end(self, end: End, why: str = "no") -> None:
        case = (await self.cases())[-1]

        def work(session):
            ward.close_case(session, case.id, end, why, self.office.today(), by="officer", now_ns=self.now_ns)
            return None, Touched(people=[case.person_id])

        await self.office.change(work)


@pytest.fixture
async def site(database_url: str, tmp_path: Path) -> AsyncIterator[Ward]:
    site = await Ward(database_url, tmp_path).open()
    await site.put(number="1", name="李雷", badges="B1")
    await site.put(number="2", name="韩梅梅", badges="B2")
    yield site
    await site.close()


def hot(number: int = 1, badge: str | None = LI, minute: float = 0) -> PersonPassage:
    return replace(fever(number, NOON_NS + round(minute * MIN_NS)), badge=badge)


def contact(
    body_c: float, passage: str | None = "p-1", badge: str | None = LI, minute: float = 3
) -> SecondaryMeasurement:
    time_ns = NOON_NS + round(minute * MIN_NS)
    return SecondaryMeasurement(
        time_ns=time_ns, body_c=body_c, lane="people", passage=passage, badge=badge, by="guard-li"
    )


async def test_a_fever_isolates_at_all_gates_at_once_and_is_in_the_record(site):
    assert not await site.isolated("B1")
    await site.hear(hot())
    assert await site.isolated("B1")
    assert not await site.isolated("B2")
    [case] = await site.cases()
    assert (case.cause, case.days, case.opened_on.isoformat(), case.opened_by) == (Cause.FEVER, 14, "2020-02-10", "hub")
    assert await site.database.read(audit.verify) == (3, None)


async def test_another_fever_and_a_replay_from_anywhere_open_no_second_case(site):
    heard = await site.hear(hot(1), hot(2, minute=5), hot(3, HAN))
    for start in range(3):
        await site.keeper.apply(heard[start:])
    assert len(await site.cases()) == 2
    assert len(await site.database.read(lambda session: session.scalars(select(Sign)).all())) == 3


async def test_a_contact_thermometer_soon_after_ends_what_the_camera_began_in_the_guard_s_name(site):
    await site.hear(hot())
    assert await site.isolated("B1")
    await site.hear(contact(36.6))
    [case] = await site.cases()
    assert (case.end, case.closed_by) == (End.CLEARED, "guard-li")
    assert not await site.isolated("B1")
    await site.hear(hot(2, minute=10))
    assert await site.isolated("B1")
    assert len(await site.cases()) == 2


async def test_gates_know_until_when_a_guard_may_end_what_a_camera_began_and_of_nothing_else(site):
    async def until_min() -> float | None:
        entry = await site.at_gates("B1")
        assert Flag.ISOLATION in entry.flags
        return None if entry.recheck_until_ns is None else (entry.recheck_until_ns - NOON_NS) / MIN_NS

    await site.hear(hot())
    assert await until_min() == 120
    await site.hear(hot(2, minute=30))
    assert await until_min() == 150, "the camera said it again"
    await site.hear(contact(38.4, "p-2", minute=31))
    assert await until_min() is None, "the thermometer said it too"
    await site.end(End.MISTAKE)
    await site.hear(hot(3, minute=60 * 24))
    assert await until_min() == 60 * 24 + 120
    await site.hear(contact(36.6, "p-3", minute=60 * 24 + 1))
    cleared = await site.at_gates("B1")
    assert (cleared.flags, cleared.recheck_until_ns) == ((), None)


async def test_once_somebody_acted_on_a_case_no_guard_ends_it_at_the_gate(site):
    await site.hear(hot())
    [case] = await site.cases()

    def work(session):
        ward.report(session, case.id, by="officer", now_ns=site.now_ns)
        return None, Touched(people=[case.person_id])

    await site.office.change(work)
    assert (await site.at_gates("B1")).recheck_until_ns is None


async def test_where_a_person_decides_no_guard_ends_an_isolation_at_the_gate(site):
    site.office.isolation = IsolationSettings(contact_clears=False)
    await site.hear(hot())
    entry = await site.at_gates("B1")
    assert (Flag.ISOLATION in entry.flags, entry.recheck_until_ns) == (True, None)


async def test_a_fever_that_is_heard_of_together_with_its_end_opens_nothing(site):
    await site.hear(hot(), contact(36.6))
    assert await site.cases() == []
    assert not await site.isolated("B1")


async def test_a_confirmed_fever_stays_whatever_is_measured_later(site):
    await site.hear(contact(37.3))
    await site.hear(contact(36.4, minute=9))
    assert await site.isolated("B1")


@pytest.mark.parametrize("touch", ["reading", "report", "hospital", "setting"])
async def test_what_people_stand_behind_is_theirs_to_end(site, touch):
    if touch == "setting":
        site.office.isolation = IsolationSettings(contact_clears=False)
    await site.hear(hot())
    [case] = await site.cases()

    def do(session) -> None:
        to = {"by": "nurse", "now_ns": site.now_ns}
        match touch:
            case "reading":
                ward.add_reading(session, case.id, 36.9, "cough", **to)
            case "report":
                ward.report(session, case.id, **to)
            case "hospital":
                ward.move(session, case.id, None, "Third Hospital", **to)

    await site.database.write(do)
    await site.hear(contact(36.6))
    assert await site.isolated("B1")


async def test_what_a_person_ended_no_replay_and_no_rebuild_opens_again_but_a_new_fever_does(site):
    heard = await site.hear(hot(), contact(38.0))
    site.now_ns += 10 * MIN_NS
    await site.end(End.MISTAKE)
    await site.keeper.apply(heard)
    await site.database.write(lambda session: [session.delete(sign) for sign in session.scalars(select(Sign))])
    await site.keeper.apply(heard[:1])
    assert not await site.isolated("B1")
    await site.hear(hot(9, minute=60))
    assert await site.isolated("B1")


async def test_a_backlog_opens_cases_counted_from_the_day_of_the_fever(site):
    await site.keeper.apply([entry(hot(minute=-3 * 24 * 60), late_s=3 * 86400)])
    [case] = await site.cases()
    assert case.opened_on.isoformat() == "2020-02-07"
    assert ward.day_of(case, site.office.today()) == 4


async def test_whoever_is_isolated_by_hand_gets_no_second_case_and_the_fever_is_theirs(site):
    def by_hand(session):
        person_id = session.scalar(select(Person.id).where(Person.number == "1"))
        opening = ward.Opening(person_id, Cause.RETURNEE, 14, None, "")
        ward.open_case(session, opening, site.office.today(), by="officer", now_ns=site.now_ns)
        return None, Touched(people=[person_id])

    await site.office.change(by_hand)
    await site.hear(hot(), contact(36.5))
    [case] = await site.cases()
    assert case.end is None
    kept = await site.database.read(lambda session: session.scalars(select(Sign.case_id)).all())
    assert kept == [case.id, case.id]


async def test_other_sites_are_none_of_its_business(site):
    other = site.entry(hot())
    await site.keeper.apply([replace(other, stream=replace(other.stream, site="elsewhere"))])
    assert await site.cases() == []


# -- whose is it -------------------------------------------------------------------------------------------------------


async def waiting(site: Ward) -> list[signs.Unnamed]:
    return await site.database.read(lambda session: signs.unnamed(session, site.keeper.rules))


async def test_a_fever_without_a_known_badge_waits_until_somebody_names_the_person(site):
    await site.hear(hot(1, STRANGER), contact(38.1, badge=STRANGER), hot(2, None, minute=9))
    assert await site.cases() == []
    nameless, stranger = await waiting(site)
    assert [len(one.signs) for one in (nameless, stranger)] == [1, 2]

    def name(session):
        who = session.scalar(select(Person.id).where(Person.number == "2"))
        person = signs.claim(session, nameless.first.id, who, site.keeper.rules, by="officer", now_ns=site.now_ns)
        return None, Touched(people=[person])

    await site.office.change(name)
    assert await site.isolated("B2")
    with pytest.raises(Cannot, match="named-already"):
        await site.office.change(name)

    def register(session):
        rules, to = site.keeper.rules, {"by": "officer", "now_ns": site.now_ns}
        person = signs.make_person(session, stranger.first.id, "王访", "139", **to)
        signs.claim(session, stranger.first.id, person, rules, **to)
        return None, Touched(people=[person])

    await site.office.change(register)
    assert await site.isolated("B9")
    assert await waiting(site) == []


async def test_a_guard_who_reads_the_badge_with_the_thermometer_has_named_the_person(site):
    await site.hear(hot(1, None))
    assert len(await waiting(site)) == 1
    await site.hear(contact(38.0))
    assert await waiting(site) == []
    assert await site.isolated("B1")


async def test_a_nameless_fever_that_a_thermometer_takes_back_or_somebody_answers_for_waits_no_more(site):
    await site.hear(hot(1, None), contact(36.5, badge=None), hot(2, None))
    [left] = await waiting(site)

    def answer(session, why: str) -> None:
        signs.dismiss(session, left.first.id, why, by="officer", now_ns=site.now_ns)

    with pytest.raises(Cannot, match="no-note"):
        await site.database.write(lambda session: answer(session, ""))
    await site.database.write(lambda session: answer(session, "a kettle"))
    assert await waiting(site) == []


# -- in whatever order --------------------------------------------------------------------------------

_EVENTS = st.lists(
    st.tuples(st.sampled_from(["hot", "warm", "cool"]), st.booleans(), st.integers(0, 300)), min_size=1, max_size=6
)
_numbers = count(1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=_EVENTS, mix=st.randoms(use_true_random=False))
async def test_in_whatever_order_and_parts_gates_are_heard_the_same_people_are_isolated(site, events, mix):
    outcome = []
    for order in ("told", "mixed"):
        people = [f"P{next(_numbers)}" for _ in range(2)]
        for number in people:
            await site.put(number=number, name="x", badges=number)
        heard = []
        for what, first, minute in events:
            badge, number = token(KEY, TokenKind.BADGE, people[first]), next(_numbers)
            event = contact(38.0 if what == "warm" else 36.5, None, badge, minute)
            heard.append(site.entry(hot(number, badge, minute) if what == "hot" else event, gate=f"g{number}"))
        if order == "mixed":
            heard = mix.sample(heard, len(heard))
            heard = heard[: mix.randrange(len(heard))] + heard
        for one in heard:
            await site.keeper.apply([one])
        outcome.append([await site.isolated(number) for number in people])
    assert outcome[0] == outcome[1]


# -- the cursor --------------------------------------------------------------------------------------------------------


async def test_a_hub_that_begins_to_keep_cases_reads_what_it_heard_of_within_the_days_and_then_goes_on(site):
    site.now_ns = NOON_NS - 20 * DAY_NS
    await site.archive.append([batch([replace(fever(1, site.now_ns), badge=LI)])])
    site.now_ns = NOON_NS - 10 * DAY_NS
    await site.archive.append([batch([replace(fever(2, site.now_ns), badge=HAN)], first=2)])
    site.now_ns = NOON_NS
    start = await site.keeper.start()
    heard = await site.archive.after(start, 10)
    assert [decode_event(one.body).badge for one in heard] == [HAN]
    await site.keeper.apply(heard)
    assert [await site.isolated(number) for number in ("B1", "B2")] == [False, True]
    assert await site.keeper.start() == heard[-1].offset
