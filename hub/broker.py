"""The broker that comes with the hub, for plants that run none: rumqttd (the `iotcore` wheel) in a child process."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

from wire.errors import LinkError
from wire.messages import MAX_PAYLOAD_BYTES

log = structlog.get_logger(__name__)

_CHECK_EVERY_S = 1.0
_HEADROOM_BYTES = 4096
"""For the topic and the fixed header, which the broker counts too."""


class EmbeddedBroker:
    """Starts the broker and starts it again when it died. It remembers nothing, and needs not to (invariant 3)."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._broker: Any = None

    async def start(self) -> None:
        """Raises `LinkError` when the wheel is missing or the port is taken."""
        await asyncio.to_thread(self._start)

    async def keep(self) -> None:
        """Restart it when it dies, until cancelled."""
        while True:
            await asyncio.sleep(_CHECK_EVERY_S)
            if not self._broker.is_running:
                log.error("embedded broker died, starting it again")
                try:
                    await self.start()
                except LinkError as error:
                    log.error("embedded broker does not start", error=str(error))

    async def stop(self) -> None:
        if self._broker is not None:
            await asyncio.to_thread(self._broker.stop)
            self._broker = None

    def _start(self) -> None:
        try:
            from iotcore import Broker  # noqa: PLC0415 - a hub with a broker of its own does not need the wheel
        except ImportError as error:
            raise LinkError("no embedded broker here (package iotcore); run mosquitto and set [broker] host") from error
        size = MAX_PAYLOAD_BYTES + _HEADROOM_BYTES
        self._broker = Broker(port=self._port, listen=self._host, max_payload_size=size, max_inflight_count=500)
        try:
            self._broker.start()
        except (OSError, RuntimeError) as error:
            raise LinkError(f"embedded broker on {self._host}:{self._port}: {error}") from error
