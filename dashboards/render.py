"""A board as Grafana's classic dashboard JSON, which every version from 9 to 13 reads. Pure and deterministic."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import msgspec

from dashboards.board import DATA_SOURCE_UID, TAG, Board, Mark, Place
from dashboards.panels import IN_LANGUAGE, Column, Means, Panel, Shape, Step
from dashboards.query import Ask, Query, Var
from dashboards.shapes import custom_of, options_of
from dashboards.words import CALM, NO_DATA, UNKNOWN, Text
from hub.web.words import LANGS, Lang

SCHEMA_VERSION = 37
"""Grafana 9's: newer ones migrate it when they load it."""
SOURCE = {"type": "influxdb", "uid": DATA_SOURCE_UID}
Json = dict[str, Any]


class Setting(NamedTuple):
    """What is the plant's own: its time zone, and where its console is ("" where boards are on the console)."""

    zone: str = "Asia/Shanghai"
    console: str = ""


_VARIABLES: dict[Var, tuple[Text, str]] = {
    Var.SITE: (Text("Site", "厂区"), "SHOW TAG VALUES FROM \"site_hour\" WITH KEY = \"site\""),
    Var.GATE: (Text("Gate", "门岗"), 'SHOW TAG VALUES FROM "pulse_hour" WITH KEY = "gate"'),
    Var.TEAM: (Text("Team", "班组"), 'SHOW TAG VALUES FROM "duty_day" WITH KEY = "team"'),
}  # fmt: skip


def digest_of(board: Json) -> str:
    """Of what we write; it travels in the board (`stamped`), for Grafana may write what it was given otherwise."""
    return hashlib.sha256(text_of(board).encode()).hexdigest()[:12]


def stamped(board: Json) -> Json:
    """The board with its digest, in the hidden words of its last link."""
    *links, last = board["links"]
    return {**board, "links": [*links, {**last, "tooltip": f"Menshen {digest_of(board)}"}]}


def stamp_of(board: Json) -> str:
    """The digest that a board carries; "" where it carries none."""
    stamps = [str(link.get("tooltip", "")) for link in board.get("links") or [] if isinstance(link, dict)]
    return next((stamp.removeprefix("Menshen ") for stamp in stamps if stamp.startswith("Menshen ")), "")


def text_of(board: Json) -> str:
    """The JSON of a file: sorted, so that a change shows as what it is."""
    return msgspec.json.format(msgspec.json.encode(board, order="deterministic"), indent=1).decode() + "\n"


def board_json(board: Board, lang: Lang, setting: Setting) -> Json:
    """The whole dashboard."""
    return {
        "annotations": {"list": [_mark(mark, lang, setting) for mark in board.marks]},
        "description": board.about.of(lang),
        "editable": True,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "links": _links(board, lang, setting),
        "panels": [_panel(place, lang, setting) for place in board.places()],
        "refresh": board.refresh,
        "schemaVersion": SCHEMA_VERSION,
        "tags": [TAG, f"{TAG}-{lang}"],
        "templating": {"list": [_variable(variable, lang, board) for variable in board.variables]},
        "time": {"from": board.since, "to": "now"},
        "timepicker": {"hidden": board.wall},
        "timezone": setting.zone,
        "title": board.title.of(lang),
        "uid": board.uid(lang),
        "weekStart": "monday",
    }


def _variable(variable: Var, lang: Lang, board: Board) -> Json:
    """Several values or all; of sites only one, where a board looks at one."""
    label, query = _VARIABLES[variable]
    several = variable is not Var.SITE or board.many_sites
    everything = {"selected": True, "text": [Text("All", "全部").of(lang)], "value": ["$__all"]}
    return ({"allValue": ".*"} if several else {}) | {
        "current": everything if several else {"selected": False, "text": "", "value": ""},
        "datasource": SOURCE,
        "hide": 0,
        "includeAll": several,
        "label": label.of(lang),
        "multi": several,
        "name": variable.value,
        "options": [],
        "query": query,
        "refresh": 1,
        "regex": "",
        "skipUrlSync": False,
        "sort": 1,
        "type": "query",
    }


