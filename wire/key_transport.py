"""How a token key is sealed to one gate and signed by the site's authority.

HPKE (RFC 9180) in its base mode with P-256, HKDF-SHA-256 and ChaCha20-Poly1305, and ECDSA over what came of it. Site,
gate and version are bound in, so that nothing sealed can be moved to another gate or another change.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec.structs import replace

from wire.errors import SealError
from wire.token_keys import TokenKeyOffer
from wire.tokens import MIN_KEY_BYTES, fingerprint

_SUITE = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
_PURPOSE = b"menshen token key 1\0"
VERSION = 1


def seal(
    key: bytes, to: ec.EllipticCurvePublicKey, sign: Callable[[bytes], bytes],
    *, site: str, gate: str, version: int, registry: int,
) -> TokenKeyOffer:  # fmt: skip
    """The key for the gate that has the private half of `to`; `sign` is the authority's."""
    sealed = _SUITE.encrypt(key, to, _bound(site, gate, version))
    unsigned = TokenKeyOffer(
        v=VERSION,
        version=version,
        fingerprint=fingerprint(key),
        registry=registry,
        recipient=digest_of(to),
        sealed=base64.b64encode(sealed).decode(),
        signature="",
    )
    return replace(unsigned, signature=base64.b64encode(sign(to_sign(unsigned, site, gate))).decode())


def unseal(
    offer: TokenKeyOffer, private: ec.EllipticCurvePrivateKey, authority: ec.EllipticCurvePublicKey,
    *, site: str, gate: str,
) -> bytes:  # fmt: skip
    """The key in an offer that the site's authority made for this gate. Raises `SealError`."""
    try:
        signature = base64.b64decode(offer.signature, validate=True)
        authority.verify(signature, to_sign(offer, site, gate), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError, binascii.Error) as error:
        raise SealError("token key: not signed by the site's authority for this gate") from error
    if offer.recipient != digest_of(private.public_key()):
        raise SealError("token key: sealed to another certificate of this gate; the hub offers it anew for this one")
    try:
        sealed = base64.b64decode(offer.sealed, validate=True)
        key = _SUITE.decrypt(sealed, private, _bound(site, gate, offer.version))
    except (InvalidTag, ValueError, binascii.Error) as error:
        raise SealError("token key: cannot be opened with this gate's key") from error
    if len(key) < MIN_KEY_BYTES or fingerprint(key) != offer.fingerprint:
        raise SealError("token key: not the one of its fingerprint")
    return key


def to_sign(offer: TokenKeyOffer, site: str, gate: str) -> bytes:
    """What the authority signs: everything but the signature."""
    said = (site, gate, offer.v, offer.version, offer.fingerprint, offer.registry, offer.recipient, offer.sealed)
    return _PURPOSE + "\0".join(str(one) for one in said).encode()


def digest_of(key: ec.EllipticCurvePublicKey) -> str:
    """By what a certificate's public key is named."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _bound(site: str, gate: str, version: int) -> bytes:
    return _PURPOSE + f"{site}/{gate}/{version}".encode()
