"""Bytes that are wrong in a gate's spool while the gate is down, and what they truly destroyed.

An event counts as destroyed only when no copy of its row is whole any more in the files, byte by byte, found without
any help of SQLite's or the product's: what is still there must be saved.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import NamedTuple

_PAGE = 4096
_BEFORE, _AFTER = 44, 84
"""A row's bytes around its event's: its header and the columns before, and those behind."""
_PARTS = ("spool.db", "spool.db-wal")


class Kept(NamedTuple):
    """One row of a spool: numbers of its stream, and the event's bytes."""

    urgency: str
    seq: int
    last: int
    body: bytes


def rows(folder: Path) -> list[Kept]:
    """What a spool holds whose gate is down; the files themselves are left alone."""
    with tempfile.TemporaryDirectory(prefix="menshen-chaos-") as copy:
        for part in _PARTS:
            if (folder / part).exists():
                shutil.copy(folder / part, copy)
        with sqlite3.connect(Path(copy) / "spool.db") as db:
            try:
                found = db.execute("SELECT urgency, seq, last, body FROM events ORDER BY urgency, seq").fetchall()
            except sqlite3.OperationalError:
                found = []  # the gate was killed before it had made the table
    return [Kept(*row) for row in found]


def corrupt(folder: Path, draw: random.Random, wounds: int = 1) -> tuple[str, list[Kept]]:
    """Do damage; what, and the rows that it destroyed."""
    there = rows(folder)
    before = {part: (folder / part).read_bytes() for part in _PARTS if (folder / part).exists()}
    after = {part: bytearray(data) for part, data in before.items()}
    told = [_wound(after, draw) for _ in range(wounds)]
    for part, data in after.items():
        with (folder / part).open("r+b") as file:  # in place: the disk may be full
            file.write(data)
            file.truncate()
    return ", ".join(told), [row for row in there if not _is_whole(row.body, before, after)]


def _wound(files: dict[str, bytearray], draw: random.Random) -> str:
    part = draw.choice([name for name, data in files.items() if data] or [""])
    if not part:
        return "nothing to corrupt"
    data, how = files[part], draw.choice(["bits", "bits", "bytes", "page", "end"])
    match how:
        case "bits":
            for _ in range(draw.randint(1, 4)):
                data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        case "bytes":
            start = draw.randrange(len(data))
            count = min(draw.randint(8, 256), len(data) - start)
            data[start : start + count] = draw.randbytes(count)
        case "page":
            start = draw.randrange(max(1, len(data) // _PAGE)) * _PAGE
            count = min(_PAGE, len(data) - start)
            data[start : start + count] = draw.randbytes(count)
        case _ if part == _PARTS[0]:
            del data[len(data) - min(draw.randint(1, 2 * _PAGE), len(data) - 1) :]
        case _:
            return "nothing"  # a log that ends earlier is what a power cut leaves, as long as it is not trusted
    return f"{how} in {part}"


def _is_whole(body: bytes, before: dict[str, bytes], after: dict[str, bytearray]) -> bool:
    for part, data in before.items():
        start = data.find(body)
        while start >= 0:
            around = slice(max(0, start - _BEFORE), start + len(body) + _AFTER)
            if data[around] == after[part][around]:
                return True
            start = data.find(body, start + 1)
    return False
