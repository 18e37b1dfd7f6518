"""Ingest of one of several processes: it hears only its own gates, and answers only for them.

All hear births. Events are subscribed to gate by gate, so that what belongs to others does not even reach the process
(a client in Python needs as much time to throw a message away as to take it). Where a gate becomes this process's own,
be it because it is new or because its process died, it is told how far the journal is and to send again from there: it
need not notice that somebody else answers.
"""

from __future__ import annotations

import asyncio

from hub.fleet.archive import FleetArchive
from hub.fleet.member import Member
from hub.ingest import ROUTINE, URGENT, Ingest
from hub.journal import OWN_GATE
from hub.presence import Presence
from wire import topics
from wire.bulk import BulkSession
from wire.events import Urgency
from wire.link import BrokerSettings
from wire.messages import Status, StreamId
from wire.topics import Address

_URGENCY = {URGENT: Urgency.URGENT, ROUTINE: Urgency.ROUTINE}
AT_ONCE = 100
"""Subscriptions in one packet."""
TOGETHER_S = 0.02
"""Gates that come within this time are answered together."""


class FleetIngest(Ingest):
    """The hub's end of the delivery protocol for the gates in this process's shares."""

    def __init__(
        self,
        archive: FleetArchive,
        presence: Presence,
        broker: BrokerSettings,
        client_id: str,
        site: str,
        member: Member,
    ) -> None:
        super().__init__(archive, presence, broker, client_id, site)
        self._common = archive
        self._fleet_site = site
        self._member = member
        self._births: dict[str, Status] = {}
        """What gates were last born with, whosever they are."""
        self._answered: dict[Urgency, dict[str, int]] = {urgency: {} for urgency in Urgency}
        """The gates whose events are subscribed to, with the terms under which they were told where to go on."""
        self._look = {urgency: asyncio.Event() for urgency in Urgency}

    def look(self) -> None:
        """Something changed in which gates are this process's own."""
        for look in self._look.values():
            look.set()

    def _heard(self, link: str) -> list[str]:
        return [topics.births(self._fleet_site)] if link == URGENT else []

    def _take_status(self, address: Address, status: Status) -> None:
        """A birth is answered for each stream whose events are subscribed to; for the other once they are."""
        if not status.online:
            return
        self._births[address.gate] = status
        term = self._member.term_of(address.site, address.gate)
        for urgency in Urgency:
            if term is not None and self._answered[urgency].get(address.gate) == term:
                stream = StreamId(address.site, address.gate, urgency, status.epoch_of(urgency))
                self._mark(stream, self._common.through(stream), resend=False, is_first=True)
            else:
                self._look[urgency].set()

    async def _follow(self, link: str, session: BulkSession) -> None:
        urgency = _URGENCY[link]
        self._answered[urgency].clear()
        while True:
            self._look[urgency].clear()
            await self._hear_own(urgency, session)
            await self._look[urgency].wait()
            await asyncio.sleep(TOGETHER_S)

    async def _hear_own(self, urgency: Urgency, session: BulkSession) -> None:
        known, answered = self._newest_streams(urgency), self._answered[urgency]
        own = {gate: self._member.term_of(self._fleet_site, gate) for gate in {*known, *self._births}}
        wanted = {gate: term for gate, term in own.items() if term is not None}
        new = sorted(gate for gate, term in wanted.items() if answered.get(gate) != term)
        for first in range(0, len(new), AT_ONCE):
            gates = new[first : first + AT_ONCE]
            await session.subscribe([topics.events(self._fleet_site, gate, urgency) for gate in gates])
            for gate in gates:
                answered[gate] = wanted[gate]
                self._answer(gate, urgency, known.get(gate))
        for gate in sorted(answered.keys() - wanted.keys()):
            del answered[gate]
            await session.unsubscribe(topics.events(self._fleet_site, gate, urgency))

    def _answer(self, gate: str, urgency: Urgency, known: StreamId | None) -> None:
        """Tell the gate where to go on: in the stream that the journal knows of it, and in that it was born with."""
        birth = self._births.get(gate)
        born = StreamId(self._fleet_site, gate, urgency, birth.epoch_of(urgency)) if birth else None
        for stream in {known, born} - {None}:
            assert stream is not None
            self._mark(stream, self._common.through(stream), resend=True, is_first=True)

    def _newest_streams(self, urgency: Urgency) -> dict[str, StreamId]:
        """Each gate's stream of its newest epoch."""
        return {
            stream.gate: stream
            for stream in self._common.streams()
            if (stream.site, stream.urgency) == (self._fleet_site, urgency) and stream.gate != OWN_GATE
        }
