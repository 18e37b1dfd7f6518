"""The rules by name: how bad what they tell is, and what is to be done about it."""

from __future__ import annotations

from enum import StrEnum

from wire.events import DeviceKind


class Severity(StrEnum):
    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Rule(StrEnum):
    FEVER = "fever"
    FEVER_CONFIRMED = "fever-confirmed"
    FEVER_CLUSTER = "fever-cluster"
    ISOLATION_BREACH = "isolation-breach"
    TAILGATING = "tailgating"
    UNSCREENED_ENTRY = "unscreened-entry"
    BADGE_MISUSE = "badge-misuse"
    UNREGISTERED_VEHICLE = "unregistered-vehicle"
    VEHICLE_NOT_DISINFECTED = "vehicle-not-disinfected"
    GATE_SILENT = "gate-silent"
    DEVICE_FAULT = "device-fault"
    GAP = "gap"
    UNREADABLE = "unreadable"
    REGISTRY_OLD = "registry-old"
    DISINFECTION_OVERDUE = "disinfection-overdue"
    ISOLATION_FULL = "isolation-full"
    RETURNEE_NOT_ISOLATED = "returnee-not-isolated"
    MISSED_CHECKS = "missed-checks"
    DECLARED_ILL = "declared-ill"
    ALERT_STUCK = "alert-stuck"
    CHANNEL_FAULT = "channel-fault"
    CROWDING = "crowding"
    OUT_OF_SLOT = "out-of-slot"
    REPORT_UNSENT = "report-unsent"


