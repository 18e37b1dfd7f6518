"""Texts of messages: whatever there is to tell, it fits the channel, and what to do and the link are in it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.alerts.channels import Context
from hub.alerts.channels.base import Channel
from hub.alerts.channels.mail import MailSettings, mail
from hub.alerts.channels.telegram import CAPTION_ROOM, TEXT_ROOM
from hub.alerts.outbox import Message
from hub.alerts.rules import SEVERITY, Rule, RunbookSettings, runbook
from hub.alerts.texts import LISTED, Room, body, detail_of, fitted, headline, name
from hub.board import AlertRow
from hub.web.page import Page
from tests.support.events import TIME_NS
from tests.support.services import SERVICES, ServiceDouble

ZONE = "Asia/Shanghai"
TIME = "2020-02-09 06:13:20"
LINK = "https://menshen.factory.example.com:8443/ack/" + "A" * 180
GATE, LANE = "north-gate-of-the-second-works-00", "lane-for-people-with-a-long-name0"
"""Names as long as they may be."""
ROOMS = {"wecom": Room(2048), "photo": CAPTION_ROOM, "telegram": TEXT_ROOM, "robot": Room(16_000)}

rules = st.sampled_from(Rule)
details = st.sampled_from(["", "38.1 ± 0.3 °C", "温" * 600, "x" * 2000]) | st.text(max_size=200)
"""A gate may say up to 2,000 characters of a fault."""


def alert(rule: Rule, detail: str, number: int = 1, gate: str = GATE) -> AlertRow:
    return AlertRow(
        number, f"k{number}", rule, SEVERITY[rule], "firing", TIME_NS, TIME_NS, 1, "baotou-1", gate, LANE, detail
    )


def page(*alerts: AlertRow, step: int = 0) -> Message:
    return Message(id=1, key="menshen-1", channel="c", receiver="Li", alerts=alerts, link=LINK, step=step)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(rules, details, st.integers(0, 3)), min_size=1, max_size=40),
    st.sampled_from(["zh", "en"]),
    st.integers(0, 9),
    st.sampled_from(sorted(ROOMS)),
)
def test_a_text_fits_and_says_what_where_when_what_to_do_and_by_which_link(told, lang, step, room):
    alerts = [alert(rule, detail, n, f"{GATE[:-1]}{at}") for n, (rule, detail, at) in enumerate(told)]
    text = fitted(page(*alerts, step=step), lang, ZONE, ROOMS[room])
    assert ROOMS[room].size(text) <= ROOMS[room].most
    assert LINK in text
    first = next((each for each in (runbook(one.rule, one.kind, lang) for one in alerts) if each), "")
    assert first in text
    if len(alerts) == 1:
        for part in (name(alerts[0].rule, lang), f"baotou-1/{alerts[0].gate}/{LANE}", TIME):
            assert part in text


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_fever_has_its_temperature_with_the_uncertainty_in_the_smallest_text(room, lang):
    assert "(38.1 ± 0.3 °C)" in fitted(page(alert(Rule.FEVER, "38.1 ± 0.3 °C")), lang, ZONE, ROOMS[room])


@pytest.mark.parametrize(
    ("kept", "zh", "en"),
    [
        ("2020-02-10 · 0×: 3 · 1×: 1", "2020-02-10 · 未测 3 人，只测一次 1 人", "2020-02-10 · 3 not measured, 1 once"),
        ("甲班: 4 × 2020-02-10", "甲班: 2020-02-10，4 人", "甲班: 4 people, 2020-02-10"),
        ("12 > 10", "12 人，限 10 人", "12 people, limit 10"),
        ("people-thermal: {0} × 3", "people-thermal: {0} × 3", "people-thermal: {0} × 3"),
    ],
)
def test_figures_that_are_kept_in_no_language_are_said_in_words(kept, zh, en):
    one = alert(Rule.MISSED_CHECKS, kept)
    assert (detail_of(one, "zh"), detail_of(one, "en")) == (zh, en)


def test_where_there_is_room_the_text_is_headline_and_body_and_where_not_the_list_gives_way_first():
    many = page(*(alert(Rule.GAP, "x" * 60, n, f"gate-{n}") for n in range(9)))
    whole = "\n".join([headline(many, "en", ZONE), *body(many, "en", ZONE)])
    assert fitted(many, "en", ZONE, Room(9999)) == whole
    assert f"and {9 - LISTED} more" in whole
    less = fitted(many, "en", ZONE, Room(len(whole.encode()) - 1))
    assert (less.count("gate-"), f"and {9 - LISTED + 1} more" in less, LINK in less) == (LISTED - 1, True, True)


def worst(lang: str) -> Message:
    """Every rule at once, each with as much as a gate may say."""
    alerts = [alert(rule, "温" * 600, n, f"gate-{n}") for n, rule in enumerate(Rule)]
    return replace(page(*alerts, step=3), lang=lang, to="13800000000")


def strings(value: object) -> list[str]:
    """All texts in JSON."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in strings(each)]
    if isinstance(value, list):
        return [text for each in value for text in strings(each)]
    return [str(value)]


