"""Mail by SMTP."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Annotated

import aiosmtplib
import structlog
from msgspec import Meta

from hub.alerts.channels.base import NOWHERE, Common, Context, Seconds, secret
from hub.alerts.outbox import Message
from hub.alerts.texts import Lang, body, headline
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


class Mail:
    """Sends mail. The Message-ID is that of the message, so that a second copy is known as one."""

    def __init__(self, settings: MailSettings, context: Context = NOWHERE) -> None:
        self.name = settings.name
        self.per_min = settings.per_min
        self._settings = settings
        self._context = context

    async def send(self, message: Message) -> str:
        settings = self._settings
        try:
            refused, said = await aiosmtplib.send(
                mail(message, settings, self._context),
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
            raise DeliveryError(f"{type(error).__name__}: {error}", retry=True) from error
        if refused:
            # Not tried again: the others have it, and would get it again and again.
            log.error("mail not taken for some", channel=self.name, page=message.key, refused=str(refused))
            return f"{said}; refused for {refused}"
        return said

    async def close(self) -> None:
        """Nothing is held open between mails."""


def mail(message: Message, settings: MailSettings, context: Context) -> EmailMessage:
    """The mail. Its date is that of sending, not the event's: what is dated to a gate's wrong clock would be filed
    under another year, or thrown away."""
    lang: Lang = "en" if (message.lang or settings.lang) == "en" else "zh"
    told = EmailMessage()
    told["From"] = settings.sender
    told["To"] = message.to or ", ".join(settings.to)
    told["Subject"] = headline(message, lang, context.zone)
    told["Message-ID"] = f"<{message.key}@{settings.sender.rpartition('@')[2]}>"
    told["Date"] = datetime.fromtimestamp(context.now_s(), UTC)
    lines = [headline(message, lang, context.zone), *body(message, lang, context.zone), message.key]
    told.set_content("\n\n".join(lines) + "\n")
    if message.picture:
        told.add_attachment(message.picture, "image", "jpeg", filename=f"{message.key}.jpg")
    return told
