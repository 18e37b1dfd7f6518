"""The long tail: a Prometheus Alertmanager, and every service that apprise speaks with (ntfy, Telegram, Twilio,
Matrix …)."""

from __future__ import annotations

import asyncio
import logging
import re
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hub.alerts.channels.base import Common, Context, Http, Url, needed_secret, said
from hub.alerts.outbox import Message
from hub.alerts.texts import Lang, body, headline
from wire.errors import DeliveryError

_OWN = re.compile(r"^(dingtalk|wecombot|feishu|lark)://", re.IGNORECASE)
"""Services whose refusals apprise takes for success; they have channels of their own here."""


class AlertmanagerSettings(
    Common, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="alertmanager", tag_field="kind"
):
    """A Prometheus Alertmanager (API v2). It forgets an alert after `hold_h`, if nobody ends it before."""

    base_url: Url
    hold_h: Annotated[float, Meta(gt=0, le=24 * 31)] = 24.0
    per_min: Annotated[int, Meta(ge=1, le=100_000)] = 600


class Alertmanager(Http):
    """All alerts of a message in one request; the labels make each of them one, however often it is sent."""

    def __init__(self, settings: AlertmanagerSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._settings = settings

    async def send(self, message: Message) -> str:
        value = msgspec.json.encode(self._alerts(message))
        url = f"{self._settings.base_url}/api/v2/alerts"
        answer = await self.post(url, value, {"Content-Type": "application/json"})
        if answer.status_code != 200:
            raise DeliveryError(said(answer), retry=True)  # a proxy's welcome page is no Alertmanager
        return said(answer)

    def _alerts(self, message: Message) -> list[dict[str, Any]]:
        lang, now_s = self.lang(message), self._context.now_s()
        ends_s = now_s if message.kind == "resolved" else now_s + self._settings.hold_h * 3600
        if not message.alerts:
            labels = {"alertname": "menshen-note", "receiver": message.receiver}
            return [_alert(labels, {"summary": message.text}, now_s, ends_s)]
        return [
            _alert(
                {"alertname": alert.rule, "site": alert.site, "gate": alert.gate, "severity": alert.severity,
                 "menshen_alert": str(alert.id)},
                {"summary": headline(_only(message, alert), lang, self._context.zone), "detail": alert.detail,
                 "runbook": message.do(alert, lang), "link": message.link},
                alert.since_ns / 1e9,
                ends_s,
            ) | ({"generatorURL": message.link} if message.link else {})
            for alert in message.alerts
        ]  # fmt: skip


def _attached(message: Message) -> Any:  # noqa: ANN401 - apprise's own type, imported late
    """The picture, at the first attempt only: where it is what is refused, the text must not come again and again."""
    if not message.picture or message.attempts:
        return None
    from apprise.attachment.memory import AttachMemory  # noqa: PLC0415 - as apprise itself

    made: Any = AttachMemory
    return made(message.picture, name=f"{message.key}.jpg", mimetype="image/jpeg")


def _only(message: Message, alert: Any) -> Message:  # noqa: ANN401 - an AlertRow of the message
    return Message(id=0, key="", channel="", receiver="", kind=message.kind, alerts=(alert,))


def _alert(labels: dict[str, str], annotations: dict[str, str], starts_s: float, ends_s: float) -> dict[str, Any]:
    starts, ends = (datetime.fromtimestamp(each, UTC).isoformat(timespec="milliseconds") for each in (starts_s, ends_s))
    return {"labels": labels, "annotations": annotations, "startsAt": starts, "endsAt": ends}


class AppriseSettings(Common, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="apprise", tag_field="kind"):
    """A service by its apprise address, in a file, for it holds what must stay secret.

    DingTalk, WeCom and Feishu have channels of their own: apprise takes their refusals for success.
    """

    url_file: str


class AppriseChannel:
    """One service that apprise speaks with. Apprise says only whether it was taken, and why not to its log."""

    def __init__(self, settings: AppriseSettings, context: Context) -> None:
        self.name = settings.name
        self.per_min = settings.per_min
        self._settings = settings
        self._context = context

    async def send(self, message: Message) -> str:
        import apprise  # noqa: PLC0415 - it takes half a second, and most sites do without

        url = needed_secret(self._settings.url_file)
        if _OWN.match(url):
            raise DeliveryError("apprise takes this service's refusals for success: use its own kind here", retry=False)
        notifier = apprise.Apprise()
        if not notifier.add(url):
            raise DeliveryError(f"{self._settings.url_file}: not an address that apprise knows", retry=False)
        lang: Lang = "en" if (message.lang or self._settings.lang) == "en" else "zh"
        title = headline(message, lang, self._context.zone)
        text = "\n".join(body(message, lang, self._context.zone)) or title
        with apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as log:  # type: ignore[no-untyped-call]
            try:
                async with asyncio.timeout(self._settings.timeout_s):
                    taken = await notifier.async_notify(body=text, title=title, attach=_attached(message))
            except TimeoutError as error:
                raise DeliveryError("apprise: no answer in time", retry=True, lost=True) from error
            why = " ".join(log.getvalue().split())[:200]
        if not taken:
            raise DeliveryError(f"apprise: not taken: {why or 'it says no more'}", retry=True)
        return "apprise: taken"

    async def close(self) -> None:
        """Nothing is held open between messages."""
