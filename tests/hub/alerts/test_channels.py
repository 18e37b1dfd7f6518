"""Channels against real servers: what is sent, and what an answer means."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import SMTP, default
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from hypothesis import given
from hypothesis import strategies as st

from hub.alerts.channels import Context, Mail, MailSettings, Webhook, WebhookSettings
from hub.alerts.channels.mail import mail
from hub.alerts.channels.webhook import sign, webhook_body
from hub.alerts.outbox import Message
from hub.alerts.rules import Rule
from hub.board import AlertRow
from tests.support.events import TIME_NS
from tests.support.servers import free_port
from wire.errors import DeliveryError

SENT_S = TIME_NS // 10**9 + 86_400
texts = st.text(max_size=60) | st.text("\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029\0 aé门", max_size=20)


def page(detail: str = "", rule: Rule = Rule.FEVER, kind: str = "firing") -> Message:
    alert = AlertRow(7, "k", rule, "critical", "firing", TIME_NS, TIME_NS, 1, "site", "north", "a", detail)
    return Message(id=1, key=f"menshen-7-{kind}", channel="hook", receiver="hook", kind=kind, alerts=(alert,))


def hook(url: str, **changes: object) -> Webhook:
    return Webhook(WebhookSettings(name="hook", url=url, **changes))


def mailbox(port: int, *to: str) -> Mail:
    return Mail(MailSettings(name="m", host="127.0.0.1", port=port, sender="hub@plant", to=list(to) or ["a@plant"]))


def test_a_signature_is_the_hmac_of_rfc_4231():
    # Test case 7 of RFC 4231, whose text has a full stop where ours joins timestamp and body.
    timestamp = "This is a test using a larger than block-size key and a larger than block-size data"
    body = b" The key needs to be hashed before being used by the HMAC algorithm."
    expected = "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
    assert sign(b"\xaa" * 131, timestamp, body) == expected


@pytest.mark.parametrize(
    ("status", "retry"), [(200, None), (204, None), (301, False), (400, False), (404, False), (408, True),
                          (425, True), (429, True), (500, True), (503, True)]
)  # fmt: skip
async def test_an_answer_says_whether_it_was_taken_and_whether_to_try_again(http_sink, status, retry):
    http_sink.status, http_sink.body = status, b"" if status == 204 else b"because"
    channel = hook(http_sink.url)
    if retry is None:
        assert str(status) in await channel.send(page())
    else:
        with pytest.raises(DeliveryError, match=f"HTTP {status}: because") as caught:
            await channel.send(page())
        assert caught.value.retry is retry
    await channel.close()


async def test_an_answer_that_drips_in_is_waited_for_no_longer_than_agreed(http_sink, monkeypatch):
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        try:
            for _ in range(100):
                handler.wfile.write(b".")
                time.sleep(0.1)
        except OSError:
            handler.close_connection = True

    monkeypatch.setattr(http_sink, "answer", drip)
    channel = hook(http_sink.url, timeout_s=0.5)
    began_s = time.monotonic()
    with pytest.raises(DeliveryError) as caught:
        await channel.send(page())
    assert caught.value.retry
    assert time.monotonic() - began_s < 2
    await channel.close()


URLS = [f"http://127.0.0.1:{free_port()}/", "http://[half/", "gopher://x/"]


@pytest.mark.parametrize("url", URLS, ids=["nobody", "half", "gopher"])
async def test_a_receiver_that_cannot_be_reached_is_tried_again(url):
    channel = hook(url)
    with pytest.raises(DeliveryError) as caught:
        await channel.send(page())
    assert caught.value.retry
    await channel.close()


async def test_a_secret_that_cannot_be_read_sends_nothing_unsigned(tmp_path, http_sink):
    channel = hook(http_sink.url, secret_file=str(tmp_path / "none"))
    with pytest.raises(DeliveryError, match="secret file"):
        await channel.send(page())
    assert http_sink.requests == []
    await channel.close()


class ChoosyServer(Controller):
    """A real mail server that knows nobody whose name begins with `nobody`."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        super().__init__(self, hostname="127.0.0.1", port=free_port())

    async def handle_RCPT(self, server: object, session: object, envelope: Any, address: str, options: object) -> str:
        if address.startswith("nobody"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
        self.mails.append(envelope.content)
        return "250 OK"


@pytest.fixture
def choosy_server() -> Iterator[ChoosyServer]:
    server = ChoosyServer()
    server.start()
    yield server
    server.stop()


async def test_a_mail_that_one_of_two_is_refused_says_who_has_it_not(choosy_server):
    said = await mailbox(choosy_server.port, "officer@plant", "nobody@plant").send(page())
    assert "nobody@plant" in said
    assert "550" in said
    assert len(choosy_server.mails) == 1


async def test_a_mail_that_nobody_gets_is_not_delivered(choosy_server):
    with pytest.raises(DeliveryError, match="nobody@plant"):
        await mailbox(choosy_server.port, "nobody@plant").send(page())


@pytest.mark.parametrize(("reply", "retry"), [("451 later", True), ("554 never", False)])
async def test_a_mail_server_says_by_its_code_whether_to_try_again(smtp_sink, reply, retry):
    smtp_sink.reply = reply
    with pytest.raises(DeliveryError, match=reply) as caught:
        await mailbox(smtp_sink.port).send(page())
    assert caught.value.retry is retry


async def test_a_mail_server_that_is_not_there_is_tried_again():
    with pytest.raises(DeliveryError) as caught:
        await mailbox(free_port()).send(page())
    assert caught.value.retry


@given(texts, st.sampled_from(Rule), st.sampled_from(["firing", "resolved"]), st.sampled_from(["zh", "en"]))
def test_whatever_a_gate_says_makes_a_mail_and_a_webhook(detail, rule, step, lang):
    settings = MailSettings(name="m", host="h", sender="hub@plant", to=["a@plant"], lang=lang)
    sent = message_from_bytes(
        mail(page(detail, rule, step), settings, Context(now_s=lambda: SENT_S)).as_bytes(policy=SMTP), policy=default
    )
    assert set(sent.keys()) >= {"From", "To", "Subject", "Message-ID", "Date"}
    assert sent["To"] == "a@plant"
    assert sent["Date"].datetime.timestamp() == SENT_S
    body = json.loads(webhook_body(page(detail, rule, step)))
    assert (body["detail"], body["rule"], body["step"]) == (detail, rule, step)
    assert len(body["text"]["zh"].splitlines()) == 1


async def test_a_mail_server_that_accepts_and_says_nothing_is_not_waited_for_for_ever():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        channel = Mail(MailSettings(name="m", host="127.0.0.1", port=port, sender="a@b", to=["c@d"], timeout_s=0.2))
        with pytest.raises(DeliveryError) as caught:
            await channel.send(page())
    assert caught.value.retry
