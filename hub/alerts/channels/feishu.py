"""An app of Feishu with a robot that people answer: it writes to people with a button, and Feishu calls the hub with
what they write and press.

Messages go out by `/open-apis/im/v1/messages`, under a key by which Feishu drops a second copy. Calls come signed and
encrypted to the address that the app's settings name for events and for cards (`[console] public_url`, then `/in/` and
the channel's name): `im.message.receive_v1` and `card.action.trigger`. A group's plain robot (`kind = "feishu"`) cannot
hear.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from msgspec import Meta, Struct, field

from hub.alerts.channels.apps import FRESH_S, Answer, Call, Robot, Token, to_each
from hub.alerts.channels.base import Common, Context, Url, needed_secret, object_in, pause_s, said
from hub.alerts.chats import Hear, Outcome, Reply, Said
from hub.alerts.outbox import Message
from hub.alerts.texts import Room, cut_bytes, headline, say
from wire.errors import DecodeError, DeliveryError

ROOM = Room(12_000)
"""A card may have 30 KB, and is JSON, in which a character may become two."""
_COLOURS = {"critical": "red", "warning": "orange"}
_BAD_TOKEN = frozenset({99991661, 99991663, 99991664, 99991668, 99991671})
_SLOW = {99991400: 10.0, 11232: 30.0, 230020: 10.0}
_LATER = frozenset({*_SLOW, 2200, 99991500, 1500})
_TOASTS = {Outcome.ACKNOWLEDGED: "success", Outcome.HELD: "info", Outcome.NOTHING: "info"}


class FeishuAppSettings(
    Common, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="feishu-app", tag_field="kind"
):
    """An app of the organisation. `verification_token_file` and `encrypt_key_file` are the Verification Token and the
    Encrypt Key of its events; without encryption nothing is heard.

    `to` are the open ids (`ou_…`) of those who are told what is told to nobody in particular; a person's stands as
    their `to`. User ids and union ids do as well.
    """

    app_id: Annotated[str, Meta(min_length=1)]
    app_secret_file: str
    verification_token_file: str
    encrypt_key_file: str
    to: list[str] = field(default_factory=list)
    base_url: Url = "https://open.feishu.cn"
    per_min: Annotated[int, Meta(ge=1, le=1000)] = 100


class _Ids(Struct):
    open_id: str | None = None
    user_id: str | None = None
    union_id: str | None = None

    def all(self) -> tuple[str, ...]:
        return tuple(each for each in (self.open_id, self.user_id, self.union_id) if each)


class _Sender(Struct):
    sender_id: _Ids = field(default_factory=_Ids)
    sender_type: str = ""


class _Written(Struct):
    message_id: str
    create_time: int
    message_type: str = ""
    content: str = ""


class _Message(Struct):
    sender: _Sender
    message: _Written


class _Value(Struct):
    mark: str = ""


class _Action(Struct):
    value: _Value = field(default_factory=_Value)


class _Press(Struct):
    operator: _Ids
    action: _Action


class _Header(Struct):
    event_id: str
    event_type: str
    token: str
    app_id: str = ""
    create_time: int = 0


class _Event(Struct):
    header: _Header
    event: msgspec.Raw = msgspec.Raw(b"{}")


class _Challenge(Struct):
    challenge: str
    token: str
    type: str


class _Text(Struct):
    text: str = ""


class _Sealed(Struct):
    encrypt: str


def opened(encrypt_key: str, body: bytes) -> bytes:
    """What is in a call: AES-256-CBC under the SHA-256 of the key, its beginning 16 bytes. Raises `DecodeError`."""
    try:
        raw = base64.b64decode(msgspec.json.decode(body, type=_Sealed).encrypt, validate=True)
    except (msgspec.MsgspecError, UnicodeError, binascii.Error, ValueError) as error:
        raise DecodeError("call: not encrypted") from error
    if len(raw) < 32 or len(raw) % 16:
        raise DecodeError("call: not encrypted with AES")
    key = hashlib.sha256(encrypt_key.encode()).digest()
    decryptor = Cipher(algorithms.AES(key), modes.CBC(raw[:16])).decryptor()
    plain = decryptor.update(raw[16:]) + decryptor.finalize()
    padding = plain[-1]
    if not 1 <= padding <= 16 or plain[-padding:] != bytes([padding]) * padding:
        raise DecodeError("call: not encrypted with our key")
    return plain[:-padding]


def signature(encrypt_key: str, timestamp: str, nonce: str, body: bytes) -> str:
    """SHA-256 of time, nonce, key and body, joined."""
    return hashlib.sha256((timestamp + nonce + encrypt_key).encode("utf-8", "replace") + body).hexdigest()


def signed_at(encrypt_key: str, headers: Mapping[str, str], body: bytes, now_s: float) -> int:
    """When Feishu signed a call. Raises `DecodeError` for one that it did not sign, or too long ago."""
    timestamp, nonce = headers.get("x-lark-request-timestamp", ""), headers.get("x-lark-request-nonce", "")
    found = headers.get("x-lark-signature", "").encode("ascii", "replace").decode()
    if not hmac.compare_digest(signature(encrypt_key, timestamp, nonce, body), found):
        raise DecodeError("call: not signed with our key")
    fresh = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12
    if not fresh or abs(int(timestamp) - now_s) > FRESH_S:
        raise DecodeError("call: signed too long ago, or the hub's clock is wrong")
    return int(timestamp)


def challenge_in(plain: bytes, token: str) -> str | None:
    """What Feishu wants to hear back when it looks whether the address is ours; None for another call."""
    with contextlib.suppress(msgspec.MsgspecError, UnicodeError):
        found = msgspec.json.decode(plain, type=_Challenge)
        if found.type == "url_verification" and hmac.compare_digest(found.token.encode(), token.encode()):
            return found.challenge
    return None


def event_in(plain: bytes, token: str, app_id: str) -> _Event:
    """An event that is for us. Raises `DecodeError`."""
    found: _Event = _decoded(plain, _Event)
    if not hmac.compare_digest(found.header.token.encode(), token.encode()) or found.header.app_id != app_id:
        raise DecodeError("call: not for this app")
    return found


def words_in(event: bytes, signed_s: int = 0) -> Said | None:
    """What somebody wrote, in a call that was signed then; None for what a robot did. Raises `DecodeError`."""
    found = _decoded(event, _Message)
    if found.sender.sender_type != "user":
        return None
    text = ""
    if found.message.message_type == "text":
        text = _decoded(found.message.content.encode("utf-8", "replace"), _Text).text
    accounts = found.sender.sender_id.all()
    if not accounts:
        raise DecodeError("call: expected the sender's open_id")
    age_ns = max(0, signed_s * 1000 - found.message.create_time) * 10**6
    return Said(found.message.message_id, accounts, age_ns, text=text)


def press_in(event: bytes) -> tuple[tuple[str, ...], str]:
    """Who pressed a button, and the mark that it carries. Raises `DecodeError`."""
    found = _decoded(event, _Press)
    if not found.operator.all():
        raise DecodeError("call: expected the operator's open_id")
    return found.operator.all(), found.action.value.mark


def _decoded(raw: bytes, kind: type[Any]) -> Any:  # noqa: ANN401 - of the kind that was asked for
    try:
        return msgspec.json.decode(raw, type=kind, strict=False)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise DecodeError(f"call: {error}") from error


class FeishuApp(Robot):
    """`to` is an open id, a user id or a union id."""

    def __init__(self, settings: FeishuAppSettings, context: Context) -> None:
        super().__init__(settings, settings.to, context, ROOM)
        self._settings = settings
        self._token = Token(self._ask_token)

    async def send(self, message: Message) -> str:
        to, (image, became) = self.receivers(message), await self._image(message.picture)
        card = msgspec.json.encode(self._card(message, image)).decode()
        return await to_each(to, lambda one: self._say(one, "interactive", card, f"{message.key}/{one}")) + became

    async def _image(self, picture: bytes) -> tuple[str, str]:
        """The picture's key for a card, and what became of it; the card goes without one that was not taken."""
        if not picture:
            return "", ""
        try:
            headers = {"Authorization": f"Bearer {await self._token.get()}"}
            url = f"{self._settings.base_url}/open-apis/im/v1/images"
            found = await self.upload(url, "image", picture, headers, image_type="message")
        except DeliveryError as error:
            return "", f"; picture not taken: {error}"
        data = found.get("data")
        key = data.get("image_key") if found.get("code") == 0 and isinstance(data, dict) else None
        return (key, "; picture taken") if isinstance(key, str) else ("", f"; picture not taken: {found}"[:200])

    def _card(self, message: Message, image: str = "") -> dict[str, Any]:
        """The card: a headline in the colour of its severity, the text, and a button where there is what to take."""
        lang, mark = self.lang(message), self.mark(message)
        title = cut_bytes(headline(message, lang, self._context.zone), 300)
        worst = message.alerts[0].severity if message.alerts and message.kind == "firing" else ""
        elements: list[dict[str, Any]] = [{"tag": "div", "text": {"tag": "plain_text", "content": self.text(message)}}]
        if image:
            elements.append({"tag": "img", "img_key": image, "alt": {"tag": "plain_text", "content": title}})
        if mark:
            label = {"tag": "plain_text", "content": say(lang, "acknowledge")}
            button = {"tag": "button", "text": label, "type": "primary", "value": {"mark": mark}}
            elements.append({"tag": "action", "actions": [button]})
        header = {"title": {"tag": "plain_text", "content": title}, "template": _COLOURS.get(worst, "blue")}
        return {"config": {"wide_screen_mode": True}, "header": header, "elements": elements}

    async def called(self, call: Call, hear: Hear) -> Answer:
        """Feishu looks whether the address is ours, or brings what somebody wrote or pressed."""
        settings, now_s = self._settings, self._context.now_s()
        key, token = needed_secret(settings.encrypt_key_file), needed_secret(settings.verification_token_file)
        plain = opened(key, call.body)
        if (challenge := challenge_in(plain, token)) is not None:
            return Answer(msgspec.json.encode({"challenge": challenge}))
        signed_s = signed_at(key, call.headers, call.body, now_s)
        event = event_in(plain, token, settings.app_id)
        if event.header.event_type == "im.message.receive_v1":
            return await self._written(words_in(event.event, signed_s), hear)
        if event.header.event_type == "card.action.trigger":
            reply = await self._pressed(event, hear)
            toast = {"type": _TOASTS.get(reply.outcome, "warning"), "content": self.words(reply)} if reply else None
            return Answer(msgspec.json.encode({"toast": toast} if toast else {}))
        return Answer(b"{}")

    async def _written(self, words: Said | None, hear: Hear) -> Answer:
        reply = None if words is None else await hear(self.name, words)
        if words is None or reply is None:
            return Answer(b"{}")
        return Answer(b"{}", after=partial(self._thank, words.id, self.words(reply)))

    async def _pressed(self, event: _Event, hear: Hear) -> Reply | None:
        accounts, mark = press_in(event.event)
        number = self.number(mark)
        if number is None:
            return Reply(Outcome.NOTHING)
        return await hear(self.name, Said(f"press {event.header.event_id}", accounts, message=number))

    async def _thank(self, message_id: str, text: str) -> None:
        """What was said counts, whether or not its thanks arrive."""
        body = {"msg_type": "text", "content": msgspec.json.encode({"text": text}).decode()}
        with contextlib.suppress(DeliveryError):
            await self._call(f"/open-apis/im/v1/messages/{quote(message_id, safe='')}/reply", body)

    async def _say(self, to: str, kind: str, content: str, key: str) -> str:
        body = {"receive_id": to, "msg_type": kind, "content": content, "uuid": key_of(key)}
        path = f"/open-apis/im/v1/messages?receive_id_type={id_type(to)}"
        return said(await self._call(path, body))

    async def _call(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """A call of the app's, with its token; a token that is refused is asked for anew, once."""
        for last in (False, True):
            headers = {
                "Content-Type": "application/json; charset=utf-8",
                "Authorization": f"Bearer {await self._token.get()}",
            }
            answer = await self.ask(f"{self._settings.base_url}{path}", msgspec.json.encode(body), headers)
            code = object_in(answer).get("code")
            if code == 0 and answer.is_success:
                return answer
            if last or code not in _BAD_TOKEN:
                raise refused(answer, code)
            self._token.forget()
        raise AssertionError("the second answer is judged")

    async def _ask_token(self) -> tuple[str, float]:
        body = {"app_id": self._settings.app_id, "app_secret": needed_secret(self._settings.app_secret_file)}
        url = f"{self._settings.base_url}/open-apis/auth/v3/tenant_access_token/internal"
        answer, found = await self.post_json(url, body, refusals_with_4xx=True)
        token, for_s = found.get("tenant_access_token"), found.get("expire")
        if found.get("code") != 0 or not isinstance(token, str) or not isinstance(for_s, int):
            raise refused(answer, found.get("code"))
        return token, float(for_s)


def refused(answer: httpx.Response, code: object) -> DeliveryError:
    """A refusal, and whether to try again. An answer without a code is none of the service's."""
    known = code if isinstance(code, int) and not isinstance(code, bool) else None
    retry = known is None or known in _LATER or answer.status_code >= 500 or answer.status_code == 429
    pause = _SLOW.get(known, 0.0) if known is not None else 0.0
    return DeliveryError(said(answer), retry=retry, pause_s=max(pause, pause_s(answer)))


def id_type(to: str) -> str:
    """What kind of name it is, by how it looks."""
    return {"ou_": "open_id", "on_": "union_id"}.get(to[:3], "user_id")


def key_of(key: str) -> str:
    """At most 50 characters under which a second copy is known as one, within the hour."""
    return key if len(key) <= 50 else hashlib.sha256(key.encode()).hexdigest()[:50]
