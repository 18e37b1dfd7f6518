"""Alerts as the settings want them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from hub.alerts.calendars import CalendarFile
from hub.alerts.chains import AllChannels, Planner
from hub.alerts.channels import (
    TOLD_OF_ACKNOWLEDGEMENTS,
    VOUCHED_FOR,
    Channel,
    Context,
    WeComAppSettings,
    make_channel,
)
from hub.alerts.chats import Directory
from hub.alerts.course import StoreSettings
from hub.alerts.desk import AlertDesk, Site
from hub.alerts.links import Links, read_key
from hub.alerts.oncall import OnCall
from hub.alerts.replies import Marks
from hub.alerts.store import AlertStore
from hub.board import AlertRow
from hub.settings import HubSettings


def make_desk(settings: HubSettings, picture_of: Callable[[AlertRow], bytes] | None = None) -> AlertDesk:
    """The desk of a hub."""
    site = Site(
        settings.site,
        settings.rules,
        make_links(settings),
        settings.weekly_test.of() if settings.weekly_test else None,
        settings.zone,
        picture_of,
        directory_of(settings),
    )
    return AlertDesk(make_store(settings), make_channels(settings), site)


def make_channels(settings: HubSettings) -> list[Channel]:
    context = Context(settings.zone, marks=Marks(read_key(Path(settings.data) / "link.key")))
    return [make_channel(channel, context) for channel in settings.channels]


def directory_of(settings: HubSettings) -> Directory:
    """Whose account is whose on the channels whose service says who speaks."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for channel in settings.channels:
        if not isinstance(channel, VOUCHED_FOR):
            continue
        accounts = [(account, person.name) for person in settings.people for contact in person.contacts
                    if contact.channel == channel.name
                    for account in ([contact.to] if contact.to else channel.to)]  # fmt: skip
        for account, name in [*accounts, *((account, channel.name) for account in channel.to)]:
            # WeCom's user ids are the same in any letters.
            known = account.lower() if isinstance(channel, WeComAppSettings) else account
            found[channel.name, known].add(name)
    return Directory({key: frozenset(names) for key, names in found.items()})


def make_links(settings: HubSettings) -> Links | None:
    """How messages are acknowledged by link: None where the console has no address that telephones can reach."""
    if settings.console.public_url is None:
        return None
    return Links(read_key(Path(settings.data) / "link.key"), settings.console.public_url)


def make_store(settings: HubSettings) -> AlertStore:
    """The alerts' file of a hub, not opened yet."""
    alerts = settings.alerts
    told = [channel.name for channel in settings.channels if isinstance(channel, TOLD_OF_ACKNOWLEDGEMENTS)]
    store = StoreSettings(
        page_within_s=alerts.page_within_s,
        page_within=settings.rules.page_within_s,
        severity=settings.rules.severity,
        reopen_within_s=alerts.reopen_within_s,
        acknowledgeable=frozenset(told),
        cluster_fevers=settings.rules.cluster_fevers,
        zone=settings.zone,
    )
    return AlertStore(path_of(settings), make_planner(settings), store)


def path_of(settings: HubSettings) -> Path:
    return Path(settings.data) / "alerts.db"


def make_planner(settings: HubSettings) -> Planner:
    """People on call where there are any, else every channel. Raises `SettingsError` for a calendar that is none."""
    channels = tuple(channel.name for channel in settings.channels)
    if not settings.escalations:
        return AllChannels(channels)
    names = frozenset(person.name for person in settings.people)
    addresses = {c.to.lower(): person.name for person in settings.people for c in person.contacts if c.to}
    calendars = {
        rota.name: CalendarFile(Path(rota.calendar_file), addresses, names)
        for rota in settings.rotas
        if rota.calendar_file is not None
    }
    return OnCall(settings.people, settings.rotas, settings.escalations, channels, calendars, settings.zone)
