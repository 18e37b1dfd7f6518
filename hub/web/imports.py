"""Importing a file of people or vehicles: upload, a preview of what it would change, and the word to do it.

Between the preview and the word the file waits here, in memory, for whoever sent it; a few at most. What is done is
what was seen: where the register has changed meanwhile, a new preview is shown instead.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from typing import NamedTuple

from fastapi import Depends, FastAPI, Request, Response

from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.registry import sheets
from hub.registry.fields import Fault, Kind, Unfit
from hub.registry.office import PeopleOffice
from hub.registry.plans import Plan
from hub.registry.sheets import Sheet
from hub.web.access import Access, Denied, Form, redirect

WAITING = 8
SHOWN = 100
"""Rows of each list on the preview."""


class Parcel(NamedTuple):
    """A file that waits for the word."""

    login: str
    sheet: Sheet


class Parcels:
    """The newest few; an older one has to be sent again."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, Parcel] = OrderedDict()

    def put(self, parcel: Parcel) -> str:
        """Keep it; what to ask for it by."""
        number = secrets.token_urlsafe(12)
        self._waiting[number] = parcel
        while len(self._waiting) > WAITING:
            self._waiting.popitem(last=False)
        return number

    def of(self, number: str, login: str) -> Sheet | None:
        """The file, for whoever sent it."""
        parcel = self._waiting.get(number)
        return parcel.sheet if parcel is not None and parcel.login == login else None

    def done(self, number: str) -> None:
        self._waiting.pop(number, None)


class Desk:
    """Where files of one kind are imported."""

    def __init__(self, access: Access, office: PeopleOffice, kind: Kind) -> None:
        self._access = access
        self._office = office
        self._kind = kind
        self._parcels = Parcels()

    def ask(self, request: Request, who: Who, faults: list[Fault]) -> Response:
        """The page that asks for a file, with what was wrong with the last one."""
        done = request.query_params.get("done", "")
        return self._access.draw(
            request, who, "import.html", f"registered.{self._kind.name}", 400 if faults else 200,
            kind=self._kind, faults=faults, done=done if done.isdigit() else "",
        )  # fmt: skip

    async def take(self, request: Request, form: Form) -> Response:
        """The preview of a file."""
        file = form.files.get("file")
        data = b"" if file is None else await file.read()
        if not data:
            return self.ask(request, form.who, [Fault("", "file-none")])
        try:
            sheet = await asyncio.to_thread(sheets.read, data, self._kind)
        except Unfit as error:
            return self.ask(request, form.who, error.faults)
        made = await self._office.preview(self._kind, sheet)
        number = "" if made.faults else self._parcels.put(Parcel(form.who.login, sheet))
        return self._preview(request, form.who, number, sheet, made)

    async def do(self, request: Request, number: str, form: Form) -> Response:
        """What the preview showed. Where all of it is so already, a button was pressed twice, and it is done."""
        sheet = self._parcels.of(number, form.who.login)
        if sheet is None:
            return self.ask(request, form.who, [Fault("", "file-gone")])
        again = await self._office.carry_out(self._kind, sheet, form.text("digest"), by=form.who.login)
        if again is not None and (again.faults or again.changes):
            return self._preview(request, form.who, number, sheet, again, outdated=True)
        self._parcels.done(number)
        return redirect(f"/{self._kind.name}/import?done={form.text('count', 8)}")

    def _preview(
        self, request: Request, who: Who, number: str, sheet: Sheet, made: Plan, *, outdated: bool = False
    ) -> Response:
        return self._access.draw(
            request, who, "preview.html", f"registered.{self._kind.name}", 400 if made.faults else 200,
            kind=self._kind, number=number, sheet=sheet, plan=made, outdated=outdated, most=SHOWN,
        )  # fmt: skip


def add_imports(app: FastAPI, access: Access, office: PeopleOffice, kind: Kind) -> None:
    """`/people/import` and `/vehicles/import`."""
    editing, form_of = access.needs(Permission.PEOPLE_EDIT), access.form(Permission.PEOPLE_EDIT)
    path = f"/{kind.name}/import"
    desk = Desk(access, office, kind)

    @app.get(path)
    async def upload(request: Request, who: Who = Depends(editing)) -> Response:
        need_key(office)
        return desk.ask(request, who, [])

    @app.post(path)
    async def uploaded(request: Request, form: Form = Depends(form_of)) -> Response:
        need_key(office)
        return await desk.take(request, form)

    @app.post(path + "/{number}")
    async def confirmed(request: Request, number: str, form: Form = Depends(form_of)) -> Response:
        return await desk.do(request, number, form)


def need_key(office: PeopleOffice) -> None:
    """`Denied` where nothing can be registered for want of the key that tokens are made with."""
    if office.key is None:
        raise Denied(409, "no-token-key")
