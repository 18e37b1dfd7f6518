"""City: many sites beside each other, worst first to be seen."""

from __future__ import annotations

from dashboards.board import Board, Row
from dashboards.kit import ANY_GRAVE, ANY_WARN, PRESENT, counts, newest, stat, total
from dashboards.panels import Column, Draw, Panel, Shape, Step
from dashboards.query import Ask, Every, Fn, Value, Var
from dashboards.words import GRAVE, NOTE, WARN, Text

_SITE = (Var.SITE,)
_CLEAR = Step(None, "transparent")


def _by_site(title: Text, about: Text, field: str) -> Panel:
    ask = counts("people", field, Every.DAY, by=("site",), variables=_SITE)
    return Panel(
        title=title, about=about, shape=Shape.LINES, asks=(ask,), width=12, draw=Draw.BARS, stacked=True, decimals=0
    )


SITES = Panel(
    title=Text("Sites now", "各厂区现况"),
    about=Text(
        "How each site stands now; its name leads to its own board.", "各厂区当前状况；点击名称进入该厂区看板。"
    ),
    shape=Shape.TABLE,
    asks=(
        Ask(
            source="site_hour",
            values=tuple(
                Value(field, Fn.LAST, field)
                for field in ("gates", "silent", "failed", "critical", "warnings", "unsent")
            ),
            by=("site",),
            variables=_SITE,
        ),
    ),
    width=24,
    columns=(
        Column("site", Text("Site", "厂区"), board="now"),
        Column("critical", Text("Critical alerts", "紧急警报"), steps=(_CLEAR, Step(1, GRAVE))),
        Column("warnings", Text("Warnings", "警告"), steps=(_CLEAR, Step(1, WARN))),
        Column("gates", Text("Gates", "门岗")),
        Column("silent", Text("Not reporting", "失联"), steps=(_CLEAR, Step(1, GRAVE))),
        Column("failed", Text("Devices failed", "故障设备"), steps=(_CLEAR, Step(1, WARN))),
        Column("unsent", Text("Events unsent", "待传事件"), steps=(_CLEAR, Step(100, NOTE), Step(5000, WARN))),
    ),
    back=PRESENT,
)
TODAY = Panel(
    title=Text("People of the range, by site", "所选时段人员情况，按厂区"),
    about=Text(
        "Who was let in, refused, feverish or not measured at each site.", "各厂区放行、拦下、发热与未测到的人次。"
    ),
    shape=Shape.TABLE,
    asks=(
        Ask(
            source="people_day",
            values=tuple(
                Value(field, Fn.SUM, field) for field in ("passages", "allowed", "denied", "fevers", "unmeasured")
            ),
            by=("site",),
            variables=_SITE,
        ),
    ),
    width=24,
    columns=(
        Column("site", Text("Site", "厂区"), board="fever"),
        Column("passages", Text("People", "人次")),
        Column("allowed", Text("Let through", "放行")),
        Column("denied", Text("Refused", "拦下")),
        Column("fevers", Text("Fevers", "发热"), steps=(_CLEAR, Step(1, GRAVE))),
        Column("unmeasured", Text("Not measured", "未测到")),
    ),
)

CITY = Board(
    name="city",
    title=Text("Menshen · City", "门神 · 全市"),
    about=Text("Many sites in one view.", "多厂区总览。"),
    rows=(
        Row(
            5,
            (
                stat(
                    Text("Critical alerts", "紧急警报"),
                    Text("Critical alerts that are open now, by site.", "各厂区当前未解除的紧急警报数。"),
                    newest("site_hour", "critical", by=("site",), variables=_SITE),
                    width=8,
                    steps=ANY_GRAVE,
                ),
                stat(
                    Text("Gates silent", "失联门岗"),
                    Text("Gates that are silent or offline now, by site.", "各厂区当前失联的门岗数。"),
                    newest("site_hour", "silent", by=("site",), variables=_SITE),
                    width=8,
                    steps=ANY_WARN,
                ),
                stat(
                    Text("Fevers", "发热"),
                    Text("People with a fever in the range, at all sites.", "所选时段内全市发热人次。"),
                    total("people_day", "fevers", variables=_SITE),
                    width=4,
                    steps=ANY_GRAVE,
                ),
                stat(
                    Text("People", "人次"),
                    Text("People at all lanes of all sites in the range.", "所选时段内全市通行人次。"),
                    total("people_day", "passages", variables=_SITE),
                    width=4,
                ),
            ),
        ),
        Row(9, (SITES,)),
        Row(8, (TODAY,)),
        Row(
            9,
            (
                _by_site(
                    Text("Fevers by day and site", "每日各厂区发热"),
                    Text("People with a fever.", "发热人次。"),
                    "fevers",
                ),
                _by_site(
                    Text("People by day and site", "每日各厂区人次"),
                    Text("People at all lanes.", "通行人次。"),
                    "passages",
                ),
            ),
        ),
    ),
    variables=_SITE,
    many_sites=True,
    since="now-6d/d",
)
