"""A site's shifts and teams from Excel and CSV files: what each row changes. Work on a session.

A team's columns that a file does not have stay as they are; a shift is named as the site keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.registry import site
from hub.registry.fields import Fault, Field, Kind, Unfit, Value, end_of, short_text, time_of
from hub.registry.models import Shift, Team

SHIFTS = Kind(
    "shifts",
    (
        Field("name", "shift", "班次", ("班次名称", "名称"), short_text(60), required=True),
        Field("from", "from", "开始", ("开始时间", "上班时间", "上班"), time_of, required=True),
        Field("to", "to", "结束", ("结束时间", "下班时间", "下班"), end_of, required=True),
    ),
    "name",
    (),
)
TEAMS = Kind(
    "teams",
    (
        Field("name", "team", "班组", ("班组名称", "名称"), short_text(60), required=True),
        Field("grid", "grid", "网格", ("所属网格",), short_text(60)),
        Field("leader", "leader", "班组长", ("组长", "负责人"), short_text(60)),
        Field("shift", "shift", "班次", ("班别",), short_text(60)),
        Field("meal_slot", "meals", "用餐时段", ("用餐时间", "meal slot"), short_text(60)),
    ),
    "name",
    (),
)

Step = Callable[[dict[str, Value]], bool]
"""Does what a row says; whether anything changed. Raises `Unfit`."""


def shift_step(session: Session, by: str, now_ns: int) -> Step:
    """For rows of shifts."""
    known = {one.name: one for one in session.scalars(select(Shift))}
    once = _Once()

    def step(values: dict[str, Value]) -> bool:
        texts = _texts(values)
        once.check(texts["name"])
        one = known.get(texts["name"])
        if one is not None and texts == _shift_row(one):
            return False
        site.put(session, "shift", None if one is None else one.id, texts, by, now_ns)
        return True

    return step


def team_step(session: Session, by: str, now_ns: int) -> Step:
    """For rows of teams."""
    known = {one.name: one for one in session.scalars(select(Team))}
    shifts = {name: key for key, name in session.execute(select(Shift.id, Shift.name).order_by(Shift.from_min))}
    once = _Once()

    def step(values: dict[str, Value]) -> bool:
        given = _texts(values)
        once.check(given["name"])
        one = known.get(given["name"])
        old = dict.fromkeys(("name", "grid", "leader", "shift", "meal_slot"), "") if one is None else _team_row(one)
        texts = {**old, **given}
        if one is not None and texts == old:
            return False
        named = texts["shift"]
        if named and named not in shifts:
            why = "shift-unknown" if shifts else "no-shifts-yet"
            raise Unfit([Fault("shift", why, {"found": named, "known": "、".join(shifts)})])
        number = str(shifts[named]) if named else ""
        site.put(session, "team", None if one is None else one.id, {**texts, "shift": number}, by, now_ns)
        return True

    return step


def rows_of(session: Session, kind: Kind) -> list[list[str]]:
    """What there is, as rows of a file that imports again unchanged."""
    if kind is SHIFTS:
        shifts = session.scalars(select(Shift).order_by(Shift.from_min, Shift.name))
        return [list(_shift_row(one).values()) for one in shifts]
    return [list(_team_row(one).values()) for one in session.scalars(select(Team).order_by(Team.name))]


class _Once:
    """A name may stand in a file once."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def check(self, name: str) -> None:
        """Raises `Unfit`."""
        if name in self._names:
            raise Unfit([Fault("name", "name-twice", {"found": name})])
        self._names.add(name)


def _texts(values: Mapping[str, Value]) -> dict[str, str]:
    return {name: str(value or "") for name, value in values.items()}


def _shift_row(one: Shift) -> dict[str, str]:
    return {"name": one.name, "from": site.clock(one.from_min), "to": site.clock(one.to_min)}


def _team_row(one: Team) -> dict[str, str]:
    shift = one.shift.name if one.shift else ""
    return {"name": one.name, "grid": one.grid, "leader": one.leader, "shift": shift, "meal_slot": one.meal_slot}
