"""What a message says, in Chinese and English: what, where, when, how much, what to do. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from hub.alerts.outbox import Message
from hub.alerts.rules import Rule
from hub.board import AlertRow

Lang = Literal["zh", "en"]
LISTED = 5
"""Alerts that a text names one by one; the rest is a count."""
NAMES: dict[Rule, dict[Lang, str]] = {
    Rule.FEVER: {"zh": "发热人员", "en": "Fever"},
    Rule.FEVER_CONFIRMED: {"zh": "接触式复测确认发热", "en": "Fever confirmed by contact thermometer"},
    Rule.FEVER_CLUSTER: {"zh": "聚集性发热", "en": "Several fevers at one gate or in one team"},
    Rule.ISOLATION_BREACH: {"zh": "违反隔离", "en": "Isolation broken"},
    Rule.TAILGATING: {"zh": "尾随入厂", "en": "Somebody followed at the heels"},
    Rule.UNSCREENED_ENTRY: {"zh": "未经筛查进入", "en": "Somebody went in unscreened"},
    Rule.BADGE_MISUSE: {"zh": "卡重复使用", "en": "Badge used twice"},
    Rule.VEHICLE_NOT_DISINFECTED: {"zh": "车辆未消毒", "en": "Vehicle not disinfected"},
    Rule.UNREGISTERED_VEHICLE: {"zh": "未登记车辆", "en": "Unregistered vehicle"},
    Rule.GATE_SILENT: {"zh": "门岗失联", "en": "Gate silent"},
    Rule.DEVICE_FAULT: {"zh": "设备故障", "en": "Device fault"},
    Rule.GAP: {"zh": "事件丢失", "en": "Events lost"},
    Rule.UNREADABLE: {"zh": "紧急事件无法解读", "en": "Something urgent cannot be read"},
    Rule.REGISTRY_OLD: {"zh": "门岗名册过旧", "en": "A gate's registry is old"},
    Rule.DISINFECTION_OVERDUE: {"zh": "消毒逾期", "en": "Disinfection overdue"},
    Rule.CHANNEL_FAULT: {"zh": "通知渠道故障", "en": "A channel takes no messages"},
    Rule.ISOLATION_FULL: {"zh": "隔离场所已满", "en": "isolation place full"},
    Rule.RETURNEE_NOT_ISOLATED: {"zh": "返岗人员未隔离", "en": "returnee not isolated"},
    Rule.CROWDING: {"zh": "人员聚集", "en": "Too many people at once"},
    Rule.REPORT_UNSENT: {"zh": "日报未发出", "en": "Daily report not sent"},
    Rule.OUT_OF_SLOT: {"zh": "未按时段用餐", "en": "A team eats outside of its time"},
    Rule.MISSED_CHECKS: {"zh": "双测未完成", "en": "Daily measurements missing"},
    Rule.DECLARED_ILL: {"zh": "申报不适", "en": "Declared ill"},
    Rule.ALERT_STUCK: {"zh": "警报无人跟进", "en": "An alert goes nowhere"},
}
_SEVERITIES: dict[str, dict[Lang, str]] = {
    "critical": {"zh": "紧急", "en": "critical"},
    "warning": {"zh": "警告", "en": "warning"},
    "info": {"zh": "提示", "en": "notice"},
}
_KINDS: dict[str, dict[Lang, str]] = {
    "firing": {"zh": "", "en": ""},
    "resolved": {"zh": "已解除:", "en": "Resolved: "},
    "acknowledged": {"zh": "已受理:", "en": "Acknowledged: "},
}
_SAY: dict[str, dict[Lang, str]] = {
    "many": {"zh": "{n} 条警报，{places} 处: {rules}", "en": "{n} alerts at {places} places: {rules}"},
    "until": {"zh": "{first} 至 {last}", "en": "{first} to {last}"},
    "step": {"zh": "第 {n} 次通知，尚无人受理", "en": "told for the {n}. time, nobody has acknowledged"},
    "held": {"zh": "受理人: {by}", "en": "by {by}"},
    "do": {"zh": "处置: {what}", "en": "Do: {what}"},
    "more": {"zh": "另有 {n} 条", "en": "and {n} more"},
    "link": {"zh": "受理: {link}", "en": "Acknowledge: {link}"},
    "answer": {"zh": "受理: 回复本邮件“收到”", "en": 'Acknowledge: answer this mail with "ok"'},
    "answer-chat": {"zh": "受理: 回复“收到”", "en": 'Acknowledge: answer "ok"'},
    "answer-chat-one": {"zh": "受理: 回复“收到”或“收到 {n}”", "en": 'Acknowledge: answer "ok" or "ok {n}"'},
    "acknowledge": {"zh": "受理", "en": "Acknowledge"},
    "acknowledged-now": {"zh": "已受理，谢谢。", "en": "Acknowledged, thank you."},
    "nothing-waits": {"zh": "没有待受理的警报。", "en": "Nothing waits for that any more."},
    "acknowledged-these": {"zh": "已由您受理 {n} 条:", "en": "You have {n} in hand now:"},
    "which-of-these": {
        "zh": "有 {n} 条待受理，请回复“收到 编号”，或“全部收到”:",
        "en": '{n} wait for you. Answer "ok NUMBER", or "ok all":',
    },
    "held-already": {"zh": "已由 {by} 受理:", "en": "{by} has it in hand already:"},
    "not-yours": {
        "zh": "没有通知过您这条警报，不能由您受理。",
        "en": "You were not told of that alert, and cannot acknowledge it.",
    },
    "stranger": {
        "zh": "值班名单中没有账号 {account}，不能受理。请管理员把它填入设置。",
        "en": "Nobody on call has the account {account}. Ask the administrator to enter it in the settings.",
    },
    "no-yes": {
        "zh": "回复“收到”即受理；有多条时回复“收到 编号”或“全部收到”。",
        "en": 'Answer "ok" to acknowledge; where several wait "ok NUMBER" or "ok all".',
    },
    "test": {"zh": "门神测试消息，无需处置。", "en": "A test of Menshen; nothing is to be done."},
    "handover": {"zh": "交接班 {rota}: 现由 {names} 值班。", "en": "Handover of {rota}: {names} on duty from now on."},
    "handover-open": {"zh": "未解除警报 {n} 条", "en": "{n} alerts are open"},
    "handover-none": {"zh": "没有未解除的警报。", "en": "No alert is open."},
}


def say(lang: Lang, key: str, **values: object) -> str:
    return _SAY[key][lang].format(**values)


def headline(message: Message, lang: Lang, zone: str | None = None) -> str:
    """One line that says what, where and when, or how many of what."""
    if not message.alerts:
        return one_line(message.text.partition("\n")[0])
    first = message.alerts[0]
    kind = _KINDS[message.kind][lang]
    severity = _SEVERITIES.get(first.severity, {}).get(lang, first.severity)
    # On one line whatever a gate sent: a mail header takes none of the characters that Unicode calls a line end.
    return one_line(f"[{severity}] {kind}{_what(message.alerts, lang, zone)}")


_COUNTS: tuple[tuple[re.Pattern[str], dict[Lang, str]], ...] = (
    (re.compile(r"0×: (\d+) · 1×: (\d+)"), {"zh": "未测 {} 人，只测一次 {} 人", "en": "{} not measured, {} once"}),
    (re.compile(r"(\d+) × (\d{4}-\d\d-\d\d)"), {"zh": "{1}，{0} 人", "en": "{0} people, {1}"}),
    (re.compile(r"^(\d+) > (\d+)$"), {"zh": "{} 人，限 {} 人", "en": "{} people, limit {}"}),
)


def detail_of(alert: AlertRow, lang: Lang) -> str:
    """An alert's detail, in words."""
    return in_words(alert.detail, lang)


