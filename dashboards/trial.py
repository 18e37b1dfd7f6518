"""Sends every query of every board to a server, and says which it does not take."""

from __future__ import annotations

import asyncio
import time

from dashboards.boards import BOARDS
from dashboards.influx import Influx
from dashboards.query import Chosen, Query, filled
from dashboards.render import Setting
from wire.errors import StoreError

_DAY_NS = 86_400 * 10**9


def trial(url: str, database: str, token: str = "") -> list[str]:
    """The faults, as sentences."""
    return asyncio.run(_trial(Influx(url, database, token=token)))


async def _trial(influx: Influx) -> list[str]:
    now_ns = time.time_ns()
    chosen = Chosen(now_ns - _DAY_NS, now_ns, {})
    found = []
    try:
        for where, query in all_queries():
            try:
                await influx.ask(filled(query.influxql(Setting().zone), chosen))
            except StoreError as error:
                found.append(f"{where}: {error}")
    finally:
        await influx.close()
    return found


def all_queries() -> list[tuple[str, Query]]:
    """Every query of every board, and where it stands."""
    found: list[tuple[str, Query]] = []
    for board in BOARDS:
        for place in board.places():
            found += [(f"{board.name}, {place.panel.title.en}", query) for query in place.panel.asks]
        found += [(f"{board.name}, {mark.title.en}", mark.query) for mark in board.marks]
    return found
