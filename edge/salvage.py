"""What can still be read of a corrupt spool: row by row from its bytes, whatever became of the pages around them.

Each row carries a checksum over all that it says (`edge.spool_rows`), so what is found anywhere in the file, or in its
write-ahead log, is either a row as it was written or no row. SQLite itself would give up all of a page, often all of a
table, for one wrong bit, and everything in the log from the first wrong frame on, without a word.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from edge.spool_rows import Numbers, Row, Run
from wire.events import Urgency

PAGE = 4096
_WAL_HEADER, _FRAME_HEADER = 32, 24
_STREAM = re.compile(rb"urgent|routine")
"""The first column of every table that matters."""
_HEADERS = range(5, 24)
"""Bytes of a record's header."""
_INTEGERS = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 8: 0, 9: 0}
_STALE = 2**20
"""The first half of a log's salt grows by one with each round; an older one is at most so far behind."""

Value = str | bytes | int | None


class Found(NamedTuple):
    """What could be read of one stream, all of one epoch; with neither `numbers` nor rows there is none."""

    numbers: Numbers | None
    rows: list[Row]
    runs: list[Run]


class Salvage(NamedTuple):
    """What could be read of a corrupt file; of a stream that is missing not even whose numbers they are."""

    session: int
    marks: list[tuple[str, int]]
    streams: dict[Urgency, Found]


class _Image(NamedTuple):
    """One version of a page."""

    number: int
    data: bytes


def salvage(path: Path) -> Salvage:
    """Everything that is still whole in a spool's file and its log. Never raises."""
    images = list(_images(path))
    pages = {image.number: image.data for image in reversed(images)}  # the newest version of each stays
    numbers: list[Numbers] = []
    rows: list[Row] = []
    runs: list[Run] = []
    for image in images:
        for values in _records(image.data, pages):
            rows += filter(None, [Row.read(values)])
            numbers += filter(None, [Numbers.read(values)])
            runs += filter(None, [Run.read(values)])
    session, marks = _asked(path)
    found = {urgency: _stream(urgency, numbers, rows, runs) for urgency in Urgency}
    return Salvage(session, marks, {urgency: one for urgency, one in found.items() if one.numbers or one.rows})


def _stream(urgency: Urgency, numbers: list[Numbers], rows: list[Row], runs: list[Run]) -> Found:
    """Of everything, the newest first, what belongs to one stream in its newest epoch."""
    told = [one for one in numbers if one.urgency == urgency]
    mine = [row for row in rows if row.urgency == urgency]
    if not told and not mine:
        return Found(None, [], [])
    epoch = told[0].epoch if told else mine[0].epoch
    return Found(
        _newest([one for one in told if one.epoch == epoch]),
        _each_once([row for row in mine if row.epoch == epoch]),
        _each_first([run for run in runs if run.urgency == urgency and run.epoch == epoch]),
    )


def _asked(path: Path) -> tuple[int, list[tuple[str, int]]]:
    """Session and marks, as far as SQLite can still read them."""
    session, marks = 0, []
    with contextlib.suppress(sqlite3.DatabaseError, ValueError, TypeError):
        db = sqlite3.connect(f"file:{path}?immutable=1", uri=True)
        try:
            marks = [(str(source), int(position)) for source, position in db.execute("SELECT * FROM marks")]
            session = int(dict(db.execute("SELECT key, value FROM meta")).get("session") or 0)
        finally:
            db.close()
    return session, marks


def _newest(numbers: list[Numbers]) -> Numbers | None:
    """Both only grow within an epoch."""
    if not numbers:
        return None
    return numbers[0]._replace(next=max(one.next for one in numbers), low=max(one.low for one in numbers))


def _each_once(rows: list[Row]) -> list[Row]:
    """In order; of several versions of a row, the newest, which comes first."""
    found: dict[int, Row] = {}
    for row in rows:
        found.setdefault(row.seq, row)
    return [found[seq] for seq in sorted(found)]


def _each_first(runs: list[Run]) -> list[Run]:
    found: dict[int, Run] = {}
    for run in runs:
        found.setdefault(run.first, run)
    return [found[first] for first in sorted(found)]


