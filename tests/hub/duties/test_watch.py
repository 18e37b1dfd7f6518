"""What the day's duties tell by themselves: missed checks to the alerts, figures to the time series."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.alerts.chains import AllChannels
from hub.alerts.course import StoreSettings
from hub.alerts.desk import AlertDesk
from hub.alerts.notifier import Clocks
from hub.alerts.rules import Rule
from hub.alerts.store import AlertStore
from hub.duties import corrections
from hub.duties.points import DAILY, HOURLY, OFF_DAILY
from hub.duties.watch import DutyWatch
from hub.measurements import DUTIES
from hub.registry.models import Person, Team
from hub.registry.office import Touched
from hub.standings.file import Standings
from hub.standings.points import point_line
from tests.support.duties import MONDAY, DutySite, at


class Watched:
    """A site with its alerts and its standings."""

    def __init__(self, folder: Path) -> None:
        self.site = DutySite(f"sqlite:///{folder / 'people.db'}", folder)
        store = AlertStore(folder / "alerts.db", AllChannels(("hook",)), StoreSettings(zone="Asia/Shanghai"))
        self.alerts = AlertDesk(store, [], clocks=Clocks(lambda: self.site.now_ns, lambda: self.site.now_ns / 1e9))
        self.kept = Standings(folder / "standings.db")
        self.caught_up, self.off = True, list[Rule]()
        self.watch = DutyWatch(self.site.desk, self.alerts, self.kept, "baotou-1", self.off, self._caught_up)

    async def _caught_up(self) -> bool:
        return self.caught_up

    async def account(self) -> dict[str, list[dict[str, object]]]:
        """The points that are kept after one more look, by measurement."""
        await self.kept.put(await self.watch.account(self.site.now_ns))
        return {
            one.name: [dict(point.tags) | point.fields for point in await self.kept.between(one.name, at(0), at(24))]
            for one in DUTIES
        }

    async def told(self) -> list[tuple[str, str, str, int]]:
        await self.watch.look()
        rows = await self.alerts.ask(lambda store, _now_ns: store.newest(10))
        return [(row.gate, row.lane, row.state, row.count) for row in rows]


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    watched = Watched(tmp_path)
    await watched.site.start()
    await watched.alerts.start()
    await watched.kept.start()
    for number in ("1", "2"):
        await watched.site.put(number)
    await watched.site.put("3", team="二班")
    await watched.site.database.write(lambda session: session.execute(update(Person).values(created_ns=at(1))))
    await watched.site.team_works("白班")
    yield watched
    await watched.kept.stop()
    await watched.alerts.stop()
    await watched.site.stop()


async def test_an_alert_tells_of_a_team_near_its_shift_s_end_and_ends_when_all_were_measured(watched):
    await watched.site.measured("1", 8)
    assert await watched.told() == []
    watched.site.now_ns = at(15)
    assert await watched.told() == [("一班", "白班", "firing", 1)]
    await watched.site.measured("2", 8.2)
    assert await watched.told() == [("一班", "白班", "resolved", 1)]


async def test_a_rule_that_is_off_tells_nobody(watched):
    watched.off.append(Rule.MISSED_CHECKS)
    silent = DutyWatch(watched.site.desk, watched.alerts, watched.kept, "baotou-1", watched.off, watched._caught_up)
    watched.site.now_ns = at(15)
    await silent.look()
    assert await watched.alerts.ask(lambda store, _now_ns: store.newest(10)) == []


async def test_nobody_is_told_before_the_journal_is_counted(watched):
    watched.site.now_ns = at(15)
    watched.caught_up = False
    assert await watched.told() == []


async def test_the_figures_of_hour_and_day_are_by_team_and_shift_and_name_nobody(watched):
    await watched.site.measured("1", 8, 9)
    watched.site.now_ns = at(12.5)
    points = await watched.account()
    day = {"site": "baotou-1", "team": "一班", "shift": "白班", "on_duty": 2, "never": 1, "once": 0, "twice": 1,
           "first_missing": 1, "second_missing": 0, "missing": 1}  # fmt: skip
    assert day in points[DAILY.name]
    assert day in points[HOURLY.name]
    assert {
        "site": "baotou-1",
        "team": "二班",
        "away": 0,
        "isolated": 0,
        "resting": 0,
        "unknown": 1,
        "uncalled": 0,
    } in points[OFF_DAILY.name]
    lines = [point_line(point) for point in await watched.watch.account(watched.site.now_ns)]
    assert any(line.startswith("duty_day,shift=白班,site=baotou-1,team=一班 ") for line in lines)
    assert not any("李" in line for line in lines)


async def test_what_is_written_is_what_is_declared(watched):
    declared = {one.name: one for one in DUTIES}
    for point in await watched.watch.account(watched.site.now_ns):
        assert set(dict(point.tags)) <= {"site", *declared[point.name].tags}
        assert set(point.fields) == set(declared[point.name].fields)


async def test_a_team_that_is_renamed_leaves_no_figures_under_its_old_name(watched):
    await watched.account()

    def rename(session: Session) -> None:
        session.scalars(select(Team).where(Team.name == "一班")).one().name = "甲班"

    await watched.site.database.write(rename)
    await watched.site.desk.renew()
    points = await watched.account()
    on_duty = {point["team"]: point["on_duty"] for point in points[DAILY.name] if point.get("shift") == "白班"}
    assert on_duty == {"一班": 0, "甲班": 2}


async def settled(watched: Watched) -> dict[str, int]:
    """Monday's figures of a team once nothing waits to be told of it."""
    await watched.account()
    while watched.watch.waits:
        await watched.account()
    found = (await watched.account())[DAILY.name]
    (of_team,) = [point for point in found if point.get("team") == "一班" and point.get("shift") == "白班"]
    return {name: of_team[name] for name in ("never", "once", "twice")}


async def test_what_is_heard_or_said_late_of_a_day_long_over_is_in_its_figures(watched):
    await watched.account()
    watched.site.now_ns = at(12, day=4)
    await watched.site.desk.begin_day()
    assert await settled(watched) == {"never": 2, "once": 0, "twice": 0}
    await watched.site.measured("1", 8, 15)  # by a gate that was cut off for days
    assert await settled(watched) == {"never": 1, "once": 0, "twice": 1}
    person = await watched.site.database.read(
        lambda session: session.scalar(select(Person.id).where(Person.number == "2"))
    )
    paper = corrections.Written(person, MONDAY, at(9), "paper")
    await watched.site.office.change(
        lambda session: (
            corrections.add(session, paper, by="officer", now_ns=watched.site.now_ns),
            Touched(people=[person], day=MONDAY),
        )
    )
    assert await settled(watched) == {"never": 0, "once": 1, "twice": 1}


async def test_figures_of_days_whose_measurements_are_erased_stay_as_they_are(watched):
    await watched.site.measured("1", 8, 15)
    watched.site.now_ns = at(20)
    assert await settled(watched) == {"never": 1, "once": 0, "twice": 1}
    watched.site.now_ns = at(12, day=9)
    await watched.site.desk.begin_day()
    await watched.site.checks.forget(at(0, day=3))
    watch = DutyWatch(watched.site.desk, watched.alerts, watched.kept, "baotou-1", watched.off, watched._caught_up, 7)
    watched.watch = watch
    await watched.site.measured("2", 9)
    assert await settled(watched) == {"never": 1, "once": 0, "twice": 1}
    watched.site.now_ns = at(12, day=10)
    await watched.site.desk.begin_day()
    assert await settled(watched) == {"never": 1, "once": 0, "twice": 1}
