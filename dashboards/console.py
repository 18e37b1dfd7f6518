"""The boards on the hub's console: Grafana's JSON as it is, and the answers to a board's questions in one go.

The time-series server answers where there is one; where there is none, or it does not, the hub's own figures do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import available_timezones

from dashboards.board import Board, Place
from dashboards.boards import BOARDS, board_named
from dashboards.evaluate import Frame, Row, answer
from dashboards.influx import Influx, frames_of
from dashboards.panels import Shape
from dashboards.query import Ask, Chosen, Query, Var, filled
from dashboards.ranges import back_ns, moment_ns
from dashboards.render import Json, Setting, board_json, columns_of
from hub.figures import Figures
from hub.influx import InfluxSettings, secret
from hub.rollups import Where
from hub.standings.points import Point
from hub.web.dashboard import Asked, Listed
from hub.web.words import Lang
from wire.errors import StoreError

_DAY_NS = 86_400 * 10**9
_AHEAD_NS = 10**9
"""A point of this very second is not to be missed."""
_AT_ONCE = 4
_SHARED_S = 0.9
_VARIABLES_BACK_NS = 3 * _DAY_NS
_SOURCES = {Var.SITE: "site_hour", Var.GATE: "pulse_hour", Var.TEAM: "duty_day"}


class Source(Protocol):
    """What answers queries. Raises `StoreError` or `JournalError`."""

    name: str

    async def frames(self, query: Query, chosen: Chosen) -> list[Frame]: ...

    async def values(self, variable: Var, chosen: Chosen) -> list[str]: ...


class Counted(Protocol):
    """Figures of a hub, as `hub.figures.Figures` has them."""

    @property
    def zone(self) -> tzinfo | None: ...

    async def points(self, name: str, from_ns: int, until_ns: int, where: Where = ()) -> Sequence[Point]: ...


class FiguresSource:
    """The hub's own figures, each measurement and range read once in its short life."""

    name = "figures"

    def __init__(self, figures: Counted) -> None:
        self._figures = figures
        self._known: dict[tuple[str, int, int, Where], asyncio.Task[list[Row]]] = {}

    async def frames(self, query: Query, chosen: Chosen) -> list[Frame]:
        rows = await self._rows(query.source, chosen.from_ns, chosen.until_ns, query.where)
        # A year takes a second to count: the hub's loop has other things to do.
        return await asyncio.to_thread(answer, query, rows, chosen, self._figures.zone)

    async def values(self, variable: Var, chosen: Chosen) -> list[str]:
        rows = await self._rows(_SOURCES[variable], chosen.until_ns - _VARIABLES_BACK_NS, chosen.until_ns)
        return sorted({row.tags[variable] for row in rows if row.tags.get(variable)})

    async def _rows(self, name: str, from_ns: int, until_ns: int, where: Where = ()) -> list[Row]:
        key = name, from_ns, until_ns, where
        if key not in self._known:
            self._known[key] = asyncio.create_task(self._read(*key))
        return await self._known[key]

    async def _read(self, name: str, from_ns: int, until_ns: int, where: Where) -> list[Row]:
        points = await self._figures.points(name, from_ns, until_ns, where)
        return await asyncio.to_thread(_rows_of, points)


def _rows_of(points: Sequence[Point]) -> list[Row]:
    tags = {point.tags: dict(point.tags) for point in points}  # one for all that have the same
    return [Row(point.time_ns, tags[point.tags], point.fields) for point in points]


class InfluxSource:
    """A time-series server."""

    name = "influx"

    def __init__(self, influx: Influx, zone: str) -> None:
        self._influx = influx
        self._zone = zone
        self._few = asyncio.Semaphore(_AT_ONCE)

    async def frames(self, query: Query, chosen: Chosen) -> list[Frame]:
        async with self._few:
            return frames_of(query, await self._influx.ask(filled(query.influxql(self._zone), chosen)))

    async def values(self, variable: Var, _chosen: Chosen) -> list[str]:
        statement = f'SHOW TAG VALUES FROM "{_SOURCES[variable]}" WITH KEY = "{variable}"'
        async with self._few:
            series = await self._influx.ask(statement)
        return sorted({row[1] for one in series for row in one["values"]})


