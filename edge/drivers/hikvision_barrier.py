"""A barrier on a Hikvision plate camera, over ISAPI; its 200 does not say that the arm rose, so that is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import structlog
from msgspec import Meta

from edge.clock import Timekeeper
from edge.drivers.isapi import Isapi, IsapiSettings
from wire.errors import DriverError
from wire.events import Outcome, Reason

log = structlog.get_logger(__name__)


class Barrier:
    """One barrier. An arm that did not rise is told at the next decision, so that none waits for it."""

    class Settings(IsapiSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
        channel: Annotated[int, Meta(ge=1, le=512)] = 1
        """The barrier's channel."""
        confirm_s: Annotated[float, Meta(ge=0, le=60)] = 8.0
        """Within so long the arm must be open; 0 where the device cannot tell how the arm is."""
        close_on_deny: bool = False
        """Close it when somebody is refused; only where a loop or light barrier keeps the arm off vehicles."""

    def __init__(self, settings: Settings, timekeeper: Timekeeper) -> None:
        self._settings = settings
        self._name = f"barrier {settings.channel} of {settings.url}"
        self._device: Isapi | None = None
        self._confirming: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._device is not None:
            return
        device = Isapi(self._settings)
        await device.__aenter__()
        try:
            await self._state(device)
        except DriverError:
            await device.__aexit__(None, None, None)
            raise
        self._device = device

    async def stop(self) -> None:
        confirming, self._confirming = self._confirming, None
        device, self._device = self._device, None
        if confirming is not None:
            confirming.cancel()
            await asyncio.gather(confirming, return_exceptions=True)
        if device is not None:
            await device.__aexit__(None, None, None)

    async def show(self, outcome: Outcome, reasons: Sequence[Reason]) -> None:
        """Raises `DriverError` also when the arm did not open at the decision before this."""
        if self._device is None:
            raise DriverError(f"{self._name}: was not started")
        await self._end_confirming()
        if outcome is Outcome.ALLOW:
            await self._move(self._device, "open")
            if self._settings.confirm_s:
                self._confirming = asyncio.create_task(self._confirm(self._device))
        elif outcome is Outcome.DENY and self._settings.close_on_deny:
            await self._move(self._device, "close")

    async def _move(self, device: Isapi, how: str) -> None:
        body = f'<BarrierGate version="2.0"><ctrlMode>{how}</ctrlMode></BarrierGate>'
        await device.put(self._path, body)

    async def _confirm(self, device: Isapi) -> None:
        """Ask until the arm is open. Raises `DriverError` when it is not in time."""
        try:
            async with asyncio.timeout(self._settings.confirm_s):
                while await self._state(device) != ARM_OPEN:  # noqa: ASYNC110 - the device tells only when asked
                    await asyncio.sleep(ASK_ARM_EVERY_S)
        except TimeoutError as error:
            text = f"{self._name}: was told to open and is not open after {self._settings.confirm_s:g} s"
            log.error("barrier", error=text)
            raise DriverError(text) from error

    async def _state(self, device: Isapi) -> str:
        answer = await device.get(f"{self._path}/barrierGateStatus")
        return str(answer.get("barrierGateStatus"))

    async def _end_confirming(self) -> None:
        confirming, self._confirming = self._confirming, None
        if confirming is None:
            return
        confirming.cancel()
        await asyncio.wait([confirming])
        if not confirming.cancelled() and (error := confirming.exception()) is not None:
            raise error

    @property
    def _path(self) -> str:
        return f"/ISAPI/Parking/channels/{self._settings.channel}/barrierGate"


ARM_OPEN = "2"
"""`barrierGateStatus`: 0 no signal, 1 closed, 2 open (ISAPI, Vehicle Access Control Management, 11.6.3)."""
ASK_ARM_EVERY_S = 0.25
