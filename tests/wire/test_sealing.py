"""What is sealed is read by the key's owner and by nobody else, and only for the registration that it belongs to."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.errors import SealError
from wire.sealing import Details, new_key, public_of, seal, unseal

KEY = new_key()
TOKEN = "token-of-a-visitor"
WHO = Details(name="李雷", telephone="13800000000", company="运输公司", host="王主任", reason="送货", number="蒙B12345")
lines = st.text(max_size=200)


@given(st.builds(Details, name=lines, telephone=lines, company=lines, host=lines, reason=lines, number=lines))
def test_the_owner_of_the_key_reads_what_was_sealed(details):
    assert unseal(KEY, TOKEN, seal(public_of(KEY), TOKEN, details)) == details


def test_nothing_of_the_details_shows_and_no_two_look_alike():
    first, second = seal(public_of(KEY), TOKEN, WHO), seal(public_of(KEY), TOKEN, WHO)
    assert first != second
    assert "李雷".encode() not in base64.urlsafe_b64decode(first)


@pytest.mark.parametrize(("key", "token"), [(new_key(), TOKEN), (KEY, "another-token")], ids=["key", "token"])
def test_another_key_or_another_registration_opens_nothing(key, token):
    with pytest.raises(SealError, match="not sealed to this hub's key"):
        unseal(key, token, seal(public_of(KEY), TOKEN, WHO))


@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_rubbish_is_refused_in_words(sealed):
    with pytest.raises(SealError, match="damaged"):
        unseal(KEY, TOKEN, sealed)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_flipped_bit_is_noticed(position, flip):
    sealed = bytearray(base64.urlsafe_b64decode(seal(public_of(KEY), TOKEN, WHO)))
    sealed[position % len(sealed)] ^= flip
    with pytest.raises(SealError):
        unseal(KEY, TOKEN, base64.urlsafe_b64encode(bytes(sealed)).decode())


@pytest.mark.parametrize("public", ["", "short", "ä" * 44, "A" * 43])
def test_a_key_that_is_none_is_named(public):
    with pytest.raises(SealError, match="sealing key"):
        seal(public, TOKEN, WHO)
