"""Group robots of DingTalk, WeCom and Feishu. All three answer a refusal with HTTP 200: the code in the body
decides."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Annotated, Any
from urllib.parse import urlencode

import httpx
from msgspec import Meta

from hub.alerts.channels.base import Common, Context, Http, Url, needed_secret, said, secret
from hub.alerts.outbox import Message
from hub.alerts.texts import Room, cut_bytes, fitted, headline
from wire.errors import DeliveryError

_BUSY = frozenset({-1})
"""WeCom's and DingTalk's word for a fault of their own; it may be gone a moment later."""
_DINGTALK_ROOM, _WECOM_ROOM, _FEISHU_ROOM = Room(16_000), Room(2048), Room(16_000)
"""WeCom counts the text, the others the whole request (20,000 bytes)."""
_DINGTALK_SLOW = dict.fromkeys((130101, 410100, 660026), 600.0)


class DingTalkSettings(Common, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="dingtalk", tag_field="kind"):
    """A robot of a DingTalk group: its access token, and its secret where its security setting is signing."""

    token_file: str
    secret_file: str | None = None
    base_url: Url = "https://oapi.dingtalk.com"
    per_min: Annotated[int, Meta(ge=1, le=20)] = 18
    """The service cuts a robot off for 10 minutes after the 21st message in a minute."""


class WeComSettings(Common, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="wecom", tag_field="kind"):
    """A robot of a WeCom group: the key in its address."""

    key_file: str
    base_url: Url = "https://qyapi.weixin.qq.com"
    per_min: Annotated[int, Meta(ge=1, le=20)] = 18


class FeishuSettings(Common, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="feishu", tag_field="kind"):
    """A robot of a Feishu group: the token in its address, and its secret where signing is on."""

    token_file: str
    secret_file: str | None = None
    base_url: Url = "https://open.feishu.cn"
    per_min: Annotated[int, Meta(ge=1, le=100)] = 60


class DingTalk(Http):
    """`to` is a mobile number, which is mentioned. Codes: 310000 a wrong signature, keyword or address; 130101,
    410100 and 660026 too fast."""

    def __init__(self, settings: DingTalkSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._settings = settings

    async def send(self, message: Message) -> str:
        settings = self._settings
        query = {"access_token": needed_secret(settings.token_file)}
        if key := secret(settings.secret_file):
            timestamp = str(int(self._context.now_s() * 1000))
            query |= {"timestamp": timestamp, "sign": dingtalk_sign(key, timestamp)}
        lang = self.lang(message)
        title = cut_bytes(headline(message, lang, self._context.zone), 300)
        at = [message.to] if message.to else []
        text = fitted(
            message, lang, self._context.zone, _DINGTALK_ROOM, frame="**{}**\n\n", also=[f"@{one}" for one in at]
        )
        value = {
            "msgtype": "markdown",
            "markdown": {"title": title, "text": text},
            "at": {"atMobiles": at, "isAtAll": False},
        }
        answer, found = await self.post_json(f"{settings.base_url}/robot/send?{urlencode(query)}", value)
        return judged(answer, found.get("errcode"), slow=_DINGTALK_SLOW)


class WeCom(Http):
    """`to` is a mobile number, which is mentioned. Codes: 93000 no such robot; 45009 too fast.

    A picture is a message of its own behind the text (`msgtype` image, base64 and MD5, at most 2 MB).
    """

    pictures_apart = True

    def __init__(self, settings: WeComSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._settings = settings

    async def send(self, message: Message) -> str:
        query = urlencode({"key": needed_secret(self._settings.key_file)})
        lang = self.lang(message)
        text = {
            "content": fitted(message, lang, self._context.zone, _WECOM_ROOM),
            "mentioned_mobile_list": [message.to] if message.to else [],
        }
        url = f"{self._settings.base_url}/cgi-bin/webhook/send?{query}"
        answer, found = await self.post_json(url, {"msgtype": "text", "text": text})
        taken = judged(answer, found.get("errcode"), slow={45009: 60.0})
        return taken + await self._picture(url, message.picture) if message.picture else taken

    async def _picture(self, url: str, picture: bytes) -> str:
        """What became of the picture. The text is taken already: nothing is sent again for its sake."""
        image = {
            "base64": base64.b64encode(picture).decode(),
            "md5": hashlib.md5(picture, usedforsecurity=False).hexdigest(),
        }
        try:
            answer, found = await self.post_json(url, {"msgtype": "image", "image": image})
            return f"; picture: {judged(answer, found.get('errcode'), slow={})}"
        except DeliveryError as error:
            return f"; picture not taken: {error}"


class Feishu(Http):
    """`to` is an open_id, which is mentioned. Codes: 19021 a wrong signature or time; 9499 and 11232 too fast."""

    def __init__(self, settings: FeishuSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._settings = settings

    async def send(self, message: Message) -> str:
        lang = self.lang(message)
        also = [f'<at user_id="{message.to}"></at>'] if message.to else []
        text = fitted(message, lang, self._context.zone, _FEISHU_ROOM, also=also)
        value: dict[str, Any] = {"msg_type": "text", "content": {"text": text}}
        if key := secret(self._settings.secret_file):
            timestamp = str(int(self._context.now_s()))
            value |= {"timestamp": timestamp, "sign": feishu_sign(key, timestamp)}
        url = f"{self._settings.base_url}/open-apis/bot/v2/hook/{needed_secret(self._settings.token_file)}"
        answer, found = await self.post_json(url, value, refusals_with_4xx=True)
        return judged(answer, found.get("code", found.get("StatusCode")), slow={9499: 30.0, 11232: 30.0})


def judged(answer: httpx.Response, code: object, slow: dict[int, float]) -> str:
    """What the robot said, when it took the message. Raises `DeliveryError`.

    `slow` are the codes for too many messages, with the seconds to leave the robot alone.
    """
    if code == 0 and answer.is_success:
        return said(answer)
    known = code if isinstance(code, int) else None
    pause_s = slow.get(known, 0.0) if known is not None else 0.0
    # An answer without a code is none of the service's: something stands between, and may be gone later.
    retry = known is None or known in _BUSY or bool(pause_s) or answer.status_code >= 500
    raise DeliveryError(said(answer), retry=retry, pause_s=pause_s)


def dingtalk_sign(key: bytes, timestamp_ms: str) -> str:
    """Base64 of HMAC-SHA-256 under the secret of `TIMESTAMP\\nSECRET` (DingTalk's custom robots, security settings)."""
    return base64.b64encode(hmac.new(key, timestamp_ms.encode() + b"\n" + key, hashlib.sha256).digest()).decode()


def feishu_sign(key: bytes, timestamp_s: str) -> str:
    """Base64 of HMAC-SHA-256 of nothing under `TIMESTAMP\\nSECRET` (Feishu's custom bots): the text is the key."""
    return base64.b64encode(hmac.new(timestamp_s.encode() + b"\n" + key, b"", hashlib.sha256).digest()).decode()
