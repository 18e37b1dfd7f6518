"""The catalogue has words for all that a screen may show, in both languages."""

from __future__ import annotations

import ast
import re
import string
from enum import StrEnum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hub
from hub.alerts.rules import Rule
from hub.web import words
from wire import events


def _members() -> list[StrEnum]:
    enums = [value for value in vars(events).values() if isinstance(value, type) and issubclass(value, StrEnum)]
    return [member for enum in enums for member in enum]


@pytest.mark.parametrize("lang", words.LANGS)
@pytest.mark.parametrize("member", _members(), ids=lambda member: f"{type(member).__name__}.{member.name}")
def test_every_value_of_every_enum_that_crosses_the_wire_has_words(member: StrEnum, lang: words.Lang) -> None:
    assert words.name(lang, member).strip()


def test_the_enums_of_the_wire_are_the_ones_tested() -> None:
    assert {"Outcome", "Verdict", "Reason", "Refusal", "Health", "DeviceKind", "GapCause"} <= {
        type(member).__name__ for member in _members()
    }


def test_every_reader_of_the_journal_has_words_for_the_foot_of_the_board() -> None:
    readers = re.compile(r"^    name = \"([a-z]+)\"$", re.MULTILINE)
    named = {name for file in Path(hub.__file__).parent.rglob("*.py") for name in readers.findall(file.read_text())}
    assert {"checks", "rounds", "alerts"} <= named
    shown = named - {"board", "standings"}  # what shows them, and a store beside them
    assert {f"reader.{name}" for name in shown} <= words.WORDS.keys()


def _blanks(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field}


@pytest.mark.parametrize("key", words.WORDS)
def test_both_languages_say_something_with_the_same_blanks(key: str) -> None:
    english, chinese = words.WORDS[key]
    assert english.strip()
    assert chinese.strip()
    assert _blanks(english) == _blanks(chinese)


@pytest.mark.parametrize("key", words.WORDS)
def test_the_two_languages_are_not_exchanged(key: str) -> None:
    english, chinese = words.WORDS[key]
    assert not any("\u4e00" <= char <= "\u9fff" for char in english)
    assert any("\u4e00" <= char <= "\u9fff" for char in chinese)


def test_a_key_that_two_catalogues_have_is_refused() -> None:
    with pytest.raises(ValueError, match=r"two catalogues have: report\.made"):
        words.one_of({"report.made": ("a", "甲")}, {"b": ("b", "乙"), "report.made": ("c", "丙")})


def _actions() -> set[str]:
    """What is noted in the record, as far as the sources name it."""
    calls = (
        node for path in Path(hub.__file__).parent.rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in {"note", "noted"}
    )  # fmt: skip
    actions = (call.args[3] for call in calls if len(call.args) > 3)
    return {one.value for one in actions if isinstance(one, ast.Constant)}


def test_whatever_is_noted_in_the_record_has_words() -> None:
    actions = _actions()
    assert {"case-opened", "signed-in", "person-erased"} <= actions
    assert [action for action in actions if f"act.{action}" not in words.WORDS] == []


def test_no_two_outcomes_verdicts_refusals_or_reasons_read_alike() -> None:
    for kind in (events.Outcome, events.Verdict, events.Refusal, events.Reason, events.Health, events.DeviceKind):
        for lang in words.LANGS:
            assert len({words.name(lang, member) for member in kind}) == len(kind)


@pytest.mark.parametrize(
    ("header", "lang"),
    [
        ("", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en;q=0.9", "en"),
        ("de-DE,de;q=0.9,en;q=0.5", "en"),
        ("fr", "zh"),
        ("en;q=0.2, zh-TW;q=0.7", "zh"),
        ("en;q=0", "zh"),
        ("en;q=many", "zh"),
    ],
)
def test_the_browser_s_preference_decides(header: str, lang: str) -> None:
    assert words.preferred(header) == lang


@given(st.text(max_size=60))
def test_any_accept_language_header_gives_a_language(header: str) -> None:
    assert words.preferred(header) in words.LANGS


@pytest.mark.parametrize("rule", Rule)
def test_every_alert_rule_has_words(rule: Rule) -> None:
    assert f"rule.{rule}" in words.WORDS


def test_a_value_that_the_catalogue_does_not_know_is_shown_as_it_is() -> None:
    assert words.known("en", "gate-state", "asleep") == "asleep"
