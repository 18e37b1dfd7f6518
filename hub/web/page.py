"""The console page as HTML: a shell, and the parts in it that live updates replace. Pure: a snapshot in, text out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from msgspec.structs import replace

from hub.accounts.desk import Who
from hub.alerts.lifecycle import State, Word, on_word
from hub.alerts.rules import NO_RUNBOOKS, Runbooks, runbook
from hub.alerts.texts import detail_of, in_words
from hub.board import AlertRow, Snapshot
from hub.registry.fields import written
from hub.web import gate_view, view, ways
from hub.web.words import LANGS, Lang, name, say

HERE = Path(__file__).parent
STATIC = HERE / "static"
PARTS = ("summary", "gates", "alerts", "passages", "readers")
"""Each is a template `_NAME.html` and an element with that id in the page."""
WALL_PARTS = ("summary", "gates", "alerts")
MAX_ALERTS = 40
MAX_PASSAGES = 40
REFRESH_S = 5
"""How often a browser without JavaScript loads the page anew."""


def _advice(own: Runbooks) -> Callable[[AlertRow, Lang], str]:
    """What to do about an alert, from the runbook; nothing for a rule that has none."""
    return lambda row, lang: runbook(row.rule, row.kind, lang, own)


class Page:
    """The templates, bound to one site, one zone (None: the machine's own) and one version."""

    def __init__(self, *, site: str, version: str, zone: tzinfo | None, runbooks: Runbooks = NO_RUNBOOKS) -> None:
        self._zone = zone
        self._env = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._env.filters.update(
            plain=view.plain, written=written, advice=_advice(runbooks), detail=detail_of, figures=in_words
        )
        self._env.globals.update(
            v=view,
            machine_of=gate_view.brief,
            site=site,
            version=version,
            parts=PARTS,
            refresh_s=REFRESH_S,
            assets=_fingerprints(),
        )

    def full(self, snapshot: Snapshot, problems: dict[str, str], lang: Lang, who: Who) -> str:
        """The whole page with all its parts in place."""
        more = {"who": who, "nav": ways.here(who, "/"), "heading": "board"}
        return self._env.get_template("page.html").render(self._context(snapshot, problems, lang) | more)

    def fragments(self, snapshot: Snapshot, problems: dict[str, str], lang: Lang) -> dict[str, str]:
        """The inside of each part by its id."""
        return {part: self._draw(f"_{part}.html", snapshot, problems, lang) for part in PARTS}

    def wall(self, snapshot: Snapshot, problems: dict[str, str], lang: Lang, theme: str) -> str:
        """The display on a wall, which anybody may see: nobody's passage, and nothing but where and what of alerts."""
        context = self._context(bare(snapshot), problems, lang) | {"theme": theme, "is_wall": True}
        return self._env.get_template("wall.html").render(context)

    def wall_fragments(self, snapshot: Snapshot, problems: dict[str, str], lang: Lang) -> dict[str, str]:
        """The inside of each part of the wall's display by its id."""
        context = self._context(bare(snapshot), problems, lang) | {"is_wall": True}
        return {part: self._env.get_template(f"_{part}.html").render(context) for part in WALL_PARTS}

    # -- behind a link -------------------------------------------------------------------------------------------------

    def acknowledge(self, lang: Lang, rows: list[AlertRow], who: str, now_ns: int) -> str:
        """The page behind a link: what it acknowledges, and the button that does."""
        return self._plain("acknowledge.html", lang, now_ns, "ack", rows=rows, who=who)

    def note(self, lang: Lang, key: str, **values: object) -> str:
        """A page that says one thing."""
        return self._plain("note.html", lang, 0, "alerts-all", text=say(lang, key, **values))

    # -- what people sign in for ---------------------------------------------------------------------------------------

    def office(
        self, template: str, lang: Lang, now_ns: int, heading: str, who: Who | None, path: str, **values: object
    ) -> str:
        """A page of the office at an address, with the ways that are open to whoever asks."""
        return self._plain(template, lang, now_ns, heading, who=who, nav=ways.here(who, path), **values)

    def _plain(self, template: str, lang: Lang, now_ns: int, heading: str, **values: object) -> str:
        context = self._context_of(lang, now_ns) | {"now_ns": now_ns, "heading": heading} | values
        return self._env.get_template(template).render(context)

    def _draw(self, template: str, snapshot: Snapshot, problems: dict[str, str], lang: Lang) -> str:
        return self._env.get_template(template).render(self._context(snapshot, problems, lang))

    def _context(self, snapshot: Snapshot, problems: dict[str, str], lang: Lang) -> dict[str, Any]:
        return self._context_of(lang, snapshot.time_ns) | {
            "s": snapshot,
            "overall": view.overall(snapshot, problems, lang),
            "alerts": snapshot.alerts[:MAX_ALERTS],
            "passages": snapshot.passages[:MAX_PASSAGES],
            "is_wall": False,
        }

    def _context_of(self, lang: Lang, now_ns: int) -> dict[str, Any]:
        return {
            "lang": lang,
            "html_lang": "zh-CN" if lang == "zh" else "en",
            "other_langs": [other for other in LANGS if other != lang],
            "say": partial(say, lang),
            "name": partial(name, lang),
            "label": partial(view.label, lang),
            "clock": partial(view.clock, zone=self._zone, now_ns=now_ns),
            "ago": partial(view.ago, lang, now_ns=now_ns),
            "lasted": partial(view.lasted, lang),
            "zone": self._zone,
        }


def bare(snapshot: Snapshot) -> Snapshot:
    """The board without anything of a person: what an alert is and where, no measurement, no passage, no name."""
    alerts = tuple(replace(alert, detail="", held_by="", ended_by="", key="") for alert in snapshot.alerts)
    return replace(snapshot, passages=(), alerts=alerts)


def on_words(row: AlertRow) -> list[str]:
    """What can be said of an alert as it stands."""
    words = [word.value for word in Word if on_word(State(row.state), word) is not None]
    return [*words, "silence"] if row.state != State.RESOLVED else words


def _fingerprints() -> dict[str, str]:
    """Static files with the hash of what they hold, so that browsers may keep them and still see a new version."""
    return {
        path.name: f"/static/{path.name}?{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
        for path in sorted(STATIC.iterdir())
        if path.is_file()
    }
