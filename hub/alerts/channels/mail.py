"""Mail by SMTP."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Annotated

import aiosmtplib
import structlog
from msgspec import Meta

from hub.alerts.channels.base import NOWHERE, Common, Context, Seconds, secret
from hub.alerts.channels.inbox import InboxSettings, done_with, look
from hub.alerts.outbox import Message
from hub.alerts.replies import Heard
from hub.alerts.texts import Lang, body, headline, say
from wire.errors import DeliveryError

log = structlog.get_logger(__name__)

Address = Annotated[str, Meta(pattern=r"^[^@\s,]+@[^@\s,]+$")]
"""A mail address, such as officer@plant.example."""


class MailSettings(Common, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="smtp", tag_field="kind"):
    """A mail server, and who gets what is told to nobody in particular."""

    host: Annotated[str, Meta(min_length=1)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 25
    sender: Address
    to: Annotated[list[Address], Meta(min_length=1)]
    username: str | None = None
    password_file: str | None = None
    starttls: bool = False
    timeout_s: Seconds = 20.0
    per_min: Annotated[int, Meta(ge=1, le=100_000)] = 30
    inbox: InboxSettings | None = None
    """Where answers are read: who answers ok or 收到 acknowledges."""


class Mail:
    """Sends mail. The Message-ID is that of the message, so that a second copy is known as one."""

    def __init__(self, settings: MailSettings, context: Context = NOWHERE) -> None:
        self.name = settings.name
        self.per_min = settings.per_min
        self._settings = settings
        self._context = context

    async def send(self, message: Message) -> str:
        return await deliver(mail(message, self._settings, self._context), self._settings)

    async def listen(self, heard: Heard) -> None:
        """Answers in the mailbox, for ever; without a mailbox none. Raises `DeliveryError`."""
        inbox, marks = self._settings.inbox, self._context.marks
        while inbox is not None and marks is not None:
            answers = await asyncio.to_thread(look, inbox, marks)
            for _, answer in answers:
                await heard(answer)
            if answers:
                await asyncio.to_thread(done_with, inbox, [uid for uid, _ in answers])
            await asyncio.sleep(inbox.every_s)

    async def close(self) -> None:
        """Nothing is held open between mails."""


async def deliver(message: EmailMessage, settings: MailSettings) -> str:
    """Hand a mail to the server; what it said. Raises `DeliveryError`."""
    try:
        refused, said = await aiosmtplib.send(
            message,
            hostname=settings.host,
            port=settings.port,
            username=settings.username,
            password=(secret(settings.password_file) or b"").decode() or None,
            start_tls=settings.starttls,
            timeout=settings.timeout_s,
        )
    except aiosmtplib.SMTPResponseException as error:
        raise DeliveryError(f"{error.code} {error.message}", retry=400 <= error.code < 500) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        lost = isinstance(error, aiosmtplib.SMTPReadTimeoutError | aiosmtplib.SMTPServerDisconnected)
        raise DeliveryError(f"{type(error).__name__}: {error}", retry=True, lost=lost) from error
    if refused:
        # Not tried again: the others have it, and would get it again and again.
        log.error("mail not taken for some", channel=settings.name, mail=message["Message-ID"], refused=str(refused))
        return f"{said}; refused for {refused}"
    return said


def mail(message: Message, settings: MailSettings, context: Context) -> EmailMessage:
    """The mail. Its date is that of sending, not the event's: what is dated to a gate's wrong clock would be filed
    under another year, or thrown away."""
    lang: Lang = "en" if (message.lang or settings.lang) == "en" else "zh"
    told = EmailMessage()
    told["From"] = settings.sender
    told["To"] = message.to or ", ".join(settings.to)
    told["Subject"] = headline(message, lang, context.zone)
    mark = context.marks.of(message) if context.marks else ""
    told["Message-ID"] = f"<{message.key}{'.' if mark else ''}{mark}@{settings.sender.rpartition('@')[2]}>"
    told["Date"] = datetime.fromtimestamp(context.now_s(), UTC)
    lines = [headline(message, lang, context.zone), *body(message, lang, context.zone)]
    lines += [say(lang, "answer"), message.key] if mark and settings.inbox else [message.key]
    told.set_content("\n\n".join(lines) + "\n")
    if message.picture:
        told.add_attachment(message.picture, "image", "jpeg", filename=f"{message.key}.jpg")
    return told
