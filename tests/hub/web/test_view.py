"""What a board means is said right: levels, the overall state, times, durations, and nothing that steers a terminal."""

from __future__ import annotations

import unicodedata
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.board import DeviceRow, ProjectionRow
from hub.web import view
from hub.web.view import Level
from hub.web.words import LANGS, Lang, say
from tests.support.snapshots import NOON_NS, SECOND_NS, alert, bad_day, board, fever, gate, person
from wire.events import Outcome, Reason, Verdict
from wire.messages import RegistryHeld

BAOTOU = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize("lang", LANGS)
def test_a_calm_site_is_said_to_be_normal(lang: Lang) -> None:
    state = view.overall(board(), {}, lang)
    assert (state.level, state.headline) == (Level.CALM, say(lang, "level.calm"))


def test_a_board_without_gates_is_no_data_and_not_normal() -> None:
    state = view.overall(board(gates=()), {}, "en")
    assert (state.level, state.headline, state.details) == (Level.UNKNOWN, "No data", ("No gate has reported yet.",))


@pytest.mark.parametrize(
    ("changes", "level", "words"),
    [
        ({"alerts": (alert(1),)}, Level.GRAVE, "critical alerts: 1"),
        ({"alerts": (alert(1, severity="info"),)}, Level.NOTE, "notices: 1"),
        ({"gates": (gate("north"), gate("south", state="offline"))}, Level.GRAVE, "gates offline: south"),
        ({"gates": (gate("west", state="silent"),)}, Level.WARN, "gates silent: west"),
        ({"gates": (gate("west", registry=RegistryHeld(3, 9, 7200.0)),)}, Level.WARN, "registry out of date at: west"),
        ({"gates": (gate("west", devices=(DeviceRow("c", "thermal", "failed"),)),)}, Level.GRAVE, "devices failed: 1"),
        ({"projections": (ProjectionRow("timeseries", 5, "waiting"),)}, Level.WARN, "behind: time series"),
        ({"dead_letters": 2}, Level.NOTE, "messages nobody could read: 2"),
    ],
)
def test_one_thing_that_is_wrong_decides_the_overall_state(
    changes: dict[str, object], level: Level, words: str
) -> None:
    state = view.overall(board(**changes), {}, "en")
    assert (state.level, state.details) == (level, (words,))


def test_what_the_hub_says_of_itself_is_part_of_the_overall_state() -> None:
    state = view.overall(board(), {"alerts": "disk full"}, "en")
    assert (state.level, state.details) == (Level.WARN, ("hub: alerts: disk full",))
    state = view.overall(board(), {"broker": "not connected"}, "zh")
    assert (state.level, state.details) == (Level.WARN, ("中心：未连接消息服务，收不到门岗数据",))


def test_a_resolved_alert_no_longer_counts() -> None:
    assert view.overall(board(alerts=(alert(1, state="resolved"),)), {}, "en").level is Level.CALM


def test_the_worst_of_many_decides() -> None:
    assert view.overall(bad_day(), {}, "en").level is Level.GRAVE


def test_a_state_that_nobody_knows_is_no_data() -> None:
    assert view.gate_level(gate("north", state="asleep")) is Level.UNKNOWN
    assert view.device_level(DeviceRow("c", "thermal", "splendid")) is Level.UNKNOWN


def test_the_devices_of_a_gate_that_does_not_report_are_only_last_known() -> None:
    assert view.devices(gate("west", state="silent"), "en") == "no data now; last known: all 3 working"


def test_a_time_of_today_has_no_date_and_one_of_another_day_has() -> None:
    assert view.clock(NOON_NS, BAOTOU, NOON_NS + 60 * SECOND_NS) == "12:00:00"
    assert view.clock(NOON_NS - 13 * 3600 * SECOND_NS, BAOTOU, NOON_NS) == "02-11 23:00:00"
    assert view.brief(NOON_NS - 13 * 3600 * SECOND_NS, BAOTOU, NOON_NS) == "02-11 23:00"
    assert view.offset(NOON_NS, BAOTOU) == "UTC+08:00"


@pytest.mark.parametrize("time_ns", [-1, 0, 2**63, 2**80])
def test_a_time_that_no_event_can_carry_is_a_dash(time_ns: int) -> None:
    assert view.clock(time_ns, BAOTOU, NOON_NS) == view.NEVER


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (7260, "2 h 1 min"),
        (86_400, "1 d"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_duration_is_said_in_its_largest_units(seconds: float, words: str) -> None:
    assert view.lasted("en", seconds) == words


@pytest.mark.parametrize("seconds", [float("inf"), float("-inf"), float("nan")])
def test_a_duration_that_is_no_number_is_no_error(seconds: float) -> None:
    assert view.lasted("en", seconds)


def test_a_gate_that_never_reported_is_said_so() -> None:
    assert view.ago("en", 0, NOON_NS) == "never seen"
    assert view.ago("zh", NOON_NS - 5 * SECOND_NS, NOON_NS) == "5 秒前"


def test_a_reason_that_repeats_the_verdict_is_said_once_and_others_always() -> None:
    row = fever(1, reasons=(Reason.FEVER, Reason.NO_BADGE))
    assert view.why(row, "en") == "no badge"
    assert view.why(row, "en", with_verdict=True) == "fever, no badge"
    assert view.why(msgspec.structs.replace(row, verdict=Verdict.NORMAL), "en") == "fever, no badge"


def test_a_passage_is_as_bad_as_the_worse_of_reading_and_decision() -> None:
    assert view.passage_level(fever(1)) is Level.GRAVE
    assert view.passage_level(person(1, outcome=Outcome.DENY)) is Level.WARN
    assert view.passage_level(person(1)) is Level.CALM


@given(st.text())
def test_plain_text_holds_nothing_that_steers_and_keeps_all_else(text: str) -> None:
    shown = view.plain(text)
    assert len(shown) == len(text)
    assert not any(unicodedata.category(char) == "Cc" or char in "\u202e\u2066\u2028" for char in shown)
    assert all(new in (old, "\ufffd") for old, new in zip(text, shown, strict=True))


def test_an_escape_sequence_is_seen_and_not_obeyed() -> None:
    assert view.plain("a\x1b[2Jb\u202ec") == "a\ufffd[2Jb\ufffdc"


@pytest.mark.parametrize(
    ("held", "level", "said"),
    [
        (None, Level.CALM, "—"),
        (RegistryHeld(3, 120_000, 4.0), Level.CALM, "120000 entries, 4 s old"),
        (
            RegistryHeld(3, 9, 4.0, 2),
            Level.NOTE,
            "9 entries, 4 s old, 2 parts still to come",
        ),
        (RegistryHeld(3, 9, 7300.0), Level.WARN, "9 entries, 2 h 1 min old"),
        (RegistryHeld(0, 0), Level.WARN, "0 entries, never confirmed"),
    ],
)
def test_a_gates_registry_is_told_with_its_age_and_warned_of_when_nobody_confirms_it(held, level, said):
    row = gate("north", registry=held)
    assert (view.registry(row, "en"), view.registry_level(row), view.card_level(row)) == (said, level, level)
