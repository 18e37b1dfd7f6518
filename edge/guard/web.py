"""What every page of the guard's stands on: the gate's parts, the reader's language, a form's fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from edge.guard.passwords import UNNAMED, Guards
from edge.guard.presses import Presses
from edge.guard.said import Done
from edge.guard.sessions import Sessions, Throttle
from edge.guard.settings import GuardSettings
from edge.guard.shield import secret_of
from edge.guard.stage import Stage
from edge.guard.station import Station
from edge.guard.words import say
from edge.words import LANGS, Lang

HERE = Path(__file__).parent
_LANG_COOKIE = "menshen_lang"
_YEAR_S = 365 * 86_400
_MOST_FIELDS = 50


class Guard(NamedTuple):
    """What the pages stand on; `guard_of(request)` in a page of one's own."""

    name: str
    """Site and gate, for the head of each page."""
    stage: Stage
    station: Station
    settings: GuardSettings
    guards: Guards
    sessions: Sessions
    throttle: Throttle
    presses: Presses[Done]
    templates: Environment

    def page(self, request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:  # noqa: ANN401
        """A page in the reader's language, which it remembers."""
        lang = lang_of(request)
        answer = HTMLResponse(self.render(request, template, **values), status)
        if request.query_params.get("lang") == lang:
            answer.set_cookie(_LANG_COOKIE, lang, max_age=_YEAR_S, samesite="lax", secure=is_secure(request))
        return answer

    def render(self, request: Request, template: str, **values: Any) -> str:  # noqa: ANN401
        """A template in the reader's language."""
        lang = lang_of(request)
        said = {
            "lang": lang,
            "other_lang": str(request.url.include_query_params(lang="en" if lang == "zh" else "zh").query),
            "path": request.url.path,
            "word": lambda key, *more: say(key, lang, *more),
            "name": self.name,
            "who": self.who(request),
        }
        return self.templates.get_template(template).render(**said, **values)

    def who(self, request: Request) -> str:
        """The guard who is logged in; empty where nobody is."""
        return self.sessions.whose(secret_of(request.headers)) or ""

    @property
    def asks_names(self) -> bool:
        """Whether a guard has to say who they are."""
        return set(self.guards) != {UNNAMED}


def templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )


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
    """The fields of a form, the first value of each. Raises `HTTPException` for more than any form here has."""
    text = (await request.body()).decode("utf-8", "replace")
    try:
        return {key: values[0] for key, values in parse_qs(text, max_num_fields=_MOST_FIELDS).items()}
    except ValueError as error:
        raise HTTPException(400, f"more than {_MOST_FIELDS} fields; send one of this gate's own forms") from error


def is_secure(request: Request) -> bool:
    return request.url.scheme == "https"
