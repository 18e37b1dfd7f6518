"""Missed checks near the end of a shift: one alert a team and shift, the same in whatever order gates are heard."""

from __future__ import annotations

import tempfile
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.alerts.chains import AllChannels
from hub.alerts.course import StoreSettings
from hub.alerts.rules import Severity
from hub.alerts.store import AlertStore
from hub.board import AlertRow
from hub.duties.desk import Book
from hub.duties.missing import missed
from hub.duties.roll import Check, Duty, Group, Means, Roll, Whom
from hub.duties.shifts import Hours
from hub.duties.standing import DutyRules, Off

ZONE = ZoneInfo("Asia/Shanghai")
DAY = date(2020, 2, 10)
MIDNIGHT_NS = int(datetime(2020, 2, 10, tzinfo=ZONE).timestamp()) * 10**9
RULES = DutyRules(first_before_end_min=60, second_after_end_min=60, severity=Severity.CRITICAL)
SHIFTS = {1: Hours(1, "白班", 480, 1020), 2: Hours(2, "夜班", 1320, 360)}
TEAMS = {1: "焊接一班", 2: "涂装二班"}
PEOPLE = range(1, 7)


def at(hour: float) -> int:
    return MIDNIGHT_NS + round(hour * 3600e9)


def book() -> Book:
    """People 1 to 3 in team 1 by day, 4 in team 1 by night, 5 in team 2 by day, 6 away."""
    duties = []
    for person in PEOPLE:
        whom = Whom(person, str(person), "李雷", 2 if person == 5 else 1, "", (f"badge {person}",))
        night, off = person == 4, Off.SICK if person == 6 else None
        span = (22, 30) if night else (8, 17)
        shift = None if off else 1 + night
        duties.append(Duty(whom, shift, off, at(span[0]), at(span[1]), Group(whom.team_id, "", shift, off)))
    return Book(DAY, DAY, Roll(DAY, RULES, duties), TEAMS, SHIFTS)


class Told:
    """The alerts of one book."""

    def __init__(self, folder: Path) -> None:
        self.book = book()
        self.store = AlertStore(folder / "alerts.db", AllChannels(("hook",)), StoreSettings(zone="Asia/Shanghai"))
        self.store.open()

    def measured(self, number: int, person: int, hour: float) -> None:
        self.book.roll.add(f"badge {person}", Check(number, at(hour), "north", "people", Means.GATE))

    def look(self, hour: float) -> None:
        self.store.missed(missed(self.book, RULES, "site", at(hour)), at(hour))

    def alerts(self) -> list[AlertRow]:
        return self.store.newest(100)

    def opened(self) -> set[tuple[object, ...]]:
        facts = [(row.key, row.count, row.since_ns, row.detail, row.state) for row in self.alerts()]
        return {one for one in facts if one[-1] != "resolved"}


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


def test_nobody_is_missed_before_the_end_is_near_then_one_alert_a_team_and_shift_with_its_count(told):
    told.measured(1, 1, 8)
    told.look(15.9)
    assert told.alerts() == []
    told.look(16)
    found = {(row.gate, row.lane, row.count, row.severity, row.since_ns) for row in told.alerts()}
    assert found == {("焊接一班", "白班", 2, "critical", at(16)), ("涂装二班", "白班", 1, "critical", at(16))}


def test_the_second_is_missed_only_after_the_shift_when_people_have_left(told):
    for person in (1, 2, 3, 5):
        told.measured(person, person, 8)
    told.look(17.9)
    assert told.alerts() == []
    told.look(18)
    assert [(row.gate, row.count) for row in told.alerts()] == [("涂装二班", 1), ("焊接一班", 3)]


def test_a_count_that_changes_is_the_same_alert_and_what_arrives_late_ends_it(told):
    told.look(16)
    for n, person in enumerate((1, 2, 3), start=1):
        told.measured(n, person, 8.5)
        told.look(16.1)
    welders = [row for row in told.alerts() if row.gate == "焊接一班"]
    assert [(row.state, row.count) for row in welders] == [("resolved", 1)]
    told.look(18)
    states = [(row.state, row.count) for row in told.alerts() if row.gate == "焊接一班"]
    assert states == [("firing", 3), ("resolved", 1)], "the second is missed by all three"


def test_what_a_person_has_ended_stays_ended_until_the_next_threshold(told):
    told.measured(1, 1, 8)
    told.look(16)
    for row in told.alerts():
        told.store.resolve(row.id, "李雷", at(16.2))
    for hour in (16.3, 17.5):
        told.look(hour)
    assert {row.state for row in told.alerts()} == {"resolved"}
    told.look(18)
    assert [(row.gate, row.count) for row in told.alerts() if row.state == "firing"] == [("焊接一班", 3)]


def test_a_night_shift_is_missed_in_the_morning_and_who_is_away_never(told):
    told.look(29)
    night = [row for row in told.alerts() if row.lane == "夜班"]
    assert [(row.count, row.since_ns) for row in night] == [(1, at(29))]
    assert sum(row.count for row in told.alerts()) == 5


EVENTS = st.lists(st.tuples(st.sampled_from(PEOPLE), st.integers(10, 62)), max_size=20)
LOOKS = st.sets(st.integers(0, 40), max_size=6)


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.randoms(use_true_random=False), LOOKS, LOOKS)
def test_in_whatever_order_measurements_are_heard_and_whenever_one_looks_the_open_alerts_are_the_same(
    events, draw, looks, others
):
    numbered = [(number, person, half / 2) for number, (person, half) in enumerate(events, start=1)]
    shuffled = draw.sample(numbered, len(numbered))
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        first, second = Told(Path(one)), Told(Path(two))
        for told, order, between in ((first, numbered, looks), (second, shuffled, others)):
            hour = 7.0
            for n, event in enumerate(order):
                told.measured(*event)
                if n in between:
                    hour += 6
                    told.look(min(hour, 34))
            told.look(34)
            told.look(34)
        assert first.opened() == second.opened()
        assert all(row.count for row in first.alerts())
        first.store.close()
        second.store.close()
