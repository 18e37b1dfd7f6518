"""A report as a PDF on A4, with its own Chinese font: it prints the same everywhere, without a network.

The Chinese font has no Latin letters, the Latin one no Chinese: each run of text is set in the one that has it.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import KeepTogether, LongTable, Paragraph, SimpleDocTemplate, TableStyle
from reportlab.platypus import Table as PlainTable

from hub.reports.tables import Table

FONT = Path(__file__).parent / "fonts" / "DroidSansFallbackFull.ttf"
"""Droid Sans Fallback, Google, Apache License 2.0."""
_CHINESE, _LATIN, _LATIN_BOLD = "menshen-zh", "Helvetica", "Helvetica-Bold"
_MARGIN = 14 * mm
_WIDE_COLUMNS = 8
_NARROW_COLUMNS = 2
_ABREAST = 3
_TOGETHER = 16
_INK, _LINE, _SHADE, _BAD = colors.HexColor("#262626"), colors.HexColor("#b8b8b4"), "#eef1f4", "#a84c00"


def pdf(title: str, made: str, found: Sequence[Table]) -> bytes:
    """The file."""
    _register()
    out = BytesIO()
    document = SimpleDocTemplate(
        out, pagesize=landscape(A4), leftMargin=_MARGIN, rightMargin=_MARGIN, topMargin=_MARGIN, bottomMargin=_MARGIN,
        title=title, author="Menshen", lang="zh-CN",
    )  # fmt: skip
    story: list[Any] = [_paragraph(title, 15, _Place(after=4), bold=True), _paragraph(made, 8)]
    for narrow, some in itertools.groupby(found, key=lambda table: len(table.columns) <= _NARROW_COLUMNS):
        story += (_beside if narrow else _under)(list(some), document.width)
    document.build(story, onFirstPage=_numbered(title), onLaterPages=_numbered(title))
    return out.getvalue()


def _under(found: list[Table], width: float) -> list[Any]:
    story: list[Any] = []
    for table in found:
        drawn = _drawn(table, width)
        story += [KeepTogether(drawn)] if len(table.rows) <= _TOGETHER else drawn
    return story


def _beside(found: list[Table], width: float) -> list[Any]:
    """Tables of two columns, three in a row."""
    rows = [found[begin : begin + _ABREAST] for begin in range(0, len(found), _ABREAST)]
    column = width / _ABREAST
    cells = [[_drawn(table, column - 8 * mm) for table in row] + [[]] * (_ABREAST - len(row)) for row in rows]
    grid = PlainTable(cells, colWidths=[column] * _ABREAST, hAlign="LEFT", spaceBefore=9)
    flush = [("LEFTPADDING", (0, 0), (-1, -1), 0), ("VALIGN", (0, 0), (-1, -1), "TOP")]
    grid.setStyle(TableStyle([*flush, ("TOPPADDING", (0, 0), (-1, -1), 0), ("BOTTOMPADDING", (0, 0), (-1, -1), 2)]))
    return [grid]


def _drawn(table: Table, width: float) -> list[Any]:
    head = _paragraph(table.title, 11, _Place(before=9, after=3), bold=True)
    wide = len(table.columns) >= _WIDE_COLUMNS
    size = 7.5 if wide else 9
    figures = _figures(table)
    heads = zip(table.columns, figures, strict=True)
    cells = [[_paragraph(name, size, _Place(right=figure), bold=True) for name, figure in heads]]
    for at, row in enumerate(table.rows):
        cells.append([_cell(table, at, column, size) for column in range(len(row))])
    drawn = LongTable(cells, repeatRows=1, hAlign="LEFT", colWidths=_widths(table, width))
    drawn.setStyle(
        TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE),
                ("BACKGROUND", (0, 0), (-1, 0), _SHADE),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
                ("LEFTPADDING", (0, 0), (-1, -1), 3),
                ("RIGHTPADDING", (0, 0), (-1, -1), 3),
            ]
        )
    )
    note = [_paragraph(table.note, 8.5, _Place(before=2))] if table.note else []
    return [head, drawn, *note]


def _cell(table: Table, at: int, column: int, size: float) -> Paragraph:
    value = table.rows[at][column]
    bad = table.is_bad(at, column)
    return _paragraph(str(value), size, _Place(right=isinstance(value, int)), bold=bad, colour=_BAD if bad else "")


def _widths(table: Table, width: float) -> list[float]:
    """Figures have narrow columns, words what is left; a table of few columns does not fill the page."""
    columns, is_figure = len(table.columns), _figures(table)
    narrow = 48.0 if columns >= _WIDE_COLUMNS else 62.0
    words = columns - sum(is_figure)
    if not words:
        return [width / columns] * columns
    left = (min(width, 190.0 * words + narrow * sum(is_figure)) - narrow * sum(is_figure)) / words
    return [narrow if figure else left for figure in is_figure]


def _figures(table: Table) -> list[bool]:
    """Which columns hold figures alone."""
    return [all(isinstance(row[column], int) for row in table.rows) for column in range(len(table.columns))]


class _Place(NamedTuple):
    """Where a paragraph stands: aligned to the right, and the space around it."""

    right: bool = False
    before: float = 0
    after: float = 0


def _paragraph(text: str, size: float, at: _Place = _Place(), *, bold: bool = False, colour: str = "") -> Paragraph:  # noqa: B008
    """Text as it is set: Chinese breaks anywhere, other words do not."""
    marked = _marked(text, bold=bold)
    shown = f'<font color="{colour}">{marked}</font>' if colour else marked
    return Paragraph(shown, _style(size, at, is_chinese=any(ord(char) in _known() for char in text)))


def _style(size: float, at: _Place, *, is_chinese: bool) -> ParagraphStyle:
    return ParagraphStyle(
        "menshen", fontName=_CHINESE, fontSize=size, leading=size * 1.35, textColor=_INK,
        wordWrap="CJK" if is_chinese else None, alignment=TA_RIGHT if at.right else 0, spaceBefore=at.before,
        spaceAfter=at.after,
    )  # fmt: skip


def _marked(text: str, *, bold: bool = False) -> str:
    """The text with the font of each run; what neither font has is shown as missing."""
    latin = _LATIN_BOLD if bold else _LATIN
    runs = []
    for is_chinese, run in itertools.groupby(text, key=lambda char: ord(char) in _known()):
        found = "".join(run)
        if is_chinese:
            runs.append(escape(found))
        else:
            shown = found.encode("cp1252", "replace").decode("cp1252")
            runs.append(f'<font name="{latin}">{escape(shown)}</font>')
    return "".join(runs)


@functools.cache
def _known() -> frozenset[int]:
    """What the Chinese font has, but for what the Latin one sets better."""
    _register()
    face = pdfmetrics.getFont(_CHINESE).face
    return frozenset(code for code in face.charToGlyph if code > 255 or code == 32) - {32}


@functools.cache
def _register() -> None:
    pdfmetrics.registerFont(TTFont(_CHINESE, str(FONT)))


def _numbered(title: str) -> Any:  # noqa: ANN401 - reportlab's call-back
    def draw(canvas: Any, document: Any) -> None:  # noqa: ANN401 - reportlab has no types
        foot = _paragraph(f"{title} · {document.page}", 7.5, _Place(right=True))
        foot.wrapOn(canvas, document.width, 10 * mm)
        foot.drawOn(canvas, document.leftMargin, 6 * mm)

    return draw
