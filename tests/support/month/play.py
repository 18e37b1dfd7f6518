"""A month from its first morning to its last evening: what is true, and a hub that heard it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import NamedTuple

from hub.influx import InfluxSettings
from sim.plant import Plant
from sim.roster import sites, token_key
from tests.support.month.heard import heard_of
from tests.support.month.hub import MonthHub, days_of, month_hub
from tests.support.month.script import Script
from tests.support.month.truth import Month
from wire.events import Registration


class Played(NamedTuple):
    """What is true of the days, and the hub after the last of them."""

    month: Month
    hub: MonthHub
    days: list[date]


Look = Callable[[MonthHub, Month, date], Awaitable[None]]
"""Called on each evening."""


@asynccontextmanager
async def played(
    folder: Path, plant: Plant, seed: int, days: int, influx: InfluxSettings, look: Look
) -> AsyncIterator[Played]:
    """Every day of a plant with one site."""
    (site,) = sites(plant, seed, token_key(seed))
    script = Script(site, seed)
    month = Month(site, script)
    async with month_hub(folder, site, influx) as hub:
        for day, heard in zip(days_of(site, days), heard_of(site, days, seed), strict=True):
            await hub.begin(day, script.morning(day))
            for some in heard:
                await hub.hear(some)
                script.hear(some.truths, day)
                month.truths += some.truths
                events = (entry.event() for entry in some.entries)
                month.registered += [event for event in events if isinstance(event, Registration)]
            await hub.end(day, script, script.evening(day))
            await look(hub, month, day)
        yield Played(month, hub, days_of(site, days))
