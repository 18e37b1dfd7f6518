"""A report as an Excel file: a sheet for each table, and every cell as it stands in the table."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from hub.reports.tables import Table

_HEAD = PatternFill("solid", fgColor="DDE3EA")
_BAD = Font(bold=True, color="A84C00")
_WIDEST = 40
_FORMULA = ("=", "+", "-", "@")


def workbook(title: str, made: str, found: Sequence[Table]) -> bytes:
    """The file. The first sheet is the first table, under the title."""
    book = Workbook()
    book.remove(book.active)
    for number, table in enumerate(found, 1):
        sheet = book.create_sheet(f"{number} {table.title}"[:31].replace("/", " ").replace(":", " "))
        sheet.append([title])
        sheet.append([table.title])
        sheet.append(list(table.columns))
        sheet["A1"].font = Font(bold=True, size=14)
        sheet["A2"].font = Font(bold=True, size=12)
        for cell in sheet[3]:
            cell.fill, cell.font, cell.alignment = _HEAD, Font(bold=True), Alignment(wrap_text=True, vertical="top")
        for at, row in enumerate(table.rows):
            _write_row(sheet, table, at, row)
        _end(sheet, table, made)
    return _bytes(book)


def _write_row(sheet: object, table: Table, at: int, row: Sequence[str | int]) -> None:
    for column, value in enumerate(row):
        cell = sheet.cell(at + 4, column + 1)  # type: ignore[attr-defined] # openpyxl has no types
        cell.value = value
        if isinstance(value, str) and value.startswith(_FORMULA):
            cell.data_type = "s"  # a name is never a formula
        if table.is_bad(at, column):
            cell.font = _BAD


def _end(sheet: object, table: Table, made: str) -> None:
    end = len(table.rows) + 4
    for text in filter(None, (table.note, made)):
        end += 1
        sheet.cell(end, 1).value = text  # type: ignore[attr-defined] # openpyxl has no types
    for column in range(len(table.columns)):
        texts = [str(row[column]) for row in table.rows] + [table.columns[column]]
        widest = max(sum(2 if ord(char) > 255 else 1 for char in text) for text in texts)
        letter = get_column_letter(column + 1)
        sheet.column_dimensions[letter].width = min(_WIDEST, widest + 3)  # type: ignore[attr-defined] # as above
    sheet.freeze_panes = "A4"  # type: ignore[attr-defined] # as above


def _bytes(book: Workbook) -> bytes:
    out = BytesIO()
    book.save(out)
    return out.getvalue()
