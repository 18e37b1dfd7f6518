"""Who the gate is: its own key, and the certificate by which broker and hub know it.

Key and certificate stand in one file, so that a power cut never leaves one without the other; the file is replaced
whole. The key is made here and never leaves the gate. A certificate is renewed when a third of its life is left; one
that expired while the gate was away is renewed too, as long as the hub has not revoked it.
"""

from __future__ import annotations

import asyncio
import base64
import os
import random
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from wire import enrolment
from wire.enrolment import Grant, Granted, Renewal, Renewed
from wire.errors import DecodeError, EnrolmentError

log = structlog.get_logger(__name__)
A = TypeVar("A", Granted, Renewed)

TIMEOUT_S = 20.0
MOST_BYTES = 256 * 1024
LOOK_EVERY_S = 3600.0
SOON_AGAIN_S = 60.0


class Identity(NamedTuple):
    """What stands in the file."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def due(self) -> datetime:
        """From when on it is to be renewed: a third of its life is left."""
        begin, end = self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc
        return end - (end - begin) / 3


def read(path: Path) -> Identity:
    """The identity in the file. Raises `EnrolmentError`."""
    try:
        text = path.read_bytes()
        key = serialization.load_pem_private_key(text, None)
        certificate = x509.load_pem_x509_certificate(text)
    except OSError as error:
        raise EnrolmentError(f"{path}: cannot be read: {error.strerror}; run menshen edge enrol") from error
    except ValueError as error:
        raise EnrolmentError(f"{path}: expected a private key and a certificate in PEM form: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise EnrolmentError(f"{path}: the key is not that of the certificate; run menshen edge enrol")
    return Identity(key, certificate)


def names(identity: Identity) -> list[str]:
    """Whose it is, by its certificate."""
    return _names(identity.certificate)


def write(path: Path, key: ec.EllipticCurvePrivateKey, certificate: str) -> None:
    """Replace the file, whole or not at all, readable by its owner only. Raises `EnrolmentError`."""
    put(path, private_pem(key) + certificate.encode())


def put(path: Path, content: bytes) -> None:
    """Write a secret: whole or not at all, readable by its owner only. Raises `EnrolmentError`."""
    new = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise EnrolmentError(f"{path}: cannot be written: {error.strerror}") from error


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def load_or_make_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The key in the file, made where there is none. Raises `EnrolmentError`."""
    try:
        if not path.exists():
            put(path, private_pem(new_key()))
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise EnrolmentError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise EnrolmentError(f"{path}: expected a private key in PEM form; delete it: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise EnrolmentError(f"{path}: expected a key on P-256; delete it")
    return key


def signing_request(key: ec.EllipticCurvePrivateKey, site: str, gate: str) -> str:
    """A PKCS #10 request in PEM form, which also proves that whoever asks has the key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, enrolment.common_name(site, gate))])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return made.public_bytes(Encoding.PEM).decode()


def enrol(hub: str, site: str, gate: str, code: str, key: ec.EllipticCurvePrivateKey) -> Grant:
    """Ask the hub at this address for the gate's first certificate. Raises `EnrolmentError`.

    It may be asked again with the same key when an answer was lost.
    """
    secret = enrolment.key_of(enrolment.plain_code(code), site, gate)
    asked = enrolment.make_request(secret, site, gate, signing_request(key, site, gate))
    grant = enrolment.unseal(secret, asked, _ask(f"{hub}/enrol", asked, Granted))
    _check(grant.certificate, grant.authority.encode(), key, site, gate)
    return grant


def renew(hub: str, site: str, gate: str, have: Identity, authority: bytes) -> Identity:
    """A new key with a new certificate, asked for with the old one. Raises `EnrolmentError`."""
    key = new_key()
    request = signing_request(key, site, gate)
    signature = have.key.sign(enrolment.to_sign(site, gate, request), ec.ECDSA(hashes.SHA256()))
    old = have.certificate.public_bytes(Encoding.PEM).decode()
    asked = Renewal(
        site=site, gate=gate, request=request, certificate=old, signature=base64.b64encode(signature).decode()
    )
    answer = _ask(f"{hub}/enrol", asked, Renewed)
    return Identity(key, _check(answer.certificate, authority, key, site, gate))


class Renewer:
    """Keeps a gate's certificate fresh for as long as the gate runs; a fault is told and tried again, never raised."""

    def __init__(
        self, hub: str, site: str, gate: str, path: Path, authority: Path, today: Callable[[], datetime]
    ) -> None:
        """`today` is the present time, as well as it is known (`edge.today`)."""
        self._hub, self._site, self._gate = hub, site, gate
        self._path, self._authority, self._today = path, authority, today

    async def run(self) -> None:
        told = ""
        while True:
            try:
                renewed = await asyncio.to_thread(self.renew_if_due)
            except EnrolmentError as error:
                if str(error) != told:
                    log.warning("certificate not renewed", error=str(error))
                told, wait_s = str(error), SOON_AGAIN_S
            else:
                told, wait_s = "", SOON_AGAIN_S
                if renewed is not None:
                    wait_s = LOOK_EVERY_S  # a clock that is years ahead asks no more often than that
                    log.info("certificate renewed", until=renewed.certificate.not_valid_after_utc.isoformat())
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.5))  # noqa: S311 - only spreads a crowd of gates

    def renew_if_due(self) -> Identity | None:
        """The new identity, where the old one was due. Raises `EnrolmentError`."""
        today, have = self._today(), read(self._path)
        if today < have.due:
            return None
        try:
            authority = self._authority.read_bytes()
        except OSError as error:
            raise EnrolmentError(f"{self._authority}: cannot be read: {error.strerror}") from error
        fresh = renew(self._hub, self._site, self._gate, have, authority)
        write(self._path, fresh.key, fresh.certificate.public_bytes(Encoding.PEM).decode())
        return fresh


def utc_now() -> datetime:
    return datetime.now(UTC)


def _check(
    certificate: str, authority: bytes, key: ec.EllipticCurvePrivateKey, site: str, gate: str
) -> x509.Certificate:
    """That a certificate is for this key and gate and by this authority. Raises `EnrolmentError`."""
    try:
        made, by = x509.load_pem_x509_certificate(certificate.encode()), x509.load_pem_x509_certificate(authority)
        made.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise EnrolmentError(f"the hub's answer: no certificate of the site's authority: {error}") from error
    if made.public_key() != key.public_key() or _names(made) != [enrolment.common_name(site, gate)]:
        raise EnrolmentError(f"the hub's answer: a certificate of {_names(made)}, not of this gate and its key")
    return made


def _names(certificate: x509.Certificate) -> list[str]:
    return [str(name.value) for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def _ask(url: str, asked: msgspec.Struct, kind: type[A]) -> A:
    """POST, and what the hub answers. Raises `EnrolmentError` with the hub's own words where it refuses."""
    headers = {"Content-Type": "application/json"}
    if not url.startswith(("http://", "https://")):
        raise EnrolmentError(f"hub {url}: expected http://… or https://…")
    request = urllib.request.Request(url, msgspec.json.encode(asked), headers, method="POST")  # noqa: S310 - checked
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - checked above
            return enrolment.decode_answer(answer.read(MOST_BYTES), kind)
    except urllib.error.HTTPError as error:
        with error:
            raise EnrolmentError(f"the hub refuses: {error.read(2000).decode('utf-8', 'replace')}") from error
    except (OSError, ValueError) as error:  # no connection, no answer in time, no URL
        raise EnrolmentError(f"hub {url}: {error}") from error
    except DecodeError as error:
        raise EnrolmentError(f"hub {url}: {error}; is it a Menshen hub?") from error
