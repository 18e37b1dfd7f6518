"""The hub's sealing key: what guards enter about people is sealed to it, and only this file opens it.

Back it up with the data: without it the details of all registrations at the gates are gone.
"""

from __future__ import annotations

import os
from pathlib import Path

from wire.errors import RegistryError, SealError
from wire.sealing import new_key, public_of

FILE = "sealing.key"


def load_or_make(path: Path) -> bytes:
    """The private key in the file, made where there is none. Raises `RegistryError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        key = path.read_bytes()
        public_of(key)
    except OSError as error:
        raise RegistryError(f"sealing key {path}: {error.strerror}") from error
    except SealError as error:
        raise RegistryError(
            f"sealing key {path}: {error}; restore it from a backup, or move it away for a new one"
        ) from error
    return key


def _make(path: Path) -> None:
    """Write a new key that is there whole or not at all, and readable by its owner only."""
    new = path.with_name(path.name + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(new_key())
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
