"""The guard's application: the login, the live thermal picture of each lane, and the pages of the guard's work."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from edge import words
from edge.guard.pages import routes as board_routes
from edge.guard.passwords import Guards, fitting
from edge.guard.presses import Presses
from edge.guard.said import Done
from edge.guard.sessions import Sessions, Throttle
from edge.guard.settings import GuardSettings
from edge.guard.shield import COOKIE, Shield, secret_of
from edge.guard.stage import Shot, Stage
from edge.guard.station import Station
from edge.guard.web import HERE, Guard, form_of, guard_of, is_secure, lang_of, templates
from edge.guard.words import say
from edge.thermal.types import Person, Reading, View
from edge.words import Lang
from wire.events import Verdict

PATIENCE_S = 5.0
"""A page that waits for the next picture is answered after so long, so that it can say that there is none."""


def create_app(
    name: str,
    stage: Stage,
    station: Station,
    settings: GuardSettings,
    guards: Guards,
    pages: Sequence[BaseRoute] = (),
) -> Starlette:
    """The application; `pages` are more routes, behind the same login."""
    sessions = Sessions(settings.session_h * 3600)
    routes = [
        Route("/login", _login_page, methods=["GET"]),
        Route("/login", _login, methods=["POST"]),
        Route("/logout", _logout, methods=["POST"]),
        Route("/camera", _live),
        Route("/lanes/{lane}/now", _now),
        Route("/lanes/{lane}/picture.jpg", _picture),
        Mount("/static", StaticFiles(directory=HERE / "static")),
        *board_routes(),
        *pages,
    ]
    app = Starlette(routes=routes, middleware=[Middleware(Shield, sessions=sessions)])
    app.state.guard = Guard(name, stage, station, settings, guards, sessions, Throttle(), Presses[Done](), templates())
    return app


# -- the login -------------------------------------------------------------------------------------------------------


async def _login_page(request: Request) -> Response:
    return _login_form(request, 200)


def _login_form(request: Request, status: int, *problem: str) -> Response:
    guard, lang = guard_of(request), lang_of(request)
    said = say(problem[0], lang, *problem[1:]) if problem else None
    return guard.page(request, "login.html", status, problem=said, asks_names=guard.asks_names)


async def _login(request: Request) -> Response:
    guard, address = guard_of(request), request.client.host if request.client else ""
    wait_s = guard.throttle.wait_s(address)
    if wait_s > 0:
        return _login_form(request, 429, "too-often", f"{wait_s:.0f}")
    form = await form_of(request)
    guard.throttle.wrong(address)  # until it is known to be right: many at once count as many
    name = await asyncio.to_thread(fitting, guard.guards, form.get("user", ""), form.get("password", ""))
    if name is None:
        return _login_form(request, 403, "wrong-login" if guard.asks_names else "wrong-password")
    guard.throttle.right(address)
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        COOKIE, guard.sessions.begin(name), max_age=int(guard.settings.session_h * 3600), httponly=True,
        samesite="strict", secure=is_secure(request),
    )  # fmt: skip
    return answer


async def _logout(request: Request) -> Response:
    guard_of(request).sessions.end(secret_of(request.headers))
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE)
    return answer


# -- the live picture ------------------------------------------------------------------------------------------------


async def _live(request: Request) -> Response:
    guard = guard_of(request)
    lanes = list(guard.stage.lanes)
    asked = request.query_params.get("lane", "")
    lane = asked if asked in lanes else next(iter(lanes), None)
    return guard.page(request, "live.html", lanes=lanes, lane=lane, rate_hz=guard.settings.rate_hz)


async def _now(request: Request) -> Response:
    """The next picture of a lane with what is known in words; 204 when none came."""
    shot = await _shot(request)
    if shot is None:
        return Response(status_code=404 if _lane(request) is None else 204)
    return JSONResponse(told(shot, lang_of(request)))


async def _picture(request: Request) -> Response:
    """The picture alone: for a page without scripts."""
    shot = await _shot(request)
    if shot is None or shot.jpeg is None:
        return Response(status_code=404 if _lane(request) is None else 503)
    return Response(shot.jpeg, media_type="image/jpeg")


async def _shot(request: Request) -> Shot | None:
    lane = _lane(request)
    after = request.query_params.get("after", "")
    number = int(after) if after.isascii() and after.isdigit() and len(after) < 16 else 0
    return None if lane is None else await lane.shot(number, PATIENCE_S)


def _lane(request: Request) -> Any:  # noqa: ANN401 - a LaneStage or None
    return guard_of(request).stage.lanes.get(request.path_params["lane"])


def told(shot: Shot, lang: Lang) -> dict[str, Any]:
    """A shot as the page's script shows it: all words are ready, none is HTML."""
    return {
        "number": shot.number,
        "picture": "" if shot.jpeg is None else "data:image/jpeg;base64," + base64.b64encode(shot.jpeg).decode(),
        "now": _now_in_words(shot.view, lang),
        "last": None if shot.last is None else _measured(shot.last, lang) | {"age": _age(shot.last_age_s, lang)},
        "reference": _reference(shot.view, lang),
    }


def _reference(view: View | None, lang: Lang) -> str:
    if view is None or view.reference is None:
        return words.word("reference-none", lang)
    return words.word("reference-seen", lang, f"{view.reference.seen_c:.1f}")


def _now_in_words(view: View | None, lang: Lang) -> dict[str, Any]:
    said = {"verdict": "", "skin": "", "detail": ""}
    if view is None:
        return said | {"words": words.word("reports-only", lang)}
    if view.refusal is not None:
        return said | {"verdict": str(Verdict.SUSPECT), "words": words.refusal(view.refusal, lang)}
    if not view.people:
        return said | {"words": words.word("nobody", lang)}
    return _measured(max(view.people, key=lambda one: one.box.w * one.box.h), lang)


def _measured(one: Person | Reading, lang: Lang) -> dict[str, Any]:
    said = {"verdict": str(one.verdict), "words": words.verdict(one.verdict, lang), "skin": "", "detail": ""}
    if one.temperature is not None:
        detail = f"± {one.temperature.u_c:.1f} °C"
        if one.temperature.limit_c is not None:
            detail += " · " + words.word("limit", lang, f"{one.temperature.limit_c:.1f}")
        return said | {"skin": words.skin_text(one.temperature), "detail": detail}
    return said | {"detail": words.refusal(one.refusal, lang) if one.refusal is not None else ""}


def _age(seconds: float, lang: Lang) -> str:
    return words.word("just-now", lang) if seconds < 2 else words.word("age", lang, f"{seconds:.0f}")
