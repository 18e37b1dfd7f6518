"""The gate's own copy of who and what is registered."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from wire.errors import SettingsError
from wire.registry import RegistryCopy, RegistryEntry

_decoder = msgspec.json.Decoder(RegistryCopy)


class Registry:
    """Tokens and what each may do; a look-up is one dictionary access."""

    def __init__(self, entries: Iterable[RegistryEntry] = (), version: int = 0) -> None:
        self.version = version
        self._entries = {entry.token: entry for entry in entries}

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, token: str | None) -> RegistryEntry | None:
        """The entry of a token, None when it is registered nowhere."""
        return None if token is None else self._entries.get(token)


def load(path: Path) -> Registry:
    """The copy in a file. Raises `SettingsError`."""
    try:
        copy = _decoder.decode(path.read_bytes())
    except OSError as error:
        raise SettingsError([f"{path}: cannot be read: {error.strerror}"]) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"{path}: no registry: {error}"]) from error
    return Registry(copy.entries, copy.version)
