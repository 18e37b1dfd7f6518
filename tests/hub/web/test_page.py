"""The page as text: any board renders in both languages, and nothing in it is markup but ours."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.accounts.desk import Who
from hub.accounts.models import Role
from hub.accounts.roles import MAY
from hub.alerts.rules import RUNBOOK, Rule
from hub.board import DeviceRow, ProjectionRow, Snapshot
from hub.web.page import MAX_ALERTS, MAX_PASSAGES, PARTS, Page
from hub.web.words import LANGS, Lang
from tests.support.console import ZONE
from tests.support.snapshots import alert, bad_day, board, boards, gate, person

PAGE = Page(site="baotou-1", version="0.1.0", zone=ZONE)
WHO = Who("li", "李雷", Role.OFFICER, "", "csrf", MAY[Role.OFFICER])
HOSTILE = """</td><script>alert(1)</script><img src=x onerror="alert(2)"> ' onclick='alert(3)"""


class _Elements(HTMLParser):
    """The elements and attribute names of a page, and that every element is closed in order."""

    VOID = frozenset({"meta", "link", "input"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(boards(), st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=2), st.sampled_from(LANGS))
def test_any_board_renders_as_well_formed_html(snapshot: Snapshot, problems: dict[str, str], lang: Lang) -> None:
    elements = _Elements(PAGE.full(snapshot, problems, lang, WHO))
    assert not elements.open
    assert set(PAGE.fragments(snapshot, problems, lang)) == set(PARTS)


@pytest.mark.parametrize("lang", LANGS)
def test_hostile_text_anywhere_stays_text(lang: Lang) -> None:
    hostile = board(
        site=HOSTILE,
        gates=(gate(HOSTILE, site=HOSTILE, state=HOSTILE, devices=(DeviceRow(HOSTILE, HOSTILE, HOSTILE, HOSTILE),)),),
        alerts=(alert(1, rule=HOSTILE, severity=HOSTILE, detail=HOSTILE, gate=HOSTILE, lane=HOSTILE, told=HOSTILE),),
        passages=(person(1, kind=HOSTILE, gate=HOSTILE, lane=HOSTILE, who=HOSTILE),),
        projections=(ProjectionRow(HOSTILE, 1, HOSTILE, HOSTILE),),
    )
    plain, attacked = (_Elements(PAGE.full(b, {HOSTILE: HOSTILE}, lang, WHO)) for b in (bad_day(), hostile))
    assert attacked.names <= plain.names
    assert attacked.attributes <= plain.attributes
    assert attacked.text.count("<script>alert(1)</script>") >= 15


def test_no_page_has_an_inline_script_a_style_or_anything_from_elsewhere() -> None:
    html = PAGE.full(bad_day(), {}, "en", WHO)
    elements = _Elements(html)
    assert "<script>" not in html
    assert "style" not in elements.names | elements.attributes
    assert not any(name.startswith("on") for name in elements.attributes)
    assert "http:" not in html.replace("http://127.0.0.1:8086 refused the connection", "")
    assert "https:" not in html


TOLD_EN = ("Act now", "measure again", "caught up 1 h 29 min late", "face turned away", "not told yet", "no data now")
TOLD_ZH = ("立即处置", "复测", "迟到1 小时 29 分钟补传", "未正对镜头", "尚未通知", "目前无数据")


@pytest.mark.parametrize(("lang", "words"), [("en", TOLD_EN), ("zh", TOLD_ZH)])
def test_a_bad_day_is_told_in_words(lang: Lang, words: tuple[str, ...]) -> None:
    text = _Elements(PAGE.full(bad_day(), {}, lang, WHO)).text
    assert [word for word in words if word not in text] == []


def test_times_are_those_of_the_hub_s_zone() -> None:
    assert "12:00:00" in PAGE.fragments(board(), {}, "en")["summary"]


def test_an_empty_board_says_that_there_is_no_data() -> None:
    text = _Elements(PAGE.full(board(gates=(), passages=()), {}, "en", WHO)).text
    assert "No data" in text
    assert "No gate has reported yet: no data." in text
    assert "No passage yet." in text


def test_a_page_shows_so_many_rows_and_says_how_many_alerts_it_left_out() -> None:
    many = board(
        alerts=tuple(alert(n) for n in range(MAX_ALERTS + 7)), passages=tuple(map(person, range(MAX_PASSAGES + 5)))
    )
    parts = PAGE.fragments(many, {}, "en")
    assert parts["alerts"].count('class="alert ') == MAX_ALERTS
    assert "and 7 more" in parts["alerts"]
    assert parts["passages"].count("<tr ") == MAX_PASSAGES


def test_no_part_says_more_than_it_must_when_only_the_clock_moved() -> None:
    before = PAGE.fragments(board(), {}, "en")
    after = PAGE.fragments(board(time_ns=board().time_ns + 10**9), {}, "en")
    assert {part for part in PARTS if before[part] != after[part]} == {"summary", "gates"}


@pytest.mark.parametrize("lang", LANGS)
def test_an_open_alert_says_what_to_do(lang: Lang) -> None:
    assert RUNBOOK[Rule.FEVER][lang] in PAGE.fragments(board(alerts=(alert(1),)), {}, lang)["alerts"]
    assert "advice" not in PAGE.fragments(board(alerts=(alert(1, rule="unheard-of"),)), {}, lang)["alerts"]
