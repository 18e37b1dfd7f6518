"""Who asks, and whether they may: the console's door.

People sign in and have a cookie; programs come to `/api/` with `Authorization: Bearer TOKEN`. Every change that a
browser sends carries the session's CSRF token and must come from our own pages. What a role may do is one table
(`hub.accounts.roles`), what each address needs another (`hub.web.doors`): `guard` stands before every address, and a
page says by `needs` or `form` what it expects to be there.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from io import BytesIO
from typing import Any, NamedTuple

import msgspec
from fastapi import Request, Response
from starlette.datastructures import UploadFile

from hub.accounts import desk, tokens
from hub.accounts.audit import note
from hub.accounts.desk import Who
from hub.accounts.pace import Pace
from hub.accounts.roles import Permission
from hub.accounts.throttle import Throttle
from hub.database import Database
from hub.web.doors import Door, Key, Seen, door_of
from hub.web.page import Page
from hub.web.words import Lang, as_lang

COOKIE = "menshen-sign-in"
LANG_COOKIE = "menshen-lang"
YEAR_S = 365 * 86400
MAX_FIELDS = 400
MAX_FORM_BYTES = 11 * 2**20
"""A file of 10 MB (`hub.registry.sheets`) and what is around it."""
PROBLEM = "application/problem+json"
_SAFE = {"GET", "HEAD", "OPTIONS"}
_HOUR_NS = 3600 * 10**9
_WRITE_EVERY_NS = 60 * 10**9
_MOST_REMEMBERED = 10_000
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
        self,
        database: Database,
        page: Page,
        language: Callable[[Request], Lang],
        now_ns: Callable[[], int],
        pace: Pace | None = None,
    ) -> None:
        self.database = database
        self.page = page
        self.language = language
        self.now_ns = now_ns
        self.throttle = Throttle()
        self._pace = pace or Pace()
        self._written_ns: dict[str, int] = {}
        """When it was last written that a cookie or token was used: reading a page must not wait for a write."""
        self._noted_ns: dict[tuple[str, str], int] = {}

    async def who(self, request: Request) -> Who | None:
        """Whoever asks, None for nobody that we know."""
        if not hasattr(request.state, "who"):
            request.state.who = await self._who(request)
        found: Who | None = request.state.who
        return found

    async def _who(self, request: Request) -> Who | None:
        now_ns = self.now_ns()
        header = request.headers.get("authorization", "")
        if header.startswith(_TOKEN):
            if not is_api(request):
                return None
            secret = header.removeprefix(_TOKEN)
            found = await self.database.read(lambda session: tokens.of_token(session, secret, now_ns=now_ns))
            if found is not None and self._is_due(found.login, now_ns):
                await self.database.write(lambda session: tokens.used(session, secret, now_ns=now_ns))
            return found
        cookie = request.cookies.get(COOKIE)
        if not cookie:
            return None
        found = await self.database.read(lambda session: desk.whose(session, cookie, now_ns=now_ns))
        if found is not None and self._is_due(found.csrf, now_ns):
            await self.database.write(lambda session: desk.seen(session, cookie, now_ns=now_ns))
        return found

    async def is_still(self, request: Request, permission: Permission) -> bool:
        """Whether whoever asked may still see what a stream tells them."""
        found = await self._who(request)
        return found is not None and found.may(permission)

    async def guard(self, request: Request) -> None:
        """Before every address: whether whoever asks may go through its door. Raises `Denied` and `SignInNeeded`."""
        door = door_of(request.method, request.scope["route"].path)
        if door is None:
            raise Denied(403, "no-door")
        if door.needs in {Key.NOBODY, Key.LINK}:
            if door.needs is Key.LINK:
                self._keep_pace(f"address {address_of(request)}")
            return
        who = await self.who(request)
        if who is None or (door.needs is Key.SIGNED_IN and not who.csrf):
            raise SignInNeeded
        self._keep_pace(who.login)
        if isinstance(door.needs, Permission) and not who.may(door.needs):
            raise Denied(403, "not-yours" if who.role else "not-the-tokens")
        if is_api(request) and request.method not in _SAFE and who.csrf:
            check_csrf(who, request.headers.get("x-csrf", ""))
        await self._note_seen(request, door, who)

    def _keep_pace(self, who: str) -> None:
        wait_s = self._pace.wait_s(who, self.now_ns())
        if wait_s:
            raise Denied(429, "too-fast", seconds=wait_s)

    async def _note_seen(self, request: Request, door: Door, who: Who) -> None:
        """Whoever follows measurements is noted once an hour."""
        if door.seen is not Seen.HOURLY:
            return
        now_ns, path = self.now_ns(), request.scope["route"].path
        if now_ns - self._noted_ns.get((who.login, path), 0) < _HOUR_NS:
            return
        _bound(self._noted_ns)
        self._noted_ns[who.login, path] = now_ns
        await self.database.write(lambda session: note(session, now_ns, who.login, "measurements-seen", path))

    def _is_due(self, key: str, now_ns: int) -> bool:
        if now_ns - self._written_ns.get(key, 0) < _WRITE_EVERY_NS:
            return False
        _bound(self._written_ns)
        self._written_ns[key] = now_ns
        return True

    def needs(self, permission: Permission) -> Callable[[Request], Awaitable[Who]]:
        """A dependency for a page or call: whoever asks, who has the permission that its door asks for."""

        async def allowed(request: Request) -> Who:
            who = await self.who(request)
            if who is None:
                raise SignInNeeded
            if not who.may(permission):
                raise Denied(403, "not-yours")
            return who

        allowed.permission = permission  # type: ignore[attr-defined]  # what `hub.web.doors.check` goes by
        return allowed

    async def signed_in(self, request: Request) -> Who:
        """A dependency for pages of one's own: whoever is signed in."""
        who = await self.who(request)
        if who is None or not who.csrf:
            raise SignInNeeded
        return who

    def form(self, permission: Permission) -> Callable[[Request], Awaitable[Form]]:
        """A dependency for a change: the form, if whoever sent it may, and sent it from our own page."""
        allowed = self.needs(permission)

        async def taken(request: Request) -> Form:
            who = await allowed(request)
            return await read_form(request, who)

        taken.permission = permission  # type: ignore[attr-defined]
        return taken

    async def own_form(self, request: Request) -> Form:
        """A dependency for a change of one's own."""
        return await read_form(request, await self.signed_in(request))

    def draw(
        self, request: Request, who: Who | None, template: str, heading: str, status: int = 200, **values: object
    ) -> Response:
        """A page for whoever asks, in their language."""
        lang = self.language(request)
        html = self.page.office(template, lang, self.now_ns(), heading, who, request.url.path, **values)
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
        check_csrf(who, given)
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


