"""A large plant's report on a page: every team is on some page, and small plants' reports are whole."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.reports.figures import GroupFigures, day_report
from hub.reports.tables import tables
from hub.web.report_page import MOST_ROWS, Asked, amiss, on_page, teams_of
from tests.support.console import ZONE
from tests.support.reports import usual

SMALL = day_report(usual())


def large(count: int, grids: int):
    teams = tuple(GroupFigures(name=f"班{n:04d}", grid=f"格{n % grids}", never=n * 7 % 5) for n in range(count))
    return replace(SMALL, teams=teams)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 450), st.integers(1, 9), st.sampled_from([None, "格0", "格1"]), st.integers(0, 1000))
def test_going_on_from_page_to_page_shows_every_team_once_those_with_the_most_amiss_first(count, grids, grid, first):
    report = large(count, grids)
    wanted = [team for team in report.teams if grid in {None, team.grid}]
    shown, place = [], 0
    while place is not None:
        page = teams_of(report, Asked(grid, place))
        assert len(page.shown) <= MOST_ROWS
        assert page.of == len(wanted)
        assert page.before == (place - MOST_ROWS if place else None)
        shown += page.shown
        place = page.after
    assert sorted(shown, key=lambda team: team.name) == wanted
    if len(wanted) > MOST_ROWS:
        assert [amiss(team) for team in shown] == sorted(map(amiss, wanted), reverse=True)
    if wanted:
        assert teams_of(report, Asked(grid, first)).shown, "whoever asks for a place behind the end sees the last page"


def test_a_small_plants_report_is_whole_on_its_page():
    shown = on_page(SMALL, teams_of(SMALL, Asked()), "en", ZONE)
    assert [one.table for one in shown] == tables(SMALL, "en", ZONE)
    assert not any(one.more for one in shown)


def test_of_a_long_list_it_is_said_how_much_is_left_out():
    people = tuple(replace(SMALL.isolated[0], number=str(n)) for n in range(MOST_ROWS + 7))
    shown = on_page(replace(SMALL, isolated=people), teams_of(SMALL, Asked()), "zh", ZONE)
    cut = next(one for one in shown if one.table.key == "isolated")
    assert (len(cut.table.rows), cut.more) == (MOST_ROWS, 7)
