"""The words of the guard's page, in English and Chinese. Terms are those of `wire.words`, the console's too."""

from __future__ import annotations

from enum import StrEnum

from edge import words
from edge.words import LANGS, Lang
from wire.words import TERMS

_BOARD = {
    "lamp.go": ("GO", "放行"),
    "lamp.stop": ("STOP", "拦下"),
    "lamp.look": ("LOOK", "查看"),
    "lamp.rest": ("READY", "待命"),
    "starting": ("starting", "启动中"),
    "by-hand-help": ("A device failed: measure and register by hand.", "设备故障：请人工测温登记。"),
    "nav-board": ("Lanes", "通道"),
    "nav-camera": ("Thermal view", "热像画面"),
    "signed-in": ("signed in: {0}", "值守：{0}"),
    "passages": ("Last passages", "最近通行"),
    "no-passages": ("nobody yet", "尚无通行"),
    "person": ("person", "人员"),
    "vehicle": ("vehicle", "车辆"),
    "badge-measured": ("badge, measured by hand", "持卡人，人工测温"),
    "holder.employee": ("employee", "员工"),
    "holder.contractor": ("contractor", "外协"),
    "holder.visitor": ("visitor", "访客"),
    "holder.vehicle": ("vehicle", "车辆"),
    "holder.none": ("not registered", "未登记"),
    "no-badge-shown": ("no badge", "未刷卡"),
    "skin": ("skin {0} ± {1} °C", "体表 {0} ± {1} °C"),
    "body": ("body about {0} ± {1} °C", "估计体温 {0} ± {1} °C"),
    "glasses": ("glasses off, then again", "请摘下眼镜复测"),
    "body-alone": ("body about {0} °C", "估计体温 {0} °C"),
    "again-at": ("measure again from {0} (in {1} min)", "{0} 起可复测（{1} 分钟后）"),
    "again-now": ("may be measured again now", "现在可以复测"),
    "hand-measured": ("{0} · by hand {1} °C · {2}", "{0} · 人工测得 {1} °C · {2}"),
    "hand-overridden": ("{0} · {1} by {2}: {3}", "{0} · {2} 改判{1}：{3}"),
    "who-none": ("guard", "门卫"),
    "measure": ("Measure", "测温"),
    "override": ("Decide", "改判"),
    "disinfect": ("Disinfected", "已消毒"),
    "deed-measure": ("Contact thermometer", "接触测温"),
    "deed-visitor": ("Register a visitor", "访客登记"),
    "deed-vehicle": ("Register a vehicle", "外来车辆登记"),
    "deed-disinfect": ("Vehicle disinfected", "车辆消毒登记"),
    "deed-override": ("Decide by hand", "人工改判"),
    "notice-until": ("Notice, until {0}", "通知，有效至 {0}"),
    "gate-state": ("This gate", "本门岗"),
    "hub": ("Hub", "中心"),
    "hub-heard": ("connected", "已连接"),
    "hub-silent": ("network up, no word of the hub", "网络正常，中心无回应"),
    "hub-away": ("not connected; this gate goes on by itself", "未连接，本门岗独立运行"),
    "waiting": ("To be sent", "待传事件"),
    "waiting-none": ("nothing", "无"),
    "waiting-some": ("{0} ({1} urgent)", "{0} 条（{1} 紧急）"),
    "waiting-unknown": ("unknown: the disk does not answer", "未知：存储无响应"),
    "spool-fault": ("The disk refuses: {0}. Events wait in memory.", "存储写入失败：{0}。事件暂存内存。"),
    "registry": ("Registry", "登记数据"),
    "registry-held": ("{0} entries, confirmed {1}", "{0} 条，{1}确认"),
    "registry-never": ("{0} entries, never confirmed by a hub", "{0} 条，从未经中心确认"),
    "registry-waiting": ("{0} parts still to come", "尚有 {0} 部分待收"),
    "ago-s": ("{0} s ago", "{0} 秒前"),
    "ago-min": ("{0} min ago", "{0} 分钟前"),
    "ago-h": ("{0} h ago", "{0} 小时前"),
    "ago-d": ("{0} d ago", "{0} 天前"),
    "gate-gone": ("No connection to the gate. What is shown is old.", "与门岗的连接中断，所示内容已过时。"),
    "board-no-script": ("Without scripts, load the page again for news.", "未启用脚本，请刷新页面查看最新情况。"),
}
_FORMS = {
    "of-whom": ("Of whom", "被测人"),
    "by-badge": ("badge number typed below", "按下面填写的卡号"),
    "badge": ("Badge number", "卡号"),
    "badge-help": ("only where no passage is chosen above", "上面未选通行时填写"),
    "body-c": ("Temperature shown, °C", "体温计示值（°C）"),
    "number-visitor": ("Badge handed out", "发放的访客卡号"),
    "number-vehicle": ("Number plate", "车牌号"),
    "tag": ("Tag's number (if it has one)", "电子标签号（可不填）"),
    "name-visitor": ("Name", "姓名"),
    "name-vehicle": ("Driver's name", "驾驶员姓名"),
    "telephone": ("Telephone", "电话"),
    "company": ("Company", "单位"),
    "host-visitor": ("Whom they visit", "被访人"),
    "host-vehicle": ("Whom they visit (if anybody)", "被访人（可不填）"),
    "why-come": ("Reason for coming", "来访事由"),
    "hours": ("How long, hours", "时长（小时）"),
    "plate": ("Number plate", "车牌号"),
    "agent": ("Disinfectant (if known)", "消毒剂（可不填）"),
    "by-plate": ("plate typed below", "按下面填写的车牌"),
    "plate-help": ("only where no vehicle is chosen above", "上面未选车辆时填写"),
    "about": ("About", "对象"),
    "about-nobody": ("no passage of the list", "不涉及列表中的通行"),
    "decision": ("Decision", "处置"),
    "choose-allow": ("let in", "放行"),
    "choose-deny": ("refuse", "拦下"),
    "why": ("Reason (no names)", "理由（勿写姓名）"),
    "save": ("Save", "保存"),
    "register": ("Register and let in", "登记并放行"),
    "cancel": ("Back", "返回"),
    "sealed-help": (
        "What you type is sealed: only the hub can read it.",
        "所填内容已加密，仅中心可读。",
    ),
    "paper-help": (
        "No hub has given its key yet: write all of this on paper too. It cannot be sent from here.",
        "尚未收到中心的密钥：请将以下内容另记在纸上，本页无法上传。",
    ),
    "user": ("Name", "用户名"),
    "wrong-login": ("That is not the name or the password.", "用户名或密码不对。"),
}
_PROBLEMS = {
    "mend": ("Not saved. Please mend what is marked.", "未保存，请改正标出的内容。"),
    "needed": ("is empty; please fill it in", "未填写，请填写"),
    "too-long": ("has {0} characters; expected at most {1}", "有 {0} 个字符，最多 {1} 个"),
    "odd-characters": ("has characters that cannot be shown; type it again", "含有无法显示的字符，请重新输入"),
    "no-body": (
        "“{0}” is no body temperature; expected 33 to 43 °C, such as 36.5. Measure again.",
        "“{0}”不是体温；应为 33 至 43 °C，例如 36.5。请重新测量。",
    ),
    "no-badge-number": (
        "“{0}” is no badge number; expected up to 40 letters and digits",
        "“{0}”不是卡号；应为字母和数字，最多 40 位",
    ),
    "no-tag": (
        "“{0}” is no tag's number; expected 4 to 64 letters and digits",
        "“{0}”不是电子标签号；应为 4 至 64 位字母和数字",
    ),
    "no-plate": ("“{0}” is no number plate; expected one such as 蒙B12345", "“{0}”不是车牌号；应如 蒙B12345"),
    "no-telephone": (
        "“{0}” is no telephone number; expected 5 to 25 digits, such as 13800138000",
        "“{0}”不是电话号码；应为 5 至 25 位数字，例如 13800138000",
    ),
    "no-hours": (
        "“{0}” is no time for a visit; expected 0.25 to 168 hours, such as 2",
        "“{0}”不是有效时长；应为 0.25 至 168 小时，例如 2",
    ),
    "whom": ("of whom? Choose a passage, or type the badge's number", "被测人是谁？请选择通行记录或填写卡号"),
    "choose": ("choose one of them", "请选择一项"),
    "passage-gone": (
        "That passage is too long ago. Take the badge number, or have the person come again.",
        "该通行记录已过时。请改用卡号，或请本人重新通过。",
    ),
    "badge-unknown": (
        "badge {0} is registered nowhere; check the number, or register a visitor first",
        "卡 {0} 未登记；请核对卡号，或先登记访客",
    ),
    "in-use": (
        "{0} is registered to somebody until {1}; hand out another badge, or check the number",
        "{0} 已登记给他人，有效至 {1}；请换一张卡或核对号码",
    ),
    "taken-employee": ("{0} is an employee's badge; hand out another", "{0} 是员工卡，请换一张卡"),
    "taken-contractor": ("{0} is a contractor's badge; hand out another", "{0} 是外协卡，请换一张卡"),
    "taken-visitor": (
        "{0} is registered at the hub, which must change it; hand out another badge",
        "{0} 已由中心登记，须由中心更改；请换一张卡",
    ),
    "taken-vehicle": ("{0} is registered already; nothing needs to be done", "{0} 已登记，无须重复登记"),
    "no-lane": ("this gate has no lane “{0}”; choose one of the list", "本门岗没有通道“{0}”，请从列表选择"),
    "no-vehicle-lane": ("lane “{0}” is for people; choose one for vehicles", "“{0}”是人员通道，请选择车辆通道"),
    "vehicle-not-read": ("the vehicle was not read; type its plate", "车辆未识别，请填写车牌号"),
    "not-taken": ("cannot be recorded: {0}", "无法记录：{0}"),
    "old-form": ("This form is not complete. Please fill it in again.", "表单不完整，请重新填写。"),
}
_DONE = {
    "done": ("Saved", "已保存"),
    "measured": ("{0} °C is recorded.", "已记录 {0} °C。"),
    "nothing-to-decide": ("The barrier was not told anything new.", "道闸处置不变。"),
    "registered-visitor": (
        "Badge {0} is registered until {1}. It works at this gate now.",
        "访客卡 {0} 已登记，有效至 {1}，本门岗即刻可用。",
    ),
    "registered-vehicle": (
        "{0} is registered until {1}. It may come in here now.",
        "{0} 已登记，有效至 {1}，本门岗即刻可进。",
    ),
    "disinfect-next": (
        "It must be disinfected before it comes in: record that next.",
        "进厂前须消毒，请随后登记消毒。",
    ),
    "on-paper": (
        "The details could not be sealed: write them on paper.",
        "详情无法加密上传：请记在纸上。",
    ),
    "not-kept": (
        "The gate's disk does not answer; the record waits in memory.",
        "门岗存储无响应，记录暂存内存。",
    ),
    "disinfected": ("The disinfection is recorded; it counts until {0}.", "消毒已登记，有效至 {0}。"),
    "overridden": ("Decided by {0}, and recorded.", "由 {0} 处置，已记录。"),
}
WORDS: dict[str, tuple[str, str]] = TERMS | _BOARD | _FORMS | _PROBLEMS | _DONE
"""Key to (English, Chinese)."""


def say(key: str, lang: Lang, *values: str) -> str:
    """The words of a key, of this catalogue or of the gate's (`edge.words`), with its blanks filled in."""
    if key not in WORDS:
        return words.word(key, lang, *values)
    return WORDS[key][LANGS.index(lang)].format(*values)


def name(member: StrEnum, lang: Lang) -> str:
    """The words of an enum's member; what has none yet is shown by its name."""
    key = f"{type(member).__name__.lower()}.{member.value}"
    return say(key, lang) if key in WORDS else member.value.replace("-", " ")


def listed(parts: list[str], lang: Lang) -> str:
    """Words in a row with the language's own comma."""
    return ("，" if lang == "zh" else ", ").join(parts)
