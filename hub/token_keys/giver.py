"""Gives a changed token key to the gates over their own, enrolled way, and ends the change when all have it.

    token_keys, certificates ──► one retained offer a gate, sealed to its newest certificate
    pulses ──► gate_token_keys ── nobody enrolled is missing ──► the old key's tokens are forgotten

Nothing is offered before the gates' registry has the tokens under the new key, nor where the key's file is not the one
that the register goes by: a hub whose key was lost and made anew would else take the right one from all gates.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import time_ns

import structlog

from hub.presence import Presence
from hub.registry import rekeying
from hub.registry.office import PeopleOffice, Touched
from hub.registry.store import RegistryStore
from hub.token_keys import desk
from hub.token_keys.desk import Current, Standing
from hub.trust.service import Trust
from wire import topics
from wire.errors import MenshenError
from wire.link import BrokerSettings, Session, hold
from wire.messages import encode
from wire.tokens import fingerprint

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 2.0
BY = "hub"
Offered = dict[str, tuple[int, str]]
"""What was published on this connection: version and certificate's serial, by gate."""


class KeyGiver:
    """Works for as long as the hub does; `standing` is for whoever shows it."""

    def __init__(
        self, site: str, trust: Trust, office: PeopleOffice, presence: Presence, broker: BrokerSettings,
        now_ns: Callable[[], int] = time_ns,
    ) -> None:  # fmt: skip
        self.standing: Standing | None = None
        self._site, self._trust, self._office, self._presence = site, trust, office, presence
        self._broker, self._now_ns = broker, now_ns
        self._registry: int | None = None
        """The registry's version when it was first known to hold the newest key's tokens."""

    async def run(self) -> None:
        """Until cancelled."""
        await hold(self._broker, f"menshen-token-key-{self._site}", self._use)

    async def _use(self, session: Session) -> None:
        offered, fault = await self._clear(session), ""
        while True:
            try:
                found = await self._look()
                said = "" if found is None else self._unfit(found)
                if found is not None and not said:
                    await self._offer(session, found, offered)
            except MenshenError as error:
                said = str(error)
            if said and said != fault:
                log.error("the token key is not given to gates", error=said)
            fault = said
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self) -> Current | None:
        """Note what gates say, and end the change when all have the key: which it is, None where it never changed."""
        standing = await self._office.database.read(desk.standing)
        said = {
            name: gate.vitals.token_key.fingerprint
            for (site, name), gate in self._presence.gates.items()
            if site == self._site and gate.vitals is not None and gate.vitals.token_key is not None
        }
        news = {name: one for name, one in said.items() if standing.held.get(name) != one}
        if news:
            await self._office.database.write(lambda session: desk.hold(session, news, self._now_ns()))
            standing = standing._replace(held={**standing.held, **news})
        self.standing, current = standing, standing.current
        if current is not None and current.is_open and standing.enrolled and not standing.missing:
            now_ns = self._now_ns()
            count = await self._office.database.write(lambda it: rekeying.finish(it, by=BY, now_ns=now_ns))
            log.info("all gates have the new token key; the old one's tokens are forgotten", tokens=count)
            await self._office.publish(Touched(everything=True))
        return current

    def _unfit(self, current: Current) -> str:
        """Why nothing can be offered; empty when it can."""
        key = self._office.key
        if key is None:
            return "there is no token_key_file"
        if fingerprint(key) != current.fingerprint:
            found = f"token_key_file has {fingerprint(key)}, the register goes by {current.fingerprint}"
            return f"{found}; menshen doctor says what to do"
        return ""

    async def _offer(self, session: Session, current: Current, offered: Offered) -> None:
        if not self._office.whole.is_set():
            return  # the registry has not all tokens yet
        if self._registry is None:
            self._registry = await self._office.registrar.ask(RegistryStore.version)
        key = self._office.key
        assert key is not None, "_unfit has looked"
        newest = await self._trust.newest()
        for gate, certificate in newest.items():
            wanted = (current.version, certificate.serial)
            if offered.get(gate) != wanted:
                offer = self._trust.seal_key(key, gate, certificate, version=current.version, registry=self._registry)
                await session.publish(topics.token_key(self._site, gate), encode(offer), retain=True)
                offered[gate] = wanted
        for gate in sorted(offered.keys() - newest.keys()):
            await session.publish(topics.token_key(self._site, gate), b"", retain=True)
            del offered[gate]

    async def _clear(self, session: Session) -> Offered:
        """What a broker still keeps for gates that were revoked while no hub was there goes."""
        for gate in await self._trust.former():
            await session.publish(topics.token_key(self._site, gate), b"", retain=True)
        return {}
