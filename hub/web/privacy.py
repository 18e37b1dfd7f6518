"""What is held about people and for how long; about one of them: all of it as a file for them, and erasing it."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.accounts.desk import Who
from hub.accounts.models import AuditEntry
from hub.accounts.roles import Permission
from hub.privacy import erasure, export
from hub.privacy.erasure import CannotErase, Held
from hub.privacy.keeper import ACTION
from hub.privacy.measured import Measured
from hub.privacy.register import KINDS
from hub.privacy.settings import PrivacySettings
from hub.registry.holdings import Holding, of_person
from hub.registry.models import Person
from hub.registry.office import PeopleOffice, Touched
from hub.web.access import Access, Denied, Form, redirect
from hub.web.words import WORDS, Lang, say

LISTED = 14
FILES = ("visitors", "registrations", "checks", "alerts", "journal")
"""What ages beside the kinds of the relational store."""


class PrivacyPages(NamedTuple):
    """What these pages stand on. Without `measured` an answer has nothing of the journal."""

    settings: PrivacySettings = PrivacySettings()
    measured: Measured | None = None


class Line(NamedTuple):
    """A kind and its days; None: as long as the person is registered."""

    name: str
    days: int | None


class Run(NamedTuple):
    """One time that retention was done."""

    at_ns: int
    rows: dict[str, int]


def add_privacy(app: FastAPI, access: Access, office: PeopleOffice, pages: PrivacyPages) -> None:
    """`/privacy`, and `/people/ID/privacy` with what is done there."""
    seeing, form_of = access.needs(Permission.PRIVACY), access.form(Permission.PRIVACY)

    @app.get("/privacy")
    async def shown(request: Request, who: Who = Depends(seeing)) -> Response:
        runs = await access.database.read(_runs)
        return access.draw(
            request, who, "privacy.html", "privacy", lines=_lines(pages.settings), runs=runs,
            seal_days=pages.settings.seal_days,
        )  # fmt: skip

    @app.get("/people/{record_id:int}/privacy")
    async def one(request: Request, record_id: int, who: Who = Depends(seeing)) -> Response:
        return await _person(request, access, who, record_id)

    @app.post("/people/{record_id:int}/data")
    async def data(request: Request, record_id: int, form: Form = Depends(form_of)) -> Response:
        return await _hand_out(request, access, office, pages, record_id, form.who)

    @app.post("/people/{record_id:int}/erase")
    async def erased(request: Request, record_id: int, form: Form = Depends(form_of)) -> Response:
        number, why = form.text("number", 40), form.text("why", 200)
        if not why:
            return await _person(request, access, form.who, record_id, "erase.no-reason")

        def work(session: Session) -> tuple[None, Touched]:
            person = _known(session, record_id)
            if person.number != number:
                raise CannotErase("other-number")
            erasure.erase(session, record_id, by=form.who.login, why=why, now_ns=access.now_ns())
            return None, Touched(people=[record_id])

        try:
            await office.change(work)
        except CannotErase as error:
            return await _person(request, access, form.who, record_id, f"erase.{error.why}")
        return redirect("/privacy?erased=1")


async def _person(request: Request, access: Access, who: Who, record_id: int, wrong: str = "") -> Response:
    def read(session: Session) -> tuple[Person, list[Held]]:
        return _known(session, record_id), erasure.held(session, record_id)

    person, held = await access.database.read(read)
    return access.draw(
        request, who, "person_privacy.html", "privacy", 409 if wrong else 200, person=person, held=held, wrong=wrong
    )


async def _hand_out(
    request: Request, access: Access, office: PeopleOffice, pages: PrivacyPages, record_id: int, who: Who
) -> Response:
    now_ns, lang = access.now_ns(), access.language(request)

    def work(session: Session) -> tuple[dict[str, Any], list[Holding]]:
        _known(session, record_id)
        note(session, now_ns, who.login, "person-data-handed-out", f"person {record_id}")
        return export.collect(session, record_id), of_person(session, record_id)

    found, held = await access.database.write(work)
    if pages.measured is not None:
        found["measurements"] = await pages.measured.of(held)
    title = say(lang, "privacy.title", day=office.today().isoformat())
    zipped = export.archive(found, title, _names(lang), office.local(now_ns).tzinfo, lang)
    name = f"person-{record_id}-{office.today().isoformat()}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(zipped, media_type="application/zip", headers=headers)


def _known(session: Session, record_id: int) -> Person:
    person = session.get(Person, record_id) if record_id < 2**63 else None
    if person is None or person.erased_ns is not None:
        raise Denied(404, "no-record")
    return person


def _names(lang: Lang) -> dict[str, str]:
    return {
        key.removeprefix("data."): say(lang, key) for key in WORDS if key.startswith("data.") and key != "data.title"
    }


def _lines(settings: PrivacySettings) -> list[Line]:
    kinds = [Line(kind.name, settings.days(kind.name) if kind.moment is not None else None) for kind in KINDS]
    return [*kinds, *(Line(name, getattr(settings, f"{name}_days")) for name in FILES)]


def _runs(session: Session) -> list[Run]:
    query = select(AuditEntry).where(AuditEntry.action == ACTION).order_by(AuditEntry.id.desc()).limit(LISTED)
    return [Run(line.at_ns, msgspec.json.decode(line.detail)["rows"]) for line in session.scalars(query)]
