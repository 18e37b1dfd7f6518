"""The gate's pulse: what a technician wants to know of a Pi in a box. What the machine does not tell stays None."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from edge import machine
from edge.clock import Instant, Timekeeper
from edge.follower import Follower
from edge.lane import Lane
from edge.outbox import Outbox
from edge.remote.keeper import Configurations
from edge.uplink import Uplink
from wire.errors import SpoolError
from wire.messages import SCHEMA_VERSION, SpoolDepth, Vitals
from wire.releases import ReleaseHeld
from wire.token_keys import TokenKeyHeld

_STATM = Path("/proc/self/statm")
_PAGE_BYTES = 4096


class Pulse:
    """Makes one `Vitals` after the other; frame rates are over the time since the last."""

    def __init__(
        self,
        outbox: Outbox,
        lanes: Sequence[Lane],
        timekeeper: Timekeeper,
        version: str,
        disk: Path,
        follower: Follower | None = None,
        configurations: Configurations | None = None,
    ) -> None:
        """`disk` is a folder on the storage that holds the spool."""
        self.is_safe = False
        self._outbox = outbox
        self._follower = follower
        self._configurations = configurations
        self._lanes = lanes
        self._timekeeper = timekeeper
        self._version = version
        self._disk = disk
        self._started = timekeeper.now()
        self._last: tuple[Instant, dict[str, int]] = (self._started, {})
        self.release: Callable[[], ReleaseHeld] | None = None
        self.token_key: Callable[[], TokenKeyHeld] | None = None

    async def take(self, uplink: Uplink) -> Vitals:
        seen, now = await asyncio.to_thread(machine.look, self._disk), self._timekeeper.now()
        return Vitals(
            v=SCHEMA_VERSION,
            time_ns=now.time_ns,
            epoch=self._outbox.spool.epoch,
            session=uplink.session_number,
            spool=await self._depth(),
            version=self._version,
            uptime_s=now.seconds_since(self._started),
            cpu_c=seen.cpu_c,
            memory_mb=_memory_mb(),
            disk_free_mb=_disk_free_mb(self._disk),
            devices=self._devices(),
            frames_per_s=self._frame_rates(now),
            reference_drift_c={lane.name: lane.drift_c for lane in self._lanes if lane.drift_c is not None},
            registry=None if self._follower is None else self._follower.held(),
            configuration=None if self._configurations is None else self._configurations.told(),
            machine=seen,
            safe=self.is_safe,
            release=None if self.release is None else self.release(),
            token_key=None if self.token_key is None else self.token_key(),
        )

    async def _depth(self) -> SpoolDepth:
        try:
            return await self._outbox.depth()
        except SpoolError:
            return SpoolDepth(0, 0)

    def _devices(self) -> dict[str, str]:
        health = {
            device.name: device.health.value
            for lane in self._lanes
            for device in lane.devices.values()
            if device.health is not None
        }
        return {**health, "spool": "failed" if self._outbox.fault else "ok"}

    def _frame_rates(self, now: Instant) -> dict[str, float]:
        then, before = self._last
        counts = {lane.name: lane.frames for lane in self._lanes if "thermal" in lane.devices}
        self._last = (now, counts)
        passed_s = max(1e-3, now.seconds_since(then))
        return {name: round((count - before.get(name, 0)) / passed_s, 2) for name, count in counts.items()}


def _memory_mb() -> float | None:
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE_BYTES / 1e6
    except (OSError, ValueError, IndexError):
        return None


def _disk_free_mb(path: Path) -> float | None:
    try:
        return shutil.disk_usage(path).free / 1e6
    except OSError:
        return None
