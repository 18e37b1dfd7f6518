"""The hub's sealing keys: what guards enter about people is sealed to the newest, and only these files open it.

The newest is `sealing.key`; those before it are in the folder `sealing.old` under the moment when they were replaced.
A key that is destroyed takes along what was sealed to it, wherever copies of that are: in the journal, which is only
added to, in its backups, in a gate's spool. So erasing what guards registered is destroying the keys of that time.

Back them up with the data, but apart from it and for no longer than registrations are kept: without them the details of
all registrations at the gates are gone, with them they are not.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from wire.errors import RegistryError, SealError
from wire.sealing import Details, new_key, public_of, unseal

FILE = "sealing.key"
OLD = "sealing.old"


def load_or_make(path: Path) -> bytes:
    """The newest private key, made where there is none. Raises `RegistryError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        return _read(path)
    except OSError as error:
        raise RegistryError(f"sealing key {path}: {error.strerror}") from error


def rotate(path: Path, now_ns: int, every_ns: int) -> bool:
    """Replace the newest key when it is that old; whether it was. Raises `RegistryError`."""
    load_or_make(path)
    try:
        if now_ns - path.stat().st_mtime_ns < every_ns:
            return False
        old = path.with_name(OLD)
        old.mkdir(mode=0o700, exist_ok=True)
        kept = old / f"{now_ns}.key"
        _write(kept, path.read_bytes())  # there before the new one takes its place: no moment without it
        _make(path)
    except OSError as error:
        raise RegistryError(f"sealing key {path}: {error.strerror}") from error
    return True


def destroy(path: Path, before_ns: int) -> int:
    """Destroy the keys that were replaced before that; how many. Raises `RegistryError`."""
    count = 0
    try:
        for kept in _old(path):
            if int(kept.stem) < before_ns:
                _overwrite(kept)
                kept.unlink()
                count += 1
    except OSError as error:
        raise RegistryError(f"sealing keys {path.with_name(OLD)}: {error.strerror}") from error
    return count


def keys(path: Path) -> list[bytes]:
    """All that there are, the newest first. Raises `RegistryError`."""
    try:
        return [load_or_make(path), *(_read(kept) for kept in reversed(_old(path)))]
    except OSError as error:
        raise RegistryError(f"sealing keys {path.with_name(OLD)}: {error.strerror}") from error


def open_with(privates: Sequence[bytes], token: str, sealed: str) -> Details:
    """What was sealed to one of the keys. Raises `SealError`."""
    for private in privates[:-1]:
        try:
            return unseal(private, token, sealed)
        except SealError:
            continue
    return unseal(privates[-1], token, sealed)


def _old(path: Path) -> list[Path]:
    return sorted(
        (one for one in path.with_name(OLD).glob("*.key") if one.stem.isdigit()), key=lambda one: int(one.stem)
    )


def _read(path: Path) -> bytes:
    key = path.read_bytes()
    try:
        public_of(key)
    except SealError as error:
        raise RegistryError(
            f"sealing key {path}: {error}; restore it from a backup, or move it away for a new one"
        ) from error
    return key


def _make(path: Path) -> None:
    _write(path, new_key())


def _write(path: Path, key: bytes) -> None:
    """A key that is there whole or not at all, and readable by its owner only."""
    new = path.with_name(path.name + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _overwrite(path: Path) -> None:
    """So that the bytes do not stay in the file's old blocks, where the file system writes in place."""
    with path.open("r+b") as file:
        file.write(os.urandom(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
