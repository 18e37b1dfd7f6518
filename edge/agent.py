"""The gate agent, wired together.

lanes (devices → passage → decision) ── outbox (spool) ── uplink ── broker
"""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import structlog
from msgspec.structs import replace

from edge import registry
from edge.clock import SystemTime, Timekeeper
from edge.lane import Lane
from edge.outbox import Outbox
from edge.registry import Registry
from edge.settings import Gate
from edge.spool import Spool
from edge.uplink import Uplink
from edge.vitals import Pulse
from wire.errors import SettingsError
from wire.tokens import MIN_KEY_BYTES

log = structlog.get_logger(__name__)


class Agent:
    """One gate. `run` works until cancelled: no fault of a device, the disk or the network ends it."""

    def __init__(self, gate: Gate, version: str, timekeeper: Timekeeper | None = None) -> None:
        """Raises `SettingsError` when the token key or the registry cannot be used."""
        settings, folder = gate.settings, gate.folder
        self._timekeeper = timekeeper or SystemTime()
        spool_settings = replace(settings.spool, path=str(folder / settings.spool.path))
        self.outbox = Outbox(Spool(settings.site, settings.gate, spool_settings, self._timekeeper), self._timekeeper)
        key = read_key(folder / settings.token_key_file)
        entries = registry.load(folder / settings.registry) if settings.registry else Registry()
        self.lanes = [Lane(settings.gate, parts, key, entries, self.outbox, self._timekeeper) for parts in gate.lanes]
        pulse = Pulse(self.outbox, self.lanes, self._timekeeper, version, folder)
        self.uplink = Uplink(self.outbox, settings.broker, self._timekeeper, version, None, settings.vitals_every_s)
        self.uplink.vitals = partial(pulse.take, self.uplink)
        self._name = f"{settings.site}/{settings.gate}"

    async def run(self) -> None:
        await self.outbox.start()
        log.info("gate ready", gate=self._name, lanes=len(self.lanes), epoch=self.outbox.spool.epoch)
        try:
            async with asyncio.TaskGroup() as tasks:
                for lane in self.lanes:
                    tasks.create_task(lane.run(), name=lane.name)
                tasks.create_task(self.uplink.run(), name="uplink")
        finally:
            await self.outbox.stop()


def read_key(path: Path) -> bytes:
    """The site's token key. Raises `SettingsError` when it is missing or too short."""
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError([f"{path}: token key cannot be read: {error.strerror}"]) from error
    if len(key) < MIN_KEY_BYTES:
        raise SettingsError([f"{path}: token key of {len(key)} bytes, expected at least {MIN_KEY_BYTES}"])
    return key
