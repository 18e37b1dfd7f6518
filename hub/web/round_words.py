"""The words of the pages about rounds of disinfection: (English, Chinese) by key."""

from __future__ import annotations

ROUND_WORDS: dict[str, tuple[str, str]] = {
    "rounds": ("Disinfection", "六个必消"),
    "rounds.print": ("QR codes to print", "打印二维码"),
    "rounds.print-how": (
        "Print this page, cut it, and hang each picture at its place. Whoever has disinfected it scans the picture.",
        "打印本页并剪开，张贴在相应场所。消杀人员完成后扫码登记。",
    ),
    "round.none": (
        "There is nothing to disinfect yet: enter the site's places, and mark commuter vehicles.",
        "尚无需要消杀的场所：请先登记厂区场所，并标记通勤车辆。",
    ),
    "round.today": ("Today", "今天"),
    "round.place": ("place", "场所"),
    "round.kind": ("kind", "类别"),
    "round.times": ("Times, such as 07:30 12:00 18:30", "时间，例如 07:30 12:00 18:30"),
    "round.set-times": ("Set its own times", "单独设定时间"),
    "round.new-code": ("New QR code", "更换二维码"),
    "round.no-times": (
        "“{found}”: expected up to 12 times of the day, such as 07:30 12:00 18:30. Nothing was saved.",
        "“{found}”：应为时间，最多 12 个，例如 07:30 12:00 18:30。未保存。",
    ),
    "round.how": (
        "Due by {times} on working days, where a kind or a place has no times of its own.",
        "工作日应在 {times} 之前完成；某类场所或某一场所另有时间的除外。",
    ),
    "round.record": ("Record", "登记"),
    "round.record-now": ("Disinfected now", "刚完成消杀"),
    "round.agent": ("Disinfected with", "消杀方式"),
    "round.done": ("done", "已完成"),
    "round.late": ("late", "补做"),
    "round.overdue": ("overdue", "逾期"),
    "round.soon": ("to be done now", "待消杀"),
    "round.ahead": ("later", "未到时间"),
    "round.to-come": ("to come", "待完成"),
    "round.nothing-due": ("nothing due", "今日无安排"),
    "tap": ("Disinfection", "消杀登记"),
    "tap.sign": ("Disinfected? Scan here.", "消杀完成后请扫码登记"),
    "tap.number": ("Your staff number", "您的工号"),
    "tap.number-other": ("Other staff number (only if this is not you)", "其他工号（非本人时填写）"),
    "tap.as": ("You are {name}.", "登记人：{name}"),
    "tap.do": ("It is disinfected", "已完成消杀"),
    "tap.stored": ("Stored, {time}", "已登记 {time}"),
    "tap.thanks": ("Thank you. You may close this page.", "谢谢，可以关闭本页。"),
    "tap.today": ("Today here", "本场所今日"),
    "tap.nobody": (
        "NOT STORED: nobody has this staff number. Look at your badge and try again.",
        "未登记：没有这个工号，请核对工作证后重试。",
    ),
    "tap.wait": ("NOT STORED: too many tries. Wait a little and try again.", "未登记：尝试次数过多，请稍候再试。"),
    "phone.away": (
        "NOT STORED: no network, or the site's server does not answer. What you typed is still here: try again later.",
        "未保存：手机没有网络，或服务器无响应。已填内容仍在，请在有信号后再次提交。",
    ),
}
