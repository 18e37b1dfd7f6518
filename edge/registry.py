"""The gate's own copy of who and what is registered."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from wire.errors import SettingsError
from wire.registry import RegistryCopy, RegistryEntry, gives_way, shard_of, tokens_of

_decoder = msgspec.json.Decoder(RegistryCopy)


class Registry:
    """Tokens and what each may do; a look-up is one dictionary access.

    What the gate admitted itself (a visitor whom the guard registered) stands beside the hub's word until it expires;
    where the hub says something of the same token, that counts, unless it is of a visit that was over by then.
    """

    def __init__(self, entries: Iterable[RegistryEntry] = (), version: int = 0) -> None:
        self.version = version
        self.resumes_ns: int | None = None
        """When the site resumes work by the hub's word; None where it says nothing of it."""
        self._entries = {entry.token: entry for entry in entries}
        self._admitted: dict[str, RegistryEntry] = {}
        self._in_shard: dict[int, tuple[str, ...]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, token: str | None) -> RegistryEntry | None:
        """The entry of a token, None when it is registered nowhere."""
        if token is None:
            return None
        known, admitted = self._entries.get(token), self._admitted.get(token)
        if known is not None and (admitted is None or not gives_way(known, admitted)):
            return known
        return admitted

    def same(self, token: str | None) -> frozenset[str]:
        """All tokens of the vehicle that has this one; the token alone where nothing is known of it."""
        entry = self.find(token)
        if entry is not None:
            return tokens_of(entry)
        return frozenset() if token is None else frozenset({token})

    def clear(self) -> None:
        """Forget everything that came from a file or a hub."""
        self._entries.clear()
        self._in_shard.clear()
        self.version = 0

    def put_shard(self, number: int, entries: Iterable[RegistryEntry]) -> None:
        """Replace all entries of one shard; what falls into another shard is left out."""
        for token in self._in_shard.pop(number, ()):
            self._entries.pop(token, None)
        kept = {entry.token: entry for entry in entries if shard_of(entry.token) == number}
        self._entries.update(kept)
        if kept:
            self._in_shard[number] = tuple(kept)

    def admit(self, entry: RegistryEntry) -> None:
        """Let in what the gate registered itself."""
        self._admitted[entry.token] = entry

    def expire(self, now_ns: int) -> list[str]:
        """Forget what was admitted until a moment that is past; its tokens."""
        over = [
            token for token, entry in self._admitted.items() if entry.until_ns is not None and now_ns >= entry.until_ns
        ]
        for token in over:
            del self._admitted[token]
        return over


def load(path: Path) -> Registry:
    """The copy in a file. Raises `SettingsError`."""
    try:
        copy = _decoder.decode(path.read_bytes())
    except OSError as error:
        raise SettingsError([f"{path}: cannot be read: {error.strerror}"]) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"{path}: no registry: {error}"]) from error
    return Registry(copy.entries, copy.version)
