"""Alerts as the settings want them."""

from __future__ import annotations

from pathlib import Path

from hub.alerts.chains import AllChannels, Planner
from hub.alerts.channels import TOLD_OF_ACKNOWLEDGEMENTS, Context, make_channel
from hub.alerts.desk import AlertDesk
from hub.alerts.facts import ClusterSettings
from hub.alerts.store import AlertStore, StoreSettings
from hub.settings import HubSettings


def make_desk(settings: HubSettings) -> AlertDesk:
    """The desk of a hub."""
    context = Context(settings.zone)
    channels = [make_channel(channel, context) for channel in settings.channels]
    return AlertDesk(make_store(settings), channels, settings.rules)


def make_store(settings: HubSettings) -> AlertStore:
    """The alerts' file of a hub, not opened yet."""
    alerts = settings.alerts
    store = StoreSettings(
        page_within_s=alerts.page_within_s,
        reopen_within_s=alerts.reopen_within_s,
        acknowledgeable=frozenset(
            channel.name for channel in settings.channels if isinstance(channel, TOLD_OF_ACKNOWLEDGEMENTS)
        ),
        cluster=ClusterSettings(settings.rules.cluster_fevers, settings.zone),
    )
    return AlertStore(path_of(settings), make_planner(settings), store)


def path_of(settings: HubSettings) -> Path:
    return Path(settings.data) / "alerts.db"


def make_planner(settings: HubSettings) -> Planner:
    return AllChannels(tuple(channel.name for channel in settings.channels))
