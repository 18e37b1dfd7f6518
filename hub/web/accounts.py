"""Pages about accounts: one's own, all users', and the record of what each did."""

from __future__ import annotations

from functools import partial

from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounts import audit, desk
from hub.accounts.desk import Who
from hub.accounts.models import AuditEntry, Role, User
from hub.accounts.roles import Permission
from hub.web.access import Access, Denied, Form, redirect

LISTED = 200


def add_accounts(app: FastAPI, access: Access) -> None:
    """`/account`, `/users` and `/audit`."""
    _add_account(app, access)
    _add_users(app, access)
    _add_audit(app, access)


def _add_account(app: FastAPI, access: Access) -> None:
    @app.get("/account")
    async def account(request: Request, who: Who = Depends(access.signed_in)) -> Response:
        permissions = [permission for permission in Permission if who.may(permission)]
        return access.draw(request, who, "account.html", "account", permissions=permissions)

    @app.post("/account")
    async def change(form: Form = Depends(access.own_form)) -> Response:
        who = form.who
        old, new = form.fields.get("old", ""), form.fields.get("new", "")
        now_ns = access.now_ns()

        def work(session: Session) -> None:
            if not desk.is_password(session, who.login, old):
                raise Denied(403, "password")
            desk.set_password(session, who.login, new, by=who.login, now_ns=now_ns)

        await access.database.write(work)
        return redirect("/sign-in")


def _add_users(app: FastAPI, access: Access) -> None:
    editing = access.needs(Permission.USERS_EDIT)
    form_of = access.form(Permission.USERS_EDIT)

    @app.get("/users")
    async def users(request: Request, who: Who = Depends(editing)) -> Response:
        found = await access.database.read(lambda session: session.scalars(select(User).order_by(User.login)).all())
        return access.draw(request, who, "users.html", "users", users=found, roles=list(Role))

    @app.post("/users")
    async def add(form: Form = Depends(form_of)) -> Response:
        role = form.text("role")
        if role not in set(Role):
            raise Denied(400, "unknown-role")
        now_ns = access.now_ns()
        await access.database.write(
            lambda session: desk.add_user(
                session,
                form.text("login"),
                form.text("name", 80),
                Role(role),
                form.fields.get("password", ""),
                by=form.who.login,
                now_ns=now_ns,
            )
        )
        return redirect("/users")

    @app.post("/users/{user_id}/disable")
    async def disable(user_id: int, form: Form = Depends(form_of)) -> Response:
        now_ns = access.now_ns()

        def work(session: Session) -> None:
            user = session.get(User, user_id)
            if user is None:
                raise Denied(404, "not-found")
            desk.disable(session, user.login, by=form.who.login, now_ns=now_ns)

        await access.database.write(work)
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
            query = query.where(AuditEntry.subject == subject)
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
        )
