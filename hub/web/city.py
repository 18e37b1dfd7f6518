"""The city's view: several sites' figures of today side by side, each with its age."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec
from fastapi import Depends, FastAPI, Request, Response

from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.city.view import FIGURES, CityView
from hub.web.access import Access


class CityPages(NamedTuple):
    """What the view stands on."""

    look: Callable[[], Awaitable[CityView]]


def add_city(app: FastAPI, access: Access, pages: CityPages) -> None:
    """`/city` and `/api/city`."""
    seeing = access.needs(Permission.REPORTS)

    @app.get("/city")
    async def shown(request: Request, who: Who = Depends(seeing)) -> Response:
        return access.draw(request, who, "city.html", "city", view=await pages.look(), figures=list(FIGURES))

    @app.get("/api/city")
    async def figures(_who: Who = Depends(seeing)) -> Response:
        return Response(msgspec.json.encode(await pages.look()), media_type="application/json")
