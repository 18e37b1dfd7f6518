"""An app of WeCom (企业微信) that people answer: it writes to people, and WeCom calls the hub with what they say.

Messages go out by `/cgi-bin/message/send`; what people write comes as XML, encrypted and signed, to the address that
the app's settings name (`[console] public_url`, then `/in/` and the channel's name). A group's plain robot
(`kind = "wecom"`) cannot hear.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple
from xml.sax.saxutils import escape

import httpx
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException
from msgspec import Meta, field

from hub.alerts.channels.apps import FRESH_S, Answer, Call, Robot, Token
from hub.alerts.channels.base import Common, Context, Url, needed_secret, object_in, said
from hub.alerts.chats import Hear, Said
from hub.alerts.outbox import Message
from hub.alerts.texts import Room
from wire.errors import DecodeError, DeliveryError

ROOM = Room(2048)
_BLOCK = 32
"""The padding is PKCS#7 to 32 bytes, whatever AES's own block is."""
_BAD_TOKEN = frozenset({40001, 40014, 42001})
_LATER = frozenset({-1, 45009, 45033, 50002})
_SLOW = {45009: 60.0, 45033: 60.0}
_XML = "application/xml"


class WeComAppSettings(
    Common, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="wecom-app", tag_field="kind"
):
    """An app of the organisation. `callback_token_file` and `aes_key_file` are the Token and the EncodingAESKey of its
    *receive messages* settings.

    `to` are the user ids of those who are told what is told to nobody in particular; a person's stands as their `to`.
    """

    corp_id: Annotated[str, Meta(min_length=1)]
    agent_id: Annotated[int, Meta(ge=0)]
    secret_file: str
    callback_token_file: str
    aes_key_file: str
    to: list[str] = field(default_factory=list)
    base_url: Url = "https://qyapi.weixin.qq.com"
    per_min: Annotated[int, Meta(ge=1, le=30)] = 28
    """An app may send 30 messages a minute to one person."""


class Keys(NamedTuple):
    """What opens a call and seals its answer."""

    token: str
    aes_key: bytes
    corp_id: str


def keys_of(token: str, encoding_aes_key: str, corp_id: str) -> Keys:
    """Raises `DecodeError` for an EncodingAESKey that is none."""
    try:
        aes_key = base64.b64decode(encoding_aes_key + "=", validate=True)
    except (binascii.Error, ValueError) as error:
        raise DecodeError("EncodingAESKey: expected 43 letters and digits") from error
    if len(aes_key) != 32:
        raise DecodeError("EncodingAESKey: expected 43 letters and digits")
    return Keys(token, aes_key, corp_id)


