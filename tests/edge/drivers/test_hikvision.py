"""Hikvision cameras and terminals: people with a temperature, live or told late, once each, over outages."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers import hikvision
from edge.drivers.base import ThermalCamera, ThermalReport
from edge.drivers.hikvision import HikvisionCamera, told_by
from edge.drivers.isapi import Alert
from tests.support.clocks import HandClock
from tests.support.driver_contract import DriverCase, DriverContract, OnHardware
from tests.support.isapi import IsapiDevice, access_event, face_event, heartbeat, picture_part, text_part
from tests.support.servers import eventually
from wire.errors import DriverError
from wire.events import Clock

DEVICE_NS = 1_581_204_600_000_000_000
"""2020-02-09T07:30:00+08:00, which the events of the double bear."""


@pytest.fixture(autouse=True)
def _no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hikvision, "_ledgers", {})


@pytest.fixture
async def device() -> AsyncIterator[IsapiDevice]:
    async with IsapiDevice() as device:
        yield device


def wanted(device: IsapiDevice, folder: Any) -> dict[str, Any]:
    secret = folder / "password"
    secret.write_text(device.password)
    secret.chmod(0o600)
    return {"url": device.url, "username": device.username, "password_file": str(secret)}


class TerminalInTheNetwork:
    """A terminal that has something to say as soon as somebody listens."""

    def __init__(self, device: IsapiDevice) -> None:
        self.threads: set[int] = set()
        self._device = device
        self._serials = itertools.count(1)
        device.greeting = self._people

    def _people(self) -> bytes:
        return b"".join(text_part(json.dumps(access_event(next(self._serials))).encode()) for _ in range(5))

    def vanish(self) -> None:
        self._device.username = "somebody else"  # the next connection is refused …
        self._device.cut()  # … and this one is over

    def come_back(self) -> None:
        self._device.username = "menshen"

    def garble(self) -> None:
        said = text_part(b'{"eventType": "AccessControllerEvent", "AccessControllerEvent": 7}') + b"\x00" * 5000
        self._device.greeting = lambda: said
        for writer in self._device._streams:
            writer.write(said)


@pytest.fixture
def case(device, tmp_path, monkeypatch):
    monkeypatch.setattr("edge.drivers.isapi.REFUSED_PAUSE_S", 0.0)
    world = TerminalInTheNetwork(device)
    return DriverCase(HikvisionCamera, wanted(device, tmp_path), "frames", ThermalCamera, world=world)


class TestHikvision(DriverContract, OnHardware):
    """It keeps the drivers' contract."""


class Listening:
    """A started camera whose reports are collected."""

    def __init__(self, device: IsapiDevice, folder: Any, clock: HandClock, **more: Any) -> None:
        self.reports: list[ThermalReport] = []
        self.camera = HikvisionCamera(HikvisionCamera.Settings(**wanted(device, folder), **more), clock)
        self._device = device

    async def __aenter__(self) -> Listening:
        await self.camera.start()
        before = self._device.listened
        self._task = asyncio.create_task(self._collect())
        await eventually(lambda: self._device.listened > before, "it listens")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.camera.stop()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _collect(self) -> None:
        async with aclosing(self.camera.frames()) as frames:
            async for report in frames:
                self.reports.append(report)

    async def has(self, count: int) -> list[ThermalReport]:
        await eventually(lambda: len(self.reports) >= count, f"{count} reports, there are {self.reports}")
        return self.reports


def clock() -> HandClock:
    return HandClock(DEVICE_NS)


async def test_a_terminal_s_event_is_a_report_with_who_it_was(device, tmp_path):
    async with Listening(device, tmp_path, clock(), identity="card", u_c=0.4) as heard:
        await device.say_event(access_event(11, cardNo="0012345678", currTemperature=37.9, isAbnomalTemperature=True))
        (report,) = await heard.has(1)
    assert (report.temperature_c, report.u_c, report.is_body, report.limit_c) == (37.9, 0.4, False, None)
    assert (report.badge, report.reads_badges, report.mask, report.abnormal) == ("0012345678", True, True, True)
    assert (report.live, report.serial, report.at.time_ns) == (True, 11, DEVICE_NS)