def _mark(mark: Mark, lang: Lang, setting: Setting) -> Json:
    """Grafana up to 9 reads the query beside the name, newer ones in `target`."""
    columns = {"query": mark.query.influxql(setting.zone), "textColumn": lang, "tagsColumn": "", "timeEndColumn": ""}
    return {
        "datasource": SOURCE,
        "enable": mark.shown,
        "hide": False,
        "iconColor": mark.colour,
        "name": mark.title.of(lang),
        **columns,
        "target": {"fromAnnotations": True, "rawQuery": True, "refId": "Mark", "textEditor": True, **columns},
    }


def _links(board: Board, lang: Lang, setting: Setting) -> list[Json]:
    common = {"asDropdown": False, "icon": "external link", "includeVars": False, "keepTime": False, "tags": [],
              "targetBlank": False, "tooltip": ""}  # fmt: skip
    boards = {**common, "includeVars": True, "tags": [f"{TAG}-{lang}"], "title": "", "type": "dashboards", "url": ""}
    other = next(other for other in LANGS if other != lang)
    name = {"en": "English", "zh": "中文"}[other]
    to_other = {
        **common,
        "includeVars": True,
        "keepTime": True,
        "title": name,
        "type": "link",
        "url": f"/d/{board.uid(other)}",
    }
    to_console = [
        {**common, "title": title.of(lang), "type": "link", "url": setting.console + path}
        for path, title in (("/alerts", Text("Alerts", "警报")), ("/cases", Text("Isolation cases", "隔离个案")))
        if setting.console
    ]
    return [boards, *to_console, to_other]


def _panel(place: Place, lang: Lang, setting: Setting) -> Json:
    panel = place.panel
    found: Json = {
        "datasource": SOURCE,
        "description": panel.about.of(lang),
        "fieldConfig": {"defaults": _defaults(panel, lang, setting), "overrides": _overrides(panel, lang, setting)},
        "gridPos": {"h": place.h, "w": place.w, "x": place.x, "y": place.y},
        "id": place.number,
        "options": options_of(panel),
        "targets": [_target(query, place_, panel, setting) for place_, query in enumerate(panel.asks)],
        "title": panel.title.of(lang),
        "transformations": _transformations(panel, lang),
        "type": panel.shape.value,
    }
    if panel.back:
        found |= {"timeFrom": panel.back, "hideTimeOverride": True}
    return found


def _target(query: Query, place: int, panel: Panel, setting: Setting) -> Json:
    table = panel.shape is Shape.TABLE
    return {
        "alias": "" if table else alias_of(query),
        "datasource": SOURCE,
        "query": query.influxql(setting.zone),
        "rawQuery": True,
        "refId": "ABCDEFGH"[place],
        "resultFormat": "table" if table else "time_series",
    }


def alias_of(query: Query) -> str:
    """What Grafana calls the series of a query: by the tags, and by the column where there are several."""
    assert isinstance(query, Ask), "single points are shown in tables and as marks only"
    names = [f"$tag_{tag}" for tag in query.by]
    return " ".join([*names, "$col"] if len(query.values) > 1 or not names else names)


def _defaults(panel: Panel, lang: Lang, setting: Setting) -> Json:
    palette = panel.shape is Shape.LINES and not panel.bands
    defaults: Json = {
        "color": {"mode": "palette-classic" if palette else "thresholds"},
        "custom": custom_of(panel),
        "links": _data_links(panel.link, panel.title, lang, setting),
        "mappings": _mappings(panel.means, lang) + ([] if panel.shape is Shape.TABLE else [_without_data(panel, lang)]),
        "noValue": (panel.nothing or NO_DATA).of(lang),
        "thresholds": _thresholds(panel.steps),
        "unit": panel.unit,
    }
    numbers = {"decimals": panel.decimals, "min": panel.lowest, "max": panel.highest}
    return defaults | {name: number for name, number in numbers.items() if number is not None}


