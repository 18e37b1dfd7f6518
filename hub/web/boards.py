"""The live board: the page, its stream, the same for programs, the display on a wall; and whether the hub is well."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Protocol, TypeVar

import msgspec
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import StreamingResponse

from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.board import Snapshot
from hub.web import stream
from hub.web.access import LANG_COOKIE, YEAR_S, Access, Denied, html_response
from hub.web.words import as_lang

T = TypeVar("T")

THEMES = ("dark", "light")
CHECK_EVERY = 30
"""Messages of a stream after which it is asked again whether its reader may still see it."""


class BoardSource(Protocol):
    """Where the console gets the live board from."""

    def snapshot(self) -> Snapshot:
        """The board as it stands, stamped with the present time; cheap, for it is asked every second a client."""
        ...

    def changes(self) -> AsyncIterator[Snapshot]:
        """A new iterator for each client: a snapshot whenever something changed, at most about five a second.

        It keeps no queue: a slow client sees the newest board, not an old one. It ends when the hub stops.
        """
        ...

    def ready(self) -> dict[str, str]:
        """What is not well in the hub, by part, as sentences; empty when all is."""
        ...


def add_board(app: FastAPI, source: BoardSource, access: Access, version: str, *, wall: bool) -> None:
    """`/`, `/live`, `/api/state`, `/api/live`, `/healthz`, `/readyz` and, where anybody may see it, `/wall`."""
    _add_page(app, source, access, version)
    _add_api(app, source, access, version)
    if wall:
        _add_wall(app, source, access, version)


def _add_page(app: FastAPI, source: BoardSource, access: Access, version: str) -> None:
    seeing = access.needs(Permission.BOARD)

    @app.get("/")
    async def console(request: Request, who: Who = Depends(seeing)) -> Response:
        return _page(
            request, access, access.page.full(source.snapshot(), source.ready(), access.language(request), who)
        )

    @app.get("/live")
    async def live_page(request: Request, who: Who = Depends(seeing)) -> Response:
        lang = access.language(request)

        def draw() -> dict[str, str]:
            return access.page.fragments(source.snapshot(), source.ready(), lang)

        parts = stream.fragments(draw, source.changes(), app.state.closing, version=version)
        return _events(while_allowed(parts, access, request))


def _add_wall(app: FastAPI, source: BoardSource, access: Access, version: str) -> None:
    @app.get("/wall")
    async def display(request: Request, theme: str = "dark") -> Response:
        if theme not in THEMES:
            raise Denied(404, "not-found")
        return _page(
            request, access, access.page.wall(source.snapshot(), source.ready(), access.language(request), theme)
        )

    @app.get("/wall/live")
    async def live_wall(request: Request) -> Response:
        lang = access.language(request)

        def draw() -> dict[str, str]:
            return access.page.wall_fragments(source.snapshot(), source.ready(), lang)

        return _events(stream.fragments(draw, source.changes(), app.state.closing, version=version))


def _add_api(app: FastAPI, source: BoardSource, access: Access, version: str) -> None:
    seeing = access.needs(Permission.BOARD)

    @app.get("/api/state", dependencies=[Depends(seeing)])
    async def state() -> Response:
        return _json(source.snapshot())

    @app.get("/api/live", dependencies=[Depends(seeing)])
    async def live(request: Request) -> Response:
        boards = stream.snapshots(source.snapshot, source.changes(), app.state.closing)
        return _events(while_allowed(boards, access, request))

    @app.get("/healthz")
    async def healthy() -> Response:
        return _json({"status": "ok", "version": version})

    @app.get("/readyz")
    async def ready() -> Response:
        problems = source.ready()
        return _json(problems, status=503 if problems else 200)


async def while_allowed(chunks: AsyncGenerator[T, None], access: Access, request: Request) -> AsyncIterator[T]:
    """What a stream says, until its reader is signed out, kept out, or their token is over."""
    sent = 0
    async with aclosing(chunks):
        async for chunk in chunks:
            yield chunk
            sent += 1
            if sent % CHECK_EVERY == 0 and not await access.is_still(request, Permission.BOARD):
                return


def _page(request: Request, access: Access, html: str) -> Response:
    lang = access.language(request)
    response = html_response(html, lang)
    if as_lang(request.query_params.get("lang")):
        response.set_cookie(LANG_COOKIE, lang, max_age=YEAR_S, httponly=True, samesite="lax")
    return response


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")


def _events(chunks: AsyncIterator[bytes]) -> Response:
    # A proxy that buffers would hold an alert back; nginx heeds this header.
    return StreamingResponse(chunks, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
