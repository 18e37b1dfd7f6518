"""The OSDP reader against libosdp's own peripheral over a pty pair, under Secure Channel."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osdp import Capability, CardFormat, Event, LibFlag, LogLevel, PDCapabilities, PDInfo, PeripheralDevice

from edge.drivers.base import BadgeReader
from edge.drivers.osdp import OsdpReader, card_number, read_key
from edge.drivers.wiegand_bits import WiegandFormat
from tests.support.driver_contract import Bench, DeviceContract
from tests.support.lines import PtyLine
from wire.errors import DriverError

CAPABILITIES = PDCapabilities([(Capability.Readers, 1, 1), (Capability.CommunicationSecurity, 1, 1)])


class Channel:
    """The peripheral's end of the line."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        os.set_blocking(fd, False)

    def read(self, most: int) -> bytes:
        try:
            return os.read(self.fd, most)
        except OSError:
            return b""

    def write(self, data: bytes) -> int:
        return os.write(self.fd, data)

    def flush(self) -> None:
        self.read(4096)


class OsdpBench(Bench):
    """A reader that has a key of its own; `deaf` ends it, as a cut wire would."""

    kind = OsdpReader
    protocol = BadgeReader

    def __init__(self, folder: Path, *, key: bytes | None = None, default_key: bool = False) -> None:
        self.line = PtyLine(folder)
        self.key_file = folder / "osdp.key"
        self.key = secrets.token_bytes(16)
        self.key_file.write_text(self.key.hex() + "\n")
        self.key_file.chmod(0o600)
        self._has = None if default_key else key or self.key
        self._flag = LibFlag.InstallMode if default_key else LibFlag.EnforceSecure
        self.reader: PeripheralDevice | None = None
        self.power_on()

    def power_on(self) -> None:
        info = PDInfo(5, Channel(self.line.far_end), scbk=self._has, flags=[self._flag])
        self.reader = PeripheralDevice(info, CAPABILITIES, log_level=LogLevel.Emergency)
        self.reader.start()

    def power_off(self) -> None:
        if self.reader is not None:
            self.reader.teardown()
        self.reader = None

    def settings(self):
        return {"port": str(self.line.path), "address": 5, "key_file": str(self.key_file), "timeout_s": 3.0}

    def is_open(self):
        return self.line.is_open()

    async def speak(self):
        if self.reader is not None:
            card = {"event": Event.CardRead, "reader_no": 0, "direction": 0, "format": CardFormat.Wiegand}
            self.reader.submit_event({**card, "data": b"\x12\x34\x56\x40", "length": 26})

    async def babble(self):
        assert self.reader is not None
        self.line.say(b"\xff" * 100 + b"\x53\x85\x40\x00\x04" + bytes(range(256)))
        odd = {"event": Event.CardRead, "reader_no": 0, "direction": 0, "format": CardFormat.ASCII}
        self.reader.submit_event({**odd, "data": b"\x00\xff\x07", "length": 3})

    async def unplug(self):
        self.power_off()
        self.line.unplug()

    async def replug(self):
        self.line.plug()
        self.power_on()


@pytest.fixture
def case(tmp_path):
    bench = OsdpBench(tmp_path)
    yield bench
    bench.power_off()


class TestOsdp(DeviceContract):
    """Under Secure Channel."""


async def test_a_card_is_told_with_all_its_bits_or_in_its_format(case):
    driver, _ = await case.started()
    assert (await anext(case.said(driver))).number == f"{0x12345640 >> 6:07X}"
    await driver.stop()


async def test_a_reader_with_another_key_is_refused_and_named_so(tmp_path):
    bench = OsdpBench(tmp_path, key=secrets.token_bytes(16))
    with pytest.raises(DriverError, match=r"has another key than .*osdp\.key; see `install`"):
        await bench.started()
    assert not bench.is_open()
    bench.power_off()


async def test_a_reader_that_is_not_there_is_told_apart_from_one_with_another_key(case):
    case.power_off()
    with pytest.raises(DriverError, match="does not answer: wired and powered"):
        await case.started(timeout_s=0.5)


async def test_a_reader_with_its_default_key_is_refused_until_it_is_given_ours(tmp_path):
    bench = OsdpBench(tmp_path, default_key=True)
    with pytest.raises(DriverError, match="has another key"):
        await bench.started()
    driver, _ = await bench.started(install=True)
    assert await anext(bench.said(driver)) is not None
    await driver.stop()
    bench.power_off()


@pytest.mark.slow
async def test_a_reader_that_died_is_told_and_comes_back_by_a_new_start_at_once(case):
    driver, _ = await case.started()
    case.power_off()
    with pytest.raises(DriverError, match="does not answer any more"):
        await asyncio.wait_for(anext(driver.reads()), 30)
    await driver.stop()
    with pytest.raises(DriverError, match="does not answer"):
        await driver.start()
    case.power_on()
    await driver.start()
    assert await anext(case.said(driver)) is not None
    await driver.stop()


@pytest.mark.parametrize(
    ("content", "fault"), [(b"00" * 15, "30 characters"), (b"xy" * 16, "expected 32 hex"), (b"\xff" * 16, "not text")]
)
def test_a_key_that_is_none_is_refused_and_never_shown(tmp_path, content, fault):
    (tmp_path / "k").write_bytes(content)
    (tmp_path / "k").chmod(0o600)
    with pytest.raises(DriverError, match=fault) as refused:
        read_key(tmp_path / "k")
    assert content.decode("latin-1") not in str(refused.value)
    with pytest.raises(DriverError, match="cannot be read"):
        read_key(tmp_path / "none")


def test_a_key_that_others_may_read_is_refused_with_the_remedy(tmp_path):
    (tmp_path / "k").write_text("00" * 16)
    (tmp_path / "k").chmod(0o644)
    with pytest.raises(DriverError, match="open to others; run: chmod 600"):
        read_key(tmp_path / "k")


@given(st.sampled_from([0, 1, 2]), st.binary(max_size=64), st.integers(-5, 600))
def test_no_card_event_breaks_it(form, data, length):
    event = {"event": 1, "format": form, "data": data, "length": length}
    for number in (card_number(event, None), card_number(event, WiegandFormat())):
        assert number is None or (number.isalnum() and number.isascii())
