"""The navigation: who may see a page finds it there, nobody else does, and it says where one is."""

from __future__ import annotations

import re

import pytest

from hub.accounts.desk import Who
from hub.accounts.models import Role
from hub.accounts.roles import MAY, Permission
from hub.alerts.rules import Rule
from hub.web.doors import DOORS
from hub.web.page import Page
from hub.web.ways import AREAS, NOWHERE, act, here
from hub.web.words import LANGS, WORDS
from tests.support.console import ZONE

WAYS = [way for area in AREAS for way in area.ways]
LISTS = {
    address.removeprefix("GET ")
    for address, door in DOORS.items()
    if address.startswith("GET /") and isinstance(door.needs, Permission) and address.count("/") == 1
}
"""The pages that are no part of another one."""
ELSEWHERE = {"/live", "/links", "/city"}
"""The board's updates; workers' QR codes, from declarations; the city, from reports, where a hub has several sites."""
BY_ITSELF = {
    Rule.FEVER, Rule.FEVER_CONFIRMED, Rule.MISSED_CHECKS,  # to the very case, to the very list
    Rule.TAILGATING, Rule.UNSCREENED_ENTRY, Rule.BADGE_MISUSE,  # at the gate
    Rule.GATE_SILENT, Rule.DEVICE_FAULT, Rule.GAP, Rule.UNREADABLE, Rule.REGISTRY_OLD, Rule.CHANNEL_FAULT,
    Rule.ALERT_STUCK,  # machines
}  # fmt: skip
"""Alerts that are not about a page."""


def who(role: Role) -> Who:
    return Who("li", "李雷", role, "", "csrf", MAY[role])


@pytest.mark.parametrize("role", Role)
def test_a_role_finds_the_pages_that_it_may_see_and_no_other(role):
    found = {way.path for area in here(who(role), "/").areas for way in area.ways}
    assert found == {way.path for way in WAYS if way.permission in MAY[role]}
    assert all(area.ways for area in here(who(role), "/").areas)


def test_every_list_of_the_console_is_in_it_under_a_permission_that_opens_it():
    assert {way.path for way in WAYS} == LISTS - ELSEWHERE
    for way in WAYS:
        needed = DOORS[f"GET {way.path}"].needs
        assert all(needed in MAY[role] for role in Role if way.permission in MAY[role]), way.path
    assert len({way.key for way in WAYS}) == len(WAYS)


def test_every_area_and_page_has_words():
    assert {area.key for area in AREAS} | {way.key for way in WAYS} <= set(WORDS)


@pytest.mark.parametrize(
    ("path", "area", "way", "is_it"),
    [
        ("/", "area.now", "/", True),
        ("/alerts/7", "area.now", "/alerts", False),
        ("/cases/3/contacts", "area.isolation", "/cases", False),
        ("/people/5", "area.people", "/people", False),
        ("/links", "area.people", "/people", False),
        ("/peopleless", None, None, False),
        ("/account", None, None, False),
    ],
)
def test_a_page_knows_its_area_and_the_list_that_it_belongs_to(path, area, way, is_it):
    found = here(who(Role.OFFICER), path)
    assert (found.area and found.area.key, found.way and found.way.path, found.is_it) == (area, way, is_it)


def test_nobody_who_is_not_signed_in_sees_any():
    assert here(None, "/") == NOWHERE


@pytest.mark.parametrize("rule", Rule)
def test_an_alert_leads_to_where_something_is_done_about_it_and_only_who_may_go_there(rule):
    found = act(who(Role.OFFICER), rule.value)
    assert (found is None) is (rule in BY_ITSELF)
    for role in Role:
        assert act(who(role), rule.value) in {None, found}
        assert found is None or (act(who(role), rule.value) is None) is (found.permission not in MAY[role])


@pytest.mark.parametrize("lang", LANGS)
def test_the_page_marks_where_one_is_once_in_each_of_its_lists(lang):
    html = Page(site="baotou-1", version="0", zone=ZONE).office(
        "no.html", lang, 0, "not-done", who(Role.OFFICER), "/rotas", text="x"
    )
    assert re.findall(r'<a href="([^"]+)" aria-current="page"', html) == ["/rotas", "/rotas"]
    assert re.findall(r'<a href="([^"]+)" aria-current="true"', html) == ["/duties"]
    assert "script" not in html
    assert "style=" not in html
