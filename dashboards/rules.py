"""What every board keeps beyond Grafana's own schema. Each fault is a sentence; none is what we want."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from dashboards.board import COLUMNS, Board
from dashboards.panels import Panel, Shape
from dashboards.query import Ask, Query, Rows
from dashboards.render import Setting, board_json
from dashboards.words import Text
from hub.measurements import DUTIES, ROLLUPS, ROUND_FIGURES, SCHEMA, Measurement
from hub.standings.points import STANDINGS

_MEASUREMENTS = {one.name: one for one in (*SCHEMA, *ROLLUPS, *DUTIES, *ROUND_FIGURES, *STANDINGS)}
_COMMON_TAGS = {"site", "gate", "urgency"}
_CHINESE = re.compile(r"[一-鿿]")
_STRANGE_UNITS = {""}


def faults(boards: Sequence[Board]) -> list[str]:
    """All of them."""
    uids = [board.uid(lang) for board in boards for lang in ("en", "zh")]
    found = [f"{uid}: two boards of one uid" for uid in sorted(set(uids)) if uids.count(uid) > 1]
    for board in boards:
        found += [f"{board.name}: {fault}" for fault in (*_layout(board), *_panels(board), *_languages(board))]
    return found


def _layout(board: Board) -> Iterator[str]:
    if len(board.uid("zh")) > 40:
        yield f"uid {board.uid('zh')} has more than Grafana's 40 characters"
    for row in board.rows:
        width = sum(panel.width for panel in row.panels)
        if width != COLUMNS:
            names = ", ".join(panel.title.en for panel in row.panels)
            yield f"the row of {names} is {width} wide, expected {COLUMNS}"
        if row.height < 3:
            yield f"a row is {row.height} high, expected at least 3"
    taken: set[tuple[int, int]] = set()
    for place in board.places():
        cells = {(x, y) for x in range(place.x, place.x + place.w) for y in range(place.y, place.y + place.h)}
        if taken & cells:
            yield f"{place.panel.title.en}: stands on another panel"
        taken |= cells


def _panels(board: Board) -> Iterator[str]:
    for place in board.places():
        panel = place.panel
        faults = (*_words(panel), *_queries(panel.asks, board), *_looks(panel))
        yield from (f"panel {place.number} ({panel.title.en or '?'}): {fault}" for fault in faults)
    for mark in board.marks:
        yield from (f"mark {mark.title.en}: {fault}" for fault in _queries((mark.query,), board))


def _words(panel: Panel) -> Iterator[str]:
    for what, text in (("title", panel.title), ("description", panel.about)):
        yield from _text(what, text)
    for column in panel.columns:
        yield from _text(f"column {column.name}", column.text)
    for name, look in panel.looks.items():
        yield from _text(f"series {name}", look.text)
    if panel.unit in _STRANGE_UNITS:
        yield "has no unit"


def _text(what: str, text: Text) -> Iterator[str]:
    if not text.en or not text.zh:
        yield f"{what}: has no words in one of the languages"
    elif _CHINESE.search(text.en) or not _CHINESE.search(text.zh):
        yield f"{what}: {text.en!r} and {text.zh!r} are not English and Chinese"


def _looks(panel: Panel) -> Iterator[str]:
    if (panel.shape is Shape.TABLE) != bool(panel.columns):
        yield "tables have columns, and nothing else has"
    if panel.shape is Shape.TABLE and len(panel.asks) != 1:
        yield "a table asks one thing"
    if len({column.text for column in panel.columns}) < len(panel.columns):
        yield "two columns of one heading"
    if any(isinstance(query, Rows) for query in panel.asks) and panel.shape is not Shape.TABLE:
        yield "single points are shown in tables only"
    steps = [step.at for step in panel.steps]
    if steps[:1] != [None] or steps[1:] != sorted(step for step in steps[1:] if step is not None):
        yield f"thresholds {steps}: expected None, then growing numbers"


def _queries(queries: Iterable[Query], board: Board) -> Iterator[str]:
    for query in queries:
        known = _MEASUREMENTS.get(query.source)
        if known is None:
            yield f"asks {query.source}, which nothing writes"
            continue
        yield from _names(query, known)
        strange = set(query.variables) - set(board.variables)
        if strange:
            yield f"goes by the variables {sorted(strange)}, which the board has not"


def _names(query: Query, known: Measurement) -> Iterator[str]:
    tags = {tag for tag, _ in query.where} | set(query.by if isinstance(query, Ask) else query.tags)
    unknown_tags = tags - set(known.tags) - _COMMON_TAGS
    if isinstance(query, Ask):
        fields = {name for value in query.values for name in (value.field, value.over) if name}
    else:
        fields = {*query.fields, *(name for name, _ in query.having)}
    unknown = (fields - set(known.fields)) | unknown_tags
    if unknown:
        yield f"asks {known.name} for {sorted(unknown)}, which it has not"


def _languages(board: Board) -> Iterator[str]:
    """Both languages are one board: the same panels, questions and places."""
    zh, en = (board_json(board, lang, Setting()) for lang in ("zh", "en"))
    for one, other in zip(zh["panels"], en["panels"], strict=True):
        if (one["id"], one["gridPos"], one["targets"]) != (other["id"], other["gridPos"], other["targets"]):
            yield f"panel {one['id']}: differs between the languages in more than its words"
