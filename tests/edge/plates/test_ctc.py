"""Decoding under the grammar: exact where everything can be counted, and never a text that is no plate."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.plates.ctc import candidates, log_chances
from edge.plates.grammar import Grammar, Pattern

SMALL = Grammar([Pattern(text="[AB]{1,3}")])
MAINLAND = Grammar()


def spelled(path: tuple[int, ...], alphabet: str) -> str:
    """What a path of columns says: repeats are one, blanks are left out."""
    return "".join(alphabet[column - 1] for column, _ in itertools.groupby(path) if column)


def counted(chances: np.ndarray, alphabet: str) -> dict[str, float]:
    """The chance of every text, over all paths."""
    texts: dict[str, float] = {}
    steps, columns = chances.shape
    for path in itertools.product(range(columns), repeat=steps):
        text = spelled(path, alphabet)
        texts[text] = texts.get(text, 0.0) + float(np.prod([chances[step, column] for step, column in enumerate(path)]))
    return texts


def some_chances(columns: int, steps: st.SearchStrategy[int]) -> st.SearchStrategy[np.ndarray]:
    return st.tuples(steps, st.integers(0, 2**32 - 1)).map(
        lambda drawn: np.random.default_rng(drawn[1]).dirichlet(np.full(columns, 0.4), drawn[0]).astype(np.float32)
    )


@given(some_chances(3, st.integers(1, 6)))
@settings(deadline=None, max_examples=40)
def test_the_chance_of_a_text_is_that_of_all_its_paths(chances):
    every = counted(chances, SMALL.alphabet)
    texts = [text for text in every if 1 <= len(text) <= 3]
    expected = np.array([every[text] for text in texts])
    assert np.exp(log_chances(chances, texts, SMALL.alphabet)) == pytest.approx(expected, rel=1e-3, abs=1e-6)


@given(some_chances(3, st.integers(1, 6)))
@settings(deadline=None, max_examples=40)
def test_a_wide_beam_finds_the_likeliest_text_of_the_grammar(chances):
    every = counted(chances, SMALL.alphabet)
    allowed = {text: chance for text, chance in every.items() if SMALL.accepts(text)}
    found = candidates(chances, SMALL, SMALL.alphabet, 50)
    best = max(allowed.values())
    if best > 1e-3:
        assert found
        assert allowed[found[0]] == pytest.approx(best, rel=1e-2)


@given(some_chances(1 + len(MAINLAND.alphabet), st.integers(0, 30)))
@settings(deadline=None, max_examples=40)
def test_whatever_was_seen_only_plates_come_out(chances):
    found = candidates(chances, MAINLAND, MAINLAND.alphabet, 6)
    assert all(MAINLAND.accepts(text) for text in found)
    assert len(set(found)) == len(found) <= 6
    assert np.all(np.isfinite(log_chances(chances, found, MAINLAND.alphabet)))


def test_a_plain_spelling_is_read():
    text = "京A88731"
    chances = np.full((2 * len(text), 1 + len(MAINLAND.alphabet)), 1e-5, np.float32)
    for number, char in enumerate(text):
        chances[2 * number, 1 + MAINLAND.alphabet.index(char)] = 0.99
        chances[2 * number + 1, 0] = 0.99
    assert candidates(chances, MAINLAND, MAINLAND.alphabet, 5)[0] == text


def test_no_texts_have_no_chances():
    assert log_chances(np.ones((3, 3), np.float32), [], "AB").shape == (0,)
