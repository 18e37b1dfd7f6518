"""What each request passes before a page sees it: where it comes from, how large it is, whether it is logged in."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.guard.sessions import Sessions

COOKIE = "menshen_guard"
MOST_BODY_BYTES = 16 * 1024
OPEN_PATHS = ("/login", "/static/")
_SAFE = frozenset({"GET", "HEAD"})
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Shield:
    """Refuses what comes from another site's page, what is too large, and (but for the login) who is not logged in."""

    def __init__(self, app: ASGIApp, sessions: Sessions) -> None:
        self._app = app
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        app = self._refusal(scope) or self._app
        await app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers, path, method = Headers(scope=scope), str(scope["path"]), str(scope["method"])
        if method not in _SAFE and not _from_own_page(headers, str(scope["scheme"])):
            return PlainTextResponse("this must come from the gate's own page", 403)
        if not _is_small(headers):
            return PlainTextResponse("too large", 413)
        if path.startswith(OPEN_PATHS) or self._sessions.whose(secret_of(headers)) is not None:
            return None
        if method in _SAFE and "text/html" in headers.get("accept", ""):
            return RedirectResponse("/login", 303)
        return PlainTextResponse("not logged in", 401)


def secret_of(headers: Headers) -> str:
    """The session's secret in a request's cookie; empty without one."""
    try:
        cookie = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookie[COOKIE].value if COOKIE in cookie else ""


def _from_own_page(headers: Headers, scheme: str) -> bool:
    """Browsers say where a request that changes something comes from; a page of another site cannot hide it."""
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site") == "same-origin"
    return origin == f"{scheme}://{headers.get('host', '')}"


def _is_small(headers: Headers) -> bool:
    said = headers.get("content-length", "0")
    if "transfer-encoding" in headers:
        return False
    return said.isascii() and said.isdigit() and int(said[:12]) <= MOST_BODY_BYTES


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
