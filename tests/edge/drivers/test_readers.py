"""Badge readers on a serial line, on Wiegand wires and on a keyboard wedge keep the drivers' contract."""

from __future__ import annotations

import asyncio

import pytest

from edge.drivers.base import BadgeReader
from edge.drivers.serial import SerialReader
from edge.drivers.wedge import WedgeReader
from edge.drivers.wiegand import WiegandReader
from tests.support.clocks import HandClock
from tests.support.driver_contract import Bench, DeviceContract
from tests.support.lines import FakeEdges, FakeKeys, PtyLine, wiegand_pulses
from wire.errors import DriverError

CARD_26 = "0" + f"{123:08b}" + f"{4567:016b}" + "0"


def with_parity(bits: str) -> str:
    """A 26-bit card with its two parity bits made right."""
    even = str(bits[1:13].count("1") % 2)
    odd = str((bits[13:25].count("1") + 1) % 2)
    return even + bits[1:25] + odd


class SerialBench(Bench):
    kind = SerialReader
    protocol = BadgeReader

    def __init__(self, folder):
        self.line = PtyLine(folder)

    def settings(self):
        return {"port": str(self.line.path), "frame": {"begin": "\x02", "end": "\x03", "checksum": "xor"}}

    def is_open(self):
        return self.line.is_open()

    async def speak(self):
        self.line.say(b"\x020001234567" + _xor(b"0001234567") + b"\x03")

    async def babble(self):
        self.line.say(bytes(range(256)) + b"\x02\x03\x02000123456701\x03\x02" + b"9" * 300)

    async def unplug(self):
        self.line.unplug()

    async def replug(self):
        self.line.plug()


def _xor(payload: bytes) -> bytes:
    made = 0
    for byte in payload:
        made ^= byte
    return b"%02X" % made


class WiegandBench(Bench):
    kind = WiegandReader
    protocol = BadgeReader

    def __init__(self, folder):
        self.edges = FakeEdges()
        self.mono_ns = HandClock().mono_ns

    def settings(self):
        return {"d0": 17, "d1": 27, "number_as": "facility-number"}

    def seams(self):
        return {"opened": self.edges.open_lines}

    def is_open(self):
        return self.edges.open

    async def speak(self):
        for pulse in wiegand_pulses(with_parity(CARD_26), 17, 27, self.mono_ns):
            self.edges.edge(*pulse)

    async def babble(self):
        wrong = with_parity(CARD_26)[:-1] + ("1" if with_parity(CARD_26)[-1] == "0" else "0")
        for bits, age_ns in ((wrong, 900_000_000), ("1" * 500, 400_000_000), ("0110", 100_000_000)):
            for pulse in wiegand_pulses(bits, 17, 27, self.mono_ns - age_ns, 500_000):
                self.edges.edge(*pulse)

    async def unplug(self):
        self.edges.unplug()

    async def replug(self):
        self.edges.plugged = True


class WedgeBench(Bench):
    kind = WedgeReader
    protocol = BadgeReader

    def __init__(self, folder):
        self.keys = FakeKeys()

    def settings(self):
        return {"device": "/dev/input/by-id/usb-reader-event-kbd"}

    def seams(self):
        return {"opened": self.keys.open_device}

    def is_open(self):
        return self.keys.open

    async def speak(self):
        self.keys.type("00Ab1234\n")

    async def babble(self):
        self.keys.type("--!?\n\n" + "7" * 200 + "\n12\n")

    async def unplug(self):
        self.keys.unplug()

    async def replug(self):
        self.keys.plugged = True


@pytest.fixture(params=[SerialBench, WiegandBench, WedgeBench])
def case(request, tmp_path):
    return request.param(tmp_path)


class TestReaders(DeviceContract):
    """All three of them."""


@pytest.mark.parametrize(
    ("bench", "number"), [(SerialBench, "0001234567"), (WiegandBench, "123-04567"), (WedgeBench, "00Ab1234")]
)
async def test_the_number_is_the_one_on_the_badge(bench, number, tmp_path):
    case = bench(tmp_path)
    driver, _ = await case.started()
    assert (await anext(case.said(driver))).number == number
    await driver.stop()


async def test_a_wiegand_card_bears_the_time_of_its_last_edge_however_late_it_is_read(tmp_path):
    case = WiegandBench(tmp_path)
    driver, clock = await case.started()
    began = clock.now()
    source = case.said(driver)
    waiting = asyncio.ensure_future(anext(source))
    await asyncio.sleep(0)
    clock.pass_s(0.5)
    assert (await waiting).at == began
    await driver.stop()


async def test_a_card_on_serial_that_repeats_counts_once_while_it_stays(tmp_path):
    case = SerialBench(tmp_path)
    driver, clock = await case.started(quiet_s=2.0)
    source = case.said(driver)
    await anext(source)
    clock.pass_s(1.0)
    await case.speak()
    case.line.say(b"\x029999999999" + _xor(b"9999999999") + b"\x03")
    assert (await anext(source)).number == "9999999999"
    clock.pass_s(3.0)
    await case.speak()
    assert (await anext(source)).at == clock.now()
    await driver.stop()


async def test_a_port_is_kept_to_one_driver(tmp_path):
    case = SerialBench(tmp_path)
    driver, clock = await case.started()
    with pytest.raises(DriverError, match="cannot be opened"):
        await case.made(clock).start()
    await driver.stop()


async def test_a_wedge_that_types_no_enter_ends_its_number_by_silence(tmp_path):
    case = WedgeBench(tmp_path)
    driver, clock = await case.started(ends_with="silence", gap_s=0.02)
    source = driver.reads()
    case.keys.type("00Ab1234")
    word = await anext(source)
    assert (word.number, word.at) == ("00Ab1234", clock.now())
    await driver.stop()


async def test_a_chip_that_is_not_there_is_named_with_those_that_are():
    reader = WiegandReader(WiegandReader.Settings(chip="no-such-chip", d0=1, d1=2), HandClock())
    with pytest.raises(DriverError, match=r"no GPIO chip labelled no-such-chip; found: \S+"):
        await reader.start()
    gone = WiegandReader(WiegandReader.Settings(chip="/dev/no-such-chip", d0=1, d1=2), HandClock())
    with pytest.raises(DriverError, match="Wiegand reader on lines 1 and 2: cannot be opened: No such file"):
        await gone.start()


async def test_what_is_no_input_device_is_named(tmp_path):
    (tmp_path / "file").touch()
    for path, fault in ((tmp_path / "none", "No such file"), (tmp_path / "file", "Inappropriate ioctl")):
        with pytest.raises(DriverError, match=f"wedge reader {path}: cannot be opened: {fault}"):
            await WedgeReader(WedgeReader.Settings(device=str(path)), HandClock()).start()
