"""Duties: 双测 by team, 六个必消 by place, the daily declaration by team."""

from __future__ import annotations

from dashboards.board import Board, Row
from dashboards.kit import ANY_GRAVE, ANY_WARN, SHIFT_MARKS, TODAY, stat, total
from dashboards.panels import Column, Panel, Shape, Step
from dashboards.query import Ask, Every, Fn, Value, Var
from dashboards.words import CALM, GRAVE, NOTE, WARN, Kind, Text, texts

WEEK = "7d"
"""A day a column: more of them could not be read."""
TEAMS = (Var.SITE, Var.TEAM)
_SITE = (Var.SITE,)
_CLEAR = Step(None, "transparent")
FULFILLED = (Step(None, GRAVE), Step(80, WARN), Step(95, NOTE), Step(100, CALM))
"""A share that ought to be all of it."""
_PLACE_KINDS = texts(Kind.PLACE, ("workshop", "office", "dormitory", "canteen", "isolation", "commuter"))

ON_DUTY = stat(
    Text("On duty today", "今日在岗"),
    Text("People on duty today.", "今日在岗人数。"),
    total("duty_day", "on_duty", variables=TEAMS),
    back=TODAY,
)
MISSING_FIRST = stat(
    Text("First missing", "缺第一次"),
    Text("On duty, the shift has begun, and not measured yet.", "已到班次时间、尚未测温的在岗人员。"),
    total("duty_day", "first_missing", variables=TEAMS),
    steps=ANY_WARN,
    back=TODAY,
)
MISSING_SECOND = stat(
    Text("Second missing", "缺第二次"),
    Text("The shift is over, and measured only once.", "班次已结束、只测过一次的在岗人员。"),
    total("duty_day", "second_missing", variables=TEAMS),
    steps=ANY_WARN,
    back=TODAY,
)
OVERDUE = stat(
    Text("Overdue rounds", "消毒逾期"),
    Text("Rounds of disinfection of today that are due and not done.", "今日已到期而未完成的消毒轮次。"),
    total("rounds_day", "overdue", variables=_SITE),
    steps=ANY_GRAVE,
    back=TODAY,
)
DONE = stat(
    Text("Rounds done", "已完成消毒"),
    Text("Rounds of disinfection of today that were done in time.", "今日按时完成的消毒轮次。"),
    total("rounds_day", "done", variables=_SITE),
    back=TODAY,
)
UNDECLARED = stat(
    Text("Not declared", "未申报"),
    Text("People who have not declared their health today.", "今日尚未申报健康状况的人数。"),
    total("declared_day", "missing", variables=TEAMS),
    steps=ANY_WARN,
    back=TODAY,
)
TEAM_TABLE = Panel(
    title=Text("Measured twice today, by team", "今日双测，按班组"),
    about=Text(
        "How many of each team and shift are on duty, and how often they were measured today.",
        "今日各班组、班次在岗人数与测温次数。",
    ),
    shape=Shape.TABLE,
    asks=(
        Ask(
            source="duty_day",
            values=(*(Value(field, Fn.SUM, field) for field in ("on_duty", "twice", "once", "never", "missing")),),
            by=("team", "shift"),
            variables=TEAMS,
        ),
    ),
    width=14,
    columns=(
        Column("team", Text("Team", "班组")),
        Column("shift", Text("Shift", "班次")),
        Column("on_duty", Text("On duty", "在岗")),
        Column("twice", Text("Twice", "已测两次")),
        Column("once", Text("Once", "只测一次")),
        Column("never", Text("Never", "未测")),
        Column("missing", Text("Missing by now", "应测未测"), steps=(_CLEAR, Step(1, WARN))),
    ),
    back=TODAY,
)
DECLARED = Panel(
    title=Text("Declared today, by team", "今日健康申报，按班组"),
    about=Text("Which share of each team has declared its health today.", "今日各班组健康申报完成率。"),
    shape=Shape.TABLE,
    asks=(
        Ask(
            source="declared_day",
            values=(
                Value("due", Fn.SUM, "due"),
                Value("declared", Fn.SUM, "declared"),
                Value("concerns", Fn.SUM, "concerns"),
                Value("share", Fn.SUM, "declared", "due", 100.0),
            ),
            by=("team",),
            variables=TEAMS,
        ),
    ),
    width=10,
    columns=(
        Column("team", Text("Team", "班组")),
        Column("due", Text("Due", "应申报")),
        Column("declared", Text("Declared", "已申报")),
        Column("concerns", Text("To look into", "需跟进"), steps=(_CLEAR, Step(1, WARN))),
        Column("share", Text("Done", "完成率"), "percent", steps=FULFILLED, decimals=0),
    ),
    back=TODAY,
)
HISTORY = Panel(
    title=Text("Not measured as they should, team by day", "应测未测人数，班组每日"),
    about=Text(
        "How many of each team were on duty and not measured twice, on each day; today, who should have been by now.",
        "各班组每日在岗而未测满两次的人数；当日为截至目前应测未测人数。",
    ),
    shape=Shape.HISTORY,
    asks=(
        Ask(
            source="duty_day",
            values=(Value("missing", Fn.SUM, "missing"),),
            by=("team",),
            every=Every.DAY,
            variables=TEAMS,
        ),
    ),
    width=12,
    decimals=0,
    steps=(Step(None, CALM), Step(1, WARN), Step(5, GRAVE)),
    back=WEEK,
)
ROUNDS = Panel(
    title=Text("Disinfected in time, place by day", "按时消毒率，场所每日"),
    about=Text(
        "Which share of the rounds of each place was done in time on each day.", "各场所每日消毒轮次按时完成的比例。"
    ),
    shape=Shape.HISTORY,
    asks=(
        Ask(
            source="rounds_day",
            values=(Value("share", Fn.SUM, "done", "due", 100.0),),
            by=("place",),
            every=Every.DAY,
            variables=_SITE,
        ),
    ),
    width=12,
    unit="percent",
    decimals=0,
    steps=FULFILLED,
    back=WEEK,
)
PLACES_TODAY = Panel(
    title=Text("Disinfections of the range, by place", "所选时段消毒情况，按场所"),
    about=Text(
        "Rounds of each place: due, done in time, done late, overdue.", "各场所消毒轮次：应做、按时、补做、逾期。"
    ),
    shape=Shape.TABLE,
    asks=(
        Ask(
            source="rounds_day",
            values=tuple(Value(field, Fn.SUM, field) for field in ("due", "done", "late", "overdue")),
            by=("kind", "place"),
            variables=_SITE,
        ),
    ),
    width=24,
    columns=(
        Column("kind", Text("Kind", "类别"), words=_PLACE_KINDS),
        Column("place", Text("Place", "场所")),
        Column("due", Text("Due", "应做")),
        Column("done", Text("In time", "按时")),
        Column("late", Text("Late", "补做"), steps=(_CLEAR, Step(1, NOTE))),
        Column("overdue", Text("Overdue", "逾期"), steps=(_CLEAR, Step(1, GRAVE))),
    ),
)

DUTIES = Board(
    name="duties",
    title=Text("Menshen · Duties", "门神 · 每日职责"),
    about=Text(
        "Measured twice a day, disinfected before and after work, health declared daily.",
        "双测、六个必消与每日健康申报。",
    ),
    rows=(
        Row(5, (ON_DUTY, MISSING_FIRST, MISSING_SECOND, OVERDUE, DONE, UNDECLARED)),
        Row(9, (TEAM_TABLE, DECLARED)),
        Row(9, (HISTORY, ROUNDS)),
        Row(9, (PLACES_TODAY,)),
    ),
    variables=TEAMS,
    marks=(SHIFT_MARKS,),
    since="now-6d/d",
)
