"""The task that looks at how things stand, second by second, and keeps it in the file of standings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import structlog

from hub.alerts.desk import AlertDesk
from hub.board import AlertRow, Snapshot
from hub.presence import Presence
from hub.standings.file import DAY_NS, Standings
from hub.standings.gates import Pulse, merged, points_of, points_of_alerts
from hub.standings.points import ALERT, HOUR_NS, Point
from wire.errors import DatabaseError, JournalError

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 1.0
LOOK_SHARE = 0.05
"""With thousands of gates a look takes a while: it is taken so seldom that no more than this part of the time goes into
looking."""
SELDOM_S = 20.0
"""How often the relational store is asked, and what is old dropped."""
_ALERTS_AT_ONCE = 500
_OPEN_FOR_DAYS = 400


class Board(Protocol):
    def snapshot(self) -> Snapshot: ...


Account = Callable[[int], Awaitable[Sequence[Point]]]
"""What the relational store says at a moment (ns), as points; it may raise `DatabaseError`."""


class Keeper:
    """Looks for ever. What cannot be read or kept this time is tried again the next."""

    def __init__(
        self,
        standings: Standings,
        board: Board,
        presence: Presence,
        desk: AlertDesk,
        accounts: Sequence[Account] = (),
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._standings = standings
        self._board = board
        self._presence = presence
        self._desk = desk
        self._accounts = accounts
        self._now_ns = now_ns
        self._hour: dict[tuple[str, tuple[tuple[str, str], ...]], Point] = {}
        self._known: set[int] = set()
        """Alerts whose newest point says open."""
        self._last_alert = 0

    async def run(self) -> None:
        """Until cancelled; the file must be open."""
        told, seldom_s, took_s, loop = "", 0.0, 0.0, asyncio.get_running_loop()
        while True:
            await asyncio.sleep(max(LOOK_EVERY_S, took_s / LOOK_SHARE - took_s))
            begun_s = loop.time()
            try:
                if not self._hour:
                    await self._remember()
                await self.look()
                if time.monotonic() >= seldom_s:
                    await self.account()
                    seldom_s = time.monotonic() + SELDOM_S
                told = ""
                took_s = loop.time() - begun_s
            except (JournalError, DatabaseError) as error:
                if str(error) != told:
                    log.error("standings cannot be kept", error=str(error))
                    told = str(error)

    async def look(self) -> None:
        """Keep what the board, the gates' pulses and the alerts say now. Raises `JournalError`."""
        pulses = {
            place: Pulse(gate.vitals.reference_drift_c, gate.vitals.frames_per_s)
            for place, gate in self._presence.gates.items()
            if gate.vitals is not None
        }
        snapshot = self._board.snapshot()
        points = await asyncio.to_thread(self._points_of, snapshot, pulses)
        known = self._hour
        news = [point for point in points if known.get((point.name, point.tags)) != point]
        await self._standings.put(news + points_of_alerts(await self._alerts()))
        self._hour = {(point.name, point.tags): point for point in points}

    def _points_of(self, snapshot: Snapshot, pulses: Mapping[tuple[str, str], Pulse]) -> list[Point]:
        return [self._of_hour(point) for point in points_of(snapshot, pulses)]

    async def account(self) -> None:
        """Keep what the relational store says now. Raises `JournalError`, `DatabaseError`."""
        now_ns = self._now_ns()
        for account in self._accounts:
            await self._standings.put(await account(now_ns))
        await self._standings.forget(now_ns)

    async def _remember(self) -> None:
        """Go on where the last run of the hub ended."""
        now_ns = self._now_ns()
        hour_ns = now_ns - now_ns % HOUR_NS
        for name in ("pulse_hour", "health_hour", "camera_hour", "machine_hour"):
            for point in await self._standings.between(name, hour_ns, hour_ns + 1):
                self._hour[point.name, point.tags] = point
        for point in await self._standings.between(ALERT.name, now_ns - _OPEN_FOR_DAYS * DAY_NS, now_ns + DAY_NS):
            number = int(point.fields["id"])
            self._last_alert = max(self._last_alert, number)
            if point.fields["open"]:
                self._known.add(number)

    def _of_hour(self, point: Point) -> Point:
        older = self._hour.get((point.name, point.tags))
        return merged(point, older if older is not None and older.time_ns == point.time_ns else None)

    async def _alerts(self) -> list[AlertRow]:
        """Alerts that are new, open, or were open at the last look."""
        new = await self._desk.alerts_after(self._last_alert, _ALERTS_AT_ONCE)
        opened = {row.id: row for row in (*new, *self._desk.open)}
        gone = sorted(self._known - opened.keys())
        rows = [*opened.values()]
        if gone:
            ended = await self._desk.ask(lambda store, _now_ns: [store.alert(number) for number in gone])
            rows += [row for row in ended if row is not None]
        self._known = {row.id for row in rows if row.state != "resolved"}
        self._last_alert = max([self._last_alert, *(row.id for row in new)])
        return rows
