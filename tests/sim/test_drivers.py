"""The simulated devices keep the drivers' contract, and none of them blocks the event loop."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest

from edge.drivers.base import BadgeReader, ThermalCamera, VehicleReader
from sim import drivers as room
from sim import live
from sim.drivers import SimulatedBadgeReader, SimulatedCamera, SimulatedVehicleReader
from sim.frames import picture
from sim.scene import drives, visits
from tests.support.clocks import HandClock
from tests.support.driver_contract import DriverCase, DriverContract, PlantedFaults
from wire.errors import DriverError

FIRST_BADGE_S = next(visit.badge_s for visit in visits(1, 300, 12.0, 0.02) if visit.badge is not None)
FIRST_DRIVE_S = next(drives(1, 60, 4.0, 0.05)).at_s
CASES = {
    "camera": DriverCase(SimulatedCamera, {}, "frames", ThermalCamera),
    "badge": DriverCase(SimulatedBadgeReader, {}, "reads", BadgeReader, FIRST_BADGE_S),
    "vehicle": DriverCase(SimulatedVehicleReader, {}, "reads", VehicleReader, FIRST_DRIVE_S),
}


@pytest.fixture(params=CASES)
def case(request):
    room._began.pop(request.node.name, None)
    found = CASES[request.param]
    return found._replace(wanted={**found.wanted, "scene": request.node.name})


class TestSimulatedDevices(DriverContract, PlantedFaults):
    """All three of them."""


async def test_frames_are_rendered_beside_the_event_loop(monkeypatch):
    threads = []

    def watched(*arguments, **more):
        threads.append(threading.get_ident())
        return picture(*arguments, **more)

    monkeypatch.setattr(room, "picture", watched)
    camera = SimulatedCamera(SimulatedCamera.Settings(scene="beside"), HandClock())
    await camera.start()
    await anext(camera.frames())
    await camera.stop()
    assert threads
    assert threading.get_ident() not in threads


async def test_devices_of_one_scene_agree_on_who_is_there_and_another_scene_begins_anew():
    clock = HandClock()
    names = ("shared", "shared", "other")
    one, other, apart = (SimulatedCamera(SimulatedCamera.Settings(scene=name), clock) for name in names)
    await one.start()
    clock.pass_s(7)
    await other.start()
    await apart.start()
    assert one.now_s() == other.now_s() == pytest.approx(7)
    assert apart.now_s() == 0


async def test_while_the_shutter_is_closed_a_camera_repeats_its_last_frame():
    clock = HandClock()
    camera = SimulatedCamera(SimulatedCamera.Settings(scene="shutter", shutter_every_s=10.0, fps=1.0), clock)
    await camera.start()
    source = camera.frames()
    clock.pass_s(9.5)
    before = (await anext(source)).celsius
    clock.pass_s(0.6)
    closed = (await anext(source)).celsius
    clock.pass_s(1.0)
    after = (await anext(source)).celsius
    await camera.stop()
    assert np.array_equal(before, closed)
    assert not np.array_equal(closed, after)


async def test_a_camera_that_was_just_switched_on_drifts_and_one_that_is_warm_does_not():
    async def median_c(on_for_s: float, name: str) -> float:
        camera = SimulatedCamera(SimulatedCamera.Settings(scene=name, on_for_s=on_for_s), HandClock())
        await camera.start()
        image = (await anext(camera.frames())).celsius
        await camera.stop()
        return float(np.median(image))

    cold, warm, later = await median_c(0.0, "cold"), await median_c(3600.0, "warm"), await median_c(7200.0, "later")
    assert warm - cold == pytest.approx(2.0, abs=0.2)
    assert later == pytest.approx(warm, abs=0.15)


@pytest.mark.parametrize("kind", [SimulatedCamera, SimulatedBadgeReader, SimulatedVehicleReader])
async def test_a_plant_or_gate_that_there_is_none_of_is_a_driver_error(kind):
    for wrong in ({"plant": "smal"}, {"plant": "small", "gate": "gate-99"}, {"plant": "small", "site": "x"}):
        driver = kind(kind.Settings(scene=str(wrong), **wrong), HandClock())
        await driver.start()
        with pytest.raises(DriverError, match=r"expected|did you mean"):
            await anext(driver.frames() if kind is SimulatedCamera else driver.reads())
        await driver.stop()


async def test_devices_at_a_gate_of_a_plant_see_what_its_truth_says():
    clock = HandClock()
    now_ns = clock.now().time_ns
    site = live.site_of(live.Spot("demo", 1, "demo", "north"), now_ns)
    wanted = [visit for visit in itertools.islice(live.visits(site, "north", now_ns), 12) if visit.badge is not None]
    settings = SimulatedBadgeReader.Settings(scene="of a plant", plant="demo", site="demo", gate="north")
    reader = SimulatedBadgeReader(settings, clock)
    await reader.start()
    source = reader.reads()
    read = []
    for visit in wanted[:4]:
        clock.pass_s(max(0.0, visit.badge_s - reader.now_s() - 0.002))
        read.append((await anext(source)).number)
        if visit.repeats:
            clock.pass_s(0.399)
            read.append((await anext(source)).number)
    await reader.stop()
    told = [visit.badge for visit in wanted[:4] for _ in range(1 + visit.repeats)]
    assert read == told
