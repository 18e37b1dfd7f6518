"""The way to the site's own provider and back."""

from __future__ import annotations

from functools import partial

import structlog
from fastapi import FastAPI, Request, Response

from hub.accounts import oidc
from hub.accounts.oidc import OidcError, Provider
from hub.web.access import COOKIE, Access, Denied, redirect
from hub.web.sign_in import after, set_cookie

log = structlog.get_logger(__name__)

WAITING_COOKIE = "menshen-provider"
PATH = "/sign-in/provider"


def add_provider(app: FastAPI, access: Access, provider: Provider, public_url: str | None) -> None:
    """`/sign-in/provider` and where it comes back to."""

    def back(request: Request) -> str:
        return f"{(public_url or str(request.base_url)).rstrip('/')}{PATH}/back"

    @app.get(PATH)
    async def go(request: Request) -> Response:
        try:
            going = await provider.go(back(request), after(request.query_params.get("after", "/")))
        except OidcError as error:
            raise _told(error, 502) from error
        response = redirect(going.url)
        is_secure = back(request).startswith("https:")
        response.set_cookie(
            WAITING_COOKIE, going.cookie, max_age=600, path=PATH, httponly=True, samesite="lax", secure=is_secure
        )
        return response

    @app.get(f"{PATH}/back")
    async def came(request: Request) -> Response:
        try:
            claimed = await provider.back(dict(request.query_params), request.cookies.get(WAITING_COOKIE, ""))
            old, now_ns = request.cookies.get(COOKIE), access.now_ns()
            cookie = await access.database.write(partial(oidc.sign_in, claimed=claimed, old=old, now_ns=now_ns))
        except OidcError as error:
            raise _told(error, 502 if error.why == "unreachable" else 403) from error
        response = redirect(claimed.after)
        response.delete_cookie(WAITING_COOKIE, path=PATH)
        set_cookie(response, request, cookie)
        return response


def _told(error: OidcError, status: int) -> Denied:
    log.warning("nobody was signed in by the provider", why=error.why, **error.values)
    return Denied(status, f"provider-{error.why}", **error.values)
