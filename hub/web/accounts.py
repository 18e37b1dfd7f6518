"""Pages about accounts: one's own, all users', and the record of what each did."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounts import audit, desk
from hub.accounts.desk import Refused, Who
from hub.accounts.models import AuditEntry, Role, User
from hub.accounts.roles import Permission
from hub.web import audit_view
from hub.web.access import Access, Denied, Form, redirect
from hub.web.refusals import beside, refusal
from hub.web.words import say

LISTED = 200


def add_accounts(app: FastAPI, access: Access) -> None:
    """`/account`, `/users` and `/audit`."""
    _add_account(app, access)
    _add_users(app, access)
    _add_audit(app, access)


def _add_account(app: FastAPI, access: Access) -> None:
    def page(request: Request, who: Who, wrong: Mapping[str, str], status: int = 200) -> Response:
        permissions = [permission for permission in Permission if who.may(permission)]
        return access.draw(request, who, "account.html", "account", status, permissions=permissions, wrong=wrong)

    @app.get("/account")
    async def account(request: Request, who: Who = Depends(access.signed_in)) -> Response:
        return page(request, who, {})

    @app.post("/account")
    async def change(request: Request, form: Form = Depends(access.own_form)) -> Response:
        who, lang = form.who, access.language(request)
        old, new = form.fields.get("old", ""), form.fields.get("new", "")
        now_ns = access.now_ns()

        def work(session: Session) -> bool:
            if not desk.is_password(session, who.login, old):
                return False
            desk.set_password(session, who.login, new, by=who.login, now_ns=now_ns)
            return True

        try:
            is_right = await access.database.write(work)
        except Refused as error:
            return page(request, who, beside(lang, error), 409)
        if not is_right:
            return page(request, who, {"old": say(lang, "denied.password")}, 403)
        return redirect("/sign-in")


def _add_users(app: FastAPI, access: Access) -> None:
    editing = access.needs(Permission.USERS_EDIT)
    form_of = access.form(Permission.USERS_EDIT)

    async def page(
        request: Request, who: Who, typed: Mapping[str, str], wrong: Mapping[str, str], status: int = 200
    ) -> Response:
        found = await access.database.read(lambda session: session.scalars(select(User).order_by(User.login)).all())
        return access.draw(
            request, who, "users.html", "users", status, users=found, roles=list(Role), typed=typed, wrong=wrong
        )

    @app.get("/users")
    async def users(request: Request, who: Who = Depends(editing)) -> Response:
        return await page(request, who, {}, {})

    @app.post("/users")
    async def add(request: Request, form: Form = Depends(form_of)) -> Response:
        role, now_ns, lang = form.text("role"), access.now_ns(), access.language(request)
        if role not in set(Role):
            return await page(request, form.who, form.fields, {"role": say(lang, "denied.unknown-role")}, 400)
        login, name, password = form.text("login"), form.text("name", 80), form.fields.get("password", "")
        try:
            await access.database.write(
                lambda session: desk.add_user(
                    session, login, name, Role(role), password, by=form.who.login, now_ns=now_ns
                )
            )
        except Refused as error:
            return await page(request, form.who, form.fields, beside(lang, error), 409)
        return redirect("/users")

    @app.post("/users/{user_id}/disable")
    async def disable(request: Request, user_id: int, form: Form = Depends(form_of)) -> Response:
        now_ns = access.now_ns()

        def work(session: Session) -> None:
            user = session.get(User, user_id)
            if user is None:
                raise Denied(404, "not-found")
            desk.disable(session, user.login, by=form.who.login, now_ns=now_ns)

        try:
            await access.database.write(work)
        except Refused as error:
            wrong = {f"user-{user_id}": refusal(access.language(request), error)}
            return await page(request, form.who, {}, wrong, 409)
        return redirect("/users")


def _add_audit(app: FastAPI, access: Access) -> None:
    reading = access.needs(Permission.AUDIT)

    @app.get("/audit")
    async def record(request: Request, before: int = 0, subject: str = "", who: Who = Depends(reading)) -> Response:
        asked = request.query_params.get("who", "")
        query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(LISTED)
        if before:
            query = query.where(AuditEntry.id < before)
        if asked:
            query = query.where(AuditEntry.who == asked)
        if subject:
            query = query.where(AuditEntry.subject == audit_view.asked(subject))
        entries = await access.database.read(lambda session: session.scalars(query).all())
        whole = bool(request.query_params.get("whole"))
        verify = audit.verify if whole else partial(audit.verify_newest, most=LISTED)
        count, broken = await access.database.read(verify)
        older = entries[-1].id if len(entries) == LISTED else 0
        return access.draw(
            request,
            who,
            "audit.html",
            "audit",
            entries=entries,
            count=count,
            broken=broken,
            whole=whole or count < LISTED,
            before=older,
            asked_who=asked,
            asked_subject=subject,
            audit=audit_view,
        )
