"""The administrators' page of updates: which releases there are, what gates are to run, and how far each is."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from fastapi import Depends, FastAPI, Request, Response

from hub.accounts.desk import Who
from hub.accounts.roles import Permission
from hub.releases import desk, waves
from hub.releases.desk import Now, ReleaseLine, Terms
from hub.releases.shelf import Shelf
from hub.releases.waves import Outcome
from hub.web.access import Access, Form, redirect
from hub.web.view import Level, plain
from hub.web.words import Lang, say
from wire.errors import BadName, ReleaseError
from wire.topics import check_name

MOST_WATCH_MIN = 30 * 24 * 60


class _Line(NamedTuple):
    """A release as the page shows it; `lacking` wheels are not here."""

    release: ReleaseLine
    lacking: int

    @property
    def kinds(self) -> str:
        return ", ".join(f"Python {target.python} {target.machine}" for target in self.release.manifest.targets)


def add_updates(app: FastAPI, access: Access, shelf: Shelf) -> None:
    """`/updates…`."""
    seeing, form_of = access.needs(Permission.GATES_EDIT), access.form(Permission.GATES_EDIT)

    @app.get("/updates")
    async def page(request: Request, who: Who = Depends(seeing)) -> Response:
        return await _page(access, shelf, request, who)

    @app.post("/updates")
    async def offer(request: Request, form: Form = Depends(form_of)) -> Response:
        try:
            terms = _terms(form)
            release, by, now_ns = form.text("release"), form.who.login, access.now_ns()
            await access.database.write(lambda session: desk.offer(session, release, terms, by=by, now_ns=now_ns))
        except (ReleaseError, BadName) as error:
            return await _page(access, shelf, request, form.who, str(error))
        return redirect("/updates")

    @app.post("/updates/halt")
    async def halt(form: Form = Depends(form_of)) -> Response:
        by, now_ns = form.who.login, access.now_ns()
        await access.database.write(lambda session: desk.halt(session, "by hand", by=by, now_ns=now_ns))
        return redirect("/updates")

    @app.post("/updates/back")
    async def back(request: Request, form: Form = Depends(form_of)) -> Response:
        release, by, now_ns = form.text("release"), form.who.login, access.now_ns()
        try:
            await access.database.write(lambda session: desk.back(session, release, (), by=by, now_ns=now_ns))
        except ReleaseError as error:
            return await _page(access, shelf, request, form.who, str(error))
        return redirect("/updates")


async def _page(access: Access, shelf: Shelf, request: Request, who: Who, wrong: str = "") -> Response:
    now, found = await access.database.read(lambda session: (desk.now(session), desk.lines(session)))
    lacking = await asyncio.to_thread(lambda: [len(shelf.missing(line.manifest)) for line in found])
    lines = [_Line(*pair) for pair in zip(found, lacking, strict=True)]
    return access.draw(
        request, who, "updates.html", "updates-page", 400 if wrong else 200,
        now=now, lines=lines, wrong=wrong, name=_name(now, found), state=_state, word=_word, level=_level,
        waves_=",".join(waves.DEFAULT_WAVES), watch_min=waves.DEFAULT_SOAK_S // 60,
    )  # fmt: skip


def _terms(form: Form) -> Terms:
    """Raises `ReleaseError`, `BadName`."""
    shares = waves.parse_waves(form.text("waves"))
    gates = tuple(check_name(word.strip()) for word in form.text("gates", 2000).split(",") if word.strip())
    watch = form.text("watch")
    if not (watch.isascii() and watch.isdigit()) or int(watch) > MOST_WATCH_MIN:
        raise ReleaseError(f"{watch!r}: expected minutes, at most {MOST_WATCH_MIN}")
    return Terms(shares, gates, int(watch) * 60)


def _name(now: Now, found: list[ReleaseLine]) -> str:
    if now.course is None:
        return ""
    serial = now.course.serial
    return next((line.version for line in found if line.serial == serial), str(serial))


def _state(now: Now, lang: Lang) -> str:
    assert now.course is not None, "shown only where there is one"
    course = now.course
    where = {"wave": course.wave + 1, "waves": len(course.waves), "share": course.waves[course.wave]}
    return say(lang, f"update.state.{course.state}", **where)


def _word(outcome: Outcome, lang: Lang) -> str:
    return say(lang, f"update.word.{outcome.word}", why=plain(outcome.why))


def _level(outcome: Outcome) -> Level:
    return {"works": Level.CALM, "failed": Level.WARN}.get(outcome.word, Level.NOTE)
