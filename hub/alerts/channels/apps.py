"""What apps of DingTalk, WeCom and Feishu share: a token for a time, the text with how to answer, and being called."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import httpx

from hub.alerts.channels.base import Common, Context, Http, object_in
from hub.alerts.chats import Hear, Reply, words_of
from hub.alerts.outbox import Message
from hub.alerts.texts import Lang, Room, fitted, say
from wire.errors import DeliveryError

BEFORE_END_S = 300.0
"""A token is asked for anew so long before it ends."""
FRESH_S = 86_400.0
"""A call that was signed longer ago, or so far ahead, is refused: it may be an old one played again. What is younger is
known by its number (`hub.alerts.chats.REMEMBERED_S`), so that a hub whose clock is wrong is not deaf."""


class Call(NamedTuple):
    """An HTTP request by which a service calls the hub."""

    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Their names in small letters."""
    body: bytes = b""


class Answer(NamedTuple):
    """What the hub answers, and what is to be done once it has."""

    body: bytes
    kind: str = "application/json"
    after: Callable[[], Awaitable[None]] | None = None


@runtime_checkable
class Called(Protocol):
    """A channel whose service calls the hub."""

    name: str

    async def called(self, call: Call, hear: Hear) -> Answer:
        """Raises `DecodeError` for what the service did not send, `JournalError`."""
        ...


class Token:
    """A token that a service gives an app for a time; `ask` gives one, and for how many seconds it is good."""

    def __init__(
        self, ask: Callable[[], Awaitable[tuple[str, float]]], mono_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._mono_s = mono_s
        self._token, self._until_s = "", float("-inf")
        self._lock = asyncio.Lock()

    async def get(self) -> str:
        """Raises `DeliveryError`."""
        async with self._lock:
            if self._mono_s() >= self._until_s:
                try:
                    self._token, for_s = await self._ask()
                except DeliveryError as error:
                    error.lost = False  # no message was sent yet
                    raise
                self._until_s = self._mono_s() + max(0.0, for_s - BEFORE_END_S)
            return self._token

    def forget(self) -> None:
        """The service refused it: the next one is asked for anew."""
        self._until_s = float("-inf")


async def to_each(to: Sequence[str], tell: Callable[[str], Awaitable[str]]) -> str:
    """Tell one after the other; nobody goes without because the service knows another no more. What the last answer
    was, and who was not reached. Raises `DeliveryError` when nobody was."""
    taken, missed = "", list[tuple[str, DeliveryError]]()
    for one in to:
        try:
            taken = await tell(one)
        except DeliveryError as error:
            missed.append((one, error))
    if len(missed) < len(to):
        return "; ".join([taken, *(f"not to {one}: {error}" for one, error in missed)])
    errors = [error for _, error in missed]
    raise DeliveryError(
        "; ".join(dict.fromkeys(map(str, errors))),
        retry=any(error.retry for error in errors),
        pause_s=max(error.pause_s for error in errors),
        lost=any(error.lost for error in errors),
    )


class Robot(Http):
    """An app that people speak with."""

    def __init__(self, settings: Common, to: Sequence[str], context: Context, room: Room) -> None:
        super().__init__(settings, context)
        self._to = list(to)
        self._room = room

    def receivers(self, message: Message) -> list[str]:
        """Whom a message is for. Raises `DeliveryError`."""
        found = [message.to] if message.to else self._to
        if not found:
            raise DeliveryError(f"{message.receiver} has no account here, and the channel no `to`", retry=False)
        return found

    def text(self, message: Message, frame: str = "{}\n") -> str:
        """The whole text, with how to answer."""
        lang = self.lang(message)
        return fitted(message, lang, self._context.zone, self._room, frame=frame, also=how_to_answer(message, lang))

    async def upload(
        self, url: str, part: str, picture: bytes, headers: Mapping[str, str] | None = None, **fields: str
    ) -> dict[str, Any]:
        """What the service says to a picture for a message. Raises `DeliveryError`: the message itself does without."""
        files = {part: ("picture.jpg", picture, "image/jpeg")}
        try:
            async with asyncio.timeout(self._timeout_s):
                return object_in(await self._client.post(url, data=fields, files=files, headers=dict(headers or {})))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise DeliveryError(f"{type(error).__name__}", retry=True) from error

    def mark(self, message: Message) -> str:
        return self._context.marks.of(message) if self._context.marks else ""

    def number(self, mark: str) -> int | None:
        """The message that a button belongs to."""
        return self._context.marks.read(mark) if self._context.marks else None

    def words(self, reply: Reply) -> str:
        lang: Lang = "en" if self._lang == "en" else "zh"
        return words_of(reply, lang, self._context.zone)


def how_to_answer(message: Message, lang: Lang) -> list[str]:
    """One line, under what can be acknowledged."""
    if message.kind != "firing" or not message.alerts:
        return []
    if len(message.alerts) > 1:
        return [say(lang, "answer-chat")]
    return [say(lang, "answer-chat-one", n=message.alerts[0].id)]
