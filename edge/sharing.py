"""What a gate's lanes saw of badges, told to the site's other gates, over MQTT.

A badge that was at the north gate a minute ago cannot be at the south gate now, and one that went in there is inside
here too. So each gate publishes its own sightings (tokens, lanes, times; no names) and hears the others'.

    at each connection ── Recall to all ──► each other gate ── Recalled: what the asker lacks ──► asker
                                                └── Recall back: it may have seen things alone meanwhile ──► asker

It is help, not record: a gate that hears nothing decides by what it saw itself. How the questions work is told in
`edge.catching_up`; they are asked again now and then, so that whatever a broker dropped is made good.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from edge.catching_up import fingerprints, lacking, parts
from edge.clock import Timekeeper
from edge.memory import Memory
from wire import topics
from wire.errors import DecodeError
from wire.link import Arrival, Session
from wire.messages import SCHEMA_VERSION, decode, encode
from wire.sightings import Recall, Recalled, Sighting

log = structlog.get_logger(__name__)

SETTLE_S = 5.0
"""Waited at the start of a connection before telling: after a broker's restart the other gates are not there yet
either. Who comes later than that asks."""
ASK_EVERY_S = 900.0
REACH_S = 86_400.0
"""How far back a gate asks: a day, for who went in in the morning must be out again by then."""


class Sharer:
    """One gate's part in it."""

    def __init__(self, site: str, gate: str, memory: Memory, timekeeper: Timekeeper) -> None:
        self._site = site
        self._gate = gate
        self._memory = memory
        self._timekeeper = timekeeper
        self._asked: dict[str, Recall] = {}
        """The newest question of each gate that is not answered yet."""
        self._work = asyncio.Event()

    @property
    def topics(self) -> list[str]:
        of_all = [topics.sightings_of(self._site), topics.recalls_of(self._site)]
        return [*of_all, topics.recalled_for(self._site, self._gate)]

    def takes(self, topic: str) -> bool:
        """Whether a message with that topic is for `hear`."""
        return topics.is_of_gates(topic)

    async def follow(self, session: Session) -> None:
        """Ask, answer and tell what is new for as long as the connection lives. Raises `LinkError`."""
        jobs = [self._ask_all(session), self._answer_all(session), self._tell(session)]
        tasks = [asyncio.create_task(job) for job in jobs]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def hear(self, _session: Session, arrival: Arrival) -> None:
        """What another gate tells, asks or answers; one's own comes back too, and says nothing new.

        Raises `DecodeError`.
        """
        if arrival.topic.endswith("/sightings"):
            seen = decode(Sighting, arrival.payload)
            self._check(arrival, seen.gate, topics.sightings)
            self._learn(seen)
        elif arrival.topic.endswith("/recall"):
            asked = decode(Recall, arrival.payload)
            self._check(arrival, asked.gate, topics.recall)
            if asked.gate != self._gate and asked.of in (None, self._gate):
                self._asked[asked.gate] = asked
                self._work.set()
        else:
            told = decode(Recalled, arrival.payload)
            self._check(arrival, told.gate, lambda site, gate: topics.recalled(site, gate, self._gate))
            for seen in told.sightings:
                if seen.gate != told.gate:
                    raise DecodeError(f"recalled: sighting of gate {seen.gate!r}, expected those of {told.gate!r}")
                self._learn(seen)

    def _check(self, arrival: Arrival, gate: str, topic: Callable[[str, str], str]) -> None:
        """Each gate speaks for itself only. Raises `DecodeError`."""
        if arrival.topic != topic(self._site, gate):
            raise DecodeError(f"message of gate {gate!r}, which does not belong to topic {arrival.topic[:200]!r}")

    def _learn(self, seen: Sighting) -> None:
        if seen.gate != self._gate:
            self._memory.sightings.hear(seen)

    async def _tell(self, session: Session) -> None:
        topic = topics.sightings(self._site, self._gate)
        await asyncio.sleep(SETTLE_S)
        while True:
            while self._memory.told:
                await session.publish(topic, encode(self._memory.told[0]))
                self._memory.told.popleft()
            await self._memory.news.wait()
            self._memory.news.clear()

    async def _ask_all(self, session: Session) -> None:
        while True:
            await self._ask(session, None)
            await asyncio.sleep(ASK_EVERY_S)

    async def _ask(self, session: Session, of: str | None) -> None:
        since_ns = max(0, self._timekeeper.now().time_ns - int(REACH_S * 1e9))
        known = await asyncio.to_thread(fingerprints, self._memory.sightings.since(since_ns), since_ns)
        known.pop(self._gate, None)
        if of is not None:
            known = {of: known.get(of, {})}
        await session.publish(
            topics.recall(self._site, self._gate), encode(Recall(SCHEMA_VERSION, self._gate, since_ns, of, known))
        )

    async def _answer_all(self, session: Session) -> None:
        self._asked.clear()  # of a connection before: who still wants to know asks again
        while True:
            await self._work.wait()
            self._work.clear()
            while self._asked:
                asked = self._asked.pop(next(iter(self._asked)))
                await self._answer(session, asked)
                if asked.of is None:
                    await self._ask(session, asked.gate)

    async def _answer(self, session: Session, asked: Recall) -> None:
        sightings = self._memory.sightings.since(asked.since_ns)
        own = (seen for seen in sightings if seen.gate == self._gate)
        lacked = await asyncio.to_thread(lacking, own, asked.known.get(self._gate, {}), asked.since_ns)
        if lacked:
            log.info("another gate catches up", gate=asked.gate, sightings=len(lacked))
        for part in parts(lacked):
            await session.publish(
                topics.recalled(self._site, self._gate, asked.gate), encode(Recalled(SCHEMA_VERSION, self._gate, part))
            )
