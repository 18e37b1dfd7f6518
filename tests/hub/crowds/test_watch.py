"""From passages to alerts about crowds and meals: once, the same in any order, and over when it is over."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import case, update

from hub.alerts.chains import AllChannels
from hub.alerts.course import StoreSettings
from hub.alerts.desk import AlertDesk
from hub.alerts.notifier import Clocks
from hub.alerts.rules import Rule, RuleSettings
from hub.alerts.store import AlertStore
from hub.crowds.desk import Canteen, CrowdDesk
from hub.crowds.settings import CheckpointSettings, MealSettings
from hub.crowds.watch import CrowdWatch
from hub.database import Database
from hub.journal import Entry
from hub.projections.moves import Moves
from hub.registry import holdings
from hub.registry.models import Badge, Person, Place, PlaceKind, Team
from tests.support.console import ZONE
from tests.support.journals import entry
from wire.events import Direction, Outcome, Override, PersonPassage, Reason, SecondaryMeasurement, Verdict

NOON = int(datetime(2020, 2, 10, 12, tzinfo=ZONE).timestamp()) * 10**9
MINUTE = 60 * 10**9
LIMITS = [
    CheckpointSettings(at="canteen", most_arriving=3, within_min=5, most_inside=4, stay_min=30),
    CheckpointSettings(at="north", most_arriving=2),
]


class Clock:
    def __init__(self) -> None:
        self.now_ns = NOON

    def __call__(self) -> int:
        return self.now_ns


def passage(
    number: int, minute: float, who: str | None, place: str | None = "canteen", **more: object
) -> PersonPassage:
    what: dict = {"outcome": Outcome.ALLOW, "verdict": Verdict.NORMAL} | more
    time_ns = NOON + round(minute * MINUTE)
    return PersonPassage(time_ns=time_ns, passage=f"p-{number}", lane="in", badge=who, place=place, **what)


def entries(events: list[PersonPassage]) -> list[Entry]:
    return [entry(event, offset, offset) for offset, event in enumerate(events, 1)]


class Site:
    """A site's moves, alerts and watch over real stores."""

    def __init__(self, folder: Path, clock: Clock, rules: RuleSettings | None = None) -> None:
        self.clock = clock
        self.moves = Moves(folder / "moves.db", ["north"])
        self.database = Database(f"sqlite:///{folder / 'menshen.db'}")
        store = AlertStore(folder / "alerts.db", AllChannels(()), StoreSettings(zone="Asia/Shanghai"))
        self.alerts = AlertDesk(store, [], clocks=Clocks(now_ns=clock))
        desk = CrowdDesk(self.moves, self.database, LIMITS, MealSettings(tell_from=2), ZONE)
        self.desk = desk
        self.watch = CrowdWatch("site", desk, self.alerts, rules, clock)

    async def hear(self, found: list[Entry], at_once: int = 1000) -> None:
        for begin in range(0, len(found), at_once):
            await self.moves.apply(found[begin : begin + at_once])
            await self.look()

    async def look(self) -> None:
        await self.watch.look()
        await self.alerts.refresh()

    async def told(self) -> dict[str, tuple[str, int, int]]:
        rows = await self.alerts.alerts_after(0, 1000)
        return {row.key: (row.state, row.count, row.since_ns) for row in rows}


@asynccontextmanager
async def site_in(folder: Path, rules: RuleSettings | None = None) -> AsyncIterator[Site]:
    site = Site(folder, Clock(), rules)
    await site.database.start()
    await site.moves.start()
    await site.alerts.start()
    try:
        yield site
    finally:
        await site.alerts.stop()
        await site.moves.stop()
        await site.database.stop()


def register(session) -> None:
    session.add(Place(name="canteen", title="一食堂", kind=PlaceKind.CANTEEN))
    welders = Team(name="焊接一班", meal_slot="11:30-12:00")
    fitters = Team(name="装配二班", meal_slot="12:20-12:50")
    for number, team in enumerate((welders, welders, fitters), 1):
        person = Person(number=f"{number}", name="李雷", team=team, created_ns=1, changed_ns=1)
        person.badges = [Badge(number=f"{number}", token=f"person-000{number}")]
        session.add(person)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with site_in(tmp_path) as site:
        await site.database.write(register)
        yield site


