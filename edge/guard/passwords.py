"""The guards' passwords: kept as salted scrypt hashes in a file that only the gate's own user may read.

A line for each guard: `NAME:scrypt$n$r$p$SALT$HASH`. A line without a name is that of the guard `guard`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import stat
from functools import cache
from pathlib import Path
from typing import NamedTuple

from wire.errors import MenshenError, SettingsError

LEAST_CHARACTERS = 10
MOST_BYTES = 1024
_N, _R, _P = 2**14, 8, 1
"""RFC 7914: 16 MiB and about a tenth of a second on a Pi 4."""
_KIND = "scrypt"
UNNAMED = "guard"
"""Who is logged in where the file names nobody."""
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
"""As `wire.events.Name`: it stands in events."""

Guards = dict[str, "Hash"]
"""By their names."""


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


def fitting(guards: Guards, name: str, password: str) -> str | None:
    """The guard whose password this is; None when it is not. A name that nobody has takes as long as any other."""
    name = name.strip().lower() or UNNAMED
    known = guards.get(name)
    fits = (known or _nobody()).fits(password)
    return name if fits and known is not None else None


@cache
def _nobody() -> Hash:
    return hashed(secrets.token_hex(16))


def write(path: Path, password: str, name: str = UNNAMED) -> None:
    """Write a guard's password, beside those of the others, where only the file's owner may read it.

    Raises `MenshenError`, and `SettingsError` for a file that is there and is none of passwords.
    """
    if not _NAME.fullmatch(name):
        raise MenshenError(f"name {name!r}: expected lower-case letters, digits and inner hyphens, at most 32")
    made = hashed(password)
    guards = read(path) if path.exists() else {}
    text = "".join(f"{who}:{_line(one)}\n" for who, one in (guards | {name: made}).items())
    new = path.with_name(path.name + ".new")
    try:
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(text)
        new.replace(path)
    except OSError as error:
        raise MenshenError(f"{path}: cannot be written: {error.strerror or error}") from error


def read(path: Path) -> Guards:
    """The guards in a file. Raises `SettingsError` when there is none, or when others may read or write it."""
    make = f"make one with: menshen edge password {path}"
    try:
        mode = path.stat().st_mode
        text = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise SettingsError([f"{path}: the guards' passwords cannot be read: {why}; {make}"]) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError([f"{path}: the guards' passwords are open to others; run: chmod 600 {path}"])
    try:
        found = dict(_guard(line.strip()) for line in text.splitlines() if line.strip())
    except ValueError as error:
        raise SettingsError([f"{path}: holds no password of menshen; {make}"]) from error
    if not found:
        raise SettingsError([f"{path}: holds no password of menshen; {make}"])
    return found


def _guard(line: str) -> tuple[str, Hash]:
    """One line. Raises `ValueError`."""
    name, colon, rest = line.rpartition(":")
    kind, n, r, p, salt, digest = rest.split("$")
    made = Hash(int(n), int(r), int(p), _bytes(salt), _bytes(digest))
    if kind != _KIND or len(made.digest) < 32 or (made.n, made.r, made.p) != (_N, _R, _P):
        raise ValueError("no hash of ours")
    if colon and not _NAME.fullmatch(name):
        raise ValueError("no name of a guard")
    return name or UNNAMED, made


def _line(one: Hash) -> str:
    return "$".join((_KIND, str(one.n), str(one.r), str(one.p), _text(one.salt), _text(one.digest)))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
