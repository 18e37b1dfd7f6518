"""A font of this machine that has what a language needs; Pillow's own has no Chinese."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from PIL import ImageFont

from edge.words import Lang

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_LANGUAGES = {"en": "en", "zh": "zh-cn"}
_KNOWN = (
    (Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"), 2),
    (Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"), 0),
    (Path("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf"), 0),
)
"""Where Debian puts fonts with Chinese, and the face within the file."""


class Face(NamedTuple):
    """One font file and the face in it; None is Pillow's own font."""

    path: Path | None
    number: int = 0

    def at(self, size_px: int) -> Font:
        if self.path is None:
            return ImageFont.load_default(size_px)
        return ImageFont.truetype(self.path, size_px, index=self.number)


def face_for(lang: Lang, *, bold: bool = False) -> Face | None:
    """A font for the language; None when this machine has none for it (Latin letters are always there)."""
    found = _by_fontconfig(lang, bold=bold)
    if found is None:
        found = next((Face(path, index) for path, index in _KNOWN if path.is_file()), None)
    return found or (Face(None) if lang == "en" else None)


def _by_fontconfig(lang: Lang, *, bold: bool) -> Face | None:
    program = shutil.which("fc-match")
    if program is None:
        return None
    # Chinese fonts have Latin letters too: one face for both languages, where there is one.
    for wanted in dict.fromkeys((_LANGUAGES["zh"], _LANGUAGES[lang])):
        pattern = f"sans:lang={wanted}" + (":bold" if bold else "")
        command = [program, "-f", "%{file}|%{index}|%{lang}", pattern]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no shell
        path, _, rest = answer.stdout.partition("|")
        index, _, languages = rest.partition("|")
        if wanted in languages.split("|") and Path(path).is_file():
            return Face(Path(path), int(index) if index.isdigit() else 0)
    return None
