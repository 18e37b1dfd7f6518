"""A token key on its way: opened by the gate that it is for, when the site's authority made it, and by nobody else."""

from __future__ import annotations

import functools

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from wire import key_transport
from wire.errors import SealError
from wire.messages import decode, encode
from wire.token_keys import TokenKeyOffer

KEY = b"a token key of the site, long enough"


@functools.cache
def key(of: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def offer(by: str = "authority", to: str = "north", word: bytes = KEY) -> TokenKeyOffer:
    sign = functools.partial(key(by).sign, signature_algorithm=ec.ECDSA(hashes.SHA256()))
    return key_transport.seal(word, key(to).public_key(), sign, site="s", gate="north", version=7, registry=3)


def opened(found: TokenKeyOffer, of: str = "north", site: str = "s", gate: str = "north") -> bytes:
    return key_transport.unseal(found, key(of), key("authority").public_key(), site=site, gate=gate)


def test_the_gate_that_it_is_for_opens_it_and_nothing_on_the_way_tells_the_key():
    made = offer()
    assert opened(decode(TokenKeyOffer, encode(made))) == KEY
    assert KEY not in encode(made)
    assert offer().sealed != made.sealed  # the same key is never sealed to the same bytes twice


@pytest.mark.parametrize(
    "open_",
    [
        lambda: opened(offer(by="another authority")),
        lambda: opened(offer(), gate="south"),
        lambda: opened(offer(), site="t"),
        lambda: opened(offer(), of="south"),
        lambda: opened(offer(to="south")),
        lambda: opened(offer(word=b"short")),
    ],
    ids=["forged", "gate", "site", "reader", "sealed to another", "too short"],
)
def test_what_is_not_the_authority_s_for_this_gate_is_refused(open_):
    with pytest.raises(SealError, match="token key"):
        open_()


@settings(max_examples=60)
@given(st.sampled_from(["v", "version", "registry", "fingerprint", "recipient", "sealed", "signature"]), st.data())
def test_whatever_is_altered_on_the_way_is_found(name, data):
    made = offer()
    was = asdict(made)[name]
    other: object = was + data.draw(st.integers(1, 9)) if isinstance(was, int) else None
    if other is None:
        place = data.draw(st.integers(0, len(was) - 1))
        letter = data.draw(st.sampled_from("0123456789abcdefABCDEF+/=").filter(lambda one: one != was[place]))
        other = was[:place] + letter + was[place + 1 :]
    if name == "signature" and key_transport.base64.b64decode(str(other) + "==") == key_transport.base64.b64decode(was):
        return  # the last letter's spare bits say nothing
    with pytest.raises(SealError):
        opened(replace(made, **{name: other}))
