"""What a hub is handed where it is one of several processes: what is there before it leads, and stays after."""

from __future__ import annotations

from typing import NamedTuple

from hub.archive import Archive
from hub.ingest import Ingest


class Seat(NamedTuple):
    """The process's journal and ingest; they run by themselves."""

    archive: Archive
    ingest: Ingest
