"""What a machine tells of heat, power and wear, by the files that Linux has for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import machine
from wire.findings import Level


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_what_a_machine_does_not_tell_is_not_judged(tmp_path):
    assert machine.throttled(tmp_path) is None
    assert machine.wear_percent(tmp_path) is None
    assert machine.check_throttled(None) == machine.check_wear(None) == []


@pytest.mark.parametrize(
    ("told", "level", "word"),
    [
        ("0", Level.GOOD, "enough power"),
        ("50005", Level.FAULT, "undervoltage, throttled"),
        ("50000", Level.WARNING, "since the boot: undervoltage, throttled"),
        ("80008", Level.FAULT, "now: near its heat limit"),
    ],
)
def test_the_firmware_s_bits_are_said_in_words(tmp_path, told, level, word):
    put(tmp_path / "devices/platform/soc/soc:firmware/get_throttled", f"{told}\n")
    [found] = machine.check_throttled(machine.throttled(tmp_path))
    assert found.level is level
    assert word in found.found.en
    assert found.found.zh


@pytest.mark.parametrize(
    ("told", "percent", "level"),
    [
        ("0x01 0x02", 20, Level.GOOD),
        ("0x09 0x01", 90, Level.WARNING),
        ("0x0b 0x01", 110, Level.FAULT),
        ("0x00 0x03", 30, Level.GOOD),  # 0: not defined
    ],
)
def test_the_most_worn_area_counts(tmp_path, told, percent, level):
    put(tmp_path / "block/mmcblk0/device/life_time", f"{told}\n")
    put(tmp_path / "block/mmcblk1/device/life_time", "0x01 0x01\n")
    assert machine.wear_percent(tmp_path) == percent
    assert machine.check_wear(percent)[0].level is level


@given(st.binary(max_size=30))
def test_whatever_stands_there_ends_nothing(tmp_path_factory, told):
    folder = tmp_path_factory.mktemp("sys")
    for name in ("devices/platform/soc/soc:firmware/get_throttled", "block/mmcblk0/device/life_time"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(told)
    machine.check_throttled(machine.throttled(folder))
    machine.check_wear(machine.wear_percent(folder))
