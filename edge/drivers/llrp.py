"""UHF tags on vehicles by an LLRP reader (Impinj and others), by llrpkit; a tag counts once per stay.

Antennas may say which way a vehicle goes: one before and one behind the barrier, say.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

from edge.clock import Timekeeper
from edge.drivers.base import VehicleRead
from edge.drivers.feed import Feed, Reader, Repeats
from edge.drivers.needs import Needs
from wire.errors import DriverError
from wire.events import Direction

if TYPE_CHECKING:
    from llrpkit import Reader as LlrpReader
    from llrpkit import TagReport

Antenna = Annotated[int, Meta(ge=1, le=32)]


class UhfReader(Reader[VehicleRead]):
    """Listens to one reader for as long as it answers."""

    needs = Needs("llrp", ("llrpkit",))

    class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        host: str
        """Address of the reader."""
        tcp_port: Annotated[int, Meta(ge=1, le=65535)] = 5084
        """Its LLRP port."""
        antennas_in: tuple[Antenna, ...] = ()
        """Antennas that see vehicles driving in; with none here and below, all antennas, and all drive in."""
        antennas_out: tuple[Antenna, ...] = ()
        """Antennas that see vehicles driving out."""
        power_dbm: Annotated[float, Meta(ge=0, le=36)] | None = None
        """Transmit power; left out, the reader's own. The law of the land limits it."""
        weakest_dbm: Annotated[float, Meta(ge=-100, le=0)] | None = None
        """Tags that answer weaker are of vehicles that only pass by."""
        tag_prefix: Annotated[str, Meta(pattern="^([0-9A-Fa-f]{2})*$", max_length=62)] = ""
        """Hex digits that the site's own tags begin with; others are left out."""
        session: Literal[0, 1, 2, 3] = 1
        """EPC Gen2 session."""
        quiet_s: Annotated[float, Meta(ge=0.1, le=3600)] = 10.0
        """A tag counts again when it was not seen for so long."""
        timeout_s: Annotated[float, Meta(gt=0, le=60)] = 5.0
        """How long an answer may take."""
        probe_s: Annotated[float, Meta(gt=0, le=600)] = 10.0
        """How often it is asked whether it is still there."""

        def __post_init__(self) -> None:
            both = sorted(set(self.antennas_in) & set(self.antennas_out))
            if both:
                raise ValueError(f"antennas {both} are among `antennas_in` and `antennas_out`, expected each in one")

    def __init__(self, settings: Settings, timekeeper: Timekeeper) -> None:
        super().__init__(f"UHF reader {settings.host}:{settings.tcp_port}", timekeeper)
        self._settings = settings
        self._repeats = Repeats(settings.quiet_s)
        self._reader: LlrpReader | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def _open(self, feed: Feed[VehicleRead]) -> None:
        from llrpkit import LLRPError
        from llrpkit import Reader as LlrpReader

        settings = self._settings
        self._repeats = Repeats(settings.quiet_s)
        self._reader = reader = LlrpReader(
            settings.host, settings.tcp_port, response_timeout=settings.timeout_s, connect_timeout=settings.timeout_s
        )
        try:
            await reader.connect()
        except LLRPError as error:
            raise DriverError(f"{self._name}: cannot be opened: {error}") from error
        self._tasks = [asyncio.create_task(work(feed, reader)) for work in (self._listen, self._probe)]

    async def _close(self) -> None:
        tasks, self._tasks = self._tasks, []
        reader, self._reader = self._reader, None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if reader is not None:
            await reader.close()

    async def _listen(self, feed: Feed[VehicleRead], reader: LlrpReader) -> None:
        from llrpkit import LLRPError

        try:
            async with aclosing(self._inventory(reader)) as reports:
                async for report in reports:
                    self._take(feed, report)
        except (LLRPError, OSError) as error:
            feed.fail(f"lost: {error}")

    async def _probe(self, feed: Feed[VehicleRead], reader: LlrpReader) -> None:
        """A reader without tags in view is silent; whether it is still there is known only by asking."""
        from llrpkit import LLRPError

        try:
            while True:
                await asyncio.sleep(self._settings.probe_s)
                await reader.get_gpio()
        except (LLRPError, OSError) as error:
            feed.fail(f"lost: {error}")

    def _inventory(self, reader: LlrpReader) -> AsyncGenerator[TagReport, None]:
        settings = self._settings
        return reader.inventory(
            antennas=(*settings.antennas_in, *settings.antennas_out),
            session=settings.session,
            tx_power_dbm=settings.power_dbm,
            epc_filter=settings.tag_prefix or None,
        )

    def _take(self, feed: Feed[VehicleRead], report: TagReport) -> None:
        """Readers differ in what they filter, so the prefix is looked at here too."""
        at = self._timekeeper.now()
        tag = report.epc_hex.upper()
        weakest = self._settings.weakest_dbm
        weak = weakest is not None and report.rssi_dbm is not None and report.rssi_dbm < weakest
        if not tag or weak or not tag.startswith(self._settings.tag_prefix.upper()):
            return
        out = report.antenna in self._settings.antennas_out
        direction = Direction.OUT if out else Direction.IN
        if self._repeats.is_new(f"{tag} {direction}", at):
            feed.put(VehicleRead(None, at, tag=tag, direction=direction))
