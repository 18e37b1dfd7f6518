"""Visitors who register themselves: the office invites and decides, the visitor fills in a form by its link.

`/visit/LINK` is the visitor's: the form, then the wait, then the pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import segno
from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.forms import invitations
from hub.forms.invitations import FORM, INVITING, LINK, Waiting
from hub.forms.models import Decision, Invitation
from hub.registry.fields import Fault, Unfit
from hub.web.access import Denied, Form, redirect
from hub.web.imports import need_key
from hub.web.worker import Desk

_MOST_ID = 2**63 - 1


def add_invitations(app: FastAPI, desk: Desk) -> None:
    """`/invitations…` and `/visit/LINK`."""
    _add_office(app, desk)
    _add_visitor(app, desk)


def _add_office(app: FastAPI, desk: Desk) -> None:
    access, office = desk.access, desk.office
    editing, form_of = access.needs(Permission.VISITORS_EDIT), access.form(Permission.VISITORS_EDIT)

    @app.get("/invitations")
    async def listing(request: Request, who: Who = Depends(editing)) -> Response:
        return await _page(desk, request, who)

    @app.post("/invitations")
    async def invite(request: Request, form: Form = Depends(form_of)) -> Response:
        need_key(office)
        hand = office.hand(form.who.login)
        work = partial(invitations.invite, texts=form.fields, hand=hand, moment_ns=office.moment_ns)
        try:
            made = await access.database.write(work)
        except Unfit as error:
            return await _page(desk, request, form.who, form.fields, error.faults)
        return redirect(f"/invitations/{made.id}")

    @app.get("/invitations/{number:int}")
    async def one(request: Request, number: int, who: Who = Depends(editing)) -> Response:
        found = await access.database.read(partial(invitations.one, number=min(number, _MOST_ID)))
        if found is None:
            raise Denied(404, "no-record")
        where = desk.phones.address(request, f"/visit/{desk.phones.signer.link(LINK, found.id)}")
        code = segno.make_qr(where, error="m").svg_inline(omitsize=True, light="#fff", border=2)
        return access.draw(
            request, who, "invitation.html", "invitations", found=found, where=where, code=code, local=office.local
        )

    @app.post("/invitations/{number:int}/approve")
    async def approve(number: int, form: Form = Depends(form_of)) -> Response:
        need_key(office)
        hand = office.hand(form.who.login)
        if await office.change(partial(invitations.approve, number=min(number, _MOST_ID), hand=hand)) is None:
            raise Denied(404, "no-record")
        return redirect("/invitations?approved=1")

    @app.post("/invitations/{number:int}/refuse")
    async def refuse(number: int, form: Form = Depends(form_of)) -> Response:
        work = partial(invitations.refuse, number=min(number, _MOST_ID), by=form.who.login, now_ns=access.now_ns())
        if not await access.database.write(work):
            raise Denied(404, "no-record")
        return redirect("/invitations")


async def _page(
    desk: Desk, request: Request, who: Who, typed: Mapping[str, str] | None = None, faults: Sequence[Fault] = ()
) -> Response:
    now_ns = desk.access.now_ns()

    def work(session: Session) -> tuple[list[Waiting], Sequence[Invitation]]:
        note(session, now_ns, who.login, "invitations-seen")
        return invitations.open_ones(session, now_ns)

    waiting, sent = await desk.access.database.write(work)
    usual = {"day": desk.office.today().isoformat(), "from": "08:00", "until": "18:00"}
    return desk.access.draw(
        request, who, "invitations.html", "invitations", 400 if faults else 200,
        waiting=waiting, sent=sent, fields=INVITING.fields, typed=usual if typed is None else typed,
        wrong={fault.field: fault for fault in faults}, has_key=desk.office.key is not None, local=desk.office.local,
        approved="approved" in request.query_params,
    )  # fmt: skip


# -- the visitor's telephone -------------------------------------------------------------------------------------------


def _add_visitor(app: FastAPI, desk: Desk) -> None:
    phones, access = desk.phones, desk.access

    def number_of(link: str) -> int:
        """Raises `Denied` for a link that is not ours."""
        claim = phones.signer.read(LINK, link)
        if claim is None:
            raise Denied(404, "no-visit")
        return claim.number

    @app.get("/visit/{link}")
    async def form(request: Request, link: str) -> Response:
        return await _visitor(desk, request, number_of(link))

    @app.post("/visit/{link}")
    async def filled(request: Request, link: str) -> Response:
        number, sent = number_of(link), await phones.form(request)
        texts = {name: sent.text(name, 400) for name in sent.fields}
        work = partial(invitations.fill, number=number, texts=texts, now_ns=access.now_ns())
        try:
            await access.database.write(work)
        except Unfit as error:
            return await _visitor(desk, request, number, texts, error.faults)
        return redirect(f"/visit/{link}")


async def _visitor(
    desk: Desk, request: Request, number: int, typed: Mapping[str, str] | None = None, faults: Sequence[Fault] = ()
) -> Response:
    now_ns = desk.access.now_ns()

    def work(session: Session) -> tuple[Invitation | None, str]:
        found = invitations.one(session, number)
        return found, found.visit.person.number if found is not None and found.visit is not None else ""

    found, badge = await desk.access.database.read(work)
    if found is None:
        raise Denied(404, "no-visit")
    if found.decision is Decision.APPROVED and found.until_ns > now_ns:
        return redirect(f"/pass/{badge}")
    may_fill = invitations.is_open(found, now_ns)
    changing = typed is not None or bool(request.query_params.get("change"))
    return desk.phones.draw(
        request, "visit.html", "visit", 400 if faults else 200,
        found=found, may_fill=may_fill, show_form=may_fill and (found.filled_ns is None or changing),
        fields=FORM.fields, typed=typed or {}, wrong={fault.field: fault for fault in faults},
        local=desk.office.local,
    )  # fmt: skip
