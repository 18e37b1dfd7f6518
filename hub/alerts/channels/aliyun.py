"""SMS by Aliyun's HTTP API (SendSms of 2017-05-25), signed as its version 3 asks (ACS3-HMAC-SHA256)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Meta, field

from hub.alerts.channels.base import Common, Context, Http, Url, needed_secret, object_in, pause_s, said
from hub.alerts.outbox import Message
from hub.alerts.texts import Lang, cut, headline, name, when
from wire.errors import DeliveryError

MOST_CHARACTERS = 35
"""Of one variable of a template, by the service's rules."""
NO_CODE = "0"
_LATER = ("isp.", "Throttling", "ServiceUnavailable", "InternalError", "isv.SMS_SIGN_AUDITING")
"""Beginnings of codes for faults of the service's own, or for too many calls a second."""
_LIMITED = "isv.BUSINESS_LIMIT_CONTROL"
"""Too many messages to one number (1 a minute, 5 an hour, 10 a day by default): another channel must take it."""


Number = Annotated[str, Meta(pattern=r"^\+?[0-9]{5,15}$")]


class AliyunSmsSettings(
    Common, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="aliyun-sms", tag_field="kind"
):
    """An approved signature and template. The template may use ${rule}, ${place}, ${time}, ${detail}, ${do}, ${code}.

    A variable holds 35 characters, which no link fits. The template holds the address, `https://HUB/k/${code}`, and the
    code is short, good for a day and once; where there is nothing to acknowledge it is `0`, which leads to the console.

    `to` are the numbers that are told what is told to nobody in particular.
    """

    access_key_id: Annotated[str, Meta(min_length=1)]
    access_key_secret_file: str
    sign_name: Annotated[str, Meta(min_length=1)]
    template_code: Annotated[str, Meta(min_length=1)]
    to: list[Number] = field(default_factory=list)
    base_url: Url = "https://dysmsapi.aliyuncs.com"
    per_min: Annotated[int, Meta(ge=1, le=1000)] = 10


class AliyunSms(Http):
    """HTTP 200 with another code than `OK` is a refusal."""

    takes_code = True

    def __init__(self, settings: AliyunSmsSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._settings = settings

    async def send(self, message: Message) -> str:
        settings = self._settings
        numbers = [message.to] if message.to else settings.to
        if not numbers:
            raise DeliveryError(f"{message.receiver} has no number here, and the channel no `to`", retry=False)
        query = {
            "PhoneNumbers": ",".join(numbers),
            "SignName": settings.sign_name,
            "TemplateCode": settings.template_code,
            "TemplateParam": msgspec.json.encode(variables(message, self.lang(message), self._context.zone)).decode(),
            "OutId": message.key,
        }
        date = datetime.fromtimestamp(self._context.now_s(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        headers = {
            "host": urlsplit(settings.base_url).netloc,
            "x-acs-action": "SendSms",
            "x-acs-version": "2017-05-25",
            "x-acs-date": date,
            "x-acs-signature-nonce": secrets.token_hex(16),
            "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
        }
        key = needed_secret(settings.access_key_secret_file)
        headers["authorization"] = authorization(settings.access_key_id, key, query, headers)
        answer = await self.ask(f"{settings.base_url}/?{canonical(query)}", b"", headers)
        found = object_in(answer)
        code = str(found.get("Code", ""))
        if code == "OK" and answer.is_success:
            return said(answer)
        retry = code.startswith(_LATER) or not code or answer.status_code >= 500
        raise DeliveryError(said(answer), retry=retry and code != _LIMITED, pause_s=pause_s(answer))


def variables(message: Message, lang: Lang, zone: str | None) -> dict[str, str]:
    """The template's variables; of several alerts what they are and how many."""
    if not message.alerts:
        return {
            "rule": cut(headline(message, lang, zone), MOST_CHARACTERS),
            "place": "-",
            "time": "-",
            "detail": "-",
            "do": "-",
            "code": NO_CODE,
        }
    alert = message.alerts[0]
    many = f" ×{len(message.alerts)}" if len(message.alerts) > 1 else ""
    facts = {
        "rule": name(alert.rule, lang) + many,
        "place": f"{alert.site}/{alert.gate}",
        "time": when(alert.since_ns, zone)[5:],
        "detail": alert.detail or "-",
        "do": (message.do(alert, lang) if message.kind == "firing" else "") or "-",
        "code": message.code or NO_CODE,
    }
    return {key: cut(text, MOST_CHARACTERS) for key, text in facts.items()}


def authorization(key_id: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """The header that signs a POST to `/` without a body (Aliyun, "V3 request structure and signature")."""
    signed = sorted(headers)
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in signed)
    names = ";".join(signed)
    asked = "\n".join(["POST", "/", canonical(query), lines, names, headers["x-acs-content-sha256"]])
    text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(asked.encode()).hexdigest()}"
    signature = hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"ACS3-HMAC-SHA256 Credential={key_id},SignedHeaders={names},Signature={signature}"


def canonical(query: Mapping[str, str]) -> str:
    """The query in the order and the spelling that is signed: RFC 3986, by name."""
    return "&".join(f"{quote(key, safe='')}={quote(query[key], safe='')}" for key in sorted(query))
