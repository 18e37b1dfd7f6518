"""Which gates belong to the site: codes, certificates, revocation. Work on a session of the database.

    none ── code made ──► expected ── request with the code ──► enrolled ── renewals ──► enrolled
                              └── its time is over ──► none          └── revoked (all its certificates) ──► none

A new code may be made at any time: a gate whose SD card was replaced is enrolled again, and what it had stays valid
until it expires or is revoked. Each step is noted in the record.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.trust.authority import Authority, Revoked, key_digest, serial_of
from hub.trust.models import Enrolment, GateCertificate
from wire import enrolment
from wire.enrolment import Grant, Granted, Renewal, Renewed, Request
from wire.errors import BadName, EnrolmentError
from wire.topics import check_name

HUB = "hub"
"""The hub's own name on topics; no gate has it."""


class Terms(NamedTuple):
    """What a gate is told and given at its enrolment."""

    site: str
    broker_host: str
    broker_port: int
    life: timedelta
    token_key: str | None


class GateRow(NamedTuple):
    """A gate as the list shows it."""

    gate: str
    until_ns: int | None
    """When its newest certificate that is not revoked expires; None without one."""
    expected_until_ns: int | None
    """While a code waits to be used."""
    revoked_ns: int | None
    revoked_by: str = ""
    revoked_why: str = ""


class Newest(NamedTuple):
    """A gate's newest certificate."""

    serial: str
    pem: str


def make_code(session: Session, terms: Terms, gate: str, valid_ns: int, *, by: str, now_ns: int) -> str:
    """A one-time code for a gate; an earlier one stops working. Raises `EnrolmentError` for a name no gate can have."""
    try:
        check_name(gate)
    except BadName as error:
        raise EnrolmentError(str(error)) from error
    if gate == HUB:
        raise EnrolmentError(f"gate {gate!r} is the hub's own name; expected another")
    code = enrolment.new_code()
    made = session.scalar(select(Enrolment).where(Enrolment.gate == gate)) or Enrolment(gate=gate)
    made.secret = enrolment.key_of(enrolment.plain_code(code), terms.site, gate)
    made.made_ns, made.made_by, made.until_ns = now_ns, by, now_ns + valid_ns
    made.used_ns = made.key_digest = None
    session.add(made)
    note(session, now_ns, by, "gate-expected", f"gate {gate}")
    return code


def grant(session: Session, authority: Authority, terms: Terms, asked: Request, now_ns: int) -> Granted:
    """What the gate gets that has the code. Raises `EnrolmentError`, with the same words for whoever has none."""
    expected = session.scalar(select(Enrolment).where(Enrolment.gate == asked.gate))
    if expected is None or expected.until_ns <= now_ns or asked.site != terms.site:
        raise EnrolmentError(f"no code is valid for gate {asked.site}/{asked.gate}; make one with menshen hub enrol")
    if not enrolment.is_from(expected.secret, asked):
        raise EnrolmentError(f"no code is valid for gate {asked.site}/{asked.gate}; make one with menshen hub enrol")
    digest = key_digest(asked.request)
    if expected.used_ns is not None and expected.key_digest != digest:
        raise EnrolmentError("the code was used already; make another with menshen hub enrol")
    certificate = _issue(session, authority, terms, asked.gate, asked.request, now_ns)
    if expected.used_ns is None:
        expected.used_ns, expected.key_digest = now_ns, digest
        note(session, now_ns, f"gate {asked.gate}", "gate-enrolled", f"gate {asked.gate}")
    given = Grant(
        certificate=certificate,
        authority=authority.pem,
        broker_host=terms.broker_host,
        broker_port=terms.broker_port,
        token_key=terms.token_key,
    )
    return enrolment.seal(expected.secret, asked, given)


