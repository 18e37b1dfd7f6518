"""The time as a gate knows it, handed in wherever time matters, so that tests never sleep."""

from __future__ import annotations

import ctypes
import os
import secrets
import time
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from wire.events import Clock
from wire.machine import ClockQuality

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_UNKNOWN_BOOT = secrets.token_hex(16)
"""Where the kernel does not say: then each start of the agent counts as one."""


class Instant(Struct, frozen=True, order=True):
    """One moment: `time_ns` wall clock (UTC since 1970), `mono_ns` monotonic since boot, and the wall clock's trust."""

    time_ns: int
    mono_ns: int
    clock: Clock = Clock.SYNCED

    def seconds_since(self, earlier: Instant) -> float:
        """Seconds between two moments, by the monotonic clock: jumps of the wall clock do not matter."""
        return (self.mono_ns - earlier.mono_ns) / 1e9


class Timekeeper(Protocol):
    """Where the agent gets the time from."""

    def now(self) -> Instant: ...


def boot_id() -> str:
    """What tells one running of the machine from another: the monotonic clock begins anew with each (random(4))."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return _UNKNOWN_BOOT


class SystemTime:
    """The machine's own clocks; whether they are synchronised is the kernel's word (adjtimex(2), STA_UNSYNC)."""

    def now(self) -> Instant:
        clock = Clock.SYNCED if kernel_clock_synced() else Clock.FREE
        return Instant(time.time_ns(), time.monotonic_ns(), clock)


_TIME_ERROR = 5
"""adjtimex(2): the clock is not synchronised (STA_UNSYNC set, or no synchronisation since boot)."""
_NANO = 0x2000
"""STA_NANO: `offset` counts nanoseconds instead of microseconds."""
_libc = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2), up to what is read here; zeroed, it only asks (modes = 0)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 1024),  # more than follows on any Linux
    )


def kernel_clock_synced() -> bool:
    """Whether the kernel believes that its clock is disciplined by NTP or the like; False where it cannot say."""
    quality = clock_quality()
    return quality is not None and quality.synced


def clock_quality() -> ClockQuality | None:
    """What the kernel believes of its clock; None where it cannot say."""
    adjtimex = getattr(_libc, "adjtimex", None)
    if adjtimex is None:
        return None
    told = _Timex()
    state = int(adjtimex(ctypes.byref(told)))
    if state == -1:
        return None
    unit_s = 1e-9 if told.status & _NANO else 1e-6
    return ClockQuality(state != _TIME_ERROR, round(told.offset * unit_s, 9), told.maxerror / 1e6)
