"""A small thermal picture of whoever has a fever goes to the hub, and nothing of anybody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import cv2
import numpy as np
import pytest

from edge import snapshots
from edge.outbox import Outbox
from edge.snapshots import Album, Shots, shot
from edge.spool import Spool, SpoolSettings
from edge.thermal.types import Box, Person, Reading, View
from edge.uplink import Uplink
from hub.pictures.receiver import PictureReceiver
from hub.pictures.store import Pictures
from tests.support.clocks import HandClock, at
from tests.support.servers import eventually
from wire import topics
from wire.events import Temperature, Verdict
from wire.link import BrokerSettings
from wire.messages import encode
from wire.snapshots import MOST_BYTES, Snapshot

BOX = Box(60, 30, 40, 50)
HOT = Temperature(skin_c=38.4, u_c=0.3, looks=3)
WELL = Temperature(skin_c=35.9, u_c=0.3, looks=3)


def frame() -> np.ndarray:
    celsius = np.full((120, 160), 22.0, np.float32)
    celsius[30:80, 60:100] = 37.5
    return celsius


def view(track: int, verdict: Verdict, temperature: Temperature, *, concluded: bool) -> View:
    person = Person(track, BOX, verdict, temperature, None)
    reading = Reading(track, at(1), at(0), verdict, temperature, None)
    return View(at(1), (person,), (reading,) if concluded else ())


def test_a_picture_is_small_and_shows_the_face_and_little_else():
    jpeg = shot(frame(), BOX)
    assert len(jpeg) <= MOST_BYTES
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    height, width = picture.shape[:2]
    assert (height, width) == (200, 160)
    assert picture[height // 2, width // 2].sum() > 3 * picture[5, 5].sum()


@pytest.mark.parametrize(
    "box", [Box(150, 110, 40, 50), Box(-20, -20, 30, 30), Box(0, 0, 160, 120), Box(500, 500, 9, 9)]
)
def test_a_face_at_the_edge_of_the_frame_gives_what_there_is_of_it_or_nothing(box):
    assert shot(frame(), box)[:2] in (b"\xff\xd8", b"")


def test_no_noise_makes_a_picture_too_large_to_send():
    noise = np.random.default_rng(1).uniform(20, 45, (480, 640)).astype(np.float32)
    jpeg = shot(noise, Box(0, 0, 640, 480))
    assert 0 <= len(jpeg) <= MOST_BYTES


def test_only_who_has_a_fever_is_shown_and_only_once():
    shots = Shots()
    shots.see(frame(), view(1, Verdict.NORMAL, WELL, concluded=True))
    assert shots.of(WELL) == b""
    shots.see(frame(), view(2, Verdict.FEVER, HOT, concluded=False))
    shots.see(
        np.zeros((120, 160), np.float32), View(at(2), readings=(Reading(2, at(2), at(0), Verdict.FEVER, HOT, None),))
    )
    assert shots.of(HOT)[:2] == b"\xff\xd8"
    assert shots.of(HOT) == b""
    assert shots.of(None) == b""


class Gate:
    def __init__(self, folder: Path, port: int) -> None:
        self.clock = HandClock()
        self.album = Album("site", "north", self.clock)
        self.outbox = Outbox(
            Spool("site", "north", SpoolSettings(path=str(folder / "spool.db")), self.clock), self.clock
        )
        broker = BrokerSettings(port=port, backoff_min_s=0.05, backoff_max_s=0.2, keepalive_s=2)
        self.uplink = Uplink(self.outbox, broker, self.clock, "test", companions=(self.album,))


@pytest.fixture
async def gate(tmp_path, broker, monkeypatch) -> AsyncIterator[Gate]:
    monkeypatch.setattr(snapshots, "AGAIN_S", 0.3)
    gate = Gate(tmp_path, broker.port)
    await gate.outbox.start()
    task = asyncio.create_task(gate.uplink.run())
    yield gate
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await gate.outbox.stop()


async def test_a_picture_is_sent_until_a_hub_has_it_and_is_then_forgotten_at_the_gate(gate, tmp_path, broker):
    gate.album.put("passage-1", 1, shot(frame(), BOX))
    await eventually(lambda: gate.uplink.connected, "the gate is connected, and no hub is there")
    pictures = Pictures(tmp_path / "pictures", 3600)
    receiver = PictureReceiver("site", pictures, BrokerSettings(port=broker.port, backoff_min_s=0.05))
    task = asyncio.create_task(receiver.run())
    await eventually(lambda: len(gate.album) == 0, "the hub has it")
    assert pictures.of("site", "north", "passage-1") == shot(frame(), BOX)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_rubbish_and_another_gates_name_are_not_kept_and_stop_nothing(gate, tmp_path, broker):
    pictures = Pictures(tmp_path / "pictures", 3600)
    receiver = PictureReceiver("site", pictures, BrokerSettings(port=broker.port, backoff_min_s=0.05))
    task = asyncio.create_task(receiver.run())
    await eventually(lambda: receiver.connected, "the hub is connected")
    async with aiomqtt.Client("127.0.0.1", broker.port, identifier="hostile") as client:
        await client.publish(topics.snapshot("site", "north"), b"{", qos=1)
        await client.publish(topics.snapshot("site", "north"), encode(Snapshot(1, "east", "p", 1, b"\xff\xd8\xff\xd9")))
        await client.publish(topics.snapshot("site", "north"), encode(Snapshot(1, "north", "p", 1, b"no picture")))
    gate.album.put("passage-1", 1, shot(frame(), BOX))
    await eventually(lambda: bool(pictures.of("site", "north", "passage-1")), "the next one is kept")
    assert pictures.of("site", "east", "p") == pictures.of("site", "north", "p") == b""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_a_gate_keeps_few_pictures_and_none_for_long(monkeypatch):
    clock = HandClock()
    album = Album("site", "north", clock)
    for number in range(snapshots.MOST_KEPT + 5):
        album.put(f"passage-{number}", 1, b"\xff\xd8\xff\xd9")
    assert len(album) == snapshots.MOST_KEPT
    clock.pass_s(snapshots.KEPT_S + 1)
    album._forget()
    assert len(album) == 0
