"""What a gate's copy of the registry still lacks: a pure state machine over manifests and shards.

    manifest (newer) ──► wanted ── shard with the digest that it names ──► held
        older, same ──► ignored     torn, older, unasked ──► ignored

A copy is complete when it holds every shard of the newest manifest, digest for digest. Versions only grow, so an old
manifest, retained somewhere or restored from a backup, never replaces a newer one; and a shard is taken only when the
newest manifest names its digest.
"""

from __future__ import annotations

from collections.abc import Mapping

from wire.registry import Manifest


class Following:
    """Digests held, and those wanted."""

    def __init__(self, version: int = 0, held: Mapping[int, str] | None = None) -> None:
        """`version` and `held` as they were kept; `version` 0 means that there never was a manifest."""
        self.version = version
        self._held = dict(held or {})
        self._wanted = dict(self._held)

    @property
    def missing(self) -> list[int]:
        """Shards that the newest manifest names and the copy does not hold, in their order."""
        return sorted(number for number, digest in self._wanted.items() if self._held.get(number) != digest)

    def manifest(self, manifest: Manifest) -> list[int] | None:
        """Follow a newer manifest: the shards that are empty now. None when it is not newer."""
        if manifest.version <= self.version:
            return None
        self.version = manifest.version
        self._wanted = dict(manifest.shards)
        emptied = sorted(number for number in self._held if number not in self._wanted)
        for number in emptied:
            del self._held[number]
        return emptied

    def shard(self, number: int, digest: str) -> bool:
        """Whether a shard is the one that is wanted and not held yet; if so it counts as held."""
        if self._wanted.get(number) != digest or self._held.get(number) == digest:
            return False
        self._held[number] = digest
        return True

    def wants(self, number: int, digest: str) -> bool:
        """Whether `shard` would take it."""
        return self._wanted.get(number) == digest and self._held.get(number) != digest
