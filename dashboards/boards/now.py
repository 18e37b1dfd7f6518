"""Now: what hangs on the wall. Seen from three metres: words and large numbers, nothing to press."""

from __future__ import annotations

from dashboards.board import Board, Row
from dashboards.kit import (
    ANY_GRAVE,
    ANY_WARN,
    GATE_STATES,
    MARKS,
    directions,
    gate_tiles,
    newest,
    open_alerts,
    stat,
    total,
)
from dashboards.panels import Panel, Shape
from dashboards.query import PLACES, Ask, Every, Fn, Value, Var
from dashboards.words import Text

_SITE = (Var.SITE,)

CRITICAL = stat(
    Text("Critical alerts", "紧急警报"),
    Text("Critical alerts that are open now.", "当前未解除的紧急警报数。"),
    newest("site_hour", "critical", variables=_SITE),
    steps=ANY_GRAVE,
    link="/alerts",
)
WARNINGS = stat(
    Text("Warnings", "警告"),
    Text("Warnings that are open now.", "当前未解除的警告数。"),
    newest("site_hour", "warnings", variables=_SITE),
    steps=ANY_WARN,
    link="/alerts",
)
SILENT = stat(
    Text("Gates silent", "失联门岗"),
    Text("Gates that are silent or offline now.", "当前无回应或离线的门岗数。"),
    newest("site_hour", "silent", variables=_SITE),
    steps=ANY_GRAVE,
)
FEVERS = stat(
    Text("Fevers today", "今日发热"),
    Text("People with a fever today, at all lanes.", "今日各通道筛出的发热人次。"),
    total("people_day", "fevers"),
    steps=ANY_GRAVE,
    back="now/d",
)
PEOPLE = stat(
    Text("People in today", "今日进厂人次"),
    Text("People that were let in today.", "今日放行进厂的人次。"),
    Ask(source="people_day", values=(Value("allowed", Fn.SUM, "allowed"),), where=(("direction", ("in",)),)),
    back="now/d",
)
REFUSED = stat(
    Text("Refused today", "今日拦下"),
    Text("People that were refused today.", "今日被拦下的人次。"),
    total("people_day", "denied"),
    back="now/d",
)
TIMELINE = Panel(
    title=Text("Gates over the last day", "近一日门岗状态"),
    about=Text("The worst that each gate was in each hour.", "每小时内各门岗最差的状态。"),
    shape=Shape.TIMELINE,
    asks=(Ask(source="pulse_hour", values=(Value("worst", Fn.MAX, "worst"),), by=("gate",), every=Every.HOUR),),
    width=24,
    means=GATE_STATES,
    back="24h",
)
FLOW = directions(
    Text("People per hour", "每小时人次"),
    Text("People at lanes in each hour of the last two days.", "近两日每小时各通道通行人次。"),
    "people",
    width=12,
)

NOW = Board(
    name="now",
    title=Text("Menshen · Now", "门神 · 现况"),
    about=Text("The site at this moment, for the wall.", "厂区当前状况，供大屏显示。"),
    rows=(
        Row(5, (CRITICAL, WARNINGS, SILENT, FEVERS, PEOPLE, REFUSED)),
        Row(5, (gate_tiles(),)),
        Row(9, (FLOW, open_alerts(width=12))),
        Row(6, (TIMELINE,)),
    ),
    variables=PLACES,
    marks=MARKS,
    since="now/d",
    refresh="5s",
    wall=True,
)
