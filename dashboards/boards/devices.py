"""Devices: whether what measures can be believed, and whether what reports is well."""

from __future__ import annotations

from dashboards.board import Board, Row
from dashboards.kit import (
    ANY_GRAVE,
    ANY_WARN,
    GATE_STATES,
    HEALTHS,
    MARKS,
    NONE,
    PRESENT,
    counts,
    newest,
    share,
    stat,
    total,
)
from dashboards.panels import Column, Draw, Means, Panel, Shape, Step
from dashboards.query import PLACES, Ask, Every, Fn, Value, Var
from dashboards.words import CALM, GRAVE, NOTE, WARN, Kind, Text, texts
from wire.events import Refusal

_SITE = (Var.SITE,)
_CLEAR = Step(None, "transparent")
DRIFT = (Step(None, GRAVE), Step(-0.5, WARN), Step(-0.2, CALM), Step(0.2, WARN), Step(0.5, GRAVE))
"""±0.2 K is the drift that a screening thermograph may have (IEC 80601-2-59), ±0.5 K its whole error."""

_WAITING = (_CLEAR, Step(60, NOTE), Step(3600, WARN))
_OLD = (_CLEAR, Step(3600, WARN))
_CLOCK = (Means("0", Text("Set", "已校准"), "transparent"), Means("1", Text("Not set", "未校准"), WARN))

_UNTOLD = Means("-1", Text("not told", "不上报"), "transparent")
_FIRMWARE = (
    _UNTOLD,
    Means("0", Text("Well", "正常"), "transparent"),
    Means("1", Text("Since its start", "开机以来"), NOTE),
    Means("2", Text("Now", "当前"), WARN),
)
_WORN = (_CLEAR, Step(80, WARN), Step(101, GRAVE))
_HOT = (_CLEAR, Step(80, NOTE), Step(85, WARN))
_ROOM = (Step(None, "transparent"), Step(0, GRAVE), Step(200, WARN), Step(1000, "transparent"))
_OFF = (Step(None, WARN), Step(-5, "transparent"), Step(5, WARN))

MACHINES = Panel(
    title=Text("The gates' machines", "门岗主机"),
    about=Text(
        "Heat, power, memory, storage and clock of each gate, as it last told them.",
        "各门岗主机最近上报的温度、供电、内存、存储与时钟。",
    ),
    shape=Shape.TABLE,
    asks=(
        Ask(
            source="machine_hour",
            values=tuple(
                Value(field, Fn.LAST, field)
                for field in (
                    "cpu_max_c", "power", "slowed", "disk_least_mb", "memory_free_mb", "wear_percent", "written_gb",
                    "disk_errors", "clock_ahead_s", "safe",
                )
            ),
            by=("gate",),
        ),
    ),
    width=24,
    columns=(
        Column("gate", Text("Gate", "门岗")),
        Column("cpu_max_c", Text("Processor, highest", "处理器最高温度"), "celsius", steps=_HOT, decimals=0,
               means=(Means("-273.15", Text("not told", "不上报"), "transparent"),)),
        Column("power", Text("Undervoltage", "欠压"), means=_FIRMWARE),
        Column("slowed", Text("Slowed by heat", "过热降频"), means=_FIRMWARE),
        Column("disk_least_mb", Text("Room, least", "剩余空间"), "decmbytes", steps=_ROOM, means=(_UNTOLD,)),
        Column("memory_free_mb", Text("Memory free", "可用内存"), "decmbytes", means=(_UNTOLD,)),
        Column("wear_percent", Text("Card worn", "存储磨损"), "percent", steps=_WORN, decimals=0, means=(_UNTOLD,)),
        Column("written_gb", Text("Written to it", "累计写入"), "decgbytes", decimals=0, means=(_UNTOLD,)),
        Column("disk_errors", Text("Its faults", "存储错误"), steps=(_CLEAR, Step(1, WARN)), means=(_UNTOLD,)),
        Column("clock_ahead_s", Text("Clock ahead, s", "时钟偏差（秒）"), steps=_OFF, decimals=1),
        Column("safe", Text("Safe mode", "安全模式"), means=(
            Means("0", Text("No", "否"), "transparent"), Means("1", Text("Yes", "是"), GRAVE))),
    ),
    back=PRESENT,
)  # fmt: skip

