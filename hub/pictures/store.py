"""The hub's thermal pictures: one file each, deleted after a set time.

Files and not a database, so that what is deleted is gone from the disk's pages too; beside the journal, not in it.
Their names say nothing of whom they show. Not in InfluxDB, not in backups of the database, not in a log.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from hub.alerts.rules import Rule
from hub.board import AlertRow

log = structlog.get_logger(__name__)

FOLDER = "pictures"
MOST_FILES = 2000
_JPEG = (b"\xff\xd8", b"\xff\xd9")
_OF_PASSAGES = frozenset({Rule.FEVER, Rule.FEVER_CONFIRMED})


class Pictures:
    """One hub's. Methods block for as long as a small file takes."""

    def __init__(self, folder: Path, keep_s: float, now_s: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._keep_s = keep_s
        self._now_s = now_s

    def put(self, site: str, gate: str, passage: str, jpeg: bytes) -> bool:
        """Keep a picture; whether it is one. What is there already stays: it is not made younger by being sent again.

        Raises `OSError`.
        """
        if not (jpeg.startswith(_JPEG[0]) and jpeg.endswith(_JPEG[1])):
            return False
        path = self._path(site, gate, passage)
        if path.exists():
            return True
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = path.with_suffix(".part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(jpeg)
        os.utime(part, (self._now_s(), self._now_s()))
        part.replace(path)
        return True

    def of(self, site: str, gate: str, passage: str) -> bytes:
        """The picture of a passage, as long as it may be shown; empty where there is none."""
        path = self._path(site, gate, passage)
        try:
            return path.read_bytes() if self._is_good(path) else b""
        except OSError:
            return b""

    def of_alert(self, alert: AlertRow) -> bytes:
        """The picture of whom an alert is about; empty where there is none."""
        if alert.rule not in _OF_PASSAGES:
            return b""
        passage = alert.key.removeprefix(f"{alert.rule}/{alert.site}/{alert.gate}/")
        return self.of(alert.site, alert.gate, passage)

    def sweep(self) -> int:
        """Delete what has been kept for long enough, and the oldest where there are too many; how many."""
        if not self._folder.is_dir():
            return 0
        files = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        gone = [path for n, path in enumerate(files) if n >= MOST_FILES or not self._is_good(path)]
        for path in gone:
            path.unlink(missing_ok=True)
        return len(gone)

    def _is_good(self, path: Path) -> bool:
        """Also of what is dated to the future: a clock was set back since, and nothing stays for ever."""
        return abs(self._now_s() - path.stat().st_mtime) <= self._keep_s

    def _path(self, site: str, gate: str, passage: str) -> Path:
        name = hashlib.sha256(f"{site}\0{gate}\0{passage}".encode()).hexdigest()[:32]
        return self._folder / f"{name}.jpg"
