"""What of a damaged stream goes on, and what stands in the place of the rest: pure decisions, carried out last."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from functools import partial

from edge import spool_rows as table
from edge.salvage import Found, Salvage
from edge.spool_rows import Numbers, Row
from wire.events import Urgency


def numbers_of(found: Found, urgency: Urgency) -> Numbers:
    """How far the stream is. Where its numbering was lost the rows say it: what is not among them nobody can count, and
    the hub's first word tells whether it knows of more."""
    rows = found.rows
    if found.numbers is None:
        return Numbers(urgency, rows[-1].last + 1, rows[0].seq - 1, rows[0].epoch or "")
    return found.numbers._replace(next=max(found.numbers.next, rows[-1].last + 1 if rows else 1))


def without_holes(rows: list[Row], numbers: Numbers, hole: Callable[[int, int], Row]) -> Iterator[Row]:
    """The rows behind what the hub has, with a `hole` for the numbers that are missing among them and at their end."""
    expected = numbers.low + 1
    for row in rows:
        if row.last < expected:
            continue  # the hub has it, or an older version of it stands elsewhere
        if row.seq > expected:
            yield hole(expected, row.seq - 1)
        yield row._replace(seq=max(row.seq, expected)) if row.last > row.seq else row
        expected = row.last + 1
    if expected < numbers.next:
        yield hole(expected, numbers.next - 1)


def carry(db: sqlite3.Connection, saved: Salvage, hole: Callable[[Urgency, int, int], Row]) -> None:
    """Write all of it into an empty spool; in a transaction."""
    if saved.session:
        table.set_meta(db, "session", saved.session)
    db.executemany("INSERT OR REPLACE INTO marks VALUES (?, ?)", saved.marks)
    for urgency, found in saved.streams.items():
        for run in found.runs:
            table.add_run(db, run)
        numbers = numbers_of(found, urgency)
        for row in without_holes(found.rows, numbers, partial(hole, urgency)):
            table.insert(db, row, numbers.epoch)
        table.set_numbers(db, numbers)