class ConsoleBoards:
    """What the console shows. `zone` is the site's; `now_ns` another than the present for days that are over."""

    def __init__(
        self,
        figures: Counted,
        influx: Influx | None = None,
        zone_name: str = "Asia/Shanghai",
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._figures = figures
        self._influx = influx
        self._setting = Setting(zone_name)
        self._zone: tzinfo | None = figures.zone
        self._now_ns = now_ns
        self._shared: dict[str, tuple[float, asyncio.Task[Json]]] = {}

    def listed(self, lang: Lang) -> list[Listed]:
        return [Listed(board.name, board.short.of(lang), board.wall, board.many_sites) for board in BOARDS]

    def json(self, name: str, lang: Lang) -> Json | None:
        board = board_named(name)
        return None if board is None else board_json(board, lang, self._setting)

    async def answers(self, name: str, lang: Lang, asked: Asked) -> Json | None:
        """Whoever asks the same within a second gets the same answer: ten walls ask no more than one."""
        board = board_named(name)
        if board is None:
            return None
        now_s, key = time.monotonic(), repr((name, lang, asked))
        self._shared = {other: kept for other, kept in self._shared.items() if now_s - kept[0] < _SHARED_S}
        if key not in self._shared:
            self._shared[key] = now_s, asyncio.create_task(self._answer(board, lang, asked))
        return await asyncio.shield(self._shared[key][1])

    async def _answer(self, board: Board, lang: Lang, asked: Asked) -> Json:
        fault = ""
        if self._influx is not None:
            try:
                return await self._answers(board, lang, asked, InfluxSource(self._influx, self._setting.zone)) | {
                    "fault": ""
                }
            except StoreError as error:
                fault = str(error)
        return await self._answers(board, lang, asked, FiguresSource(self._figures)) | {"fault": fault}

    async def _answers(self, board: Board, lang: Lang, asked: Asked, source: Source) -> Json:
        now_ns = self._now_ns()
        until_ns = now_ns + _AHEAD_NS
        chosen = Chosen(moment_ns(asked.since or board.since, now_ns, self._zone), until_ns, asked.values)
        values = await asyncio.gather(*(source.values(variable, chosen) for variable in board.variables))
        offered = dict(zip((variable.value for variable in board.variables), values, strict=True))
        if not board.many_sites and not chosen.values.get(Var.SITE):
            chosen = chosen._replace(values={**chosen.values, Var.SITE.value: offered[Var.SITE][:1]})
        places = list(board.places())
        panels, marks = await asyncio.gather(
            asyncio.gather(*(self._panel(place, chosen, now_ns, source) for place in places)),
            asyncio.gather(*(source.frames(mark.query, chosen) for mark in board.marks)),
        )
        return {
            "now": now_ns // 10**6,
            "source": source.name,
            "panels": {str(place.number): panel for place, panel in zip(places, panels, strict=True)},
            "marks": [
                {"colour": mark.colour, "name": mark.title.of(lang), "shown": mark.shown, "at": _marks(frames, lang)}
                for mark, frames in zip(board.marks, marks, strict=True)
            ],
            "variables": offered,
            "chosen": {variable: list(picked) for variable, picked in chosen.values.items()},
        }

    async def _panel(self, place: Place, chosen: Chosen, now_ns: int, source: Source) -> Json:
        panel = place.panel
        if panel.back:
            chosen = chosen._replace(from_ns=back_ns(panel.back, now_ns, self._zone))
        frames = await asyncio.gather(*(source.frames(query, chosen) for query in panel.asks))
        found: Json = {"from": chosen.from_ns // 10**6, "to": chosen.until_ns // 10**6}
        if panel.shape is Shape.TABLE:
            return found | {"table": table_of(panel.asks[0], frames[0])}
        return found | {
            "series": [one for query, some in zip(panel.asks, frames, strict=True) for one in series_of(query, some)]
        }


def series_of(query: Query, frames: Sequence[Frame]) -> list[Json]:
    """Each column of each frame as a series of its own; named as the alias of `render.alias_of` has Grafana name it."""
    assert isinstance(query, Ask), "single points are shown in tables and as marks only"
    found = []
    for frame in frames:
        tags = [str(frame.tags[tag]) for tag in query.by]
        for column, values in frame.columns.items():
            name = " ".join([*tags, column] if len(query.values) > 1 or not tags else tags)
            found.append({"name": name, "times": [time_ns // 10**6 for time_ns in frame.times_ns], "values": values})
    return found


def table_of(query: Query, frames: Sequence[Frame]) -> Json:
    """Frames as the rows of one table, with Grafana's names of the columns."""
    names = columns_of(query)
    rows: list[list[Any]] = []
    for frame in frames:
        for place, time_ns in enumerate(frame.times_ns):
            cells: Mapping[str, Any] = {**frame.tags, **{name: column[place] for name, column in frame.columns.items()}}
            rows.append([time_ns // 10**6, *(cells.get(name) for name in names)])
    return {"columns": ["Time", *names], "rows": rows}


def _marks(frames: Sequence[Frame], lang: Lang) -> list[Json]:
    return [
        {"time": time_ns // 10**6, "text": str(frame.columns[lang][place])}
        for frame in frames
        for place, time_ns in enumerate(frame.times_ns)
    ]


def make(figures: Figures, settings: InfluxSettings | None, zone: str | None) -> ConsoleBoards:
    """The boards of a hub, by its settings. Raises `StoreError` for a secret that cannot be read."""
    influx = None
    if settings is not None:
        influx = Influx(
            settings.url,
            settings.bucket,
            token=secret(settings.token_file),
            user=settings.username or "",
            password=secret(settings.password_file),
            timeout_s=settings.timeout_s,
        )
    return ConsoleBoards(figures, influx, zone or machine_zone())


def machine_zone() -> str:
    """The name of this machine's time zone, which a hub without one of its own goes by; UTC where it has no name."""
    _, _, name = str(Path("/etc/localtime").resolve()).partition("zoneinfo/")
    return name if name in available_timezones() else "UTC"
