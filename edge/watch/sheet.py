"""One sheet for one frame: the frame on the left, what is known in words on the right."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from edge import words
from edge.drivers.base import CelsiusImage
from edge.picture import Picture, Range, colour_bar, coloured, mark
from edge.thermal.settings import ThermalSettings
from edge.thermal.types import Person, Reading, View
from edge.watch.fonts import Face, Font, face_for
from edge.words import Lang
from wire.errors import MenshenError
from wire.events import Temperature, Verdict

FRAME_HEIGHT_PX = 800
PANEL_PX = 400
MARGIN_PX = 28
BAR_PX = 14

_GROUND, _LINE = (24, 24, 27), (63, 63, 70)
_TEXT, _QUIET = (244, 244, 245), (161, 161, 170)
_CHIPS = {
    Verdict.NORMAL: ((63, 63, 70), (244, 244, 245)),
    Verdict.SUSPECT: ((245, 158, 11), (24, 16, 0)),
    Verdict.FEVER: ((185, 28, 28), (255, 255, 255)),
    Verdict.UNMEASURED: ((82, 82, 91), (244, 244, 245)),
}
"""Ground and letters; colour only for what is not normal, and always with words."""


class Fonts(NamedTuple):
    title: Font
    value: Font
    text: Font
    small: Font


def fonts_for(lang: Lang) -> Fonts:
    """Raises `MenshenError` when this machine has no font for the language."""
    plain, bold = face_for(lang), face_for(lang, bold=True)
    if plain is None:
        raise MenshenError("no font with Chinese on this machine; install the Debian package fonts-noto-cjk")
    bold = bold or Face(plain.path, plain.number)
    return Fonts(bold.at(26), bold.at(44), plain.at(21), plain.at(17))


class Sheet:
    """Draws one sheet after the other of one recording."""

    def __init__(self, settings: ThermalSettings, lang: Lang) -> None:
        """Raises `MenshenError` when there is no font for the language."""
        self._settings = settings
        self._lang = lang
        self._fonts = fonts_for(lang)
        self._range = Range()
        self._last: Reading | None = None
        self._scale = 0

    def draw(self, celsius: CelsiusImage, view: View, t_s: float) -> Picture:
        """The sheet of a frame that was seen `t_s` seconds into the recording."""
        self._last = view.readings[-1] if view.readings else self._last
        # A film cannot change its size: the first frame decides.
        self._scale = self._scale or max(1, round(FRAME_HEIGHT_PX / max(24, *celsius.shape[:1])))
        low_c, high_c = self._range.follow(celsius)
        frame = coloured(celsius, low_c, high_c, self._scale)
        mark(frame, view, self._scale)
        height, width = frame.shape[:2]
        sheet = Image.new("RGB", (_even(width + PANEL_PX), _even(max(height, 640))), _GROUND)
        sheet.paste(Image.fromarray(np.ascontiguousarray(frame[..., ::-1])), (0, 0))
        draw = ImageDraw.Draw(sheet)
        for person in view.people:
            self._label(draw, person, (width, height))
        self._panel(sheet, draw, width, view, t_s)
        self._bar(sheet, draw, width, (low_c, high_c))
        return np.ascontiguousarray(np.asarray(sheet)[..., ::-1])

    def _word(self, key: str, *values: str) -> str:
        return words.word(key, self._lang, *values)

    # -- on the frame -------------------------------------------------------------------------------------------------

    def _label(self, draw: ImageDraw.ImageDraw, person: Person, size: tuple[int, int]) -> None:
        """A chip above the face, or below it where there is no room."""
        text = words.verdict(person.verdict, self._lang)
        if person.temperature is not None:
            text = f"{celsius_text(person.temperature)}  {text}"
        elif person.refusal is not None:
            text = words.refusal(person.refusal, self._lang)
        box, scale = person.box, self._scale
        wide, high = _size(draw, text, self._fonts.text)
        left = min(max(4, box.x * scale), max(4, size[0] - wide - 24))
        top = box.y * scale - high - 22
        top = top if top >= 4 else min((box.y + box.h) * scale + 8, size[1] - high - 18)
        self._chip(draw, (left, top), text, person.verdict, self._fonts.text)

    def _chip(
        self, draw: ImageDraw.ImageDraw, at: tuple[int, int], text: str, verdict: Verdict, font: Font
    ) -> tuple[int, int]:
        """Words on a ground of the verdict's colour; the right lower corner."""
        ground, letters = _CHIPS.get(verdict, _CHIPS[Verdict.UNMEASURED])
        wide, high = _size(draw, text, font)
        corner = (at[0] + wide + 20, at[1] + high + 14)
        draw.rounded_rectangle((*at, *corner), radius=8, fill=ground)
        draw.text((at[0] + 10, at[1] + 7 + high // 2), text, letters, font, anchor="lm")
        return corner

    # -- beside it ----------------------------------------------------------------------------------------------------

    def _panel(self, sheet: Image.Image, draw: ImageDraw.ImageDraw, width: int, view: View, t_s: float) -> None:
        left, right = width + MARGIN_PX + BAR_PX + 62, sheet.width - MARGIN_PX
        draw.text((left, 30), self._word("product"), _TEXT, self._fonts.title)
        draw.text((left, 66), self._word("title"), _QUIET, self._fonts.small)
        minutes, seconds = divmod(t_s, 60)
        draw.text((right, 46), f"{int(minutes)}:{seconds:04.1f}", _QUIET, self._fonts.text, anchor="rm")
        y = self._section(draw, (left, right), 112, "now")
        y = self._now(draw, left, y, view)
        y = self._section(draw, (left, right), max(y + 26, 290), "last")
        y = self._of_last(draw, left, y)
        y = self._section(draw, (left, right), max(y + 26, 468), "reference")
        draw.text((left, y), self._of_reference(view), _TEXT, self._fonts.text)
        lines = _wrapped(draw, self._word("triage"), self._fonts.small, right - left)
        for n, line in enumerate(reversed(lines)):
            draw.text((left, sheet.height - 26 - 24 * n), line, _QUIET, self._fonts.small, anchor="ls")

    def _section(self, draw: ImageDraw.ImageDraw, span: tuple[int, int], y: int, key: str) -> int:
        draw.line((span[0], y, span[1], y), _LINE)
        draw.text((span[0], y + 12), self._word(key), _QUIET, self._fonts.small)
        return y + 42

    def _now(self, draw: ImageDraw.ImageDraw, left: int, y: int, view: View) -> int:
        if view.refusal is not None:
            chip = words.refusal(view.refusal, self._lang)
            return self._chip(draw, (left, y), chip, Verdict.SUSPECT, self._fonts.text)[1]
        if not view.people:
            draw.text((left, y), self._word("nobody"), _TEXT, self._fonts.text)
            return y + 30
        person = max(view.people, key=lambda one: one.box.w * one.box.h)
        return self._of_person(draw, (left, y), person)

    def _of_last(self, draw: ImageDraw.ImageDraw, left: int, y: int) -> int:
        if self._last is None:
            draw.text((left, y), self._word("none-yet"), _QUIET, self._fonts.text)
            return y + 30
        return self._of_person(draw, (left, y), self._last)

    def _of_person(self, draw: ImageDraw.ImageDraw, at: tuple[int, int], one: Person | Reading) -> int:
        """A temperature, what it means, and what it rests on."""
        left, y = at
        if one.temperature is None:
            y = self._chip(draw, (left, y), words.verdict(one.verdict, self._lang), one.verdict, self._fonts.text)[1]
            if one.refusal is not None:
                draw.text((left, y + 8), words.refusal(one.refusal, self._lang), _TEXT, self._fonts.small)
            return y + 32
        value = words.skin_text(one.temperature)
        draw.text((left, y - 6), value, _TEXT, self._fonts.value)
        wide, _ = _size(draw, value, self._fonts.value)
        draw.text((left + wide + 8, y + 34), f"± {one.temperature.u_c:.1f} °C", _QUIET, self._fonts.text, anchor="ls")
        chip = words.verdict(one.verdict, self._lang)
        y = self._chip(draw, (left, y + 58), chip, one.verdict, self._fonts.text)[1]
        draw.text((left, y + 8), self._rests_on(one.temperature), _QUIET, self._fonts.small)
        return y + 32

    def _rests_on(self, temperature: Temperature) -> str:
        looks = self._word("look") if temperature.looks == 1 else self._word("looks", str(temperature.looks))
        if temperature.limit_c is None:
            return looks
        return f"{self._word('limit', f'{temperature.limit_c:.1f}')} · {looks}"

    def _of_reference(self, view: View) -> str:
        if view.reference is None:
            return self._word("reference-none")
        seen = f"{view.reference.seen_c:.1f}"
        if self._settings.reference_c is None:
            return self._word("reference-seen", seen)
        return self._word("reference-set", seen, f"{self._settings.reference_c:.1f}")

    def _bar(self, sheet: Image.Image, draw: ImageDraw.ImageDraw, width: int, span_c: tuple[float, float]) -> None:
        """What the colours mean, between frame and words."""
        left, top, high = width + MARGIN_PX, 34, sheet.height - 68
        bar = colour_bar(high, BAR_PX)
        sheet.paste(Image.fromarray(np.ascontiguousarray(bar[..., ::-1])), (left, top))
        low_c, high_c = span_c
        step = 5 if high_c - low_c <= 30 else 10
        for mark_c in range(int(-(-low_c // step) * step), int(high_c) + 1, step):
            y = top + high * (1 - (mark_c - low_c) / (high_c - low_c))
            draw.line((left + BAR_PX, y, left + BAR_PX + 5, y), _QUIET)
            draw.text((left + BAR_PX + 10, y), f"{mark_c}°", _QUIET, self._fonts.small, anchor="lm")


def celsius_text(temperature: Temperature) -> str:
    """`36.2 ± 0.4 °C`."""
    return f"{words.skin_text(temperature)} ± {temperature.u_c:.1f} °C"


def _size(draw: ImageDraw.ImageDraw, text: str, font: Font) -> tuple[int, int]:
    left, _, right, _ = draw.textbbox((0, 0), text, font)
    _, top, _, bottom = draw.textbbox((0, 0), "Ag国", font)
    return round(right - left), round(bottom - top)


def _wrapped(draw: ImageDraw.ImageDraw, text: str, font: Font, width: int) -> list[str]:
    """Lines that fit: broken at spaces, or anywhere in Chinese."""
    pieces = text.split(" ") if " " in text else list(text)
    joint = " " if " " in text else ""
    lines = [""]
    for piece in pieces:
        longer = f"{lines[-1]}{joint if lines[-1] else ''}{piece}"
        if lines[-1] and _size(draw, longer, font)[0] > width:
            lines.append(piece)
        else:
            lines[-1] = longer
    return lines


def _even(length: int) -> int:
    """Video codecs want even sizes."""
    return length + length % 2
