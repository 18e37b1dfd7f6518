"""The judge finds every planted error, each for what it is, and none where there is none."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from sim.judge import effects
from sim.judge.bench import expect
from sim.judge.events import Expected, compare
from sim.judge.findings import AlertSeen, CheckSeen, Fault, JournalRow
from sim.plant import Plant
from sim.roster import sites, token_key
from sim.story import Story
from sim.truth import CrowdTruth, DeviceTruth, PersonTruth, Truth, VehicleTruth
from wire.events import Gap, GapCause, Outcome, PersonPassage, VehiclePassage, Verdict, urgency_of

SECOND = 10**9
LATE_S = 60.0


def truths_of(which: Plant, seed: int, days: int) -> list[Truth]:
    (site,) = sites(which, seed, token_key(seed))
    return [truth for day in Story(site).days(days) for truth in day]


def journal_of(expected: list[Expected]) -> list[JournalRow]:
    """A perfect hub's journal."""
    numbers: Counter[tuple[str, str, str]] = Counter()
    rows = []
    for offset, item in enumerate(expected, 1):
        urgency = urgency_of(item.event).value
        stream = item.site, item.gate, urgency
        numbers[stream] += 1
        seq = numbers[stream]
        rows.append(
            JournalRow(
                offset, item.site, item.gate, urgency, "e", seq, seq, item.event.time_ns, item.event.time_ns, item.event
            )
        )
    return rows


def handed(expected: list[Expected]) -> list[Expected]:
    return [replace(item, handed_ns=item.event.time_ns) for item in expected]


Rows = list[JournalRow]


def drop(rows: Rows, at: int) -> Fault:
    gone = rows.pop(at)
    _renumber(rows, gone, -1)
    return Fault.MISSED


def double(rows: Rows, at: int) -> Fault:
    row = rows[at]
    _renumber(rows, row, 1)
    rows.insert(at + 1, replace(row, seq=row.seq + 1, last=row.last + 1))
    return Fault.TWICE


def swap(rows: Rows, at: int) -> Fault:
    """With the next of its stream: what was said stands in the other's place."""
    row = rows[at]
    other = next(i for i in range(at + 1, len(rows)) if _stream(rows[i]) == _stream(row))
    here, there = rows[at], rows[other]
    rows[at] = replace(here, event=there.event, time_ns=there.time_ns, received_ns=there.received_ns)
    rows[other] = replace(there, event=here.event, time_ns=here.time_ns, received_ns=here.received_ns)
    return Fault.WRONG_ORDER


def delay(rows: Rows, at: int) -> Fault:
    rows[at] = replace(rows[at], received_ns=rows[at].received_ns + int((LATE_S + 1) * SECOND))
    return Fault.LATE


def misdate(rows: Rows, at: int) -> Fault:
    row = rows[at]
    assert row.event is not None
    time_ns = row.time_ns + SECOND
    rows[at] = replace(row, time_ns=time_ns, event=replace(row.event, time_ns=time_ns))
    return Fault.MISDATED


def misdate_the_entry_only(rows: Rows, at: int) -> Fault:
    rows[at] = replace(rows[at], time_ns=rows[at].time_ns + 1)
    return Fault.MISDATED


def another_person(rows: Rows, at: int) -> Fault:
    field = "badge" if isinstance(rows[at].event, PersonPassage) else "vehicle"
    rows[at] = replace(rows[at], event=replace(rows[at].event, **{field: "somebody-else"}))
    return Fault.WRONG_PERSON


def another_verdict(rows: Rows, at: int) -> Fault:
    event = rows[at].event
    if not isinstance(event, PersonPassage):
        return another_decision(rows, at)
    rows[at] = replace(rows[at], event=replace(event, verdict=Verdict.SUSPECT))
    return Fault.WRONG_VERDICT


def another_decision(rows: Rows, at: int) -> Fault:
    rows[at] = replace(rows[at], event=replace(rows[at].event, outcome=Outcome.OTHER))
    return Fault.WRONG_DECISION


def another_lane(rows: Rows, at: int) -> Fault:
    rows[at] = replace(rows[at], event=replace(rows[at].event, lane="elsewhere"))
    return Fault.WRONG_VALUE


def another_place(rows: Rows, at: int) -> Fault:
    """A meal that the hub takes for an arrival, or the other way round."""
    event = rows[at].event
    if not isinstance(event, PersonPassage):
        return another_lane(rows, at)
    rows[at] = replace(rows[at], event=replace(event, place=None if event.place else "canteen"))
    return Fault.WRONG_VALUE


def invent(rows: Rows, at: int) -> Fault:
    row = rows[at]
    _renumber(rows, row, 1)
    event = replace(row.event, passage="nobody", time_ns=row.time_ns + 1)
    rows.insert(at + 1, replace(row, seq=row.seq + 1, last=row.last + 1, time_ns=row.time_ns + 1, event=event))
    return Fault.INVENTED


