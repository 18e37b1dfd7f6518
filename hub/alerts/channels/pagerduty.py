"""PagerDuty's Events API v2: trigger, acknowledge and resolve under one key an alert."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from msgspec import Meta

from hub.alerts.channels.base import Common, Context, Http, Url, needed_secret, said
from hub.alerts.outbox import Message
from hub.alerts.texts import body, cut, headline
from hub.board import AlertRow
from wire.errors import DeliveryError

MOST_EVENTS = 20
"""Alerts of one message that become incidents each; a larger storm is one incident, which a person closes."""
_ACTIONS = {"firing": "trigger", "acknowledged": "acknowledge", "resolved": "resolve", "note": "trigger"}
_SEVERITIES = {"critical": "critical", "warning": "warning", "info": "info"}


class PagerDutySettings(
    Common, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="pagerduty", tag_field="kind"
):
    """A service's integration key (Events API v2)."""

    routing_key_file: str
    base_url: Url = "https://events.pagerduty.com"
    per_min: Annotated[int, Meta(ge=1, le=120)] = 60


class PagerDuty(Http):
    """The key of an alert is the same for its start, its acknowledgement and its end, and for every attempt."""

    def __init__(self, settings: PagerDutySettings, context: Context) -> None:
        super().__init__(settings, context)
        self._settings = settings

    async def send(self, message: Message) -> str:
        key = needed_secret(self._settings.routing_key_file)
        answers = [await self._event({"routing_key": key} | event) for event in self._events(message)]
        return answers[-1]

    def _events(self, message: Message) -> list[dict[str, Any]]:
        action = _ACTIONS[message.kind]
        links = [{"href": message.link, "text": "Menshen"}] if message.link else []
        if not message.alerts or len(message.alerts) > MOST_EVENTS:
            payload = self._payload(message, None)
            return [{"event_action": action, "dedup_key": message.key, "payload": payload, "links": links}]
        return [
            {
                "event_action": action,
                "dedup_key": f"menshen-{alert.site}-{alert.id}",
                "payload": self._payload(message, alert),
                "links": links,
            }
            for alert in message.alerts
        ]

    def _payload(self, message: Message, alert: AlertRow | None) -> dict[str, Any]:
        lang, zone = self.lang(message), self._context.zone
        if alert is None:
            summary = headline(message, lang, zone)
            worst = message.alerts[0].severity if message.alerts else "info"
            return {
                "summary": cut(summary, 1024),
                "source": "menshen",
                "severity": _SEVERITIES.get(worst, "error"),
                "custom_details": {"text": "\n".join(body(message, lang, zone))},
            }
        one = Message(id=0, key="", channel="", receiver="", kind=message.kind, alerts=(alert,))
        return {
            "summary": cut(headline(one, lang, zone), 1024),
            "source": f"{alert.site}/{alert.gate}",
            "severity": _SEVERITIES.get(alert.severity, "error"),
            "timestamp": datetime.fromtimestamp(alert.since_ns / 1e9, UTC).isoformat(timespec="milliseconds"),
            "component": alert.lane or alert.gate,
            "group": alert.site,
            "class": alert.rule,
            "custom_details": {
                "detail": alert.detail,
                "do": message.do(alert, lang),
                "count": alert.count,
            },
        }

    async def _event(self, event: dict[str, Any]) -> str:
        answer, found = await self.post_json(f"{self._settings.base_url}/v2/enqueue", event, refusals_with_4xx=True)
        if answer.status_code == 202 and found.get("status") == "success":
            return said(answer)
        raise DeliveryError(said(answer), retry=False)
