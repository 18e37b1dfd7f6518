"""How a gate becomes one of a site's: the words that it and the hub exchange once, and again before each expiry.

    hub:  a one-time code for one gate ──(a person carries it)──► gate
    gate: makes its own key; Request{gate, signing request, mac by the code} ──► hub
    hub:  signs ──► Grant{certificate, authority, the site's token key}, sealed by the code
    …     before the certificate expires: Renewal{signing request, signed by the key that it has} ──► hub ──► Renewed

The code never travels: both sides derive a key from it, so the exchange needs no transport that is trusted already and
nobody in between can read the token key or put another authority in place. The gate's private key never leaves it.
A code has 120 random bits and a check character; it is for one gate, once, and for a time that the hub sets.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Annotated, Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Meta, Struct

from wire.errors import DecodeError, EnrolmentError
from wire.events import Name

VERSION: Final = 1
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that is taken for a digit."""
LETTERS: Final = 25
"""Of a code: 24 random ones of 5 bits, and one that shows a slip of the finger."""
GROUP: Final = 5
_MISREAD: Final = str.maketrans("OIL", "011")
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12

A = TypeVar("A", bound=Struct)

Pem = Annotated[str, Meta(max_length=16_000)]
Short = Annotated[str, Meta(max_length=400)]


class Request(Struct, frozen=True, kw_only=True, tag_field="type", tag="enrol"):
    """A gate asks for its first certificate; `request` is a PKCS #10 signing request in PEM form."""

    v: Annotated[int, Meta(ge=1)] = VERSION
    site: Name
    gate: Name
    request: Pem
    mac: Short


class Grant(Struct, frozen=True, kw_only=True):
    """What the gate gets: PEM texts, the broker's address for gates, and the site's token key in
    hexadecimal digits if it has one."""

    certificate: Pem
    authority: Pem
    broker_host: Short
    broker_port: Annotated[int, Meta(ge=1, le=65535)]
    token_key: Short | None = None


class Granted(Struct, frozen=True, kw_only=True):
    """A `Grant`, sealed by the code."""

    sealed: Annotated[str, Meta(max_length=64_000)]


class Renewal(Struct, frozen=True, kw_only=True, tag_field="type", tag="renew"):
    """A gate asks for its next certificate; `signature` (base64) is by the key of the `certificate` that it has."""

    v: Annotated[int, Meta(ge=1)] = VERSION
    site: Name
    gate: Name
    request: Pem
    certificate: Pem
    signature: Short


class Renewed(Struct, frozen=True, kw_only=True):
    """The next certificate, in PEM form."""

    certificate: Pem


def new_code() -> str:
    """A fresh code, in groups: `7F3KQ-…`."""
    random = "".join(secrets.choice(ALPHABET) for _ in range(LETTERS - 1))
    code = random + _check(random)
    return "-".join(code[start : start + GROUP] for start in range(0, LETTERS, GROUP))


def plain_code(typed: str) -> str:
    """The code as it is derived from, however it was typed. Raises `EnrolmentError` that says what is wrong."""
    code = "".join(typed.split()).replace("-", "").upper().translate(_MISREAD)
    strange = sorted(set(code) - set(ALPHABET))
    if strange:
        raise EnrolmentError(f"code: {''.join(strange)!r} is in no code; expected what the hub printed")
    if len(code) != LETTERS:
        raise EnrolmentError(f"code: {len(code)} letters, expected {LETTERS}")
    if _check(code[:-1]) != code[-1]:
        raise EnrolmentError("code: mistyped (its last letter does not fit the others)")
    return code


def key_of(code: str, site: str, gate: str) -> bytes:
    """What both sides derive from a plain code for one gate: 32 bytes (HKDF-SHA-256, RFC 5869)."""
    salt = f"{site}/{gate}".encode()
    return HKDF(SHA256(), _KEY_BYTES, salt=salt, info=b"menshen enrolment 1").derive(code.encode())


def make_request(key: bytes, site: str, gate: str, request: str) -> Request:
    return Request(site=site, gate=gate, request=request, mac=_mac(key, site, gate, request))


def is_from(key: bytes, asked: Request) -> bool:
    """Whether who asks has the code."""
    return hmac.compare_digest(_mac(key, asked.site, asked.gate, asked.request).encode(), asked.mac.encode())


def seal(key: bytes, asked: Request, grant: Grant) -> Granted:
    """The grant for who made this request, and nobody else."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = ChaCha20Poly1305(key).encrypt(nonce, msgspec.json.encode(grant), _bound(asked))
    return Granted(sealed=base64.b64encode(nonce + sealed).decode())


def unseal(key: bytes, asked: Request, granted: Granted) -> Grant:
    """Raises `EnrolmentError` for anything that the hub did not seal for this request."""
    try:
        raw = base64.b64decode(granted.sealed, validate=True)
        plain = ChaCha20Poly1305(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound(asked))
        return msgspec.json.decode(plain, type=Grant)
    except (InvalidTag, ValueError, binascii.Error, msgspec.DecodeError) as error:
        raise EnrolmentError("the answer is not from the hub that made the code, or was changed on its way") from error


def to_sign(site: str, gate: str, request: str) -> bytes:
    """What a renewal signs: the signing request, bound to its gate and purpose."""
    return b"menshen renewal 1\0" + f"{site}/{gate}\0{request}".encode()


def decode_request(payload: bytes) -> Request | Renewal:
    """What a gate asks. Raises `DecodeError`."""
    try:
        return msgspec.json.decode(payload, type=Request | Renewal)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError(f"enrolment: {error}") from error


def decode_answer(payload: bytes, kind: type[A]) -> A:
    """What the hub answers. Raises `DecodeError`."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError(f"the hub's answer: {error}") from error


def common_name(site: str, gate: str) -> str:
    """Of a gate's certificate, and its user name at the broker: mosquitto allows no slash in one."""
    return f"{site}:{gate}"


def _check(letters: str) -> str:
    """Weights that are odd show every single wrong letter, and nearly every pair of exchanged neighbours."""
    weighed = sum((2 * place + 1) * ALPHABET.index(letter) for place, letter in enumerate(letters))
    return ALPHABET[weighed % len(ALPHABET)]


def _mac(key: bytes, site: str, gate: str, request: str) -> str:
    said = b"request\0" + f"{site}/{gate}\0{request}".encode()
    return hmac.new(key, said, hashlib.sha256).hexdigest()


def _bound(asked: Request) -> bytes:
    return b"grant\0" + hashlib.sha256(msgspec.json.encode(asked)).digest()
