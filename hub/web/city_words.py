"""The words of the city's view: (English, Chinese) by key."""

from __future__ import annotations

CITY_WORDS: dict[str, tuple[str, str]] = {
    "city": ("City", "全市"),
    "city.counted": (
        "{day}: the total is of {n} of {of} sites, those whose figures are of this day and were read lately.",
        "{day}：合计包含 {of} 个厂区中的 {n} 个（当日且最近更新的数据）。",
    ),
    "city.site": ("Site", "厂区"),
    "city.total": ("Total", "合计"),
    "city.age": ("Read", "更新"),
    "city.ago": ("{min} min ago", "{min} 分钟前"),
    "city.hours": ("{h} h ago", "{h} 小时前"),
    "city.now": ("now", "刚刚"),
    "city.never": ("never read", "从未读取"),
    "city.of-day": ("figures of {day}", "{day} 的数据"),
    "city.unreachable": ("cannot be read: {error}", "无法读取：{error}"),
    "city.registered": ("Registered", "在册"),
    "city.on_duty": ("On duty", "上岗"),
    "city.twice": ("Twice", "双测完成"),
    "city.once": ("Once", "测一次"),
    "city.never_measured": ("Never", "未测"),
    "city.feverish": ("Feverish", "发热"),
    "city.isolated": ("Isolated", "隔离"),
    "city.suspected": ("Suspected", "疑似"),
    "city.unreported": ("Not reported", "未上报"),
    "city.returnees": ("Returnees", "观察期返岗"),
    "city.unscreened": ("Unscreened", "未经筛查"),
    "city.overdue": ("Not disinfected", "未消杀"),
    "city.out_of_order": ("Out of order", "设备故障"),
}
