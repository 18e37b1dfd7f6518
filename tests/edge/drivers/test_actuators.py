"""Relays and lamps on GPIO lines and on Modbus modules, and several of them as one, keep the actuators' contract."""

from __future__ import annotations

import asyncio
import itertools

import msgspec
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers import relay
from edge.drivers.catalogue import Plug
from edge.drivers.lamp import BEAT_S, Lamp, rhythm
from edge.drivers.relay import GpioRelay, ModbusRelay
from edge.drivers.switches import GpioSwitches, GpioVia
from tests.support.clocks import HandClock
from tests.support.driver_contract import ActuatorBench, ActuatorContract
from tests.support.lines import FakeOutputs
from tests.support.modbus import RtuModule, TcpModule
from wire.errors import DriverError, SettingsError
from wire.events import Outcome, Reason
from wire.settings import Document


class GpioRelayBench(ActuatorBench):
    kind = GpioRelay

    def __init__(self, folder):
        self.lines = FakeOutputs()

    def settings(self):
        return {"line": 5, "pulse_s": 60.0}

    def seams(self):
        return {"opened": self.lines.open_lines}

    async def plug(self):
        self.lines.plugged = True

    replug = plug

    async def unplug(self):
        self.lines.plugged = False

    def is_open(self):
        return self.lines.open

    async def shows(self):
        return dict(self.lines.state)


class GpioLampBench(GpioRelayBench):
    kind = Lamp

    def settings(self):
        return {"switches": {"via": "gpio"}, "green": 1, "red": 2, "amber": 3, "buzzer": 4}

    def seams(self):
        return {"hung_on": GpioSwitches(GpioVia(), self.lines.open_lines)}


class ModbusRelayBench(ActuatorBench):
    kind = ModbusRelay
    module = TcpModule

    def __init__(self, folder):
        self.there = self.module(folder)

    def settings(self):
        return {"modbus": self.there.settings(), "coil": 2, "pulse_s": 60.0}

    async def plug(self):
        await self.there.plug()

    replug = plug

    async def unplug(self):
        await self.there.unplug()

    def is_open(self):
        return self.there.is_open()

    async def shows(self):
        return list(self.there.coils)


class RtuRelayBench(ModbusRelayBench):
    module = RtuModule


class ModbusLampBench(ModbusRelayBench):
    kind = Lamp

    def settings(self):
        return {"switches": {"via": "modbus", **self.there.settings()}, "green": 1, "red": 2}


@pytest_asyncio.fixture(params=[GpioRelayBench, GpioLampBench, ModbusRelayBench, RtuRelayBench, ModbusLampBench])
async def case(request, tmp_path):
    bench = request.param(tmp_path)
    await bench.plug()
    yield bench
    await bench.unplug()


class TestActuators(ActuatorContract):
    """On GPIO, Modbus TCP and Modbus RTU."""


def lit(bench) -> list[bool]:
    return [state[5] for state in bench.lines.history]


