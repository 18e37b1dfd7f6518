"""The PC/SC reader against a real pcscd, with cards that are programs."""

from __future__ import annotations

import asyncio
import threading

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.base import BadgeReader
from edge.drivers.pcsc import PcscReader, uid_of
from tests.support.driver_contract import Bench, DeviceContract
from tests.support.pcsc import Pcscd, VirtualCard
from wire.errors import DriverError

UID = bytes.fromhex("04A1B2C3D4E580")


class PcscBench(Bench):
    kind = PcscReader
    protocol = BadgeReader
    gone = r"lost|cannot be opened"

    def __init__(self, folder) -> None:
        self.pcscd = Pcscd(folder)
        self.card: VirtualCard | None = None

    async def replug(self):
        await asyncio.to_thread(self.pcscd.start)

    async def unplug(self):
        await self.take_off()
        await asyncio.to_thread(self.pcscd.stop)

    def settings(self):
        return {"reader": "Menshen Test 00 00"}

    def is_open(self):
        return any(thread.name == "pcsc" for thread in threading.enumerate())

    async def lay_on(self, answer: bytes) -> None:
        await self.take_off()
        self.card = VirtualCard(self.pcscd.port, answer)
        await self.card.lay_on()

    async def take_off(self) -> None:
        if self.card is not None:
            await self.card.take_off()
        self.card = None

    async def speak(self):
        if self.pcscd.runs:
            await self.lay_on(UID + b"\x90\x00")

    async def babble(self):
        for answer in (b"\x6a\x81", b"\x01" * 40 + b"\x90\x00"):
            await self.lay_on(answer)
            await asyncio.wait_for(self.card.asked.wait(), 10)
            await self.take_off()
            await asyncio.sleep(0.6)


@pytest_asyncio.fixture
async def case(tmp_path):
    bench = PcscBench(tmp_path)
    await bench.replug()
    yield bench
    await bench.unplug()


class TestPcsc(DeviceContract):
    """With a real pcscd."""


async def test_a_card_is_told_by_its_serial_number_once_for_each_time_it_is_laid_on(case):
    driver, _ = await case.started()
    source = driver.reads()
    await case.lay_on(UID + b"\x90\x00")
    assert (await anext(source)).number == UID.hex().upper()
    await case.take_off()
    await asyncio.sleep(0.6)
    await case.lay_on(bytes.fromhex("DEADBEEF") + b"\x90\x00")
    assert (await anext(source)).number == "DEADBEEF"
    await driver.stop()


async def test_a_reader_that_is_not_the_only_one_must_be_named(case):
    with pytest.raises(DriverError, match=r"2 readers have such a name, .* Menshen Test 00 00; Menshen Test 00 01"):
        await case.started(reader="Menshen")


@given(st.lists(st.integers(0, 255), max_size=300), st.integers(0, 255), st.integers(0, 255))
def test_of_any_answer_only_a_good_one_is_a_number(data, first, second):
    number = uid_of((data, first, second))
    assert number is None or ((first, second) == (0x90, 0) and 8 <= len(number) <= 20)