SEVERITY = {
    Rule.FEVER: Severity.CRITICAL,
    Rule.FEVER_CONFIRMED: Severity.CRITICAL,
    Rule.FEVER_CLUSTER: Severity.CRITICAL,
    Rule.ISOLATION_BREACH: Severity.CRITICAL,
    Rule.TAILGATING: Severity.WARNING,
    Rule.UNSCREENED_ENTRY: Severity.CRITICAL,
    Rule.BADGE_MISUSE: Severity.WARNING,
    Rule.UNREGISTERED_VEHICLE: Severity.WARNING,
    Rule.VEHICLE_NOT_DISINFECTED: Severity.WARNING,
    Rule.GATE_SILENT: Severity.CRITICAL,
    Rule.DEVICE_FAULT: Severity.WARNING,
    Rule.GAP: Severity.WARNING,
    Rule.UNREADABLE: Severity.CRITICAL,
    Rule.REGISTRY_OLD: Severity.WARNING,
    Rule.DISINFECTION_OVERDUE: Severity.WARNING,
    Rule.ISOLATION_FULL: Severity.WARNING,
    Rule.RETURNEE_NOT_ISOLATED: Severity.CRITICAL,
    Rule.MISSED_CHECKS: Severity.WARNING,
    Rule.DECLARED_ILL: Severity.WARNING,
    Rule.ALERT_STUCK: Severity.CRITICAL,
    Rule.CHANNEL_FAULT: Severity.WARNING,
    Rule.CROWDING: Severity.WARNING,
    Rule.OUT_OF_SLOT: Severity.INFO,
    Rule.REPORT_UNSENT: Severity.WARNING,
}
RUNBOOK = {
    Rule.FEVER: {
        "zh": "立即隔离，用接触式体温计复测；确认后逐人核查，并报当地防疫指挥部。",
        "en": "Isolate at once and measure again with a contact thermometer; if confirmed, check everybody one by one "
        "and report to the district headquarters.",
    },
    Rule.FEVER_CONFIRMED: {
        "zh": "接触式体温计确认发热：立即隔离，逐人核查密切接触者，报当地防疫指挥部，送发热门诊。",
        "en": "A contact thermometer confirms the fever: isolate at once, check contacts one by one, report to the "
        "district headquarters, bring the person to a fever clinic.",
    },
    Rule.FEVER_CLUSTER: {
        "zh": "同一门岗或班组一日多人发热：停止该入口放行，逐人核查班组、宿舍和通勤车，报当地防疫指挥部，全面消毒。",
        "en": "Several fevers at one gate or in one team in a day: let nobody else in there, check their teams, "
        "dormitory and buses one by one, report to the district headquarters, disinfect everything.",
    },
    Rule.ISOLATION_BREACH: {
        "zh": "此人应在隔离中：拒绝入厂，送回隔离点，核查外出期间的接触者。",
        "en": "This person belongs into isolation: keep out, take back, and find whom they met on the way.",
    },
    Rule.TAILGATING: {
        "zh": "有人尾随：拦下，逐个测温、登记。",
        "en": "Somebody followed at the heels: stop both, measure and register them one by one.",
    },
    Rule.UNSCREENED_ENTRY: {
        "zh": "有人未经筛查进入：立即找到此人，测温、登记，查明从何处进入。",
        "en": "Somebody went in unscreened: find them at once, measure and register them, and see how they came in.",
    },
    Rule.BADGE_MISUSE: {
        "zh": "同一张卡已入厂：核对持卡人身份，查明卡从何来。",
        "en": "This badge is inside already: see who holds it, and how they came by it.",
    },
    Rule.UNREGISTERED_VEHICLE: {
        "zh": "车辆不得进入；说明原因、详细登记并消毒后放行。",
        "en": "Keep the vehicle out until its reason is stated, it is registered in detail and disinfected.",
    },
    Rule.VEHICLE_NOT_DISINFECTED: {
        "zh": "车辆未消毒：消毒并登记后放行。",
        "en": "The vehicle is not disinfected: disinfect and record it, then let it in.",
    },
    Rule.GATE_SILENT: {
        "zh": "派人到门岗，改为人工测温登记，检查电源和网络。",
        "en": "Send somebody to the gate, measure and register by hand, check power and network.",
    },
    Rule.DEVICE_FAULT: {
        "zh": "该通道改为人工测温，检查设备。",
        "en": "Measure by hand at this lane and check the device.",
    },
    Rule.GAP: {
        "zh": "有事件丢失：核对该时段的纸质登记。",
        "en": "Events were lost: check the paper register for that time.",
    },
    Rule.UNREADABLE: {
        "zh": "门岗上报了中心无法解读的紧急事件，可能是发热：立即致电门岗核实；"
        "升级中心后用 menshen hub replay 重新读取。",
        "en": "A gate said something urgent that this hub cannot read, perhaps a fever: call the gate at once. Then "
        "update the hub, and have it read what it kept: `menshen hub replay`.",
    },
    Rule.REGISTRY_OLD: {
        "zh": "门岗的登记名册过旧：新登记和新隔离的人员尚未生效，人工核对名册，检查中心与网络。",
        "en": "The gate's copy of the registry is old: who was registered or isolated since is not known there. Check "
        "people against the list by hand; check hub and network.",
    },
    Rule.DISINFECTION_OVERDUE: {
        "zh": "六个必消：该场所到时未消毒，立即消毒并登记；未消毒不得使用。",
        "en": "The place was not disinfected in time: do it now and record it; nobody uses it before.",
    },
    Rule.CHANNEL_FAULT: {
        "zh": "该通知渠道不接受消息，已改用其他渠道：检查地址、密钥和接收人，"
        "用 menshen hub notify test 测试；若为程序缺陷，请上报。",
        "en": "This channel takes no messages, others are used instead: check its address, key and receiver, try "
        "`menshen hub notify test`; report it where it says defect.",
    },
    Rule.ISOLATION_FULL: {
        "zh": "隔离观察点已满：启用其他隔离场所或扩充床位；未落实隔离点前，不得允许疫情较重地区人员返岗。",
        "en": "The isolation place is full: open another or make room; until then nobody comes from a listed area.",
    },
    Rule.RETURNEE_NOT_ISOLATED: {
        "zh": "外地返岗人员尚未安排隔离场所：立即安排并送入，执行满隔离期，按要求报备并纳入网格。",
        "en": "Somebody back from elsewhere has no isolation place yet: give them one and bring them there at once, "
        "for all their days; report them and enter them in the grid.",
    },
    Rule.CROWDING: {
        "zh": "人员聚集：派人疏导，保持间距，必要时暂停进入；核对错时安排。",
        "en": "Too many people at once: send somebody to spread them out, keep others back for a while, and see to the "
        "staggered times.",
    },
    Rule.OUT_OF_SLOT: {
        "zh": "未按错时安排用餐：提醒班组长，按本班组时段就餐。",
        "en": "A team eats in other teams' time: remind its leader of the team's own time.",
    },
    Rule.MISSED_CHECKS: {
        "zh": "双测未完成：打开未测名单，逐人补测或查明去向；在纸上测过的，凭原因补录。",
        "en": "Daily measurements are missing: open the list, measure everybody on it or find out where they are; what "
        "was measured on paper is entered with its reason.",
    },
    Rule.DECLARED_ILL: {
        "zh": "有职工申报不适或接触病人：已劝其不上班、尽早就医。打开“健康申报”，电话核实，必要时登记隔离并上报。",
        "en": "A worker declared to be ill, or to have met somebody who is, and was told not to come, but to see a "
        "doctor. Open “Declarations”, call them, and isolate and report where it is needed.",
    },
    Rule.REPORT_UNSENT: {
        "zh": "日报未能发出：从控制台下载并另行报送，检查邮件服务器设置；系统会继续重发。",
        "en": "The daily report was not sent: download it from the console and send it another way, and check the mail "
        "server; the hub goes on trying.",
    },
    Rule.ALERT_STUCK: {
        "zh": "有警报无人跟进：打开控制台处理，并检查通知渠道设置。",
        "en": "An alert had nobody to go to next: see to it in the console, and check the settings of the channels.",
    },
}
OF_DEVICE = {
    DeviceKind.THERMAL: {
        "zh": "该通道改为人工测温；检查热像仪、黑体参考源和供电，恢复后预热 30 分钟。",
        "en": "Measure by hand at this lane; check camera, reference and power; the camera warms up for 30 minutes.",
    },
    DeviceKind.BADGE: {
        "zh": "该通道改为人工核对登记；检查读卡器。",
        "en": "Check and register people by hand at this lane; check the badge reader.",
    },
    DeviceKind.VEHICLE: {
        "zh": "车辆人工登记、消毒后放行；检查车辆识别设备。",
        "en": "Register vehicles by hand and disinfect them before they enter; check the vehicle reader.",
    },
    DeviceKind.ACTUATOR: {
        "zh": "派人守住该通道，人工放行；检查道闸。",
        "en": "Put somebody at this lane to let people in by hand; check the barrier.",
    },
    DeviceKind.SPOOL: {
        "zh": "门岗暂存区将满：检查网络和存储卡，避免事件丢失。",
        "en": "The gate's store fills up: check its network and its memory card before events are lost.",
    },
    DeviceKind.CLOCK: {
        "zh": "门岗时钟不准：检查网络校时，核对该时段记录的时间。",
        "en": "The gate's clock is wrong: check its time server, and the times of what was recorded meanwhile.",
    },
    DeviceKind.POWER: {
        "zh": "门岗主机欠压：更换为官方电源和短粗的电源线，减少 USB 负载；欠压会损坏存储卡，使设备掉线。",
        "en": "The gate's computer gets too little voltage, and loses cards and devices by it: give it its own supply, "
        "a short thick cable, and less on USB.",
    },
    DeviceKind.HEAT: {
        "zh": "门岗主机过热，已降频：加散热片，遮阳、通风，检查风扇；测温仍在进行。",
        "en": "The gate's computer is too hot and slows down, but measures: heat sink, shade, air, a fan that turns.",
    },
    DeviceKind.IDENTITY: {
        "zh": "两台主机使用同一门岗名（多为复制的存储卡）：找出并关闭多余的一台，另起名称、换空白卡、重新入网。"
        "事件未丢失，但两台的记录混在一个门岗名下。",
        "en": "Two machines have one gate's name, most often by a copied card: find the second, stop it, give it a "
        "name and an empty card of its own, and enrol it. No event is lost, but both stand under one gate.",
    },
    DeviceKind.STORAGE: {
        "zh": "门岗存储卡即将损坏：准备新卡，按 docs/disaster.md 更换；旧卡上未上传的事件会丢失，先等待上传完成。",
        "en": "The gate's card wears out: make a new one ready, and replace it (docs/disaster.md) when nothing is "
        "unsent, for that is lost with the card.",
    },
}
