"""How fast a camera's readings run away, told by the reference in view: the tracker says when it is warm.

The reference's own temperature is held, so that whatever it reads beside its noise is the camera. The rate is the
median of the slopes between samples that are apart (Theil 1950, Sen 1968): a hand before the reference, or the step at
a shutter, is a few slopes among many.
"""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import NamedTuple

from edge.clock import Instant
from edge.thermal.settings import ThermalSettings

SAMPLE_EVERY_S = 10.0
SAMPLES = 30
"""Five minutes."""
LEAST_SPAN_S = 180.0
APART_S = 60.0
STABLE_K_PER_MIN = 0.02
"""0.2 K in ten minutes: IEC 80601-2-59 allows as much drift between two calibrations."""
RESTLESS_K_PER_MIN = 0.15
"""A camera that runs so fast is warming up, whatever it says: corrected by 0.15 K a minute at one place of the frame,
it is wrong by as much at others."""


class Drift(NamedTuple):
    """`rate_k_per_min` None while too little was seen of the reference."""

    rate_k_per_min: float | None

    @property
    def is_stable(self) -> bool:
        return self.rate_k_per_min is not None and abs(self.rate_k_per_min) <= STABLE_K_PER_MIN

    @property
    def is_restless(self) -> bool:
        return self.rate_k_per_min is not None and abs(self.rate_k_per_min) >= RESTLESS_K_PER_MIN


def is_warming_up(since_start_s: float | None, drift: Drift, settings: ThermalSettings) -> bool:
    """Whether a camera is not to be trusted yet: by the clock, unless its reference tells better."""
    if drift.is_restless:
        return True
    if since_start_s is None or since_start_s >= settings.warm_up_s:
        return False
    return since_start_s < settings.least_warm_up_s or not drift.is_stable


class DriftTracker:
    """Follows what the reference reads."""

    def __init__(self) -> None:
        self._samples: deque[tuple[Instant, float]] = deque(maxlen=SAMPLES)
        self._drift = Drift(None)

    def see(self, seen_c: float, at: Instant) -> Drift:
        """What the reference reads now, in °C."""
        since_s = at.seconds_since(self._samples[-1][0]) if self._samples else SAMPLE_EVERY_S
        if since_s < 0 or since_s > LEAST_SPAN_S:
            self._samples.clear()
        elif since_s < SAMPLE_EVERY_S:
            return self._drift
        self._samples.append((at, seen_c))
        self._drift = Drift(self._rate_k_per_min())
        return self._drift

    @property
    def drift(self) -> Drift:
        """As it was last seen."""
        return self._drift

    def _rate_k_per_min(self) -> float | None:
        if self._samples[-1][0].seconds_since(self._samples[0][0]) < LEAST_SPAN_S:
            return None
        seen = list(self._samples)
        slopes = [
            (later_c - earlier_c) / apart_s
            for i, (earlier, earlier_c) in enumerate(seen)
            for later, later_c in seen[i + 1 :]
            if (apart_s := later.seconds_since(earlier)) >= APART_S
        ]
        return 60.0 * median(slopes)
