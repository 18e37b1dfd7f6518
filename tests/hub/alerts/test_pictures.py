"""A page of a fever carries the thermal picture where its channel takes one, and never comes twice for its sake."""

from __future__ import annotations

import base64
import json
from email import message_from_bytes
from email.policy import default

import pytest
from msgspec.structs import replace

from hub.alerts.channels import Context, Mail, MailSettings
from hub.alerts.channels.others import AppriseChannel, AppriseSettings
from hub.alerts.notifier import Clocks, Notifier
from hub.alerts.outbox import Message
from hub.alerts.rules import Rule
from tests.hub.alerts.test_services import FEVER, PAGE
from tests.support.events import TIME_NS
from tests.support.servers import Request
from tests.support.services import SERVICES, ServiceDouble
from wire.errors import DeliveryError

JPEG = b"\xff\xd8 a thermal picture \xff\xd9"
PICTURED = replace(PAGE, picture=JPEG)


@pytest.fixture
def service():
    made = ServiceDouble(lambda request: (200, "ok"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
async def wecom(service, tmp_path):
    service.judge = SERVICES["wecom"].judge
    channel = SERVICES["wecom"].make(service.base, tmp_path, Context("Asia/Shanghai", lambda: TIME_NS / 1e9))
    yield channel
    await channel.close()


async def test_wecom_has_the_text_and_then_the_picture(wecom, service):
    assert "picture" in await wecom.send(PICTURED)
    assert [body["msgtype"] for body in service.taken] == ["text", "image"]
    assert base64.b64decode(service.taken[1]["image"]["base64"]) == JPEG


async def test_a_picture_that_wecom_refuses_sends_no_text_again(wecom, service):
    service.judge = lambda request: (200, {"errcode": 0 if b'"text"' in request.body[:40] else 40009, "errmsg": "size"})
    assert "picture not taken" in await wecom.send(PICTURED)


async def test_a_text_that_wecom_refuses_sends_no_picture(wecom, service):
    service.refusal = (200, {"errcode": 93000, "errmsg": "invalid webhook url"})
    with pytest.raises(DeliveryError):
        await wecom.send(PICTURED)
    assert len(service.requests) == 1


async def test_a_mail_has_it_attached(smtp_sink):
    settings = MailSettings(name="mail", host="127.0.0.1", port=smtp_sink.port, sender="hub@plant", to=["li@plant"])
    await Mail(settings).send(PICTURED)
    mail = message_from_bytes(smtp_sink.mails[0], policy=default)
    (attached,) = list(mail.iter_attachments())
    assert (attached.get_content_type(), attached.get_content()) == ("image/jpeg", JPEG)


async def test_a_webhook_has_it_in_its_body(service, tmp_path):
    channel = SERVICES["webhook"].make(service.base, tmp_path, Context())
    await channel.send(PICTURED)
    assert base64.b64decode(service.taken[0]["picture"]["base64"]) == JPEG
    await channel.send(PAGE)
    assert "picture" not in service.taken[1]
    await channel.close()


async def test_apprise_attaches_it_and_does_without_when_it_is_tried_again(service, tmp_path):
    (tmp_path / "url").write_text(service.base.replace("http://", "json://"))
    channel = AppriseChannel(AppriseSettings(name="c", url_file=str(tmp_path / "url"), timeout_s=5.0), Context())
    await channel.send(PICTURED)
    await channel.send(replace(PICTURED, attempts=1))
    with_it, without = (json.loads(request.body)["attachments"] for request in service.requests)
    assert base64.b64decode(with_it[0]["base64"]) == JPEG
    assert without == []


APPS = {"dingtalk-app": b"@media", "wecom-app": b"@media", "feishu-app": b"img_v2"}
"""Apps, and how what they sent names the picture."""


@pytest.mark.parametrize("kind", APPS)
async def test_an_app_of_a_chat_shows_it_and_the_text_arrives_whatever_becomes_of_it(kind, tmp_path):
    refuses = False

    def judge(request: Request) -> tuple[int, object]:
        if refuses and ("upload" in request.path or "images" in request.path):
            return 400, {"errcode": 40004, "code": 234001, "errmsg": "invalid media type"}
        return SERVICES[kind].judge(request)

    service = ServiceDouble(judge)
    service.start()
    channel = SERVICES[kind].make(service.base, tmp_path, Context())
    assert "picture taken" in await channel.send(PICTURED)
    upload = next(request for request in service.requests if JPEG in request.body)
    assert b"image/jpeg" in upload.body
    assert APPS[kind] in service.requests[-1].body
    service.requests.clear()
    refuses = True
    assert "picture not taken" in await channel.send(PICTURED)
    assert any(b"38.1" in request.body for request in service.requests)
    assert not any(APPS[kind] in request.body for request in service.requests)
    await channel.close()
    service.stop()


class Line:
    """A channel that keeps what it is given."""

    name = "line"
    pictures_apart = True

    def __init__(self, per_min: int = 10) -> None:
        self.per_min = per_min
        self.sent: list[Message] = []

    async def send(self, message: Message) -> str:
        self.sent.append(message)
        return "taken"

    async def close(self) -> None: ...


class Records:
    """A store that only takes what came of attempts."""

    def record(self, *_: object) -> None: ...


async def attempt(line: Line, *messages: Message) -> list[Message]:
    async def here(work):
        return work()

    async def then() -> None: ...

    notifier = Notifier(Records(), [line], Clocks(lambda: TIME_NS, lambda: 0.0), here, None, lambda row: JPEG)
    for message in messages:
        notifier._under_way["line"].add(message.id)
        notifier._windows["line"].sent(0.0, critical=True)
        await notifier.attempt(replace(message, channel="line"), then)
    return line.sent


async def test_only_the_page_of_one_persons_fever_carries_a_picture():
    other = replace(FEVER, id=8, rule=Rule.GAP)
    sent = await attempt(Line(), PAGE, replace(PAGE, kind="resolved"), replace(PAGE, alerts=(FEVER, other)))
    assert [bool(message.picture) for message in sent] == [True, False, False]


async def test_pictures_count_where_they_are_messages_of_their_own_and_the_service_allows_no_more():
    sent = await attempt(Line(per_min=3), PAGE, PAGE)
    assert [bool(message.picture) for message in sent] == [True, False]
