"""Tables in files, Excel (.xlsx) and CSV: bytes in, rows of cells out, and back. What people and programs do to such
files is bounded (size, rows, columns) and answered in words.

A text that a spreadsheet would take for a formula (`=`, `+`, `-`, `@`) is written with an apostrophe before it, and
read without it (OWASP, CSV injection).
"""

from __future__ import annotations

import csv
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO, StringIO
from itertools import islice
from typing import Any, NamedTuple
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile, ZipFile

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils.exceptions import InvalidFileException

from hub.registry.fields import Cell, Fault, Kind, Unfit

_Page = Any
"""A sheet of openpyxl, which is not typed."""
MAX_BYTES = 10 * 2**20
MAX_UNPACKED_BYTES = 100 * 2**20
MAX_BESIDE_BYTES = 32 * 2**20
"""Of everything but the rows: texts and styles are held in memory, rows are read one by one."""
MAX_PARTS = 500
MAX_ROWS = 60_000
MAX_COLUMNS = 60
HEADER_WITHIN = 20
"""Rows, for titles and remarks above the header."""
_BROKEN = (
    ArithmeticError, AttributeError, BadZipFile, EOFError, InvalidFileException, LookupError, NotImplementedError,
    OSError, ParseError, RecursionError, RuntimeError, TypeError, ValueError, zlib.error,
)  # fmt: skip
"""What openpyxl lets through when a file is no workbook."""
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_GUARDED = re.compile(r"'+[=+\-@\t\r]")
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]{0,200}?ref=\"([A-Z]{1,3}\d{1,7}):[A-Z]{1,3}(\d{1,7})\"")


class Row(NamedTuple):
    """One row, by the number that the spreadsheet shows."""

    number: int
    cells: Sequence[Cell]
    column: str = ""
    """Where it is one cell of a row alone: which."""


class Sheet(NamedTuple):
    """The table in a file: where each field stands, headers that say nothing to us, and the rows that hold anything."""

    columns: dict[str, int]
    ignored: tuple[str, ...]
    rows: list[Row]


Rows = Iterator[Row]
Reader = Callable[[Rows], Sheet]
"""What a table's rows are. Raises `Unfit`."""


def read(data: bytes, kind: Kind) -> Sheet:
    """The table of people or vehicles in a file. Raises `Unfit`."""
    return read_by(data, lambda rows: table_of(rows, kind))


def read_by(data: bytes, reader: Reader) -> Sheet:
    """The table in a file, read as somebody else reads rows. Raises `Unfit`."""
    if len(data) > MAX_BYTES:
        raise _unfit("file-large", found=f"{len(data) / 2**20:.0f}", most=f"{MAX_BYTES // 2**20}")
    if data.startswith(b"PK"):
        return _read_excel(data, reader)
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise _unfit("file-old-excel")
    return reader(_rows_of_csv(data))


