"""Visitors: announced by whoever may, listed until they are over; and the pass, which is open to who has its number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import segno
from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.registry import visitors
from hub.registry.fields import Fault, Unfit
from hub.registry.models import Visit
from hub.registry.office import PeopleOffice
from hub.web.access import Access, Denied, Form, redirect
from hub.web.imports import need_key


def add_visitors(app: FastAPI, access: Access, office: PeopleOffice) -> None:
    """`/visitors` and `/pass/NUMBER`."""
    editing, form_of = access.needs(Permission.VISITORS_EDIT), access.form(Permission.VISITORS_EDIT)

    async def page(
        request: Request, who: Who, typed: Mapping[str, str] | None = None, faults: Sequence[Fault] = ()
    ) -> Response:
        now_ns = access.now_ns()

        def work(session: Session) -> Sequence[Visit]:
            note(session, now_ns, who.login, "visitors-seen")
            return visitors.coming(session, now_ns)

        usual = {"day": office.today().isoformat(), "from": "08:00", "until": "18:00"}
        return access.draw(
            request, who, "visitors.html", "visitors", 400 if faults else 200,
            visits=await access.database.write(work), fields=visitors.VISIT.fields,
            typed=usual if typed is None else typed, wrong={fault.field: fault for fault in faults},
            has_key=office.key is not None, local=office.local,
        )  # fmt: skip

    @app.get("/visitors")
    async def listing(request: Request, who: Who = Depends(editing)) -> Response:
        return await page(request, who)

    @app.post("/visitors")
    async def announce(request: Request, form: Form = Depends(form_of)) -> Response:
        need_key(office)
        hand = office.hand(form.who.login)
        work = partial(visitors.announce, texts=form.fields, hand=hand, moment_ns=office.moment_ns)
        try:
            number = await office.change(work)
        except Unfit as error:
            return await page(request, form.who, form.fields, error.faults)
        return redirect(f"/pass/{number}")

    @app.post("/visitors/{visit_id:int}/cancel")
    async def cancel(visit_id: int, form: Form = Depends(form_of)) -> Response:
        work = partial(visitors.cancel, visit_id=min(visit_id, 2**63 - 1), by=form.who.login, now_ns=access.now_ns())
        if not await office.change(work):
            raise Denied(404, "no-record")
        return redirect("/visitors")

    @app.get("/pass/{number}")
    async def visitor_pass(request: Request, number: str) -> Response:
        now_ns = access.now_ns()
        plain = number.replace("\0", "")
        found = await access.database.read(partial(visitors.pass_of, number=plain, now_ns=now_ns))
        code = "" if found is None else segno.make_qr(found.number, error="m").svg_inline(omitsize=True, light="#fff")
        who = await access.who(request)
        return access.draw(
            request, who, "pass.html", "pass", 200 if found else 404, found=found, code=code, local=office.local
        )