async def test_a_camera_that_shows_body_temperatures_is_judged_by_the_body_s_limit(device, tmp_path):
    async with Listening(device, tmp_path, clock(), measures="body") as heard:
        await device.say_event(face_event(36.6))
        (report,) = await heard.has(1)
    assert (report.is_body, report.limit_c, report.badge, report.reads_badges) == (True, 37.3, None, False)


async def test_each_face_of_a_picture_is_a_report_and_none_is_alone(device, tmp_path):
    async with Listening(device, tmp_path, clock()) as heard:
        await device.say_event(face_event(36.6, 38.2), picture_part())
        await device.say_event(face_event(36.7), picture_part())  # the first of them still stands there
        await device.say_event(face_event(36.0, faceId=90))
        reports = await heard.has(3)
    assert [(report.temperature_c, report.alone) for report in reports] == [(36.6, False), (38.2, False), (36.0, True)]


@pytest.mark.parametrize("newest_first", [False, True])
async def test_what_happened_while_nobody_listened_is_told_late_once_and_as_not_live(device, tmp_path, newest_first):
    time, device.newest_first = clock(), newest_first
    async with Listening(device, tmp_path, time) as heard:
        await device.say_event(access_event(100))
        await heard.has(1)
    for serial in range(101, 126):
        device.keep(access_event(serial, dateTime="2020-02-09T07:40:00+08:00"))
    time.pass_s(1200)
    async with Listening(device, tmp_path, time) as heard:
        await device.say_event(access_event(126, dateTime="2020-02-09T07:50:00+08:00"))
        reports = await heard.has(26)
        assert {report.serial for report in reports} == set(range(101, 127))
        assert [report.serial for report in reports if report.live] == [126]
        assert {report.at.time_ns for report in reports if not report.live} == {DEVICE_NS + 600 * 10**9}
        await device.say_event(access_event(127, dateTime="2020-02-09T07:50:00+08:00"))
        await heard.has(27)
    assert len(heard.reports) == 27


@pytest.mark.parametrize("seed", range(3))
async def test_over_cut_cables_and_hours_away_everybody_is_reported_exactly_once(device, tmp_path, seed):
    draw, time, reports = random.Random(seed), clock(), []
    happened, live = {1000}, {1000}

    async def tell(serial: int) -> None:
        happened.add(serial)
        if draw.random() < 0.25:
            device.keep(access_event(serial))  # while nobody listened, or lost on its way
        else:
            live.add(serial)
            await device.say_event(access_event(serial))

    for stay in range(6):
        device.newest_first = draw.random() < 0.5
        async with Listening(device, tmp_path, time) as heard:
            if stay == 0:
                await device.say_event(access_event(1000))
                await heard.has(1)
            for _ in range(draw.randrange(12)):
                await tell(max(happened) + draw.randint(1, 3))
                await asyncio.sleep(0)
            if stay < 5 and draw.random() < 0.7:
                device.cut()
            elif stay == 5:
                await device.say_event(access_event(max(happened) + 1))
                happened.add(max(happened) + 1)
                await heard.has(len(happened) - len(reports))
        reports.extend(heard.reports)
    assert sorted(report.serial for report in reports) == sorted(happened)
    assert {report.serial for report in reports if report.live} <= live | {max(happened)}


async def test_a_leap_in_the_numbers_is_asked_for_while_live_ones_go_first(device, tmp_path):
    async with Listening(device, tmp_path, clock()) as heard:
        await device.say_event(access_event(5))
        await heard.has(1)
        device.keep(access_event(6, currentEvent=False))
        await device.say_event(access_event(7))
        reports = await heard.has(3)
    assert [(report.serial, report.live) for report in reports] == [(5, True), (7, True), (6, False)]


async def test_another_device_in_the_same_place_that_counts_from_one_is_heard(device, tmp_path):
    async with Listening(device, tmp_path, clock()) as heard:
        await device.say_event(access_event(500))
        await device.say_event(access_event(1))
        await device.say_event(access_event(2))
        assert [report.live for report in await heard.has(3)] == [True] * 3


async def test_a_device_that_cannot_be_reached_cannot_be_started(tmp_path):
    async with IsapiDevice() as gone:
        settings = HikvisionCamera.Settings(**wanted(gone, tmp_path))
    camera = HikvisionCamera(settings, clock())
    with pytest.raises(DriverError, match="cannot be reached"):
        await camera.start()
    await camera.stop()


