"""Boards on the console: the same boards that Grafana shows, for plants that have none, and for telephones.

What boards there are, and what fills them, is somebody else's (`Boards`; the room `dashboards` brings it): here are the
page and its two calls, the board's JSON as Grafana reads it, and the answers to all its questions at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec
from fastapi import Depends, FastAPI, Request, Response

from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.web.access import Access, Denied, redirect
from hub.web.words import Lang, as_lang, say

MAX_VALUES = 200
RANGES = ("", "now-24h", "now-6d/d", "now-29d/d", "now-364d/d")
"""Ranges to choose from; the first is the board's own."""


class Listed(NamedTuple):
    """A board in the list."""

    name: str
    title: str
    wall: bool
    many_sites: bool


class Asked(NamedTuple):
    """What a browser wants to see of a board: since when ("": as the board says), of which sites, gates, teams."""

    since: str
    values: Mapping[str, Sequence[str]]


class Boards(Protocol):
    """Where the console gets its boards from."""

    def listed(self, lang: Lang) -> list[Listed]: ...

    def json(self, name: str, lang: Lang) -> dict[str, Any] | None:
        """The board as Grafana reads it; None where there is none of that name."""

    async def answers(self, name: str, lang: Lang, asked: Asked) -> dict[str, Any] | None:
        """What fills it: see `dashboards.console`. Raises `StoreError` when nothing can be had."""


Draw = Callable[..., Response]


def add_boards(app: FastAPI, access: Access, boards: Boards) -> None:
    """`/boards`, `/boards/NAME`, `/boards/NAME/json`, `/boards/NAME/answers`: for whoever may see the live board."""

    def draw(request: Request, who: Who, **values: Any) -> Response:  # noqa: ANN401 - as templates take them
        return access.draw(request, who, "boards.html", "boards", **values)

    add_board_pages(app, boards, access.needs(Permission.BOARD), draw, access.language)


def add_board_pages(
    app: FastAPI,
    boards: Boards,
    seeing: Callable[[Request], Awaitable[Any]],
    draw: Draw,
    language: Callable[[Request], Lang],
) -> None:
    """The pages behind any door: `seeing` lets somebody in, `draw` draws the page for them."""

    @app.get("/boards")
    async def first(request: Request, _who: object = Depends(seeing)) -> Response:
        return redirect(f"/boards/{boards.listed(language(request))[0].name}")

    @app.get("/boards/{name}")
    async def page(request: Request, name: str, who: Any = Depends(seeing)) -> Response:  # noqa: ANN401
        lang = language(request)
        known = {one.name: one for one in boards.listed(lang)}
        if name not in known:
            raise Denied(404, "no-record")
        ranges = [(since, say(lang, f"boards.since.{since or 'own'}")) for since in RANGES]
        return draw(request, who, listed=list(known.values()), board=known[name], ranges=ranges)

    @app.get("/boards/{name}/json")
    async def json(request: Request, name: str, _who: object = Depends(seeing)) -> Response:
        return _json(boards.json(name, _lang(request, language)))

    @app.get("/boards/{name}/answers")
    async def answers(request: Request, name: str, since: str = "", _who: object = Depends(seeing)) -> Response:
        if since not in RANGES:
            raise Denied(400, "too-long-field", name="since", most=len(RANGES))
        query = request.query_params
        values = {name: query.getlist(name)[:MAX_VALUES] for name in ("site", "gate", "team") if query.getlist(name)}
        return _json(await boards.answers(name, _lang(request, language), Asked(since, values)))


def _lang(request: Request, language: Callable[[Request], Lang]) -> Lang:
    return as_lang(request.query_params.get("lang")) or language(request)


def _json(value: object) -> Response:
    if value is None:
        raise Denied(404, "no-record")
    return Response(msgspec.json.encode(value), media_type="application/json")
