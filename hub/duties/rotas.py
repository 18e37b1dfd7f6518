"""Rotas and single days as HR writes them, into tables: work on a session; each change is noted in the record.

A cycle is written with the names of shifts and 休 for rest, with spaces or commas between them; `白班*2` is twice 白班.
`周一至周五 白班` is a week of working days (also `周一到周六`, `Mon-Fri`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, selectinload

from hub.accounts.audit import note as noted
from hub.duties.absences import Refused
from hub.duties.models import DutyDay, Rota
from hub.duties.shifts import MOST_CYCLE, REST, WEEK
from hub.registry.models import Person, Shift, Team

_RESTS = {"休", "休息", "rest", "off", "-", "0"}
_TIMES = re.compile(r"(.+?)\s*[*x×]\s*(\d{1,2})")
_BETWEEN = re.compile(r"[\s,;，；、|]+")
_DAYS = {"周一": 1, "周二": 2, "周三": 3, "周四": 4, "周五": 5, "周六": 6, "周日": 7, "周天": 7,
         "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6, "sun": 7}  # fmt: skip
_WEEK_DAYS = re.compile(r"(周.|[a-z]{3})(?:(?:至|到|-|~|–)(周.|[a-z]{3}))?", re.IGNORECASE)


class Whose(NamedTuple):
    """Whose rota or day it is: a team's, a person's, or the whole site's where both are None."""

    team_id: int | None = None
    person_id: int | None = None


def read_cycle(text: str, shifts: Mapping[str, int]) -> tuple[int, ...]:
    """The shifts of a cycle, by their names. Raises `Refused`."""
    plain = unicodedata.normalize("NFKC", text).strip()
    names = {_plain(name): number for name, number in shifts.items()}
    tokens = _tokens(re.sub(r"\s*([*×])\s*", r"\1", plain), names)
    week = _week(tokens, names)
    found = week if week is not None else tuple(one for token in tokens for one in _repeated(token, names))
    if not found or len(found) > MOST_CYCLE:
        raise Refused("cycle-length", most=MOST_CYCLE, found=len(found))
    return found


def _tokens(text: str, names: Collection[str]) -> list[str]:
    """Words, but a shift's name may have spaces in it."""
    if _plain(text) in names:
        return [text]
    return [token for token in _BETWEEN.split(text) if token]


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().lower()


def _shift(word: str, names: Mapping[str, int]) -> int:
    plain = _plain(word)
    if plain in names:
        return names[plain]
    if plain in _RESTS:
        return REST
    raise Refused("no-shift", found=word[:40], known="、".join([*names, "休"]))


def _repeated(token: str, names: Mapping[str, int]) -> list[int]:
    times = _TIMES.fullmatch(token)
    if times is None or _plain(token) in names:
        return [_shift(token, names)]
    return [_shift(times[1], names)] * min(int(times[2]), MOST_CYCLE + 1)


def _week(tokens: Sequence[str], names: Mapping[str, int]) -> tuple[int, ...] | None:
    """A week written by its days, each span of them before its shift; None for a cycle that is none."""
    spans = [_span(token) for token in tokens[::2]]
    if len(tokens) % 2 or not spans or None in spans:
        return None
    week = [REST] * WEEK
    for span, word in zip(spans, tokens[1::2], strict=True):
        for day in span or ():
            week[day - 1] = _shift(word, names)
    return tuple(week)


def _span(token: str) -> range | None:
    found = _WEEK_DAYS.fullmatch(token)
    if found is None or found[1].lower() not in _DAYS:
        return None
    first, last = _DAYS[found[1].lower()], _DAYS.get((found[2] or found[1]).lower(), 0)
    return range(first, last + 1) if first <= last else None


def written_cycle(numbers: Sequence[int], names: Mapping[int, str], rest: str = "休") -> str:
    """A cycle as people write it; reads again as it was."""
    words: list[tuple[str, int]] = []
    for number in numbers:
        word = names.get(number, rest)
        if words and words[-1][0] == word:
            words[-1] = (word, words[-1][1] + 1)
        else:
            words.append((word, 1))
    return " ".join(word if times == 1 else f"{word}*{times}" for word, times in words)


def cycle_of(rota: Rota) -> tuple[int, ...]:
    return tuple(int(number) for number in rota.cycle.split(","))


def put_rota(
    session: Session, whose: Whose, from_on: date, cycle: Sequence[int], *, by: str, now_ns: int
) -> tuple[Rota, bool]:
    """From that date on they work this cycle; one that began on the same date is replaced. Whether anything changed.

    Raises `Refused`.
    """
    if whose == Whose():
        raise Refused("nobody")
    _check_cycle(session, cycle)
    text = ",".join(str(number) for number in cycle)
    same = select(Rota).where(Rota.team_id == whose.team_id, Rota.person_id == whose.person_id)
    rota = session.scalars(same.where(Rota.from_on == from_on)).one_or_none()
    if rota is not None and rota.cycle == text:
        return rota, False
    if rota is None:
        rota = Rota(**whose._asdict(), from_on=from_on)
        session.add(rota)
    rota.cycle, rota.said_ns, rota.said_by = text, now_ns, by
    session.flush()
    noted(session, now_ns, by, "rota-put", f"rota {rota.id}", **_named(whose), from_on=from_on.isoformat(), cycle=text)
    return rota, True


