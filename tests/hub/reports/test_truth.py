"""The daily report of a plant whose truth is known, to the last person."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest

from hub.reports.figures import DayReport
from hub.reports.gather import report_of, times_of
from sim.plant import ZONE, Conduct, Faults, Health, Plant
from sim.roster import Errand
from sim.truth import CrowdTruth, DisinfectionTruth, DutyTruth, PersonTruth, SecondaryTruth, VehicleTruth
from tests.support.plants import Told, hub_of, moment_ns, told
from wire.events import Outcome, Reason

_NONE = dict.fromkeys(Conduct.__struct_fields__, 0.0)
ORDERLY = Plant(
    people=220, canteens=1, canteen_seats=12, eaters_share=0.5, vehicles=30, visitors_per_day=0, returnee_share=0.0,
    undisinfected_share=0.2, health=Health(brought_in_share=0.0, other_fever_share=0.0),
    conduct=Conduct(**_NONE | {"skipped_second_share": 0.4, "past_camera_share": 0.1, "out_of_slot_share": 0.1,
                               "served_late_share": 0.3}),
    faults=Faults(power_cuts=0, link_outages=0, camera_faults=0, reader_faults=0, unread_plate_share=0.1),
)  # fmt: skip
"""Everybody keeps their badge and stays well: whose measurement it is, is known."""
DAYS = 3
"""The third ends the night shifts of the second."""


@pytest.fixture(scope="module")
def heard() -> Told:
    return told(ORDERLY, 1, DAYS)


async def reports_of(folder: Path, heard: Told) -> list[DayReport]:
    now_ns = moment_ns(ORDERLY, DAYS)
    async with hub_of(folder, heard, now_ns) as sources:
        return [await report_of(sources, ORDERLY.begins + timedelta(days=n), now_ns) for n in range(DAYS - 1)]


def of_day(heard: Told, kind: type, day: str) -> list:
    times = times_of(date.fromisoformat(day), ZONE)
    return [t for t in heard.truths if isinstance(t, kind) and times.from_ns <= t.time_ns < times.until_ns]


async def test_the_daily_report_of_a_simulated_plant_is_the_truth_to_the_last_person(tmp_path, heard):
    registered = {member.badge for member in heard.site.members if member.registered}
    for report in await reports_of(tmp_path, heard):
        rolls = [t for t in heard.truths if isinstance(t, DutyTruth) and t.date == report.day]
        assert len(rolls) == len(ORDERLY.shifts)
        once = sum(len(registered.intersection(roll.once)) for roll in rolls)
        never = sum(len(registered.intersection(roll.never)) for roll in rolls)
        assert once > 5
        assert (report.total.once, report.total.never) == (once, never)
        assert report.total.twice == len(registered) - once - never == report.total.on_duty - once - never
        people_are_the_truth(report, of_day(heard, PersonTruth, report.day), of_day(heard, SecondaryTruth, report.day))
        vehicles_are_the_truth(report, of_day(heard, VehicleTruth, report.day))
        rounds_are_the_truth(report, of_day(heard, DisinfectionTruth, report.day))
        meals_are_the_truth(report, of_day(heard, PersonTruth, report.day), of_day(heard, CrowdTruth, report.day))


def people_are_the_truth(report: DayReport, people: list[PersonTruth], second: list[SecondaryTruth]) -> None:
    outcomes = Counter(truth.outcome for truth in people if truth.seen)
    assert report.gates["passages"] == outcomes.total()
    assert report.gates["allowed"] == outcomes[Outcome.ALLOW]
    assert report.gates["denied"] == outcomes[Outcome.DENY]
    assert report.gates["again"] == outcomes[Outcome.REMEASURE]
    assert report.gates["unmeasured"] == sum(truth.seen and not truth.facts.measured for truth in people)
    assert report.gates["by_hand"] == len(second)
    unknown = [t for t in people if t.seen and {Reason.NO_BADGE, Reason.UNKNOWN_BADGE}.intersection(t.reasons)]
    assert report.visitors["unknown"] == len(unknown)


def vehicles_are_the_truth(report: DayReport, vehicles: list[VehicleTruth]) -> None:
    assert report.vehicles["passages"] == len(vehicles) > 0
    assert report.vehicles["allowed"] == sum(truth.outcome is Outcome.ALLOW for truth in vehicles)
    assert report.vehicles["unregistered"] == sum(Reason.VEHICLE_UNREGISTERED in truth.reasons for truth in vehicles)
    assert report.vehicles["undisinfected"] == sum(Reason.NOT_DISINFECTED in truth.reasons for truth in vehicles)
    assert any(truth.errand is Errand.DELIVERY for truth in vehicles)


def rounds_are_the_truth(report: DayReport, rounds: list[DisinfectionTruth]) -> None:
    due = Counter("commuter" if truth.place is None else truth.place.split("-")[0] for truth in rounds)
    left_out = Counter("commuter" if t.place is None else t.place.split("-")[0] for t in rounds if not t.done)
    assert {row.kind: row.due for row in report.rounds} == due
    assert Counter({row.kind: row.overdue for row in report.rounds}) == left_out + Counter()
    assert sum(left_out.values()) == len(report.overdue) > 0


def meals_are_the_truth(report: DayReport, people: list[PersonTruth], crowds: list[CrowdTruth]) -> None:
    diners = {truth.badge for truth in people if truth.slot and truth.outcome is Outcome.ALLOW}
    assert report.meals["diners"] >= len(diners) > 50
    began = {(truth.place, truth.time_ns // (3600 * 10**9)) for truth in crowds if truth.crowded}
    assert report.meals["crowds"] == len(began)
