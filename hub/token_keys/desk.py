"""Which key the register goes by, and which gates have it. Work on a session of the database.

changed ──► given to the gates, one by one ── all that are enrolled have it ──► finished
              (both keys' tokens are at the gates)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.token_keys.models import GateTokenKey, TokenKey
from hub.trust import gates

_SECOND_NS = 10**9


class Current(NamedTuple):
    """The newest key."""

    version: int
    fingerprint: str
    since_ns: int
    is_open: bool
    """Whether gates still know tokens under the key before it."""


class Standing(NamedTuple):
    """How far a change of the key is."""

    current: Current | None
    """None where the site never changed its key."""
    held: Mapping[str, str]
    """The fingerprint of the key by which each gate said last that it works."""
    enrolled: tuple[str, ...]

    @property
    def missing(self) -> list[str]:
        """The gates that have not said yet that they have the newest."""
        return [] if self.current is None else lacking(self.enrolled, self.held, self.current.fingerprint)


def lacking(enrolled: Iterable[str], held: Mapping[str, str], fingerprint: str) -> list[str]:
    """Pure: who of these did not say that they work by that key."""
    return sorted(gate for gate in enrolled if held.get(gate) != fingerprint)


def changed(session: Session, fingerprint: str, *, by: str, now_ns: int) -> None:
    """The register goes by this key from now on; said again, it changes nothing."""
    newest = current(session)
    if newest is not None and newest.fingerprint == fingerprint:
        return
    version = max(0 if newest is None else newest.version + 1, now_ns // _SECOND_NS)
    row = TokenKey(version=version, fingerprint=fingerprint, since_ns=now_ns, set_by=by, finished_ns=None)
    session.add(row)
    session.flush()


def finished(session: Session, now_ns: int) -> None:
    session.execute(update(TokenKey).where(TokenKey.finished_ns.is_(None)).values(finished_ns=now_ns))


def current(session: Session) -> Current | None:
    row = session.scalar(select(TokenKey).order_by(TokenKey.version.desc()).limit(1))
    return None if row is None else Current(row.version, row.fingerprint, row.since_ns, row.finished_ns is None)


def hold(session: Session, said: Mapping[str, str], now_ns: int) -> None:
    """What gates say that they work by now."""
    for gate, fingerprint in said.items():
        row = session.scalar(select(GateTokenKey).where(GateTokenKey.gate == gate)) or GateTokenKey(gate=gate)
        row.fingerprint, row.since_ns = fingerprint, now_ns
        session.add(row)


def standing(session: Session) -> Standing:
    held = {row.gate: row.fingerprint for row in session.scalars(select(GateTokenKey))}
    return Standing(current(session), held, tuple(sorted(gates.newest(session))))
