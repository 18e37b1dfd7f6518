"""What every driver promises (`edge/drivers/base.py`), as tests: inherit `DriverContract` and give it a `case`.

The clock is moved by hand to just before the driver's first word, so no test waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
import pytest

from edge.clock import Timekeeper
from edge.drivers.base import Actuator, ThermalFrame, ThermalReport
from edge.drivers.needs import Needs
from tests.support.clocks import HandClock
from wire.errors import DriverError
from wire.events import Outcome, Reason

NEARLY_S = 0.005


class World(Protocol):
    """What stands below a driver where the hardware would, and what can happen to it."""

    threads: set[int]
    """Threads in which it was made to wait."""

    def vanish(self) -> None:
        """It is unplugged."""

    def come_back(self) -> None:
        """It is there again, as good as new."""

    def garble(self) -> None:
        """From now on it talks nonsense."""


class DriverCase(NamedTuple):
    """One driver: how it is made with some of its settings, what it says, and when it first speaks after its start."""

    kind: Callable[[Any, Timekeeper], Any]
    wanted: dict[str, Any]
    words: str
    """`frames` or `reads`."""
    protocol: type
    first_s: float = 0.0
    world: World | None = None

    def made(self, timekeeper: Timekeeper, **more: Any) -> Any:
        return self.kind(msgspec.convert({**self.wanted, **more}, self.kind.Settings), timekeeper)

    def said(self, driver: Any) -> AsyncIterator[Any]:
        return getattr(driver, self.words)()

    async def started(self, **more: Any) -> tuple[Any, HandClock]:
        """A driver that is about to speak."""
        clock = HandClock()
        driver = self.made(clock, **more)
        await driver.start()
        clock.pass_s(max(0.0, self.first_s - NEARLY_S))
        return driver, clock


class DriverContract:
    """The promises of every driver; those about planted faults need `fail_after_s` and `hang_after_s`."""

    async def test_it_is_what_its_protocol_asks(self, case):
        assert isinstance(case.made(HandClock()), case.protocol)

    async def test_it_knows_no_setting_that_it_does_not_have(self, case):
        with pytest.raises(msgspec.ValidationError, match="unknown field"):
            case.made(HandClock(), no_such_setting=1)

    async def test_what_it_says_bears_the_moment_at_which_it_happened(self, case):
        driver, clock = await case.started()
        word = await anext(case.said(driver))
        assert word.at == clock.now()
        await driver.stop()

    async def test_it_may_be_stopped_twice_and_before_it_was_started(self, case):
        driver = case.made(HandClock())
        await driver.stop()
        await driver.start()
        await driver.stop()
        await driver.stop()

    async def test_its_iterator_ends_when_it_was_stopped(self, case):
        driver, _ = await case.started()
        source = case.said(driver)
        await anext(source)
        await driver.stop()
        assert [word async for word in source] == []

    async def test_it_ends_although_somebody_waits_for_its_next_word(self, case):
        clock = HandClock()
        driver = case.made(clock)
        await driver.start()
        waiting = asyncio.ensure_future(self._all(case, driver))
        for _ in range(5):
            await asyncio.sleep(0)
        await driver.stop()
        await asyncio.wait_for(waiting, 5)

    async def test_it_can_be_started_again_after_a_stop(self, case):
        driver, _ = await case.started()
        await driver.stop()
        await driver.start()
        assert await anext(case.said(driver)) is not None
        await driver.stop()

    async def test_before_its_start_it_says_so(self, case):
        with pytest.raises(DriverError, match="was not started"):
            await anext(case.said(case.made(HandClock())))

    @staticmethod
    async def _all(case, driver) -> list[Any]:
        return [word async for word in case.said(driver)]


class OnHardware:
    """The promises of drivers of real devices, over a `world` below them."""

    async def test_a_device_that_vanishes_is_a_driver_error_and_a_restart_recovers(self, case):
        driver, _ = await case.started()
        source = case.said(driver)
        await anext(source)
        case.world.vanish()
        with pytest.raises(DriverError):
            await asyncio.wait_for(self._drained(source), 5)
        await driver.stop()
        case.world.come_back()
        again, _ = await case.started()
        assert await asyncio.wait_for(anext(case.said(again)), 5) is not None
        await again.stop()

    async def test_a_device_that_is_not_there_is_a_driver_error_that_names_it(self, case):
        case.world.vanish()
        driver = case.made(HandClock())
        with pytest.raises(DriverError, match=r"\w"):
            await asyncio.wait_for(self._begun(case, driver), 5)
        await driver.stop()

    async def test_nonsense_is_left_out_or_ends_in_a_driver_error_never_in_anything_else(self, case):
        driver, _ = await case.started()
        source = case.said(driver)
        await anext(source)
        case.world.garble()
        with contextlib.suppress(DriverError, TimeoutError):
            async with asyncio.timeout(0.3):
                async for word in source:
                    self.check_word(word)
        await driver.stop()

    async def test_it_waits_for_its_device_beside_the_event_loop(self, case):
        driver, _ = await case.started()
        source = case.said(driver)
        for _ in range(3):
            self.check_word(await asyncio.wait_for(anext(source), 5))
        await driver.stop()
        assert threading.get_ident() not in case.world.threads

    @staticmethod
    def check_word(word: Any) -> None:
        """A frame is a picture in °C; a report is a temperature that a person can have."""
        if isinstance(word, ThermalReport):
            assert 20 <= word.temperature_c <= 50
            return
        assert isinstance(word, ThermalFrame)
        assert word.celsius.dtype == np.float32
        assert word.celsius.ndim == 2
        assert np.isfinite(word.celsius).all()

    @staticmethod
    async def _begun(case, driver) -> None:
        await driver.start()
        await anext(case.said(driver))

    @staticmethod
    async def _drained(source: AsyncIterator[Any]) -> None:
        async for _ in source:
            pass


class PlantedFaults:
    """The promises of drivers whose settings plant faults."""

    async def test_a_planted_fault_is_a_driver_error(self, case):
        driver, _ = await case.started(fail_after_s=0.0)
        with pytest.raises(DriverError, match="simulated fault"):
            await anext(case.said(driver))
        await driver.stop()

    async def test_a_planted_fault_comes_when_it_is_due_and_anew_after_each_start(self, case):
        driver, clock = await case.started(fail_after_s=case.first_s + 60)
        source = case.said(driver)
        await anext(source)
        clock.pass_s(100)
        with pytest.raises(DriverError, match="simulated fault"):
            await anext(source)
        await driver.stop()
        await driver.start()
        clock.pass_s(1)
        assert driver.now_s() > 100
        await driver.stop()

    async def test_a_device_that_hangs_says_nothing_and_can_still_be_stopped(self, case):
        driver, _ = await case.started(hang_after_s=0.0)
        saying = asyncio.ensure_future(DriverContract._all(case, driver))
        done, _ = await asyncio.wait({saying}, timeout=20 * NEARLY_S)
        assert not done
        await driver.stop()
        assert await asyncio.wait_for(saying, 5) == []

    async def test_a_device_that_talks_garbage_goes_on_talking(self, case):
        driver, _ = await case.started(garbage_after_s=0.0)
        assert await anext(case.said(driver)) is not None
        await driver.stop()

    async def test_a_device_that_is_gone_cannot_be_started_until_it_is_back(self, case):
        clock = HandClock()
        driver = case.made(clock, gone_s=(0.0, 60.0))
        with pytest.raises(DriverError, match="no such device"):
            await driver.start()
        clock.pass_s(61)
        await driver.start()
        await driver.stop()


class Bench:
    """A driver with its device on the bench: a double of the hardware, below the driver, that speaks the real protocol.

    Stands in for a `DriverCase`: what it says is asked for with `speak`, once for each iterator.
    """

    kind: Callable[..., Any]
    protocol: type
    words = "reads"
    gone = r"lost|unplugged|cannot be opened|not answer"
    """What the driver says of a device that is not there."""

    def settings(self) -> dict[str, Any]:
        """The driver's table in the gate's file."""
        raise NotImplementedError

    def seams(self) -> dict[str, Any]:
        """What the driver is made with beside its settings, where the kernel here has no such device."""
        return {}

    def is_open(self) -> bool:
        """Whether somebody has the device open."""
        raise NotImplementedError

    async def speak(self) -> None:
        """Let the device say something that the driver tells."""
        raise NotImplementedError

    async def babble(self) -> None:
        """Let the device say what no device of its kind should, and nothing that could be taken for a reading."""
        raise NotImplementedError

    async def unplug(self) -> None:
        raise NotImplementedError

    async def replug(self) -> None:
        raise NotImplementedError

    def made(self, timekeeper: Timekeeper, **more: Any) -> Any:
        settings = msgspec.convert({**self.settings(), **more}, self.kind.Settings)
        return self.kind(settings, timekeeper, **self.seams())

    async def said(self, driver: Any) -> AsyncIterator[Any]:
        source = getattr(driver, self.words)()
        await self.speak()
        async for word in source:
            yield word

    async def started(self, **more: Any) -> tuple[Any, HandClock]:
        clock = HandClock()
        driver = self.made(clock, **more)
        await driver.start()
        return driver, clock


class DeviceContract(DriverContract):
    """The promises of drivers of real devices; `case` is a `Bench`."""

    async def test_made_it_has_opened_nothing_started_it_has_and_stopped_no_more(self, case):
        driver = case.made(HandClock())
        assert not case.is_open()
        await driver.start()
        await driver.start()
        await _comes_to_be(case, True)
        await driver.stop()
        await _comes_to_be(case, False)

    async def test_it_imports_and_waits_for_threads_beside_the_event_loop(self, case, monkeypatch):
        threads = _threads_of(monkeypatch, (Needs, "load"), (threading.Thread, "join"))
        driver, _ = await case.started()
        await driver.stop()
        assert threading.get_ident() not in threads

    async def test_garbage_is_no_reading_and_what_comes_after_it_is(self, case):
        driver, clock = await case.started()
        await case.babble()
        word = await asyncio.wait_for(anext(case.said(driver)), 10)
        assert word.at == clock.now()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(driver.reads()), 0.05)
        await driver.stop()

    async def test_unplugged_while_somebody_waits_it_is_a_driver_error_that_names_it(self, case):
        driver, _ = await case.started()
        source = case.said(driver)
        await anext(source)
        waiting = asyncio.ensure_future(_drained(source))
        await asyncio.sleep(0)
        await case.unplug()
        with pytest.raises(DriverError, match=case.gone):
            await asyncio.wait_for(waiting, 20)
        await driver.stop()

    async def test_gone_it_cannot_be_started_and_back_again_it_goes_on(self, case):
        await case.unplug()
        driver = case.made(HandClock())
        with pytest.raises(DriverError, match=case.gone):
            await driver.start()
        await _comes_to_be(case, False)
        await case.replug()
        await driver.start()
        assert await asyncio.wait_for(anext(case.said(driver)), 20) is not None
        await driver.stop()

    async def test_unplugged_and_back_again_it_goes_on_after_a_new_start(self, case):
        driver, _ = await case.started()
        await case.unplug()
        with pytest.raises(DriverError, match=case.gone):
            await asyncio.wait_for(_drained(driver.reads()), 20)
        await driver.stop()
        await case.replug()
        await driver.start()
        assert await asyncio.wait_for(anext(case.said(driver)), 20) is not None
        await driver.stop()

    async def test_what_was_not_taken_before_a_stop_is_not_told_after_it(self, case):
        driver, _ = await case.started()
        await anext(case.said(driver))
        await case.speak()
        await driver.stop()
        await case.speak()
        assert [word async for word in driver.reads()] == []


def _threads_of(monkeypatch, *calls: tuple[type, str]) -> set[int]:
    """The threads in which these methods are called from now on."""
    threads: set[int] = set()

    def watched(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            threads.add(threading.get_ident())
            return original(*arguments, **more)

        return call

    for owner, name in calls:
        monkeypatch.setattr(owner, name, watched(getattr(owner, name)))
    return threads


async def _comes_to_be(case: Bench, is_open: bool) -> None:
    """A device at the other end of a wire notices a little later."""
    for _ in range(400):
        if case.is_open() is is_open:
            return
        await asyncio.sleep(0.005)
    assert case.is_open() is is_open


async def _drained(source: AsyncIterator[Any]) -> None:
    async for _ in source:
        pass


class ActuatorBench(Bench):
    """An actuator with its device on the bench."""

    rests = True
    """Whether it is told to rest when the driver stops; a barrier goes down by itself."""

    holds = True
    """Whether it has its device open between decisions."""

    async def shows(self) -> Any:
        """What the device shows or does now, comparable."""
        raise NotImplementedError


class ActuatorContract:
    """The promises of actuators; `case` is an `ActuatorBench` at rest."""

    async def test_it_is_what_its_protocol_asks(self, case):
        assert isinstance(case.made(HandClock()), Actuator)

    async def test_it_knows_no_setting_that_it_does_not_have(self, case):
        with pytest.raises(msgspec.ValidationError, match="unknown field"):
            case.made(HandClock(), no_such_setting=1)

    async def test_it_may_be_stopped_and_started_twice_and_stopped_before_its_start(self, case):
        driver = case.made(HandClock())
        assert not case.is_open()
        await driver.stop()
        await driver.start()
        await driver.start()
        await _comes_to_be(case, case.holds)
        await driver.stop()
        await driver.stop()
        await _comes_to_be(case, False)

    async def test_it_imports_beside_the_event_loop(self, case, monkeypatch):
        threads = _threads_of(monkeypatch, (Needs, "load"))
        driver, _ = await case.started()
        await driver.stop()
        assert threading.get_ident() not in threads

    async def test_before_its_start_it_says_so(self, case):
        with pytest.raises(DriverError, match="was not started"):
            await case.made(HandClock()).show(Outcome.ALLOW, ())

    async def test_it_shows_letting_in_and_refusing_apart_and_rests_when_stopped(self, case):
        driver, _ = await case.started()
        await driver.show(Outcome.ALLOW, (Reason.TEMPERATURE_NORMAL,))
        allowed = await case.shows()
        await driver.show(Outcome.DENY, (Reason.FEVER,))
        assert await case.shows() != allowed
        await driver.show(Outcome.ALLOW, ())
        await driver.stop()
        assert (await case.shows() != allowed) is case.rests

    async def test_every_outcome_and_reason_can_be_shown(self, case):
        driver, _ = await case.started()
        for outcome in Outcome:
            await driver.show(outcome, tuple(Reason))
        await driver.stop()

    async def test_unplugged_it_says_so_and_back_again_it_works_after_a_new_start(self, case):
        driver, _ = await case.started()
        await case.unplug()
        with pytest.raises(DriverError, match=case.gone):
            await driver.show(Outcome.ALLOW, ())
        await driver.stop()
        with pytest.raises(DriverError, match=case.gone):
            await driver.start()
        await case.replug()
        await driver.start()
        await driver.show(Outcome.ALLOW, ())
        await driver.stop()
