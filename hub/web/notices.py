"""Word to the workers: the page where notices are written, who has read them, and what a worker's telephone shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.forms import workers
from hub.notices import words
from hub.notices.models import Audience, NoticeRow
from hub.notices.words import SeenBy, TooMany, Written
from hub.registry.models import Team
from hub.web.access import Denied, Form, redirect
from hub.web.worker import Desk
from wire.notices import MOST_PICTURE_BYTES, MOST_TEXT, is_picture
from wire.topics import NAME_PATTERN

SPEECHES = ("say-notice", "say-mask", "say-hands", "say-declare", "say-ill", "say-meals")
"""The announcements that gates have recordings of (`edge.prompts.ANNOUNCEMENTS`)."""
EVERY_MIN = (1, 120)
_MOST_ID = 2**63 - 1


class Unfit(Exception):
    """What was written cannot be a notice; `why` is the key of the words that say so."""

    def __init__(self, why: str, **values: object) -> None:
        super().__init__(why)
        self.why = why
        self.values = values


class Shown(NamedTuple):
    """What the page shows."""

    opened: Sequence[NoticeRow]
    over: Sequence[NoticeRow]
    read: Counter[int]
    by_team: dict[int, list[SeenBy]]
    teams: Sequence[Team]
    pictured: set[int]


class NoticePages(NamedTuple):
    """What the pages stand on: `tell` wakes the herald, `gates` are those that are known."""

    tell: Callable[[], None]
    gates: Callable[[], Collection[str]]


def add_notices(app: FastAPI, desk: Desk, pages: NoticePages) -> None:
    """`/notices…` and `/w/notices…`."""
    _add_office(app, desk, pages)
    _add_phone(app, desk)


def _add_office(app: FastAPI, desk: Desk, pages: NoticePages) -> None:
    access = desk.access
    seeing, form_of = access.needs(Permission.MESSAGES), access.form(Permission.MESSAGES)

    @app.get("/notices")
    async def listing(request: Request, who: Who = Depends(seeing)) -> Response:
        return await _page(desk, pages, request, who)

    @app.post("/notices")
    async def make(request: Request, form: Form = Depends(form_of)) -> Response:
        try:
            written = await _written(desk, form)
            made = partial(words.make, written=written, by=form.who.login, now_ns=access.now_ns())
            await access.database.write(made)
        except (Unfit, TooMany) as error:
            wrong = error if isinstance(error, Unfit) else Unfit("too-many")
            return await _page(desk, pages, request, form.who, form.fields, wrong)
        pages.tell()
        return redirect("/notices")

    @app.post("/notices/{number:int}/withdraw")
    async def withdraw(number: int, form: Form = Depends(form_of)) -> Response:
        work = partial(words.withdraw, number=min(number, _MOST_ID), by=form.who.login, now_ns=access.now_ns())
        if not await access.database.write(work):
            raise Denied(404, "no-record")
        pages.tell()
        return redirect("/notices")

    @app.get("/notices/{number:int}/picture")
    async def picture(number: int, who: Who = Depends(seeing)) -> Response:
        return _picture(await access.database.read(lambda db: db.get(NoticeRow, min(number, _MOST_ID))))


async def _page(
    desk: Desk,
    pages: NoticePages,
    request: Request,
    who: Who,
    typed: Mapping[str, str] | None = None,
    wrong: Unfit | None = None,
) -> Response:
    now_ns = desk.access.now_ns()

    def work(session: Session) -> Shown:
        opened, over = words.listed(session, now_ns)
        teams = session.scalars(select(Team).order_by(Team.name)).all()
        by_team = {row.id: words.seen_by(session, row) for row in opened}
        read = words.receipts(session, [*opened, *over])
        return Shown(opened, over, read, by_team, teams, words.pictured(session, opened))

    start, end = (desk.office.local(now_ns + hours * 3600 * 10**9).strftime("%Y-%m-%dT%H:%M") for hours in (0, 24))
    usual = {"audience": "site", "from": start, "until": end, "every": "15"}
    return desk.access.draw(
        request, who, "notices.html", "notices", 400 if wrong else 200,
        shown=await desk.access.database.read(work), typed=usual if typed is None else typed, wrong=wrong,
        gates=sorted(pages.gates()), speeches=SPEECHES, local=desk.office.local, most=MOST_TEXT,
    )  # fmt: skip


async def _written(desk: Desk, form: Form) -> Written:
    """What somebody wrote. Raises `Unfit`."""
    zh, en = (form.fields.get(name, "").strip() for name in ("zh", "en"))
    if not (zh or en):
        raise Unfit("no-text")
    if max(len(zh), len(en)) > MOST_TEXT:
        raise Unfit("long", most=MOST_TEXT)
    audience, team, gates = _audience(form)
    from_ns, until_ns = (_moment(desk, form.text(name, 20)) for name in ("from", "until"))
    if until_ns <= max(from_ns, desk.access.now_ns()):
        raise Unfit("ends-first")
    speech = form.text("speech", 32)
    if speech and speech not in SPEECHES:
        raise Unfit("no-speech")
    every = form.text("every", 4) if speech else "0"
    if not (every.isascii() and every.isdigit() and (not speech or EVERY_MIN[0] <= int(every) <= EVERY_MIN[1])):
        raise Unfit("every", least=EVERY_MIN[0], most=EVERY_MIN[1])
    return Written(audience, team, gates, zh, en, speech, int(every), await _sent_picture(form), from_ns, until_ns)


def _audience(form: Form) -> tuple[Audience, int | None, tuple[str, ...]]:
    """For whom. Raises `Unfit`."""
    audience = form.text("audience", 16)
    if audience not in set(Audience):
        raise Unfit("no-audience")
    team = form.text("team", 18)
    if audience == Audience.TEAM and not (team.isascii() and team.isdigit()):
        raise Unfit("no-team")
    gates = tuple(dict.fromkeys(form.text("gates", 400).replace("，", ",").replace(",", " ").split()))
    if audience == Audience.GATES and not (gates and all(NAME_PATTERN.fullmatch(gate) for gate in gates)):
        raise Unfit("no-gates")
    is_team, is_gates = audience == Audience.TEAM, audience == Audience.GATES
    return Audience(audience), int(team) if is_team else None, gates if is_gates else ()


def _moment(desk: Desk, text: str) -> int:
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        raise Unfit("moment", found=text) from None
    return desk.office.moment_ns(moment.date(), moment.time())


async def _sent_picture(form: Form) -> bytes | None:
    """The picture, None where there is none. Raises `Unfit`."""
    file = form.files.get("picture")
    data = b"" if file is None else await file.read()
    if not data:
        return None
    if not is_picture(data) or len(data) > MOST_PICTURE_BYTES:
        raise Unfit("picture", most=MOST_PICTURE_BYTES // 1024)
    return data


def _picture(row: NoticeRow | None) -> Response:
    if row is None or row.picture is None:
        raise Denied(404, "no-record")
    kind = "image/png" if row.picture.startswith(b"\x89PNG") else "image/jpeg"
    return Response(row.picture, media_type=kind, headers={"Cache-Control": "private, max-age=86400"})


def _add_phone(app: FastAPI, desk: Desk) -> None:
    phones, access = desk.phones, desk.access

    @app.post("/w/notices/{number:int}/seen")
    async def seen(request: Request, number: int) -> Response:
        await phones.form(request)
        now_ns = access.now_ns()

        def work(session: Session) -> bool:
            person = phones.whose(session, request)
            return person is not None and words.see(session, person, min(number, _MOST_ID), now_ns)

        if not await access.database.write(work):
            raise Denied(404, "no-record")
        return redirect("/w")

    @app.get("/w/notices/{number:int}/picture")
    async def picture(request: Request, number: int) -> Response:
        now_ns = access.now_ns()

        def work(session: Session) -> NoticeRow | None:
            person = workers.person_of(session, phones.signer, phones.cookie(request), workers.PHONE)
            found = [] if person is None else words.for_person(session, person, now_ns)
            return next((row for row, _ in found if row.id == number), None)

        return _picture(await access.database.read(work))
