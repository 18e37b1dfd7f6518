"""The words of the search: (English, Chinese) by key."""

from __future__ import annotations

SEARCH_WORDS: dict[str, tuple[str, str]] = {
    "find": ("Search everything", "全局搜索"),
    "find.what": (
        "Name, number, badge, plate, place …",
        "姓名、工号、卡号、车牌、地点……",
    ),
    "find.nothing": ("Nothing that you may see matches “{words}”.", "在您可查看的范围内，没有与“{words}”相符的内容。"),
    "find.more": (
        "The first {n} are shown: say more to find the others.",
        "仅显示前 {n} 条，请输入更多内容以缩小范围。",
    ),
    "find.people": ("People", "人员"),
    "find.visits": ("Visitors", "访客"),
    "find.vehicles": ("Vehicles", "车辆"),
    "find.cases": ("Isolation", "隔离"),
    "find.alerts": ("Alerts", "警报"),
    "find.left": ("no longer active", "已停用"),
    "find.case-number": ("case {n}", "隔离 {n} 号"),
    "find.case-open": ("isolated since {day}", "自 {day} 起隔离"),
    "find.case-closed": ("was isolated from {day}", "曾于 {day} 起隔离"),
    "find.host": ("to {name}", "访 {name}"),
    "find.visit-cancelled": ("cancelled", "已取消"),
}
