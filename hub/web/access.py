"""Who asks, and whether they may: the console's door.

People sign in with a password and have a cookie; programs come with `Authorization: Bearer TOKEN`. Every change that a
browser sends carries the session's CSRF token and must come from our own pages. What a role may do is one table
(`hub.accounts.roles`); a page or call says which permission it needs by `needs`.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from io import BytesIO
from typing import NamedTuple

import msgspec
from fastapi import Request, Response
from starlette.datastructures import UploadFile

from hub.accounts import desk
from hub.accounts.desk import Who
from hub.accounts.roles import Permission, may
from hub.accounts.throttle import Throttle
from hub.database import Database
from hub.web.page import Page
from hub.web.words import Lang, as_lang

COOKIE = "menshen-sign-in"
LANG_COOKIE = "menshen-lang"
YEAR_S = 365 * 86400
MAX_FIELDS = 400
MAX_FORM_BYTES = 11 * 2**20
"""A file of 10 MB (`hub.registry.sheets`) and what is around it."""
_TOKEN = "Bearer "  # noqa: S105 - the scheme's name


class Denied(Exception):
    """Whoever asks may not: an HTTP status, and the key of the words that say why."""

    def __init__(self, status: int, why: str, **values: object) -> None:
        super().__init__(why)
        self.status = status
        self.why = why
        self.values = values


class SignInNeeded(Exception):
    """Nobody is signed in."""


class Form(NamedTuple):
    """A form that whoever is signed in has sent."""

    who: Who
    fields: Mapping[str, str]
    files: Mapping[str, UploadFile]

    def text(self, name: str, most: int = 400) -> str:
        """A field without the spaces around it; `Denied` when it is longer than it may be."""
        value = self.fields.get(name, "").strip()
        if len(value) > most:
            raise Denied(400, "too-long-field", name=name, most=most)
        return value


class Access:
    """The door of one console."""

    def __init__(
        self, database: Database, page: Page, language: Callable[[Request], Lang], now_ns: Callable[[], int]
    ) -> None:
        self.database = database
        self.page = page
        self.language = language
        self.now_ns = now_ns
        self.throttle = Throttle()

    async def who(self, request: Request) -> Who | None:
        """Whoever asks, None for nobody that we know."""
        header = request.headers.get("authorization", "")
        if header.startswith(_TOKEN):
            secret = header.removeprefix(_TOKEN)
            return await self.database.read(lambda session: desk.of_token(session, secret, now_ns=self.now_ns()))
        cookie = request.cookies.get(COOKIE)
        if not cookie:
            return None
        found = await self.database.read(lambda session: desk.whose(session, cookie, now_ns=self.now_ns()))
        if found is not None:
            await self.database.write(lambda session: desk.seen(session, cookie, now_ns=self.now_ns()))
        return found

    def needs(self, permission: Permission) -> Callable[[Request], Awaitable[Who]]:
        """A dependency for a page or call: whoever asks, if they have the permission."""

        async def allowed(request: Request) -> Who:
            who = await self.who(request)
            if who is None:
                raise SignInNeeded
            if not may(who.role, permission):
                raise Denied(403, "not-yours")
            return who

        return allowed

    def form(self, permission: Permission) -> Callable[[Request], Awaitable[Form]]:
        """A dependency for a change: the form, if whoever sent it may, and sent it from our own page."""
        allowed = self.needs(permission)

        async def taken(request: Request) -> Form:
            who = await allowed(request)
            return await read_form(request, who)

        return taken

    def draw(
        self, request: Request, who: Who | None, template: str, heading: str, status: int = 200, **values: object
    ) -> Response:
        """A page for whoever asks, in their language."""
        lang = self.language(request)
        html = self.page.office(template, lang, self.now_ns(), heading, who, **values)
        response = html_response(html, lang, status)
        if as_lang(request.query_params.get("lang")):
            response.set_cookie(LANG_COOKIE, lang, max_age=YEAR_S, httponly=True, samesite="lax")
        return response


async def read_form(request: Request, who: Who) -> Form:
    """The form of a request. Raises `Denied` when it is not from a page that we gave to `who`."""
    _check_size(request)
    async with request.form(max_files=1, max_fields=MAX_FIELDS) as sent:
        fields = {name: value for name, value in sent.items() if isinstance(value, str)}
        files = {name: value for name, value in sent.items() if isinstance(value, UploadFile)}
        given = request.headers.get("x-csrf") or fields.pop("csrf", "")
        if who.csrf and not secrets.compare_digest(given.encode(), who.csrf.encode()):
            raise Denied(403, "csrf")
        for file in files.values():
            await file.seek(0)
        return Form(who, fields, {name: await _kept(file) for name, file in files.items()})


def _check_size(request: Request) -> None:
    """Before anything is read: browsers always say how much they send."""
    length = request.headers.get("content-length", "0")
    if "transfer-encoding" in request.headers or not length.isdigit() or int(length) > MAX_FORM_BYTES:
        raise Denied(413, "too-large", most=MAX_FORM_BYTES // 2**20)


async def _kept(file: UploadFile) -> UploadFile:
    """The file as it will be read after the request's own form is closed."""
    return UploadFile(BytesIO(await file.read()), filename=file.filename, headers=file.headers)


def api_error(status: int, text: str) -> Response:
    """An error of the API: one object with `error`."""
    return Response(msgspec.json.encode({"error": text}), status_code=status, media_type="application/json")


def redirect(path: str) -> Response:
    """Go on by GET: after a change, so that loading the page anew does not make it again."""
    return Response(status_code=303, headers={"Location": path})


def html_response(html: str, lang: Lang, status: int = 200) -> Response:
    headers = {"Content-Language": lang, "Vary": "Accept-Language, Cookie"}
    return Response(html, status_code=status, media_type="text/html", headers=headers)
