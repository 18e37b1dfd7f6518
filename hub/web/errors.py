"""What those see who may not, or whose request cannot be done: a page in their language, or problem details."""

from __future__ import annotations

from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from hub.accounts.desk import Refused, Who
from hub.web.access import Access, Denied, SignInNeeded, is_api, problem, redirect
from hub.web.refusals import refusal
from hub.web.words import say
from wire.errors import DatabaseError, JournalError, MenshenError

log = structlog.get_logger(__name__)


def add_errors(app: FastAPI, access: Access) -> None:
    """Every error that a page or call may raise becomes an answer."""
    _add_no(app, access)
    _add_wrong(app, access)
    _add_broken(app, access)


def _add_no(app: FastAPI, access: Access) -> None:
    @app.exception_handler(SignInNeeded)
    async def sign_in_needed(request: Request, _error: Exception) -> Response:
        if is_api(request):
            return problem(401, "sign in, or send a token: Authorization: Bearer TOKEN")
        if "text/event-stream" in request.headers.get("accept", ""):
            return problem(401, "sign in")  # a page that is open sees this and asks to sign in
        if request.method != "GET":
            return redirect("/sign-in")
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return redirect(f"/sign-in?after={quote(target, safe='')}")

    @app.exception_handler(Denied)
    async def denied(request: Request, error: Exception) -> Response:
        assert isinstance(error, Denied)
        text = say(access.language(request), f"denied.{error.why}", **error.values)
        return await _say_no(access, request, error.status, text)


def _add_wrong(app: FastAPI, access: Access) -> None:
    @app.exception_handler(Refused)
    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return await _say_no(access, request, 409, refusal(access.language(request), error))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        faults = [{"at": ".".join(map(str, fault["loc"])), "what": fault["msg"]} for fault in error.errors()]
        if is_api(request):
            return problem(422, "; ".join(f"{fault['at']}: {fault['what']}" for fault in faults), faults=faults)
        return await _say_no(access, request, 404, say(access.language(request), "denied.not-found"))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        key = {404: "denied.not-found", 405: "denied.method"}.get(error.status_code)
        text = say(access.language(request), key) if key else str(error.detail)
        response = await _say_no(access, request, error.status_code, text)
        response.headers.update(error.headers or {})
        return response


def _add_broken(app: FastAPI, access: Access) -> None:
    @app.exception_handler(DatabaseError)
    async def broken(request: Request, error: Exception) -> Response:
        log.error("database", error=str(error))
        # Who asks is not looked up: that would ask the same database.
        return _no(access, request, 503, say(access.language(request), "denied.database"))

    @app.exception_handler(JournalError)
    async def unreadable(request: Request, error: Exception) -> Response:
        log.error("record", error=str(error))
        return _no(access, request, 503, str(error))

    @app.exception_handler(MenshenError)
    async def failed(request: Request, error: Exception) -> Response:
        log.error("console", error=str(error))
        return _no(access, request, 503, str(error))


async def _say_no(access: Access, request: Request, status: int, text: str) -> Response:
    return _no(access, request, status, text, None if is_api(request) else await access.who(request))


def _no(access: Access, request: Request, status: int, text: str, who: Who | None = None) -> Response:
    if is_api(request):
        return problem(status, text)
    return access.draw(request, who, "no.html", "not-done", status, text=text)
