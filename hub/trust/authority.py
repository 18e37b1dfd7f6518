"""The site's certificate authority: a key and a self-signed certificate in a folder, made when first asked for.

Small on purpose: one level, P-256 keys, SHA-256. What it signs is either a gate (client authentication only) or the
broker (server authentication only), so that a stolen gate's key cannot stand in for the broker.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, SignatureAlgorithmOID

from wire.errors import EnrolmentError

KEY_FILE = "authority.key"
CERTIFICATE_FILE = "authority.pem"
YEARS = timedelta(days=20 * 365)
SERVER_LIFE = timedelta(days=397)
"""Of the broker's certificate; the hub makes the next one by itself."""
EARLIER = timedelta(hours=1)
"""Certificates begin so much earlier: clocks of a site differ."""
REVOCATIONS_FOR = timedelta(days=3650)
"""A list of revocations that ran out would shut everybody out; ours is written anew at each change."""


class Revoked(NamedTuple):
    serial: str
    at: datetime


class Authority:
    """One site's. Methods raise `EnrolmentError`."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self.certificate = certificate

    @classmethod
    def load_or_make(cls, folder: Path, site: str, now: datetime) -> Authority:
        """The authority in the folder. Raises `EnrolmentError` when its files cannot be used."""
        key_file, certificate_file = folder / KEY_FILE, folder / CERTIFICATE_FILE
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not key_file.exists():
                _make(key_file, certificate_file, site, now)
            key = serialization.load_pem_private_key(key_file.read_bytes(), None)
            certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        except OSError as error:
            raise EnrolmentError(f"authority {folder}: {error.strerror}; restore it from a backup") from error
        except ValueError as error:
            raise EnrolmentError(f"authority {folder}: {error}; restore it from a backup") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise EnrolmentError(f"authority {folder}: key and certificate do not belong together")
        return cls(key, certificate)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def sign_gate(self, request: str, common_name: str, life: timedelta, now: datetime) -> x509.Certificate:
        """A gate's certificate for the key of its signing request; the name is ours to say, not the request's."""
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        return self._sign(_asked_key(request), common_name, now, life, [usage])

    def sign_server(self, names: Sequence[str], now: datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        """A key and certificate for the broker under these names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        made = self._sign(key.public_key(), names[0], now, SERVER_LIFE, [usage, _alternatives(names)])
        return key, made

    def is_ours(self, certificate: x509.Certificate) -> bool:
        """Whether this authority signed it."""
        try:
            certificate.verify_directly_issued_by(self.certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True

    def signed(self, revocations: x509.CertificateRevocationList) -> bool:
        """Whether this authority signed the list."""
        key = self._key.public_key()
        return revocations.signature_algorithm_oid == SignatureAlgorithmOID.ECDSA_WITH_SHA256 and (
            revocations.is_signature_valid(key)
        )

    def revocations(self, revoked: Sequence[Revoked], now: datetime) -> str:
        """The list of revocations in PEM form."""
        builder = x509.CertificateRevocationListBuilder(
            issuer_name=self.certificate.subject, last_update=now - EARLIER, next_update=now + REVOCATIONS_FOR
        )
        for serial, at in revoked:
            entry = x509.RevokedCertificateBuilder(int(serial, 16), at).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    def sign_word(self, word: bytes) -> bytes:
        """What the site says to its gates beside certificates; who makes a word says first what it is for."""
        return self._key.sign(word, ec.ECDSA(hashes.SHA256()))

    def _sign(
        self,
        key: ec.EllipticCurvePublicKey,
        common_name: str,
        now: datetime,
        life: timedelta,
        extensions: Sequence[x509.ExtensionType],
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(common_name))
            .issuer_name(self.certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - EARLIER)
            .not_valid_after(min(now + life, self.certificate.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(_identifier_of(self._key.public_key()), critical=False)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def key_digest(request: str) -> bytes:
    """SHA-256 of the public key of a signing request. Raises `EnrolmentError`."""
    plain = _asked_key(request).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(plain).digest()


def serial_of(certificate: x509.Certificate) -> str:
    return f"{certificate.serial_number:x}"


def _asked_key(request: str) -> ec.EllipticCurvePublicKey:
    """The key of a signing request, signed by itself. Raises `EnrolmentError`."""
    try:
        asked = x509.load_pem_x509_csr(request.encode())
    except ValueError as error:
        raise EnrolmentError(f"signing request: expected PKCS #10 in PEM form: {error}") from error
    key = asked.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise EnrolmentError("signing request: expected a key on P-256")
    if not asked.is_signature_valid:
        raise EnrolmentError("signing request: not signed by its own key")
    return key


def _make(key_file: Path, certificate_file: Path, site: str, now: datetime) -> None:
    """Write a new authority: the certificate first, for the key's file is what says that there is one."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"Menshen {site}")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + YEARS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_whole(certificate_file, certificate.public_bytes(Encoding.PEM), 0o644)
    write_whole(key_file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)


def write_whole(path: Path, content: bytes, mode: int) -> None:
    """Write a file so that it is there whole or not at all, with this mode. Raises `OSError`."""
    new = path.with_name(path.name + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternatives(names: Sequence[str]) -> x509.SubjectAlternativeName:
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return x509.SubjectAlternativeName(found)


def _identifier_of(key: ec.EllipticCurvePublicKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
