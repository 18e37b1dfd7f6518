"""The site's trust, at work: enrols and renews gates, revokes them, and tells the broker of each change.

The broker's list of rights is written after the commit. What a crash or a full disk left unwritten is written within
half a minute, so that who was put out is refused within one; the broker's certificate is renewed long before its end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec
import structlog
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.orm import Session

from hub.database import Database
from hub.settings import HubSettings
from hub.trust import broker, gates
from hub.trust.authority import Authority
from hub.trust.broker import Ports
from hub.trust.gates import GateRow, Newest, Terms
from wire import enrolment, key_transport
from wire.enrolment import Granted, Renewed, Request
from wire.errors import DatabaseError, EnrolmentError, SettingsError
from wire.token_keys import TokenKeyOffer
from wire.tokens import read_key

log = structlog.get_logger(__name__)

FOLDER = "authority"
BROKER_FOLDER = "broker"
LOOK_EVERY_S = 30.0
_HOUR_NS = 3600 * 10**9


class Trust:
    """Raises `SettingsError` where the settings do not say enough, else `EnrolmentError` and `DatabaseError`."""

    def __init__(self, settings: HubSettings, database: Database, now_ns: Callable[[], int] = time.time_ns) -> None:
        wanted = settings.authority
        if wanted is None:
            raise SettingsError(["there is no table [authority]; expected one with the broker's names for gates"])
        hub = settings.broker
        if not hub.username or not hub.password_file:
            raise SettingsError(["[authority] needs the hub's username and password_file in [broker]"])
        self._settings, self._wanted, self._database, self._now_ns = settings, wanted, database, now_ns
        data = Path(settings.data)
        self.folder = Path(wanted.broker_path) if wanted.broker_path else data / BROKER_FOLDER
        self._user = hub.username
        self._authority = Authority.load_or_make(data / FOLDER, settings.site, self._now())
        self._writing = asyncio.Lock()

    def prepare(self) -> None:
        """Write the broker's files, but for its list of rights. Raises `EnrolmentError`."""
        ports = Ports(self._wanted.port, self._settings.broker.port)
        names, user = self._wanted.names, (self._user, self._password())
        broker.write_files(self.folder, self._authority, names, ports, user, self._now())

    @property
    def code_ns(self) -> int:
        """For how long a code is good."""
        return int(self._wanted.code_hours * _HOUR_NS)

    async def expect(self, gate: str, *, by: str) -> str:
        """A one-time code for the gate."""
        terms, now_ns, valid_ns = self._terms(), self._now_ns(), self.code_ns
        return await self._database.write(
            lambda session: gates.make_code(session, terms, gate, valid_ns, by=by, now_ns=now_ns)
        )

    async def answer(self, payload: bytes) -> bytes:
        """What a gate that asks gets. Raises `DecodeError` and `EnrolmentError`."""
        asked = enrolment.decode_request(payload)
        terms, now_ns = self._terms(), self._now_ns()

        def work(session: Session) -> Granted | Renewed:
            if isinstance(asked, Request):
                return gates.grant(session, self._authority, terms, asked, now_ns)
            return gates.renew(session, self._authority, terms, asked, now_ns)

        answer = await self._database.write(work)
        await self.tell_broker()
        log.info("certificate given", gate=asked.gate, first=isinstance(asked, Request))
        return msgspec.json.encode(answer)

    async def revoke(self, gate: str, *, by: str, why: str = "") -> int:
        """Refuse the gate; how many certificates it had."""
        now_ns = self._now_ns()
        count = await self._database.write(lambda session: gates.revoke(session, gate, by=by, now_ns=now_ns, why=why))
        await self.tell_broker()
        log.warning("gate revoked", gate=gate, by=by, why=why)
        return count

    async def rows(self) -> list[GateRow]:
        return await self._database.read(partial(gates.rows, now_ns=self._now_ns()))

    async def newest(self) -> dict[str, Newest]:
        """Of each gate that was not put out, its newest certificate."""
        return await self._database.read(gates.newest)

    async def former(self) -> list[str]:
        """Gates that were put out."""
        return await self._database.read(gates.former)

    def seal_key(self, key: bytes, gate: str, to: Newest, *, version: int, registry: int) -> TokenKeyOffer:
        """The site's token key, for this gate and nobody else. Raises `EnrolmentError`."""
        public = x509.load_pem_x509_certificate(to.pem.encode()).public_key()
        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise EnrolmentError(f"gate {gate}: expected a certificate with a key on P-256")
        return key_transport.seal(
            key, public, self._authority.sign_word,
            site=self._settings.site, gate=gate, version=version, registry=registry,
        )  # fmt: skip

    async def tell_broker(self) -> None:
        """Write who may speak now; the broker reloads by itself (deploy/) or with SIGHUP."""
        now_ns = self._now_ns()
        async with self._writing:
            speak, revoked = await self._database.read(
                lambda session: (gates.enrolled(session, now_ns), gates.revoked(session))
            )
            await asyncio.to_thread(
                broker.write_rights, self.folder, self._authority, self._settings.site, self._user, speak, revoked,
                self._now(),
            )  # fmt: skip

    async def keep(self) -> None:
        """Keep the broker's files right for as long as the hub runs."""
        while True:
            try:
                await asyncio.to_thread(self.prepare)
                await self.tell_broker()
            except (EnrolmentError, DatabaseError) as error:
                log.error("the broker's files could not be written", error=str(error))
            await asyncio.sleep(LOOK_EVERY_S)

    def _terms(self) -> Terms:
        path = self._settings.token_key_file
        key = None if path is None else read_key(Path(path)).hex()
        life = timedelta(days=self._wanted.days)
        return Terms(self._settings.site, self._wanted.names[0], self._wanted.port, life, key)

    def _password(self) -> str:
        path = self._settings.broker.password_file
        assert path is not None, "checked at the start"
        try:
            return Path(path).read_text("utf-8").strip()
        except OSError as error:
            raise EnrolmentError(f"{path}: cannot be read: {error.strerror}; menshen hub broker makes it") from error

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._now_ns() / 1e9, UTC)