def renew(session: Session, authority: Authority, terms: Terms, asked: Renewal, now_ns: int) -> Renewed:
    """The next certificate for a gate that has one, expired or not, that was not revoked. Raises `EnrolmentError`."""
    try:
        have = x509.load_pem_x509_certificate(asked.certificate.encode())
        signature = b64decode(asked.signature, validate=True)
    except (ValueError, Base64Error) as error:
        raise EnrolmentError(f"renewal: {error}") from error
    known = session.scalar(select(GateCertificate).where(GateCertificate.serial == serial_of(have)))
    if known is None or known.gate != asked.gate or asked.site != terms.site or not authority.is_ours(have):
        raise EnrolmentError("renewal: the certificate is not one that this hub gave to this gate")
    if known.revoked_ns is not None:
        raise EnrolmentError(f"renewal: gate {asked.gate} was revoked; enrol it with a new code")
    key = have.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise EnrolmentError("renewal: expected a key on P-256")
    try:
        key.verify(signature, enrolment.to_sign(asked.site, asked.gate, asked.request), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise EnrolmentError("renewal: not signed by the key of the certificate") from error
    certificate = _issue(session, authority, terms, asked.gate, asked.request, now_ns)
    note(session, now_ns, f"gate {asked.gate}", "gate-renewed", f"gate {asked.gate}")
    return Renewed(certificate=certificate)


def revoke(session: Session, gate: str, *, by: str, now_ns: int, why: str = "") -> int:
    """Refuse a gate from now on: all its certificates, and its code. How many certificates it had. Raises
    `EnrolmentError` when there is nothing to revoke."""
    valid = (GateCertificate.gate == gate, GateCertificate.revoked_ns.is_(None))
    count = len(session.scalars(select(GateCertificate.id).where(*valid)).all())
    expected = session.scalar(select(Enrolment).where(Enrolment.gate == gate))
    if not count and expected is None:
        raise EnrolmentError(f"gate {gate!r} is not enrolled here; menshen hub gates lists those that are")
    session.execute(update(GateCertificate).where(*valid).values(revoked_ns=now_ns, revoked_by=by, revoked_why=why))
    if expected is not None:
        session.delete(expected)
    note(session, now_ns, by, "gate-revoked", f"gate {gate}", certificates=count, why=why)
    return count


def enrolled(session: Session, now_ns: int) -> list[str]:
    """The gates that may speak: those with a certificate that is not revoked and did not expire, sorted."""
    valid = (GateCertificate.revoked_ns.is_(None), GateCertificate.until_ns > now_ns)
    return sorted(session.scalars(select(GateCertificate.gate).where(*valid).distinct()))


def newest(session: Session) -> dict[str, Newest]:
    """Of each gate that was not put out, its newest certificate; one that ran out can still be renewed."""
    query = select(GateCertificate).where(GateCertificate.revoked_ns.is_(None)).order_by(GateCertificate.id)
    return {row.gate: Newest(row.serial, row.pem) for row in session.scalars(query)}


def former(session: Session) -> list[str]:
    """Gates that had certificates, all of which were revoked."""
    return sorted(set(session.scalars(select(GateCertificate.gate).distinct())) - newest(session).keys())


def revoked(session: Session) -> list[Revoked]:
    """What the list of revocations says, oldest first."""
    query = select(GateCertificate).where(GateCertificate.revoked_ns.is_not(None)).order_by(GateCertificate.id)
    return [Revoked(row.serial, _moment(row.revoked_ns or 0)) for row in session.scalars(query)]


def rows(session: Session, now_ns: int) -> list[GateRow]:
    """All gates that were ever expected or enrolled, by name."""
    until: dict[str, int] = {}
    ended: dict[str, GateCertificate] = {}
    for row in session.scalars(select(GateCertificate)):
        if row.revoked_ns is None:
            until[row.gate] = max(row.until_ns, until.get(row.gate, 0))
        elif row.gate not in ended or row.revoked_ns >= (ended[row.gate].revoked_ns or 0):
            ended[row.gate] = row
    waiting = {
        row.gate: row.until_ns
        for row in session.scalars(select(Enrolment).where(Enrolment.used_ns.is_(None), Enrolment.until_ns > now_ns))
    }
    names = sorted(until | ended | waiting)
    return [_row(name, until.get(name), waiting.get(name), ended.get(name)) for name in names]


def _row(name: str, until_ns: int | None, waiting_ns: int | None, ended: GateCertificate | None) -> GateRow:
    if ended is None:
        return GateRow(name, until_ns, waiting_ns, None)
    return GateRow(name, until_ns, waiting_ns, ended.revoked_ns, ended.revoked_by, ended.revoked_why)


def _issue(session: Session, authority: Authority, terms: Terms, gate: str, request: str, now_ns: int) -> str:
    name = enrolment.common_name(terms.site, gate)
    made = authority.sign_gate(request, name, terms.life, _moment(now_ns))
    pem = made.public_bytes(Encoding.PEM).decode()
    until_ns = int(made.not_valid_after_utc.timestamp()) * 10**9
    session.add(GateCertificate(gate=gate, serial=serial_of(made), pem=pem, issued_ns=now_ns, until_ns=until_ns))
    session.flush()
    return pem


def _moment(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns / 1e9, UTC)
