"""The figures of a day: everybody counts once in each part, whatever the day was like."""

from __future__ import annotations

from hypothesis import given

from hub.reports.figures import GROUP_COUNTS, Gathered, day_report, without_names
from tests.support.reports import gathered, usual


@given(gathered())
def test_everybody_registered_counts_once_and_teams_and_grids_add_up_to_the_site(found: Gathered):
    report = day_report(found)
    total = report.total
    assert total.registered == sum(one.people for one in found.people)
    assert total.feverish == sum(count for mark, count in found.marks.items() if mark.figure == "feverish")
    assert total.registered == total.on_duty + total.sick + total.away + total.isolated + total.resting
    assert total.on_duty == total.twice + total.once + total.never
    for groups in (report.teams, report.grids):
        assert len({group.name for group in groups}) == len(groups)
        for count in GROUP_COUNTS:
            assert sum(getattr(group, count) for group in groups) == getattr(total, count)


@given(gathered())
def test_everybody_isolated_stands_in_one_place_and_in_the_list_but_for_those_whose_case_ended(found: Gathered):
    report = day_report(found)
    isolated = [case for case in found.cases if not case.ended]
    assert sum(row.people for row in report.isolation) == len(report.isolated) == report.health["isolated"]
    assert len(isolated) == report.health["isolated"]
    assert all(row.least_day <= row.most_day for row in report.isolation)
    assert report.health["ended"] + report.health["isolated"] == len(found.cases)


@given(gathered())
def test_every_round_is_done_late_or_overdue_and_what_is_overdue_is_named(found: Gathered):
    report = day_report(found)
    assert sum(row.due for row in report.rounds) == len(found.rounds)
    assert all(row.due == row.done + row.late + row.overdue for row in report.rounds)
    assert len(report.overdue) == sum(row.overdue for row in report.rounds)


@given(gathered())
def test_without_names_nothing_but_the_list_of_people_is_gone(found: Gathered):
    report = day_report(found)
    plain = without_names(report)
    assert plain.isolated == ()
    assert (plain.health, plain.isolation, plain.total) == (report.health, report.isolation, report.total)


def test_somebody_measured_three_times_was_measured_twice_and_who_is_off_is_not_missed():
    found = usual()
    report = day_report(found)
    on_duty = [one for one in found.people if one.off is None]
    assert report.total.twice == sum(one.people for one in on_duty if one.measured >= 2)
    assert report.total.never == sum(one.people for one in on_duty if one.measured == 0)
    assert report.teams[-1].name == "", "people without a team stand last"
    assert {team.grid for team in report.teams} <= {"东河3", "昆区1", ""}