async def test_an_event_that_the_device_itself_replays_is_not_live(device, tmp_path):
    async with Listening(device, tmp_path, clock()) as heard:
        await device.say_event(access_event(5, currentEvent=False))
        (report,) = await heard.has(1)
    assert not report.live


async def test_an_event_that_was_held_up_on_its_way_is_not_live_whatever_the_device_s_clock_shows(device, tmp_path):
    time = clock()
    time.pass_s(-3_000_000)  # the device's clock is a month ahead
    async with Listening(device, tmp_path, time) as heard:
        await device.say_event(access_event(1))
        await heard.has(1)
        time.pass_s(30)
        await device.say_event(access_event(2, dateTime="2020-02-09T07:30:02+08:00"))
        await device.say_event(access_event(3, dateTime="2020-02-09T07:30:30+08:00"))
        reports = await heard.has(3)
    assert [report.live for report in reports] == [True, False, True]


async def test_a_late_event_without_a_usable_time_says_that_its_time_is_not_known(device, tmp_path):
    async with Listening(device, tmp_path, clock()) as heard:
        await device.say_event(access_event(1, currentEvent=False, dateTime="1970-01-01T00:00:00+08:00"))
        (report,) = await heard.has(1)
    assert (report.at.time_ns, report.at.clock) == (DEVICE_NS, Clock.FREE)


async def test_the_last_number_is_kept_over_a_restart_of_the_gate(device, tmp_path, monkeypatch):
    file = tmp_path / "serial"
    async with Listening(device, tmp_path, clock(), serial_file=str(file)) as heard:
        await device.say_event(access_event(41))
        await heard.has(1)
        await eventually(lambda: file.exists() and file.read_text() == "41", "the number is kept")
    monkeypatch.setattr(hikvision, "_ledgers", {})
    device.keep(access_event(42))
    async with Listening(device, tmp_path, clock(), serial_file=str(file)) as heard:
        assert [report.serial for report in await heard.has(1)] == [42]


async def test_a_device_that_keeps_no_record_is_no_fault(device, tmp_path):
    device.answers["POST", "/ISAPI/AccessControl/AcsEvent"] = 403, '{"statusString": "Invalid Operation"}'
    async with Listening(device, tmp_path, clock()) as heard:
        await device.say_event(access_event(1))
        await device.say_event(access_event(4))
        await device.say_event(access_event(5))
        assert [report.serial for report in await heard.has(3)] == [1, 4, 5]


async def test_events_that_measured_nobody_are_left_out(device, tmp_path):
    async with Listening(device, tmp_path, clock()) as heard:
        door = access_event(1, subEventType=21)
        del door["AccessControllerEvent"]["currTemperature"]
        await device.say_event(door)
        await device.say_event(access_event(2, currTemperature=0.0))
        await device.say_event({"eventType": "TMA", "TMA": {"currTemperature": 36.6}})
        await device.say(heartbeat())
        await device.say_event(access_event(3, currTemperature=98.6, thermometryUnit="fahrenheit"))
        (report,) = await heard.has(1)
    assert (report.serial, round(report.temperature_c, 2)) == (3, 37.0)


KEYS = st.sampled_from(
    ["currTemperature", "faceTemperature", "mask", "value", "serialNo", "cardNo", "employeeNoString", "currentEvent",
     "thermometryUnit", "isAbnomalTemperature", "faces", "faceId", "targetAttrs"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=20,
)


@given(st.sampled_from(sorted(hikvision.TERMINAL | hikvision.CAMERA)), JSON)
def test_whatever_an_event_holds_it_says_people_with_plausible_temperatures_or_nobody(kind, inner):
    alert = Alert(kind, {"eventType": kind, kind: inner}, None)
    for told in told_by(alert):
        assert 20 <= told.celsius <= 50
        assert told.serial is None or told.serial >= 0
    serial = hikvision.serial_of(alert)
    assert serial is None or serial >= 0


@given(st.dictionaries(st.sampled_from(["AcsEvent"]), JSON))
def test_whatever_a_search_answers_gives_entries_or_none(answer):
    entries, more = hikvision.found_by(answer)
    assert all(isinstance(entry, dict) for entry in entries)
    assert isinstance(more, bool)
