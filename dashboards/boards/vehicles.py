"""Vehicles: what came and went, what was refused and why, what was disinfected."""

from __future__ import annotations

from dashboards.board import Board, Row
from dashboards.kit import ANY_WARN, MARKS, directions, stat, total
from dashboards.panels import Draw, Look, Panel, Shape
from dashboards.query import PLACES, Ask, Every, Fn, Value
from dashboards.words import DARK, LIGHT, Kind, Text, texts
from wire.events import Reason

_REASONS = (
    Reason.VEHICLE_UNREGISTERED,
    Reason.NOT_DISINFECTED,
    Reason.VEHICLE_UNREAD,
    Reason.TAG_MISMATCH,
    Reason.NO_STATED_REASON,
    Reason.NOT_VALID_NOW,
)


def _count(title: Text, about: Text, field: str, *, abnormal: bool = False) -> Panel:
    ask = total("vehicles_day", field)
    return stat(title, about, ask, steps=ANY_WARN) if abnormal else stat(title, about, ask)


WHY = Panel(
    title=Text("Why refused", "拦下原因"),
    about=Text(
        "Vehicles on each day by what spoke against them; one may have several.", "每日车辆受阻的原因；一次可有多项。"
    ),
    shape=Shape.LINES,
    asks=(
        Ask(
            source="reasons_day",
            values=(Value("passages", Fn.SUM, "passages"),),
            where=(("kind", ("vehicle",)), ("reason", tuple(one.value for one in _REASONS))),
            by=("reason",),
            every=Every.DAY,
            zero=True,
        ),
    ),
    width=12,
    looks={value: Look(text) for value, text in texts(Kind.REASON, (one.value for one in _REASONS)).items()},
    draw=Draw.BARS,
    stacked=True,
    decimals=0,
)
BY_GATE = Panel(
    title=Text("Vehicles by gate", "各门岗车次"),
    about=Text("Vehicles at each gate in the range.", "所选时段内各门岗的车次。"),
    shape=Shape.BARS,
    asks=(total("vehicles_day", "passages", by=("gate",)),),
    width=12,
    lowest=0,
)
DISINFECTED = Panel(
    title=Text("Vehicles disinfected", "车辆消毒"),
    about=Text(
        "Disinfections of vehicles on each day, beside the vehicles that were let in.",
        "每日车辆消毒次数与放行进厂车次。",
    ),
    shape=Shape.LINES,
    asks=(
        Ask(
            source="disinfections_day",
            values=(Value("done", Fn.SUM, "done"),),
            where=(("place", ("vehicle",)),),
            every=Every.DAY,
            zero=True,
        ),
        Ask(
            source="vehicles_day",
            values=(Value("allowed", Fn.SUM, "allowed"),),
            where=(("direction", ("in",)),),
            every=Every.DAY,
            zero=True,
        ),
    ),
    width=12,
    looks={
        "done": Look(Text("Disinfected", "已消毒"), LIGHT),
        "allowed": Look(Text("Let in", "放行进厂"), DARK),
    },
    draw=Draw.BARS,
    decimals=0,
)

VEHICLES = Board(
    name="vehicles",
    title=Text("Menshen · Vehicles", "门神 · 车辆"),
    about=Text("What came and went, what was refused, what was disinfected.", "车辆进出、拦下与消毒。"),
    rows=(
        Row(
            5,
            (
                _count(Text("Vehicles", "车次"), Text("Vehicles at all lanes.", "各车道总车次。"), "passages"),
                _count(
                    Text("Let in or out", "放行"), Text("Vehicles that were let through.", "放行的车次。"), "allowed"
                ),
                _count(Text("Refused", "拦下"), Text("Vehicles that were refused.", "拦下的车次。"), "denied"),
                _count(
                    Text("Not registered", "未登记"),
                    Text("Vehicles that nobody registered.", "未登记的车次。"),
                    "unregistered",
                    abnormal=True,
                ),
                _count(
                    Text("Not disinfected", "未消毒"),
                    Text("Vehicles without a disinfection that counts.", "无有效消毒记录的车次。"),
                    "undisinfected",
                    abnormal=True,
                ),
                _count(
                    Text("Not read", "未识别"),
                    Text("Vehicles whose plate could not be read.", "车牌未能识别的车次。"),
                    "unread",
                ),
            ),
        ),
        Row(
            9,
            (
                directions(
                    Text("Vehicles per hour", "每小时车次"),
                    Text("Vehicles in each hour of the last two days.", "近两日每小时的车次。"),
                    "vehicles",
                    width=12,
                ),
                WHY,
            ),
        ),
        Row(9, (BY_GATE, DISINFECTED)),
    ),
    variables=PLACES,
    marks=MARKS,
    since="now-6d/d",
)
