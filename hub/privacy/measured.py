"""What the journal holds about whom a badge belongs to: for an answer to them, while the badge is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from hub.archive import Archive
from hub.projections.checks import Checks
from hub.registry.holdings import Holding

MOST = 20_000


class Measured(Protocol):
    """Where measurements of cards are found."""

    async def of(self, held: Sequence[Holding]) -> list[dict[str, Any]]:
        """The events in which they were measured while they were somebody's, the newest first. Raises
        `JournalError`."""


class JournalMeasured:
    """From the projection of checks and the journal."""

    def __init__(self, checks: Checks, archive: Archive) -> None:
        self._checks, self._archive = checks, archive

    async def of(self, held: Sequence[Holding]) -> list[dict[str, Any]]:
        found: dict[int, tuple[int, str]] = {}
        for one in held:
            for offset, time_ns, site in await self._checks.of([one.token], MOST):
                if one.covers(time_ns):
                    found[offset] = time_ns, site
        rows = []
        for offset, (time_ns, site) in sorted(found.items(), reverse=True)[:MOST]:
            entries = await self._archive.after(offset - 1, 1)
            body = entries[0].body if entries and entries[0].offset == offset else None
            event = {} if body is None else msgspec.json.decode(body)
            rows.append({"time_ns": time_ns, "site": site, "event": event})
        return rows
