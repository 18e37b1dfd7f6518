"""The numbers on the boards are the simulator's truth, from a real InfluxDB and from the hub's own figures alike."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import pytest

from dashboards.boards import BOARDS
from dashboards.console import ConsoleBoards, FiguresSource, InfluxSource
from dashboards.influx import Influx
from dashboards.query import Chosen, Rows, Var
from dashboards.ranges import back_ns, moment_ns
from dashboards.sample import Sample
from hub.influx import InfluxSettings
from hub.web.dashboard import Asked
from tests.dashboards.week import EXPECTED, ZONE, Known, Window, fill, make_week

ANYTHING = Asked("", {})
FROM_STANDINGS = {
    "site_hour", "pulse_hour", "health_hour", "camera_hour", "machine_hour", "alert", "duty_day", "declared_day",
    "rounds_day", "isolation_hour", "cause_hour", "ward_hour", "lost_day",
}  # fmt: skip
"""What no event says, or what nothing of was lost: both answers are held against each other, not against the truth."""
EMPTY = {"lost_day"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("week")


@pytest.fixture(scope="module")
def week(folder) -> Sample:
    return make_week(folder)


@pytest.fixture(scope="module")
def known(folder, week) -> Known:
    return Known(folder, week)


@pytest.fixture(scope="module")
def settings(folder, week, influxdb1) -> Iterator[InfluxSettings]:
    found = InfluxSettings(url=influxdb1.url, bucket=f"week_{uuid4().hex[:8]}")
    asyncio.run(fill(week, folder, found))
    return found


def normal(panel: dict) -> object:
    """An answer as `EXPECTED` says it: a number, points that are not 0, or rows by their words."""
    if "table" in panel:
        names = panel["table"]["columns"][1:]
        rows = [dict(zip(names, row[1:], strict=True)) for row in panel["table"]["rows"]]
        return {
            tuple(value for value in row.values() if isinstance(value, str)): {
                name: value for name, value in row.items() if not isinstance(value, str)
            }
            for row in rows
        }
    return {
        (series["name"], at): value
        for series in panel["series"]
        for at, value in zip(series["times"], series["values"], strict=True)
        if value
    }


async def answered(week: Sample, settings: InfluxSettings | None, board: str, asked: Asked = ANYTHING) -> dict:
    influx = None if settings is None else Influx(settings.url, settings.bucket)
    found = await ConsoleBoards(week, influx, str(ZONE), lambda: week.now_ns).answers(board, "en", asked)
    if influx is not None:
        await influx.close()
        assert found["source"] == "influx", found["fault"]
    return found


@pytest.mark.parametrize("source", ["influxdb", "figures"])
@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
async def test_every_number_of_events_on_a_board_is_the_truth(board, source, week, known, settings):
    found = await answered(week, settings if source == "influxdb" else None, board.name)
    for place in board.places():
        expected = EXPECTED.get((board.name, place.panel.title.en)) or EXPECTED.get(("now", place.panel.title.en))
        if expected is None:
            assert {query.source for query in place.panel.asks} <= FROM_STANDINGS, place.panel.title.en
            continue
        panel = found["panels"][str(place.number)]
        wanted = expected(known, Window(panel["from"], panel["to"]))
        shown = normal(panel)
        if isinstance(wanted, dict):
            assert shown.keys() == wanted.keys(), place.panel.title.en
            for key, value in wanted.items():
                assert shown[key] == pytest.approx(value, abs=1e-3), (place.panel.title.en, key)
        else:
            assert sum(shown.values()) == pytest.approx(wanted, abs=1e-3), place.panel.title.en


def test_the_week_has_something_of_everything_that_is_counted(known):
    window = Window(0, known.now_ms)
    nothing = {
        name
        for name, expected in EXPECTED.items()
        if name not in {("fever", "Suspects"), ("devices", "Caught up late")} and not expected(known, window)
    }
    assert nothing <= {("now", "Fevers today")}


def test_every_truth_belongs_to_a_panel():
    titles = {(board.name, place.panel.title.en) for board in BOARDS for place in board.places()}
    assert EXPECTED.keys() <= titles


@pytest.mark.parametrize(
    "values", [{}, {"gate": ["gate-02"]}, {"gate": ["gate-01", "gate-02"], "team": ["T-02"]}], ids=str
)
@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
async def test_influxdb_and_the_hubs_own_figures_give_the_same_answers(board, values, week, settings):
    influx = Influx(settings.url, settings.bucket)
    servers, figures = InfluxSource(influx, str(ZONE)), FiguresSource(week)
    until_ns = week.now_ns + 10**9
    whole = Chosen(moment_ns(board.since, week.now_ns, ZONE), until_ns, {"site": ["week"], **values})
    for place in board.places():
        panel = place.panel
        chosen = whole._replace(from_ns=back_ns(panel.back, week.now_ns, ZONE)) if panel.back else whole
        for query in panel.asks:
            theirs, ours = await servers.frames(query, chosen), await figures.frames(query, chosen)
            assert [frame.tags for frame in theirs] == [frame.tags for frame in ours], panel.title.en
            for one, other in zip(theirs, ours, strict=True):
                if isinstance(query, Rows) or query.every:  # a single value has no moment that anything goes by
                    assert one.times_ns == other.times_ns, panel.title.en
                for name, column in other.columns.items():
                    assert one.columns[name] == pytest.approx(column), (panel.title.en, name)
            if not values and query.source not in EMPTY and not isinstance(query, Rows):
                assert theirs, f"{panel.title.en}: a week without any {query.source}"
    await influx.close()


async def test_marks_are_the_same_from_both_and_lie_in_the_range(week, settings):
    theirs, ours = await answered(week, settings, "fever"), await answered(week, None, "fever")
    assert theirs["marks"] == ours["marks"]
    alerts, shifts = theirs["marks"]
    assert alerts["at"]
    assert shifts["at"]
    assert all(mark["text"] for mark in (*alerts["at"], *shifts["at"]))


async def test_the_values_to_choose_from_are_those_that_there_are(week, settings):
    for server in (settings, None):
        found = await answered(week, server, "now")
        assert found["variables"]["site"] == ["week"]
        assert found["variables"]["gate"] == sorted({gate for _, gate in week.gates})
        assert found["chosen"]["site"] == ["week"]


async def test_a_server_that_is_away_leaves_the_hubs_own_figures_and_is_told_of(week):
    influx = Influx("http://127.0.0.1:9", "menshen")
    found = await ConsoleBoards(week, influx, str(ZONE), lambda: week.now_ns).answers("now", "en", ANYTHING)
    await influx.close()
    assert found["source"] == "figures"
    assert "127.0.0.1:9" in found["fault"]


def test_a_team_with_strange_letters_is_chosen_as_it_is(week):
    from dashboards.query import regex_of

    assert regex_of(["一班/早 (a.b)"]) == r"一班\/早 \(a\.b\)"
    assert regex_of(["a", "b"]) == "(a|b)"
    assert regex_of([]) == ".*"
    assert Var.TEAM == "team"


async def test_whoever_asks_the_same_at_the_same_time_gets_the_same_answer_without_asking_again(week):
    asked = 0

    class Counting:
        zone = week.zone

        async def points(self, name, from_ns, until_ns, where=()):
            nonlocal asked
            asked += 1
            return await week.points(name, from_ns, until_ns, where)

    boards = ConsoleBoards(Counting(), None, str(ZONE), lambda: week.now_ns)
    first = await boards.answers("now", "en", ANYTHING)
    once = asked
    rest = await asyncio.gather(*(boards.answers("now", "en", ANYTHING) for _ in range(5)))
    assert asked == once
    assert all(one == first for one in rest)
    await boards.answers("now", "en", Asked("", {"gate": ["gate-02"]}))
    assert asked > once
