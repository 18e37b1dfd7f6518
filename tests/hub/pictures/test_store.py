"""Thermal pictures at the hub: for a set time, for their owner's eyes, and in no name."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec.structs import replace

from hub.board import AlertRow
from hub.pictures import store
from hub.pictures.store import Pictures

JPEG = b"\xff\xd8 a face \xff\xd9"
FEVER = AlertRow(7, "fever/s/north/p1", "fever", "critical", "firing", 0, 0, 1, "s", "north", "a", "38.4 °C")


class Clock:
    now_s = 1_581_200_000.0

    def __call__(self) -> float:
        return self.now_s


def make(folder: Path, clock: Clock, keep_s: float = 100.0) -> Pictures:
    return Pictures(folder / "pictures", keep_s, clock)


def test_a_picture_is_shown_for_its_time_then_it_is_gone_from_the_disk(tmp_path):
    clock = Clock()
    pictures = make(tmp_path, clock)
    assert pictures.put("s", "north", "p1", JPEG)
    clock.now_s += 90
    assert pictures.put("s", "north", "p1", JPEG)
    assert pictures.of("s", "north", "p1") == JPEG
    assert pictures.sweep() == 0
    clock.now_s += 20
    assert pictures.of("s", "north", "p1") == b""
    assert pictures.sweep() == 1
    assert list((tmp_path / "pictures").iterdir()) == []


def test_a_clock_that_was_set_back_keeps_no_picture_for_ever(tmp_path):
    clock = Clock()
    pictures = make(tmp_path, clock)
    pictures.put("s", "north", "p1", JPEG)
    clock.now_s -= 10_000
    assert pictures.of("s", "north", "p1") == b""
    assert pictures.sweep() == 1


def test_only_its_owner_reads_it_and_its_name_says_nothing(tmp_path):
    make(tmp_path, Clock()).put("s", "north", "passage-of-ann", JPEG)
    (file,) = (tmp_path / "pictures").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0
    assert "ann" not in file.name


def test_what_is_no_picture_is_not_kept_and_a_part_that_a_crash_left_is_swept(tmp_path):
    clock = Clock()
    pictures = make(tmp_path, clock)
    assert not pictures.put("s", "north", "p1", b"GIF89a")
    assert not pictures.put("s", "north", "p1", JPEG[:-1])
    pictures.put("s", "north", "p2", JPEG)
    part = tmp_path / "pictures" / "torn.part"
    part.write_bytes(b"half")
    os.utime(part, (clock.now_s - 1000, clock.now_s - 1000))
    assert pictures.sweep() == 1


def test_there_are_never_more_than_so_many_and_the_newest_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "MOST_FILES", 3)
    clock = Clock()
    pictures = make(tmp_path, clock)
    for number in range(5):
        clock.now_s += 1
        pictures.put("s", "north", f"p{number}", JPEG)
    assert pictures.sweep() == 2
    assert [bool(pictures.of("s", "north", f"p{number}")) for number in range(5)] == [False, False, True, True, True]


def test_an_alert_finds_its_own_picture_and_no_other(tmp_path):
    pictures = make(tmp_path, Clock())
    pictures.put("s", "north", "p1", JPEG)
    assert pictures.of_alert(FEVER) == JPEG
    assert pictures.of_alert(replace(FEVER, key="fever-confirmed/s/north/p1", rule="fever-confirmed")) == JPEG
    for other in (
        replace(FEVER, key="fever/s/north/p2"),
        replace(FEVER, key="fever/s/south/p1", gate="south"),
        replace(FEVER, key="unscreened-entry/s/north/p1", rule="unscreened-entry"),
    ):
        assert pictures.of_alert(other) == b""
