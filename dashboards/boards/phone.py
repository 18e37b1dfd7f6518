"""Phone: six numbers and what is open, for whoever is away from the desk."""

from __future__ import annotations

from dataclasses import replace

from dashboards.board import Board, Row
from dashboards.boards.now import CRITICAL, FEVERS, PEOPLE, REFUSED, SILENT, WARNINGS
from dashboards.kit import open_alerts
from dashboards.panels import Panel
from dashboards.query import PLACES
from dashboards.words import Text


def _wide(*panels: Panel) -> tuple[Panel, ...]:
    return tuple(replace(panel, width=12) for panel in panels)


PHONE = Board(
    name="phone",
    title=Text("Menshen · Phone", "门神 · 手机"),
    about=Text("Six numbers and the open alerts.", "六项数字与未解除的警报。"),
    rows=(
        Row(4, _wide(CRITICAL, WARNINGS)),
        Row(4, _wide(FEVERS, SILENT)),
        Row(4, _wide(PEOPLE, REFUSED)),
        Row(10, (open_alerts(width=24),)),
    ),
    variables=PLACES,
    since="now/d",
    refresh="30s",
)
