"""The terminal view as values: it fits its size, aligns wide characters, and obeys nothing that comes from outside."""

from __future__ import annotations

import io
import re

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from hub.board import DeviceRow, Snapshot
from hub.web.terminal import Screen, lines, opening_lines
from hub.web.words import LANGS, Lang
from tests.support.console import ZONE
from tests.support.snapshots import alert, bad_day, board, boards, fever, gate, person

URL = "http://127.0.0.1:8080"
SIZES = [(80, 24), (100, 30), (132, 43), (150, 40), (220, 60)]


def drawn(screen: Screen, width: int = 80, height: int = 24) -> list[str]:
    """The lines of the screen as a terminal of that size would show them."""
    console = Console(width=width, height=height, file=io.StringIO(), color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(screen, end="")
    return capture.get().split("\n")


def shown(snapshot: Snapshot, lang: Lang = "en", width: int = 80, height: int = 24) -> list[str]:
    return drawn(Screen(snapshot, lang=lang, url=URL, zone=ZONE), width, height)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(boards(), st.sampled_from(LANGS), st.sampled_from(SIZES))
def test_any_board_fills_exactly_its_screen_and_steers_nothing(
    snapshot: Snapshot, lang: Lang, size: tuple[int, int]
) -> None:
    screen = shown(snapshot, lang, *size)
    assert len([line for line in screen if line]) <= size[1]
    assert not any(ord(char) < 32 or ord(char) == 127 for line in screen for char in line)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("snapshot", [board(), bad_day()], ids=["calm", "bad"])
def test_each_line_is_as_wide_as_the_terminal_and_no_wider(
    snapshot: Snapshot, lang: Lang, size: tuple[int, int]
) -> None:
    screen = shown(snapshot, lang, *size)
    assert len([line for line in screen if line]) == size[1]
    assert {cell_len(line) for line in screen if line} == {size[0]}


@pytest.mark.parametrize("lang", LANGS)
def test_columns_stand_under_each_other_by_cells(lang: Lang) -> None:
    rows = [line for line in shown(board(), lang) if "35." in line]
    assert len({cell_len(row[: row.index("±")]) for row in rows}) == 1
    assert len(rows) > 5


def test_at_80_by_24_a_bad_day_shows_all_gates_all_alerts_and_the_last_passages() -> None:
    text = "\n".join(shown(bad_day()))
    for word in ("Act now", "river offline", "west  silent", "cam-a failed", "4 (1 urgent)", "disinfection overdue",
                 "nobody to tell", "37.9 ± 0.2 refused", "time series waiting, 1840 behind", URL):  # fmt: skip
        assert word in text


def test_a_wide_terminal_sets_the_passages_beside_the_gates() -> None:
    top = [line for line in shown(bad_day(), width=180, height=50) if line.startswith("Gates") and "time" in line]
    assert len(top) == 1
    assert "╮" not in top[0]


def test_what_does_not_fit_is_counted_and_the_abnormal_comes_first() -> None:
    gates = (*(gate(f"g{n}") for n in range(30)), gate("sick", state="offline"))
    text = "\n".join(shown(board(gates=gates, alerts=tuple(map(alert, range(30))))))
    assert re.search("sick +offline", text)
    assert text.count(" more") == 2


def test_a_broken_connection_is_said_with_the_age_of_the_data() -> None:
    screen = Screen(board(), lang="en", url=URL, zone=ZONE, age_s=42.0, broken=True)
    assert any("broken. What is shown is 42 s old." in line for line in drawn(screen))
    assert not any("Normal" in line for line in drawn(screen))


def test_before_the_first_board_the_address_is_shown() -> None:
    assert "Connecting to http://127.0.0.1:8080" in drawn(Screen(None, lang="en", url=URL))[0]


def test_markup_and_escape_sequences_from_outside_are_shown_as_text() -> None:
    hostile = "[red]x[/red]\x1b[31m"
    devices = (DeviceRow(hostile, "thermal", "failed"),)
    text = "\n".join(
        shown(board(gates=(gate("north", devices=devices),), alerts=(alert(1, detail=hostile),)), width=220)
    )
    assert text.count("[red]x[/red]\ufffd[31m") == 2
    assert "\x1b" not in text


def test_new_passages_are_printed_once_and_oldest_first() -> None:
    before = board(passages=(person(2), person(1)))
    now = board(passages=(fever(4), person(3), person(2), person(1)))
    new = list(lines(before, now, "en", ZONE))
    assert len(new) == 2
    assert new[1] == "2020-02-12 11:59:59 north / a person k3Xq7a 37.9 ± 0.2 °C fever refused"
    assert list(lines(now, now, "en", ZONE)) == []


def test_alerts_are_printed_when_they_open_and_when_they_close() -> None:
    open_, calm = board(alerts=(alert(1, detail="limit 36.9"),)), board()
    assert list(lines(calm, open_, "en", ZONE)) == [
        "alert: critical fever north / a since 2020-02-12 11:50:00 (told) limit 36.9"
    ]
    assert list(lines(open_, calm, "en", ZONE)) == ["alert closed: fever north / a"]


def test_a_gate_that_falls_silent_is_printed() -> None:
    silent = board(gates=(gate("north", state="silent"), gate("south")))
    assert list(lines(board(), silent, "en", ZONE)) == ["gate north: silent"]


def test_another_journal_starts_its_numbers_anew_and_its_passages_are_printed() -> None:
    before = board(passages=(person(900),), journal_events=900)
    now = board(passages=(person(1),), journal_events=1)
    assert len(list(lines(before, now, "en", ZONE))) == 1


@pytest.mark.parametrize("lang", LANGS)
def test_the_opening_says_where_things_stand(lang: Lang) -> None:
    first, *rest = opening_lines(bad_day(), lang, ZONE)
    assert first.startswith("baotou-1 — ")
    assert len(rest) == 4 + 5 + 10


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(boards(), boards(), st.sampled_from(LANGS))
def test_any_two_boards_make_lines_that_are_lines(before: Snapshot, now: Snapshot, lang: Lang) -> None:
    for line in (*opening_lines(now, lang, ZONE), *lines(before, now, lang, ZONE)):
        assert len(line.splitlines()) == 1


def test_a_board_that_crossed_the_wire_is_drawn_alike() -> None:
    crossed = msgspec.json.decode(msgspec.json.encode(bad_day()), type=Snapshot)
    assert shown(crossed) == shown(bad_day())
