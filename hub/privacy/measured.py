"""What the journal holds about whom a badge belongs to: for an answer to them, while the badge is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from hub.archive import Archive
from hub.projections.checks import Checks

MOST = 20_000


class Measured(Protocol):
    """Where measurements of badges are found."""

    async def of(self, tokens: Sequence[str]) -> list[dict[str, Any]]:
        """The events in which they were measured, the newest first. Raises `JournalError`."""


class JournalMeasured:
    """From the projection of checks and the journal."""

    def __init__(self, checks: Checks, archive: Archive) -> None:
        self._checks, self._archive = checks, archive

    async def of(self, tokens: Sequence[str]) -> list[dict[str, Any]]:
        if not tokens:
            return []
        rows = []
        for offset, time_ns, site in await self._checks.of(tokens, MOST):
            found = await self._archive.after(offset - 1, 1)
            body = found[0].body if found and found[0].offset == offset else None
            event = {} if body is None else msgspec.json.decode(body)
            rows.append({"time_ns": time_ns, "site": site, "event": event})
        return rows
