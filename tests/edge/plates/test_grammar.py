"""The grammar says what a plate may bear, as the regular expressions of its patterns do."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.plates.grammar import MAINLAND, PROVINCES, Colour, Grammar, Pattern

GRAMMAR = Grammar()
CHARACTERS = st.sampled_from(GRAMMAR.alphabet + "IO-")
PATTERNS = [re.compile(pattern.text) for pattern in MAINLAND]


def some_plate() -> st.SearchStrategy[str]:
    return st.sampled_from(GRAMMAR.templates).flatmap(
        lambda template: st.tuples(*(st.sampled_from(sorted(place)) for place in template.places)).map("".join)
    )


@given(some_plate() | st.text(CHARACTERS, max_size=10) | st.text(max_size=9))
def test_it_accepts_just_what_the_patterns_match(text):
    assert GRAMMAR.accepts(text) == any(pattern.fullmatch(text) for pattern in PATTERNS)


@given(some_plate())
def test_every_beginning_of_a_plate_may_go_on_to_its_next_character(text):
    for at, char in enumerate(text):
        assert GRAMMAR.goes_on(GRAMMAR.alive(text[:at]), at, char)


@given(some_plate(), st.sampled_from(Colour))
def test_a_plate_has_a_prior_and_what_is_none_has_not(text, colour):
    assert math.isfinite(GRAMMAR.log_prior(text, colour))
    assert GRAMMAR.log_prior(text + "警警", colour) == -math.inf


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("京A88731", True),
        ("粤OT9048", True),
        ("渝B3587学", True),
        ("皖AD11166", True),
        ("京A12345D", True),
        ("京A1234警", True),
        ("粤Z1234港", True),
        ("沪A0023领", True),
        ("使014578", True),
        ("KA12345", True),
        ("京A1234I", False),
        ("京I12345", False),
        ("A12345", False),
        ("京A123456", False),
        ("京AZ12345", False),
        ("粤B1234港", False),
        ("", False),
    ],
)
def test_the_mainlands_plates_are_known(text, good):
    assert GRAMMAR.accepts(text) is good


def test_the_colour_speaks_for_the_length():
    seven, eight = "京A12345", "京AD12345"
    assert GRAMMAR.log_prior(seven, Colour.BLUE) > GRAMMAR.log_prior(eight, Colour.BLUE)
    assert GRAMMAR.log_prior(eight, Colour.GREEN) > GRAMMAR.log_prior(seven, Colour.GREEN)
    assert GRAMMAR.log_prior(seven, Colour.UNKNOWN) == GRAMMAR.log_prior(eight, Colour.UNKNOWN)


def test_three_letters_in_the_serial_are_rare_and_two_rows_have_seven_characters():
    assert GRAMMAR.log_prior("京AAB123", Colour.BLUE) > GRAMMAR.log_prior("京AABC12", Colour.BLUE)
    seven, eight = "京A12345", "京A12345D"
    assert GRAMMAR.log_prior(seven, Colour.YELLOW, two_rows=True) > GRAMMAR.log_prior(
        eight, Colour.YELLOW, two_rows=True
    )


def test_other_countries_are_a_matter_of_patterns():
    germany = Grammar([Pattern(text="[A-ZÄÖÜ]{1,3}[A-Z]{1,2}[0-9]{1,4}[EH]?", colours=(Colour.WHITE,))])
    assert germany.accepts("BMW1234E")
    assert germany.accepts("HH1")
    assert not germany.accepts("1HH")
    assert not germany.accepts(f"{PROVINCES[0]}A12345")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[A-", "not understood at"),
        ("A{3,1}", "counts down"),
        ("[Z-A]", "is empty"),
        ("A{0,9}B{0,9}", "more than 64 lengths"),
        ("A+(B|C)*]", "not understood at"),
        ("", "no pattern"),
    ],
)
def test_a_pattern_that_is_none_is_named(text, fault):
    with pytest.raises(ValueError, match=fault):
        Grammar([Pattern(text=text)])