def _thresholds(steps: tuple[Step, ...]) -> Json:
    return {"mode": "absolute", "steps": [{"color": step.colour, "value": step.at} for step in steps]}


def _mappings(means: tuple[Means, ...], lang: Lang) -> list[Json]:
    options = {
        one.value: {"color": one.colour, "index": place, "text": one.text.of(lang)} for place, one in enumerate(means)
    }
    return [{"options": options, "type": "value"}] if means else []


def _without_data(panel: Panel, lang: Lang) -> Json:
    """No data looks like no state that there is, unless the panel has its own word for it."""
    colour, text = (UNKNOWN, NO_DATA) if panel.nothing is None else (CALM, panel.nothing)
    nothing = {"color": colour, "index": len(panel.means), "text": text.of(lang)}
    return {"options": {"match": "null+nan", "result": nothing}, "type": "special"}


def _data_links(path: str, title: Text, lang: Lang, setting: Setting) -> list[Json]:
    if not path:
        return []
    return [{"targetBlank": False, "title": title.of(lang), "url": setting.console + path}]


def _overrides(panel: Panel, lang: Lang, setting: Setting) -> list[Json]:
    of_series = [
        _override(name, {"displayName": look.text.of(lang)} | _fixed(look.colour) | _points(panel, name))
        for name, look in panel.looks.items()
    ]
    return of_series + [_column(column, lang, setting) for column in panel.columns]


def _fixed(colour: str) -> Json:
    return {"color": {"fixedColor": colour, "mode": "fixed"}} if colour else {}


def _points(panel: Panel, name: str) -> Json:
    if name not in panel.points:
        return {}
    return {"custom.drawStyle": "points", "custom.pointSize": 9, "custom.showPoints": "always"}


def _column(column: Column, lang: Lang, setting: Setting) -> Json:
    """Columns are renamed before these count."""
    properties: Json = {"unit": column.unit}
    if column.steps or column.means:
        properties["custom.cellOptions"] = {"mode": "basic", "type": "color-background"}
        properties["thresholds"] = _thresholds(column.steps or (Step(None, "transparent"),))
        properties["color"] = {"mode": "thresholds"}
    if column.means or column.words:
        plain = tuple(Means(value, text, "text") for value, text in column.words.items())
        properties["mappings"] = _mappings(column.means or plain, lang)
    if column.link:
        properties["links"] = _data_links(column.link, column.text, lang, setting)
    if column.board:
        url = f"/d/menshen-{column.board}-{lang}?var-site=${{__value.raw}}"
        properties["links"] = [{"targetBlank": False, "title": column.text.of(lang), "url": url}]
    if column.width is not None:
        properties["custom.width"] = column.width
    if column.decimals is not None:
        properties["decimals"] = column.decimals
    return _override(column.text.of(lang), properties)


def _override(name: str, properties: Json) -> Json:
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key, "value": value} for key, value in sorted(properties.items())],
    }


def _transformations(panel: Panel, lang: Lang) -> list[Json]:
    if panel.shape is not Shape.TABLE:
        return []
    columns = {name_of(column, lang): column for column in panel.columns}
    names = {name for query in panel.asks for name in columns_of(query)} | {"Time"}
    options = {
        "excludeByName": dict.fromkeys(sorted(names - columns.keys()), True),
        "indexByName": {name: place for place, name in enumerate(columns)},
        "renameByName": {name: column.text.of(lang) for name, column in columns.items()},
    }
    return [{"id": "organize", "options": options}]


def name_of(column: Column, lang: Lang) -> str:
    """The name of what fills a column."""
    return lang if column.name == IN_LANGUAGE else column.name


def columns_of(query: Query) -> tuple[str, ...]:
    """The columns of a query's table, beside the time."""
    if isinstance(query, Ask):
        return (*query.by, *(value.name for value in query.values))
    return (*query.fields, *query.tags)