def signature(token: str, timestamp: str, nonce: str, sealed: str) -> str:
    """SHA-1 of the four in the order of their letters, joined; the service knows no other."""
    joined = "".join(sorted([token, timestamp, nonce, sealed]))
    return hashlib.sha1(joined.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def opened(keys: Keys, query: Mapping[str, str], sealed: str, now_s: float) -> bytes:
    """What is in a call that is signed, fresh and for us. Raises `DecodeError`."""
    timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
    wanted = signature(keys.token, timestamp, nonce, sealed)
    if not hmac.compare_digest(wanted, query.get("msg_signature", "").encode("ascii", "replace").decode()):
        raise DecodeError("call: not signed with our token")
    if (
        not timestamp.isascii()
        or not timestamp.isdigit()
        or len(timestamp) > 12
        or abs(int(timestamp) - now_s) > FRESH_S
    ):
        raise DecodeError("call: signed too long ago, or the hub's clock is wrong")
    return _opened(keys, sealed)


def _opened(keys: Keys, sealed: str) -> bytes:
    """16 random bytes, the length in 4, the message, and whom it is for."""
    try:
        raw = base64.b64decode(sealed, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DecodeError("call: not base64") from error
    if not raw or len(raw) % 16:
        raise DecodeError("call: not encrypted with AES")
    decryptor = Cipher(algorithms.AES(keys.aes_key), modes.CBC(keys.aes_key[:16])).decryptor()
    plain = decryptor.update(raw) + decryptor.finalize()
    padding = plain[-1]
    if not 1 <= padding <= _BLOCK or plain[-padding:] != bytes([padding]) * padding:
        raise DecodeError("call: not encrypted with our key")
    content = plain[:-padding]
    if len(content) < 20:
        raise DecodeError("call: too short")
    (length,) = struct.unpack(">I", content[16:20])
    message, receiver = content[20 : 20 + length], content[20 + length :]
    if len(message) != length or receiver != keys.corp_id.encode():
        raise DecodeError("call: not for this organisation")
    return message


def sealed_of(keys: Keys, message: bytes, draw: bytes | None = None) -> str:
    """The reverse: a message encrypted."""
    content = (draw or secrets.token_bytes(16)) + struct.pack(">I", len(message)) + message + keys.corp_id.encode()
    padding = _BLOCK - len(content) % _BLOCK
    encryptor = Cipher(algorithms.AES(keys.aes_key), modes.CBC(keys.aes_key[:16])).encryptor()
    raw = encryptor.update(content + bytes([padding]) * padding) + encryptor.finalize()
    return base64.b64encode(raw).decode()


def fields_of(xml: bytes) -> dict[str, str]:
    """The texts right under the root. Raises `DecodeError`; entities and document types are refused."""
    try:
        root = ElementTree.fromstring(xml, forbid_dtd=True)
    except (ElementTree.ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise DecodeError(f"call: not XML: {error}") from error
    return {child.tag: child.text or "" for child in root}


def words_in(xml: bytes, signed_s: int = 0) -> Said | None:
    """What somebody wrote, in a call that was signed then; None for events, which nobody says. Raises `DecodeError`."""
    found = fields_of(xml)
    if found.get("MsgType") == "event":
        return None
    who, number, at_s = (found.get(key, "") for key in ("FromUserName", "MsgId", "CreateTime"))
    if not who or not number or not at_s.isascii() or not at_s.isdigit():
        raise DecodeError("call: expected FromUserName, MsgId and CreateTime")
    text = found.get("Content", "") if found.get("MsgType") == "text" else ""
    return Said(number, (who.lower(),), max(0, signed_s - int(at_s[:12])) * 10**9, text=text)


def answer_of(keys: Keys, to: str, text: str, now_s: float) -> bytes:
    """A text to whoever wrote, as the answer to the call."""
    at = str(int(now_s))
    message = (
        f"<xml><ToUserName>{escape(to)}</ToUserName><FromUserName>{escape(keys.corp_id)}</FromUserName>"
        f"<CreateTime>{at}</CreateTime><MsgType>text</MsgType><Content>{escape(text)}</Content></xml>"
    )
    sealed, nonce = sealed_of(keys, message.encode("utf-8", "replace")), secrets.token_hex(8)
    signed = signature(keys.token, at, nonce, sealed)
    return (
        f"<xml><Encrypt>{sealed}</Encrypt><MsgSignature>{signed}</MsgSignature>"
        f"<TimeStamp>{at}</TimeStamp><Nonce>{nonce}</Nonce></xml>"
    ).encode()


class WeComApp(Robot):
    """`to` is a user id, in any letters. Whom a success names as `invaliduser` has it not. A picture is a message of
    its own behind the text."""

    pictures_apart = True

    def __init__(self, settings: WeComAppSettings, context: Context) -> None:
        super().__init__(settings, settings.to, context, ROOM)
        self._settings = settings
        self._token = Token(self._ask_token)

    async def send(self, message: Message) -> str:
        to = self.receivers(message)
        body = {
            "touser": "|".join(to),
            "msgtype": "text",
            "agentid": self._settings.agent_id,
            "text": {"content": self.text(message)},
            # A second copy of the same text is dropped by the service itself.
            "enable_duplicate_check": 1,
            "duplicate_check_interval": 3600,
        }
        answer, found = await self._call("/cgi-bin/message/send", body)
        unknown = {name.lower() for name in str(found.get("invaliduser") or "").split("|") if name}
        if unknown >= {name.lower() for name in to}:
            raise DeliveryError(said(answer), retry=False)
        return said(answer) + await self._picture(to, message.picture) if message.picture else said(answer)

    async def _picture(self, to: list[str], picture: bytes) -> str:
        """What became of the picture. The text is taken already: nothing is sent again for its sake."""
        try:
            url = f"{self._settings.base_url}/cgi-bin/media/upload?access_token={await self._token.get()}&type=image"
            uploaded = await self.upload(url, "media", picture)
            if not uploaded.get("media_id"):
                return f"; picture not taken: {uploaded}"[:200]
            image = {"media_id": uploaded["media_id"]}
            body = {"touser": "|".join(to), "msgtype": "image", "agentid": self._settings.agent_id, "image": image}
            await self._call("/cgi-bin/message/send", body)
        except DeliveryError as error:
            return f"; picture not taken: {error}"
        return "; picture taken"

    async def called(self, call: Call, hear: Hear) -> Answer:
        """WeCom looks whether the address is ours (`echostr`), or brings what somebody wrote."""
        settings, now_s = self._settings, self._context.now_s()
        keys = keys_of(
            needed_secret(settings.callback_token_file), needed_secret(settings.aes_key_file), settings.corp_id
        )
        if "echostr" in call.query:
            return Answer(opened(keys, call.query, call.query["echostr"], now_s), "text/plain")
        plain = opened(keys, call.query, fields_of(call.body).get("Encrypt", ""), now_s)
        words = words_in(plain, int(call.query["timestamp"]))
        reply = None if words is None else await hear(self.name, words)
        if words is None or reply is None:
            return Answer(b"", _XML)
        return Answer(answer_of(keys, words.accounts[0], self.words(reply), now_s), _XML)

    async def _call(self, path: str, body: dict[str, Any]) -> tuple[httpx.Response, dict[str, Any]]:
        """A call of the app's, with its token; a token that is refused is asked for anew, once."""
        for last in (False, True):
            url = f"{self._settings.base_url}{path}?access_token={await self._token.get()}"
            answer, found = await self.post_json(url, body)
            code = found.get("errcode")
            if code == 0:
                return answer, found
            if last or code not in _BAD_TOKEN:
                raise refused(answer, code)
            self._token.forget()
        raise AssertionError("the second answer is judged")

    async def _ask_token(self) -> tuple[str, float]:
        query = httpx.QueryParams(corpid=self._settings.corp_id, corpsecret=needed_secret(self._settings.secret_file))
        answer = await self.ask(f"{self._settings.base_url}/cgi-bin/gettoken?{query}", b"", {}, "GET")
        found = object_in(answer)
        token, for_s = found.get("access_token"), found.get("expires_in")
        if found.get("errcode") != 0 or not isinstance(token, str) or not isinstance(for_s, int):
            raise refused(answer, found.get("errcode"))
        return token, float(for_s)


def refused(answer: httpx.Response, code: object) -> DeliveryError:
    """A refusal, and whether to try again. An answer without a code is none of the service's."""
    known = code if isinstance(code, int) and not isinstance(code, bool) else None
    retry = known is None or known in _LATER
    return DeliveryError(said(answer), retry=retry, pause_s=_SLOW.get(known, 0.0) if known is not None else 0.0)
