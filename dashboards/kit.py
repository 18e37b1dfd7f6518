"""What boards are put together from: the questions and panels that come again and again."""

from __future__ import annotations

from dashboards.board import Mark
from dashboards.panels import IN_LANGUAGE, Column, Draw, Look, Means, Panel, Shape, Step
from dashboards.query import PLACES, Ask, Every, Fn, Query, Rows, Value, Var
from dashboards.words import CALM, DARK, GRAVE, LIGHT, NOTE, UNKNOWN, WARN, Kind, Text, texts
from hub.web.words import known

NONE = Text("0", "0 次")
"""For what is only ever written when it happens."""
TODAY = "now/d"
PRESENT = "3h"
"""How things stand is written each hour: what is older is not how they stand, and says `no data`."""
HOURS = "48h"
"""Hourly figures are drawn of the last two days, whatever the range: a year of them is asked by days."""
ANY_GRAVE = (Step(None, CALM), Step(1, GRAVE))
ANY_WARN = (Step(None, CALM), Step(1, WARN))
ANY_NOTE = (Step(None, CALM), Step(1, NOTE))

GATE_STATES = (
    Means("0", Text("Reporting", "在线"), CALM),
    Means("1", Text("Silent", "无回应"), WARN),
    Means("2", Text("Offline", "离线"), GRAVE),
)
HEALTHS = (
    Means("0", Text("Works", "正常"), CALM),
    Means("1", Text("Degraded", "降级"), WARN),
    Means("2", Text("Failed", "故障"), GRAVE),
    Means("3", Text("Unknown", "未知"), UNKNOWN),
)
SEVERITIES = tuple(
    Means(value, text, colour)
    for (value, text), colour in zip(
        texts(Kind.SEVERITY, ("critical", "warning", "info")).items(), (GRAVE, WARN, NOTE), strict=True
    )
)

ALERT_STATES = tuple(
    Means(value, Text(known("en", "alert-state", value), known("zh", "alert-state", value)), colour)
    for value, colour in ((state, "transparent") for state in ("firing", "acknowledged", "silenced", "inhibited"))
)


def total(source: str, field: str, *, by: tuple[str, ...] = (), variables: tuple[Var, ...] | None = None) -> Ask:
    """The sum of a field over the range."""
    return _ask(source, Fn.SUM, field, by, variables)


def newest(source: str, field: str, *, by: tuple[str, ...] = (), variables: tuple[Var, ...] | None = None) -> Ask:
    """The newest value of a field."""
    return _ask(source, Fn.LAST, field, by, variables)


def _ask(source: str, fn: Fn, field: str, by: tuple[str, ...], variables: tuple[Var, ...] | None) -> Ask:
    values = (Value(field, fn, field),)
    if variables is None:
        return Ask(source=source, values=values, by=by)
    return Ask(source=source, values=values, by=by, variables=variables)


def counts(
    source: str, field: str, every: Every, *, by: tuple[str, ...] = (), variables: tuple[Var, ...] = PLACES
) -> Ask:
    """Sums by hour or day, 0 where there was nothing."""
    span = "hour" if every is Every.HOUR else "day"
    values = (Value(field, Fn.SUM, field),)
    return Ask(source=f"{source}_{span}", values=values, by=by, every=every, zero=True, variables=variables)


def share(
    source: str, name: str, part: str, whole: str, *, by: tuple[str, ...] = (), every: Every | None = None
) -> Ask:
    """The percentage that a sum is of another."""
    return Ask(source=source, values=(Value(name, Fn.SUM, part, whole, 100.0),), by=by, every=every)


def stat(
    title: Text,
    about: Text,
    ask: Query,
    *,
    width: int = 4,
    steps: tuple[Step, ...] = (Step(None, CALM),),
    unit: str = "none",
    means: tuple[Means, ...] = (),
    link: str = "",
    back: str = "",
    decimals: int | None = None,
    nothing: Text | None = None,
) -> Panel:
    """One number, large; coloured only when it should not be so."""
    if isinstance(ask, Ask) and all(value.fn is Fn.LAST for value in ask.values):
        back = back or PRESENT
    return Panel(
        title=title, about=about, shape=Shape.STAT, asks=(ask,), width=width, steps=steps, unit=unit, means=means,
        link=link, back=back, decimals=decimals, nothing=nothing,
    )  # fmt: skip


def directions(title: Text, about: Text, source: str, *, width: int) -> Panel:
    """Who comes and goes, hour by hour."""
    return Panel(
        title=title,
        about=about,
        shape=Shape.LINES,
        asks=(counts(source, "passages", Every.HOUR, by=("direction",)),),
        width=width,
        looks={"in": Look(Text("In", "进"), LIGHT), "out": Look(Text("Out", "出"), DARK)},
        draw=Draw.BARS,
        back=HOURS,
        decimals=0,
    )


def gate_tiles(*, width: int = 24) -> Panel:
    """Each gate's state in words."""
    return stat(
        Text("Gates", "门岗"),
        Text("Whether each gate reports now.", "各门岗当前是否在线。"),
        newest("pulse_hour", "state", by=("gate",)),
        width=width,
        means=GATE_STATES,
    )


def open_alerts(*, width: int) -> Panel:
    """Alerts that nobody has ended, each a link to its page."""
    return Panel(
        title=Text("Open alerts", "未解除的警报"),
        about=Text(
            "Alerts of the last 30 days that are not over; a number leads to the alert's page on the console.",
            "近三十天内尚未解除的警报；点击编号可打开控制台上的警报页面。",
        ),
        shape=Shape.TABLE,
        asks=(
            Rows(
                source="alert",
                fields=("id", "zh", "en", "state", "count"),
                tags=("severity", "gate"),
                having=(("open", 1),),
            ),
        ),
        width=width,
        columns=(
            Column("Time", Text("Since", "开始"), "dateTimeAsIso", width=170),
            Column("severity", Text("Severity", "级别"), means=SEVERITIES, width=90),
            Column(IN_LANGUAGE, Text("What", "事项")),
            Column("gate", Text("Gate", "门岗"), width=110),
            Column("state", Text("State", "状态"), means=ALERT_STATES, width=100),
            Column("id", Text("Number", "编号"), link="/alerts/${__value.raw}", width=80),
        ),
        back="30d",
        nothing=Text("No open alert", "没有未解除的警报"),
    )


ALERT_MARKS = Mark(
    Text("Alerts", "警报"),
    Rows(source="alert", fields=("zh", "en", "id"), tags=("severity",), where=(("severity", ("critical",)),), most=200),
    GRAVE,
)
SHIFT_MARKS = Mark(
    Text("Shifts", "班次"),
    Rows(source="shift", fields=("zh", "en"), most=200, variables=(Var.SITE,)),
    DARK,
    shown=False,
)
MARKS = (ALERT_MARKS, SHIFT_MARKS)
