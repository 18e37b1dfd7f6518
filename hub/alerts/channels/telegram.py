"""Telegram's Bot API: a message with a button to acknowledge by, and the picture where there is one.

The button carries the mark (`callback_data`, at most 64 bytes); presses come back by long polling (`getUpdates`), so
that the hub needs no address of its own outside. The service knows no key to send under: a message whose answer was
lost may come twice.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated, Any

import httpx
import msgspec
from msgspec import Meta

from hub.alerts.channels.base import Common, Context, Http, Url, needed_secret, object_in, said, was_sent
from hub.alerts.outbox import Message
from hub.alerts.replies import Answer, Heard, named
from hub.alerts.texts import Room, fitted
from hub.alerts.texts import say as text_of
from wire.errors import DeliveryError

TEXT_ROOM, CAPTION_ROOM = Room(4096, in_bytes=False), Room(1024, in_bytes=False)
POLL_S = 25
_TAKEN_OVER = 409
"""Somebody else asks for this bot's updates too."""


class TelegramSettings(Common, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="telegram", tag_field="kind"):
    """A bot's token, and the chat (a person, a group) that it writes to; a person's `to` is a chat of their own."""

    token_file: str
    chat: Annotated[str, Meta(pattern=r"^(-?[0-9]+|@[A-Za-z0-9_]+)$")]
    base_url: Url = "https://api.telegram.org"
    per_min: Annotated[int, Meta(ge=1, le=60)] = 20


class Telegram(Http):
    """`to` is a chat's number. Answers say `ok`; 429 names the seconds to wait in `parameters.retry_after`."""

    def __init__(self, settings: TelegramSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._settings = settings
        self._marks = context.marks
        self._seen = 0

    async def send(self, message: Message) -> str:
        lang = self.lang(message)
        text = fitted(message, lang, self._context.zone, CAPTION_ROOM if message.picture else TEXT_ROOM)
        value: dict[str, Any] = {"chat_id": message.to or self._settings.chat}
        if mark := self._marks.of(message) if self._marks else "":
            button = {"text": text_of(lang, "acknowledge"), "callback_data": mark}
            value["reply_markup"] = {"inline_keyboard": [[button]]}
        if message.picture:
            return await self._photo(value | {"caption": text}, message.picture)
        found = await self._call("sendMessage", value | {"text": text})
        return f"telegram: message {found.get('message_id')}"

    async def listen(self, heard: Heard) -> None:
        """Presses of the button, for ever; each is confirmed to the service once it was heard."""
        while True:
            updates = await self._call(
                "getUpdates",
                {"offset": self._seen, "timeout": POLL_S, "allowed_updates": ["callback_query"]},
                POLL_S + self._timeout_s,
            )
            for update in updates if isinstance(updates, list) else []:
                await self._take(update, heard)

    async def _take(self, update: object, heard: Heard) -> None:
        if not isinstance(update, dict) or not isinstance(update.get("update_id"), int):
            return
        query = update.get("callback_query")
        if isinstance(query, dict) and self._marks is not None:
            number = self._marks.read(str(query.get("data", "")))
            asked = query.get("from")
            sender = asked if isinstance(asked, dict) else {}
            by = named(*(str(sender.get(key, "")) for key in ("first_name", "last_name")))
            waited = 0 if number is None else await heard(Answer(number, by or str(sender.get("id", "?"))))
            word = "acknowledged-now" if waited else "nothing-waits"
            with contextlib.suppress(DeliveryError):  # the press counts, whether or not its thanks arrive
                await self._call("answerCallbackQuery", {"callback_query_id": query.get("id"), "text": self._say(word)})
        self._seen = int(update["update_id"]) + 1

    def _say(self, word: str) -> str:
        return text_of("en" if self._lang == "en" else "zh", word)

    async def _photo(self, value: dict[str, Any], picture: bytes) -> str:
        encoded = {key: msgspec.json.encode(each).decode() for key, each in value.items() if not isinstance(each, str)}
        fields = value | encoded
        files = {"photo": ("picture.jpg", picture, "image/jpeg")}
        request = self._client.build_request("POST", self._url("sendPhoto"), data=fields, files=files)
        found = await self._result(request, self._timeout_s)
        return f"telegram: message {found.get('message_id')}"

    async def _call(self, method: str, value: dict[str, Any], within_s: float | None = None) -> Any:  # noqa: ANN401 - the service's JSON
        request = self._client.build_request("POST", self._url(method), json=value, timeout=within_s or self._timeout_s)
        return await self._result(request, within_s or self._timeout_s)

    async def _result(self, request: httpx.Request, within_s: float) -> Any:  # noqa: ANN401 - the service's JSON
        """What the service gave. Raises `DeliveryError`; the address holds the token, and is not for the log."""
        try:
            async with asyncio.timeout(within_s):
                answer = await self._client.send(request)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise DeliveryError(f"{type(error).__name__}", retry=True, lost=was_sent(error)) from error
        found = object_in(answer)
        if found.get("ok") is True and answer.is_success:
            return found.get("result")
        parameters = found.get("parameters")
        wait_s = parameters.get("retry_after", 0) if isinstance(parameters, dict) else 0
        code = found.get("error_code", answer.status_code)
        retry = code in {_TAKEN_OVER, 429} or not isinstance(code, int) or code >= 500
        pause_s = min(3600.0, max(0.0, float(wait_s))) if isinstance(wait_s, int | float) else 0.0
        raise DeliveryError(said(answer), retry=retry, pause_s=pause_s)

    def _url(self, method: str) -> str:
        return f"{self._settings.base_url}/bot{needed_secret(self._settings.token_file)}/{method}"
