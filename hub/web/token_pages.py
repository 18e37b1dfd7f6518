"""Programs' tokens: whoever is signed in makes their own and takes them back; an administrator sees all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy.orm import Session

from hub.accounts import tokens
from hub.accounts.desk import Refused, Who
from hub.accounts.models import ApiToken
from hub.accounts.roles import Permission
from hub.web.access import Access, Denied, Form, redirect
from hub.web.doors import API_PERMISSIONS
from hub.web.refusals import beside
from hub.web.words import say

DAYS = (30, 90, 365)
_DAY_NS = 86_400 * 10**9


def add_tokens(app: FastAPI, access: Access) -> None:
    """`/tokens`."""

    @app.get("/tokens")
    async def listing(request: Request, who: Who = Depends(access.signed_in)) -> Response:
        return await _page(request, access, who)

    @app.post("/tokens")
    async def make(request: Request, form: Form = Depends(access.own_form)) -> Response:
        who, now_ns = form.who, access.now_ns()
        may = [permission for permission in _choice(who) if f"may-{permission}" in form.fields]
        days = form.text("days", 5)
        name, lang = form.fields.get("name", ""), access.language(request)
        if days not in {str(one) for one in DAYS}:
            return await _page(request, access, who, wrong={"days": say(lang, "token.no-days")}, typed=form.fields)

        def work(session: Session) -> str:
            until_ns = now_ns + int(days) * _DAY_NS
            return tokens.add_token(session, name, may, by=who.login, owner=who.login, now_ns=now_ns, until_ns=until_ns)

        try:
            secret = await access.database.write(work)
        except Refused as error:
            return await _page(request, access, who, wrong=beside(lang, error), typed=form.fields)
        return await _page(request, access, who, secret=secret)

    @app.post("/tokens/{token_id:int}/revoke")
    async def revoke(token_id: int, form: Form = Depends(access.own_form)) -> Response:
        who, now_ns = form.who, access.now_ns()
        owner = None if who.may(Permission.USERS_EDIT) else who.login
        if not await access.database.write(
            lambda session: tokens.revoke(session, min(token_id, 2**63 - 1), by=who.login, now_ns=now_ns, owner=owner)
        ):
            raise Denied(404, "no-record")
        return redirect("/tokens")


def _choice(who: Who) -> list[Permission]:
    """What a token of theirs can be good for."""
    return [permission for permission in API_PERMISSIONS if who.may(permission)]


async def _page(
    request: Request, access: Access, who: Who, *,
    secret: str = "", wrong: Mapping[str, str] | None = None, typed: Mapping[str, str] | None = None,
) -> Response:  # fmt: skip
    owner = None if who.may(Permission.USERS_EDIT) else who.login

    def read(session: Session) -> Sequence[ApiToken]:
        return tokens.listed(session, owner)

    rows = await access.database.read(read)
    return access.draw(
        request, who, "tokens.html", "tokens", 400 if wrong else 200, rows=rows, secret=secret, wrong=wrong or {},
        typed=typed or {},
        choice=_choice(who), days=DAYS, now_ns_=access.now_ns(), permissions_of=tokens.permissions_of,
        address=str(request.base_url).rstrip("/"),
    )  # fmt: skip
