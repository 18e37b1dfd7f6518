"""The console page as HTML: a shell, and the parts in it that live updates replace. Pure: a snapshot in, text out."""

from __future__ import annotations

import hashlib
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hub.board import Snapshot
from hub.web import view
from hub.web.words import LANGS, Lang, name, say

HERE = Path(__file__).parent
STATIC = HERE / "static"
PARTS = ("summary", "gates", "alerts", "passages", "readers")
"""Each is a template `_NAME.html` and an element with that id in the page."""
MAX_ALERTS = 40
MAX_PASSAGES = 40
REFRESH_S = 5
"""How often a browser without JavaScript loads the page anew."""


class Page:
    """The templates, bound to one site, one zone (None: the machine's own) and one version."""

    def __init__(self, *, site: str, version: str, zone: tzinfo | None) -> None:
        self._zone = zone
        self._env = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._env.filters["plain"] = view.plain
        self._env.globals.update(
            v=view, site=site, version=version, parts=PARTS, refresh_s=REFRESH_S, assets=_fingerprints()
        )

    def full(self, snapshot: Snapshot, problems: dict[str, str], lang: Lang) -> str:
        """The whole page with all its parts in place."""
        return self._draw("page.html", snapshot, problems, lang)

    def fragments(self, snapshot: Snapshot, problems: dict[str, str], lang: Lang) -> dict[str, str]:
        """The inside of each part by its id."""
        return {part: self._draw(f"_{part}.html", snapshot, problems, lang) for part in PARTS}

    def _draw(self, template: str, snapshot: Snapshot, problems: dict[str, str], lang: Lang) -> str:
        return self._env.get_template(template).render(self._context(snapshot, problems, lang))

    def _context(self, snapshot: Snapshot, problems: dict[str, str], lang: Lang) -> dict[str, Any]:
        return {
            "s": snapshot,
            "lang": lang,
            "html_lang": "zh-CN" if lang == "zh" else "en",
            "other_langs": [other for other in LANGS if other != lang],
            "overall": view.overall(snapshot, problems, lang),
            "alerts": snapshot.alerts[:MAX_ALERTS],
            "passages": snapshot.passages[:MAX_PASSAGES],
            "say": partial(say, lang),
            "name": partial(name, lang),
            "label": partial(view.label, lang),
            "clock": partial(view.clock, zone=self._zone, now_ns=snapshot.time_ns),
            "ago": partial(view.ago, lang, now_ns=snapshot.time_ns),
            "lasted": partial(view.lasted, lang),
            "zone": self._zone,
        }


def _fingerprints() -> dict[str, str]:
    """Static files with the hash of what they hold, so that browsers may keep them and still see a new version."""
    return {
        path.name: f"/static/{path.name}?{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
        for path in sorted(STATIC.iterdir())
        if path.is_file()
    }
