"""The site's registry → retained shards on the broker, for every gate.

At each connection everything is published anew, shards before the manifest that names them: a broker that forgot
everything has it again, and a gate that has a shard already does not ask for it. After that only what changes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from hub.registry.store import Registrar, RegistryStore, Shards
from wire import topics
from wire.errors import RegistryError
from wire.link import BrokerSettings, Session, hold
from wire.messages import SCHEMA_VERSION, encode
from wire.registry import Beat, Manifest, Shard, digest_of
from wire.topics import RegistryPart

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 0.2
"""How often the store is asked whether somebody wrote: a visitor announced by another process is at the gates in less
than a second."""
BEAT_EVERY_S = 5.0
AT_ONCE = 8
"""Publishes under way together."""


class Publisher:
    """Keeps the broker's copy of one site's registry right."""

    def __init__(
        self,
        site: str,
        registrar: Registrar,
        broker: BrokerSettings,
        client_id: str,
        sealing_key: str = "",
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._site = site
        self._registrar = registrar
        self._broker = broker
        self._client_id = client_id
        self.sealing_key = sealing_key
        """The manifest carries it from its next version on."""
        self._now_ns = now_ns
        self._version = 0
        self._digests: dict[int, str] = {}

    async def run(self) -> None:
        """Until cancelled."""
        await hold(self._broker, self._client_id, self._use)

    async def _use(self, session: Session) -> None:
        """Work with one connection until it breaks. Raises `LinkError`."""
        self._version, self._digests = 0, {}
        fault = ""
        beat_s = 0.0
        while True:
            try:
                if self._version == 0:
                    await self._registrar.ask(RegistryStore.touch)
                await self._catch_up(session)
                fault = ""
            except RegistryError as error:
                if str(error) != fault:
                    log.error("registry cannot be read", error=str(error))
                fault = str(error)
            if self._version and time.monotonic() - beat_s >= BEAT_EVERY_S:
                beat_s = time.monotonic()
                beat = Beat(SCHEMA_VERSION, self._version, self._now_ns())
                await session.publish(topics.registry(self._site, RegistryPart.BEAT), encode(beat))
            await asyncio.sleep(LOOK_EVERY_S)

    async def _catch_up(self, session: Session) -> None:
        """Publish what changed since the last time, if anything did."""
        if await self._registrar.ask(RegistryStore.version) == self._version:
            return
        shards = await self._registrar.ask(lambda store: store.shards_since(self._version))
        await self._publish_shards(session, shards)
        self._version = shards.version
        digests = dict(self._digests)
        manifest = Manifest(SCHEMA_VERSION, self._version, digests, self.sealing_key, shards.resumes_ns)
        await session.publish(topics.registry(self._site, RegistryPart.MANIFEST), encode(manifest), retain=True)

    async def _publish_shards(self, session: Session, shards: Shards) -> None:
        numbers = list(shards.entries)
        for begin in range(0, len(numbers), AT_ONCE):
            group = numbers[begin : begin + AT_ONCE]
            await asyncio.gather(*(self._publish_shard(session, number, shards) for number in group))

    async def _publish_shard(self, session: Session, number: int, shards: Shards) -> None:
        entries = shards.entries[number]
        payload = encode(Shard(SCHEMA_VERSION, entries)) if entries else b""
        await session.publish(topics.registry(self._site, number), payload, retain=True)
        if entries:
            self._digests[number] = digest_of(payload)
        else:
            self._digests.pop(number, None)
