"""What robots' services send is opened and read as their documentation says, and nothing that was touched, forged or
made up is ever taken for theirs."""

from __future__ import annotations

import base64
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.alerts.channels import dingtalk, feishu, wecom
from tests.support import robots
from tests.support.events import TIME_NS
from wire.errors import DecodeError


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_whatever_comes_over_a_stream_is_a_frame_or_not_understood(raw):
    with suppress(DecodeError):
        dingtalk.frame_of(raw)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["msgId", "createAt", "senderStaffId", "text", "msgtype", "userId", "content", "header"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=8,
)


@given(_json)
def test_whatever_json_comes_is_understood_or_not_and_breaks_nothing(value):
    raw = json.dumps(value)
    for read in (dingtalk.words_in, dingtalk.press_in):
        with suppress(DecodeError):
            read(raw)
    for read_bytes in (feishu.words_in, feishu.press_in, wecom.words_in):
        with suppress(DecodeError):
            read_bytes(raw.encode())


# -- what WeCom and Feishu seal ----------------------------------------------------------------------------------------

WECOM = wecom.keys_of(robots.CALLBACK_TOKEN, robots.AES_KEY, robots.CORP)


def test_wecoms_own_sample_is_opened():
    keys = wecom.keys_of("QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "wx5823bf96d3bd56c7")
    sealed = "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ=="
    query = {
        "msg_signature": "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3", "timestamp": "1409659589", "nonce": "263014780"
    }  # fmt: skip
    assert wecom.opened(keys, query, sealed, 1409659589.0) == b"1616140317555161061"


def test_feishus_own_sample_is_opened():
    body = b'{"encrypt": "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk="}'
    assert feishu.opened("test key", body) == b"hello world"


@given(st.text(max_size=300))
def test_what_wecom_seals_is_opened_and_the_reverse(text):
    assert wecom._opened(WECOM, robots.wecom_sealed(text.encode("utf-8", "replace").decode())).decode() == (
        text.encode("utf-8", "replace").decode()
    )
    assert robots.wecom_opened(wecom.sealed_of(WECOM, text.encode("utf-8", "replace"))) == (
        text.encode("utf-8", "replace").decode()
    )


@given(st.binary(max_size=200), st.integers(0, 10**9))
def test_a_sealed_text_that_was_touched_is_refused(touch, at):
    good = base64.b64decode(robots.wecom_sealed("<xml/>"))
    at %= len(good)
    for raw in (touch, good[:at] + touch + good[at:], good[:at]):
        if raw == good:
            continue
        sealed = base64.b64encode(raw).decode()
        with suppress(DecodeError):
            # The signature stands before this; what is inside must still be for this organisation.
            assert wecom._opened(WECOM, sealed) is not None
        with pytest.raises(DecodeError, match="not signed"):
            wecom.opened(WECOM, robots.wecom_query("other", TIME_NS // 10**9), sealed, TIME_NS / 1e9)
        with suppress(DecodeError):
            feishu.opened(robots.ENCRYPT_KEY, json.dumps({"encrypt": sealed}).encode())


@pytest.mark.parametrize(
    "xml",
    [
        b"", b"<xml>", b"nonsense", b"\xff\xfe<xml/>",
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><xml><Encrypt>&b;</Encrypt></xml>',
        b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><xml><Encrypt>&f;</Encrypt></xml>',
    ],
)  # fmt: skip
def test_xml_that_is_none_or_more_than_it_should_be_is_refused(xml):
    with pytest.raises(DecodeError):
        wecom.fields_of(xml)


@pytest.mark.parametrize("key", ["", "short", "!" * 43, "a" * 44])
def test_an_aes_key_that_is_none_is_said_to_be(key):
    with pytest.raises(DecodeError, match="43"):
        wecom.keys_of("t", key, "c")
