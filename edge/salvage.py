"""What can still be read of a corrupt spool."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from wire.errors import DecodeError
from wire.events import Urgency
from wire.messages import decode_event


class Row(NamedTuple):
    """One event of the spool's table: the numbers `seq` to `last`, when it happened, when it was stored, its bytes.

    `stored_ns` is 0 where the clock was not right. What can still be dated has the `boot` and the moment in it.
    """

    urgency: str
    seq: int
    last: int
    time_ns: int
    stored_ns: int
    body: bytes
    boot: str | None = None
    mono_ns: int | None = None


class Salvage(NamedTuple):
    """What could be read of a corrupt file; `epoch` None when not even the numbering could."""

    epoch: str | None
    session: int
    next: dict[str, int]
    marks: list[tuple[str, int]]
    rows: list[Row]


def salvage(path: Path) -> Salvage:
    """Read whatever can still be read of a corrupt spool file. Never raises."""
    try:
        db = sqlite3.connect(path, isolation_level=None)
        try:
            meta = dict(db.execute("SELECT key, value FROM meta"))
            numbers = dict(db.execute("SELECT urgency, next FROM streams"))
            marks = list(db.execute("SELECT source, position FROM marks"))
            rows = {(row.urgency, row.seq): row for urgency in Urgency for row in _readable(db, urgency)}
        finally:
            db.close()
    except sqlite3.DatabaseError:
        return Salvage(None, 0, {}, [], [])
    epoch = meta.get("epoch")
    ordered = [rows[key] for key in sorted(rows)]
    return Salvage(str(epoch) if epoch else None, int(meta.get("session") or 0), numbers, marks, ordered)


def _readable(db: sqlite3.Connection, urgency: Urgency) -> Iterator[Row]:
    """Rows from both ends up to the damaged pages; a row whose event cannot be read counts as lost."""
    for order in ("ASC", "DESC"):
        try:
            for values in db.execute(f"SELECT * FROM events WHERE urgency = ? ORDER BY seq {order}", (urgency,)):  # noqa: S608 - order is ours
                try:
                    row = Row(*values)
                    decode_event(row.body)
                except (DecodeError, TypeError):
                    continue
                yield row
        except sqlite3.DatabaseError:
            continue
