"""Ways to reach a person. Each judges a service's answer by its body, and says by its error whether trying again may
help."""

from __future__ import annotations

from hub.alerts.channels.base import Channel, Context
from hub.alerts.channels.mail import Mail, MailSettings
from hub.alerts.channels.webhook import Webhook, WebhookSettings

ChannelSettings = WebhookSettings | MailSettings
KINDS: dict[str, type[ChannelSettings]] = {"webhook": WebhookSettings, "smtp": MailSettings}
"""The word in `kind`, and the settings that go with it."""

TOLD_OF_ACKNOWLEDGEMENTS = (WebhookSettings,)
"""Channels with a program on the other side, which can stop what it does by itself."""

__all__ = [
    "KINDS",
    "TOLD_OF_ACKNOWLEDGEMENTS",
    "Channel",
    "ChannelSettings",
    "Context",
    "Mail",
    "MailSettings",
    "Webhook",
    "WebhookSettings",
    "make_channel",
]


def make_channel(settings: ChannelSettings, context: Context) -> Channel:
    match settings:
        case WebhookSettings():
            return Webhook(settings, context)
        case MailSettings():
            return Mail(settings, context)
