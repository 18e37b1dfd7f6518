"""The watchdog is fed by progress, not by a timer: a process whose pipeline stands still is started anew.

Each part gives a sign, a value that changes whenever the part has got on: frames judged, devices tried again, events
written, messages sent. A part whose sign has not changed for longer than it may holds the feeding back; the service
manager then ends the process and starts it anew (`WatchdogSec=` in deploy/systemd). Times are monotonic: a jump of the
clock starves nobody.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import structlog

from wire.service import notify, watchdog_s

log = structlog.get_logger(__name__)


class Sign(NamedTuple):
    """How far a part has got; None where it has nothing to do now. It must change within `within_s`."""

    value: object
    within_s: float


class Progress:
    """Who has stood still for too long. Pure but for what it remembers."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[object, int]] = {}

    def still(self, signs: Mapping[str, Sign], now_ns: int) -> list[str]:
        """The names of the parts that have stood still, sorted; `now_ns` is of the monotonic clock."""
        late = []
        for name, sign in signs.items():
            value, since_ns = self._seen.get(name, (None, now_ns))
            if sign.value is None or sign.value != value:
                since_ns = now_ns
            self._seen[name] = (sign.value, since_ns)
            if now_ns - since_ns > sign.within_s * 1e9:
                late.append(name)
        return sorted(late)


class Watchdog:
    """Feeds the service manager's watchdog as long as all parts get on."""

    def __init__(
        self,
        signs: Callable[[], Mapping[str, Sign]],
        mono_ns: Callable[[], int] = time.monotonic_ns,
        say: Callable[..., bool] = notify,
        period_s: float | None = None,
    ) -> None:
        """`period_s` is within which time it must be fed; without it, as the service manager says."""
        self._signs, self._mono_ns, self._say = signs, mono_ns, say
        self._period_s = period_s or watchdog_s()
        self._progress = Progress()
        self._told: list[str] = []

    async def run(self) -> None:
        """Look and feed until cancelled; without a service manager that asks for it, do nothing."""
        self._say(READY=1, STATUS="working")
        if self._period_s is None:
            return
        while True:
            self.look()
            await asyncio.sleep(self._period_s / 4)

    def look(self) -> None:
        """Feed, unless a part stands still; say so once."""
        still = self._progress.still(self._signs(), self._mono_ns())
        if not still:
            self._say(WATCHDOG=1)
        if still != self._told:
            what = f"stands still: {', '.join(still)}" if still else "working"
            self._say(STATUS=what)
            log.log(40 if still else 20, "watchdog", state=what)
            self._told = still