def confess_a_gap(rows: Rows, at: int) -> Fault:
    row = rows[at]
    _renumber(rows, row, 1)
    event = Gap(time_ns=row.time_ns, cause=GapCause.SPOOL_FULL)
    rows.insert(at + 1, replace(row, seq=row.seq + 1, last=row.last + 1, event=event))
    return Fault.HOLE


def skip_a_number(rows: Rows, at: int) -> Fault:
    _renumber(rows, rows[at], 1)
    return Fault.HOLE


MUTATIONS: list[Callable[[Rows, int], Fault]] = [
    drop, double, swap, delay, misdate, misdate_the_entry_only, another_person, another_verdict, another_decision,
    another_lane, another_place, invent, confess_a_gap, skip_a_number,
]  # fmt: skip

OF_ONE_PASSAGE = {
    *(drop, double, delay, misdate),
    *(another_person, another_verdict, another_decision, another_lane, another_place),
}


def _stream(row: JournalRow) -> tuple[str, str, str]:
    return row.site, row.gate, row.urgency


def _renumber(rows: Rows, after: JournalRow, by: int) -> None:
    for index, row in enumerate(rows):
        if _stream(row) == _stream(after) and row.seq > after.seq:
            rows[index] = replace(row, seq=row.seq + by, last=row.last + by)


def _mutable(rows: Rows) -> list[int]:
    """Passages that are neither first nor last of their stream."""
    last = {_stream(row): row.seq for row in rows}
    return [
        index
        for index, row in enumerate(rows)
        if isinstance(row.event, PersonPassage | VehiclePassage) and 1 < row.seq < last[_stream(row)] - 1
    ]


SMALL = truths_of(Plant(people=60, vehicles=10), 1, 1)


