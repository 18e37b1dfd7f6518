"""The words of the boards' page: (English, Chinese) by key. What stands on the boards is theirs (`dashboards`)."""

from __future__ import annotations

BOARD_WORDS: dict[str, tuple[str, str]] = {
    "boards": ("Boards", "看板"),
    "boards.which": ("Which board", "选择看板"),
    "boards.since": ("Since", "时段"),
    "boards.since.own": ("as the board says", "看板默认"),
    "boards.since.now-24h": ("the last 24 hours", "近 24 小时"),
    "boards.since.now-6d/d": ("the last 7 days", "近 7 天"),
    "boards.since.now-29d/d": ("the last 30 days", "近 30 天"),
    "boards.since.now-364d/d": ("the last year", "近一年"),
    "boards.all": ("all", "全部"),
    "boards.stale": ("No answer from the hub; what you see is old.", "中心无响应，以下数据已过时。"),
    "boards.from-influx": ("from the time-series server", "数据来自时序数据库"),
    "boards.from-figures": ("from the hub's own figures", "数据来自中心自有统计"),
    "boards.fault": ("The time-series server gives no answer: these are the hub's own figures.",
                     "时序数据库无响应，当前显示中心自有统计。"),
    "boards.no-script": ("Boards need JavaScript, which this browser has switched off.", "看板需要启用 JavaScript。"),
}  # fmt: skip