def write_csv(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A CSV file; the mark at its start tells Excel that it is UTF-8."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(headers)
    writer.writerows([_guarded(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def write_excel(title: str, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """An Excel file of one sheet; every cell is text, so that numbers keep their zeros."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    sheet.freeze_panes = "A2"
    for column in range(len(headers)):
        sheet.column_dimensions[chr(ord("A") + column)].width = 16
    sheet.append([_header(sheet, header) for header in headers])
    for row in rows:
        sheet.append([_guarded(cell) for cell in row])
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def _header(sheet: _Page, header: str) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, header)
    cell.font = Font(bold=True)
    return cell


def _guarded(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def _unguarded(cell: Cell) -> Cell:
    return cell[1:] if isinstance(cell, str) and _GUARDED.match(cell) else cell


def _unfit(key: str, **values: str) -> Unfit:
    return Unfit([Fault("", key, values)])


def _read_excel(data: bytes, reader: Reader) -> Sheet:
    try:
        _check_size(data)
        book = load_workbook(BytesIO(data), read_only=True, data_only=True)
        sheets = list(book.worksheets)
    except _BROKEN as error:
        raise _unfit("file-broken") from error
    wrong = None
    for sheet in sheets[:10]:
        try:
            found = reader(_rows_of_sheet(sheet))
        except Unfit as error:
            wrong = wrong or error
            if any(fault.key != "file-header" for fault in error.faults):
                raise
        else:
            _check_merged(data, sheet, found)
            return found
    raise wrong or _unfit("file-broken")


def _check_size(data: bytes) -> None:
    """Before anything is unpacked: a zip archive of a few bytes can hold gigabytes.

    `ZipFile` never gives more of a part than its declared size, so the declared sizes bound what is unpacked.
    """
    with ZipFile(BytesIO(data)) as archive:
        parts = archive.infolist()
    unpacked = sum(part.file_size for part in parts)
    beside = sum(part.file_size for part in parts if not part.filename.startswith("xl/worksheets/"))
    for found, most in ((unpacked, MAX_UNPACKED_BYTES), (beside, MAX_BESIDE_BYTES)):
        if len(parts) > MAX_PARTS or found > most:
            raise _unfit("file-unpacked", found=f"{found / 2**20:.0f}", most=f"{most // 2**20}")


def _rows_of_sheet(sheet: _Page) -> Iterator[Row]:
    """Rows of a workbook that may turn out broken on the way."""
    most = MAX_ROWS + HEADER_WITHIN + 1
    try:
        for number, cells in enumerate(sheet.iter_rows(max_row=most, max_col=MAX_COLUMNS, values_only=True), 1):
            yield Row(number, cells)
    except _BROKEN as error:
        raise _unfit("file-broken") from error


def _check_merged(data: bytes, sheet: _Page, found: Sheet) -> None:
    """Of merged cells only the first holds the value: the others would read as empty, and so take away."""
    first = found.rows[0].number if found.rows else 0
    try:
        with ZipFile(BytesIO(data)) as archive:
            xml = archive.read(sheet._worksheet_path)
    except _BROKEN as error:
        raise _unfit("file-broken") from error
    merged = [start.decode() for start, end in _MERGED.findall(xml) if int(end) >= first]
    if merged and found.rows:
        raise _unfit("file-merged", found=", ".join(merged[:5]))


def _rows_of_csv(data: bytes) -> Iterator[Row]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode("gb18030")  # as Excel saves CSV in China
        except UnicodeDecodeError as error:
            raise _unfit("file-unreadable") from error
    if "\0" in text:
        raise _unfit("file-unreadable")
    start = text[:4000]
    delimiter = max(",;\t", key=start.count)
    try:
        for number, cells in enumerate(csv.reader(StringIO(text), delimiter=delimiter), 1):
            yield Row(number, cells)
    except csv.Error as error:
        raise _unfit("file-unreadable") from error


def table_of(rows: Rows, kind: Kind) -> Sheet:
    """The table of a kind of record: one record a row, below a header. Raises `Unfit`."""
    header, columns = None, {}
    for row in islice(rows, HEADER_WITHIN):
        found = kind.columns([str(cell or "")[:60] for cell in row.cells])
        if kind.key in found and len(found) > 1:
            header, columns = row, found
            break
    if header is None:
        names = [field for field in kind.fields if field.required] + list(kind.fields[1:5])
        expected = ", ".join(dict.fromkeys(f"{field.zh}/{field.en}" for field in names))
        raise _unfit("file-header", expected=expected)
    used = set(columns.values())
    named = [(n, str(cell)[:40]) for n, cell in enumerate(header.cells) if cell not in {None, ""}]
    ignored = tuple(name for n, name in named if n not in used)
    return Sheet(columns, ignored, _filled(rows, used))


def _filled(rows: Iterator[Row], used: set[int]) -> list[Row]:
    filled = []
    for number, cells, _ in rows:
        kept = [_unguarded(cell) if n in used else None for n, cell in enumerate(cells[:MAX_COLUMNS])]
        if any(cell is not None and str(cell).strip() for cell in kept):
            filled.append(Row(number, kept))
        if len(filled) > MAX_ROWS:
            raise _unfit("file-rows", most=str(MAX_ROWS))
    return filled
