"""Plate cameras and barriers over ISAPI, against a device of that kind on a real socket."""

from __future__ import annotations

import asyncio
import string
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.drivers.anpr import PlateCamera, plate_of, vehicle_read
from edge.drivers.base import VehicleReader
from edge.drivers.hikvision_barrier import Barrier
from edge.drivers.isapi import Alert
from tests.support.clocks import HandClock, at
from tests.support.driver_contract import ActuatorBench, ActuatorContract, Bench, DeviceContract
from tests.support.isapi import IsapiDevice, heartbeat, plate_event, text_part
from tests.support.servers import free_port
from wire.errors import DriverError
from wire.events import Direction, Outcome

NOW = datetime.fromtimestamp(HandClock().now().time_ns / 1e9, UTC)
TIME = ("GET", "/ISAPI/System/time")
GATE = "/ISAPI/Parking/channels/1/barrierGate"
STATUS = ("GET", f"{GATE}/barrierGateStatus")


def time_answer(moment: datetime) -> tuple[int, str]:
    local = moment.astimezone(UTC).isoformat(timespec="seconds")
    return 200, f'<Time version="2.0"><timeMode>NTP</timeMode><localTime>{local}</localTime></Time>'


def event(plate: str = "蒙B12345", moment: datetime = NOW, **more: str) -> bytes:
    """A camera's event as the published example, dated, with other values where wanted."""
    said = {"dateTime": moment.isoformat(timespec="seconds"), **more}
    body = plate_event(plate).split(b"\r\n\r\n", 1)[1].rstrip(b"\r\n").decode()
    for tag, value in said.items():
        begin, _, rest = body.partition(f"<{tag}>")
        body = (
            f"{begin}<{tag}>{value}</{tag}>" + rest.partition(f"</{tag}>")[2]
            if rest
            else body.replace("<ANPR>", f"<ANPR><{tag}>{value}</{tag}>")
        )
    return text_part(body.encode(), "application/xml")


class CameraBench(Bench):
    kind = PlateCamera
    protocol = VehicleReader
    gone = r"lost|All connection attempts failed"

    def __init__(self, folder) -> None:
        self.port = free_port()
        self.password_file = folder / "password"
        self.password_file.write_text("correct horse")
        self.password_file.chmod(0o600)
        self.device: IsapiDevice | None = None

    async def replug(self):
        self.device = IsapiDevice(port=self.port)
        await self.device.__aenter__()
        self.device.answers[TIME] = time_answer(NOW)

    async def unplug(self):
        if self.device is not None:
            await self.device.__aexit__()
        self.device = None

    def settings(self):
        url = f"http://127.0.0.1:{self.port}"
        return {"url": url, "username": "menshen", "password_file": str(self.password_file), "timeout_s": 2.0}

    def is_open(self):
        return self.device is not None and self.device.listeners > 0

    async def speak(self):
        await self.say(event())

    async def babble(self):
        await self.say(text_part(b"<not xml", "application/xml") + text_part(b"{}") + heartbeat() + text_part(b"\xff"))
        await self.say(text_part(b'{"eventType": "ANPR", "ANPR": 7}') + text_part(b'{"eventType": "VMD"}'))

    async def say(self, data: bytes) -> None:
        """Send it to whoever listens, and wait for a listener for a while."""
        for _ in range(100):
            if self.device is None or self.device.listeners:
                break
            await asyncio.sleep(0.005)
        if self.device is not None:
            await self.device.say(data)


@pytest_asyncio.fixture
async def case(tmp_path):
    bench = CameraBench(tmp_path)
    await bench.replug()
    yield bench
    await bench.unplug()


class TestPlateCamera(DeviceContract):
    """Over ISAPI."""


async def test_a_plate_is_told_with_its_way_and_how_sure_the_camera_is(case):
    driver, _ = await case.started(forward="out")
    read = await anext(case.said(driver))
    assert (read.plate, read.confidence, read.direction) == ("蒙B12345", 0.97, Direction.OUT)
    await driver.stop()


async def test_what_was_stored_and_is_sent_later_opens_no_gate(case):
    driver, _ = await case.started()
    source = driver.reads()
    await case.say(event("蒙B00001", NOW - timedelta(minutes=5)))
    await case.say(event("蒙B00002", isDataRetransmission="true"))
    await case.say(event("蒙B00003", currentEvent="false"))
    await case.say(event("蒙B00004"))
    assert (await anext(source)).plate == "蒙B00004"
    await driver.stop()


