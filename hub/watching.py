"""Working for ever: what the hub's parts and its watchers have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from wire.errors import MenshenError
from wire.link import Backoff

log = structlog.get_logger(__name__)

AGAIN_MIN_S, AGAIN_MAX_S = 1.0, 60.0


async def keep_running(name: str, work: Callable[[], Awaitable[None]], tell: Callable[[str, str], None]) -> None:
    """Do a part's work; where a defect ends it, begin it again, more and more rarely: one part must not end the hub.

    `tell` gets the part's name and what ended it, and an empty text when it has worked for a while again.
    """
    backoff = Backoff(AGAIN_MIN_S, AGAIN_MAX_S)
    while True:
        steady = asyncio.get_running_loop().call_later(AGAIN_MAX_S, tell, name, "")
        try:
            await work()
            return  # noqa: TRY300 - it has no more to do
        except* Exception as errors:
            log.exception("a part of the hub failed, it begins again", part=name)
            tell(name, f"defect: {_first(errors)!r}")
        finally:
            steady.cancel()
        await asyncio.sleep(backoff.next_s())


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


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
