"""The UHF reader against llrpkit's emulator, over a real socket."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from llrpkit.emulator.core import EmulatedTag, LLRPEmulator
from llrpkit.protocol import messages

from edge.drivers.base import VehicleReader
from edge.drivers.feed import Repeats
from edge.drivers.llrp import UhfReader
from tests.support.clocks import at
from tests.support.driver_contract import Bench, DeviceContract
from tests.support.servers import free_port
from wire.errors import DriverError
from wire.events import Direction

OURS = bytes.fromhex("BA0701")


class LlrpBench(Bench):
    kind = UhfReader
    protocol = VehicleReader

    def __init__(self) -> None:
        self.port = free_port()
        self.emulator: LLRPEmulator | None = None
        self.count = 0

    def settings(self):
        return {"host": "127.0.0.1", "tcp_port": self.port, "tag_prefix": "ba0701", "quiet_s": 5.0, "timeout_s": 1.0}

    async def replug(self):
        self.emulator = LLRPEmulator(port=self.port, tags=[], reads_per_sec=400.0)
        await self.emulator.start()

    async def unplug(self):
        if self.emulator is not None:
            await self.emulator.stop()
        self.emulator = None

    def is_open(self):
        return self.emulator is not None and self.emulator._writer is not None

    def drive_by(self, *antennas: int, rssi_dbm: float = -55.0) -> str:
        """A new vehicle comes into the field; its tag."""
        self.count += 1
        epc = OURS + self.count.to_bytes(9, "big")
        if self.emulator is not None:
            self.emulator.tags = [EmulatedTag(epc, antennas or (1,), rssi_dbm)]
        return epc.hex().upper()

    async def speak(self):
        self.drive_by()

    async def babble(self):
        assert self.emulator is not None
        foreign = [EmulatedTag(bytes.fromhex("E200") + bytes(10)), EmulatedTag(b""), EmulatedTag(b"\xba")]
        self.emulator.tags = foreign
        await asyncio.sleep(0.05)


@pytest_asyncio.fixture
async def case():
    bench = LlrpBench()
    await bench.replug()
    yield bench
    await bench.unplug()


class TestLlrp(DeviceContract):
    """Over LLRP."""


async def test_a_tag_counts_once_while_it_stays_and_again_when_it_comes_back(case):
    driver, clock = await case.started()
    source = driver.reads()
    first = case.drive_by()
    assert (await anext(source)).tag == first
    second = case.drive_by()
    read = await anext(source)
    assert (read.tag, read.plate) == (second, None)
    clock.pass_s(6.0)
    assert (await anext(source)).tag == second
    await driver.stop()


async def test_antennas_say_which_way_a_vehicle_drives(case):
    driver, _ = await case.started(antennas_in=[1, 2], antennas_out=[3])
    source = driver.reads()
    case.drive_by(2)
    assert (await anext(source)).direction is Direction.IN
    case.drive_by(3)
    assert (await anext(source)).direction is Direction.OUT
    case.drive_by(4)
    case.drive_by(1)
    assert (await anext(source)).direction is Direction.IN
    await driver.stop()


async def test_a_vehicle_far_away_is_left_out(case):
    driver, _ = await case.started(weakest_dbm=-60.0)
    source = driver.reads()
    case.drive_by(rssi_dbm=-70.0)
    await asyncio.sleep(0.05)
    near = case.drive_by(rssi_dbm=-45.0)
    assert (await anext(source)).tag == near
    await driver.stop()


async def test_a_reader_that_hangs_without_a_word_is_found_out_by_asking(case):
    driver, _ = await case.started(probe_s=0.05, timeout_s=0.1)
    case.emulator.drop_next(messages.GET_READER_CONFIG)
    with pytest.raises(DriverError, match="lost"):
        await asyncio.wait_for(anext(driver.reads()), 10)
    await driver.stop()


async def test_what_is_no_llrp_is_a_driver_error(case):
    driver, _ = await case.started()
    case.emulator._writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 4)
    with pytest.raises(DriverError, match="lost"):
        await asyncio.wait_for(anext(driver.reads()), 10)
    await driver.stop()


def test_an_antenna_cannot_see_both_ways():
    with pytest.raises(msgspec.ValidationError, match=r"antennas \[2\] are among"):
        msgspec.convert({"host": "x", "antennas_in": [1, 2], "antennas_out": [2]}, UhfReader.Settings)


@given(st.lists(st.tuples(st.sampled_from("AB"), st.floats(0, 12)), max_size=30))
def test_each_stay_counts_once_and_stays_are_apart_by_a_silence(sightings):
    repeats, now, last = Repeats(5.0), 0.0, {}
    for tag, wait in sightings:
        now += wait
        fresh = tag not in last or at(now).seconds_since(at(last[tag])) > 5.0
        assert repeats.is_new(tag, at(now)) is fresh
        last[tag] = now
