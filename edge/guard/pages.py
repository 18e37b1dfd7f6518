"""The guard's work: the board of the lanes, and a form for each thing that a guard does.

GET /board/news ─► the board's HTML when there is news (a long poll; the page asks one after the other)
GET /DEED ─► form ─► POST /DEED ─► decode ─► Station ─► 303 to the board with what came of it
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from edge.guard import forms
from edge.guard.said import Done, Refused, Said
from edge.guard.shown import Showing, done_in_words
from edge.guard.station import Station
from edge.guard.web import Guard, form_of, guard_of, lang_of
from edge.guard.words import say
from wire.events import Guest

NEWS_PATIENCE_S = 4.0
"""The board is told anew so often although nothing passed: ages, devices and the way to the hub change."""
_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
_MOST_CHOICES = 12


class Deed(NamedTuple):
    """One of the guard's forms: where it is, how it is read, and what is done."""

    template: str
    work: Callable[[Station, forms.Form, str], Awaitable[Done]]


async def _measure(station: Station, form: forms.Form, by: str) -> Done:
    return await station.measured(forms.measured(form), by)


async def _register(station: Station, form: forms.Form, by: str) -> Done:
    return await station.registered(forms.walk_in(form), by)


async def _disinfect(station: Station, form: forms.Form, by: str) -> Done:
    return await station.disinfected(forms.disinfected(form), by)


async def _override(station: Station, form: forms.Form, by: str) -> Done:
    return await station.overridden(forms.overridden(form), by)


DEEDS = {
    "/measure": Deed("measure.html", _measure),
    "/register": Deed("register.html", _register),
    "/disinfect": Deed("disinfect.html", _disinfect),
    "/override": Deed("override.html", _override),
}


def routes() -> list[BaseRoute]:
    """The pages; all of them behind the login."""
    deeds = [
        Route(path, partial(work, deed=deed), methods=[method])
        for path, deed in DEEDS.items()
        for method, work in (("GET", _form_page), ("POST", _form_sent))
    ]
    return [Route("/", _board), Route("/notices/{digest}", _picture), Route("/board/news", _news), *deeds]


# -- the board -------------------------------------------------------------------------------------------------------


async def _board(request: Request) -> Response:
    guard = guard_of(request)
    done = guard.presses.done(_press(request, request.query_params.get("done", "")))
    shown = done_in_words(done, lang_of(request)) if done is not None else None
    version = guard.station.ledger.version
    return guard.page(request, "board.html", done=shown, version=version, **await _board_values(guard, request))


async def _news(request: Request) -> Response:
    """The board as HTML, in JSON with its number: at once when the number asked for is another."""
    guard = guard_of(request)
    after = request.query_params.get("after", "")
    number = int(after) if after.isascii() and after.isdigit() and len(after) < 16 else -1
    version = await guard.station.ledger.news(number, NEWS_PATIENCE_S)
    html = guard.render(request, "_board.html", **await _board_values(guard, request))
    return JSONResponse({"number": version, "html": html})


async def _board_values(guard: Guard, request: Request) -> dict[str, Any]:
    station = guard.station
    showing = Showing(await station.now(), station.times, station.holder, lang_of(request))
    return {"lanes": showing.lanes(), "facts": showing.facts(), "notices": showing.notices()}


async def _picture(request: Request) -> Response:
    """The picture of a notice."""
    notices = guard_of(request).station.notices
    data = None if notices is None else notices.picture(request.path_params["digest"])
    if data is None:
        return Response(status_code=404)
    kind = "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
    return Response(data, media_type=kind, headers={"Cache-Control": "private, max-age=86400"})


# -- the forms -------------------------------------------------------------------------------------------------------


async def _form_page(request: Request, deed: Deed) -> Response:
    return await _form(request, deed, dict(request.query_params), secrets.token_urlsafe(16))


async def _form_sent(request: Request, deed: Deed) -> Response:
    guard, form = guard_of(request), await form_of(request)
    key = form.get("once", "")
    if not _KEY.fullmatch(key):
        problems = {"once": Said("old-form")}
        return await _form(request, deed, form, secrets.token_urlsafe(16), problems)
    try:
        await guard.presses.once(_press(request, key), partial(deed.work, guard.station, form, guard.who(request)))
    except Refused as refused:
        return await _form(request, deed, form, key, refused.problems)
    return RedirectResponse(f"/?done={key}", 303)


async def _form(
    request: Request, deed: Deed, form: dict[str, str], once: str, problems: dict[str, Said] | None = None
) -> Response:
    guard, lang = guard_of(request), lang_of(request)
    station = guard.station
    showing = Showing(await station.now(), station.times, station.holder, lang)
    said = {field: say(one.key, lang, *one.values) for field, one in (problems or {}).items()}
    return guard.page(
        request,
        deed.template,
        422 if said else 200,
        form=form,
        once=once,
        problems=said,
        lanes=showing.lanes(),
        choices=_MOST_CHOICES,
        is_vehicle=form.get("guest") == Guest.VEHICLE,
        seals=(await station.now()).seals,
    )


def _press(request: Request, key: str) -> str:
    """A guard's own: what another one did is shown to nobody who guesses a key."""
    return f"{guard_of(request).who(request)} {key}"
