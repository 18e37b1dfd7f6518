"""Answers to our mails, read from a mailbox by IMAP (RFC 9051): who answers "ok" or 收到 acknowledges.

The mail's Message-ID holds the mark (`hub.alerts.replies`), which an answer brings back in `In-Reply-To` or
`References`. Mails are marked as read only when they were dealt with; what is no answer to us is left alone.
"""

from __future__ import annotations

import contextlib
import email
import imaplib
import re
import ssl
from collections.abc import Iterator
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from typing import Annotated

from msgspec import Meta, Struct

from hub.alerts.channels.base import Seconds, needed_secret
from hub.alerts.replies import Answer, Marks, is_yes, named
from wire.errors import DeliveryError

MOST_AT_ONCE = 50
MOST_BYTES = 64 * 1024
"""Of a mail is read no more; an answer stands at its top."""
_MARK = re.compile(r"\.([0-9]{1,18}-[a-z2-7]{16,32})@")


class InboxSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The mailbox of the channel's sender. Without `tls` the password travels in the open."""

    host: Annotated[str, Meta(min_length=1)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 993
    username: Annotated[str, Meta(min_length=1)]
    password_file: str
    tls: bool = True
    folder: str = "INBOX"
    every_s: Annotated[float, Meta(ge=1, le=3600)] = 15.0
    timeout_s: Seconds = 20.0


def look(settings: InboxSettings, marks: Marks) -> list[tuple[bytes, Answer]]:
    """Unread answers that acknowledge, each with its number in the mailbox. Blocks. Raises `DeliveryError`."""
    with _connected(settings) as box:
        found = _asked(box.uid("SEARCH", "UNSEEN"))[0].split()
        answers = [(uid, answer_in(_mail(box, uid), marks)) for uid in found[-MOST_AT_ONCE:]]
    return [(uid, answer) for uid, answer in answers if answer is not None]


def done_with(settings: InboxSettings, uids: list[bytes]) -> None:
    """Mark as read. Blocks. Raises `DeliveryError`."""
    with _connected(settings) as box:
        for uid in uids:
            _asked(box.uid("STORE", uid.decode(), "+FLAGS", "(\\Seen)"))


def answer_in(mail: bytes, marks: Marks) -> Answer | None:
    """What a mail acknowledges, None for one that does not, whatever it is."""
    try:
        read = email.message_from_bytes(mail, policy=default)
        assert isinstance(read, EmailMessage), "the default policy makes these"
        number = next((n for mark in _marks(read) if (n := marks.read(mark)) is not None), None)
        if number is None or read.get("Auto-Submitted", "no").lower() != "no" or not is_yes(_text(read)):
            return None
        return Answer(number, named(str(make_header(decode_header(str(read.get("From", "")))))))
    except (ValueError, LookupError, TypeError, AttributeError, IndexError, email.errors.MessageError):
        return None  # the library has its ways to fail at what people and programs send


def _marks(mail: EmailMessage) -> Iterator[str]:
    for header in ("In-Reply-To", "References"):
        yield from _MARK.findall(str(mail.get(header, "")))


def _text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    return str(part.get_content()) if part is not None else ""


def _mail(box: imaplib.IMAP4, uid: bytes) -> bytes:
    for part in _asked(box.uid("FETCH", uid.decode(), f"(BODY.PEEK[]<0.{MOST_BYTES}>)")):
        if isinstance(part, tuple):
            return bytes(part[1])
    return b""


@contextlib.contextmanager
def _connected(settings: InboxSettings) -> Iterator[imaplib.IMAP4]:
    try:
        box = (
            imaplib.IMAP4_SSL(
                settings.host, settings.port, ssl_context=ssl.create_default_context(), timeout=settings.timeout_s
            )
            if settings.tls
            else imaplib.IMAP4(settings.host, settings.port, timeout=settings.timeout_s)
        )
        with box:
            box.login(settings.username, needed_secret(settings.password_file))
            _asked(box.select(f'"{settings.folder}"'))
            yield box
    except (imaplib.IMAP4.error, OSError) as error:
        raise DeliveryError(f"mailbox {settings.host}: {error}", retry=True) from error


def _asked(answer: tuple[str, list]) -> list:  # type: ignore[type-arg]
    status, data = answer
    if status != "OK":
        raise DeliveryError(f"mailbox: {status} {data}"[:300], retry=True)
    return [part for part in data if part is not None] or [b""]
