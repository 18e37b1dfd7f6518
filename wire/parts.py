"""The parts of a process: each works for ever, and a defect in one ends no other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from wire.link import Backoff

log = structlog.get_logger(__name__)

AGAIN_MIN_S, AGAIN_MAX_S = 1.0, 60.0


async def keep_running(name: str, work: Callable[[], Awaitable[None]], tell: Callable[[str, str], None]) -> None:
    """Do a part's work; where a defect ends it, begin it again, more and more rarely: one part must not
    end the process.

    `tell` gets the part's name and what ended it, and an empty text when it has worked for a while again.
    """
    backoff = Backoff(AGAIN_MIN_S, AGAIN_MAX_S)
    while True:
        steady = asyncio.get_running_loop().call_later(AGAIN_MAX_S, tell, name, "")
        try:
            await work()
            return  # noqa: TRY300 - it has no more to do
        except* Exception as errors:
            log.exception("a part failed, it begins again", part=name)
            tell(name, f"defect: {_first(errors)!r}")
        finally:
            steady.cancel()
        await asyncio.sleep(backoff.next_s())


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
