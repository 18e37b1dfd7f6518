"""Acknowledging by an answer, where a channel can hear one: what an answer must carry, and what counts as a yes. Pure.

Each message that may be answered carries its number with a mark that only this hub can make. Who has the mark was
told; a mail's sender or a nickname proves nothing. A mark stays good for as long as the alert waits: to acknowledge
twice does nothing.

Where a service itself vouches for who speaks (`hub.alerts.chats`), people may answer in words alone; those say which
of the alerts that wait for them they mean (`wanted`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from hub.alerts.outbox import Message

_MAC_BYTES = 12
_WORDS = r"(?:ok|okay|ack(?:nowledged?)?|yes|got it|on my way|好的?|收到|受理|已受理|知道了|马上到?)"
_NUMBER = r"(?:(?:alert|警报|第|no\.?)\W*)?([0-9]{1,18})"
_EVERY = r"(?:all|everything|全部|所有|都)"
_YES = re.compile(rf"^\W*(?:{_WORDS}|1)\W*$", re.IGNORECASE)
_YES_TO_ONE = re.compile(rf"^\W*(?:{_WORDS}\W*{_NUMBER}|{_NUMBER}\W*{_WORDS})\W*$", re.IGNORECASE)
_YES_TO_ALL = re.compile(rf"^\W*(?:{_WORDS}\W*{_EVERY}|{_EVERY}\W*{_WORDS})\W*$", re.IGNORECASE)
_MENTION = re.compile(r"@\S+")
MOST_NAME = 64


class Answer(NamedTuple):
    """Somebody's yes to a message, by its number; `by` as the channel calls them."""

    message: int
    by: str


Heard = Callable[[Answer], Awaitable[int]]
"""Acknowledges what the message told of; how many alerts were waiting for it."""


class Listens(Protocol):
    """A channel that hears answers."""

    name: str

    async def listen(self, heard: Heard) -> None:
        """For ever; raises `DeliveryError` when the service does not answer, and is called again then."""
        ...


class Marks:
    """Makes and reads marks under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, message: Message) -> str:
        """`NUMBER-MAC` for a message that can be acknowledged; empty for others."""
        return self._marked(message.id) if message.kind == "firing" and message.alerts else ""

    def read(self, mark: str) -> int | None:
        """The number of the message; None for a mark that is not ours."""
        number, _, _ = mark.partition("-")
        if not number.isascii() or not number.isdigit() or len(number) > 18:
            return None
        return int(number) if hmac.compare_digest(mark.encode(), self._marked(int(number)).encode()) else None

    def _marked(self, number: int) -> str:
        mac = hmac.new(self._key, b"menshen-reply\0" + str(number).encode(), hashlib.sha256).digest()[:_MAC_BYTES]
        return f"{number}-{base64.b32encode(mac).decode().rstrip('=').lower()}"


def is_yes(text: str) -> bool:
    """Whether an answer in words acknowledges: its first line of its own, and nothing but that.

    "Not ok" is no yes, nor is a holiday notice.
    """
    return _YES.match(_first_line(text)) is not None


class Wanted(NamedTuple):
    """What a yes in words means: the alert of that number, everything, or (neither) the only thing that waits."""

    alert: int | None = None
    everything: bool = False


def wanted(text: str) -> Wanted | None:
    """What an answer in words acknowledges; None for one that does not. Mentions of the robot are no part of it."""
    said = _first_line(_MENTION.sub(" ", text))
    if _YES.match(said):
        return Wanted()
    if _YES_TO_ALL.match(said):
        return Wanted(everything=True)
    if one := _YES_TO_ONE.match(said):
        return Wanted(alert=int(one[1] or one[2]))
    return None


def _first_line(text: str) -> str:
    """The first line that whoever answers wrote themselves."""
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line and not line.startswith(">")), "")


def named(*parts: str) -> str:
    """A name for the record, on one line and not too long."""
    return " ".join(" ".join(parts).split())[:MOST_NAME]
