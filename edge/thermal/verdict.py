"""Normal, suspect or fever: against a fixed limit where there is a reference, and against the lane's own people.

The cohort is the median of the last people, everybody included, so that it follows the season and the camera's drift
and cannot run away (FACTS: a mean that leaves out the alarmed does). Readings are never pulled towards normal.
"""

from __future__ import annotations

from collections import deque
from statistics import median

from edge.thermal.settings import ThermalSettings
from wire.events import Verdict


class Cohort:
    """The skin temperatures of a lane's last people."""

    def __init__(self, settings: ThermalSettings) -> None:
        self._settings = settings
        self._skins_c: deque[float] = deque(maxlen=settings.cohort_size)

    def add(self, skin_c: float) -> None:
        """One more person, whoever it is."""
        self._skins_c.append(skin_c)

    @property
    def limit_c(self) -> float | None:
        """Fever from here on by the cohort; None while there are too few people."""
        if len(self._skins_c) < self._settings.cohort_least:
            return None
        return median(self._skins_c) + self._settings.cohort_delta_c


def limit_c(settings: ThermalSettings, cohort: Cohort) -> float:
    """The skin temperature from which a person has a fever now: the lower of the limits that apply.

    Without a reference the fixed limit stands alone only until the cohort is there: it is better than none.
    """
    from_cohort = cohort.limit_c
    if from_cohort is None:
        return settings.limit_c
    return from_cohort if settings.reference_c is None else min(settings.limit_c, from_cohort)


def judge(skin_c: float, limit: float, settings: ThermalSettings) -> Verdict:
    """The verdict on one skin temperature, in °C."""
    if skin_c >= limit:
        return Verdict.FEVER
    if skin_c >= limit - settings.suspect_band_c:
        return Verdict.SUSPECT
    return Verdict.NORMAL
