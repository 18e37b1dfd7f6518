"""Every word that the console and the terminal view show, in English and Chinese: one catalogue.

A key is `kind.value`; an enum member's key is its class's name and its value, so `Outcome.DENY` is `outcome.deny`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, get_args

from hub.web.account_words import ACCOUNT_WORDS
from hub.web.audit_words import AUDIT_WORDS
from hub.web.board_words import BOARD_WORDS
from hub.web.case_words import CASE_WORDS
from hub.web.city_words import CITY_WORDS
from hub.web.crowd_words import CROWD_WORDS
from hub.web.duty_words import DUTY_WORDS
from hub.web.form_words import FORM_WORDS
from hub.web.gate_words import GATE_WORDS
from hub.web.invitation_words import INVITATION_WORDS
from hub.web.notice_words import NOTICE_WORDS
from hub.web.privacy_words import PRIVACY_WORDS
from hub.web.register_words import REGISTER
from hub.web.report_words import REPORT_WORDS
from hub.web.resumption_words import RESUMPTION_WORDS
from hub.web.rights_words import RIGHTS_WORDS
from hub.web.round_words import ROUND_WORDS
from hub.web.search_words import SEARCH_WORDS
from hub.web.update_words import UPDATE_WORDS
from hub.web.way_words import WAY_WORDS
from wire.words import TERMS

Lang = Literal["en", "zh"]
LANGS: tuple[Lang, ...] = get_args(Lang)

_MEASURING = {
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
    "basis.glasses": ("near the limit, glasses hide the eyes: again without", "接近限值且戴眼镜，请摘下眼镜复测"),
    "basis.few-people": ("too few people to compare with", "对比人数不足"),
    "basis.other": ("other basis", "其他依据"),
}
_DEVICES = {
    "devicekind.spool": ("spool", "暂存区"),
    "devicekind.clock": ("clock", "时钟"),
    "devicekind.gate": ("gate", "门岗"),
    "devicekind.registry": ("copy of the registry", "登记名册副本"),
    "devicekind.power": ("power supply", "供电"),
    "devicekind.heat": ("heat", "温度"),
    "devicekind.storage": ("storage card", "存储卡"),
    "devicekind.identity": ("name", "门岗名称"),
    "gapcause.spool-full": ("spool full", "暂存区已满"),
    "gapcause.spool-aged": ("kept too long", "存放过久"),
    "gapcause.spool-corrupt": ("spool damaged", "暂存区损坏"),
    "gapcause.write-failed": ("could not be written", "写入失败"),
    "gapcause.hub-forgot": ("forgotten by the hub", "中心遗失"),
    "gapcause.other": ("other cause", "其他原因"),
    "clock.synced": ("clock set", "时钟已校准"),
    "clock.dated": ("dated afterwards", "事后校准时间"),
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
    "told.aged": ("details erased: too old to keep", "已过保存期，详情已清除"),
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
    "rule.unreadable": ("urgent event cannot be read", "紧急事件无法解读"),
    "rule.registry-old": ("registry copy old", "名册过旧"),
    "rule.declared-ill": ("declared ill", "申报不适"),
    "rule.disinfection-overdue": ("disinfection overdue", "消杀逾期"),
    "rule.channel-fault": ("channel takes no messages", "通知渠道故障"),
    "rule.isolation-full": ("isolation place full", "隔离场所已满"),
    "rule.returnee-not-isolated": ("returnee not isolated", "返岗人员未隔离"),
    "rule.crowding": ("too many people at once", "人员聚集"),
    "rule.report-unsent": ("daily report not sent", "日报未发出"),
    "rule.out-of-slot": ("meals outside of the team's time", "未按时段用餐"),
    "rule.missed-checks": ("daily measurements missing", "双测未完成"),
    "rule.alert-stuck": ("alert without next step", "警报无人跟进"),
    "reader.timeseries": ("time series", "时间序列"),
    "reader.passes": ("passages of people", "人员通行记录"),
    "reader.cases": ("isolation by fevers", "发热隔离"),
    "reader.rounds": ("rounds of disinfection", "消杀轮次"),
    "reader.moves": ("meals and crowds", "用餐与聚集"),
    "reader.checks": ("measurements of people", "双测记录"),
    "reader.rollups": ("hourly and daily figures", "小时与每日统计"),
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
    "unready.broker": ("not connected to the broker: no gate can be heard", "未连接消息服务，收不到门岗数据"),
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
    "settings": ("settings", "配置"),
    "settings-own": ("its own file", "门岗本地配置"),
    "settings-version": ("version {version}", "版本 {version}"),
    "settings-trial": ("being tried", "试运行中"),
    "settings-wanted": ("version {version} is wanted", "应为版本 {version}"),
    "settings-turned-down": ("version {version} did not work: {why}", "版本 {version} 未能使用：{why}"),
    "release": ("program", "程序"),
    "release-runs": ("version {version}", "版本 {version}"),
    "release-loading": ("an update is loaded: {share}", "正在下载更新：{share}"),
    "release-staging": ("an update is unpacked", "正在安装更新"),
    "release-testing": ("an update is tested", "正在测试更新"),
    "release-switching": ("an update is switched to", "正在切换到更新"),
    "release-trial": ("on trial", "试运行中"),
    "release-failed": ("the update did not work: {why}", "更新未成功：{why}"),
    "host": ("machine", "主机"),
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
    "why.step-now": ("nobody could be reached: the next are told now", "无法送达，立即通知下一级"),
    "why.nobody-on-duty": ("nobody is on duty", "无人值班"),
    "why.chain-over": ("the chain is at its end", "通知流程已到末级"),
    "why.quiet-hours": ("waits for the end of quiet hours", "待免打扰时段结束"),
    "why.delivered": ("delivered", "已送达"),
    "why.answer-lost": ("its answer was lost: it may have arrived", "回执丢失，可能已送达"),
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
    "picture": ("Thermal picture of the person", "此人的热成像图"),
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
    "ack": ("Acknowledge", "受理警报"),
    "ack.button": ("{who}: I see to it ({n})", "{who}：由我处置（{n} 条）"),
    "ack.done": ("Acknowledged by {who}: {n}. Nobody else is told.", "{who} 已受理 {n} 条，不再通知他人。"),
    "ack.nothing": ("Nothing was waiting for {who} any more ({n}).", "{who}：警报已有人受理或已解除（{n}）。"),
}
_ACCOUNTS = {
    "board": ("Gates", "门岗"),
    "ways": ("Pages", "页面"),
    "sign-in": ("Sign in", "登录"),
    "sign-out": ("Sign out", "退出"),
    "sign-in.wrong": ("Login or password is wrong.", "用户名或密码不正确。"),
    "sign-in.wait": ("Too many wrong tries: try again in {seconds} s.", "错误次数过多，请 {seconds} 秒后再试。"),
    "sign-in.nobody": (
        "No user exists yet. Make the first one on the hub's machine:",
        "尚无用户。请在中心主机上创建第一个用户：",
    ),
    "login": ("Login", "用户名"),
    "password": ("Password", "密码"),
    "password-old": ("Present password", "当前密码"),
    "password-new": ("New password (10 characters or more)", "新密码（至少 10 个字符）"),
    "password-change": ("Change password", "修改密码"),
    "person-name": ("Name", "姓名"),
    "role": ("Role", "角色"),
    "role.guard": ("guard", "门卫"),
    "role.hr": ("HR", "人事"),
    "role.officer": ("safety officer", "安全员"),
    "role.oncall": ("on call", "值班人员"),
    "role.admin": ("administrator", "管理员"),
    "role.auditor": ("auditor", "审计员"),
    "users": ("Users", "用户"),
    "user-on": ("may sign in", "可登录"),
    "user-off": ("kept out", "已停用"),
    "user-disable": ("Keep out", "停用"),
    "user-add": ("Add a user", "添加用户"),
    "account": ("My account", "我的账户"),
    "may": ("What I may do", "我的权限"),
    "permission.board": ("see the gates and alerts", "查看门岗与警报"),
    "permission.alerts": ("acknowledge and end alerts", "确认和解除警报"),
    "permission.people": ("see who is registered", "查看登记人员"),
    "permission.people-edit": ("change who is registered", "修改人员登记"),
    "permission.health": ("see temperatures, declarations and cases", "查看体温、申报和隔离记录"),
    "permission.cases-edit": ("open and close cases of isolation", "建立和结束隔离"),
    "permission.duties-edit": ("record measurements and disinfections", "登记测温和消杀"),
    "permission.visitors-edit": ("register visitors and vehicles", "登记访客和车辆"),
    "permission.reports": ("make reports", "生成报表"),
    "permission.messages": ("send messages to workers", "向职工发布通知"),
    "permission.gates-edit": ("enrol, revoke and configure gates", "办理门岗入网、吊销和远程配置"),
    "permission.site-edit": ("change places, areas and dates of the site", "修改场所、地区和复工设置"),
    "permission.users-edit": ("manage users", "管理用户"),
    "permission.audit": ("read who saw and changed what", "查看审计记录"),
    "audit": ("Audit", "审计"),
    "audit.who": ("Who", "操作者"),
    "audit.action": ("Action", "操作"),
    "audit.subject": ("About", "对象"),
    "audit.detail": ("Detail", "详情"),
    "audit.whole": ("All {n} entries are as they were written.", "全部 {n} 条记录完整无改动。"),
    "audit.newest-whole": (
        "The newest {n} entries are as they were written.",
        "最近 {n} 条记录完整无改动。",
    ),
    "audit.verify-all": ("Verify all", "校验全部记录"),
    "audit.broken": (
        "Entry {n} is not as it was written: somebody changed the record.",
        "第 {n} 条记录与写入时不符：记录被改动过。",
    ),
    "search": ("Search", "查询"),
    "older": ("Older entries", "更早的记录"),
    "to-board": ("To the gates", "返回门岗"),
    "not-done": ("Not done", "未完成"),
    "denied.no-picture": ("There is no picture, or no longer.", "没有图像，或已按期删除。"),
    "denied.not-yours": ("Your role may not do this.", "您的角色无此权限。"),
    "denied.csrf": (
        "This form was not sent from our own page, or the page is old. Load it anew and try again.",
        "表单不是从本站页面提交，或页面已过期。请刷新后重试。",
    ),
    "denied.too-long-field": ("{name}: expected at most {most} characters.", "{name}：最多 {most} 个字符。"),
    "denied.unknown-role": ("There is no such role.", "没有这个角色。"),
    "denied.password": ("The present password is wrong.", "当前密码不正确。"),
    "denied.database": ("The database does not answer; try again.", "数据库无响应，请重试。"),
    "denied.not-found": ("There is no such page.", "没有这个页面。"),
    "denied.method": ("This page cannot be used like that.", "该页面不支持此操作。"),
}


def one_of(*catalogues: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """All as one. Raises `ValueError` for a key that two have: one would silently speak for the other."""
    found: dict[str, tuple[str, str]] = {}
    for catalogue in catalogues:
        if twice := found.keys() & catalogue.keys():
            raise ValueError(f"words that two catalogues have: {', '.join(sorted(twice))}")
        found |= catalogue
    return found


WORDS = one_of(
    TERMS,
    _MEASURING,
    _DEVICES,
    _BOARD,
    _OVERALL,
    _TEXTS,
    _ACCOUNTS,
    _ALERTS,
    REGISTER,
    CASE_WORDS,
    DUTY_WORDS,
    BOARD_WORDS,
    RESUMPTION_WORDS,
    ROUND_WORDS,
    CROWD_WORDS,
    REPORT_WORDS,
    CITY_WORDS,
    RIGHTS_WORDS,
    FORM_WORDS,
    PRIVACY_WORDS,
    NOTICE_WORDS,
    INVITATION_WORDS,
    WAY_WORDS,
    SEARCH_WORDS,
    AUDIT_WORDS,
    ACCOUNT_WORDS,
    GATE_WORDS,
    UPDATE_WORDS,
)
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
