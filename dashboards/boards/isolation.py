"""Isolation: how many are isolated, where, why, and what was forgotten. Who it is stands on the console only."""

from __future__ import annotations

from dashboards.board import Board, Row
from dashboards.kit import ANY_NOTE, ANY_WARN, NONE, PRESENT, newest, stat
from dashboards.panels import Column, Draw, Look, Panel, Shape, Step
from dashboards.query import Ask, Every, Fn, Value, Var
from dashboards.words import CALM, GRAVE, LIGHT, NOTE, WARN, Kind, Text, texts
from hub.cases.models import Cause

_SITE = (Var.SITE,)
_FILLED = (Step(None, CALM), Step(80, WARN), Step(100, GRAVE))
_CASES = "/cases"


def _now(title: Text, about: Text, field: str, *, abnormal: bool = False) -> Panel:
    ask = newest("isolation_hour", field, variables=_SITE)
    steps = ANY_WARN if abnormal else ANY_NOTE if field == "isolated" else (Step(None, CALM),)
    return stat(title, about, ask, steps=steps, link=_CASES)


PLACES = Panel(
    title=Text("Isolation places", "隔离场所"),
    about=Text("How many are in each place now, and how many it takes.", "各隔离场所当前人数与可容纳人数。"),
    shape=Shape.TABLE,
    asks=(
        Ask(
            source="ward_hour",
            values=(
                Value("isolated", Fn.LAST, "isolated"),
                Value("capacity", Fn.LAST, "capacity"),
                Value("percent", Fn.LAST, "percent"),
            ),
            by=("place",),
            variables=_SITE,
        ),
    ),
    width=12,
    columns=(
        Column("place", Text("Place", "场所")),
        Column("isolated", Text("Isolated", "在隔离")),
        Column("capacity", Text("Takes", "可容纳")),
        Column("percent", Text("Taken", "占用率"), "percent", steps=_FILLED, decimals=0),
    ),
    back=PRESENT,
)
CAUSES = Panel(
    title=Text("Why they are isolated", "隔离原因"),
    about=Text("Open cases by cause, over time: the newest of each day.", "每日未结案的隔离人数，按原因。"),
    shape=Shape.LINES,
    asks=(
        Ask(
            source="cause_hour",
            values=(Value("isolated", Fn.MAX, "isolated"),),
            by=("cause",),
            every=Every.DAY,
            variables=_SITE,
        ),
    ),
    width=12,
    looks={value: Look(text) for value, text in texts(Kind.CAUSE, (one.value for one in Cause)).items()},
    draw=Draw.BARS,
    stacked=True,
    decimals=0,
)
COURSE = Panel(
    title=Text("Isolated, and room for them", "隔离人数与床位"),
    about=Text(
        "The most people isolated on each day, and how many the places take.", "每日隔离人数最高值与可容纳人数。"
    ),
    shape=Shape.LINES,
    asks=(
        Ask(
            source="isolation_hour",
            values=(Value("isolated", Fn.MAX, "isolated"), Value("capacity", Fn.MAX, "capacity")),
            every=Every.DAY,
            variables=_SITE,
        ),
    ),
    width=12,
    looks={
        "isolated": Look(Text("Isolated", "在隔离"), NOTE),
        "capacity": Look(Text("Room", "可容纳"), LIGHT),
    },
    decimals=0,
    lowest=0,
)
BREACHES = Panel(
    title=Text("Isolation broken", "违反隔离"),
    about=Text(
        "People at the gates on each day who should have been in isolation.", "每日在门岗出现的应隔离人员次数。"
    ),
    shape=Shape.LINES,
    asks=(
        Ask(
            source="reasons_day",
            values=(Value("passages", Fn.SUM, "passages"),),
            where=(("kind", ("person",)), ("reason", ("in-isolation", "in-quarantine"))),
            every=Every.DAY,
            zero=True,
            variables=_SITE,
        ),
    ),
    width=12,
    looks={"passages": Look(Text("Stopped at a gate", "门岗拦下"), GRAVE)},
    draw=Draw.BARS,
    decimals=0,
    nothing=NONE,
)

ISOLATION = Board(
    name="isolation",
    title=Text("Menshen · Isolation", "门神 · 隔离观察"),
    about=Text(
        "How many are isolated, where and why. Who it is stands on the console.",
        "隔离人数、场所与原因；具体人员见控制台。",
    ),
    rows=(
        Row(
            5,
            (
                _now(
                    Text("Isolated now", "当前隔离"),
                    Text("People with an open case.", "未结案的隔离人数。"),
                    "isolated",
                ),
                _now(
                    Text("Free beds", "空余床位"),
                    Text("How many more the places take.", "隔离场所还可容纳的人数。"),
                    "free",
                ),
                _now(
                    Text("Without a place", "未安排场所"),
                    Text("Open cases without an isolation place.", "尚未安排隔离场所的人数。"),
                    "unplaced",
                    abnormal=True,
                ),
                _now(
                    Text("Not measured yet", "今日未测满"),
                    Text("Isolated people with fewer than two readings today.", "今日测温未满两次的隔离人员。"),
                    "unmeasured",
                    abnormal=True,
                ),
                _now(
                    Text("Not reported", "未上报"),
                    Text("Cases that the district has not been told of.", "尚未上报指挥部的个案。"),
                    "unreported",
                    abnormal=True,
                ),
                stat(
                    Text("Broken in the range", "违反隔离"),
                    Text("People at gates who should have been in isolation.", "应隔离而出现在门岗的人次。"),
                    Ask(
                        source="reasons_day",
                        values=(Value("passages", Fn.SUM, "passages"),),
                        where=(("kind", ("person",)), ("reason", ("in-isolation", "in-quarantine"))),
                        variables=_SITE,
                    ),
                    steps=ANY_WARN,
                    nothing=NONE,
                ),
            ),
        ),
        Row(9, (PLACES, COURSE)),
        Row(9, (CAUSES, BREACHES)),
    ),
    variables=_SITE,
    since="now-13d/d",
)
