"""Every word that the console and the terminal view show, in English and Chinese: one catalogue.

A key is `kind.value`; an enum member's key is its class's name and its value, so `Outcome.DENY` is `outcome.deny`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, get_args

Lang = Literal["en", "zh"]
LANGS: tuple[Lang, ...] = get_args(Lang)

_OUTCOMES = {
    "outcome.allow": ("let in", "放行"),
    "outcome.deny": ("refused", "拦下"),
    "outcome.remeasure": ("measure again", "复测"),
    "outcome.other": ("other decision", "其他处置"),
    "verdict.normal": ("normal", "体温正常"),
    "verdict.suspect": ("suspect", "疑似发热"),
    "verdict.fever": ("fever", "发热"),
    "verdict.unmeasured": ("not measured", "未测到"),
    "verdict.other": ("other verdict", "其他判断"),
    "direction.in": ("in", "进"),
    "direction.out": ("out", "出"),
    "direction.other": ("other way", "其他方向"),
}
_REASONS = {
    "refusal.no-face": ("no face in view", "未见人脸"),
    "refusal.several-faces": ("several faces", "多张人脸"),
    "refusal.not-frontal": ("face turned away", "未正对镜头"),
    "refusal.too-small": ("too far away", "离镜头太远"),
    "refusal.too-cold": ("face still cold", "面部受冷"),
    "refusal.warming-up": ("camera warming up", "热像仪预热中"),
    "refusal.no-reference": ("reference lost", "参考源丢失"),
    "refusal.shutter": ("camera calibrating", "快门校准中"),
    "refusal.bad-frame": ("bad picture", "图像无效"),
    "refusal.no-camera": ("no camera", "无热像仪"),
    "refusal.other": ("other cause", "其他原因"),
    "basis.below-limit": ("below the limit", "低于限值"),
    "basis.over-limit": ("at or above the limit", "达到或超过限值"),
    "basis.near-limit": ("close to the limit", "接近限值"),
    "basis.site-limit": ("above the site's own limit", "超过本厂限值"),
    "basis.cold-cohort": ("all come in from the cold", "人群受冷"),
    "basis.few-people": ("too few people to compare with", "对比人数不足"),
    "basis.other": ("other basis", "其他依据"),
    "reason.temperature-normal": ("temperature normal", "体温正常"),
    "reason.fever": ("fever", "发热"),
    "reason.suspect": ("suspect temperature", "体温可疑"),
    "reason.unmeasured": ("not measured", "未测体温"),
    "reason.no-badge": ("no badge", "未刷卡"),
    "reason.unknown-badge": ("badge unknown", "卡未登记"),
    "reason.not-valid-now": ("not valid now", "不在有效期"),
    "reason.in-isolation": ("should be in isolation", "应在隔离中"),
    "reason.several-people": ("several people at once", "多人同行"),
    "reason.passed-back": ("badge passed back", "卡被回传"),
    "reason.wrong-direction": ("wrong direction", "逆向通行"),
    "reason.vehicle-registered": ("vehicle registered", "车辆已登记"),
    "reason.vehicle-unregistered": ("vehicle not registered", "车辆未登记"),
    "reason.vehicle-unread": ("vehicle not read", "车辆未识别"),
    "reason.not-disinfected": ("not disinfected", "未消毒"),
    "reason.tailgating": ("followed at the heels", "尾随通过"),
    "reason.unscreened-entry": ("went in unscreened", "未经筛查进入"),
    "reason.entered-refused": ("went in although refused", "被拦后闯入"),
    "reason.two-gates": ("badge at two gates at once", "同卡两处出现"),
    "reason.in-quarantine": ("days of observation not over", "隔离观察期未满"),
    "reason.no-isolation-place": ("no isolation place for returnees", "无隔离点，不接收疫区返岗"),
    "reason.not-resumed": ("site not open yet", "尚未复工"),
    "reason.not-at-this-gate": ("not at this gate", "不可由此门通行"),
    "reason.not-at-this-hour": ("not at this hour", "不在允许时段"),
    "reason.no-stated-reason": ("no reason stated", "未说明来由"),
    "reason.no-host": ("visits nobody", "无被访人"),
    "reason.not-declared": ("health not declared today", "今日未申报健康"),
    "reason.no-mask": ("no mask", "未戴口罩"),
    "reason.tag-mismatch": ("tag of another vehicle", "电子标签与车牌不符"),
    "reason.registry-old": ("registry out of date", "登记数据过旧"),
    "reason.device-gone": ("let through: device failed", "设备故障放行"),
    "reason.fail-safe": ("left open", "保持开启"),
    "reason.fire-alarm": ("fire alarm", "火警"),
    "reason.measured-by-hand": ("measured by hand", "人工测温"),
    "reason.other": ("other reason", "其他原因"),
}
_DEVICES = {
    "devicekind.thermal": ("thermal camera", "热像仪"),
    "devicekind.badge": ("badge reader", "读卡器"),
    "devicekind.vehicle": ("vehicle reader", "车辆识别"),
    "devicekind.actuator": ("barrier", "道闸"),
    "devicekind.contact": ("contact", "触点"),
    "devicekind.spool": ("spool", "暂存区"),
    "devicekind.clock": ("clock", "时钟"),
    "devicekind.gate": ("gate", "门岗"),
    "devicekind.registry": ("copy of the registry", "登记名册副本"),
    "devicekind.other": ("other device", "其他设备"),
    "lanemode.screening": ("screening", "自动筛查"),
    "lanemode.manual": ("measured by hand", "人工测温"),
    "lanemode.open": ("open: fire alarm", "火警常开"),
    "lanemode.other": ("works otherwise", "其他方式"),
    "health.ok": ("working", "正常"),
    "health.degraded": ("degraded", "降级"),
    "health.failed": ("failed", "故障"),
    "health.other": ("state unknown", "状态不明"),
    "gapcause.spool-full": ("spool full", "暂存区已满"),
    "gapcause.spool-aged": ("kept too long", "存放过久"),
    "gapcause.spool-corrupt": ("spool damaged", "暂存区损坏"),
    "gapcause.write-failed": ("could not be written", "写入失败"),
    "gapcause.hub-forgot": ("forgotten by the hub", "中心遗失"),
    "gapcause.other": ("other cause", "其他原因"),
    "clock.synced": ("clock set", "时钟已校准"),
    "clock.free": ("clock not set", "时钟未校准"),
    "clock.other": ("clock unknown", "时钟不明"),
    "urgency.urgent": ("urgent", "紧急"),
    "urgency.routine": ("routine", "常规"),
}
_BOARD = {
    "guest.visitor": ("visitor", "访客"),
    "guest.vehicle": ("vehicle", "车辆"),
    "guest.other": ("other guest", "其他来客"),
    "kind.person": ("person", "人员"),
    "kind.vehicle": ("vehicle", "车辆"),
    "gate-state.online": ("online", "在线"),
    "gate-state.silent": ("silent", "无回应"),
    "gate-state.offline": ("offline", "离线"),
    "severity.critical": ("critical", "紧急"),
    "severity.warning": ("warning", "警告"),
    "severity.info": ("notice", "提示"),
    "alert-state.firing": ("open", "未解除"),
    "alert-state.acknowledged": ("acknowledged", "已受理"),
    "alert-state.silenced": ("silenced", "已静音"),
    "alert-state.inhibited": ("explained by another", "由其他警报涵盖"),
    "alert-state.resolved": ("resolved", "已解除"),
    "told.pending": ("not told yet", "尚未通知"),
    "told.delivered": ("told", "已通知"),
    "told.retrying": ("not told, retrying", "未通知，重试中"),
    "told.late": ("not told: too old", "未通知：事发已久"),
    "told.no-channel": ("nobody to tell", "无通知渠道"),
    "rule.fever": ("fever", "发热"),
    "rule.fever-confirmed": ("fever confirmed", "复测确认发热"),
    "rule.fever-cluster": ("several fevers", "聚集性发热"),
    "rule.isolation-breach": ("isolation broken", "违反隔离"),
    "rule.tailgating": ("somebody followed", "尾随"),
    "rule.unscreened-entry": ("somebody went in unscreened", "未经筛查进入"),
    "rule.badge-misuse": ("badge used twice", "卡重复使用"),
    "rule.vehicle-not-disinfected": ("vehicle not disinfected", "车辆未消毒"),
    "rule.unregistered-vehicle": ("vehicle not registered", "车辆未登记"),
    "rule.gate-silent": ("gate silent", "门岗无回应"),
    "rule.device-fault": ("device fault", "设备故障"),
    "rule.gap": ("events lost", "事件丢失"),
    "rule.registry-old": ("registry copy old", "名册过旧"),
    "rule.disinfection-overdue": ("disinfection overdue", "消毒逾期"),
    "rule.alert-stuck": ("alert without next step", "警报无人跟进"),
    "reader.timeseries": ("time series", "时间序列"),
    "reader.checks": ("measurements of people", "双测记录"),
    "reader.visits": ("registrations at the gates", "门岗登记"),
    "reader.alerts": ("alerts", "警报"),
    "reader-state.live": ("up to date", "已同步"),
    "reader-state.catching-up": ("catching up", "追赶中"),
    "reader-state.waiting": ("waiting", "等待中"),
}
_OVERALL = {
    "level.calm": ("Normal", "正常"),
    "level.note": ("Take note", "留意"),
    "level.warn": ("Needs attention", "需要处理"),
    "level.grave": ("Act now", "立即处置"),
    "level.unknown": ("No data", "无数据"),
    "overall.calm": ("Every gate reports; no alert is open.", "所有门岗在线，没有未解除的警报。"),
    "overall.no-gate": ("No gate has reported yet.", "尚无门岗上报。"),
    "overall.critical": ("critical alerts: {n}", "紧急警报 {n} 条"),
    "overall.warning": ("warnings: {n}", "警告 {n} 条"),
    "overall.info": ("notices: {n}", "提示 {n} 条"),
    "overall.offline": ("gates offline: {names}", "离线门岗：{names}"),
    "overall.silent": ("gates silent: {names}", "无回应门岗：{names}"),
    "overall.failed": ("devices failed: {n}", "故障设备 {n} 台"),
    "overall.degraded": ("devices degraded: {n}", "降级设备 {n} 台"),
    "overall.registry": ("registry out of date at: {names}", "登记数据过旧的门岗：{names}"),
    "overall.readers": ("behind: {names}", "尚未跟上：{names}"),
    "overall.dead": ("messages nobody could read: {n}", "无法解读的消息 {n} 条"),
    "overall.unready": ("hub: {what}", "中心：{what}"),
}
_TEXTS = {
    "title": ("Menshen", "门神"),
    "gates": ("Gates", "门岗"),
    "gates-today": ("Gates, with today's figures", "门岗及今日数据"),
    "alerts": ("Open alerts", "未解除的警报"),
    "passages": ("Passages", "通行记录"),
    "readers": ("Readers of the journal", "日志的各读取方"),
    "gate": ("gate", "门岗"),
    "lane": ("lane", "通道"),
    "state": ("state", "状态"),
    "time": ("time", "时间"),
    "place": ("place", "地点"),
    "who": ("who", "对象"),
    "skin": ("skin °C", "体表 °C"),
    "decision": ("decision", "处置"),
    "decision-why": ("decision and why", "处置及原因"),
    "reasons": ("why", "原因"),
    "devices": ("devices", "设备"),
    "vehicles-today": ("vehicles", "车辆"),
    "fevers-today": ("fevers", "发热"),
    "refused-today": ("refused", "拦下"),
    "people": ("people", "人员"),
    "verdict": ("screening", "测温"),
    "unsent": ("unsent", "待传"),
    "unsent-urgent": ("{n} ({urgent} urgent)", "{n}（{urgent} 紧急）"),
    "spool-urgent": ("urgent {n}", "紧急 {n}"),
    "spool-routine": ("routine {n}", "常规 {n}"),
    "spool-empty": ("nothing", "无"),
    "registry": ("registry", "登记数据"),
    "registry-entries": ("{n} entries", "{n} 条"),
    "registry-age": ("{ago} old", "{ago}前确认"),
    "registry-never": ("never confirmed", "从未确认"),
    "registry-waiting": ("{n} parts still to come", "尚有 {n} 部分待收"),
    "registry-version": ("version {version}", "版本 {version}"),
    "oldest": ("oldest {time}", "最早 {time}"),
    "seen": ("last seen", "最后上报"),
    "seen-ago": ("{ago} ago", "{ago}前"),
    "seen-never": ("never seen", "从未上报"),
    "all-devices-ok": ("all {n} working", "{n} 台均正常"),
    "some-devices-ok": ("{n} of {total} working", "{total} 台中 {n} 台正常"),
    "last-known": ("no data now; last known: {what}", "目前无数据；最后已知：{what}"),
    "no-devices": ("no data", "无数据"),
    "no-gates": ("No gate has reported yet: no data.", "尚无门岗上报：无数据。"),
    "no-alerts": ("No alert is open.", "没有未解除的警报。"),
    "no-passages": ("No passage yet.", "尚无通行记录。"),
    "since": ("since {time}", "始于 {time}"),
    "for": ("for {ago}", "已持续 {ago}"),
    "times": ("{n} times", "{n} 次"),
    "caught-up": ("caught up {ago} late", "迟到{ago}补传"),
    "not-measured": ("no reading: {why}", "未测到：{why}"),
    "limit": ("limit {limit}", "界限 {limit}"),
    "direction": ("way", "方向"),
    "more": ("and {n} more", "另有 {n} 条"),
    "behind": ("{n} behind", "落后 {n} 条"),
    "journal": ("events in the journal", "日志事件"),
    "journal-short": ("journal {n}", "日志 {n} 条"),
    "rate": ("events/s", "事件/秒"),
    "dead": ("unreadable", "无法解读"),
    "address": ("console {url}", "控制台 {url}"),
    "quit": ("Ctrl-C ends this view", "按 Ctrl-C 退出"),
    "stale": (
        "The connection to the hub is broken. What is shown is {age} s old.",
        "与中心的连接已断开，所示数据是 {age} 秒前的。",
    ),
    "connecting": ("Connecting to {url} …", "正在连接 {url} …"),
    "connected": ("connected to {url}", "已连接 {url}"),
    "lost": ("connection lost: {why}; trying again", "连接断开：{why}；正在重试"),
    "alert-closed": ("alert closed", "警报已解除"),
    "alert": ("alert", "警报"),
    "triage": (
        "A triage aid: skin temperatures, to be confirmed with a clinical thermometer.",
        "初筛辅助：所示为体表温度，须用医用体温计复核。",
    ),
    "no-script": (
        "Without JavaScript this page loads itself anew every 5 seconds.",
        "未启用 JavaScript：本页每 5 秒自动刷新。",
    ),
    "version": ("version {version}", "版本 {version}"),
    "unit.s": ("{n} s", "{n} 秒"),
    "unit.min": ("{n} min", "{n} 分钟"),
    "unit.h": ("{n} h", "{n} 小时"),
    "unit.d": ("{n} d", "{n} 天"),
}
_ALERTS = {
    "why.began": ("it began", "警报产生"),
    "why.began-late": ("heard of too late to tell anybody", "上报过迟，不再通知"),
    "why.cause-again": ("said once more", "再次上报"),
    "why.cause-gone": ("the cause is gone", "原因消除"),
    "why.cause-back": ("the cause is back", "原因再现"),
    "why.acknowledged": ("acknowledged", "已受理"),
    "why.resolved": ("resolved by a person", "人工解除"),
    "why.reopened": ("reopened", "重新打开"),
    "why.silenced": ("silenced", "静音"),
    "why.silence-over": ("the silence is over", "静音结束"),
    "why.inhibited": ("another alert explains it", "由其他警报涵盖"),
    "why.inhibition-over": ("the other alert is over", "涵盖它的警报已解除"),
    "why.step-due": ("to be told now", "按流程通知"),
    "why.nobody-on-duty": ("nobody is on duty", "无人值班"),
    "why.chain-over": ("the chain is at its end", "通知流程已到末级"),
    "why.quiet-hours": ("waits for the end of quiet hours", "待免打扰时段结束"),
    "why.delivered": ("delivered", "已送达"),
    "why.retry": ("not taken, tried again", "未送达，将重试"),
    "why.handed-over": ("not taken, handed over", "未送达，改用其他渠道"),
    "why.withdrawn": ("withdrawn", "已撤回"),
    "why.end-told": ("its end is told", "通知解除"),
    "why.acknowledgement-told": ("its acknowledgement is told", "通知已受理"),
    "why.found-stuck": ("found without a next step", "发现无人跟进"),
    "why.clock-set": ("the hub's clock was set", "中心时钟被调整"),
    "why.note": ("hand-over", "交接班通知"),
    "why.test": ("weekly test", "每周测试"),
    "alerts-all": ("Alerts", "警报"),
    "alerts-ended": ("Resolved", "已解除的警报"),
    "none-yet": ("None yet.", "暂无。"),
    "silences": ("Silences", "静音"),
    "all-rules": ("all rules", "所有警报"),
    "all-gates": ("all gates", "所有门岗"),
    "silenced-until": ("until {time}, by {by}", "至 {time}，操作人 {by}"),
    "history": ("History", "处置记录"),
    "next-at": ("next at {time}", "下一步 {time}"),
    "by-name": ("Your name", "姓名"),
    "note": ("Note", "备注"),
    "for-hours": ("for", "时长"),
    "silence-what": ("silences “{rule}” at {gate}", "静音 {gate} 的“{rule}”"),
    "word.acknowledge": ("Acknowledge", "受理"),
    "word.resolve": ("Resolve", "解除"),
    "word.reopen": ("Reopen", "重新打开"),
    "word.silence": ("Silence", "静音"),
    "word.unsilence": ("End the silence", "结束静音"),
    "actions-off": (
        "Nothing can be changed here: [console] actions is off. On the hub: menshen hub ack hub.toml {id} --by NAME",
        "此处不可操作：[console] actions 未开启。可在中心执行：menshen hub ack hub.toml {id} --by 姓名",
    ),
    "ack": ("Acknowledge", "受理警报"),
    "ack.button": ("{who}: I see to it ({n})", "{who}：由我处置（{n} 条）"),
    "ack.done": ("Acknowledged by {who}: {n}. Nobody else is told.", "{who} 已受理 {n} 条，不再通知他人。"),
    "ack.nothing": ("Nothing was waiting for {who} any more ({n}).", "{who}：警报已有人受理或已解除（{n}）。"),
    "refused.unknown": ("There is no such alert.", "没有这条警报。"),
    "refused.off": (
        "Nothing can be changed here: [console] actions is off.",
        "此处不可操作：[console] actions 未开启。",
    ),
    "refused.key": ("That is not the API key.", "API 密钥不正确。"),
    "refused.origin": (
        "Only the console's own pages may change alerts. Open it by its address or by [console] public_url.",
        "仅控制台自身的页面可操作。请用其 IP 地址或 [console] public_url 打开。",
    ),
    "refused.nameless": ("A name is needed: it goes into the record.", "须填写姓名，以便存档。"),
    "refused.not-now": ("The alert is not in a state for that; somebody was faster.", "警报状态已变，可能已有人处置。"),
    "refused.endless": ("A silence needs an end within 31 days.", "静音须在 31 天内结束。"),
    "refused.too-long": ("That is too long.", "内容过长。"),
    "refused.link": ("This link is not good, or no longer.", "链接无效或已过期。"),
    "refused.used": ("This link was used already.", "此链接已使用过。"),
}
WORDS: dict[str, tuple[str, str]] = _OUTCOMES | _REASONS | _DEVICES | _BOARD | _OVERALL | _TEXTS | _ALERTS
"""Key to (English, Chinese)."""


def say(lang: Lang, key: str, **values: object) -> str:
    """The words of a key with its blanks filled in; `KeyError` where the catalogue has no such key."""
    words = WORDS[key][LANGS.index(lang)]
    return words.format(**values) if values else words


def name(lang: Lang, member: StrEnum) -> str:
    """The words of an enum member of `wire.events`."""
    return say(lang, f"{type(member).__name__.lower()}.{member.value}")


def known(lang: Lang, kind: str, value: str) -> str:
    """The words of a value that the board holds as plain text; what the catalogue does not know stays as it is."""
    key = f"{kind}.{value}"
    return say(lang, key) if key in WORDS else value


def as_lang(text: str | None) -> Lang | None:
    """A language that we speak, from a query value or a cookie."""
    return text if text in LANGS else None


def preferred(accept_language: str) -> Lang:
    """The language an Accept-Language header likes best (RFC 9110, 12.5.4); Chinese where it names none of ours."""
    best: tuple[float, Lang] = (0.0, "zh")
    for entry in accept_language.split(","):
        tag, _, weight = entry.strip().lower().partition(";q=")
        lang = as_lang(tag.partition("-")[0])
        if lang is not None and (quality := _quality(weight)) > best[0]:
            best = (quality, lang)
    return best[1]


def _quality(weight: str) -> float:
    try:
        return float(weight) if weight else 1.0
    except ValueError:
        return 0.0
