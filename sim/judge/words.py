"""The judge's words, in English and Chinese."""

from __future__ import annotations

from typing import Literal

Lang = Literal["en", "zh"]

WORDS: dict[str, tuple[str, str]] = {
    "title": ("The truth and the hub", "真相与记录核对"),
    "clean": ("No error found", "未发现差错"),
    "errors": ("errors found", "处差错"),
    "seed": ("seed", "种子"),
    "days": ("days", "天数"),
    "gates": ("gates", "门岗"),
    "people": ("people", "人数"),
    "compared": ("Compared", "核对数量"),
    "not-asked": ("not asked", "未核对"),
    "events": ("events in the journal", "日志事件"),
    "alerts": ("alerts", "警报"),
    "checks": ("people and days measured (双测)", "双测（人·日）"),
    "points": ("points in the time series", "时序数据点"),
    "late": ("From spool to journal", "入库延迟"),
    "half": ("half within", "半数不超过"),
    "most": ("99 of 100 within", "99% 不超过"),
    "kinds": ("Errors by kind", "差错分类"),
    "kind": ("kind", "类别"),
    "count": ("count", "数量"),
    "list": ("What to look at", "请逐条核查"),
    "when": ("when", "时间"),
    "where": ("where", "位置"),
    "expected": ("expected", "应为"),
    "found": ("found", "实为"),
    "offset": ("journal", "日志号"),
    "more": ("more are in the JSON report", "条见 JSON 报告"),
    "plot.people": ("People at the lanes", "通行人次"),
    "plot.temperature": ("Skin temperature", "皮肤温度"),
    "plot.late": ("From spool to journal", "入库延迟"),
    "plot.where": ("Errors by gate and time", "差错分布"),
    "truth": ("truth", "真实"),
    "journal": ("journal", "日志"),
    "allow": ("let in", "放行"),
    "remeasure": ("measured again", "复测"),
    "deny": ("refused", "拒绝"),
    "well": ("well", "正常"),
    "fever": ("fever", "发热"),
    "axis.people": ("people", "人次"),
    "axis.celsius": ("°C", "°C"),
    "axis.seconds": ("seconds", "秒"),
    "axis.events": ("events", "事件数"),
    "fault.missed": ("missed", "漏记"),
    "fault.twice": ("twice", "重复"),
    "fault.invented": ("never happened", "无中生有"),
    "fault.wrong-person": ("wrong person or vehicle", "人或车辆错误"),
    "fault.wrong-verdict": ("wrong verdict", "体温判定错误"),
    "fault.wrong-decision": ("wrong decision", "放行决定错误"),
    "fault.wrong-value": ("wrong value", "数值错误"),
    "fault.misdated": ("wrong time", "时间错误"),
    "fault.wrong-order": ("wrong order", "次序错误"),
    "fault.hole": ("hole in a stream", "序号缺口"),
    "fault.late": ("late", "迟到"),
    "fault.alert-missed": ("alert missed", "漏报警"),
    "fault.alert-twice": ("alert twice", "重复报警"),
    "fault.alert-invented": ("false alert", "误报警"),
    "fault.alert-wrong": ("alert wrong", "报警错误"),
    "fault.check-wrong": ("wrong count of measurements", "测温次数错误"),
    "fault.duty-wrong": ("wrong duty", "双测结果错误"),
    "fault.series-missed": ("time series misses a point", "时序缺点"),
    "fault.series-invented": ("time series has too many", "时序多点"),
}


def say(key: str, lang: Lang) -> str:
    return WORDS[key][lang == "zh"]
