"""Personal details of a registration, sealed so that only the hub can read them.

A gate has no names (DESIGN: identity and privacy), but a guard must register who comes, why and to whom, also while the
network is away. So the details are encrypted to the hub's public key the moment that they are entered: spool, broker,
journal and time series hold what nobody but the hub can open. Hybrid public key encryption (HPKE, RFC 9180) in its base
mode: X25519, HKDF-SHA-256, ChaCha20-Poly1305. The registration's token is bound in, so that sealed details cannot be
moved to another registration unnoticed.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from msgspec import Meta, Struct

from wire.errors import SealError

Line = Annotated[str, Meta(max_length=200)]

_SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
_PURPOSE = b"menshen registration 1\0"


class Details(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who comes, from where, why and to whom; `number` is the badge that was handed out, or the plate."""

    name: Line = ""
    telephone: Line = ""
    company: Line = ""
    host: Line = ""
    reason: Line = ""
    number: Line = ""


_decoder = msgspec.json.Decoder(Details)


def new_key() -> bytes:
    """A private key, 32 bytes."""
    return X25519PrivateKey.generate().private_bytes_raw()


def public_of(private: bytes) -> str:
    """The public key of a private one, in URL-safe base64. Raises `SealError`."""
    return base64.urlsafe_b64encode(_private(private).public_key().public_bytes_raw()).decode()


def seal(public: str, token: str, details: Details) -> str:
    """The details of the registration of `token`, for the owner of the key only. Raises `SealError`."""
    try:
        key = X25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(public))
        sealed = _SUITE.encrypt(msgspec.json.encode(details), key, _PURPOSE + token.encode())
    except (ValueError, binascii.Error) as error:
        raise SealError(f"sealing key {public[:64]!r}: expected 32 bytes of X25519 in base64 ({error})") from error
    return base64.urlsafe_b64encode(sealed).decode()


def unseal(private: bytes, token: str, sealed: str) -> Details:
    """What `seal` was given. Raises `SealError` for anything that was not sealed to this key and token."""
    try:
        plain = _SUITE.decrypt(base64.urlsafe_b64decode(sealed), _private(private), _PURPOSE + token.encode())
        return _decoder.decode(plain)
    except (InvalidTag, ValueError, binascii.Error) as error:
        raise SealError("sealed details: not sealed to this hub's key, or damaged on the way") from error


def _private(private: bytes) -> X25519PrivateKey:
    try:
        return X25519PrivateKey.from_private_bytes(private)
    except ValueError as error:
        raise SealError(f"private key of {len(private)} bytes, expected 32 of X25519") from error
