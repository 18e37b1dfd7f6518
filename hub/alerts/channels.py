"""Ways to reach a person: signed webhook and mail first. A channel says by its error whether trying again may help."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Annotated, Literal, Protocol

import aiosmtplib
import httpx
import msgspec
import structlog
from msgspec import Meta, Struct

from hub.alerts.rules import RUNBOOK, Rule
from hub.alerts.store import Page
from wire.errors import DeliveryError

log = structlog.get_logger(__name__)


ChannelName = Annotated[str, Meta(min_length=1, max_length=64)]
Address = Annotated[str, Meta(pattern=r"^[^@\s,]+@[^@\s,]+$")]
"""A mail address, such as officer@plant.example."""


class WebhookSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="webhook", tag_field="kind"):
    """An HTTP endpoint. The secret in `secret_file` signs each body (HMAC-SHA-256, RFC 2104)."""

    name: ChannelName
    url: Annotated[str, Meta(pattern=r"^https?://[^\s/]+")]
    secret_file: str | None = None
    timeout_s: Annotated[float, Meta(gt=0, le=120)] = 10.0


class MailSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="smtp", tag_field="kind"):
    """A mail server and who gets the mail. `lang` is that of the text."""

    name: ChannelName
    host: Annotated[str, Meta(min_length=1)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 25
    sender: Address
    to: Annotated[list[Address], Meta(min_length=1)]
    lang: Literal["zh", "en"] = "zh"
    username: str | None = None
    password_file: str | None = None
    starttls: bool = False
    timeout_s: Annotated[float, Meta(gt=0, le=120)] = 20.0


ChannelSettings = WebhookSettings | MailSettings


class Channel(Protocol):
    """One way to tell somebody."""

    name: str

    async def send(self, page: Page) -> str:
        """Deliver, and return what the other side said. Raises `DeliveryError` when it did not take it."""
        ...

    async def close(self) -> None: ...


def make_channel(settings: ChannelSettings) -> Channel:
    match settings:
        case WebhookSettings():
            return Webhook(settings)
        case MailSettings():
            return Mail(settings)


class Webhook:
    """POSTs JSON. The receiver checks `X-Menshen-Signature: v1=HEX`, the HMAC of `TIMESTAMP.BODY`, and the timestamp's
    age, and drops what it has seen by `dedup_key` (also in the header `Idempotency-Key`)."""

    def __init__(self, settings: WebhookSettings, now_s: Callable[[], float] = time.time) -> None:
        self.name = settings.name
        self._settings = settings
        self._now_s = now_s
        self._client = httpx.AsyncClient(timeout=settings.timeout_s)

    async def send(self, page: Page) -> str:
        body = webhook_body(page)
        headers = {"Content-Type": "application/json", "Idempotency-Key": page.dedup_key}
        if secret := _secret(self._settings.secret_file):
            timestamp = str(int(self._now_s()))
            headers["X-Menshen-Timestamp"] = timestamp
            headers["X-Menshen-Signature"] = f"v1={sign(secret, timestamp, body)}"
        try:
            async with asyncio.timeout(self._settings.timeout_s):  # httpx's own begins anew with each byte
                answer = await self._client.post(self._settings.url, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise DeliveryError(f"{type(error).__name__}: {error}", retry=True) from error
        said = f"HTTP {answer.status_code}: {answer.text[:200]}"
        if not answer.is_success:
            raise DeliveryError(said, retry=answer.status_code in {408, 425, 429} or answer.status_code >= 500)
        return said

    async def close(self) -> None:
        await self._client.aclose()


class Mail:
    """Sends mail. The Message-ID is that of the page, so that a second copy is known as one."""

    def __init__(self, settings: MailSettings, now_s: Callable[[], float] = time.time) -> None:
        self.name = settings.name
        self._settings = settings
        self._now_s = now_s

    async def send(self, page: Page) -> str:
        settings = self._settings
        try:
            refused, said = await aiosmtplib.send(
                mail(page, settings, self._now_s()),
                hostname=settings.host,
                port=settings.port,
                username=settings.username,
                password=(_secret(settings.password_file) or b"").decode() or None,
                start_tls=settings.starttls,
                timeout=settings.timeout_s,
            )
        except aiosmtplib.SMTPResponseException as error:
            raise DeliveryError(f"{error.code} {error.message}", retry=400 <= error.code < 500) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise DeliveryError(f"{type(error).__name__}: {error}", retry=True) from error
        if refused:
            # Not tried again: the others have it, and would get it again and again.
            log.error("mail not taken for some", channel=self.name, page=page.dedup_key, refused=str(refused))
            return f"{said}; refused for {refused}"
        return said

    async def close(self) -> None:
        """Nothing is held open between mails."""


def sign(secret: bytes, timestamp: str, body: bytes) -> str:
    """HMAC-SHA-256 of `timestamp.body` in hexadecimal."""
    return hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def webhook_body(page: Page) -> bytes:
    alert = page.alert
    return msgspec.json.encode(
        {
            "v": 1,
            "dedup_key": page.dedup_key,
            "alert": alert.id,
            "step": page.step,
            "rule": alert.rule,
            "severity": alert.severity,
            "site": alert.site,
            "gate": alert.gate,
            "lane": alert.lane,
            "since": _utc(alert.since_ns),
            "since_ns": alert.since_ns,
            "count": alert.count,
            "detail": alert.detail,
            "text": {lang: summary(page, lang) for lang in ("zh", "en")},
            "runbook": RUNBOOK[Rule(alert.rule)],
        }
    )


def mail(page: Page, settings: MailSettings, sent_s: float) -> EmailMessage:
    """The mail, sent `sent_s` seconds after 1970. Its date is not the event's: what is dated to a gate's wrong clock
    would be filed under another year, or thrown away."""
    message = EmailMessage()
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.to)
    message["Subject"] = summary(page, settings.lang)
    domain = settings.sender.rpartition("@")[2] or "menshen"
    message["Message-ID"] = f"<{page.dedup_key}@{domain}>"
    message["Date"] = datetime.fromtimestamp(sent_s, UTC)
    advice = RUNBOOK[Rule(page.alert.rule)][settings.lang] if page.step == "firing" else ""
    message.set_content("\n\n".join(filter(None, [summary(page, settings.lang), advice, page.dedup_key])) + "\n")
    return message


_NAMES = {
    Rule.FEVER: {"zh": "发热人员", "en": "Fever"},
    Rule.ISOLATION_BREACH: {"zh": "违反隔离", "en": "Isolation broken"},
    Rule.TAILGATING: {"zh": "尾随入厂", "en": "Somebody followed at the heels"},
    Rule.UNSCREENED_ENTRY: {"zh": "未经筛查进入", "en": "Somebody went in unscreened"},
    Rule.BADGE_MISUSE: {"zh": "卡重复使用", "en": "Badge used twice"},
    Rule.VEHICLE_NOT_DISINFECTED: {"zh": "车辆未消毒", "en": "Vehicle not disinfected"},
    Rule.UNREGISTERED_VEHICLE: {"zh": "未登记车辆", "en": "Unregistered vehicle"},
    Rule.GATE_SILENT: {"zh": "门岗失联", "en": "Gate silent"},
    Rule.DEVICE_FAULT: {"zh": "设备故障", "en": "Device fault"},
    Rule.GAP: {"zh": "事件丢失", "en": "Events lost"},
}


def summary(page: Page, lang: str) -> str:
    """One line that says what, where and when."""
    alert = page.alert
    name = _NAMES[Rule(alert.rule)][lang]
    place = "/".join(filter(None, (alert.site, alert.gate, alert.lane)))
    over = {"zh": "已解除:", "en": "Resolved: "}[lang] if page.step == "resolved" else ""
    detail = f" ({alert.detail})" if alert.detail else ""
    at = datetime.fromtimestamp(alert.since_ns / 1e9, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    # On one line whatever a gate sent: a mail header takes none of the characters that Unicode calls a line end.
    return " ".join(f"[{alert.severity}] {over}{name} {place} {at}{detail}".split())


def _utc(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9, UTC).isoformat(timespec="milliseconds")


def _secret(path: str | None) -> bytes | None:
    if path is None:
        return None
    try:
        return Path(path).read_bytes().strip()
    except OSError as error:
        raise DeliveryError(f"secret file {path}: {error.strerror}", retry=True) from error
