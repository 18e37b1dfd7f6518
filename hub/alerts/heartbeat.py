"""The dead man's switch: an outside service hears from this hub as long as every link from the gates to people holds.

When one breaks the beats stop, and the outside service tells somebody by its own ways. It must not run on this machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated, NamedTuple

import httpx
import structlog
from msgspec import Meta, Struct

from wire.errors import JournalError

log = structlog.get_logger(__name__)

NOTIFIER_IDLE_S = 60.0
"""The notifier looks every few seconds; so long without is a notifier that hangs."""


class HeartbeatSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`url` is asked every `every_s` (healthchecks.io, Uptime Kuma, a pager's heartbeat …) unless a link is broken.

    `untold_after_s`: a page that no channel has taken for so long is a broken link.
    """

    url: Annotated[str, Meta(pattern=r"^https?://[^\s/]+")]
    every_s: Annotated[float, Meta(ge=1)] = 60.0
    timeout_s: Annotated[float, Meta(gt=0, le=120)] = 10.0
    untold_after_s: Annotated[float, Meta(ge=1)] = 600.0


class Link(StrEnum):
    """What stands between a gate and a person."""

    BROKER = "broker"
    GATES = "gates"
    """No gate at all is heard of. One that is silent is an alert of its own."""
    JOURNAL = "journal"
    """What gates say cannot be written down, and so reaches nobody."""
    ALERTS = "alerts"
    """The journal cannot be read into alerts."""
    NOTIFIER = "notifier"
    CHANNELS = "channels"
    """A page waits that no channel takes."""


class Sight(NamedTuple):
    """What the hub sees of its links at a moment."""

    broker: bool
    gates_known: int
    gates_heard: int
    journal_error: str
    alerts_error: str
    notifier_idle_s: float
    untold_s: float
    """For how long the oldest page that is due has been waiting."""


def broken(sight: Sight, untold_after_s: float) -> list[Link]:
    """The links that do not hold."""
    holds = {
        Link.BROKER: sight.broker,
        Link.GATES: sight.gates_heard > 0 or sight.gates_known == 0,
        Link.JOURNAL: not sight.journal_error,
        Link.ALERTS: not sight.alerts_error,
        Link.NOTIFIER: sight.notifier_idle_s < NOTIFIER_IDLE_S,
        Link.CHANNELS: sight.untold_s < untold_after_s,
    }
    return [link for link, good in holds.items() if not good]


async def beat(settings: HeartbeatSettings, look: Callable[[], Awaitable[Sight]]) -> None:
    """For ever."""
    told: list[Link] = []
    async with httpx.AsyncClient(timeout=settings.timeout_s) as client:
        while True:
            try:
                wrong = broken(await look(), settings.untold_after_s)
            except JournalError:
                wrong = [Link.ALERTS]
            if wrong and wrong != told:
                log.error("the heartbeat stops", broken=[str(link) for link in wrong])
            elif told and not wrong:
                log.info("the heartbeat goes on")
            told = wrong
            if not wrong:
                await _beat_once(client, settings)
            await asyncio.sleep(settings.every_s)


async def _beat_once(client: httpx.AsyncClient, settings: HeartbeatSettings) -> None:
    try:
        async with asyncio.timeout(settings.timeout_s):
            answer = await client.get(settings.url)
        if not answer.is_success:
            log.warning("heartbeat not taken", status=answer.status_code)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        log.warning("heartbeat not taken", error=type(error).__name__)