def check_csrf(who: Who, given: str) -> None:
    """Raises `Denied` unless this is the token of our own pages; programs need none."""
    if who.csrf and not secrets.compare_digest(given.encode(), who.csrf.encode()):
        raise Denied(403, "csrf")


def is_api(request: Request) -> bool:
    """Whether a program asks: answers are JSON."""
    return request.url.path.startswith("/api/")


def address_of(request: Request) -> str:
    """Where the request comes from; a proxy on this machine says so for others (`hub.web.serve`)."""
    return request.client.host if request.client else ""


def _bound(memory: dict[Any, int]) -> None:
    """Forget the oldest before a memory grows without end."""
    if len(memory) >= _MOST_REMEMBERED:
        del memory[min(memory, key=lambda key: memory[key])]


def problem(status: int, detail: str, **more: object) -> Response:
    """An error of the API: problem details (RFC 9457)."""
    body = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return Response(msgspec.json.encode(body), status_code=status, media_type=PROBLEM, headers=headers)


def redirect(path: str) -> Response:
    """Go on by GET: after a change, so that loading the page anew does not make it again."""
    return Response(status_code=303, headers={"Location": path})


def html_response(html: str, lang: Lang, status: int = 200) -> Response:
    headers = {"Content-Language": lang, "Vary": "Accept-Language, Cookie"}
    return Response(html, status_code=status, media_type="text/html", headers=headers)
