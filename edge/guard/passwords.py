"""The guard's password: kept as a salted scrypt hash in a file that only the gate's own user may read."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path
from typing import NamedTuple

from wire.errors import MenshenError, SettingsError

LEAST_CHARACTERS = 10
MOST_BYTES = 1024
_N, _R, _P = 2**14, 8, 1
"""RFC 7914: 16 MiB and about a tenth of a second on a Pi 4."""
_KIND = "scrypt"


class Hash(NamedTuple):
    """A password's hash with what it was made by."""

    n: int
    r: int
    p: int
    salt: bytes
    digest: bytes

    def fits(self, password: str) -> bool:
        """Whether it is this password, in the same time for any answer. Takes a while: call it in a thread."""
        given = password.encode()[:MOST_BYTES]
        made = hashlib.scrypt(given, salt=self.salt, n=self.n, r=self.r, p=self.p, dklen=len(self.digest))
        return hmac.compare_digest(made, self.digest)


def hashed(password: str, salt: bytes | None = None) -> Hash:
    """A hash of a new password. Raises `MenshenError` when it is too short."""
    if len(password) < LEAST_CHARACTERS:
        raise MenshenError(f"a password of {len(password)} characters, expected at least {LEAST_CHARACTERS}")
    salt = salt or secrets.token_bytes(16)
    digest = hashlib.scrypt(password.encode()[:MOST_BYTES], salt=salt, n=_N, r=_R, p=_P, dklen=32)
    return Hash(_N, _R, _P, salt, digest)


def write(path: Path, password: str) -> None:
    """Write the password's hash into a new file that only its owner may read. Raises `MenshenError`."""
    made = hashed(password)
    parts = (_KIND, str(made.n), str(made.r), str(made.p), *(_text(part) for part in (made.salt, made.digest)))
    new = path.with_name(path.name + ".new")
    try:
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write("$".join(parts) + "\n")
        new.replace(path)
    except OSError as error:
        raise MenshenError(f"{path}: cannot be written: {error.strerror or error}") from error


def read(path: Path) -> Hash:
    """The hash in a file. Raises `SettingsError` when there is none, or when others may read or write it."""
    make = f"make one with: menshen edge password {path}"
    try:
        mode = path.stat().st_mode
        text = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise SettingsError([f"{path}: the guard's password cannot be read: {why}; {make}"]) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError([f"{path}: the guard's password is open to others; run: chmod 600 {path}"])
    try:
        kind, n, r, p, salt, digest = text.split("$")
        found = Hash(int(n), int(r), int(p), _bytes(salt), _bytes(digest))
    except ValueError as error:
        raise SettingsError([f"{path}: holds no password of menshen; {make}"]) from error
    if kind != _KIND or len(found.digest) < 32 or not (found.n, found.r, found.p) == (_N, _R, _P):
        raise SettingsError([f"{path}: holds no password of menshen; {make}"])
    return found


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