@pytest.mark.parametrize("mutation", MUTATIONS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_one_error_is_one_finding_of_its_kind(mutation, seed):
    expected = handed(list(expect(SMALL, [])))
    rows = journal_of(expected)
    at = random.Random(seed).choice(_mutable(rows))
    passage = rows[at].event.passage
    fault = mutation(rows, at)
    findings, _ = compare(expected, rows, LATE_S)
    assert [finding.fault for finding in findings] == [fault]
    if mutation in OF_ONE_PASSAGE:
        assert findings[0].passage == passage


def test_of_100_000_events_every_planted_error_is_found_and_no_other():
    expected = handed(
        list(expect(truths_of(Plant(gates=20, people=8000, vehicles=800, visitors_per_day=60), 2, 6), []))
    )
    assert len(expected) > 100_000
    rows = journal_of(expected)
    assert compare(expected, rows, LATE_S)[0] == []
    draw = random.Random(20200209)
    streams: set[tuple[str, str, str]] = set()
    planted = Counter()
    for mutation in MUTATIONS:
        at = draw.choice([index for index in _mutable(rows) if _stream(rows[index]) not in streams])
        streams.add(_stream(rows[at]))
        planted[mutation(rows, at)] += 1
    findings, _ = compare(expected, rows, LATE_S)
    assert Counter(finding.fault for finding in findings) == planted


def test_a_journal_that_is_empty_misses_everything_and_one_without_truth_is_invented():
    expected = list(expect(SMALL, []))
    missing, _ = compare(expected, [], LATE_S)
    assert Counter(finding.fault for finding in missing) == {Fault.MISSED: len(expected)}
    invented, _ = compare([], journal_of(expected), LATE_S)
    assert Counter(finding.fault for finding in invented) == {Fault.INVENTED: len(expected)}


def test_what_the_hub_itself_observed_is_no_error():
    expected = list(expect(SMALL, []))
    own = replace(journal_of(expected)[0], gate="hub")
    assert compare(expected, [*journal_of(expected), own], LATE_S)[0] == []


# -- effects ---------------------------------------------------------------------------------------------------------

BUSY = truths_of(Plant(people=300, vehicles=80, undisinfected_share=0.3), 3, 3)


def alerts_of(truths: list[Truth]) -> list[AlertSeen]:
    found = []
    for truth in truths:
        for warn in truth.warn:
            subject = truth.device if isinstance(truth, DeviceTruth) else truth.passage
            key = f"{warn}/{truth.site}/{truth.gate}/{subject}"
            found.append(
                AlertSeen(len(found) + 1, key, warn, "firing", truth.time_ns, truth.time_ns, 1, truth.site, truth.gate)
            )
    return found


@given(st.integers(0, 10**6))
def test_an_alert_that_is_missing_doubled_misdated_or_false_is_found(number):
    alerts = alerts_of(BUSY)
    assert len(alerts) > 10
    assert effects.compare_alerts(BUSY, alerts) == ([], len(alerts))
    at = number % len(alerts)
    alert = alerts[at]
    for changed, fault in (
        (alerts[:at] + alerts[at + 1 :], Fault.ALERT_MISSED),
        ([*alerts, replace(alert, id=0)], Fault.ALERT_TWICE),
        ([*alerts[:at], replace(alert, count=2), *alerts[at + 1 :]], Fault.ALERT_TWICE),
        ([*alerts[:at], replace(alert, since_ns=alert.since_ns + 1), *alerts[at + 1 :]], Fault.ALERT_WRONG),
        ([*alerts, replace(alert, key=f"{alert.rule}/sim/gate-01/nobody")], Fault.ALERT_INVENTED),
    ):
        findings, _ = effects.compare_alerts(BUSY, changed)
        assert [finding.fault for finding in findings] == [fault]


HUNGRY = truths_of(Plant(people=300, canteen_seats=15), 3, 3)


def crowds_of(truths: list[Truth]) -> list[AlertSeen]:
    """What a hub that counts rightly tells: the first crowd of each hour."""
    found: dict[str, AlertSeen] = {}
    for truth in truths:
        if isinstance(truth, CrowdTruth) and truth.crowded:
            key = f"crowding/{truth.site}/{truth.place}/inside/{truth.time_ns // (3600 * SECOND)}"
            at_ns = truth.time_ns
            found.setdefault(
                key,
                AlertSeen(len(found) + 1, key, "crowding", "firing", at_ns, at_ns, 1, truth.site, truth.place),
            )
    return list(found.values())


@given(st.integers(0, 10**6))
def test_a_crowd_that_is_missed_misdated_told_twice_or_of_nobody_is_found(number):
    alerts = crowds_of(HUNGRY)
    assert len(alerts) > 5
    assert effects.compare_crowds(HUNGRY, alerts) == ([], len(alerts))
    assert effects.compare_alerts([], alerts) == ([], 0)
    at = number % len(alerts)
    alert = alerts[at]
    for changed, fault in (
        (alerts[:at] + alerts[at + 1 :], Fault.ALERT_MISSED),
        ([*alerts, replace(alert, id=0)], Fault.ALERT_TWICE),
        ([*alerts[:at], replace(alert, since_ns=alert.since_ns + 1), *alerts[at + 1 :]], Fault.ALERT_WRONG),
        ([*alerts, replace(alert, since_ns=alert.since_ns - 86_400 * SECOND * 30)], Fault.ALERT_INVENTED),
    ):
        findings, _ = effects.compare_crowds(HUNGRY, changed)
        assert [finding.fault for finding in findings] == [fault]


def test_alerts_about_the_gates_themselves_are_not_judged():
    silent = AlertSeen(1, "gate-silent/sim/gate-01", "gate-silent", "firing", 1, 1, 1, "sim", "gate-01")
    assert effects.compare_alerts([], [silent]) == ([], 0)


def test_a_person_that_was_counted_once_too_often_or_too_rarely_is_found():
    wanted = effects.checks_of(BUSY)
    date = min(date for date, _, _ in wanted)
    seen = [CheckSeen(site, badge, count) for (day, site, badge), count in wanted.items() if day == date]
    assert effects.compare_checks(wanted, date, seen, ["sim"]) == []
    for changed in (
        seen[1:],
        [replace(seen[0], measured=seen[0].measured + 1), *seen[1:]],
        [*seen, CheckSeen("sim", "nobody", 1)],
    ):
        assert [finding.fault for finding in effects.compare_checks(wanted, date, changed, ["sim"])] == [
            Fault.CHECK_WRONG
        ]


def test_points_that_are_missing_doubled_or_other_are_found():
    wanted = effects.points_of(expect(BUSY, []))
    assert effects.compare_points("sim", wanted, wanted) == []
    some = next(point for point in wanted if point.value)
    missing, doubled, other = Counter(wanted), Counter(wanted), Counter(wanted)
    missing[some] -= 1
    doubled[some] += 1
    other[some] -= 1
    other[replace(some, value="36.000")] += 1
    faults = [
        [finding.fault for finding in effects.compare_points("sim", wanted, have)] for have in (missing, doubled, other)
    ]
    gone, extra = Fault.SERIES_MISSED, Fault.SERIES_INVENTED
    assert faults == [[gone], [extra], [gone, extra]]


def test_the_truth_of_checks_is_of_badges_and_dates_in_china():
    wanted = effects.checks_of(BUSY)
    by_badge = Counter(
        truth.badge for truth in BUSY if isinstance(truth, PersonTruth) and truth.facts.measured and truth.badge
    )
    assert by_badge.total() <= wanted.total()
    assert {date for date, _, _ in wanted} <= {"2020-02-10", "2020-02-11", "2020-02-12"}
    assert any(isinstance(truth, VehicleTruth) for truth in BUSY)