GATE_TABLE = Panel(
    title=Text("Gates", "门岗"),
    about=Text("What each gate last said of itself.", "各门岗最近一次上报的自身状态。"),
    shape=Shape.TABLE,
    asks=(
        Ask(
            source="pulse_hour",
            values=tuple(
                Value(field, Fn.LAST, field)
                for field in ("state", "seen_ms", "version", "unsent", "oldest_s", "registry_age_s", "clock")
            ),
            by=("gate",),
        ),
    ),
    width=24,
    columns=(
        Column("gate", Text("Gate", "门岗")),
        Column("state", Text("State", "状态"), means=GATE_STATES),
        Column("seen_ms", Text("Last seen", "最近上报"), "dateTimeFromNow"),
        Column("unsent", Text("Events unsent", "待传事件"), steps=(_CLEAR, Step(100, NOTE), Step(5000, WARN))),
        Column("oldest_s", Text("Oldest unsent", "最早待传"), "s", steps=_WAITING, decimals=0),
        Column("clock", Text("Clock", "时钟"), means=_CLOCK),
        Column("registry_age_s", Text("Registry confirmed", "名册确认于"), "s", steps=_OLD, decimals=0),
        Column("version", Text("Version", "版本")),
    ),
    back=PRESENT,
)
DRIFTING = Panel(
    title=Text("Cameras against their reference", "热像仪对参考源的漂移"),
    about=Text(
        "The reference as each camera sees it, minus what it is set to. Beyond ±0.2 K the camera should be looked at, "
        "beyond ±0.5 K its readings are worth nothing.",
        "热像仪所见参考源温度减去其设定温度。超过 ±0.2 K 应检查，超过 ±0.5 K 读数不可信。",
    ),
    shape=Shape.LINES,
    asks=(
        Ask(
            source="camera_hour",
            values=(Value("drift_c", Fn.MEAN, "drift_c"),),
            by=("gate", "camera"),
            every=Every.HOUR,
        ),
    ),
    width=12,
    unit="kelvin",
    decimals=2,
    steps=DRIFT,
    bands=True,
    back="7d",
)
LOOKS = Panel(
    title=Text("Looks at a person", "每人有效帧数"),
    about=Text(
        "How many frames a temperature is made of, on the mean of a day: few means that people pass too fast or turn "
        "away.",
        "每日每个体温读数平均由多少帧得出；偏少说明通过过快或未正对镜头。",
    ),
    shape=Shape.LINES,
    asks=(
        Ask(
            source="screening_day",
            values=(Value("looks", Fn.SUM, "looks", "measured", 1.0),),
            by=("gate",),
            every=Every.DAY,
        ),
    ),
    width=12,
    decimals=1,
    lowest=0,
)
REFUSALS = Panel(
    title=Text("Refusals to measure", "拒绝给出读数"),
    about=Text("How often each gate gave no temperature, by why.", "各门岗未给出体温的次数，按原因。"),
    shape=Shape.TABLE,
    asks=(total("refusals_day", "people", by=("gate", "refusal")),),
    width=12,
    columns=(
        Column("gate", Text("Gate", "门岗")),
        Column("refusal", Text("Why", "原因"), words=texts(Kind.REFUSAL, (one.value for one in Refusal))),
        Column("people", Text("People", "人次")),
    ),
)
HEALTH = Panel(
    title=Text("Devices over the last two days", "近两日设备状态"),
    about=Text("The worst that each device was in each hour.", "每小时内各设备最差的状态。"),
    shape=Shape.TIMELINE,
    asks=(
        Ask(source="health_hour", values=(Value("worst", Fn.MAX, "worst"),), by=("gate", "device"), every=Every.HOUR),
    ),
    width=24,
    means=HEALTHS,
    back="48h",
)
FAULTS = Panel(
    title=Text("Faults by day", "每日设备故障"),
    about=Text("How often devices said on each day that they do not work, by gate.", "每日各门岗设备报故障的次数。"),
    shape=Shape.LINES,
    asks=(counts("device", "faults", Every.DAY, by=("gate",)),),
    width=12,
    draw=Draw.BARS,
    stacked=True,
    decimals=0,
)

DEVICES = Board(
    name="devices",
    title=Text("Menshen · Devices", "门神 · 设备"),
    about=Text(
        "Whether what measures can be believed, and what reports is well.", "测温是否可信，设备与门岗是否正常。"
    ),
    rows=(
        Row(
            5,
            (
                stat(
                    Text("Gates silent", "失联门岗"),
                    Text("Gates that are silent or offline now.", "当前无回应或离线的门岗数。"),
                    newest("site_hour", "silent", variables=_SITE),
                    steps=ANY_GRAVE,
                ),
                stat(
                    Text("Devices failed", "故障设备"),
                    Text("Devices that do not work now.", "当前故障的设备数。"),
                    newest("site_hour", "failed", variables=_SITE),
                    steps=ANY_GRAVE,
                ),
                stat(
                    Text("Devices degraded", "降级设备"),
                    Text("Devices that work less well now.", "当前降级运行的设备数。"),
                    newest("site_hour", "degraded", variables=_SITE),
                    steps=ANY_WARN,
                ),
                stat(
                    Text("Events unsent", "待传事件"),
                    Text("Events that wait at gates now.", "当前在门岗等待上传的事件数。"),
                    newest("site_hour", "unsent", variables=_SITE),
                    steps=(Step(None, CALM), Step(100, NOTE), Step(5000, WARN)),
                ),
                stat(
                    Text("Events lost", "丢失事件"),
                    Text("Events of the range that are known to be lost.", "所选时段内已知丢失的事件数。"),
                    total("lost_day", "events"),
                    steps=ANY_GRAVE,
                    nothing=NONE,
                ),
                stat(
                    Text("Caught up late", "补传占比"),
                    Text(
                        "Share of events that came over a minute late, after an outage.",
                        "断网后补传（迟到一分钟以上）的事件占比。",
                    ),
                    share("events_day", "late", "late", "events"),
                    unit="percent",
                    decimals=1,
                    steps=(Step(None, CALM), Step(5, NOTE), Step(25, WARN)),
                ),
            ),
        ),
        Row(9, (GATE_TABLE,)),
        Row(9, (MACHINES,)),
        Row(9, (DRIFTING, LOOKS)),
        Row(10, (HEALTH,)),
        Row(9, (REFUSALS, FAULTS)),
    ),
    variables=PLACES,
    marks=MARKS,
    since="now-6d/d",
)
