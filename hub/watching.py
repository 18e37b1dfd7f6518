"""Looking again and again: what the hub's watchers have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from wire.errors import MenshenError

log = structlog.get_logger(__name__)


async def keep_looking(look: Callable[[], Awaitable[object]], every_s: float, trouble: str) -> None:
    """Do it for ever, with a pause between. What fails is told once, as `trouble`, and tried again; a defect too, for
    one watcher that fails must not end the hub."""
    told = ""
    while True:
        try:
            await look()
        except MenshenError as error:
            if str(error) != told:
                log.error(trouble, error=str(error))
            told = str(error)
        except Exception as error:
            if repr(error) != told:
                log.exception(trouble)
            told = repr(error)
        else:
            told = ""
        await asyncio.sleep(every_s)