class TestRelay:
    @pytest.fixture
    def bench(self, tmp_path):
        return GpioRelayBench(tmp_path)

    async def test_a_pulse_ends_by_itself(self, bench):
        driver, _ = await bench.started(pulse_s=0.01)
        await driver.show(Outcome.ALLOW, ())
        while len(bench.lines.history) < 3:
            await asyncio.sleep(0.005)
        assert lit(bench) == [False, True, False]
        await driver.stop()

    async def test_one_that_is_refused_ends_the_pulse_of_the_one_before(self, bench):
        driver, _ = await bench.started()
        await driver.show(Outcome.ALLOW, ())
        await driver.show(Outcome.DENY, ())
        assert lit(bench) == [False, True, False]
        await driver.stop()

    async def test_held_it_stays_until_another_outcome(self, bench):
        driver, _ = await bench.started(hold=True, pulse_s=0.001)
        await driver.show(Outcome.ALLOW, ())
        await asyncio.sleep(0.02)
        assert lit(bench) == [False, True]
        await driver.show(Outcome.REMEASURE, ())
        assert lit(bench)[-1] is False
        await driver.stop()

    @pytest.mark.parametrize("reason", ["fire-alarm", "fail-safe"])
    async def test_for_a_fire_or_fail_safe_it_stays_open_also_when_the_agent_stops(self, bench, reason):
        driver, _ = await bench.started(pulse_s=0.001)
        await driver.show(Outcome.ALLOW, (reason,))
        await asyncio.sleep(0.02)
        await driver.stop()
        assert lit(bench) == [False, True]

    async def test_after_a_fire_it_rests_again(self, bench):
        driver, _ = await bench.started()
        await driver.show(Outcome.ALLOW, ("fire-alarm",))
        await driver.show(Outcome.DENY, ())
        await driver.stop()
        assert lit(bench) == [False, True, False, False]

    async def test_a_magnet_is_on_at_rest_and_off_while_it_lets_in(self, bench):
        driver, _ = await bench.started(rest_on=True)
        await driver.show(Outcome.ALLOW, ())
        await driver.stop()
        assert lit(bench) == [True, False, True]

    async def test_active_low_is_the_lines_own_matter(self, bench):
        driver, _ = await bench.started(active_low=True)
        assert bench.lines.active_low is True
        assert lit(bench) == [False]
        await driver.stop()

    async def test_a_pulse_that_cannot_be_ended_is_tried_to_end_until_it_is(self, bench, monkeypatch):
        monkeypatch.setattr(relay, "AGAIN_S", 0.01)
        driver, _ = await bench.started(pulse_s=0.01)
        await driver.show(Outcome.ALLOW, ())
        await bench.unplug()
        await asyncio.sleep(0.05)
        await bench.replug()
        while lit(bench)[-1]:
            await asyncio.sleep(0.005)
        assert lit(bench) == [False, True, False]
        await driver.stop()

    async def test_a_chip_that_goes_away_during_a_pulse_does_not_break_the_stop(self, bench):
        driver, _ = await bench.started(pulse_s=0.01)
        await driver.show(Outcome.ALLOW, ())
        await bench.unplug()
        await asyncio.sleep(0.02)
        await driver.stop()

    @pytest.mark.parametrize("works_on", [[], ["other"]])
    def test_a_relay_that_never_works_is_refused(self, works_on):
        with pytest.raises(msgspec.ValidationError, match="needs one or more of"):
            msgspec.convert({"line": 1, "works_on": works_on}, GpioRelay.Settings)


async def test_a_relay_that_answers_and_does_not_switch_is_a_driver_error(tmp_path):
    bench = ModbusRelayBench(tmp_path)
    await bench.plug()
    driver, _ = await bench.started()
    bench.there.stuck.add(2)
    with pytest.raises(DriverError, match="coil 2 was told on and reads off"):
        await driver.show(Outcome.ALLOW, ())
    await driver.stop()
    await bench.unplug()


async def test_a_coil_that_the_module_does_not_have_is_named(tmp_path):
    bench = ModbusRelayBench(tmp_path)
    await bench.plug()
    with pytest.raises(DriverError, match=r"refused .* is there such a coil"):
        await bench.started(coil=400)
    await bench.unplug()


async def test_a_question_that_is_given_up_does_not_confuse_the_next(tmp_path):
    bench = RtuRelayBench(tmp_path)
    await bench.plug()
    driver, _ = await bench.started()
    for _ in range(5):
        showing = asyncio.ensure_future(driver.show(Outcome.ALLOW, ()))
        await asyncio.sleep(0.002)
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)
        await driver.show(Outcome.DENY, ())
        assert not bench.there.coils[2]
    await driver.stop()
    await bench.unplug()


class TestLamp:
    @given(st.sampled_from(Outcome), st.floats(1, 60), st.booleans())
    def test_no_light_blinks_faster_than_three_times_a_second_and_it_lasts_as_long_as_told(
        self, outcome, show_s, amber
    ):
        steps = rhythm(outcome, show_s, amber=amber)
        assert sum(step.seconds for step in steps) == pytest.approx(show_s, abs=BEAT_S)
        for colour in ("red", "amber", "green"):
            times, now = [], 0.0
            for before, step in itertools.pairwise([None, *steps]):
                if colour in step.on and (before is None or colour not in before.on):
                    times.append(now)
                now += step.seconds
            assert all(after - first >= 1 / 3 for first, after in itertools.pairwise(times))

    @pytest.mark.parametrize("amber", [True, False])
    def test_outcomes_are_told_apart_without_colours_and_without_sound(self, amber):
        def shape(outcome):
            return [(step.seconds, bool(step.on - {"buzzer"})) for step in _quiet(rhythm(outcome, 4.0, amber=amber))]

        shapes = [shape(outcome) for outcome in (Outcome.ALLOW, Outcome.DENY, Outcome.REMEASURE)]
        assert shapes[0] == [(4.0, True)]
        assert len({str(one) for one in shapes}) == 3

    def test_outcomes_are_told_apart_with_closed_eyes(self):
        def tones(outcome):
            return sum("buzzer" in step.on for step in _sound(rhythm(outcome, 4.0, amber=True)))

        assert [tones(outcome) for outcome in (Outcome.ALLOW, Outcome.DENY, Outcome.REMEASURE)] == [0, 3, 2]

    async def test_after_showing_it_says_wait(self, tmp_path):
        bench = GpioLampBench(tmp_path)
        driver, _ = await bench.started(show_s=1.0)
        await driver.show(Outcome.ALLOW, (Reason.TEMPERATURE_NORMAL,))
        assert (await bench.shows()) == {1: True, 2: False, 3: False, 4: False}
        while not (await bench.shows())[2]:
            await asyncio.sleep(0.02)
        assert (await bench.shows()) == {1: False, 2: True, 3: False, 4: False}
        await driver.stop()
        assert not any((await bench.shows()).values())

    async def test_a_refusal_of_nobody_is_rest_and_makes_no_noise(self, tmp_path):
        bench = GpioLampBench(tmp_path)
        driver, _ = await bench.started()
        await driver.show(Outcome.ALLOW, ())
        await driver.show(Outcome.DENY, ())
        assert (await bench.shows()) == {1: False, 2: True, 3: False, 4: False}
        await driver.stop()

    def test_two_lights_on_one_line_are_refused(self):
        with pytest.raises(msgspec.ValidationError, match="two lights share a line"):
            msgspec.convert({"switches": {"via": "gpio"}, "green": 1, "red": 1}, Lamp.Settings)


