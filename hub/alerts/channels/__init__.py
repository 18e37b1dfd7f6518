"""Ways to reach a person. Each judges a service's answer by its body, and says by its error whether to try again."""

from __future__ import annotations

from hub.alerts.channels.aliyun import AliyunSms, AliyunSmsSettings
from hub.alerts.channels.base import Channel, Context
from hub.alerts.channels.dingtalk import DingTalkApp, DingTalkAppSettings
from hub.alerts.channels.feishu import FeishuApp, FeishuAppSettings
from hub.alerts.channels.mail import Mail, MailSettings
from hub.alerts.channels.others import Alertmanager, AlertmanagerSettings, AppriseChannel, AppriseSettings
from hub.alerts.channels.pagerduty import PagerDuty, PagerDutySettings
from hub.alerts.channels.robots import DingTalk, DingTalkSettings, Feishu, FeishuSettings, WeCom, WeComSettings
from hub.alerts.channels.telegram import Telegram, TelegramSettings
from hub.alerts.channels.webhook import Webhook, WebhookSettings
from hub.alerts.channels.wecom import WeComApp, WeComAppSettings

ChannelSettings = (
    WebhookSettings | MailSettings | DingTalkSettings | WeComSettings | FeishuSettings | PagerDutySettings
    | AliyunSmsSettings | AlertmanagerSettings | AppriseSettings | TelegramSettings | DingTalkAppSettings
    | WeComAppSettings | FeishuAppSettings
)  # fmt: skip
_MAKERS: dict[type[ChannelSettings], type] = {
    WebhookSettings: Webhook,
    MailSettings: Mail,
    DingTalkSettings: DingTalk,
    WeComSettings: WeCom,
    FeishuSettings: Feishu,
    PagerDutySettings: PagerDuty,
    AliyunSmsSettings: AliyunSms,
    AlertmanagerSettings: Alertmanager,
    AppriseSettings: AppriseChannel,
    TelegramSettings: Telegram,
    DingTalkAppSettings: DingTalkApp,
    WeComAppSettings: WeComApp,
    FeishuAppSettings: FeishuApp,
}
KINDS: dict[str, type[ChannelSettings]] = {str(kind.__struct_config__.tag): kind for kind in _MAKERS}
"""The word in `kind`, and the settings that go with it."""
TOLD_OF_ACKNOWLEDGEMENTS = (WebhookSettings, PagerDutySettings)
"""Channels with a program on the other side, which can stop what it does by itself."""
VOUCHED_FOR = (DingTalkAppSettings, WeComAppSettings, FeishuAppSettings)
"""Channels whose service says who speaks, so that people acknowledge in words."""
CALLS_BACK = (WeComAppSettings, FeishuAppSettings)
"""Of these those whose service calls the hub."""

__all__ = [
    "CALLS_BACK",
    "KINDS",
    "TOLD_OF_ACKNOWLEDGEMENTS",
    "VOUCHED_FOR",
    "Channel",
    "ChannelSettings",
    "Context",
    "Mail",
    "MailSettings",
    "WeComAppSettings",
    "Webhook",
    "WebhookSettings",
    "make_channel",
]


def make_channel(settings: ChannelSettings, context: Context) -> Channel:
    made: Channel = _MAKERS[type(settings)](settings, context)
    return made
