"""Rotas, single days and absences from HR's Excel and CSV files, and the site's shifts and teams: what each row would
do, all of them or none.

A file is carried out in one transaction, whose outcome is what the preview shows; the preview's transaction is undone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import NamedTuple

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.duties import absences, calendar, rotas
from hub.duties.absences import Refused, Said
from hub.duties.models import Absence, AbsenceKind
from hub.registry import sheets, site_files
from hub.registry.fields import Cell, Field, Kind, Unfit, Value, Wrong, date_of, short_text
from hub.registry.models import Person
from hub.registry.sheets import Rows, Sheet
from hub.registry.site_files import SHIFTS, TEAMS

_ABSENCES = {
    AbsenceKind.SICK: ("sick", "病假", "生病"),
    AbsenceKind.HOLIDAY: ("holiday", "休假", "年假", "事假", "探亲假", "婚假", "产假", "丧假", "调休"),
    AbsenceKind.BUSINESS: ("business", "出差", "travelling for work"),
    AbsenceKind.OTHER: ("other", "其他", "请假"),
}
_RESTS = {"休", "休息", "轮休", "公休", "停产", "rest", "off"}


def _absence_kind(text: str) -> str:
    for kind, names in _ABSENCES.items():
        if text.lower() in names:
            return kind.value
    raise Wrong("absence-kind", found=text[:40])


_NUMBER = Field("number", "number", "工号", ("员工编号", "编号", "employee number"), short_text(40))
_TEAM = Field("team", "team", "班组", ("部门",), short_text(60))
_NOTE = Field("note", "note", "备注", ("说明", "remark"), short_text(120))
ROTAS = Kind(
    "rotas",
    (
        _TEAM,
        _NUMBER,
        Field("from_on", "from", "起始日期", ("开始日期", "自", "start"), date_of, required=True),
        Field("cycle", "cycle", "循环", ("排班", "班次循环", "rota"), short_text(400), required=True),
    ),
    "cycle",
    (),
)
DAYS = Kind(
    "days",
    (
        Field("day", "day", "日期", ("date",), date_of, required=True),
        _TEAM,
        _NUMBER,
        Field("shift", "shift", "班次", ("调整为",), short_text(60), required=True),
        _NOTE,
    ),
    "day",
    (),
)
ABSENCES = Kind(
    "absences",
    (
        _NUMBER._replace(required=True),
        Field("kind", "kind", "类别", ("请假类别", "假别", "type"), _absence_kind, required=True),
        Field("from_on", "from", "开始日期", ("起始日期", "自", "start"), date_of, required=True),
        Field("until_on", "until", "结束日期", ("截止日期", "至", "end"), date_of, None),
        _NOTE,
    ),
    "number",
    (),
)


class Hand(NamedTuple):
    """Who sends the file, and when."""

    by: str
    now_ns: int


class Done(NamedTuple):
    """What a row does: whether anything changes, and whose duties it touches (None: everybody's)."""

    changed: bool
    people: set[int] | None


class Outcome(NamedTuple):
    """What one row of a file does, or why it cannot be: the key of the words (`fault.…`, `refused.…`), and a column."""

    row: int
    cells: tuple[str, ...]
    done: Done | None
    why: str = ""
    values: Mapping[str, object] = {}
    field: str = ""
    column: str = ""
    """Of a calendar sheet: the column and its day."""


def carry_out(session: Session, kind: Kind, sheet: Sheet, hand: Hand) -> list[Outcome]:
    """Do what the rows say; where one of them cannot be done the caller must undo all."""
    step = _STEPS[kind.name](session, hand)
    return [_outcome(kind, row.number, sheet, row.cells, step)._replace(column=row.column) for row in sheet.rows]


def read(data: bytes, kind: Kind, today: date) -> Sheet:
    """The table in a file; of single days also as a calendar sheet. Raises `Unfit`."""
    if kind is not DAYS:
        return sheets.read(data, kind)

    def reader(rows: Rows) -> Sheet:
        found, rest = calendar.as_days(rows, kind, today)
        return found or sheets.table_of(rest, kind)

    return sheets.read_by(data, reader)


def digest(outcomes: Iterable[Outcome]) -> str:
    """The same for outcomes that are the same."""
    told = [(one.row, one.cells, one.done is not None and one.done.changed, one.why) for one in outcomes]
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()


Step = Callable[[dict[str, Value]], Done]


def _outcome(kind: Kind, number: int, sheet: Sheet, cells: Iterable[Cell], step: Step) -> Outcome:
    given = list(cells)
    named = {name: given[at] if at < len(given) else None for name, at in sheet.columns.items()}
    values, faults = kind.read_all(named)
    missing = [field.name for field in kind.fields if field.required and field.name not in named]
    shown = tuple(_shown(values.get(field.name)) for field in kind.fields)
    if missing:
        return Outcome(number, shown, None, "fault.required", field=missing[0])
    if faults:
        return Outcome(number, shown, None, f"fault.{faults[0].key}", faults[0].values, faults[0].field)
    try:
        return Outcome(number, shown, step(values))
    except Refused as error:
        return Outcome(number, shown, None, f"refused.{error.why}", error.values)
    except Unfit as error:
        fault = error.faults[0]
        return Outcome(number, shown, None, f"fault.{fault.key}", fault.values, fault.field)


def _shown(value: Value) -> str:
    return "" if value is None else value.isoformat() if isinstance(value, date) else str(value)


def _rota_step(session: Session, hand: Hand) -> Step:
    shifts = rotas.shift_names(session)

    def step(values: dict[str, Value]) -> Done:
        whose = rotas.whose(session, str(values.get("team", "")), str(values.get("number", "")))
        cycle = rotas.read_cycle(str(values["cycle"]), shifts)
        from_on = values["from_on"]
        assert isinstance(from_on, date)
        _, changed = rotas.put_rota(session, whose, from_on, cycle, by=hand.by, now_ns=hand.now_ns)
        return Done(changed, None)

    return step


def _day_step(session: Session, hand: Hand) -> Step:
    shifts = rotas.shift_names(session)

    known: dict[tuple[str, str], rotas.Whose] = {}

    def step(values: dict[str, Value]) -> Done:
        named = str(values.get("team", "")), str(values.get("number", ""))
        whose = known.get(named) or known.setdefault(named, rotas.whose(session, *named))
        day, word, note = values["day"], str(values["shift"]), str(values.get("note", ""))
        assert isinstance(day, date)
        shift = None if word.lower() in _RESTS and word not in shifts else shift_id(word, shifts)
        _, changed = rotas.put_day(session, whose, day, shift, note, by=hand.by, now_ns=hand.now_ns)
        return Done(changed, None)

    return step


def shift_id(word: str, shifts: Mapping[str, int]) -> int:
    """The shift of that name, or the only one whose name begins so: 早 is 早班. Raises `Refused`."""
    if word in shifts:
        return shifts[word]
    begun = [name for name in shifts if word and name.lower().startswith(word.lower())]
    if len(begun) != 1:
        why = "shift-several" if begun else "no-shift"
        raise Refused(why, found=word[:40], known="、".join(begun or [*shifts, "休"]))
    return shifts[begun[0]]


def _absence_step(session: Session, hand: Hand) -> Step:
    def step(values: dict[str, Value]) -> Done:
        number = str(values["number"])
        person = session.scalar(select(Person.id).where(Person.number == number, Person.erased_ns.is_(None)))
        if person is None:
            raise Refused("no-number", number=number)
        from_on, until_on = values["from_on"], values.get("until_on")
        assert isinstance(from_on, date)
        until = until_on if isinstance(until_on, date) else None
        kind = AbsenceKind(str(values["kind"]))
        same = select(Absence.id).where(
            Absence.person_id == person, Absence.kind == kind, Absence.from_on == from_on,
            Absence.until_on == until, Absence.withdrawn_ns.is_(None),
        )  # fmt: skip
        if session.scalar(same) is not None:
            return Done(changed=False, people=set())
        said = Said(person, kind, from_on, until, note=str(values.get("note", "")))
        absences.say(session, said, by=hand.by, now_ns=hand.now_ns)
        return Done(changed=True, people={person})

    return step


def _site_step(begin: Callable[[Session, str, int], site_files.Step]) -> Callable[[Session, Hand], Step]:
    """Shifts and teams touch everybody's duties."""

    def made(session: Session, hand: Hand) -> Step:
        step = begin(session, hand.by, hand.now_ns)

        def done(values: dict[str, Value]) -> Done:
            return Done(True, None) if step(values) else Done(changed=False, people=set())

        return done

    return made


_STEPS: dict[str, Callable[[Session, Hand], Step]] = {
    ROTAS.name: _rota_step,
    DAYS.name: _day_step,
    ABSENCES.name: _absence_step,
    SHIFTS.name: _site_step(site_files.shift_step),
    TEAMS.name: _site_step(site_files.team_step),
}


def rows_of(session: Session, kind: Kind, from_on: date) -> list[list[str]]:
    """What there is, as rows of a file that imports again unchanged."""
    if kind in (SHIFTS, TEAMS):
        return site_files.rows_of(session, kind)
    names = {key: name for name, key in rotas.shift_names(session).items()}
    if kind is ROTAS:
        return [
            [
                one.team.name if one.team else "",
                one.person.number if one.person else "",
                one.from_on.isoformat(),
                rotas.written_cycle(rotas.cycle_of(one), names),
            ]
            for one in rotas.rotas(session)
        ]
    if kind is DAYS:
        return [
            [
                one.day.isoformat(),
                one.team.name if one.team else "",
                one.person.number if one.person else "",
                one.shift.name if one.shift else "休",
                one.note,
            ]
            for one in rotas.days_from(session, from_on, 60_000)
        ]
    return [
        [
            one.person.number,
            _ABSENCES[one.kind][1],
            one.from_on.isoformat(),
            one.until_on.isoformat() if one.until_on else "",
            one.note,
        ]
        for one in absences.between(session, from_on, None, 60_000)
    ]
