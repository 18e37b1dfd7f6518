"""A recording, screened and shown."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edge.clock import Instant
from edge.drivers.base import ThermalFrame
from edge.drivers.recordings import Recorded, open_recording
from edge.thermal.screen import Screen
from edge.thermal.settings import ThermalSettings
from edge.thermal.types import Reading
from edge.watch.outputs import Output, Window, output_for
from edge.watch.sheet import Sheet, celsius_text
from edge.words import Lang, refusal, verdict, word
from wire.errors import DriverError

DEFAULT_RATE_HZ = 9.0
"""Of a video of a single frame, and of one whose times say nothing."""


class Wanted(NamedTuple):
    """What `menshen edge watch` was asked for."""

    recording: Path
    out: Path | None
    window: bool
    lang: Lang
    rate_hz: float | None
    thermal: ThermalSettings


class _Heard:
    """What was told along the way."""

    def __init__(self) -> None:
        self.frames = 0
        self.bad = 0
        self.readings: list[Reading] = []


def watch(wanted: Wanted) -> int:
    """Show it; 0 when every frame could be read, else 1. Raises `MenshenError`, naming what is wrong."""
    recording = open_recording(wanted.recording, wanted.rate_hz)
    lang = _lang_with_a_font(wanted.lang)
    sheet = Sheet(wanted.thermal, lang)
    outputs = _outputs(wanted, recording, lang)
    heard = _Heard()
    try:
        _play(recording, Screen(wanted.thermal), sheet, outputs, heard)
    finally:
        for output in outputs:
            output.close()
    for line in _summary(heard, lang, wanted.out):
        print(line)  # noqa: T201 - a command prints
    return 1 if heard.bad or not heard.frames else 0


def _play(recording: Recorded, screen: Screen, sheet: Sheet, outputs: list[Output], heard: _Heard) -> None:
    for index, t_s in enumerate(recording.t_s):
        try:
            celsius = recording.celsius(index)
        except DriverError as error:
            heard.bad += 1
            _say(f"frame {index + 1} is left out: {error}")
            continue
        at = Instant(int(t_s * 1e9), int(t_s * 1e9))
        view = screen.see(ThermalFrame(celsius, at))
        heard.frames += 1
        heard.readings += view.readings
        drawn = sheet.draw(celsius, view, float(t_s))
        wanted = [output.show(drawn, float(t_s)) for output in outputs]
        if not all(wanted):
            return
    heard.readings += screen.flush()


def _outputs(wanted: Wanted, recording: Recorded, lang: Lang) -> list[Output]:
    """Files where they are asked for, and a window where that is, or nothing else."""
    outputs: list[Output] = []
    if wanted.window or wanted.out is None:
        outputs.append(Window(f"{word('product', lang)} · {wanted.recording.name}"))
    if wanted.out is not None:
        outputs.append(output_for(wanted.out, _rate_hz(recording)))
    return outputs


def _rate_hz(recording: Recorded) -> float:
    gaps_s = np.diff(recording.t_s)
    usual_s = float(np.median(gaps_s)) if gaps_s.size else 0.0
    return min(60.0, max(0.5, 1 / usual_s)) if usual_s > 0 else DEFAULT_RATE_HZ


def _lang_with_a_font(lang: Lang) -> Lang:
    """The language, or English where this machine cannot write it, said aloud."""
    from edge.watch.fonts import face_for  # noqa: PLC0415 - here, so that tests can take fonts away

    if face_for(lang) is not None:
        return lang
    _say("no font with Chinese on this machine: shown in English; install the Debian package fonts-noto-cjk")
    return "en"


def _summary(heard: _Heard, lang: Lang, out: Path | None) -> Iterator[str]:
    for number, reading in enumerate(heard.readings, 1):
        said = verdict(reading.verdict, lang)
        why = celsius_text(reading.temperature) if reading.temperature else ""
        why = refusal(reading.refusal, lang) if reading.refusal is not None else why
        yield f"{number}. {said}: {why}"
    counts = Counter(reading.verdict for reading in heard.readings)
    told = ", ".join(f"{verdict(kind, lang)} {count}" for kind, count in counts.items()) or word("none-yet", lang)
    where = f" -> {out}" if out is not None else ""
    yield f"{heard.frames} frames, {heard.bad} bad; {told}{where}"


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - a command prints
