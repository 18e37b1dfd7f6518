"""Contacts on GPIO lines and on a Modbus module: told as found, then each change once it has lasted."""

from __future__ import annotations

import asyncio
import itertools

import msgspec
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.base import Contact, ContactKind
from edge.drivers.bounce import Confirmed, Debounced
from edge.drivers.contacts import GpioInput, ModbusInput
from tests.support.clocks import HandClock
from tests.support.driver_contract import Bench, DeviceContract
from tests.support.lines import FakeEdges
from tests.support.modbus import ModbusModule, RtuModule, TcpModule
from wire.events import Direction

MS = 1_000_000


class ContactBench(Bench):
    """What is told at the start is taken away, then a contact changes."""

    protocol = Contact

    async def said(self, driver):
        source = driver.reads()
        async for _ in source:
            break
        await self.speak()
        async for word in source:
            yield word


class GpioInputBench(ContactBench):
    kind = GpioInput

    def __init__(self, folder):
        self.edges = FakeEdges()
        self.edges.state[17] = True

    async def plug(self):
        """It is there from the beginning."""

    def settings(self):
        return {"inputs": [{"line": 17, "contact": "beam"}], "debounce_s": 0.005}

    def seams(self):
        return {"opened": self.edges.open_lines}

    def is_open(self):
        return self.edges.open

    async def speak(self):
        self.edges.edge(17, not self.edges.state[17], HandClock().mono_ns)

    async def babble(self):
        for edge in range(100):
            self.edges.edge(17, edge % 2 == 1, HandClock().mono_ns - (100 - edge) * 10_000)

    async def unplug(self):
        self.edges.unplug()

    async def replug(self):
        self.edges.plugged = True


class ModbusInputBench(ContactBench):
    kind = ModbusInput
    module: type[ModbusModule]

    def __init__(self, folder):
        self.there = self.module(folder)

    async def plug(self):
        await self.there.plug()

    def settings(self):
        inputs = [{"input": 4, "contact": "door"}]
        return {"modbus": self.there.settings(), "inputs": inputs, "every_s": 0.01}

    def is_open(self):
        return self.there.is_open()

    async def speak(self):
        self.there.inputs[4] = not self.there.inputs[4]

    async def babble(self):
        self.there.glitch.add(4)
        await self.there.settled()

    async def unplug(self):
        await self.there.unplug()

    async def replug(self):
        await self.there.plug()


class TcpInputBench(ModbusInputBench):
    module = TcpModule


class RtuInputBench(ModbusInputBench):
    module = RtuModule


@pytest_asyncio.fixture(params=[GpioInputBench, TcpInputBench, RtuInputBench])
async def case(request, tmp_path):
    bench = request.param(tmp_path)
    await bench.plug()
    yield bench
    await bench.unplug()


class TestContacts(DeviceContract):
    """On GPIO, Modbus TCP and Modbus RTU."""


async def test_every_contact_is_told_as_it_is_found_and_then_each_change(tmp_path):
    bench = GpioInputBench(tmp_path)
    bench.edges.state = {17: True, 27: False}
    inputs = [
        {"line": 17, "contact": "turn", "direction": "in"},
        {"line": 27, "contact": "fire", "active_when": "open"},
    ]
    driver, clock = await bench.started(inputs=inputs)
    source = driver.reads()
    found = [await anext(source), await anext(source)]
    assert [(one.contact, one.active, one.direction) for one in found] == [
        (ContactKind.TURN, False, Direction.IN),
        (ContactKind.FIRE, False, None),
    ]
    bench.edges.edge(27, True, clock.now().mono_ns - 5 * MS)
    alarm = await anext(source)
    assert (alarm.contact, alarm.active) == (ContactKind.FIRE, True)
    assert clock.now().mono_ns - alarm.at.mono_ns == 5 * MS
    await driver.stop()


async def test_edges_that_the_kernel_dropped_are_made_up_for_by_asking_the_lines(tmp_path):
    bench = GpioInputBench(tmp_path)
    driver, clock = await bench.started()
    source = driver.reads()
    assert not (await anext(source)).active
    bench.edges.edge(17, False, clock.now().mono_ns)
    bench.edges.edge(17, True, clock.now().mono_ns)
    bench.edges.state[17] = False
    assert (await anext(source)).active
    await driver.stop()


@pytest.mark.parametrize(
    ("kind", "wrong", "fault"),
    [
        (GpioInput, {"inputs": []}, "length >= 1"),
        (GpioInput, {"inputs": [{"line": 1, "contact": "beam"}] * 2}, "two contacts share a line"),
        (GpioInput, {"inputs": [{"line": 1, "contact": "bean"}]}, "'bean'"),
        (ModbusInput, {"inputs": [{"input": 1, "contact": "beam"}], "modbus": {}}, "needs `host`"),
        (
            ModbusInput,
            {
                "inputs": [{"input": 1, "contact": "beam"}, {"input": 5000, "contact": "beam"}],
                "modbus": {"host": "x"},
            },
            "too many to ask",
        ),
    ],
)
def test_contacts_that_cannot_be_meant_are_refused_with_the_reason(kind, wrong, fault):
    with pytest.raises(msgspec.ValidationError, match=fault):
        msgspec.convert(wrong, kind.Settings)


async def test_relays_and_inputs_of_one_serial_module_are_used_side_by_side(tmp_path):
    module = RtuModule(tmp_path)
    await module.plug()
    pair = [
        ModbusInput(
            msgspec.convert(
                {"modbus": module.settings(), "inputs": [{"input": n, "contact": "beam"}], "every_s": 0.01},
                ModbusInput.Settings,
            ),
            HandClock(),
        )
        for n in (0, 1)
    ]
    for driver in pair:
        await driver.start()
    words = await asyncio.gather(*(anext(driver.reads()) for driver in pair))
    assert [word.active for word in words] == [False, False]
    await pair[0].stop()
    assert module.is_open()
    module.inputs[1] = True
    assert (await anext(pair[1].reads())).active
    await pair[1].stop()
    assert not module.is_open()
    await module.unplug()


STEADY_NS = 20


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 60)), max_size=40))
def test_of_a_contact_that_bounces_only_what_lasts_is_told_and_the_last_state_always(shown):
    contact, now, told, last = Debounced(STEADY_NS, False), 0, [], False
    for on, wait in shown:
        now += wait
        told.append(contact.seen(on, now))
        last = on
    told.append(contact.settled(now + STEADY_NS))
    changes = [change for change in told if change is not None]
    assert [change.on for change in changes] == [place % 2 == 0 for place in range(len(changes))]
    assert contact.on == last
    gaps = [after.mono_ns - before.mono_ns for before, after in itertools.pairwise(changes)]
    assert all(gap >= STEADY_NS for gap in gaps)


@given(st.lists(st.booleans(), max_size=40))
def test_of_a_contact_that_is_asked_only_what_is_found_twice_is_told(found):
    contact = Confirmed(False)
    told = [contact.found(on, place) for place, on in enumerate(found)]
    for change in [change for change in told if change is not None]:
        assert found[change.mono_ns] == found[change.mono_ns + 1] == change.on
    if len(found) > 1 and found[-1] == found[-2]:
        changes = [False, *(change.on for change in told if change is not None)]
        assert changes[-1] == found[-1]
