"""What a gate's lanes saw of badges, told to the site's other gates, over MQTT.

A badge that was at the north gate a minute ago cannot be at the south gate now, and one that went in there is inside
here too. So each gate publishes its own sightings (tokens, lanes, times; no names) and hears the others'. It is help,
not record: what happens while the link is away is told when it is back, as far as memory reaches, and a gate that
hears nothing decides by what it saw itself.
"""

from __future__ import annotations

import asyncio

import structlog

from edge.memory import Memory
from wire import topics
from wire.errors import DecodeError
from wire.link import Arrival, Session
from wire.messages import decode, encode
from wire.sightings import Sighting

log = structlog.get_logger(__name__)

SETTLE_S = 5.0
"""Waited at the start of a connection: after a broker's restart the other gates are not there yet either. A gate that
is away for longer does not hear what was told meanwhile."""


class Sharer:
    """One gate's part in it."""

    def __init__(self, site: str, gate: str, memory: Memory) -> None:
        self._site = site
        self._gate = gate
        self._memory = memory

    @property
    def topics(self) -> list[str]:
        return [topics.sightings_of(self._site)]

    def takes(self, topic: str) -> bool:
        """Whether a message with that topic is for `hear`."""
        return topics.is_sighting(topic)

    async def follow(self, session: Session) -> None:
        """Tell what is new for as long as the connection lives. Raises `LinkError`."""
        topic = topics.sightings(self._site, self._gate)
        await asyncio.sleep(SETTLE_S)
        while True:
            while self._memory.told:
                await session.publish(topic, encode(self._memory.told[0]))
                self._memory.told.popleft()
            await self._memory.news.wait()
            self._memory.news.clear()

    async def hear(self, _session: Session, arrival: Arrival) -> None:
        """Another gate's sighting; one's own comes back too, and says nothing new. Raises `DecodeError`."""
        seen = decode(Sighting, arrival.payload)
        if arrival.topic != topics.sightings(self._site, seen.gate):
            raise DecodeError(f"sighting of gate {seen.gate!r}, which does not belong to topic {arrival.topic[:200]!r}")
        if seen.gate != self._gate:
            self._memory.sightings.hear(seen)
