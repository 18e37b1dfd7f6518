"""The page about 复工: when the site opens, what is missing, and who answers for it, down to the team."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial

from fastapi import Depends, FastAPI, Request, Response

from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.registry.fields import Fault, Unfit
from hub.registry.office import PeopleOffice
from hub.resumption import desk
from hub.resumption.models import Ground, Item
from hub.resumption.plan import ORDERED, Answer, Wish, is_open
from hub.web.access import Access, Denied, Form, redirect


def add_resumption(app: FastAPI, access: Access, office: PeopleOffice) -> None:
    """`/resumption`."""
    seeing, form_of = access.needs(Permission.BOARD), access.form(Permission.SITE_EDIT)
    first = office.opens_on or ORDERED

    async def page(
        request: Request, who: Who, typed: Mapping[str, str] | None = None, faults: Sequence[Fault] = (), at: str = ""
    ) -> Response:
        state = await access.database.read(partial(desk.state, default=office.opens_on))
        by_item: dict[Item, list[object]] = {}
        for missing in state.missing:
            by_item.setdefault(missing.item, []).append(missing)
        return access.draw(
            request, who, "resumption.html", "resumption", 400 if faults else 200,
            state=state, items=list(Item), missing=by_item, grounds=list(Ground), first=first,
            open=is_open(state.opens_on, office.today()), typed=typed or {}, at=at,
            wrong={fault.field: fault for fault in faults}, may_edit=who.may(Permission.SITE_EDIT),
        )  # fmt: skip

    @app.get("/resumption")
    async def shown(request: Request, who: Who = Depends(seeing)) -> Response:
        return await page(request, who)

    @app.post("/resumption/opening")
    async def decided(request: Request, form: Form = Depends(form_of)) -> Response:
        try:
            work = partial(desk.decide, wish=_wish(form), not_before=first, by=form.who.login, now_ns=access.now_ns())
            await office.change(work)
        except Unfit as error:
            return await page(request, form.who, form.fields, error.faults, "opening")
        return redirect("/resumption")

    @app.post("/resumption/items/{item}")
    async def answered(request: Request, item: str, form: Form = Depends(form_of)) -> Response:
        if item not in set(Item):
            raise Denied(404, "no-record")
        given = Answer(form.text("owner", 60), form.text("done", 3) == "yes", form.text("evidence", 400))
        by, now_ns = form.who.login, access.now_ns()
        try:
            await access.database.write(partial(desk.answer, item=Item(item), given=given, by=by, now_ns=now_ns))
        except Unfit as error:
            return await page(request, form.who, form.fields, error.faults, item)
        return redirect(f"/resumption#{item}")


def _wish(form: Form) -> Wish:
    """Raises `Unfit`."""
    ground = form.text("ground", 16)
    if ground not in set(Ground):
        raise Unfit([Fault("ground", "required")])
    opens_on = _day(form, "opens_on")
    if opens_on is None:
        raise Unfit([Fault("opens_on", "required")])
    if ground == Ground.DATE:
        return Wish(opens_on, Ground.DATE)
    approval = (form.text("approved_by", 120), form.text("document", 120), _day(form, "approved_on"))
    return Wish(opens_on, Ground(ground), *approval)


def _day(form: Form, name: str) -> date | None:
    """Raises `Unfit` for what is no day."""
    text = form.text(name, 20)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Unfit([Fault(name, "date", {"found": text})]) from None
