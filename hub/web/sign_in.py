"""Signing in and out, and the page behind the one-time link that makes a new hub's first administrator."""

from __future__ import annotations

import secrets
from functools import partial
from typing import NamedTuple
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from sqlalchemy.orm import Session

from hub.accounts import desk
from hub.accounts.desk import Refused
from hub.accounts.models import Role
from hub.web.access import COOKIE, Access, Denied, address_of, read_form, redirect
from hub.web.refusals import beside
from hub.web.words import say

_SECOND_NS = 10**9


class Ways(NamedTuple):
    """How people may sign in. `first_code` opens the page that makes the first administrator."""

    passwords: bool = True
    provider: bool = False
    first_code: str | None = None


def add_sign_in(app: FastAPI, access: Access, ways: Ways) -> None:
    """`/sign-in`, `/sign-out`, and, with a code, `/first/CODE`."""
    first_code = ways.first_code if ways.passwords else None
    _add_sign_in(app, access, ways)
    _add_first(app, access, first_code)

    @app.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        who = await access.who(request)
        if who is not None:
            await read_form(request, who)
            cookie = request.cookies[COOKIE]
            await access.database.write(lambda session: desk.sign_out(session, cookie, now_ns=access.now_ns()))
        response = redirect("/sign-in")
        response.delete_cookie(COOKIE)
        return response


def _add_sign_in(app: FastAPI, access: Access, ways: Ways) -> None:
    @app.get("/sign-in")
    async def ask(request: Request) -> Response:
        return await _door(access, ways, request)

    @app.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        if not ways.passwords:
            raise Denied(403, "passwords-off")
        login, password = await _typed(request, "login", "password")
        keys, now_ns = (f"login {login.strip().lower()}", f"address {address_of(request)}"), access.now_ns()
        lang = access.language(request)
        wait_ns = access.throttle.wait_ns(keys, now_ns)
        if wait_ns:
            wrong = say(lang, "sign-in.wait", seconds=-(-wait_ns // _SECOND_NS))
            return await _door(access, ways, request, 429, login, wrong)
        # Counted before it is known, so that many guesses at once are many.
        access.throttle.failed(keys, now_ns)
        user_id = await access.database.read(partial(desk.user_of, login=login, password=password))
        old = request.cookies.get(COOKIE)
        work = partial(desk.sign_in, user_id=user_id, login=login, old=old, now_ns=now_ns)
        cookie = await access.database.write(work)
        if cookie is None:
            return await _door(access, ways, request, 401, login, say(lang, "sign-in.wrong"))
        access.throttle.succeeded(keys)
        response = redirect(after(request.query_params.get("after", "/")))
        set_cookie(response, request, cookie)
        return response


async def _door(
    access: Access, ways: Ways, request: Request, status: int = 200, login: str = "", wrong: str = ""
) -> Response:
    anybody = await access.database.read(desk.has_users)
    wanted = after(request.query_params.get("after", "/"))
    return access.draw(
        request, None, "sign_in.html", "sign-in", status, anybody=anybody or not ways.passwords, login=login,
        wrong=wrong, after=wanted, ways_in=ways,
    )  # fmt: skip


def _add_first(app: FastAPI, access: Access, first_code: str | None) -> None:
    async def checked(code: str) -> None:
        """The link is good until there is somebody."""
        good = first_code is not None and secrets.compare_digest(code.encode(), first_code.encode())
        if not good or await access.database.read(desk.has_users):
            raise Denied(404, "first-over")

    @app.get("/first/{code}")
    async def ask(request: Request, code: str) -> Response:
        await checked(code)
        return access.draw(request, None, "first.html", "first", login="admin", name="", wrong={})

    @app.post("/first/{code}")
    async def make(request: Request, code: str) -> Response:
        await checked(code)
        login, name, password, again = await _typed(request, "login", "name", "password", "again")
        now_ns = access.now_ns()

        def work(session: Session) -> str:
            if desk.has_users(session):
                raise Denied(404, "first-over")
            user = desk.add_user(session, login, name, Role.ADMIN, password, by="one-time link", now_ns=now_ns)
            return desk.begin(session, user, now_ns=now_ns)

        lang = access.language(request)
        cookie, wrong = "", {"again": say(lang, "password-differs")}
        if password == again:
            try:
                cookie = await access.database.write(work)
            except Refused as error:
                wrong = beside(lang, error)
        if not cookie:
            return access.draw(request, None, "first.html", "first", 400, login=login, name=name, wrong=wrong)
        response = redirect("/users")
        set_cookie(response, request, cookie)
        return response


async def _typed(request: Request, *names: str) -> list[str]:
    """The fields of a form of nobody that we know yet: it has no token, so the browser must say that it is ours."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"} or not _is_own(request):
        raise Denied(403, "csrf")
    if int(request.headers.get("content-length") or 0) > 10_000 or "transfer-encoding" in request.headers:
        raise Denied(413, "too-long")
    async with request.form(max_files=0, max_fields=10) as sent:
        return [str(sent.get(name, ""))[:200] for name in names]


def _is_own(request: Request) -> bool:
    """Whether the form's origin, where the browser says it, is the address that was asked."""
    origin = request.headers.get("origin")
    return origin is None or (urlsplit(origin).netloc == request.headers.get("host", ""))


def set_cookie(response: Response, request: Request, cookie: str) -> None:
    """Only over HTTPS where that is how we were reached, as a proxy before us may say."""
    secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
    response.set_cookie(
        COOKIE, cookie, max_age=desk.LIFE_NS // _SECOND_NS, httponly=True, samesite="lax", secure=secure
    )


def after(wanted: str) -> str:
    """Where to go once signed in: a page of ours, never another's."""
    parts = urlsplit(wanted)
    plain = wanted.isascii() and wanted.isprintable() and "\\" not in wanted
    ours = wanted.startswith("/") and not wanted.startswith("//") and not parts.scheme and not parts.netloc
    return wanted if plain and ours else "/"
