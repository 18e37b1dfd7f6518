"""What takes several events, and that the order in which events arrive changes nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.alerts.chains import AllChannels
from hub.alerts.course import StoreSettings
from hub.alerts.facts import day_of
from hub.alerts.rules import Rule, RuleSettings, said_of
from hub.alerts.store import AlertStore
from hub.board import AlertRow
from hub.journal import Entry
from tests.support.events import TIME_NS, fever
from tests.support.journals import entry
from wire.events import (
    DeviceKind,
    DeviceState,
    Disinfection,
    Gap,
    GapCause,
    Health,
    Outcome,
    Reason,
    RoundDue,
    SecondaryMeasurement,
    VehiclePassage,
    Verdict,
)

ZONE = "Asia/Shanghai"
HOUR_NS = 3600 * 10**9
DAY_NS = 24 * HOUR_NS
MIDNIGHT_NS = day_of(TIME_NS, ZONE)[0]
"""Of Sunday, 2020-02-09, in China."""


def make(folder: Path) -> AlertStore:
    store = AlertStore(folder / "alerts.db", AllChannels(("hook",)), StoreSettings(zone=ZONE))
    store.open()
    return store


def hear(store: AlertStore, entries: list[Entry], *off: Rule) -> None:
    heard = [(said, one.received_ns) for one in entries for said in said_of(one, RuleSettings(off=list(off)))]
    store.take(1, heard, max(one.received_ns for one in entries))


def rules_of(store: AlertStore) -> list[str]:
    return sorted(row.rule for row in store.newest(1000))


def test_three_fevers_at_one_gate_on_one_day_are_a_cluster_and_at_three_gates_or_days_none(tmp_path):
    store = make(tmp_path)
    hear(store, [entry(fever(n, TIME_NS + n * HOUR_NS), seq=n) for n in (1, 2)])
    hear(store, [entry(fever(3), gate="south"), entry(fever(4, TIME_NS + DAY_NS), seq=9)])
    assert "fever-cluster" not in rules_of(store)
    hear(store, [entry(fever(5, TIME_NS + 3 * HOUR_NS), seq=10)])
    hear(store, [entry(fever(6, TIME_NS + 4 * HOUR_NS), seq=11)])
    (cluster,) = [row for row in store.open_alerts() if row.rule == "fever-cluster"]
    assert (cluster.gate, cluster.count, cluster.since_ns) == ("north", 4, TIME_NS + 3 * HOUR_NS)
    assert cluster.detail == "4 × 2020-02-09"


def test_a_cluster_of_long_ago_wakes_nobody_until_somebody_is_feverish_now(tmp_path):
    store = make(tmp_path)
    old = [entry(fever(n, TIME_NS + n), seq=n, late_s=3 * 3600) for n in (1, 2, 3)]
    hear(store, old)
    assert {row.told for row in store.open_alerts()} == {"late"}
    hear(store, [entry(fever(4, TIME_NS + 3 * HOUR_NS), seq=4)])
    told = {(row.rule, row.told) for row in store.open_alerts()}
    assert told == {("fever", "late"), ("fever", "pending"), ("fever-cluster", "pending")}


def test_a_contact_thermometer_confirms_a_fever_from_its_limit_on(tmp_path):
    second = SecondaryMeasurement(time_ns=TIME_NS, body_c=37.3, lane="people", passage="p-1")
    store = make(tmp_path)
    hear(store, [entry(replace(second, body_c=37.2), seq=1)])
    assert rules_of(store) == []
    hear(store, [entry(second, seq=2), entry(replace(second, passage=None), seq=3)])
    assert rules_of(store) == ["fever-confirmed", "fever-confirmed"]
    assert {row.detail for row in store.open_alerts()} == {"37.3 °C"}


def test_a_rule_that_is_off_says_nothing(tmp_path):
    store = make(tmp_path)
    hear(store, [entry(fever(1))], Rule.FEVER)
    assert rules_of(store) == []


DUE_NS = MIDNIGHT_NS + 8 * HOUR_NS
TAG, PLATE = "tag-of-a-bus", "plate-of-a-bus"


def due(day: int = 0, **of: str) -> Entry:
    """The canteen's round of the morning: from 4 to 8, done late until 16 o'clock."""
    at_ns = DUE_NS + day * DAY_NS
    where = of or {"place": "canteen"}
    event = RoundDue(time_ns=at_ns, kind="canteen", from_ns=at_ns - 4 * HOUR_NS, until_ns=at_ns + 8 * HOUR_NS, **where)
    return entry(event, seq=day + 1, gate="hub")


def done(hours: float, seq: int = 1, **of: str) -> Entry:
    where = of or {"place": "canteen"}
    return entry(Disinfection(time_ns=MIDNIGHT_NS + round(hours * HOUR_NS), **where), seq=seq)


@pytest.mark.parametrize(("hours", "overdue"), [(None, True), (3.9, True), (4.1, False), (8.0, False)])
def test_a_place_must_be_disinfected_within_the_hours_before_it_is_due(tmp_path, hours, overdue):
    store = make(tmp_path)
    if hours is not None:
        hear(store, [done(hours)])
    assert rules_of(store) == []
    for _ in range(3):
        hear(store, [due()])
    assert rules_of(store) == ["disinfection-overdue"] * overdue


def test_what_is_done_late_ends_the_alert_and_the_next_day_counts_anew(tmp_path):
    store = make(tmp_path)
    hear(store, [due()])
    assert [(row.gate, row.state, row.detail) for row in store.newest(9)] == [("canteen", "firing", "2020-02-09 08:00")]
    hear(store, [done(10)])
    assert [row.state for row in store.newest(9)] == ["resolved"]
    hear(store, [due(1)])
    assert [row.state for row in store.newest(9)] == ["firing", "resolved"]
    hear(store, [done(24 + 16.5)])  # that is the evening's
    assert [row.state for row in store.newest(9)] == ["firing", "resolved"]


@pytest.mark.parametrize("known", [PLATE, TAG])
def test_a_bus_is_disinfected_whether_its_plate_or_its_tag_was_read(tmp_path, known):
    store = make(tmp_path)
    hear(store, [due(vehicle=PLATE, vehicle_tag=TAG)])
    assert [(row.gate, row.detail) for row in store.newest(9)] == [("vehicle", "plate- 2020-02-09 08:00")]
    hear(store, [done(9, vehicle=known)])
    assert [row.state for row in store.newest(9)] == ["resolved"]


def test_a_round_that_a_gate_speaks_of_is_none_and_a_rule_that_is_off_remembers_nothing(tmp_path):
    store = make(tmp_path)
    hear(store, [replace(due(), stream=replace(due().stream, gate="north"))])
    hear(store, [due()], Rule.DISINFECTION_OVERDUE)
    assert rules_of(store) == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0.1, 70), max_size=6), st.integers(1, 3), st.randoms(use_true_random=False), st.integers(1, 4)
)
def test_in_whatever_order_rounds_and_disinfections_are_heard_of_the_same_are_overdue(hours, days, draw, batch):
    told = [due(day) for day in range(days)] + [done(at, seq) for seq, at in enumerate(hours, start=1)]
    ought = {day: next((True for at in hours if 4 + 24 * day < at <= 16 + 24 * day), False) for day in range(days)}
    for heard in (told, draw.sample(told, len(told))):
        with tempfile.TemporaryDirectory() as folder:
            store = make(Path(folder))
            for start in range(0, len(heard), batch):
                hear(store, heard[start : start + batch])
            still = {row.since_ns for row in store.open_alerts()}
            assert still == {DUE_NS + day * DAY_NS for day, is_done in ought.items() if not is_done}
            late = {day for day in ought if ought[day] and not any(4 + 24 * day < at <= 8 + 24 * day for at in hours)}
            ever = {row.since_ns for row in store.newest(100)}
            assert {DUE_NS + day * DAY_NS for day in late} <= ever, "what was done late is on record"
            store.close()


def _stories() -> st.SearchStrategy[list[list[Entry]]]:
    """What several gates say, each in its own order: fevers, readings, and devices that fail and recover."""

    def told(gate: str, words: list[tuple[str, int]]) -> list[Entry]:
        at_ns, said = TIME_NS, []
        for seq, (word, minutes) in enumerate(words, start=1):
            at_ns += minutes * 60 * 10**9
            event = {
                "fever": fever(seq, at_ns),
                "second": SecondaryMeasurement(time_ns=at_ns, body_c=38.0, lane="people", passage=f"p-{seq}"),
                "failed": DeviceState(time_ns=at_ns, device="cam", kind=DeviceKind.THERMAL, health=Health.FAILED),
                "ok": DeviceState(time_ns=at_ns, device="cam", kind=DeviceKind.THERMAL, health=Health.OK),
                "late": DeviceState(time_ns=at_ns, device="clock", kind=DeviceKind.CLOCK, health=Health.DEGRADED),
                "set": DeviceState(time_ns=at_ns, device="clock", kind=DeviceKind.CLOCK, health=Health.OK),
                "gap": Gap(time_ns=at_ns, cause=GapCause.SPOOL_FULL, lost=3),
                "entry": replace(fever(seq, at_ns), verdict=Verdict.NORMAL, reasons=(Reason.UNSCREENED_ENTRY,)),
                "breach": replace(fever(seq, at_ns), reasons=(Reason.IN_ISOLATION, Reason.TAILGATING)),
                "lorry": VehiclePassage(
                    time_ns=at_ns, passage=f"v-{seq}", lane="trucks", outcome=Outcome.DENY,
                    reasons=(Reason.VEHICLE_UNREGISTERED, Reason.NOT_DISINFECTED),
                ),
            }[word]  # fmt: skip
            said.append(entry(event, seq=seq, gate=gate))
        return said

    said_of_gates = ["fever", "second", "failed", "ok", "late", "set", "gap", "entry", "breach", "lorry"]
    words = st.lists(st.tuples(st.sampled_from(said_of_gates), st.integers(2, 600)), max_size=8)
    return st.tuples(words, words, words).map(lambda gates: [told(f"gate-{n}", said) for n, said in enumerate(gates)])


def _record(store: AlertStore) -> set[tuple[object, ...]]:
    def facts(row: AlertRow) -> tuple[object, ...]:
        return row.key, row.since_ns, row.last_ns, row.count, row.state, row.told

    return {facts(row) for row in store.newest(1000)}


@settings(max_examples=40, deadline=None)
@given(_stories(), st.randoms(use_true_random=False), st.integers(1, 5), st.integers(0, 2))
def test_in_whatever_order_gates_are_heard_and_however_often_the_alerts_are_the_same(stories, draw, batch, again):
    plain = [one for story in stories for one in story]
    if not plain:
        return
    mixed, left = [], [list(story) for story in stories]
    while any(left):
        mixed.append(draw.choice([story for story in left if story]).pop(0))
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        straight, shuffled = make(Path(one)), make(Path(two))
        hear(straight, plain)
        for start in range(0, len(mixed), batch):
            hear(shuffled, mixed[start : start + batch])
        for _ in range(again):  # an event is heard once more, out of its order
            hear(shuffled, [draw.choice(mixed)])
        assert _record(shuffled) == _record(straight)
        straight.close()
        shuffled.close()


@settings(max_examples=30, deadline=None)
@given(st.permutations([fever(n, TIME_NS + n * HOUR_NS) for n in range(1, 9)]))
def test_fevers_and_their_clusters_are_the_same_in_any_order_at_all(events):
    with tempfile.TemporaryDirectory() as folder:
        store = make(Path(folder))
        for event in events:
            hear(store, [entry(event, seq=int(event.passage.removeprefix("p-")))])
        found = {(row.rule, row.since_ns, row.count) for row in store.newest(100)}
        fevers = {("fever", TIME_NS + n * HOUR_NS, 1) for n in range(1, 9)}
        assert found == fevers | {("fever-cluster", TIME_NS + 3 * HOUR_NS, 8)}
        store.close()
