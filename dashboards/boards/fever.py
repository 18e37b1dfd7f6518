"""Fever: how warm people are, who was found, and how many could not be measured."""

from __future__ import annotations

from dashboards.board import Board, Row
from dashboards.kit import ANY_GRAVE, ANY_WARN, HOURS, MARKS, NONE, counts, share, stat, total
from dashboards.panels import Column, Draw, Look, Panel, Shape, Step
from dashboards.query import PLACES, Ask, Every, Fn, Value
from dashboards.words import CALM, DARK, GRAVE, NOTE, WARN, Kind, Text, texts
from wire.events import Refusal

MANY_UNMEASURED = (Step(None, CALM), Step(5, NOTE), Step(15, WARN))

FEVERS = stat(
    Text("Fevers", "发热"),
    Text("People with a fever in the range.", "所选时段内的发热人次。"),
    total("people_day", "fevers"),
    steps=ANY_GRAVE,
)
SUSPECTS = stat(
    Text("Suspects", "疑似发热"),
    Text("People close to the limit, who are measured again.", "接近限值、需要复测的人次。"),
    total("people_day", "suspects"),
    steps=ANY_WARN,
)
UNMEASURED = stat(
    Text("Not measured", "未测到"),
    Text("Share of people at lanes without a temperature.", "通道上未测到体温的人次占比。"),
    share("people_day", "unmeasured", "unmeasured", "passages"),
    unit="percent",
    decimals=1,
    steps=MANY_UNMEASURED,
)
CONTACT = stat(
    Text("Measured by hand", "手持复测"),
    Text("Readings of contact thermometers.", "接触式体温计的测量次数。"),
    total("contact_day", "measured"),
    nothing=NONE,
)
HIGHEST = stat(
    Text("Highest", "最高体表温度"),
    Text("The highest skin temperature in the range.", "所选时段内的最高体表温度。"),
    Ask(source="people_day", values=(Value("skin_max_c", Fn.MAX, "skin_max_c"),)),
    unit="celsius",
    decimals=1,
)
MEAN = stat(
    Text("Mean", "平均体表温度"),
    Text("The mean skin temperature of all who were measured.", "所有测到者的平均体表温度。"),
    Ask(source="screening_day", values=(Value("skin_c", Fn.SUM, "skin_mc", "measured", 0.001),)),
    unit="celsius",
    decimals=1,
)
DISTRIBUTION = Panel(
    title=Text("Skin temperatures", "体表温度分布"),
    about=Text(
        "How many people had which skin temperature in each hour of the last two days, by bins of 0.2 °C. From about "
        "36.4 °C on a lane says fever; the panel beside shows its limit.",
        "近两日每小时各体表温度区间（0.2 °C）的人次。约 36.4 °C 起判为发热；右侧图中为通道限值。",
    ),
    shape=Shape.HEATMAP,
    asks=(counts("skin", "people", Every.HOUR, by=("bin_c",)),),
    width=12,
    steps=(Step(None, CALM), Step(36.4, WARN)),
    back=HOURS,
)
TIMELINE = Panel(
    title=Text("Fevers and the limit", "发热与限值"),
    about=Text(
        "The highest temperature of the feverish in each hour, and the mean of the limits that lanes went by.",
        "每小时发热者的最高体表温度，以及各通道限值的平均值。",
    ),
    shape=Shape.LINES,
    asks=(
        Ask(source="fevers_hour", values=(Value("fever_c", Fn.MAX, "skin_max_c"),), every=Every.HOUR),
        Ask(
            source="screening_hour", values=(Value("limit_c", Fn.SUM, "limit_mc", "limited", 0.001),), every=Every.HOUR
        ),
        Ask(source="screening_hour", values=(Value("mean_c", Fn.SUM, "skin_mc", "measured", 0.001),), every=Every.HOUR),
    ),
    width=12,
    unit="celsius",
    decimals=1,
    looks={
        "fever_c": Look(Text("Highest fever", "发热最高值"), GRAVE),
        "limit_c": Look(Text("Limit", "限值"), WARN),
        "mean_c": Look(Text("Mean of all", "全员平均"), DARK),
    },
    points=("fever_c",),
    back=HOURS,
)
BY_DAY = Panel(
    title=Text("Fevers by day and gate", "每日各门岗发热"),
    about=Text("People with a fever on each day, by gate.", "每日各门岗筛出的发热人次。"),
    shape=Shape.LINES,
    asks=(counts("people", "fevers", Every.DAY, by=("gate",)),),
    width=12,
    draw=Draw.BARS,
    stacked=True,
    decimals=0,
)
WHY_NOT = Panel(
    title=Text("Why not measured", "未测到的原因"),
    about=Text("People without a temperature on each day, by why.", "每日未测到体温的人次，按原因。"),
    shape=Shape.LINES,
    asks=(counts("refusals", "people", Every.DAY, by=("refusal",)),),
    width=12,
    looks={value: Look(text) for value, text in texts(Kind.REFUSAL, (one.value for one in Refusal)).items()},
    draw=Draw.BARS,
    stacked=True,
    decimals=0,
)
GATES = Panel(
    title=Text("Gates compared", "各门岗对比"),
    about=Text("What each gate measured in the range.", "所选时段内各门岗的测温情况。"),
    shape=Shape.TABLE,
    asks=(
        Ask(
            source="people_day",
            values=(
                Value("passages", Fn.SUM, "passages"),
                Value("fevers", Fn.SUM, "fevers"),
                Value("suspects", Fn.SUM, "suspects"),
                Value("unmeasured", Fn.SUM, "unmeasured"),
                Value("highest", Fn.MAX, "skin_max_c"),
            ),
            by=("gate",),
        ),
    ),
    width=24,
    columns=(
        Column("gate", Text("Gate", "门岗")),
        Column("passages", Text("People", "人次")),
        Column("fevers", Text("Fevers", "发热"), steps=(Step(None, "transparent"), Step(1, GRAVE))),
        Column("suspects", Text("Suspects", "疑似发热"), steps=(Step(None, "transparent"), Step(1, WARN))),
        Column("unmeasured", Text("Not measured", "未测到")),
        Column("highest", Text("Highest", "最高温度"), "celsius", decimals=1),
    ),
)

FEVER = Board(
    name="fever",
    title=Text("Menshen · Fever", "门神 · 发热筛查"),
    about=Text("How warm people are, and who could not be measured.", "人员体表温度与未测到的情况。"),
    rows=(
        Row(5, (FEVERS, SUSPECTS, UNMEASURED, CONTACT, HIGHEST, MEAN)),
        Row(10, (DISTRIBUTION, TIMELINE)),
        Row(8, (BY_DAY, WHY_NOT)),
        Row(8, (GATES,)),
    ),
    variables=PLACES,
    marks=MARKS,
    since="now-6d/d",
)