@pytest.fixture
def double(kind: str) -> Iterator[ServiceDouble]:
    double = ServiceDouble(SERVICES[kind].judge)
    double.start()
    yield double
    double.stop()


@pytest.fixture
async def channel(kind: str, double: ServiceDouble, tmp_path: Path) -> AsyncIterator[Channel]:
    channel = SERVICES[kind].make(double.base, tmp_path, Context(ZONE, lambda: TIME_NS / 1e9))
    yield channel
    await channel.close()


@pytest.mark.parametrize("kind", sorted(set(SERVICES) - {"aliyun-sms", "telegram"}))
@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("most", [True, False])
async def test_every_channel_takes_the_longest_case_with_what_to_do_and_the_link(kind, channel, double, lang, most):
    message = worst(lang) if most else replace(page(alert(Rule.FEVER, "38.1 ± 0.3 °C")), lang=lang)
    await channel.send(message)
    assert double.taken
    text = "\n".join(strings(double.taken[0]))
    do = runbook(message.alerts[0].rule, "", lang)
    wanted = [LINK, do] if most else [LINK, do, GATE, "38.1 ± 0.3 °C"]
    assert [part for part in wanted if part not in text] == []


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_a_mail_has_the_longest_case_too(lang):
    settings = MailSettings(name="m", host="h", sender="a@b.c", to=["d@e.f"])
    told = mail(replace(worst(lang), to="d@e.f"), settings, Context(ZONE)).get_content()
    assert LINK in told
    assert runbook(Rule.FEVER, "", lang) in told


@pytest.mark.parametrize("kind", ["aliyun-sms"])
async def test_an_sms_says_what_where_when_how_much_and_what_to_do_in_35_characters_each(kind, channel, double):
    for message in (worst("zh"), replace(page(alert(Rule.FEVER, "38.1 ± 0.3 °C")), lang="zh")):
        await channel.send(replace(message, to="13800000000"))
    said = json.loads(parse_qs(urlsplit(double.requests[-1].path).query)["TemplateParam"][0])
    assert (said["rule"], said["detail"]) == ("发热人员", "38.1 ± 0.3 °C")
    assert said["time"] == TIME[5:]
    assert said["do"].startswith("立即隔离，用接触式体温计复测")


@pytest.mark.parametrize(("lang", "own"), [("zh", "报值班电话 8000。"), ("en", "Call 8000.")])
def test_what_is_to_be_done_is_said_in_the_sites_own_words_where_it_has_some(lang, own):
    runbooks = {Rule.FEVER: RunbookSettings(zh="报值班电话 8000。", en="Call 8000.")}
    one, other = alert(Rule.FEVER, ""), alert(Rule.GAP, "", 2)
    text = "\n".join(body(replace(page(one, other), runbooks=runbooks), lang))
    assert own in text
    assert runbook(Rule.GAP, "", lang) in text
    assert runbook(Rule.FEVER, "", lang) not in text
    html = Page(site="s", version="0", zone=None, runbooks=runbooks).acknowledge(lang, [one], "Li", TIME_NS)
    assert own in html
