"""Codes that people carry, and what travels under them."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wire import enrolment
from wire.enrolment import ALPHABET, Grant, Granted, Renewed
from wire.errors import DecodeError, EnrolmentError

CODE = enrolment.plain_code(enrolment.new_code())
KEY = enrolment.key_of(CODE, "baotou-1", "north")
GRANT = Grant(certificate="c", authority="a", broker_host="hub", broker_port=8883, token_key="00ff")
positions = st.integers(0, enrolment.LETTERS - 1)


def test_a_code_is_understood_however_it_is_typed():
    code = enrolment.new_code()
    plain = enrolment.plain_code(code)
    assert enrolment.plain_code(f"  {code.lower().replace('-', ' ')} ") == plain
    assert enrolment.plain_code(plain.replace("0", "o").replace("1", "l")) == plain


def test_no_two_codes_are_alike():
    assert len({enrolment.new_code() for _ in range(1000)}) == 1000


@given(position=positions, letter=st.sampled_from(ALPHABET))
def test_every_wrong_letter_is_noticed_before_anybody_is_asked(position, letter):
    assume(CODE[position] != letter)
    with pytest.raises(EnrolmentError, match="mistyped"):
        enrolment.plain_code(CODE[:position] + letter + CODE[position + 1 :])


@pytest.mark.parametrize(("typed", "why"), [("", "0 letters"), ("7" * 24, "24 letters"), ("7U" * 13, "'U' is in no")])
def test_what_is_no_code_says_why(typed, why):
    with pytest.raises(EnrolmentError, match=why):
        enrolment.plain_code(typed)


def test_a_code_is_for_one_gate_of_one_site():
    keys = {enrolment.key_of(CODE, site, gate) for site in ("a", "b") for gate in ("north", "south")}
    assert len(keys) == 4


def test_only_who_has_the_code_asks_and_reads_the_answer():
    asked = enrolment.make_request(KEY, "baotou-1", "north", "request")
    other = enrolment.key_of(enrolment.plain_code(enrolment.new_code()), "baotou-1", "north")
    assert enrolment.is_from(KEY, asked)
    assert not enrolment.is_from(other, asked)
    granted = enrolment.seal(KEY, asked, GRANT)
    assert enrolment.unseal(KEY, asked, granted) == GRANT
    assert "00ff" not in granted.sealed
    with pytest.raises(EnrolmentError, match="not from the hub"):
        enrolment.unseal(other, asked, granted)


@given(field=st.sampled_from(["gate", "request", "mac"]), value=st.text(min_size=1, max_size=20))
def test_whatever_is_changed_on_the_way_is_noticed(field, value):
    asked = enrolment.make_request(KEY, "baotou-1", "north", "request")
    changed = msgspec.structs.replace(asked, **{field: value})
    assume(changed != asked)
    assert not enrolment.is_from(KEY, changed)
    with pytest.raises(EnrolmentError):
        enrolment.unseal(KEY, changed, enrolment.seal(KEY, asked, GRANT))


@given(st.binary(max_size=200))
def test_garbage_is_a_decode_error_and_nothing_else(payload):
    for decode in (
        enrolment.decode_request,
        lambda data: enrolment.decode_answer(data, Granted),
        lambda data: enrolment.decode_answer(data, Renewed),
    ):
        with pytest.raises(DecodeError):
            decode(payload)


@given(st.text(max_size=300))
def test_no_answer_opens_without_the_code(sealed):
    asked = enrolment.make_request(KEY, "baotou-1", "north", "request")
    with pytest.raises(EnrolmentError):
        enrolment.unseal(KEY, asked, Granted(sealed=sealed))
