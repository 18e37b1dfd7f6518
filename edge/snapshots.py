"""Thermal pictures of people with a fever, on their way to the hub: cut out, kept for a while in memory, and sent until
the hub has them.

    frame with a fever ── Shots.see ──► cut out ── event ── Shots.of ──► Album ── MQTT ──► hub ── SnapshotHeld ──► gone

A thermal picture, never a photograph; in memory only, so that no card of a stolen gate holds one. Off unless the gate's
settings say `fever_pictures`.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import cv2
import numpy as np
import structlog

from edge.clock import Instant, Timekeeper
from edge.drivers.base import CelsiusImage
from edge.picture import coloured
from edge.thermal.types import Box, Reading, View
from wire import topics
from wire.events import Temperature, Verdict
from wire.link import Arrival, Session
from wire.messages import SCHEMA_VERSION, decode, encode
from wire.snapshots import MOST_BYTES, Snapshot, SnapshotHeld

log = structlog.get_logger(__name__)

MOST_KEPT = 20
KEPT_S = 3600.0
"""A picture that the hub has not taken by then is forgotten."""
AGAIN_S = 10.0
MARGIN = 0.5
"""Of the face's box on each side: a person is known by more than a face, by people who stood at the gate."""
HEIGHT_PX = 240
_COLOURS_C = (24.0, 40.0)
"""The same for everybody, so that pictures can be compared."""


def shot(celsius: CelsiusImage, box: Box) -> bytes:
    """The part of a frame around a face as a small JPEG; empty where there is nothing to show or it will not fit."""
    height, width = celsius.shape
    x, y = round(box.w * MARGIN), round(box.h * MARGIN)
    part = celsius[
        max(0, box.y - y) : min(height, box.y + box.h + y), max(0, box.x - x) : min(width, box.x + box.w + x)
    ]
    if 0 in part.shape:
        return b""
    picture = coloured(np.asarray(part), *_COLOURS_C, max(1, round(HEIGHT_PX / part.shape[0])))
    for quality in (85, 60, 30):
        done, made = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if done and made.size <= MOST_BYTES:
            return made.tobytes()
    return b""


class Shots:
    """The newest part of a frame with each person's fever, of one lane."""

    def __init__(self) -> None:
        self._of_track: OrderedDict[int, tuple[CelsiusImage, Box]] = OrderedDict()
        self._of_reading: OrderedDict[Temperature, tuple[CelsiusImage, Box]] = OrderedDict()

    def see(self, celsius: CelsiusImage, view: View) -> None:
        for person in view.people:
            if person.verdict is Verdict.FEVER:
                self._of_track[person.track] = (celsius, person.box)
                _bound(self._of_track)
        for reading in view.readings:
            self._conclude(reading)

    def of(self, temperature: Temperature | None) -> bytes:
        """The picture of whom this temperature is, once; empty where there is none."""
        kept = self._of_reading.pop(temperature, None) if temperature is not None else None
        return shot(*kept) if kept is not None else b""

    def _conclude(self, reading: Reading) -> None:
        kept = self._of_track.pop(reading.track, None)
        if kept is not None and reading.verdict is Verdict.FEVER and reading.temperature is not None:
            self._of_reading[reading.temperature] = kept
            _bound(self._of_reading)


def _bound(kept: OrderedDict) -> None:  # type: ignore[type-arg]
    while len(kept) > 4:
        kept.popitem(last=False)


class Album:
    """A gate's pictures that the hub does not have yet; a companion of the uplink."""

    def __init__(self, site: str, gate: str, timekeeper: Timekeeper) -> None:
        self._site = site
        self._gate = gate
        self._timekeeper = timekeeper
        self._waiting: OrderedDict[str, tuple[Instant, Snapshot]] = OrderedDict()
        self._news = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def waiting(self) -> list[str]:
        """The passages whose pictures the hub does not have yet."""
        return list(self._waiting)

    def put(self, passage: str, time_ns: int, jpeg: bytes) -> None:
        """Send the picture of a passage; the oldest goes where there are too many."""
        snapshot = Snapshot(SCHEMA_VERSION, self._gate, passage, time_ns, jpeg)
        self._waiting[passage] = (self._timekeeper.now(), snapshot)
        while len(self._waiting) > MOST_KEPT:
            self._waiting.popitem(last=False)
        self._news.set()

    @property
    def topics(self) -> list[str]:
        return [topics.snapshot_held(self._site, self._gate)]

    def takes(self, topic: str) -> bool:
        return topic == topics.snapshot_held(self._site, self._gate)

    async def hear(self, _session: Session, arrival: Arrival) -> None:
        """The hub has one. Raises `DecodeError`."""
        self._waiting.pop(decode(SnapshotHeld, arrival.payload).passage, None)

    async def follow(self, session: Session) -> None:
        """Send what waits, again and again until the hub has it. Raises `LinkError`."""
        topic = topics.snapshot(self._site, self._gate)
        while True:
            self._news.clear()
            self._forget()
            for _, snapshot in list(self._waiting.values()):
                await session.publish(topic, encode(snapshot))
            waiting = asyncio.create_task(self._news.wait())
            await asyncio.wait([waiting], timeout=AGAIN_S if self._waiting else None)
            waiting.cancel()

    def _forget(self) -> None:
        now = self._timekeeper.now()
        old = [passage for passage, (since, _) in self._waiting.items() if now.seconds_since(since) > KEPT_S]
        for passage in old:
            del self._waiting[passage]
        if old:
            log.warning("pictures that no hub took are forgotten", pictures=len(old))
