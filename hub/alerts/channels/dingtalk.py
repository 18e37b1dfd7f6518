"""An app of DingTalk with a robot that people answer: it writes to people, and hears them by Stream mode, for which the
hub needs no address outside (POST `/v1.0/gateway/connections/open`, then a websocket).

Messages go out by `/v1.0/robot/oToMessages/batchSend`, or, with `cards`, one card with a button to each
(`/v1.0/im/v1.0/robot/interactiveCards/send`). A group's plain robot (`kind = "dingtalk"`) cannot hear.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import httpx
import msgspec
import structlog
import websockets
from msgspec import Meta, Struct, field

from hub.alerts.channels.apps import Robot, Token, to_each
from hub.alerts.channels.base import Common, Context, Url, needed_secret, object_in, pause_s, said
from hub.alerts.chats import Hear, Outcome, Reply, Said
from hub.alerts.outbox import Message
from hub.alerts.texts import Room, cut_bytes, headline, say
from wire.errors import DecodeError, DeliveryError

log = structlog.get_logger(__name__)

ROOM = Room(7_000)
"""`msgParam` may have 15,000 bytes, and is JSON, in which a character may become two."""
MOST_AT_ONCE = 20
WORDS, PRESSES = "/v1.0/im/bot/messages/get", "/v1.0/card/instances/callback"
PING_EVERY_S = 30.0
MOST_FRAME = 2**20
_SHORT_S, _PAUSE_S = 10.0, 1.0
"""After a connection that was so short there is a pause: a service that ends each at once is not stormed."""
_NO_RESPONSE = '{"response": null}'
_BAD_TOKEN = frozenset({"InvalidAuthentication", "invalidAuthentication", "40014", "88"})
_LATER = ("ServiceUnavailable", "serviceUnavailable", "unknownError", "system", "Throttling")


class DingTalkAppSettings(
    Common, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="dingtalk-app", tag_field="kind"
):
    """An app of the organisation: its Client ID and secret, and the code of its robot where that is another.

    `to` are the user ids of those who are told what is told to nobody in particular; a person's stands as their `to`.
    """

    client_id: Annotated[str, Meta(min_length=1)]
    client_secret_file: str
    robot_code: str = ""
    to: list[str] = field(default_factory=list)
    cards: bool = False
    base_url: Url = "https://api.dingtalk.com"
    upload_url: Url = "https://oapi.dingtalk.com"
    """Pictures go in by the older half of the service."""
    per_min: Annotated[int, Meta(ge=1, le=1000)] = 60


class Headers(Struct, rename="camel"):
    """Of a frame; `time` is when it was sent, in milliseconds."""

    message_id: str = ""
    topic: str = ""
    time: int = 0


class Frame(Struct):
    """What comes through the stream: `SYSTEM` (ping, disconnect), `EVENT` or `CALLBACK`; `data` is JSON in a text."""

    type: str
    headers: Headers = field(default_factory=Headers)
    data: str = ""


class _Text(Struct):
    content: str = ""


class _Words(Struct, rename="camel"):
    msg_id: str
    create_at: int
    sender_staff_id: str = ""
    sender_nick: str = ""
    msgtype: str = ""
    text: _Text = field(default_factory=_Text)


class _Private(Struct, rename="camel"):
    action_ids: list[str] = []


class _Content(Struct, rename="camel"):
    card_private_data: _Private = field(default_factory=_Private)


class _Press(Struct, rename="camel"):
    user_id: str
    content: str
    out_track_id: str = ""


_frame, _words = msgspec.json.Decoder(Frame, strict=False), msgspec.json.Decoder(_Words, strict=False)
_press, _content = msgspec.json.Decoder(_Press), msgspec.json.Decoder(_Content)


def frame_of(raw: str | bytes) -> Frame:
    """Raises `DecodeError`."""
    try:
        return _frame.decode(raw)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise DecodeError(f"stream: {error}") from error


def words_in(data: str, sent_ms: int = 0) -> Said:
    """What somebody wrote to the robot, in a frame that was sent then. Raises `DecodeError`."""
    try:
        found = _words.decode(data)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise DecodeError(f"message to the robot: {error}") from error
    if not found.sender_staff_id:
        raise DecodeError("message to the robot: from outside of the organisation, there is no senderStaffId")
    text = found.text.content if found.msgtype == "text" else ""
    age_ns = max(0, sent_ms - found.create_at) * 10**6
    return Said(found.msg_id, (found.sender_staff_id,), age_ns, found.sender_nick, text)


def press_in(data: str) -> tuple[str, str]:
    """Who pressed a button, and the mark that it carries. Raises `DecodeError`."""
    try:
        found = _press.decode(data)
        ids = _content.decode(found.content).card_private_data.action_ids
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise DecodeError(f"button: {error}") from error
    if not ids or not found.user_id:
        raise DecodeError("button: expected a userId and actionIds")
    return found.user_id, ids[0]


def answer_to(frame: Frame, data: str) -> str:
    """The frame that says that another was taken."""
    headers = {"contentType": "application/json", "messageId": frame.headers.message_id}
    return msgspec.json.encode({"code": 200, "headers": headers, "message": "OK", "data": data}).decode()


class DingTalkApp(Robot):
    """`to` is a user id. A refusal is an HTTP status with a code; some who were not reached stand in a success. A
    picture is a message of its own behind the text."""

    pictures_apart = True

    def __init__(self, settings: DingTalkAppSettings, context: Context) -> None:
        super().__init__(settings, settings.to, context, ROOM)
        self._settings = settings
        self._robot = settings.robot_code or settings.client_id
        self._token = Token(self._ask_token)

    async def send(self, message: Message) -> str:
        to, lang = self.receivers(message), self.lang(message)
        title = cut_bytes(headline(message, lang, self._context.zone), 300)
        mark = self.mark(message)
        if self._settings.cards and mark:
            text = self.text(message)
            label = say(lang, "acknowledge")
            taken = await to_each(to, lambda one: self._card(one, title, text, label, mark))
        else:
            text = self.text(message, "**{}**\n\n")
            taken = await self._tell(to, "sampleMarkdown", {"title": title, "text": text})
        return taken + await self._picture(to, message.picture) if message.picture else taken

    async def _picture(self, to: list[str], picture: bytes) -> str:
        """What became of the picture. The text is taken already: nothing is sent again for its sake."""
        try:
            url = f"{self._settings.upload_url}/media/upload?access_token={await self._token.get()}&type=image"
            uploaded = await self.upload(url, "media", picture)
            if not uploaded.get("media_id"):
                return f"; picture not taken: {uploaded}"[:200]
            await self._tell(to, "sampleImageMsg", {"photoURL": str(uploaded["media_id"])})
        except DeliveryError as error:
            return f"; picture not taken: {error}"
        return "; picture taken"

    async def _tell(self, to: list[str], key: str, param: dict[str, str]) -> str:
        answers = []
        for first in range(0, len(to), MOST_AT_ONCE):
            some = to[first : first + MOST_AT_ONCE]
            body = {"robotCode": self._robot, "userIds": some, "msgKey": key, "msgParam": _json(param)}
            answer = await self._call("/v1.0/robot/oToMessages/batchSend", body)
            answers.append(_reached(answer, len(some)))
        return "; ".join(answers)

    async def _card(self, to: str, title: str, text: str, label: str, mark: str) -> str:
        button = {
            "type": "button",
            "label": {"type": "text", "text": label, "id": "label"},
            "actionType": "request",
            "status": "primary",
            "id": mark,
        }
        card = {
            "config": {"autoLayout": True, "enableForward": False},
            "header": {"title": {"type": "text", "text": title}},
            "contents": [
                {"type": "markdown", "text": text, "id": "text"},
                {"type": "action", "actions": [button], "id": "buttons"},
            ],
        }
        body = {
            "cardTemplateId": "StandardCard",
            "robotCode": self._robot,
            "singleChatReceiver": _json({"userId": to}),
            "cardBizId": f"{mark}-{to}",
            "cardData": _json(card),
        }
        return _reached(await self._call("/v1.0/im/v1.0/robot/interactiveCards/send", body), 1)

    async def _call(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """A call of the app's, with its token; a token that is refused is asked for anew, once."""
        for last in (False, True):
            headers = {"Content-Type": "application/json", "x-acs-dingtalk-access-token": await self._token.get()}
            answer = await self.ask(f"{self._settings.base_url}{path}", msgspec.json.encode(body), headers)
            if answer.is_success:
                object_in(answer)
                return answer
            code = str(object_in(answer).get("code", ""))
            if last or (answer.status_code != 401 and code not in _BAD_TOKEN):
                raise refused(answer, code)
            self._token.forget()
        raise AssertionError("the second answer is judged")

    async def _ask_token(self) -> tuple[str, float]:
        secret = needed_secret(self._settings.client_secret_file)
        body = {"appKey": self._settings.client_id, "appSecret": secret}
        answer, found = await self.post_json(
            f"{self._settings.base_url}/v1.0/oauth2/accessToken", body, refusals_with_4xx=True
        )
        token, for_s = found.get("accessToken"), found.get("expireIn")
        if not answer.is_success or not isinstance(token, str) or not isinstance(for_s, int):
            raise refused(answer, str(found.get("code", "")))
        return token, float(for_s)

    # -- hearing ------------------------------------------------------------------------------------------------------

    async def converse(self, hear: Hear) -> None:
        """Hear people for ever, one connection after the other. Raises `DeliveryError`, `JournalError`."""
        while True:
            began_s = time.monotonic()
            try:
                await self._one_connection(await self._open(), hear)
                if time.monotonic() - began_s < _SHORT_S:
                    await asyncio.sleep(_PAUSE_S)
            except (OSError, websockets.WebSocketException) as error:
                raise DeliveryError(f"stream: {type(error).__name__}: {error}", retry=True) from error

    async def _open(self) -> str:
        """The address of a connection, good once. Raises `DeliveryError`."""
        body = {
            "clientId": self._settings.client_id,
            "clientSecret": needed_secret(self._settings.client_secret_file),
            "subscriptions": [{"type": "CALLBACK", "topic": WORDS}, {"type": "CALLBACK", "topic": PRESSES}],
            "ua": "menshen",
        }
        answer, found = await self.post_json(
            f"{self._settings.base_url}/v1.0/gateway/connections/open", body, refusals_with_4xx=True
        )
        endpoint, ticket = found.get("endpoint"), found.get("ticket")
        if not answer.is_success or not isinstance(endpoint, str) or not isinstance(ticket, str):
            raise refused(answer, str(found.get("code", "")))
        wanted = {"https": {"wss"}}.get(urlsplit(self._settings.base_url).scheme, {"ws", "wss"})
        if urlsplit(endpoint).scheme not in wanted:
            raise DeliveryError(
                f"stream: expected a {' or '.join(sorted(wanted))} address, found {endpoint}", retry=True
            )
        return f"{endpoint}?ticket={quote(ticket, safe='')}"

    async def _one_connection(self, address: str, hear: Hear) -> None:
        """Until the service ends it in good order, which it does every few hours."""
        async with websockets.connect(
            address, max_size=MOST_FRAME, open_timeout=self._timeout_s, ping_interval=PING_EVERY_S
        ) as stream:
            log.info("hearing answers", channel=self.name)
            thanks: set[asyncio.Task[None]] = set()
            try:
                async for raw in stream:
                    try:
                        frame = frame_of(raw)
                        if frame.type == "SYSTEM" and frame.headers.topic == "disconnect":
                            return
                        if thank := await self._take(frame, stream, hear):
                            thanks.add(task := asyncio.create_task(self._thank(*thank)))
                            task.add_done_callback(thanks.discard)
                    except DecodeError as error:
                        log.warning("not understood", channel=self.name, error=str(error))
            finally:
                await asyncio.gather(*thanks)

    async def _take(self, frame: Frame, stream: websockets.ClientConnection, hear: Hear) -> tuple[str, Reply] | None:
        """What a frame brings is heard before it is said to be taken: else it comes again. Whom to answer what."""
        if frame.type == "SYSTEM":
            await stream.send(answer_to(frame, frame.data))
            return None
        try:
            to, reply = await self._heard(frame, hear)
        except DecodeError:
            await stream.send(answer_to(frame, _NO_RESPONSE))  # a second copy would be no better
            raise
        await stream.send(answer_to(frame, _NO_RESPONSE))
        return None if reply is None else (to, reply)

    async def _thank(self, to: str, reply: Reply) -> None:
        """What was said counts, whether or not its thanks arrive."""
        with contextlib.suppress(DeliveryError):
            await self._tell([to], "sampleText", {"content": self.words(reply)})

    async def _heard(self, frame: Frame, hear: Hear) -> tuple[str, Reply | None]:
        """Who spoke, and what they are answered. Raises `DecodeError`, `JournalError`."""
        if frame.type == "CALLBACK" and frame.headers.topic == WORDS:
            words = words_in(frame.data, frame.headers.time)
            return words.accounts[0], await hear(self.name, words)
        if frame.type == "CALLBACK" and frame.headers.topic == PRESSES:
            return await self._pressed(frame, hear)
        return "", None

    async def _pressed(self, frame: Frame, hear: Hear) -> tuple[str, Reply | None]:
        who, mark = press_in(frame.data)
        number = self.number(mark)
        if number is None:
            return who, Reply(Outcome.NOTHING)
        return who, await hear(self.name, Said(f"press {frame.headers.message_id}", (who,), message=number))


def refused(answer: httpx.Response, code: str) -> DeliveryError:
    """A refusal, and whether to try again: after a fault of the service's own, or too many calls."""
    slow = "QpsLimit" in code or answer.status_code == 429
    retry = slow or answer.status_code >= 500 or code.startswith(_LATER)
    return DeliveryError(said(answer), retry=retry, pause_s=max(pause_s(answer), 10.0 if slow else 0.0))


def _reached(answer: httpx.Response, asked: int) -> str:
    """What the service said, when somebody was reached. Raises `DeliveryError`."""
    found = object_in(answer)
    unknown, slowed = (found.get(key) or [] for key in ("invalidStaffIdList", "flowControlledStaffIdList"))
    if not found.get("processQueryKey") or len(unknown) + len(slowed) >= asked:
        # Without the key it is no answer of this service's.
        retry = bool(slowed) or not unknown
        raise DeliveryError(said(answer), retry=retry, pause_s=60.0 if slowed else 0.0)
    return said(answer)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
