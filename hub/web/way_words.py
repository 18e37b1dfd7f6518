"""The words of the navigation's areas, in English and Chinese."""

from __future__ import annotations

WAY_WORDS: dict[str, tuple[str, str]] = {
    "menu": ("Menu", "菜单"),
    "skip": ("To the content", "跳到正文"),
    "area.now": ("Now", "现场"),
    "area.people": ("People", "人员"),
    "area.duties": ("Daily duties", "日常管理"),
    "area.isolation": ("Isolation", "隔离"),
    "area.site": ("Site", "厂区"),
    "area.reports": ("Reports", "报表"),
    "area.system": ("System", "系统"),
}
