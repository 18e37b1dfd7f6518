"""复工: the day that a site opens needs what the order asks, the gates go by it, and the checklist hides nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.database import Database
from hub.registry.fields import Unfit
from hub.registry.models import Place, PlaceKind, Team
from hub.registry.office import PeopleOffice
from hub.registry.store import Registrar, RegistryStore
from hub.resumption import desk
from hub.resumption.models import Ground, Item
from hub.resumption.plan import ORDERED, Answer, Known, Lack, Wish, faults_of, is_open, missing_of
from tests.support.console import ZONE

NOW_NS = 1_581_200_000_000_000_000
KEY = b"a key of the site, 16 bytes or more"
APPROVED = Wish(date(2020, 2, 5), Ground.APPROVED, "区防控指挥部", "东防指〔2020〕7号", date(2020, 2, 4))
GOOD = Known(1, 2, (), ())


def opening_ns(day: date) -> int:
    return int(datetime.combine(day, time.min, ZONE).timestamp()) * 10**9


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await database.start()
    yield database
    await database.stop()


@pytest.fixture
async def registrar(tmp_path: Path) -> AsyncIterator[Registrar]:
    registrar = Registrar(RegistryStore(tmp_path / "registry.db"))
    await registrar.start()
    yield registrar
    await registrar.stop()


async def decide(office: PeopleOffice, wish: Wish, first: date = ORDERED) -> None:
    await office.change(lambda session: desk.decide(session, wish, first, by="officer", now_ns=NOW_NS))


async def told(registrar: Registrar) -> int | None:
    return await registrar.ask(RegistryStore.resumes_ns)


def test_nobody_opens_before_the_orders_day_without_an_approval_by_somebody_with_a_number_and_a_day():
    early = Wish(ORDERED - timedelta(days=1), Ground.DATE)
    assert [fault.key for fault in faults_of(early, ORDERED)] == ["before-the-order"]
    assert faults_of(Wish(ORDERED, Ground.DATE), ORDERED) == []
    assert faults_of(APPROVED, ORDERED) == []
    for missing in ("approved_by", "document", "approved_on"):
        (fault,) = faults_of(APPROVED._replace(**{missing: None}), ORDERED)
        assert (fault.field, fault.key) == (missing, "required")
    (later,) = faults_of(APPROVED._replace(approved_on=date(2020, 2, 6)), ORDERED)
    assert later.key == "approved-later"


@given(st.dates(), st.dates(), st.sampled_from(Ground), st.text(max_size=3), st.none() | st.dates())
def test_a_site_never_opens_early_without_a_whole_approval(opens_on, first, ground, text, approved_on):
    wish = Wish(opens_on, ground, text, text, approved_on)
    if not faults_of(wish, first):
        assert opens_on >= first or (ground is not Ground.DATE and text and approved_on and approved_on <= opens_on)


answers = st.dictionaries(
    st.sampled_from(Item), st.builds(Answer, st.sampled_from(["", "王芳"]), st.booleans(), st.just("x"))
)
names = st.lists(st.sampled_from("abc"), unique=True, max_size=3)


@given(answers, st.builds(Known, st.integers(0, 2), st.integers(0, 3), names, names))
def test_a_site_is_ready_exactly_when_every_item_is_done_answered_for_and_the_register_agrees(given, known):
    ticked = all(item in given and given[item].done and given[item].owner for item in Item)
    shown = known.isolation_places and known.teams and not known.without_leader and not known.without_meal
    assert (missing_of(given, known) == []) is bool(ticked and shown)


def test_what_the_register_shows_counts_for_more_than_what_was_ticked():
    ticked = {item: Answer("王芳", done=True, evidence="x") for item in Item}
    assert missing_of(ticked, GOOD) == []
    found = missing_of(ticked, Known(0, 3, ["焊接一班"], ["焊接二班"]))
    assert [(one.item, one.why, list(one.names)) for one in found] == [
        (Item.ISOLATION, Lack.NO_PLACE, []),
        (Item.CANTEEN, Lack.NO_MEAL, ["焊接二班"]),
        (Item.TEAMS, Lack.NO_LEADER, ["焊接一班"]),
    ]


def test_a_site_is_open_from_its_day_on_and_the_hub_says_nothing_where_no_day_is_set():
    assert is_open(None, date(2020, 2, 10)) is None
    assert is_open(date(2020, 2, 10), date(2020, 2, 9)) is False
    assert is_open(date(2020, 2, 10), date(2020, 2, 10)) is True


async def test_the_newest_decision_is_what_gates_are_told_and_it_outlives_a_restart(database, registrar):
    office = PeopleOffice(database, registrar, KEY, ZONE, lambda: NOW_NS)
    assert await told(registrar) is None
    await decide(office, Wish(date(2020, 2, 20), Ground.DATE))
    assert await told(registrar) == opening_ns(date(2020, 2, 20))
    before = await registrar.ask(RegistryStore.version)
    await decide(office, APPROVED)
    assert await told(registrar) == opening_ns(date(2020, 2, 5))
    assert await registrar.ask(RegistryStore.version) > before, "gates hear of a new version only"
    with pytest.raises(Unfit):
        await decide(office, Wish(date(2020, 2, 9), Ground.DATE))
    assert await told(registrar) == opening_ns(date(2020, 2, 5))
    await registrar.ask(lambda store: store.set_resumes_ns(None))  # a crash between the two stores
    await PeopleOffice(database, registrar, KEY, ZONE, lambda: NOW_NS)._settle_resumption()
    assert await told(registrar) == opening_ns(date(2020, 2, 5))


async def test_the_settings_day_counts_until_somebody_decides(database, registrar):
    office = PeopleOffice(database, registrar, KEY, ZONE, lambda: NOW_NS, opens_on=date(2020, 3, 1))
    await office._settle_resumption()
    assert await told(registrar) == opening_ns(date(2020, 3, 1))
    await decide(office, Wish(date(2020, 3, 9), Ground.DATE), date(2020, 3, 1))
    assert await told(registrar) == opening_ns(date(2020, 3, 9))


async def test_an_item_is_done_only_with_somebody_and_something_that_shows_it(database):
    def say(owner: str, evidence: str) -> object:
        given = Answer(owner, done=True, evidence=evidence)
        return lambda session: desk.answer(session, Item.PLAN, given, by="officer", now_ns=NOW_NS)

    for owner, evidence in (("", "预案已发布"), ("王芳", "")):
        with pytest.raises(Unfit):
            await database.write(say(owner, evidence))
    await database.write(say("王芳", "预案已发布"))
    await database.write(say("李雷", "预案第二版"))
    state = await database.read(lambda session: desk.state(session, None))
    assert state.answers[Item.PLAN].owner == "李雷"
    assert Item.PLAN not in {one.item for one in state.missing}


async def test_the_page_tells_of_teams_and_places_as_they_are_registered(database):
    await database.write(
        lambda session: session.add_all(
            [Team(name="焊接一班", leader="王芳", meal_slot="11:30-12:00"), Team(name="无人班")]
        )
    )
    state = await database.read(lambda session: desk.state(session, None))
    lacks = {(one.why, tuple(one.names)) for one in state.missing if one.why not in {Lack.OPEN, Lack.NO_OWNER}}
    assert lacks == {(Lack.NO_PLACE, ()), (Lack.NO_LEADER, ("无人班",)), (Lack.NO_MEAL, ("无人班",))}
    place = Place(name="iso-1", title="隔离点", kind=PlaceKind.ISOLATION, capacity=4)
    await database.write(lambda session: session.add(place))
    state = await database.read(lambda session: desk.state(session, None))
    assert Lack.NO_PLACE not in {one.why for one in state.missing}


def test_the_orders_day_is_the_ninth_of_february_at_24_hours():
    assert datetime.fromtimestamp(opening_ns(ORDERED) / 1e9, UTC).astimezone(ZONE) == datetime(2020, 2, 10, tzinfo=ZONE)