def in_words(text: str, lang: Lang) -> str:
    """What is told with figures, which are kept in no language."""
    for figures, words in _COUNTS:
        text = figures.sub(_saying(words[lang]), text)
    return text


def _saying(words: str) -> Callable[[re.Match[str]], str]:
    return lambda found: words.format(*found.groups())


def _what(alerts: tuple[AlertRow, ...], lang: Lang, zone: str | None) -> str:
    if len(alerts) == 1:
        return _one(alerts[0], lang, zone)
    groups = {(alert.rule, alert.site, alert.gate) for alert in alerts}
    if len(groups) > 1:
        rules = Counter(name(alert.rule, lang) for alert in alerts)
        told = ", ".join(f"{rule} ×{n}" for rule, n in rules.most_common())
        return say(lang, "many", n=len(alerts), places=len({(a.site, a.gate) for a in alerts}), rules=told)
    times = sorted(alert.since_ns for alert in alerts)
    span = say(lang, "until", first=when(times[0], zone), last=when(times[-1], zone))
    return f"{name(alerts[0].rule, lang)} ×{len(alerts)} {alerts[0].site}/{alerts[0].gate} {span}"


def _one(alert: AlertRow, lang: Lang, zone: str | None) -> str:
    place = "/".join(filter(None, (alert.site, alert.gate, alert.lane)))
    detail = f" ({detail_of(alert, lang)})" if alert.detail else ""
    count = f" ×{alert.count}" if alert.count > 1 else ""
    return f"{name(alert.rule, lang)}{count} {place} {when(alert.since_ns, zone)}{detail}"


