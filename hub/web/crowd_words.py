"""The words of the page about meals and crowds: (English, Chinese) by key."""

from __future__ import annotations

CROWD_WORDS: dict[str, tuple[str, str]] = {
    "crowds": ("Meals and crowds", "用餐与聚集"),
    "crowds.day": ("Day", "日期"),
    "crowds.show": ("Show", "查看"),
    "crowds.limits": ("Crowds", "聚集"),
    "crowds.at": ("Where", "地点"),
    "crowds.what": ("What is counted", "统计"),
    "crowds.now": ("Now", "当前"),
    "crowds.most": ("Limit", "上限"),
    "crowds.peak": ("Peak of the day", "当日最多"),
    "crowds.when": ("Over the limit since", "超限时间"),
    "crowds.arriving": ("people within {minutes:g} min", "{minutes:g} 分钟内进入人数"),
    "crowds.inside": ("people inside", "场内人数"),
    "crowds.no-limits": (
        "No limit is set: [[checkpoints]] in hub.toml.",
        "尚未设定人数上限：见 hub.toml 的 [[checkpoints]]。",
    ),
    "crowds.over": ("over the limit", "超限"),
    "meals": ("Meals: {place}", "用餐：{place}"),
    "meals.team": ("Team", "班组"),
    "meals.slot": ("Its time", "用餐时段"),
    "meals.nobody": ("Nobody came on this day.", "当日无人用餐。"),
    "meals.no-canteens": (
        "No canteen is registered: add it under Site, and name it as place of its lanes in gate.toml.",
        "尚未登记食堂：请在“厂区”添加，并在 gate.toml 的通道中填写 place。",
    ),
    "meals.no-team": ("no team", "无班组"),
    "meals.without": ("no time set", "未定时段"),
    "meal.in-slot": ("In its time", "按时段"),
    "meal.out-of-slot": ("In others' time", "占用他班时段"),
    "meal.between": ("Between meals", "非用餐时段"),
    "meal.no-slot": ("Without a time", "未定时段"),
    "meals.out": ("Who came in others' time", "占用他班时段人员"),
    "meals.person": ("Person", "人员"),
    "meals.at": ("Came at", "到达时间"),
}
