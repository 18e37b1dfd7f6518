"""The judge's plots, as SVG whose text stays text."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from sim.judge.events import Matched, lateness_s
from sim.judge.findings import Finding
from sim.judge.words import Lang, say
from sim.truth import LIMIT_C, PersonTruth
from wire.events import PersonPassage

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE = (7.2, 2.9)
_COLOURS = {"allow": "#8aa0b6", "remeasure": "#d9a441", "deny": "#9a0f14"}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "menshen",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_HOUR_NS, _DAY_NS = 3600 * 10**9, 86_400 * 10**9
_CHINA_NS = 8 * _HOUR_NS
"""China's time before UTC."""
_HOURLY_DAYS = 4


def draw(
    truths: Sequence[PersonTruth], matched: Sequence[Matched], findings: Sequence[Finding], lang: Lang
) -> dict[str, str]:
    """Each plot by its name in `words`; those for which there is nothing to show are left out."""
    passages = [pair.row.event for pair in matched if isinstance(pair.row.event, PersonPassage)]
    with mpl.rc_context(_STYLE):
        plots = {"plot.people": _people(truths, passages, lang), "plot.temperature": _skin(truths, passages, lang)}
        took_s = [took for pair in matched if (took := lateness_s(pair)) is not None]
        if took_s:
            plots["plot.late"] = _late(took_s, lang)
        if findings:
            plots["plot.where"] = _where(findings, lang)
        return {name: _svg(figure) for name, figure in plots.items()}


def _people(truths: Sequence[PersonTruth], passages: Sequence[PersonPassage], lang: Lang) -> Figure:
    """By the hour, or by the day when there are many."""
    figure, axes = _axes()
    true = [truth.time_ns for truth in truths if truth.seen]
    first, last = min(true, default=0), max(true, default=0) + 1
    step_ns = _HOUR_NS if last - first <= _HOURLY_DAYS * _DAY_NS else _DAY_NS
    first -= (first + _CHINA_NS) % step_ns
    edges = np.arange(first, last + step_ns, step_ns)
    days, width = (edges[:-1] - edges[0]) / _DAY_NS, step_ns / _DAY_NS
    floor = np.zeros(len(days))
    for outcome, colour in _COLOURS.items():
        height, _ = np.histogram([passage.time_ns for passage in passages if passage.outcome == outcome], bins=edges)
        axes.bar(days, height, width * 0.94, bottom=floor, color=colour, label=say(outcome, lang), align="edge")
        floor = floor + height
    count, _ = np.histogram(true, bins=edges)
    axes.stairs(count, [*days, days[-1] + width], color="black", lw=0.8, label=say("truth", lang))
    axes.set_xlabel(say("days", lang))
    axes.set_ylabel(say("axis.people", lang))
    axes.legend(frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
    return figure


def _skin(truths: Sequence[PersonTruth], passages: Sequence[PersonPassage], lang: Lang) -> Figure:
    figure, axes = _axes()
    bins = np.arange(33.0, 40.01, 0.1).tolist()
    true = [truth for truth in truths if truth.facts.measured]
    groups = {
        "well": [truth.skin_c for truth in true if not truth.facts.feverish],
        "fever": [truth.skin_c for truth in true if truth.facts.feverish],
    }
    measured = [passage.temperature.skin_c for passage in passages if passage.temperature is not None]
    axes.hist(measured, bins, color="#c9cfd6", label=say("journal", lang))
    for name, colour in (("well", "#33506d"), ("fever", "#9a0f14")):
        if groups[name]:
            label = f"{say('truth', lang)}, {say(name, lang)}"
            axes.hist(groups[name], bins, histtype="step", color=colour, label=label)
    axes.axvline(LIMIT_C, color="#9a0f14", lw=0.8, ls=":")
    if measured:
        axes.set_yscale("log")
    axes.set_xlabel(say("axis.celsius", lang))
    axes.set_ylabel(say("axis.people", lang))
    axes.legend(frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    return figure


def _late(took_s: Sequence[float], lang: Lang) -> Figure:
    figure, axes = _axes()
    floor = np.maximum(took_s, 1e-3)
    axes.hist(floor, np.geomspace(1e-3, max(1.0, float(floor.max())) * 1.1, 60).tolist(), color="#8aa0b6")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(say("axis.seconds", lang))
    axes.set_ylabel(say("axis.events", lang))
    return figure


def _where(findings: Sequence[Finding], lang: Lang) -> Figure:
    gates = sorted({f"{finding.site} {finding.gate}".strip() for finding in findings})
    kinds = sorted({finding.fault for finding in findings})
    figure, axes = _axes(0.8 + 0.22 * len(gates))
    first = min(finding.time_ns for finding in findings)
    for kind in kinds:
        of_kind = [finding for finding in findings if finding.fault is kind]
        days = [(finding.time_ns - first) / _HOUR_NS / 24 for finding in of_kind]
        places = [gates.index(f"{finding.site} {finding.gate}".strip()) for finding in of_kind]
        axes.plot(days, places, "o", ms=5, alpha=0.7, label=say(f"fault.{kind}", lang))
    axes.set_yticks(range(len(gates)), gates)
    axes.set_ylim(-0.6, len(gates) - 0.4)
    axes.set_xlabel(say("days", lang))
    axes.legend(frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
    return figure


def _axes(height: float = _SIZE[1]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_SIZE[0], max(height, 1.6)), layout="constrained")
    return figure, figure.add_subplot()


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    with warnings.catch_warnings():
        # Only the widths of Chinese words are guessed here; the browser draws them, with a font that has them.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return text[text.index("<svg") :]
