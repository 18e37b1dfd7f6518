"""Readings of cameras that measure by themselves: the same limits and the same cohort as for frames of our own."""

from __future__ import annotations

from itertools import count

import msgspec

from edge.drivers.base import ThermalReport
from edge.thermal.settings import ThermalSettings
from edge.thermal.types import Reading
from edge.thermal.verdict import Cohort, judge, limit_c
from wire.events import Refusal, Temperature, Verdict


class Reports:
    """One camera's reports, judged. Body and skin temperatures are never compared: each has a cohort of its own."""

    def __init__(self, settings: ThermalSettings) -> None:
        self._settings = settings
        self._cohorts = {is_body: Cohort(settings) for is_body in (False, True)}
        self._tracks = count(1)

    def take(self, report: ThermalReport) -> Reading:
        """The reading of one person. What is told late is judged like the rest, but says nothing of those who come."""
        cohort = self._cohorts[report.is_body]
        settings = self._settings
        if report.limit_c is not None:
            settings = msgspec.structs.replace(settings, limit_c=report.limit_c)
        if report.temperature_c < settings.coldest_face_c:
            return self._reading(report, Verdict.UNMEASURED, None, Refusal.TOO_COLD)
        limit = limit_c(settings, cohort)
        verdict = judge(report.temperature_c, limit, settings)
        if report.live:
            cohort.add(report.temperature_c)
        if report.abnormal and verdict is Verdict.NORMAL:
            verdict = Verdict.SUSPECT  # the camera raised an alarm: whatever its limit, somebody should look
        told_c = round(report.temperature_c, 2)
        temperature = Temperature(skin_c=told_c, u_c=round(report.u_c, 3), looks=1, limit_c=round(limit, 2))
        return self._reading(report, verdict, temperature, None)

    def _reading(
        self, report: ThermalReport, verdict: Verdict, temperature: Temperature | None, refusal: Refusal | None
    ) -> Reading:
        track = next(self._tracks)
        return Reading(track, report.at, report.at, verdict, temperature, refusal, alone=report.alone)