async def test_a_camera_whose_clock_is_wrong_or_was_set_meanwhile_is_understood(case):
    case.device.answers[TIME] = time_answer(NOW - timedelta(days=400))
    driver, _ = await case.started()
    source = driver.reads()
    await case.say(event("蒙B00001", NOW - timedelta(days=400)))
    assert (await anext(source)).plate == "蒙B00001"
    case.device.answers[TIME] = time_answer(NOW - timedelta(days=800))
    await case.say(event("蒙B00002", NOW - timedelta(days=800)))
    assert (await anext(source)).plate == "蒙B00002"
    await driver.stop()


async def test_other_channels_are_left_out(case):
    driver, _ = await case.started(channel=2)
    await case.say(event("蒙B00001"))
    await case.say(event("蒙B00002", channelID="2"))
    assert (await anext(driver.reads())).plate == "蒙B00002"
    await driver.stop()


async def test_a_camera_that_tells_no_time_is_refused(case):
    case.device.answers[TIME] = (200, "<Time><localTime>yesterday</localTime></Time>")
    with pytest.raises(DriverError, match="does not tell its time"):
        await case.started()


SETTINGS = PlateCamera.Settings(url="http://x", username="u", password_file="p")


@pytest.mark.parametrize("plate", ["", "unknown", "noPlate", "无车牌", None, 7, "??", "A" * 40, "B1"])
def test_what_the_camera_did_not_read_stays_unread(plate):
    alert = Alert("ANPR", {"ANPR": {"licensePlate": plate, "confidenceLevel": "99"}}, None)
    assert vehicle_read(alert, SETTINGS, at(0)).plate is None


@pytest.mark.parametrize("level", ["50", "79", "", None, "nan", "-5"])
def test_a_plate_that_the_camera_is_not_sure_of_is_unread(level):
    alert = Alert("ANPR", {"ANPR": {"licensePlate": "蒙B12345", "confidenceLevel": level}}, None)
    read = vehicle_read(alert, SETTINGS, at(0))
    assert read.plate is None
    assert 0 <= read.confidence < 0.8


@pytest.mark.parametrize(
    ("said", "plate"),
    [("蒙B·12345", "蒙B12345"), ("蓝蒙B12345", "蒙B12345"), (" 京ad12345 ", "京AD12345"), ("KA 12 AB", "KA12AB")],
)
def test_plates_are_written_in_one_way(said, plate):
    assert plate_of(said) == plate


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(string.ascii_letters, max_size=8), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(["ANPR", "licensePlate", "confidenceLevel", "direction", "channelID", "currentEvent"])


@settings(max_examples=50)
@given(st.dictionaries(KEYS, JSON | st.dictionaries(KEYS, JSON)))
def test_no_event_breaks_it_and_an_odd_one_gives_no_odd_plate(fields):
    read = vehicle_read(Alert("ANPR", fields, None), SETTINGS, at(0))
    assert read is None or read.plate is None or (read.plate.isalnum() and read.confidence >= 0.8)


class BarrierBench(ActuatorBench, CameraBench):
    kind = Barrier
    gone = r"All connection attempts failed|ReadError"
    rests = False

    def settings(self):
        return {**super().settings(), "confirm_s": 0.0, "close_on_deny": True}

    async def replug(self):
        await super().replug()
        self.device.answers[STATUS] = (200, "<BarrierGate><barrierGateStatus>1</barrierGateStatus></BarrierGate>")
        self.device.answers["PUT", GATE] = (200, "<ResponseStatus><statusCode>1</statusCode></ResponseStatus>")

    def is_open(self):
        return self.device is not None and bool(self.device._writers)

    async def shows(self):
        told = [request.body for request in self.device.requests if request.method == "PUT" and request.body]
        return told[-1:]


@pytest_asyncio.fixture
async def barrier(tmp_path):
    bench = BarrierBench(tmp_path)
    await bench.replug()
    yield bench
    await bench.unplug()


class TestBarrier(ActuatorContract):
    """Over ISAPI."""

    @pytest.fixture
    def case(self, barrier):
        return barrier


async def test_an_arm_that_was_told_to_open_and_did_not_is_told_at_the_next_decision(barrier):
    driver, _ = await barrier.started(confirm_s=0.05)
    await driver.show(Outcome.ALLOW, ())
    await asyncio.sleep(0.3)
    with pytest.raises(DriverError, match="was told to open and is not open"):
        await driver.show(Outcome.ALLOW, ())
    barrier.device.answers[STATUS] = (200, "<BarrierGate><barrierGateStatus>2</barrierGateStatus></BarrierGate>")
    await driver.show(Outcome.ALLOW, ())
    await asyncio.sleep(0.1)
    await driver.show(Outcome.ALLOW, ())
    await driver.stop()