async def test_too_many_at_a_place_or_a_gate_are_an_alert_that_ends_when_they_have_gone(site):
    crowd = [passage(n, n, f"person-{n:04d}") for n in range(1, 6)]
    crowd += [passage(10 + n, n, f"person-{n:04d}", None) for n in range(3)]
    crowd += [passage(20, 3, "person-9999", "office"), passage(21, 3, "person-9998", outcome=Outcome.DENY)]
    site.clock.now_ns = NOON + 5 * MINUTE
    await site.hear(entries(crowd))
    told = await site.told()
    assert told == {
        "crowding/site/canteen/arriving/2020-02-10T12": ("firing", 5, NOON + 4 * MINUTE),
        "crowding/site/canteen/inside/2020-02-10T12": ("firing", 5, NOON + 5 * MINUTE),
        "crowding/site/north/arriving/2020-02-10T12": ("firing", 3, NOON + 2 * MINUTE),
    }
    leaving = [passage(30, 6, f"person-{n:04d}", direction=Direction.OUT) for n in (1, 2)]
    site.clock.now_ns = NOON + 12 * MINUTE
    await site.hear([entry(event, 100 + n, 100 + n) for n, event in enumerate(leaving)])
    assert {state for state, _, _ in (await site.told()).values()} == {"resolved"}


async def test_a_team_that_eats_in_anothers_time_is_told_of_once_and_its_people_stay_with_the_hub(site):
    late = [passage(1, 22, "person-0001"), passage(2, 25, "person-0003")]
    await site.hear(entries(late))
    assert await site.told() == {}, "one is fewer than tell_from, the other is in time"
    await site.hear([entry(passage(3, 30, "person-0002"), 3, 3)])
    (key,) = await site.told()
    assert key.startswith("out-of-slot/site/canteen/2020-02-10/")
    (row,) = await site.alerts.alerts_after(0, 10)
    assert (row.rule, row.severity, row.count, row.detail) == ("out-of-slot", "info", 2, "焊接一班")
    await site.look()
    assert (await site.alerts.alerts_after(0, 10)) == [row], "nothing new, nothing told"
    site.clock.now_ns = NOON + 13 * 60 * MINUTE
    await site.look()
    assert {state for state, _, _ in (await site.told()).values()} == {"resolved"}


async def test_who_is_moved_to_another_team_is_counted_there_whatever_the_stamps_say(site):
    await site.hear(
        entries([passage(1, 22, "person-0001"), passage(2, 22, "person-0002"), passage(3, 23, "person-0003")])
    )

    async def teams() -> list[int | None]:
        (place,) = await site.desk.canteens()
        day = datetime.fromtimestamp(NOON / 1e9, ZONE).date()
        found = [visit.diner.team_id if visit.diner else None for visit in await site.desk.visits(place, day)]
        by_team = (await site.desk.canteen(place, day)).teams
        assert {team: sum(of.people.values()) for team, of in by_team.items()} == Counter(found)
        return found

    async def move(**to: int) -> None:
        change = update(Person).values(team_id=case(to, value=Person.number))
        await site.database.write(lambda session: session.execute(change))

    assert await teams() == [1, 1, 2]
    await move(**{"1": 1, "2": 2, "3": 2})
    assert await teams() == [1, 2, 2]
    await move(**{"1": 2, "2": 1, "3": 2})
    assert await teams() == [2, 1, 2]


async def test_whoever_went_in_unscreened_counts_and_whom_a_person_ended_is_not_opened_again(site):
    slipped = {"outcome": Outcome.DENY, "verdict": Verdict.UNMEASURED, "reasons": (Reason.UNSCREENED_ENTRY,)}
    await site.hear(entries([passage(n, n / 10, None, **slipped) for n in range(4)]))
    ((key, (state, count, _)),) = (await site.told()).items()
    assert (key.split("/")[3], state, count) == ("arriving", "firing", 4)
    await site.alerts.ask(lambda store, now_ns: store.resolve(1, "officer", now_ns))
    await site.moves.told(0)  # a crash between telling and noting it
    await site.look()
    assert {state for state, _, _ in (await site.told()).values()} == {"resolved"}


