"""Ingest of one of several processes: it hears only its own gates, and answers only for them.

All hear births. Events are subscribed to gate by gate, so that what belongs to others does not even reach the process
(a client in Python needs as much time to throw a message away as to take it). Where a gate becomes this process's own,
be it because it is new or because its process died, it is told how far the journal is and to send again from there: it
need not notice that somebody else answers.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import NamedTuple

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
DOUBT_S, TIMES = 2.0, 3
"""A gate of which nothing came after so long is told again, so often."""


_NEVER = (0, -1)
"""Under no hold: what was told so is to be told again."""


class _Doubt(NamedTuple):
    """A gate that was told where to go on: how far the journal was, and how often to tell it again."""

    through: int
    times: int


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
        self._answered: dict[Urgency, dict[str, tuple[int, int]]] = {urgency: {} for urgency in Urgency}
        """The gates whose events are subscribed to, with what they were told where to go on under (`_hold_on`)."""
        self._doubts: dict[Urgency, dict[str, _Doubt]] = {urgency: {} for urgency in Urgency}
        """The gates that may not have heard it."""
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
        if self._hold_on(address.gate) is None:
            return  # another's; should it become this process's own, that is looked at then
        for urgency in Urgency:
            if self._is_own(address.gate, urgency):
                stream = StreamId(address.site, address.gate, urgency, status.epoch_of(urgency))
                self._mark(stream, self._common.through(stream), resend=False, is_first=True)
            else:
                self._look[urgency].set()

    async def _follow(self, link: str, session: BulkSession) -> None:
        """Watermarks go out by the urgent link: what the last one took with it is said again for both streams."""
        urgency, loop = _URGENCY[link], asyncio.get_running_loop()
        self._answered[urgency].clear()
        if link == URGENT:
            routine = self._answered[Urgency.ROUTINE]
            routine.update(dict.fromkeys(routine, _NEVER))  # that it subscribed to them is still so
            self._look[Urgency.ROUTINE].set()
        doubts, due_s = self._doubts[urgency], None
        while True:
            self._look[urgency].clear()
            await self._hear_own(urgency, session)
            due_s = (due_s or loop.time() + DOUBT_S) if doubts else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due_s):
                    await self._look[urgency].wait()
                    await asyncio.sleep(TOGETHER_S)
                    continue
            self._answer_again(urgency)
            due_s = None

    async def _hear_own(self, urgency: Urgency, session: BulkSession) -> None:
        known, answered = self._newest_streams(urgency), self._answered[urgency]
        own = {gate: self._hold_on(gate) for gate in {*known, *self._births}}
        wanted = {gate: hold for gate, hold in own.items() if hold is not None}
        new = sorted(gate for gate, hold in wanted.items() if answered.get(gate) != hold)
        for first in range(0, len(new), AT_ONCE):
            gates = new[first : first + AT_ONCE]
            await session.subscribe([topics.events(self._fleet_site, gate, urgency) for gate in gates])
            for gate in gates:
                answered[gate] = wanted[gate]
                if self._is_own(gate, urgency):
                    self._doubts[urgency][gate] = _Doubt(self._answer(gate, urgency, known.get(gate)), TIMES)
        for gate in sorted(answered.keys() - wanted.keys()):
            answered.pop(gate, None)  # the other connection's new beginning may have changed it meanwhile
            await session.unsubscribe(topics.events(self._fleet_site, gate, urgency))

    def _is_own(self, gate: str, urgency: Urgency) -> bool:
        """Whether this process has the gate still as it had it when it was told where to go on: one that was stopped
        for a while knows no more how far the journal is."""
        hold = self._hold_on(gate)
        return hold is not None and self._answered[urgency].get(gate) == hold

    def _answer(self, gate: str, urgency: Urgency, known: StreamId | None) -> int:
        """Tell the gate where to go on, in each of its streams; how far the journal is in them."""
        streams = self._streams_of(gate, urgency, known)
        for stream in streams:
            self._mark(stream, self._common.through(stream), resend=True, is_first=True)
        return sum(map(self._common.through, streams))

    def _answer_again(self, urgency: Urgency) -> None:
        """A word that a gate did not hear would leave it waiting, the longer the more often it has sent in vain."""
        doubts, known = self._doubts[urgency], self._newest_streams(urgency)
        for gate, doubt in list(doubts.items()):
            del doubts[gate]
            through = sum(map(self._common.through, self._streams_of(gate, urgency, known.get(gate))))
            if self._is_own(gate, urgency) and through == doubt.through:  # nothing came of it yet
                self._answer(gate, urgency, known.get(gate))
                if doubt.times > 1:
                    doubts[gate] = _Doubt(through, doubt.times - 1)

    def _streams_of(self, gate: str, urgency: Urgency, known: StreamId | None) -> list[StreamId]:
        """The stream that the journal knows of the gate, and that which it was born with."""
        birth = self._births.get(gate)
        born = StreamId(self._fleet_site, gate, urgency, birth.epoch_of(urgency)) if birth else None
        return [stream for stream in {known, born} if stream is not None]

    def _hold_on(self, gate: str) -> tuple[int, int] | None:
        """Under which term this process has the gate, and after how many lapses of its lease; None: it has it not."""
        term = self._member.term_of(self._fleet_site, gate)
        return None if term is None else (term, self._member.lapses)

    def _newest_streams(self, urgency: Urgency) -> dict[str, StreamId]:
        """Each gate's stream of its newest epoch."""
        return {
            stream.gate: stream
            for stream in self._common.streams()
            if (stream.site, stream.urgency) == (self._fleet_site, urgency) and stream.gate != OWN_GATE
        }