def brief(alert: AlertRow, lang: Lang, zone: str | None = None) -> str:
    """An alert on one line."""
    return one_line(_one(alert, lang, zone))


class Parts(NamedTuple):
    """The lines under a headline: each alert of several, what to do, and who told and the link to acknowledge by."""

    listed: tuple[str, ...]
    advices: tuple[str, ...]
    rest: tuple[str, ...]
    alerts: int
    """Of how many those that are listed are the first."""

    def lines(self, lang: Lang, listed: int = LISTED, advices: int = LISTED) -> list[str]:
        """So many of those that are listed and of what to do, and all of the rest."""
        shown = list(self.listed if not self.alerts else self.listed[:listed])
        if shown and self.alerts > len(shown):
            shown.append(say(lang, "more", n=self.alerts - len(shown)))
        return [*shown, *self.advices[:advices], *self.rest]

    def shorter(self) -> Iterator[tuple[int, int]]:
        """How many are listed and how much is said to do, less and less of it: what is first to be done stays."""
        listed, advices = min(len(self.listed), LISTED), len(self.advices)
        yield from ((fewer, advices) for fewer in range(listed, 0, -1))
        yield from ((0, fewer) for fewer in range(advices, 0, -1))
        yield 0, 1


class Room(NamedTuple):
    """How much text a channel takes: so many bytes of UTF-8, or so many characters."""

    most: int
    in_bytes: bool = True

    def size(self, text: str) -> int:
        return len(text.encode("utf-8", "replace")) if self.in_bytes else len(text)

    def cut(self, text: str, most: int) -> str:
        return cut_bytes(text, most) if self.in_bytes else cut(text, most)


def fitted(
    message: Message, lang: Lang, zone: str | None, room: Room, *, frame: str = "{}\n", also: Sequence[str] = ()
) -> str:
    """The whole text in the room that there is; what to do first and the link are never what gives way.

    `frame` is how the headline stands, `also` are lines below the rest.
    """
    end = "\n\n" if frame.endswith("\n\n") else "\n"
    parts, title = _parts(message, lang, zone), headline(message, lang, zone)
    below = ""
    for listed, advices in parts.shorter():
        below = end.join([*parts.lines(lang, listed, advices), *also])
        if room.size(frame.format(title) + below) <= room.most:
            return (frame.format(title) + below).rstrip("\n")
    title = room.cut(title, max(4, room.most - room.size(frame.format("") + below)))
    return room.cut((frame.format(title) + below).rstrip("\n"), room.most)


def body(message: Message, lang: Lang, zone: str | None = None) -> list[str]:
    """The lines under the headline, where there is room for all."""
    return _parts(message, lang, zone).lines(lang)


def _parts(message: Message, lang: Lang, zone: str | None) -> Parts:
    if not message.alerts:
        return Parts(tuple(message.text.split("\n")[1:]), (), (), 0)
    listed, advices, rest = [], [], []
    if len(message.alerts) > 1:
        listed = [brief(alert, lang, zone) for alert in message.alerts[:LISTED]]
    if message.kind == "acknowledged":
        rest.append(say(lang, "held", by=one_line(message.alerts[0].held_by)))
    if message.kind == "firing":
        said = [message.do(alert, lang) for alert in message.alerts]
        advices = [say(lang, "do", what=advice) for advice in dict.fromkeys(filter(None, said))][:LISTED]
        if message.step:
            rest.append(say(lang, "step", n=message.step + 1))
        if message.link:
            rest.append(say(lang, "link", link=message.link))
    return Parts(tuple(listed), tuple(advices), tuple(rest), len(message.alerts) if listed else 0)


def name(rule: str, lang: Lang) -> str:
    return NAMES[Rule(rule)][lang] if rule in set(Rule) else rule


def when(time_ns: int, zone: str | None) -> str:
    """A local time to the second, in the site's zone (None: the machine's own)."""
    moment = datetime.fromtimestamp(time_ns / 1e9, UTC).astimezone(ZoneInfo(zone) if zone else None)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def one_line(text: str) -> str:
    return " ".join(text.split())


def cut(text: str, most: int) -> str:
    """At most so many characters, the loss visible."""
    return text if len(text) <= most else text[: most - 1] + "…"


def cut_bytes(text: str, most: int) -> str:
    """At most so many bytes of UTF-8, the loss visible, no character cut in two."""
    raw = text.encode("utf-8", "replace")
    return text if len(raw) <= most else raw[: most - 3].decode("utf-8", "ignore") + "…"
