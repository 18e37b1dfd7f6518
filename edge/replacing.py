"""A damaged spool's file is replaced by a new one with all that is whole of it; if not now, for want of power or room,
then later: until a new file has all of it, nothing works on another."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Callable
from pathlib import Path

import structlog

from edge import setting_aside
from edge.clock import Timekeeper
from edge.salvage import Salvage, salvage
from edge.spool_rows import code_of
from wire.errors import SpoolError

log = structlog.get_logger(__name__)

TRY_AGAIN_S = 5.0
"""So long after it could not be done."""


class Replacing:
    """Puts a spool's file aside and has what is whole of it carried over."""

    def __init__(
        self,
        path: Path,
        timekeeper: Timekeeper,
        disconnect: Callable[[], None],
        has_all_of: Callable[[str], bool],
        carry: Callable[[Salvage, str, str], None],
    ) -> None:
        """`has_all_of` connects to the file that stands in the spool's place, and says whether it has all of what was
        put aside under that name; `carry` makes that file. Both raise `sqlite3.DatabaseError` or `SpoolError`."""
        self.is_under_way = False
        self.fault = ""
        """Why it could not be done, empty when nothing is to be done."""
        self._again_ns = 0
        self._path, self._timekeeper, self._disconnect = path, timekeeper, disconnect
        self._has_all_of, self._carry = has_all_of, carry

    def begin(self, cause: Exception) -> None:
        """The file is damaged. Raises `SpoolError` when it cannot be replaced now."""
        if self.is_under_way:
            raise SpoolError(f"the new file is damaged, too: {cause}") from cause
        log.error("spool corrupt, put aside", error=str(cause))
        try:
            aside = setting_aside.name_for(self._path, self._timekeeper.now().time_ns)
            setting_aside.move_log(self._path, aside)
        except OSError as error:  # not closed, for that would delete the log: it is found damaged again
            raise SpoolError(f"spool {self._path}: damaged, and cannot be put aside: {error.strerror}") from error
        self.go_on(aside, str(cause))

    def go_on(self, aside: Path, why: str = "it had been put aside, and not carried over to the end") -> None:
        """With what was put aside. Raises `SpoolError` when it comes to no end now."""
        self.is_under_way = True
        try:
            self._disconnect()
            setting_aside.move(self._path, aside)
            if not (self._path.exists() and self._has_all_of(aside.name)):
                self._disconnect()
                setting_aside.discard(self._path)
                told = f"{why}; the old file is kept as {setting_aside.name_after(aside).name}"
                self._carry(salvage(aside), told, aside.name)
            setting_aside.finish(self._path, aside)
        except (sqlite3.DatabaseError, SpoolError, OSError) as error:
            self._put_off(error)
            raise SpoolError(self.fault) from error
        finally:
            self.is_under_way = False
        self.fault = ""

    def check_due(self) -> None:
        """Raises `SpoolError` as long as it is not tried again."""
        if self._timekeeper.now().mono_ns < self._again_ns:
            raise SpoolError(self.fault or f"spool {self._path}: not open")

    def _put_off(self, error: Exception) -> None:
        self._disconnect()  # nothing is to be kept in what is half made
        self._again_ns = self._timekeeper.now().mono_ns + int(TRY_AGAIN_S * 1e9)
        self.fault = f"spool {self._path}: damaged, and cannot be replaced now: {error}"
        if _is_full(error):
            with contextlib.suppress(OSError):
                setting_aside.make_room(self._path)


def _is_full(error: BaseException | None) -> bool:
    if isinstance(error, sqlite3.Error):
        return code_of(error) == sqlite3.SQLITE_FULL
    if isinstance(error, OSError):
        return error.errno in {errno.ENOSPC, errno.EDQUOT}
    return error is not None and _is_full(error.__cause__)
