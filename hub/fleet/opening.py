"""The journal of a hub's settings, wherever it is: a file, or the database of a fleet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hub.archive import Archive
from hub.journal import JournalReader

if TYPE_CHECKING:
    from hub.settings import HubSettings


def archive_of(settings: HubSettings) -> Archive:
    """For commands beside a hub. Of a fleet's journal everything but events can be written while the hub runs."""
    url = journal_url(settings)
    if url is None:
        return Archive(Path(settings.data) / "journal.db")
    from hub.fleet.journal import PostgresJournal  # noqa: PLC0415 - only a fleet needs the driver

    return Archive(PostgresJournal(url, dict))


def reader_of(settings: HubSettings) -> JournalReader:
    url = journal_url(settings)
    if url is None:
        return JournalReader(Path(settings.data) / "journal.db")
    from hub.fleet.journal import PostgresReader  # noqa: PLC0415 - only a fleet needs the driver

    return PostgresReader(url)


def journal_url(settings: HubSettings) -> str | None:
    """The URL of a fleet's journal; None where the journal is a file."""
    return None if settings.fleet is None else settings.fleet.journal or settings.database_url
