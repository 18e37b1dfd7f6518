"""The simulated devices keep the drivers' contract, and none of them blocks the event loop."""

from __future__ import annotations

import threading

import pytest

from edge.drivers.base import BadgeReader, ThermalCamera, VehicleReader
from sim import drivers as room
from sim.drivers import SimulatedBadgeReader, SimulatedCamera, SimulatedVehicleReader
from sim.frames import render
from sim.scene import drives, visits
from tests.support.clocks import HandClock
from tests.support.driver_contract import DriverCase, DriverContract, PlantedFaults

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

    def watched(*arguments):
        threads.append(threading.get_ident())
        return render(*arguments)

    monkeypatch.setattr(room, "render", watched)
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
