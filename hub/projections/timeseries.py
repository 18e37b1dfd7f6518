"""The projection that writes the time series. Its cursor stands in the journal and moves after the write."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import structlog

from hub.archive import Archive
from hub.influx import InfluxSettings, Proof, Rejected, Writer, beside, open_writer, write_all
from hub.journal import Bad, Entry
from hub.measurements import line_of
from wire.errors import StoreError

log = structlog.get_logger(__name__)


class TimeSeries:
    """Journal → InfluxDB. An outage only makes it wait; a line that the server refuses is put to the dead letters."""

    name = "timeseries"

    def __init__(self, archive: Archive, settings: InfluxSettings) -> None:
        self.batch_entries = settings.batch_lines
        self._archive = archive
        self._settings = settings
        self._writer: Writer | None = None
        self._proof = Proof()

    async def start(self) -> int:
        return await self._archive.read(lambda reader: reader.cursor(self.name))

    async def apply(self, entries: Sequence[Entry]) -> None:
        try:
            rejected = await beside(partial(self._write, entries))
        except StoreError:
            await self.stop()  # next time the server is asked anew what it is: it may come back as another
            raise
        if rejected:
            log.error("time-series server refuses lines", lines=len(rejected), first=rejected[0].reason)
            await self._archive.bury(
                [Bad("line", self._settings.url, bad.reason, bad.line.encode()) for bad in rejected]
            )
        await self._archive.set_cursor(self.name, entries[-1].offset)

    async def stop(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _write(self, entries: Sequence[Entry]) -> list[Rejected]:
        if self._writer is None:
            self._writer = open_writer(self._settings)
        return write_all(self._writer, [line_of(entry) for entry in entries], self._proof)
