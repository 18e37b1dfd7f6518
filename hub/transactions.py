"""SQLite, as the hub's files use it: whole transactions, and many rows at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Final

from wire.errors import JournalError, MenshenError

_ROWS_AT_ONCE: Final = (256, 32, 4, 1)


class Transaction:
    """`BEGIN IMMEDIATE` … `COMMIT`, or `ROLLBACK` on any error; SQLite's errors become `fault`."""

    def __init__(self, db: sqlite3.Connection, what: str, fault: type[MenshenError] = JournalError) -> None:
        self._db = db
        self._what = what
        self._fault = fault

    def __enter__(self) -> sqlite3.Connection:
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.DatabaseError as error:
            raise self._fault(f"{self._what}: {error}") from error
        return self._db

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if error is None:
                self._db.execute("COMMIT")
        except sqlite3.DatabaseError as failed:
            raise self._fault(f"{self._what}: {failed}") from failed
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        if isinstance(error, sqlite3.DatabaseError):
            raise self._fault(f"{self._what}: {error}") from error


def for_rows(db: sqlite3.Connection, head: str, rows: Sequence[tuple[object, ...]], end: str = "") -> None:
    """A statement that ends in `VALUES …` for many rows, as few statements for many rows each.

    That is half the work of one for each row, and other threads run while SQLite does it. Few sizes of statements, so
    that all of them stay prepared.
    """
    done = 0
    for most in _ROWS_AT_ONCE:
        while len(rows) - done >= most:
            group = rows[done : done + most]
            blanks = f"({', '.join('?' * len(group[0]))})"
            db.execute(f"{head}{', '.join([blanks] * most)}{end}", list(chain.from_iterable(group)))
            done += most
