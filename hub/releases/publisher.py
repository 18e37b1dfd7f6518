"""What gates are to run → retained messages, one a gate; and the wheels that they ask for, piece by piece.

One connection for both. Waves go on here too, for the pulses of gates are heard here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

import structlog

from hub.database import Database
from hub.presence import Presence
from hub.releases import desk, waves
from hub.releases.desk import Now, Offer
from hub.releases.shelf import Shelf
from hub.releases.waves import Seen
from wire import topics
from wire.errors import DatabaseError, DecodeError
from wire.link import Arrival, BrokerSettings, Session, hold
from wire.messages import SCHEMA_VERSION, decode, encode
from wire.releases import FetchPiece, ReleaseOffer, Wish

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 2.0


class ReleasePublisher:
    """Keeps the broker's copy right, hands out wheels, and goes from wave to wave."""

    def __init__(
        self,
        site: str,
        database: Database,
        presence: Presence,
        shelf: Shelf,
        broker: BrokerSettings,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._site, self._database, self._presence, self._shelf = site, database, presence, shelf
        self._broker, self._now_ns = broker, now_ns

    async def run(self) -> None:
        """Until cancelled."""
        await hold(self._broker, f"menshen-releases-{self._site}", self._use)

    async def _use(self, session: Session) -> None:
        await session.subscribe([topics.fetches_of(self._site)])
        tasks = [asyncio.create_task(self._publish(session)), asyncio.create_task(self._serve(session))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # a lost link as it is, not in a group: whoever holds the link waits for it
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # -- wheels --------------------------------------------------------------------------------------------------------

    async def _serve(self, session: Session) -> None:
        async for arrival in session.arrivals():
            try:
                await self._send(session, arrival)
            except DecodeError as error:
                log.warning("fetch not understood", topic=arrival.topic, error=str(error))

    async def _send(self, session: Session, arrival: Arrival) -> None:
        """An empty answer says that the wheel is not here."""
        asked = decode(FetchPiece, arrival.payload)
        gate = topics.check_name(arrival.topic.split("/")[3])
        data = await asyncio.to_thread(self._shelf.piece, asked.sha256, asked.offset, asked.size)
        await session.publish(topics.piece(self._site, gate, asked.sha256, asked.offset), data)

    # -- offers --------------------------------------------------------------------------------------------------------

    async def _publish(self, session: Session) -> None:
        published: dict[str, Offer] = {}
        fault = ""
        while True:
            try:
                now = await self.look()
                for gate, offer in now.offers.items():
                    if published.get(gate) != offer:
                        await session.publish(topics.release(self._site, gate), await self._message(offer), retain=True)
                        published[gate] = offer
                fault = ""
            except DatabaseError as error:
                if str(error) != fault:
                    log.error("what gates are to run cannot be read", error=str(error))
                fault = str(error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> Now:
        """Do what is next; how it stands then. Raises `DatabaseError`."""
        now = await self._database.read(desk.now)
        if now.course is None:
            return now
        gates = self._seen()
        step = waves.step(now.course, gates, now.told, self._now_ns())
        known = {gate: told for gate, told in now.told.items() if gate in gates}
        found = {gate: waves.outcome(told, gates[gate]) for gate, told in known.items()}
        changed = {gate: one for gate, one in found.items() if one.word and one != now.outcomes.get(gate)}
        before = (now.course.wave, now.course.state, now.course.good_ns)
        if not (step.tell or changed or (step.wave, step.state, step.good_ns) != before):
            return now
        log.info("release", state=step.state.value, wave=step.wave, tell=",".join(step.tell), why=step.why)
        at_ns = self._now_ns()
        await self._database.write(lambda session: desk.carry_out(session, now.rollout, step, found, at_ns))
        return await self._database.read(desk.now)

    def _seen(self) -> Mapping[str, Seen]:
        return {
            name: Seen(
                self._presence.state(gate) == "online",
                gate.seen_ns,
                gate.vitals is not None,
                gate.vitals.release if gate.vitals is not None else None,
            )
            for (site, name), gate in self._presence.gates.items()
            if site == self._site
        }

    async def _message(self, offer: Offer) -> bytes:
        envelope = b""
        if offer.wish is Wish.INSTALL:
            envelope = await self._database.read(lambda session: desk.envelope(session, offer.serial))
        wish = offer.wish if envelope or offer.wish is not Wish.INSTALL else Wish.NOTHING
        return encode(ReleaseOffer(SCHEMA_VERSION, offer.number, wish, offer.serial, envelope))
