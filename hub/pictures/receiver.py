"""Thermal pictures, from gates: kept, and told that they are; and deleted when their time is over."""

from __future__ import annotations

import asyncio

import structlog

from hub.pictures.store import Pictures
from wire import topics
from wire.errors import DecodeError
from wire.link import Arrival, BrokerSettings, Session, hold
from wire.messages import SCHEMA_VERSION, decode, encode
from wire.snapshots import Snapshot, SnapshotHeld

log = structlog.get_logger(__name__)

SWEEP_EVERY_S = 60.0


class PictureReceiver:
    """A connection of its own: a flood of pictures holds up no event."""

    def __init__(self, site: str, pictures: Pictures, broker: BrokerSettings) -> None:
        self.pictures = pictures
        self._site = site
        self._broker = broker
        self.connected = False

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sweep())
            tasks.create_task(hold(self._broker, f"menshen-pictures-{self._site}", self._use))

    async def _use(self, session: Session) -> None:
        await session.subscribe([topics.snapshots_of(self._site)])
        self.connected = True
        try:
            async for arrival in session.arrivals():
                try:
                    await self._take(session, arrival)
                except DecodeError as error:
                    log.warning("picture not understood", topic=arrival.topic, error=str(error))
                except OSError as error:  # the gate sends it again
                    log.error("picture cannot be kept", error=str(error))
        finally:
            self.connected = False

    async def _take(self, session: Session, arrival: Arrival) -> None:
        snapshot = decode(Snapshot, arrival.payload)
        gate, passage = snapshot.gate, snapshot.passage
        if arrival.topic != topics.snapshot(self._site, gate):
            raise DecodeError(f"snapshot of gate {gate!r}, which does not belong to topic {arrival.topic[:200]!r}")
        if not await asyncio.to_thread(self.pictures.put, self._site, gate, passage, snapshot.jpeg):
            log.warning("what a gate sent as a picture is none", gate=gate)
        held = SnapshotHeld(SCHEMA_VERSION, passage)
        await session.publish(topics.snapshot_held(self._site, gate), encode(held))

    async def _sweep(self) -> None:
        while True:
            try:
                if gone := await asyncio.to_thread(self.pictures.sweep):
                    log.info("pictures deleted, their time was over", pictures=gone)
            except OSError as error:
                log.error("pictures cannot be deleted", error=str(error))
            await asyncio.sleep(SWEEP_EVERY_S)
