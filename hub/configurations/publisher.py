"""What gates are to run → retained messages, one a gate.

At each connection all are published anew; after that what changes, also by another process. A broker's memory does not
matter.
"""

from __future__ import annotations

import asyncio

import structlog

from hub.configurations import desk
from hub.configurations.desk import Wanted
from hub.database import Database
from wire import topics
from wire.errors import DatabaseError
from wire.link import BrokerSettings, Session, hold
from wire.messages import SCHEMA_VERSION, GateConfiguration, encode

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 2.0


class SettingsPublisher:
    """Keeps the broker's copy right, and `wanted` for whoever shows it."""

    def __init__(self, site: str, database: Database, broker: BrokerSettings, client_id: str) -> None:
        self.wanted: dict[str, Wanted] = {}
        self._site, self._database, self._broker, self._client_id = site, database, broker, client_id

    async def run(self) -> None:
        """Until cancelled."""
        await hold(self._broker, self._client_id, self._use)

    def version(self, site: str, gate: str) -> int | None:
        """The version that the gate is to run: 0 for its own file, None where nothing was ever wanted of it."""
        found = self.wanted.get(gate) if site == self._site else None
        return None if found is None else (found.version if found.text else 0)

    async def _use(self, session: Session) -> None:
        published: dict[str, Wanted] = {}
        fault = ""
        while True:
            try:
                self.wanted = await self._database.read(desk.wanted)
                fault = ""
            except DatabaseError as error:
                if str(error) != fault:
                    log.error("what gates are to run cannot be read", error=str(error))
                fault = str(error)
            for gate, one in self.wanted.items():
                if published.get(gate) != one:
                    await session.publish(topics.configuration(self._site, gate), _message(one), retain=True)
                    published[gate] = one
            await asyncio.sleep(LOOK_EVERY_S)


def _message(one: Wanted) -> bytes:
    version = one.version if one.text else 0
    return encode(GateConfiguration(SCHEMA_VERSION, version, one.text, GateConfiguration.digest_of(one.text)))
