"""A signed webhook: JSON for a program of the site's own."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

import msgspec

from hub.alerts.channels.base import NOWHERE, Common, Context, Http, Url, said, secret
from hub.alerts.outbox import Message
from hub.alerts.texts import headline


class WebhookSettings(Common, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="webhook", tag_field="kind"):
    """An HTTP endpoint. The secret in `secret_file` signs each body (HMAC-SHA-256, RFC 2104)."""

    url: Url
    secret_file: str | None = None


class Webhook(Http):
    """POSTs JSON. The receiver checks `X-Menshen-Signature: v1=HEX`, the HMAC of `TIMESTAMP.BODY`, and the timestamp's
    age, and drops what it has seen by `dedup_key` (also in the header `Idempotency-Key`)."""

    def __init__(self, settings: WebhookSettings, context: Context = NOWHERE) -> None:
        super().__init__(settings, context)
        self._settings = settings

    async def send(self, message: Message) -> str:
        body = webhook_body(message, self._context.zone)
        headers = {"Content-Type": "application/json", "Idempotency-Key": message.key}
        if key := secret(self._settings.secret_file):
            timestamp = str(int(self._context.now_s()))
            headers["X-Menshen-Timestamp"] = timestamp
            headers["X-Menshen-Signature"] = f"v1={sign(key, timestamp, body)}"
        return said(await self.post(self._settings.url, body, headers))


def sign(key: bytes, timestamp: str, body: bytes) -> str:
    """HMAC-SHA-256 of `timestamp.body` in hexadecimal."""
    return hmac.new(key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def webhook_body(message: Message, zone: str | None = None) -> bytes:
    """Of one alert its facts; of several those of the first, the numbers of all, and how many."""
    facts: dict[str, object] = {
        "v": 1,
        "dedup_key": message.key,
        "step": message.kind,
        "escalation": message.step,
        "receiver": message.receiver,
        "text": {"zh": headline(message, "zh", zone), "en": headline(message, "en", zone)},
        "link": message.link,
    }
    if message.alerts:
        alert = message.alerts[0]
        facts |= {
            "alert": alert.id,
            "alerts": [other.id for other in message.alerts],
            "rule": alert.rule,
            "severity": alert.severity,
            "site": alert.site,
            "gate": alert.gate,
            "lane": alert.lane,
            "since": datetime.fromtimestamp(alert.since_ns / 1e9, UTC).isoformat(timespec="milliseconds"),
            "since_ns": alert.since_ns,
            "count": alert.count if len(message.alerts) == 1 else len(message.alerts),
            "detail": alert.detail,
            "by": alert.held_by or alert.ended_by,
            "runbook": {lang: message.do(alert, lang) for lang in ("zh", "en")},
        }
    if message.picture:
        facts["picture"] = {"type": "image/jpeg", "base64": message.picture}
    return msgspec.json.encode(facts)
