"""The judge's word as a page for people: one HTML file a language, with everything in it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sim.chronicle import Run
from sim.judge import plots
from sim.judge.events import Matched
from sim.judge.findings import Report
from sim.judge.words import Lang, say
from sim.plant import ZONE
from sim.truth import PersonTruth

SHOWN = 200
"""Errors that the page lists."""


def write(
    path: Path, run: Run, report: Report, truths: Sequence[PersonTruth], matched: Sequence[Matched]
) -> list[Path]:
    """Write the page in English to `path` and in Chinese beside it (`.zh.html`); what was written."""
    paths: dict[Lang, Path] = {"en": path, "zh": path.with_suffix(".zh.html")}
    for lang, file in paths.items():
        drawn = plots.draw(truths, matched, report.findings, lang)
        other = paths["en" if lang == "zh" else "zh"].name
        file.write_text(_page(run, report, drawn, lang, other), encoding="utf-8")
    return list(paths.values())


def _page(run: Run, report: Report, drawn: dict[str, str], lang: Lang, other: str) -> str:
    env = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["when"] = _when
    return env.get_template("judge.html").render(
        run=run,
        report=report,
        counts={kind: count for kind, count in report.counts().items() if count},
        shown=report.findings[:SHOWN],
        plots=drawn,
        lang=lang,
        other=other,
        say=lambda key: say(key, lang),
    )


def _when(time_ns: int) -> str:
    """The time in China, to the millisecond."""
    moment = dt.datetime.fromtimestamp(time_ns // 10**9, ZONE)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{time_ns // 10**6 % 1000:03d}"
