"""What a machine tells of heat, power, wear and clock, by the files that Linux has for it; and how that is judged."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import fitness, machine
from edge.clock import clock_quality, kernel_clock_synced
from wire.events import DeviceKind, Health
from wire.findings import Level
from wire.machine import ClockQuality, Machine

CARD = "179 2 / / rw,noatime - ext4 /dev/mmcblk0p2 rw,errors=remount-ro"
OVERLAID = """\
22 1 0:20 / / rw,relatime - overlay overlayroot rw,lowerdir=/media/root-ro,upperdir=/media/root-rw/overlay
23 22 0:21 / /media/root-rw rw,relatime - tmpfs tmpfs-root rw
24 22 179:2 / /media/root-ro ro,relatime - ext4 /dev/mmcblk0p2 ro
"""
DATA = "25 22 179:3 / /var/lib/menshen-gate rw,noatime - ext4 /dev/mmcblk0p3 rw"
STATE = Path("/var/lib/menshen-gate")


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_what_a_machine_does_not_tell_is_not_judged(tmp_path):
    told = machine.look(tmp_path, tmp_path / "sys", tmp_path / "proc")
    assert told.disk_mb
    assert Machine(disk_mb=told.disk_mb, clock=told.clock) == told
    assert fitness.judge(told) == {}
    assert fitness.findings(Machine()) == []


def test_this_machine_s_own_files_are_read(tmp_path):
    told = machine.look(tmp_path)
    assert told.memory_free_mb
    assert told.memory_free_mb > 1
    assert told.read_only_root is not None
    assert told.clock is not None
    assert told.clock.synced is kernel_clock_synced()
    if (store := machine.store_of(tmp_path)) is not None and (Path("/sys/fs/ext4") / store.partition).exists():
        assert told.written_gb
        assert told.storage.startswith(store.device.name)


def test_the_clock_s_quality_is_the_kernel_s():
    quality = clock_quality()
    assert quality is not None
    assert quality.error_s is not None
    assert quality.error_s >= 0
    assert abs(quality.offset_s or 0) < 10


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
    [found] = fitness.check_throttled(machine.throttled(tmp_path))
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
    assert fitness.check_storage(Machine(wear_percent=percent))[0].level is level


@pytest.mark.parametrize(
    ("told", "health", "word"),
    [
        (Machine(spare_state=1), Health.OK, ""),
        (Machine(spare_state=2), Health.DEGRADED, "most spare blocks"),
        (Machine(spare_state=3), Health.FAILED, "nearly all spare blocks"),
        (Machine(disk_errors=0), Health.OK, ""),
        (Machine(disk_errors=4), Health.DEGRADED, "4 faults"),
        (Machine(wear_percent=110, disk_errors=4), Health.FAILED, "its life is over; 4 faults"),
        (Machine(in_memory=True), Health.FAILED, "in memory only"),
    ],
)
def test_a_card_that_wears_out_is_told_before_it_fails(told, health, word):
    found = fitness.judge(told)[DeviceKind.STORAGE]
    assert found.health is health
    assert word in found.detail
    [line] = fitness.check_storage(told)
    assert (line.level is Level.GOOD) is (health is Health.OK)
    assert line.found.zh


def test_undervoltage_is_told_also_when_it_was_only_between_two_looks():
    before, after = Machine(throttled=0), Machine(throttled=0x10000)
    assert fitness.judge(before)[DeviceKind.POWER].health is Health.OK
    assert fitness.judge(after, before)[DeviceKind.POWER].health is Health.DEGRADED
    assert fitness.judge(after, after)[DeviceKind.POWER].health is Health.OK, "it was told"
    assert fitness.judge(after)[DeviceKind.POWER].health is Health.OK, "how it was before this start nothing tells"


@pytest.mark.parametrize(
    ("told", "is_hot", "health"),
    [
        (Machine(cpu_c=84.9), False, Health.OK),
        (Machine(cpu_c=85.0), False, Health.DEGRADED),
        (Machine(cpu_c=81.0), True, Health.DEGRADED),
        (Machine(cpu_c=79.0), True, Health.OK),
        (Machine(cpu_c=40.0, throttled=0x4), False, Health.DEGRADED),
        (Machine(cpu_c=40.0, throttled=0x5), False, Health.OK),  # undervoltage throttles, too, and is told as that
    ],
)
def test_heat_slows_down_at_once_and_is_over_well_below_its_limit(told, is_hot, health):
    assert fitness.judge(told, is_hot=is_hot)[DeviceKind.HEAT].health is health


@pytest.mark.parametrize(
    ("mountinfo", "read_only", "in_memory"),
    [
        (CARD, False, False),
        (CARD.replace("rw,noatime", "ro,noatime"), False, False),  # a service sees it so: systemd's ProtectSystem
        (OVERLAID, True, True),  # its own partition is missing: what it keeps is gone without power
        (f"{OVERLAID}{DATA}", True, False),
        ("1 0 0:9 / / rw - overlay overlay rw,upperdir=/var/lib/docker/1/diff", False, False),
        ("1 0 0:9 / / rw - tmpfs tmpfs rw", True, True),
        ("1 0 7:0 / / ro - squashfs /dev/loop0 ro", True, False),
        (f"{CARD}\n9 1 0:5 / /var rw - tmpfs tmpfs rw", False, True),
    ],
)
def test_where_what_is_written_goes(mountinfo, read_only, in_memory):
    mounts = machine.mounts_of(mountinfo)
    assert machine.is_read_only(mounts) is read_only
    assert machine.is_in_memory(mounts, STATE) is in_memory


def test_a_clock_that_may_be_wrong_by_seconds_is_worth_a_look():
    good, bad = (Machine(clock=ClockQuality(True, 0.0, error_s)) for error_s in (0.02, 2.5))
    assert [fitness.findings(one)[0].level for one in (good, bad)] == [Level.GOOD, Level.WARNING]
    assert fitness.findings(Machine(clock=ClockQuality(False, 0.0, 16.0))) == []


@given(st.binary(max_size=30))
def test_whatever_stands_there_ends_nothing(tmp_path_factory, told):
    folder = tmp_path_factory.mktemp("sys")
    names = ("devices/platform/soc/soc:firmware/get_throttled", "block/mmcblk0/device/life_time",
             "block/mmcblk0/device/pre_eol_info", "class/thermal/thermal_zone0/temp",
             "meminfo", "self/mountinfo")  # fmt: skip
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(told)
    seen = machine.look(folder, folder, folder)
    fitness.judge(seen)
    fitness.findings(seen)