def _merged(steps, on):
    merged = []
    for step in steps:
        if merged and merged[-1].on == step.on & on:
            merged[-1] = merged[-1]._replace(seconds=merged[-1].seconds + step.seconds)
        else:
            merged.append(step._replace(on=step.on & on))
    return merged


def _quiet(steps):
    return _merged(steps, {"red", "amber", "green"})


def _sound(steps):
    return _merged(steps, {"buzzer"})


TWO = """
[actuator]
driver = "all"
[[actuator.parts]]
driver = "log"
[[actuator.{where}]]
driver = "modbus-relay"
coil = 2
pulse_s = 60.0
modbus = {{ host = "127.0.0.1", tcp_port = {port}, unit = 3, timeout_s = 0.5 }}
"""


def plug(tmp_path, text: str) -> Plug:
    document = Document(tmp_path / "gate.toml", text)
    return Plug(document, ("actuator",), "actuator", document.data["actuator"])


def all_of(tmp_path, module: TcpModule, where: str):
    return plug(tmp_path, TWO.format(port=module.port, where=where)).make(HandClock())


class TestAll:
    async def test_one_that_must_work_and_does_not_is_named_and_the_others_have_shown_it(self, tmp_path, capsys):
        module = TcpModule(tmp_path)
        both = all_of(tmp_path, module, "parts")
        with pytest.raises(DriverError, match="was not started"):
            await both.show(Outcome.ALLOW, ())
        with pytest.raises(DriverError, match=r"modbus-relay: Modbus unit 3 at 127\.0\.0\.1"):
            await both.start()
        await module.plug()
        await both.start()
        await both.show(Outcome.ALLOW, ())
        assert module.coils[2]
        await module.unplug()
        capsys.readouterr()
        with pytest.raises(DriverError, match=r"modbus-relay: .* (does not answer|cannot be opened)"):
            await both.show(Outcome.DENY, (Reason.FEVER,))
        assert "outcome=deny" in capsys.readouterr().out
        await both.stop()

    async def test_one_that_may_fail_stops_nothing_and_comes_back_by_itself(self, tmp_path):
        module = TcpModule(tmp_path)
        both = all_of(tmp_path, module, "also")
        await both.start()
        await both.show(Outcome.ALLOW, ())
        assert "modbus-relay: Modbus unit 3" in both.ailing
        await module.plug()
        while both.ailing:
            await asyncio.sleep(0.01)
        await both.show(Outcome.ALLOW, ())
        assert module.coils[2]
        await module.unplug()
        await both.show(Outcome.DENY, ())
        assert both.ailing
        await both.stop()
        assert not both.ailing

    def test_the_faults_of_all_its_parts_are_told_with_their_lines(self, tmp_path):
        text = (
            TWO.format(port=1, where="parts")
            .replace('driver = "log"', 'driver = "lob"')
            .replace("coil = 2", "coil = -2")
        )
        with pytest.raises(SettingsError) as told:
            plug(tmp_path, text)
        assert "gate.toml:5: actuator.parts[0].driver = 'lob': no such actuator driver, did you mean 'log'?" in str(
            told.value
        )
        assert "gate.toml:8: actuator.parts[1].coil = -2" in str(told.value)
