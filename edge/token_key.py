"""The gate takes the site's new token key, when the hub has changed it and the gate's registry knows it.

    offer (retained) ──► judge ──► the registry's copy is not that far: wait
                                   signed by the site's authority, sealed to us: written, the agent starts anew by it
                                   anything else: told in the pulse, tried again

Power may go at any time: the key's file is replaced whole, and what was taken already is known by its fingerprint.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import msgspec
import structlog
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Struct

from edge import identity
from edge.follower import Follower
from edge.settings import GateSettings
from wire import key_transport, topics
from wire.errors import EnrolmentError, SealError
from wire.link import Arrival, Session
from wire.messages import RegistryHeld, decode
from wire.token_keys import TokenKeyHeld, TokenKeyOffer
from wire.tokens import fingerprint

log = structlog.get_logger(__name__)

FILE = "token-key.json"
LOOK_S = 1.0
AGAIN_S = 15.0
"""After an offer that could not be taken."""


class Taken(Struct, frozen=True):
    """The newest change that this gate has carried out."""

    version: int = 0


class Step(StrEnum):
    """What an offer means to a gate."""

    NOTHING = "nothing"
    """It is the key that it has, or of a change before the last."""
    WAIT = "wait"
    """The tokens under it are not in the gate's registry yet."""
    TAKE = "take"


def judge(offer: TokenKeyOffer, have: str, taken: int, held: RegistryHeld) -> Step:
    """Pure: `have` is the fingerprint of the gate's key, `taken` the version of the last change that it carried out."""
    if offer.fingerprint == have or offer.version <= taken:
        return Step.NOTHING
    if held.waiting or held.version < offer.registry:
        return Step.WAIT
    return Step.TAKE


class KeyCare:
    """The uplink's companion that takes the site's new key."""

    def __init__(
        self, settings: GateSettings, folder: Path, key: bytes, follower: Follower,
        is_busy: Callable[[], bool], restart: Callable[[], None],
    ) -> None:  # fmt: skip
        """Of a gate with a certificate. `folder` is where the agent keeps what it was told; `is_busy`: whether it must
        not start anew now."""
        tls = settings.broker.tls
        assert tls is not None, "asked for only where there is"
        self._certificate, self._ca = Path(tls.certificate or ""), Path(tls.ca or "")
        self._settings, self._file, self._follower = settings, folder / FILE, follower
        self._have = fingerprint(key)
        self._is_busy, self._restart = is_busy, restart
        self._topic = topics.token_key(settings.site, settings.gate)
        self._offer: TokenKeyOffer | None = None
        self._why = ""
        self._news = asyncio.Event()

    @property
    def topics(self) -> list[str]:
        return [self._topic]

    def takes(self, topic: str) -> bool:
        return topic == self._topic

    def told(self) -> TokenKeyHeld:
        """For the gate's pulse."""
        return TokenKeyHeld(self._have, self._why)

    async def hear(self, _session: Session, arrival: Arrival) -> None:
        """Raises `DecodeError`."""
        if not arrival.payload:
            return  # nothing is offered any more
        self._offer = decode(TokenKeyOffer, arrival.payload)
        self._news.set()

    async def follow(self, _session: Session) -> None:
        """Take what is offered, as soon as it can be, for as long as the connection lives."""
        while True:
            await self._news.wait()
            self._news.clear()
            while (offer := self._offer) is not None:
                step = judge(offer, self._have, self._taken(), self._follower.held())
                if step is Step.NOTHING:
                    self._note("")
                    break
                pause_s = LOOK_S
                if step is Step.TAKE and not self._is_busy():
                    if await asyncio.to_thread(self._take, offer):
                        log.info("token key taken; starting anew by it", fingerprint=offer.fingerprint)
                        self._restart()
                        await asyncio.get_running_loop().create_future()  # until then, as before
                    pause_s = AGAIN_S
                try:
                    await asyncio.wait_for(self._news.wait(), pause_s)
                except TimeoutError:
                    continue
                self._news.clear()

    def _take(self, offer: TokenKeyOffer) -> bool:
        """Whether the offered key is the gate's now, also after a restart."""
        site, gate = self._settings.site, self._settings.gate
        try:
            private = identity.read(self._certificate).key
            authority = _authority(self._ca)
            key = key_transport.unseal(offer, private, authority, site=site, gate=gate)
            identity.put(Path(self._settings.token_key_file), key)
            identity.put(self._file, msgspec.json.encode(Taken(offer.version)))
        except (EnrolmentError, SealError) as error:
            self._note(str(error))
            return False
        self._note("")
        return True

    def _note(self, why: str) -> None:
        if why and why != self._why:
            log.error("token key not taken", why=why)
        self._why = why[:1000]

    def _taken(self) -> int:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Taken).version
        except (OSError, msgspec.DecodeError):
            return 0


def _authority(path: Path) -> ec.EllipticCurvePublicKey:
    """Raises `EnrolmentError`."""
    try:
        key = x509.load_pem_x509_certificate(path.read_bytes()).public_key()
    except (OSError, ValueError) as error:
        raise EnrolmentError(f"{path}: the site's authority cannot be read: {error}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise EnrolmentError(f"{path}: expected an authority with a key on P-256")
    return key
