"""What each shape of panel is told beside its data: Grafana's `options` and `fieldConfig.defaults.custom`."""

from __future__ import annotations

from typing import Any

from dashboards.panels import Draw, Panel, Shape
from dashboards.query import Ask

Json = dict[str, Any]


def options_of(panel: Panel) -> Json:
    """`options` of a panel."""
    match panel.shape:
        case Shape.STAT:
            several = any(isinstance(query, Ask) and query.by for query in panel.asks)
            return {
                "colorMode": "background",
                "graphMode": "none",
                "justifyMode": "center",
                "orientation": "auto",
                "reduceOptions": _LAST,
                "textMode": "value_and_name" if several else "value",
            }
        case Shape.BARS:
            return {
                "displayMode": "basic",
                "minVizHeight": 10,
                "minVizWidth": 0,
                "orientation": "horizontal",
                "reduceOptions": _LAST,
                "showUnfilled": True,
                "valueMode": "text",
            }
        case Shape.TABLE:
            return {"cellHeight": "md", "showHeader": True}
        case Shape.TIMELINE | Shape.HISTORY:
            common = {"legend": _legend(shown=False), "rowHeight": 0.85, "showValue": "auto", "tooltip": _TOOLTIP}
            own = {"alignValue": "left", "mergeValues": True} if panel.shape is Shape.TIMELINE else {"colWidth": 0.95}
            return common | own
        case Shape.HEATMAP:
            return _HEATMAP
        case _:
            return {"legend": _legend(shown=True), "tooltip": _TOOLTIP}


def custom_of(panel: Panel) -> Json:
    """`fieldConfig.defaults.custom` of a panel."""
    match panel.shape:
        case Shape.LINES:
            return _lines(panel)
        case Shape.TIMELINE | Shape.HISTORY:
            return {"fillOpacity": 90, "lineWidth": 0}
        case Shape.TABLE:
            return {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": False, "inspect": False}
        case _:
            return {}


def _lines(panel: Panel) -> Json:
    bars = panel.draw is Draw.BARS
    return {
        "axisPlacement": "auto",
        "barAlignment": 1,
        "barWidthFactor": 0.8,
        "drawStyle": panel.draw.value,
        "fillOpacity": 85 if bars else 0,
        "lineWidth": 0 if bars else 2,
        "pointSize": 9 if panel.draw is Draw.POINTS else 5,
        "showPoints": "always" if panel.draw is Draw.POINTS else "never" if bars else "auto",
        "spanNulls": False,
        "stacking": {"group": "A", "mode": "normal" if panel.stacked else "none"},
        "thresholdsStyle": {"mode": "dashed+area" if panel.bands else "off"},
    } | ({"axisSoftMin": 0} if bars else {"lineInterpolation": "linear"})


def _legend(*, shown: bool) -> Json:
    return {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": shown}


_LAST: Json = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_TOOLTIP: Json = {"mode": "multi", "sort": "desc"}
_HEATMAP: Json = {
    "calculate": False,
    "cellGap": 1,
    "color": {
        "exponent": 0.5,
        "fill": "#d58a2d",
        "mode": "opacity",
        "reverse": False,
        "scale": "exponential",
        "scheme": "Oranges",
        "steps": 64,
    },
    "exemplars": {"color": "rgba(255,255,255,0.7)"},
    "filterValues": {"le": 1e-9},
    "legend": {"show": True},
    "rowsFrame": {"layout": "ge"},
    "showValue": "never",
    "tooltip": {"mode": "single", "showColorScale": True, "yHistogram": False},
    "yAxis": {"axisPlacement": "left", "reverse": False, "unit": "celsius"},
}
