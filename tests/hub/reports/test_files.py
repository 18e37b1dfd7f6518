"""Page, PDF, Excel, text and JSON of a day hold the same figures."""

from __future__ import annotations

import re
from io import BytesIO

import msgspec
import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from hub.reports.figures import DayReport, day_report
from hub.reports.files import TYPES, file_of
from hub.reports.tables import Cell, heading, tables
from hub.web.words import LANGS
from tests.support.console import ZONE
from tests.support.reports import reports, usual

langs = st.sampled_from(LANGS)
USUAL = day_report(usual())


def cells_of(report: DayReport, lang: str) -> list[tuple[Cell, ...]]:
    return [tuple(row) for table in tables(report, lang, ZONE) for row in (table.columns, *table.rows)]


def excel_cells(body: bytes) -> list[tuple[Cell, ...]]:
    book = load_workbook(BytesIO(body))
    rows = []
    for sheet in book:
        width = sum(cell.value is not None for cell in sheet[3])
        table = [row[:width] for row in sheet.iter_rows(min_row=3, values_only=True)]
        rows += [tuple(row) for row in table if len([cell for cell in row if cell is not None]) == width]
    return rows


def pdf_text(body: bytes) -> str:
    document = pypdfium2.PdfDocument(body)
    return "".join(page.get_textpage().get_text_bounded() for page in document)


def squeezed(text: str) -> str:
    """Lines are broken where a cell is narrow: without any blanks a text is the same."""
    return re.sub(r"[\s\ufffe\u3000]+", "", text)


@settings(max_examples=25, deadline=None)
@given(reports, langs)
def test_the_excel_file_holds_every_cell_of_the_tables_and_nothing_that_is_computed(report, lang):
    body = file_of(report, "xlsx", lang, ZONE).body
    assert excel_cells(body) == cells_of(report, lang)
    assert not [
        cell for sheet in load_workbook(BytesIO(body)) for row in sheet for cell in row if cell.data_type == "f"
    ]


@settings(max_examples=10, deadline=None)
@given(reports, langs)
def test_the_pdf_holds_every_cell_of_the_tables_in_their_order(report, lang):
    text = squeezed(pdf_text(file_of(report, "pdf", lang, ZONE).body))
    for row in cells_of(report, lang):
        for cell in row:
            assert squeezed(str(cell)) in text, cell
    for table in tables(report, lang, ZONE):
        numbers = squeezed("".join(str(cell) for row in table.rows for cell in row))
        assert numbers in text or len(table.rows) > 8, table.key


@settings(max_examples=25, deadline=None)
@given(reports, langs)
def test_the_text_holds_every_cell_and_the_json_is_the_report_itself(report, lang):
    text = file_of(report, "text", lang, ZONE).body.decode()
    for row in cells_of(report, lang):
        assert "\t".join(map(str, row)) in text
    assert msgspec.json.decode(file_of(report, "json", lang, ZONE).body, type=DayReport) == report


@pytest.mark.parametrize("lang", LANGS)
def test_the_pdf_shows_chinese_and_latin_and_fits_some_pages(lang):
    body = file_of(USUAL, "pdf", lang, ZONE).body
    text = pdf_text(body)
    assert "李雷6" in text
    assert "people-thermal: no frames" in text
    assert squeezed(heading(USUAL, lang)) in squeezed(text)
    assert 2 <= len(pypdfium2.PdfDocument(body)) <= 5


def test_there_are_no_other_forms_and_names_of_files_say_what_they_are():
    names = {file_of(USUAL, form, "zh", ZONE).name for form in TYPES}
    assert names == {f"menshen-baotou-1-2020-02-10.{end}" for end in ("pdf", "xlsx", "json", "txt")}
    with pytest.raises(KeyError):
        file_of(USUAL, "docx", "zh", ZONE)