def drop_rota(session: Session, rota_id: int, *, by: str, now_ns: int) -> Whose:
    """Take a rota back: the one before counts again. Raises `Refused`."""
    rota = session.get(Rota, rota_id)
    if rota is None:
        raise Refused("no-rota")
    session.delete(rota)
    noted(session, now_ns, by, "rota-dropped", f"rota {rota_id}")
    return Whose(rota.team_id, rota.person_id)


def spread(
    session: Session, teams: Sequence[int], from_on: date, cycle: Sequence[int], *, by: str, now_ns: int
) -> list[Rota]:
    """Teams that follow each other in one cycle, as four teams do in three shifts: each begins a part further on.

    Raises `Refused`.
    """
    if not teams or len(cycle) % len(teams):
        raise Refused("uneven", teams=len(teams), days=len(cycle))
    step = len(cycle) // len(teams)
    turned = [[*cycle[n * step :], *cycle[: n * step]] for n in range(len(teams))]
    return [
        put_rota(session, Whose(team_id=team), from_on, turn, by=by, now_ns=now_ns)[0]
        for team, turn in zip(teams, turned, strict=True)
    ]


def put_day(
    session: Session, whose: Whose, day: date, shift_id: int | None, note: str, *, by: str, now_ns: int
) -> tuple[DutyDay, bool]:
    """One day is otherwise: another shift, or rest without one. Whether anything changed. Raises `Refused`."""
    if shift_id is not None and session.get(Shift, shift_id) is None:
        raise Refused("no-such-shift")
    same = select(DutyDay).where(DutyDay.team_id == whose.team_id, DutyDay.person_id == whose.person_id)
    found = session.scalars(same.where(DutyDay.day == day)).one_or_none()
    if found is not None and (found.shift_id, found.note) == (shift_id, note):
        return found, False
    if found is None:
        found = DutyDay(**whose._asdict(), day=day)
        session.add(found)
    found.shift_id, found.note, found.said_ns, found.said_by = shift_id, note, now_ns, by
    session.flush()
    noted(session, now_ns, by, "day-put", f"day {found.id}", **_named(whose), day=day.isoformat(), shift=shift_id or 0)
    return found, True


def drop_day(session: Session, day_id: int, *, by: str, now_ns: int) -> Whose:
    """The rota counts again on that day. Raises `Refused`."""
    found = session.get(DutyDay, day_id)
    if found is None:
        raise Refused("no-day")
    session.delete(found)
    noted(session, now_ns, by, "day-dropped", f"day {day_id}")
    return Whose(found.team_id, found.person_id)


def rotas(session: Session, words: str = "", most: int | None = None) -> Sequence[Rota]:
    """Those of teams with these words in their name and of people with that number, the newest of each first."""
    query = select(Rota).outerjoin(Team).outerjoin(Person, Rota.person_id == Person.id)
    if words:
        query = query.where(or_(Team.name.contains(words, autoescape=True), Person.number == words))
    load = (selectinload(Rota.team), selectinload(Rota.person))
    order = (Rota.person_id.is_not(None), Team.name, Person.number, Rota.from_on.desc())
    return session.scalars(query.options(*load).order_by(*order).limit(most)).all()


def days_from(session: Session, day: date, most: int) -> Sequence[DutyDay]:
    """The single days from a day on."""
    load = (selectinload(DutyDay.team), selectinload(DutyDay.person), selectinload(DutyDay.shift))
    query = select(DutyDay).where(DutyDay.day >= day).order_by(DutyDay.day, DutyDay.id)
    return session.scalars(query.options(*load).limit(most)).all()


def shift_names(session: Session) -> dict[str, int]:
    return {name: key for key, name in session.execute(select(Shift.id, Shift.name).order_by(Shift.from_min))}


def whose(session: Session, team: str, number: str) -> Whose:
    """Whom a form or a file names: a team by its name, or a person by their number. Raises `Refused`."""
    if team and number:
        raise Refused("both", team=team, number=number)
    if number:
        person = session.scalar(select(Person.id).where(Person.number == number, Person.erased_ns.is_(None)))
        if person is None:
            raise Refused("no-number", number=number)
        return Whose(person_id=person)
    if not team:
        return Whose()
    found = session.scalar(select(Team.id).where(Team.name == team))
    if found is None:
        raise Refused("no-team", team=team)
    return Whose(team_id=found)


def members(session: Session, of: Whose) -> set[int]:
    """Whose duties it changes."""
    if of.person_id is not None:
        return {of.person_id}
    query = select(Person.id)
    return set(session.scalars(query if of.team_id is None else query.where(Person.team_id == of.team_id)))


def _check_cycle(session: Session, cycle: Sequence[int]) -> None:
    if not 1 <= len(cycle) <= MOST_CYCLE:
        raise Refused("cycle-length", most=MOST_CYCLE, found=len(cycle))
    unknown = set(cycle) - {REST} - set(session.scalars(select(Shift.id)))
    if unknown:
        raise Refused("no-such-shift")


def _named(of: Whose) -> dict[str, int]:
    return {name: key for name, key in of._asdict().items() if key is not None}
