"""The page of the site itself: its teams, shifts, places, and the areas from which returnees are isolated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from fastapi import Depends, FastAPI, Request, Response

from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.registry import site
from hub.registry.fields import Fault, Unfit
from hub.registry.models import PlaceKind
from hub.registry.office import PeopleOffice
from hub.registry.site_files import SHIFTS, TEAMS
from hub.web.access import Access, Denied, Form, redirect
from hub.web.duty_files import Room, add_files

MANY_TEAMS = 100
"""With more, the form of a team is drawn for the one that is chosen alone: two thousand forms are no page."""
_BLANK = dict.fromkeys(("id", "name", "title", "grid", "leader", "meal_slot", "shift_id", "capacity"))


def add_site(app: FastAPI, access: Access, office: PeopleOffice) -> None:
    """`/site`, and files of its shifts and teams."""
    for kind in (SHIFTS, TEAMS):
        back, edits = f"/site#{kind.name}", Permission.SITE_EDIT
        add_files(app, Room(access, office, kind, f"/site/{kind.name}", back, edits, edits))
    editing, form_of = access.needs(Permission.SITE_EDIT), access.form(Permission.SITE_EDIT)

    async def page(
        request: Request, who: Who, typed: Mapping[str, str] | None = None, faults: Sequence[Fault] = (), at: str = ""
    ) -> Response:
        found = await access.database.read(site.site)
        wrong = {fault.field: fault for fault in faults}
        return access.draw(
            request, who, "site.html", "site", 400 if faults else 200,
            found=found, many=len(found.teams) > MANY_TEAMS, chosen_team=_number(request), kinds=list(PlaceKind),
            minutes=site.clock, blank=_BLANK, typed=typed or {}, wrong=wrong, at=at,
        )  # fmt: skip

    @app.get("/site")
    async def shown(request: Request, who: Who = Depends(editing)) -> Response:
        return await page(request, who)

    @app.post("/site/{what}")
    async def put(request: Request, what: str, form: Form = Depends(form_of)) -> Response:
        key = _key(form)
        work = partial(site.put, what=what, key=key, texts=form.fields, by=form.who.login, now_ns=access.now_ns())
        try:
            await office.change(work)
        except KeyError:
            raise Denied(404, "no-record") from None
        except Unfit as error:
            return await page(request, form.who, form.fields, error.faults, f"{what}-{key or 'new'}")
        return redirect(f"/site#{what}s")

    @app.post("/site/{what}/remove")
    async def remove(what: str, form: Form = Depends(form_of)) -> Response:
        work = partial(site.remove, what=what, key=_key(form) or 0, by=form.who.login, now_ns=access.now_ns())
        try:
            await office.change(work)
        except KeyError:
            raise Denied(404, "no-record") from None
        return redirect(f"/site#{what}s")


def _number(request: Request) -> int:
    """The team that was chosen; 0 for none."""
    text = request.query_params.get("team", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _key(form: Form) -> int | None:
    text = form.text("id", 18)
    return int(text) if text.isascii() and text.isdigit() else None
