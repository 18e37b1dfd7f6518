"""A report in each of its forms, all from the same tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import NamedTuple

import msgspec

from hub.reports.excel import workbook
from hub.reports.figures import DayReport
from hub.reports.pdf import pdf
from hub.reports.tables import Table, heading, made, tables
from hub.web.words import Lang

TYPES = {
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
    "text": "text/plain; charset=utf-8",
}


class File(NamedTuple):
    """One form of a report."""

    name: str
    type: str
    body: bytes


def file_of(report: DayReport, form: str, lang: Lang, zone: tzinfo | None) -> File:
    """The report as a file. Raises `KeyError` for a form that there is not."""
    name = f"menshen-{report.site}-{report.day}.{'txt' if form == 'text' else form}"
    return File(name, TYPES[form], _FORMS[form](report, lang, zone))


def text_of(title: str, made_at: str, found: Sequence[Table]) -> str:
    """The tables as text: what a mail says without its attachments."""
    parts = [title, made_at]
    for table in found:
        lines = ["\t".join(map(str, row)) for row in (table.columns, *table.rows)]
        parts.append("\n".join([f"[{table.title}]", *lines, *filter(None, [table.note])]))
    return "\n\n".join(parts) + "\n"


def _pdf(report: DayReport, lang: Lang, zone: tzinfo | None) -> bytes:
    return pdf(heading(report, lang), made(report, lang, zone), tables(report, lang, zone))


def _xlsx(report: DayReport, lang: Lang, zone: tzinfo | None) -> bytes:
    return workbook(heading(report, lang), made(report, lang, zone), tables(report, lang, zone))


def _text(report: DayReport, lang: Lang, zone: tzinfo | None) -> bytes:
    return text_of(heading(report, lang), made(report, lang, zone), tables(report, lang, zone)).encode()


def _json(report: DayReport, _lang: Lang, _zone: tzinfo | None) -> bytes:
    return msgspec.json.encode(report)


_FORMS = {"pdf": _pdf, "xlsx": _xlsx, "json": _json, "text": _text}
