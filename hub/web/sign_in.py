"""Signing in and out; and what those see who may not, or whose request cannot be done."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote, urlsplit

import structlog
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from hub.accounts import desk
from hub.accounts.desk import Refused
from hub.web.access import COOKIE, Access, Denied, SignInNeeded, api_error, read_form, redirect
from hub.web.words import say
from wire.errors import DatabaseError

log = structlog.get_logger(__name__)

_SECOND_NS = 10**9


def add_sign_in(app: FastAPI, access: Access) -> None:
    """`/sign-in`, `/sign-out`, and what becomes of those who may not."""
    _add_sign_in(app, access)
    _add_no(app, access)
    _add_errors(app, access)

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


def _add_sign_in(app: FastAPI, access: Access) -> None:
    @app.get("/sign-in")
    async def ask(request: Request) -> Response:
        anybody = await access.database.read(desk.has_users)
        return access.draw(
            request, None, "sign_in.html", "sign-in", anybody=anybody, login="", wrong="", after=_after(request)
        )

    @app.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            raise Denied(403, "csrf")
        async with request.form(max_files=0, max_fields=10) as sent:
            login, password = (str(sent.get(name, ""))[:200] for name in ("login", "password"))
        keys = (f"login {login.strip().lower()}", f"address {request.client.host if request.client else ''}")
        now_ns = access.now_ns()
        wait_ns = access.throttle.wait_ns(keys, now_ns)
        cookie = None
        if not wait_ns:
            cookie = await access.database.write(partial(desk.sign_in, login=login, password=password, now_ns=now_ns))
        if cookie is None:
            return _refused(access, request, login, keys, wait_ns)
        access.throttle.succeeded(keys[0])
        response = redirect(_after(request))
        _set_cookie(response, request, cookie)
        return response


def _refused(access: Access, request: Request, login: str, keys: tuple[str, ...], wait_ns: int) -> Response:
    lang = access.language(request)
    if wait_ns:
        wrong = say(lang, "sign-in.wait", seconds=-(-wait_ns // _SECOND_NS))
    else:
        access.throttle.failed(keys, access.now_ns())
        wrong = say(lang, "sign-in.wrong")
    return access.draw(
        request,
        None,
        "sign_in.html",
        "sign-in",
        429 if wait_ns else 401,
        anybody=True,
        login=login,
        wrong=wrong,
        after=_after(request),
    )


def _set_cookie(response: Response, request: Request, cookie: str) -> None:
    secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
    response.set_cookie(
        COOKIE, cookie, max_age=desk.LIFE_NS // _SECOND_NS, httponly=True, samesite="lax", secure=secure
    )


def _after(request: Request) -> str:
    """Where to go once signed in: a page of ours, never another's."""
    wanted = request.query_params.get("after", "/")
    parts = urlsplit(wanted)
    ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return wanted if ours else "/"


def _add_no(app: FastAPI, access: Access) -> None:
    @app.exception_handler(SignInNeeded)
    async def sign_in_needed(request: Request, _error: Exception) -> Response:
        if _is_api(request):
            return api_error(401, "sign in, or send a token: Authorization: Bearer TOKEN")
        if request.method != "GET":
            return redirect("/sign-in")
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return redirect(f"/sign-in?after={quote(target, safe='')}")

    @app.exception_handler(Denied)
    async def denied(request: Request, error: Exception) -> Response:
        assert isinstance(error, Denied)
        text = say(access.language(request), f"denied.{error.why}", **error.values)
        return _say_no(access, request, error.status, text)


def _add_errors(app: FastAPI, access: Access) -> None:
    @app.exception_handler(Refused)
    async def refused(request: Request, error: Exception) -> Response:
        return _say_no(access, request, 409, str(error))

    @app.exception_handler(DatabaseError)
    async def broken(request: Request, error: Exception) -> Response:
        log.error("database", error=str(error))
        return _say_no(access, request, 503, say(access.language(request), "denied.database"))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        key = {404: "denied.not-found", 405: "denied.method"}.get(error.status_code)
        text = say(access.language(request), key) if key else str(error.detail)
        return _say_no(access, request, error.status_code, text)


def _say_no(access: Access, request: Request, status: int, text: str) -> Response:
    if _is_api(request):
        return api_error(status, text)
    return access.draw(request, None, "no.html", "not-done", status, text=text)


def _is_api(request: Request) -> bool:
    return request.url.path.startswith("/api/")