@pytest.mark.parametrize("guard_first", [True, False])
async def test_whoever_a_guard_lets_in_counts_from_then_on_whichever_is_heard_first(site, guard_first):
    stopped = {"outcome": Outcome.REMEASURE, "verdict": Verdict.UNMEASURED}
    waits = [passage(n, n / 10, f"person-{n:04d}", **stopped) for n in range(5)]
    second = SecondaryMeasurement(time_ns=0, lane="in", body_c=36.5, outcome=Outcome.ALLOW)
    guard = [replace(second, time_ns=NOON + (4 + n) * MINUTE, passage=f"p-{n}") for n in range(3)]
    guard.append(Override(time_ns=NOON + 7 * MINUTE, lane="in", outcome=Outcome.ALLOW, by="li", why="x", passage="p-3"))
    guard.append(replace(second, time_ns=NOON + 7 * MINUTE, passage="p-4", body_c=38.0, outcome=Outcome.DENY))
    site.clock.now_ns = NOON + 7 * MINUTE
    for number, event in enumerate([*guard, *waits] if guard_first else [*waits, *guard], 1):
        await site.hear([entry(event, number, number)])
    told = await site.told()
    assert told == {"crowding/site/canteen/arriving/2020-02-10T12": ("firing", 4, NOON + 7 * MINUTE)}


async def test_a_rule_that_is_off_says_nothing(tmp_path):
    async with site_in(tmp_path, RuleSettings(off=[Rule.CROWDING])) as site:
        await site.hear(entries([passage(n, n / 10, f"person-{n:04d}") for n in range(9)]))
        assert await site.told() == {}


heard = st.lists(
    st.tuples(
        st.integers(-30, 90), st.sampled_from(["person-0001", "person-0002", "person-0003", None]), st.booleans()
    ),
    min_size=1,
    max_size=20,
)


@settings(max_examples=25, deadline=None)
@given(heard, st.randoms(use_true_random=False), st.integers(1, 7))
def test_in_whatever_order_gates_are_heard_and_however_often_the_alerts_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, found, random, at_once
):
    events = [
        passage(n, minute, who, direction=Direction.IN if enters else Direction.OUT)
        for n, (minute, who, enters) in enumerate(found)
    ]

    async def outcome(events: list[PersonPassage], at_once: int) -> dict[str, tuple[int, int]]:
        folder = tmp_path_factory.mktemp("site")
        async with site_in(folder) as site:
            await site.database.write(register)
            await site.hear(entries(events), at_once)
            await site.moves.told(0)
            await site.look()
            return {key: (count, since_ns) for key, (_, count, since_ns) in (await site.told()).items()}

    shuffled = list(events)
    random.shuffle(shuffled)
    assert asyncio.run(outcome(events, 1000)) == asyncio.run(outcome(shuffled, at_once))


def kinds(found: tuple) -> list:
    """What of a day's canteens and limits is told."""
    return [one._replace(place=one.place.name) if isinstance(one, Canteen) else one for one in found]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 90), st.integers(1, 4), st.booleans()), min_size=1, max_size=14),
    st.integers(0, 14), st.sampled_from(["nothing", "team", "slot", "card"]),
)  # fmt: skip
async def test_what_is_kept_of_a_day_is_what_is_worked_out_anew_whatever_came_or_changed_since(
    tmp_path_factory, came, known, change
):
    async with site_in(tmp_path_factory.mktemp("crowds")) as site:
        await site.database.write(register)
        heard = entries([
            passage(n, minute, f"person-000{who}", direction=Direction.IN if enters else Direction.OUT)
            for n, (minute, who, enters) in enumerate(came)
        ])  # fmt: skip
        now_ns, day = NOON + 30 * MINUTE, datetime.fromtimestamp(NOON / 1e9, ZONE).date()

        async def looked(moves: Moves) -> list:
            desk = CrowdDesk(moves, site.database, LIMITS, MealSettings(tell_from=2), ZONE)
            return kinds((
                *[await desk.canteen(place, day) for place in await desk.canteens()],
                *[await desk.checkpoint(at, day, now_ns) for at in desk.checkpoints],
            ))  # fmt: skip

        if heard[:known]:
            await site.moves.apply(heard[:known])
        await looked(site.moves)
        await site.database.write(partial(changed, change=change))
        await site.moves.apply(heard[known:] or heard[-1:])
        anew = Moves(tmp_path_factory.mktemp("anew") / "moves.db", ["north"])
        await anew.start()
        await anew.apply(heard)
        assert await looked(site.moves) == await looked(anew) == await looked(site.moves)
        await anew.stop()


def changed(session, change: str) -> None:
    """HR changes something on which meals depend."""
    person = session.get(Person, 1)
    match change:
        case "team":
            person.team_id, person.changed_ns = 2, 2
        case "slot":
            session.get(Team, 1).meal_slot = "12:00-12:10"
        case "card":
            holdings.give_back(session, person.badges, NOON + MINUTE)
            person.badges = []
            session.flush()
            holdings.issue(session, session.get(Person, 3), "1", "person-0001")
