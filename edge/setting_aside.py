"""Where the files of a damaged spool go, in steps between any two of which power may go.

    spool.db, spool.db-wal ──► spool.db.salvaging-N ── all that is whole is in a new spool.db ──► spool.db.corrupt-N

The name is the mark: as long as there is a `salvaging-N`, its rows count as nowhere else yet, and what stands in the
spool's place is half made, unless it says itself that it has all of N. Renaming needs no room on a full disk.
"""

from __future__ import annotations

import os
from pathlib import Path

_SALVAGING, _KEPT = ".salvaging-", ".corrupt-"
_LOG = "-wal"


def pending(path: Path) -> Path | None:
    """What a damaged spool at that path was named when it was put aside, as long as no new one has all of it."""
    start = path.name + _SALVAGING
    names = sorted(found.name.removesuffix(_LOG) for found in _beside(path) if found.name.startswith(start))
    return path.with_name(names[0]) if names else None


def name_for(path: Path, now_ns: int) -> Path:
    """The name under which a spool is put aside that is found damaged now."""
    taken = {found.name for found in _beside(path)}
    while not taken.isdisjoint({path.name + part + str(now_ns) for part in (_SALVAGING, _KEPT)}):
        now_ns += 1
    return path.with_name(f"{path.name}{_SALVAGING}{now_ns}")


def name_after(aside: Path) -> Path:
    """What it is called when a new spool has all of it."""
    return aside.with_name(aside.name.replace(_SALVAGING, _KEPT))


def move_log(path: Path, aside: Path) -> None:
    """First: to close the file may delete its log, and all that only the log still has. Raises `OSError`."""
    is_of_the_new = aside.exists() and path.exists()
    if _log(path).exists() and not _log(aside).exists() and not is_of_the_new:
        _log(path).rename(_log(aside))


def move(path: Path, aside: Path) -> None:
    """All that was not moved yet, durably. Raises `OSError`."""
    move_log(path, aside)
    if not aside.exists():
        if path.exists():
            path.rename(aside)
        else:
            aside.touch()  # only the log was left of it
    _sync(path.parent)


def discard(path: Path) -> None:
    """What was half made in the spool's place goes. Raises `OSError`."""
    for suffix in ("", _LOG, "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def finish(path: Path, aside: Path) -> None:
    """A new spool has all of it: it is only kept to be looked at, and those of before go. Raises `OSError`."""
    kept = name_after(aside)
    if _log(aside).exists():
        _log(aside).rename(_log(kept))
        _sync(path.parent)  # the file itself is the last to lose the name
    aside.rename(kept)
    _sync(path.parent)
    for old in _beside(path):
        if old.name.startswith(path.name + _KEPT) and old.name.removesuffix(_LOG) != kept.name:
            old.unlink(missing_ok=True)


def make_room(path: Path) -> None:
    """What is only kept to be looked at goes, for a disk that is full. Raises `OSError`."""
    for old in _beside(path):
        if old.name.startswith(path.name + _KEPT):
            old.unlink(missing_ok=True)


def _beside(path: Path) -> list[Path]:
    return list(path.parent.iterdir()) if path.parent.is_dir() else []


def _log(path: Path) -> Path:
    return path.with_name(path.name + _LOG)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
