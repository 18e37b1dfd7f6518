"""What the process that leads hears of all gates, whosever they are: births, wills and pulses."""

from __future__ import annotations

import structlog

from hub.journal import OWN_GATE
from hub.presence import Presence
from wire import topics
from wire.errors import DecodeError
from wire.link import Arrival, BrokerSettings, Session, hold
from wire.messages import Status, Vitals, decode
from wire.topics import Channel

log = structlog.get_logger(__name__)


class Ear:
    """Tells the leader's presence what gates say of themselves."""

    def __init__(self, presence: Presence, broker: BrokerSettings, site: str) -> None:
        self._presence, self._broker, self._site = presence, broker, site

    async def run(self) -> None:
        """Until cancelled."""
        await hold(self._broker, f"menshen-presence-{self._site}", self._use)

    async def _use(self, session: Session) -> None:
        await session.subscribe([topics.births(self._site), topics.pulses(self._site)])
        async for arrival in session.arrivals():
            try:
                self._take(arrival)
            except DecodeError as error:  # ingest keeps a birth that cannot be read; a pulse is only the newest
                log.warning("message not understood", topic=arrival.topic, error=str(error))

    def _take(self, arrival: Arrival) -> None:
        address = topics.parse(arrival.topic)
        if address.gate == OWN_GATE:
            return
        match address.channel:
            case Channel.STATUS:
                self._presence.status(address.site, address.gate, decode(Status, arrival.payload))
            case Channel.VITALS:
                self._presence.pulse(address.site, address.gate, decode(Vitals, arrival.payload))
