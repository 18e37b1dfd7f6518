"""Tokens hide numbers and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.events import Token
from wire.tokens import TokenKind, token

KEY = b"0123456789abcdef"


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20))
def test_case_width_and_spaces_do_not_matter(number):
    wide = "".join(chr(ord(c) + 0xFEE0) for c in number)
    assert token(KEY, TokenKind.BADGE, number) == token(KEY, TokenKind.BADGE, f" {number.lower()} ")
    assert token(KEY, TokenKind.BADGE, number) == token(KEY, TokenKind.BADGE, wide)


def test_kinds_and_keys_make_different_tokens():
    made = {token(key, kind, "蒙B12345") for kind in TokenKind for key in (KEY, KEY + b"!")}
    assert len(made) == 2 * len(TokenKind)


def test_a_short_key_and_an_empty_number_are_refused():
    with pytest.raises(ValueError, match="expected at least 16"):
        token(b"short", TokenKind.BADGE, "1")
    with pytest.raises(ValueError, match="at least one character"):
        token(KEY, TokenKind.BADGE, "  ")


def test_a_token_fits_the_wire():
    assert Token.__metadata__[0].pattern == r"^[A-Za-z0-9_-]{8,64}$"
    assert len(token(KEY, TokenKind.PLATE, "蒙B12345")) == 22
