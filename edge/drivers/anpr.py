"""Plates by a Hikvision camera that reads them itself, over ISAPI."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from edge.clock import Instant, Timekeeper
from edge.drivers.base import VehicleRead
from edge.drivers.feed import Feed, Reader
from edge.drivers.isapi import Alert, Isapi, IsapiSettings, moment_of
from wire.errors import DriverError
from wire.events import Direction

UNREAD = frozenset({"", "unknown", "noplate", "none", "无车牌", "未识别"})
"""What such cameras write where they read no plate."""
MAX_PLATE = 16
COLOURS = frozenset("蓝黄白黑绿")
"""Some firmware writes the plate's colour before the province."""


class PlateCamera(Reader[VehicleRead]):
    """Listens to the camera's alerts. What it tells again of the past opens no gate."""

    class Settings(IsapiSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
        least_confidence: Annotated[float, Meta(ge=0, le=1)] = 0.8
        """A plate that the camera is less sure of counts as unread."""
        channel: Annotated[int, Meta(ge=1, le=512)] | None = None
        """The camera's channel, where one device has several; left out, all of them."""
        forward: Literal["in", "out"] = "in"
        """Which way vehicles drive that the camera calls `forward`."""
        oldest_s: Annotated[float, Meta(gt=0, le=3600)] = 30.0
        """Events that the camera dates so long before it sent others are replays, and are left out."""

    def __init__(self, settings: Settings, timekeeper: Timekeeper) -> None:
        super().__init__(f"plate camera {settings.url}", timekeeper)
        self._settings = settings
        self._device: Isapi | None = None
        self._ahead_s = 0.0
        self._listening: asyncio.Task[None] | None = None

    async def _open(self, feed: Feed[VehicleRead]) -> None:
        device = Isapi(self._settings)
        await device.__aenter__()
        self._device = device
        self._ahead_s = await self._clock_ahead_s(device)
        self._listening = asyncio.create_task(self._listen(feed, device))

    async def _close(self) -> None:
        listening, self._listening = self._listening, None
        device, self._device = self._device, None
        if listening is not None:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        if device is not None:
            await device.__aexit__(None, None, None)

    async def _listen(self, feed: Feed[VehicleRead], device: Isapi) -> None:
        try:
            async with aclosing(device.alerts()) as alerts:
                async for alert in alerts:
                    now = self._timekeeper.now()
                    read = vehicle_read(alert, self._settings, now)
                    if read is not None and await self._is_live(device, alert, now):
                        feed.put(read)
        except DriverError as error:
            feed.fail(f"lost: {error}")

    async def _is_live(self, device: Isapi, alert: Alert, now: Instant) -> bool:
        """Whether an event happens now, by the camera's own clock, which may have been set meanwhile: ask, if not."""
        if alert.at is None or self._age_s(alert.at, now) <= self._settings.oldest_s:
            return True
        self._ahead_s = await self._clock_ahead_s(device)
        return self._age_s(alert.at, now) <= self._settings.oldest_s

    def _age_s(self, said: datetime, now: Instant) -> float:
        return now.time_ns / 1e9 + self._ahead_s - said.timestamp()

    async def _clock_ahead_s(self, device: Isapi) -> float:
        """Seconds that the camera's clock is ahead of ours."""
        answer = await device.get("/ISAPI/System/time")
        moment = moment_of(answer.get("localTime"))
        if moment is None:
            raise DriverError(f"{self._name}: does not tell its time with a zone ({answer.get('localTime')!r})")
        return moment.timestamp() - self._timekeeper.now().time_ns / 1e9


def vehicle_read(alert: Alert, settings: PlateCamera.Settings, at: Instant) -> VehicleRead | None:
    """The vehicle that an event tells of; None for other events, other channels, and what is sent once more."""
    told = alert.fields.get("ANPR")
    if alert.kind.upper() != "ANPR" or not alert.active or not isinstance(told, Mapping):
        return None
    if settings.channel is not None and _number(alert.fields.get("channelID")) != settings.channel:
        return None
    if any(_is(places.get(key), word) for places in (alert.fields, told) for key, word in REPLAYED):
        return None
    level = _number(told.get("confidenceLevel"))
    confidence = 0.0 if level is None else min(1.0, max(0.0, level / 100))
    sure = confidence >= settings.least_confidence
    plate = plate_of(told.get("licensePlate")) if sure else None
    return VehicleRead(plate, at, confidence, direction=_direction(told.get("direction"), settings.forward))


REPLAYED = (("currentEvent", "false"), ("isDataRetransmission", "true"))
"""How a device marks what it stored and sends later."""


def plate_of(text: object) -> str | None:
    """A plate as cameras write it, without blanks, dots and a colour before it; None where nothing was read."""
    if not isinstance(text, str):
        return None
    plate = "".join(sign for sign in text if sign.isalnum()).upper()
    if plate[:1] in COLOURS and plate[1:2] and not plate[1:2].isascii():
        plate = plate[1:]
    return plate if 4 <= len(plate) <= MAX_PLATE and plate.lower() not in UNREAD else None


def _direction(said: object, forward: str) -> Direction:
    """`forward` and `reverse` as the site calls them; what the camera does not know counts as forward."""
    if said == "reverse":
        return Direction.OUT if forward == "in" else Direction.IN
    return Direction(forward)


def _is(value: object, word: str) -> bool:
    return str(value).lower() == word


def _number(value: object) -> float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
