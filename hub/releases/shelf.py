"""The hub's wheels: one file under each digest, whichever releases name it."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from hub.releases import archive
from wire.errors import ReleaseError
from wire.releases import ReleaseManifest, SignedRelease

FOLDER = "releases"


class Shelf:
    """One hub's. Methods block for as long as a file takes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, path: Path) -> tuple[SignedRelease, ReleaseManifest]:
        """Keep the wheels of a release's file. Raises `ReleaseError`, `DecodeError`; then nothing new is offered."""
        with archive.opened(path) as (signed, manifest, read):
            self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            read(self._put)
        return signed, manifest

    def piece(self, sha256: str, offset: int, size: int) -> bytes:
        """Some bytes of a wheel; none where it is not here, or they begin behind its end."""
        try:
            with (self._folder / sha256).open("rb") as file:
                file.seek(offset)
                return file.read(size)
        except OSError:
            return b""

    def missing(self, manifest: ReleaseManifest) -> list[str]:
        """Wheels of a release that are not here, as on a hub that was restored from a copy."""
        return [sha256 for sha256, size in manifest.files().items() if self._size(sha256) != size]

    def keep_only(self, wanted: Collection[str]) -> int:
        """Remove wheels that no release names any more; how many. Raises `OSError`."""
        gone = [path for path in self._folder.iterdir() if path.name not in wanted] if self._folder.is_dir() else []
        for path in gone:
            path.unlink()
        return len(gone)

    def _size(self, sha256: str) -> int:
        try:
            return (self._folder / sha256).stat().st_size
        except OSError:
            return -1

    def _put(self, sha256: str, chunks: Iterator[bytes]) -> None:
        """Raises `ReleaseError`, also for what has other bytes than were signed."""
        part = self._folder / f"{sha256}.part"
        try:
            with part.open("wb") as out:
                archive.digest_only(sha256, _written(out.write, chunks))
                out.flush()
                os.fsync(out.fileno())
            part.replace(self._folder / sha256)
        except (OSError, ReleaseError) as error:
            part.unlink(missing_ok=True)
            raise ReleaseError(str(error)) from error


def _written(write: Callable[[bytes], object], chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        write(chunk)
        yield chunk
