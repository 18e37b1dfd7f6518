"""Who may make a release: Ed25519 keys (RFC 8032), made and kept away from the hub.

The file of public keys has one key a line, `ed25519 KEY who`; what is after the key is for people.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from wire.errors import ReleaseError
from wire.releases import ReleaseManifest, Signature, SignedRelease, decode_manifest, decode_signed

_PURPOSE = b"menshen release 1\0"
"""What else such a key might sign is never a release."""


def public_text(key: Ed25519PublicKey) -> str:
    return base64.urlsafe_b64encode(key.public_bytes_raw()).decode()


def key_id(public: str) -> str:
    return hashlib.sha256(base64.urlsafe_b64decode(public)).hexdigest()[:16]


def sign(key: Ed25519PrivateKey, manifest: bytes) -> Signature:
    return Signature(key_id(public_text(key.public_key())), key.sign(_PURPOSE + manifest))


def open_release(envelope: bytes, keys: Iterable[str]) -> ReleaseManifest:
    """The manifest in an envelope that one of the keys signed. Raises `ReleaseError` and `DecodeError`; nothing of a
    manifest is looked at before its signature."""
    signed = decode_signed(envelope)
    check(signed, {key_id(public): public for public in keys})
    return decode_manifest(signed.manifest)


def check(signed: SignedRelease, keys: Mapping[str, str]) -> str:
    """By which key it is signed. Raises `ReleaseError`."""
    for signature in signed.signatures:
        public = keys.get(signature.key)
        if public is None:
            continue
        try:
            key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(public))
            key.verify(signature.value, _PURPOSE + signed.manifest)
        except (InvalidSignature, ValueError):
            continue
        return signature.key
    by = ", ".join(signature.key for signature in signed.signatures) or "nobody"
    raise ReleaseError(
        f"release: signed by {by}, expected a good signature of {', '.join(keys) or 'a key that is known'}"
    )


def read_keys(path: Path) -> list[str]:
    """The public keys in a file. Raises `ReleaseError`."""
    try:
        return parse_keys(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ReleaseError(f"{path}: cannot be read: {error}") from error


def parse_keys(text: str, where: str) -> list[str]:
    """One key a line. Raises `ReleaseError`, naming the line that is none."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) < 2 or words[0] != "ed25519" or not _is_key(words[1]):
            raise ReleaseError(f"{where}:{number}: expected `ed25519 KEY who`, KEY as `menshen release key` prints it")
        found.append(words[1])
    return found


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, altchars=b"-_", validate=True)) == 32
    except ValueError:
        return False
