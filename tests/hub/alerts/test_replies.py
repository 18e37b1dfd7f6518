"""Who answers a message acknowledges it: by mail, and by a button in a chat; and nobody else does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.alerts import desk as desks
from hub.alerts.chains import AllChannels
from hub.alerts.channels import Context, Mail, MailSettings
from hub.alerts.channels.inbox import InboxSettings, answer_in
from hub.alerts.channels.mail import mail
from hub.alerts.channels.telegram import Telegram, TelegramSettings
from hub.alerts.desk import AlertDesk
from hub.alerts.replies import Marks, is_yes, named
from hub.alerts.store import AlertStore
from tests.hub.alerts.test_services import NOTE, PAGE
from tests.support.events import fever
from tests.support.imap import Mailbox
from tests.support.journals import entry
from tests.support.servers import SmtpSink, eventually
from tests.support.services import TOKEN, ServiceDouble

MARKS = Marks(b"k" * 32)
CONTEXT = Context("Asia/Shanghai", marks=MARKS)
OURS = MailSettings(name="mail", host="h", sender="hub@plant.example", to=["li@plant.example"])


def test_a_mark_is_read_by_who_made_it_and_by_nobody_else():
    mark = MARKS.of(PAGE)
    assert MARKS.read(mark) == PAGE.id
    assert Marks(b"x" * 32).read(mark) is None
    assert MARKS.read(mark.replace("1-", "2-", 1)) is None
    assert MARKS.of(NOTE) == MARKS.of(replace(PAGE, kind="resolved")) == ""
    assert len(MARKS.of(replace(PAGE, id=10**17)).encode()) <= 64


@given(st.text(max_size=80))
def test_no_other_text_is_a_mark(text):
    assert MARKS.read(text) is None


@pytest.mark.parametrize("text", ["ok", "OK.", "收到！", "好的", "\n\n受理\n\n> Fever at north", "1", "ack"])
def test_a_yes_in_either_language_acknowledges(text):
    assert is_yes(text)


@pytest.mark.parametrize("text", ["", "not ok", "I am out of the office", "> ok", "who is this?", "收不到", "ok? no"])
def test_anything_else_does_not(text):
    assert not is_yes(text)


def reply(to: EmailMessage, text: str, **headers: str) -> bytes:
    answer = EmailMessage()
    answer["From"], answer["To"], answer["Subject"] = "李雷 <li@plant.example>", "hub@plant.example", "Re: alert"
    answer["In-Reply-To"] = to["Message-ID"]
    for name, value in headers.items():
        del answer[name.replace("_", "-")]
        answer[name.replace("_", "-")] = value
    answer.set_content(text)
    return bytes(answer)


def test_an_answer_to_our_mail_names_the_message_and_who():
    told = mail(PAGE, OURS, CONTEXT)
    answer = answer_in(reply(told, "收到"), MARKS)
    assert answer is not None
    assert (answer.message, answer.by) == (PAGE.id, "李雷 <li@plant.example>")
    by_references = reply(told, "ok", In_Reply_To="<other@x>", References=f"<a@b> {told['Message-ID']}")
    assert answer_in(by_references, MARKS) is not None


def test_no_machine_no_stranger_and_no_second_thought_acknowledges():
    told = mail(PAGE, OURS, CONTEXT)
    assert answer_in(reply(told, "ok", Auto_Submitted="auto-replied"), MARKS) is None
    assert answer_in(reply(told, "Was soll das?"), MARKS) is None
    assert answer_in(reply(mail(PAGE, OURS, Context(marks=Marks(b"x" * 32))), "ok"), MARKS) is None
    assert answer_in(reply(mail(PAGE, OURS, Context()), "ok"), MARKS) is None


@given(st.binary(max_size=300))
def test_whatever_lies_in_a_mailbox_is_no_answer_and_breaks_nothing(rubbish):
    assert answer_in(rubbish, MARKS) is None
    assert answer_in(b"In-Reply-To: <x." + MARKS.of(PAGE).encode() + b"@p>\r\n" + rubbish, MARKS) in (
        None,
        (PAGE.id, ""),
    )


@given(st.text(max_size=300))
def test_a_name_is_one_short_line(text):
    assert len(named(text)) <= 64
    assert "\n" not in named(text)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    made = Mailbox()
    made.start()
    yield made
    made.stop()


def with_inbox(folder: Path, sink: SmtpSink, mailbox: Mailbox) -> Mail:
    (folder / "password").write_text("secret\n")
    inbox = InboxSettings(
        host="127.0.0.1",
        port=mailbox.port,
        username="hub",
        password_file=str(folder / "password"),
        tls=False,
        every_s=1,
    )
    return Mail(replace(OURS, host="127.0.0.1", port=sink.port, inbox=inbox), CONTEXT)


class Office:
    """A desk with one channel, at work."""

    def __init__(self, folder: Path, channel: Mail | Telegram) -> None:
        self.desk = AlertDesk(AlertStore(folder / "alerts.db", AllChannels((channel.name,))), [channel])

    async def __aenter__(self) -> AlertDesk:
        await self.desk.start()
        self.task = asyncio.create_task(self.desk.notify())
        return self.desk

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.desk.stop()


def is_held(desk: AlertDesk) -> bool:
    return bool(desk.open) and desk.open[0].state == "acknowledged"


async def test_a_page_by_mail_is_acknowledged_by_an_answer_and_the_log_says_so(
    tmp_path, smtp_sink, mailbox, monkeypatch
):
    monkeypatch.setattr(desks, "LISTEN_AGAIN_S", 0.1)
    mailbox.fails = "UID SEARCH"
    async with Office(tmp_path, with_inbox(tmp_path, smtp_sink, mailbox)) as desk:
        await desk.apply([entry(fever(1))])
        await eventually(lambda: bool(smtp_sink.mails), "the mail is there")
        sent = EmailMessage()
        sent["Message-ID"] = next(
            line.split(": ", 1)[1] for line in smtp_sink.mails[0].decode().splitlines() if line.startswith("Message-ID")
        )
        mailbox.mails = [reply(sent, "who is this?"), reply(sent, "收到")]
        await asyncio.sleep(0.3)
        assert not is_held(desk)
        mailbox.fails = ""
        await eventually(lambda: is_held(desk), "it is acknowledged")
        await eventually(lambda: mailbox.seen == {2}, "only the answer is marked as read")
        log = await desk.ask(lambda store, _: store.log(1))
        assert next(line for line in log if line.why == "acknowledged").by.startswith("李雷")


class Chat(ServiceDouble):
    """Telegram with a person who presses the button of whatever they are sent."""

    def __init__(self) -> None:
        super().__init__(self.judged)
        self.updates: list[dict[str, object]] = []
        self.thanked: list[str] = []
        self.gone_by = 0

    def judged(self, request):
        method = request.path.rpartition("/")[2]
        if method == "getUpdates":
            offset = json.loads(request.body)["offset"]
            self.gone_by = max(self.gone_by, offset)
            return 200, {"ok": True, "result": [each for each in self.updates if each["update_id"] >= offset]}
        if method == "answerCallbackQuery":
            self.thanked.append(json.loads(request.body)["text"])
            return 400, {"ok": False, "error_code": 400, "description": "Bad Request: query is too old"}
        if method == "sendMessage":
            button = json.loads(request.body)["reply_markup"]["inline_keyboard"][0][0]
            self.press(button["callback_data"])
            return 200, {"ok": True, "result": {"message_id": 1}}
        return 200, {"ok": True, "result": {"message_id": 2}}

    def press(self, data: str) -> None:
        sender = {"id": 42, "first_name": "李", "last_name": "雷"}
        number = len(self.updates) + 1
        self.updates.append({"update_id": number, "callback_query": {"id": str(number), "from": sender, "data": data}})


@pytest.fixture
def chat() -> Iterator[Chat]:
    made = Chat()
    made.start()
    yield made
    made.stop()


def telegram(folder: Path, chat: Chat) -> Telegram:
    (folder / "token").write_text(TOKEN)
    made = TelegramSettings(name="chat", token_file=str(folder / "token"), chat="-1001", base_url=chat.base)
    return Telegram(made, CONTEXT)


async def test_a_page_in_a_chat_is_acknowledged_by_its_button(tmp_path, chat):
    chat.updates = [{"update_id": 1, "message": {"text": "hello"}}]
    chat.press("1-forged")
    async with Office(tmp_path, telegram(tmp_path, chat)) as desk:
        await desk.apply([entry(fever(1))])
        await eventually(lambda: is_held(desk), "it is acknowledged")
        assert desk.open[0].held_by == "李 雷"
        await eventually(lambda: chat.gone_by == 4, "what was heard is confirmed to the service")
    assert chat.thanked == ["没有待受理的警报。", "已受理，谢谢。"]


async def test_a_picture_goes_to_a_chat_with_its_text_and_button_as_one_message(tmp_path, chat):
    channel = telegram(tmp_path, chat)
    await channel.send(replace(PAGE, picture=b"\xff\xd8 picture \xff\xd9"))
    (request,) = chat.requests
    assert request.path.endswith("/sendPhoto")
    assert b"\xff\xd8 picture \xff\xd9" in request.body
    assert MARKS.of(PAGE).encode() in request.body
    assert "38.1" in request.body.decode("utf-8", "replace")
    await channel.close()


async def test_a_defect_in_listening_stops_no_page(tmp_path, chat, monkeypatch):
    channel = telegram(tmp_path, chat)
    heard: list[int] = []

    async def fails(_: object) -> None:
        heard.append(1)
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(desks, "LISTEN_AGAIN_S", 0.05)
    monkeypatch.setattr(channel, "listen", fails)
    async with Office(tmp_path, channel) as desk:
        await eventually(lambda: len(heard) > 1, "it is tried again")
        await desk.apply([entry(fever(1))])
        await eventually(lambda: desk.open[0].told == "delivered", "the page is sent")
