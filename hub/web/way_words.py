"""The words of the navigation's areas, in English and Chinese."""

from __future__ import annotations

WAY_WORDS: dict[str, tuple[str, str]] = {
    "menu": ("Menu", "菜单"),
    "skip": ("To the content", "跳到正文"),
    "area.now": ("Now", "现场"),
    "area.people": ("People", "人员"),
    "area.duties": ("Daily duties", "日常管理"),
    "area.isolation": ("Isolation", "隔离"),
    "start": ("First steps", "开始使用"),
    "start.users-edit": ("Users: who may sign in, with which role", "用户：谁可以登录，各是什么角色"),
    "start.site-edit": (
        "Places and teams: the isolation place, what is disinfected, shifts, teams",
        "场所与班组：隔离场所、消杀场所、班次、班组",
    ),
    "start.people-edit": ("People: import what HR has", "人员：导入人事花名册"),
    "start.gates-edit": ("Gates and enrolment: codes for new gates", "门岗与入网：为新门岗生成入网码"),
    "area.site": ("Site", "厂区"),
    "area.reports": ("Reports", "报表"),
    "area.system": ("System", "系统"),
}
