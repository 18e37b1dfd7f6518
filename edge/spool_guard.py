"""Lends a connection to SQLite, in a transaction or not, and turns its errors into the spool's."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from edge import spool_rows as table
from wire.errors import SpoolError


class Guard:
    """Raises `SpoolError` for whatever SQLite raises; a file that turns out to be corrupt is replaced at once, and the
    caller's work fails and may be tried again."""

    def __init__(
        self,
        connection: Callable[[], sqlite3.Connection | None],
        what: str,
        replace: Callable[[sqlite3.DatabaseError], None],
        *,
        begin: bool,
    ) -> None:
        self._connection = connection
        self._what = what
        self._replace = replace
        self._begin = begin
        self._lent: sqlite3.Connection | None = None

    def __enter__(self) -> sqlite3.Connection:
        db = self._lent = self._connection()
        if db is None:
            raise SpoolError(f"{self._what}: not open")
        if self._begin:
            try:
                db.execute("BEGIN IMMEDIATE")
            except sqlite3.DatabaseError as error:
                raise self._translate(error) from error
        return db

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        db = self._lent
        assert db is not None
        try:
            if self._begin and db.in_transaction:
                db.execute("ROLLBACK" if error else "COMMIT")
        except sqlite3.DatabaseError as failed:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise self._translate(failed) from failed
        if isinstance(error, sqlite3.DatabaseError):
            raise self._translate(error) from error

    def _translate(self, error: sqlite3.DatabaseError) -> SpoolError:
        if table.code_of(error) in table.BROKEN:
            self._replace(error)
        return SpoolError(f"{self._what}: {error}")
