"""The guard's pages: the login, and the live thermal picture of each lane."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from edge import words
from edge.guard.passwords import Hash
from edge.guard.sessions import Sessions, Throttle
from edge.guard.settings import GuardSettings
from edge.guard.shield import COOKIE, Shield, secret_of
from edge.guard.stage import Shot, Stage
from edge.thermal.types import Person, Reading, View
from edge.words import LANGS, Lang
from wire.events import Verdict

HERE = Path(__file__).parent
PATIENCE_S = 5.0
"""A page that waits for the next picture is answered after so long, so that it can say that there is none."""
_LANG_COOKIE = "menshen_lang"
_YEAR_S = 365 * 86_400


class Guard(NamedTuple):
    """What the pages stand on; `request.app.state.guard` in a page of one's own."""

    name: str
    """Site and gate, for the head of each page."""
    stage: Stage
    settings: GuardSettings
    password: Hash
    sessions: Sessions
    throttle: Throttle
    templates: Environment

    def page(self, request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:  # noqa: ANN401
        """A page in the reader's language, which it remembers."""
        lang = lang_of(request)
        said = {"lang": lang, "word": lambda key, *more: words.word(key, lang, *more), "name": self.name, **values}
        answer = HTMLResponse(self.templates.get_template(template).render(**said), status)
        if request.query_params.get("lang") == lang:
            answer.set_cookie(_LANG_COOKIE, lang, max_age=_YEAR_S, samesite="lax", secure=_is_secure(request))
        return answer


def create_app(
    name: str, stage: Stage, settings: GuardSettings, password: Hash, pages: Sequence[BaseRoute] = ()
) -> Starlette:
    """The application; `pages` are more routes, behind the same login."""
    templates = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    sessions = Sessions(settings.session_h * 3600)
    routes = [
        Route("/", _live),
        Route("/login", _login_page, methods=["GET"]),
        Route("/login", _login, methods=["POST"]),
        Route("/logout", _logout, methods=["POST"]),
        Route("/lanes/{lane}/now", _now),
        Route("/lanes/{lane}/picture.jpg", _picture),
        Mount("/static", StaticFiles(directory=HERE / "static")),
        *pages,
    ]
    app = Starlette(routes=routes, middleware=[Middleware(Shield, sessions=sessions)])
    app.state.guard = Guard(name, stage, settings, password, sessions, Throttle(), templates)
    return app


def guard_of(request: Request) -> Guard:
    guard: Guard = request.app.state.guard
    return guard


def lang_of(request: Request) -> Lang:
    """What was asked for last, else what the browser prefers."""
    asked = (request.query_params.get("lang"), request.cookies.get(_LANG_COOKIE))
    for lang in LANGS:
        if lang in asked[:1] or (asked[0] not in LANGS and asked[1] == lang):
            return lang
    preferred = request.headers.get("accept-language", "").lower()
    return "zh" if preferred.startswith("zh") else "en"


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form, the first value of each."""
    text = (await request.body()).decode("utf-8", "replace")
    return {key: values[0] for key, values in parse_qs(text, max_num_fields=50).items()}


# -- the login -------------------------------------------------------------------------------------------------------


async def _login_page(request: Request) -> Response:
    return guard_of(request).page(request, "login.html", problem=None)


async def _login(request: Request) -> Response:
    guard, address = guard_of(request), request.client.host if request.client else ""
    wait_s = guard.throttle.wait_s(address)
    if wait_s > 0:
        problem = words.word("too-often", lang_of(request), f"{wait_s:.0f}")
        return guard.page(request, "login.html", 429, problem=problem)
    password = (await form_of(request)).get("password", "")
    guard.throttle.wrong(address)  # until it is known to be right: many at once count as many
    if not await asyncio.to_thread(guard.password.fits, password):
        return guard.page(request, "login.html", 403, problem=words.word("wrong-password", lang_of(request)))
    guard.throttle.right(address)
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        COOKIE, guard.sessions.begin(), max_age=int(guard.settings.session_h * 3600), httponly=True,
        samesite="strict", secure=_is_secure(request),
    )  # fmt: skip
    return answer


async def _logout(request: Request) -> Response:
    guard_of(request).sessions.end(secret_of(request.headers))
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE)
    return answer


def _is_secure(request: Request) -> bool:
    return request.url.scheme == "https"


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