def _images(path: Path) -> Iterator[_Image]:
    """All versions of all pages, the newest first: what is in the log, the file, and what the log had before."""
    main, log = _bytes(path), _bytes(path.with_name(path.name + "-wal"))
    frames = [log[at : at + _FRAME_HEADER + PAGE] for at in range(_WAL_HEADER, len(log), _FRAME_HEADER + PAGE)]
    salt = log[16:24] if any(frame[8:16] == log[16:24] for frame in frames) else frames[0][8:16] if frames else b""
    fresh = [frame for frame in frames if frame[8:16] == salt]
    stale = [frame for frame in frames if frame[8:16] != salt]
    for frame in reversed(fresh):
        yield _framed(frame)
    for at in range(0, len(main), PAGE):
        yield _Image(at // PAGE + 1, main[at : at + PAGE])
    for frame in reversed(stale):
        yield _framed(frame)


def _framed(frame: bytes) -> _Image:
    return _Image(int.from_bytes(frame[:4], "big"), frame[_FRAME_HEADER:])


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _records(page: bytes, pages: dict[int, bytes]) -> Iterator[list[Value]]:
    """Whatever has the form of a record whose first column is a stream (SQLite's file format, section 2.1)."""
    for match in _STREAM.finditer(page):
        for size in _HEADERS:
            start = match.start() - size
            if start >= 0 and page[start] == size:
                values = _record(page, start, size, pages)
                if values and values[0] == match.group().decode():
                    yield values


def _record(page: bytes, start: int, size: int, pages: dict[int, bytes]) -> list[Value] | None:
    kinds = _varints(page[start + 1 : start + size])
    if kinds is None or any(_length(kind) < 0 for kind in kinds):
        return None
    total = size + sum(_length(kind) for kind in kinds)
    payload = _payload(page, start, total, pages)
    if len(payload) < total:
        return None
    values: list[Value] = []
    at = size
    for kind in kinds:
        data = payload[at : at + _length(kind)]
        at += len(data)
        try:
            values.append(_value(kind, data))
        except UnicodeDecodeError:
            return None
    return values


def _payload(page: bytes, start: int, total: int, pages: dict[int, bytes]) -> bytes:
    """A record's bytes, those on overflow pages included (section 1.6, "Cell payload", of an index)."""
    most, least = (PAGE - 12) * 64 // 255 - 23, (PAGE - 12) * 32 // 255 - 23
    if total <= most:
        return page[start : start + total]
    local = least + (total - least) % (PAGE - 4)
    local = local if local <= most else least
    payload, following = page[start : start + local], page[start + local : start + local + 4]
    for _ in range(total // (PAGE - 4) + 1):
        over = pages.get(int.from_bytes(following, "big"), b"")
        payload, following = payload + over[4:], over[:4]
    return payload[:total]


def _varints(data: bytes) -> list[int] | None:
    found, value, count = [], 0, 0
    for byte in data:
        value, count = value << 7 | byte & 0x7F, count + 1
        if count > 4:
            return None  # no record of ours is so large
        if not byte & 0x80:
            found.append(value)
            value, count = 0, 0
    return None if count else found


def _length(kind: int) -> int:
    """Of a value of that serial type; -1 for what the spool never writes."""
    return (kind - 12) // 2 if kind >= 12 else _INTEGERS.get(kind, -1)


def _value(kind: int, data: bytes) -> Value:
    if kind == 0:
        return None
    if kind in (8, 9):
        return kind - 8
    if kind < 12:
        return int.from_bytes(data, "big", signed=True)
    return data.decode() if kind % 2 else data


def size(path: Path) -> int:
    """Of the file and its log, in bytes."""
    return sum(part.stat().st_size for part in (path, path.with_name(path.name + "-wal")) if part.exists())


def damage(path: Path) -> str:
    """What is wrong with a spool's file that SQLite would not say, empty when nothing."""
    if is_cut(path):
        return "the write-ahead log is damaged"
    if size(path) and not (path.exists() and path.stat().st_size >= PAGE):
        return "the file is cut off"  # SQLite would take it for a new one, and delete the log
    return ""


def is_cut(path: Path) -> bool:
    """Whether the write-ahead log of a spool has a damaged frame before which SQLite would stop reading, although
    something was committed there. A frame that a power cut left unfinished at the end is no damage."""
    log = _bytes(path.with_name(path.name + "-wal"))
    if len(log) < _WAL_HEADER + _FRAME_HEADER + PAGE:
        return False
    order = ">" if log[3] & 1 else "<"
    salt, sums = log[16:24], _checksum(log[:24], (0, 0), order)
    if sums != struct.unpack(">II", log[24:32]):
        return True
    for at in range(_WAL_HEADER, len(log) - _FRAME_HEADER - PAGE + 1, _FRAME_HEADER + PAGE):
        frame = log[at : at + _FRAME_HEADER + PAGE]
        sums = _checksum(frame[_FRAME_HEADER:], _checksum(frame[:8], sums, order), order)
        if frame[8:16] != salt or sums != struct.unpack(">II", frame[16:24]):
            return _is_damage(log[at:], salt)
    return False


def _is_damage(rest: bytes, salt: bytes) -> bool:
    """Of the log from its first bad frame on: whether it is more than what an earlier round, or a transaction that was
    never committed, left behind."""
    first = int.from_bytes(rest[8:12], "big")
    behind = (int.from_bytes(salt[:4], "big") - first) % 2**32
    if rest[8:16] != salt and not (rest[8:12] == salt[:4] or rest[12:16] == salt[4:]) and not 0 < behind <= _STALE:
        return True  # no frame at all
    return any(
        (rest[at + 8 : at + 12] == salt[:4] or rest[at + 12 : at + 16] == salt[4:])
        and rest[at + 4 : at + 8] != bytes(4)
        for at in range(0, len(rest) - _FRAME_HEADER - PAGE + 1, _FRAME_HEADER + PAGE)
    )


def _checksum(data: bytes, sums: tuple[int, int], order: str) -> tuple[int, int]:
    """The log's own checksum (section 4.2)."""
    first, second = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for one, two in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + two + first) & 0xFFFFFFFF
    return first, second
