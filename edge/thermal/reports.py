"""Readings of cameras that measure by themselves: skin by the same limits and the same cohort as frames of our own."""

from __future__ import annotations

from itertools import count

from edge.drivers.base import ThermalReport
from edge.thermal.settings import ThermalSettings
from edge.thermal.types import Reading
from edge.thermal.verdict import Cohort, judge, limit_c
from wire.events import Refusal, Temperature, Verdict


class Reports:
    """One camera's reports, judged. A camera's own estimate of the body is never compared with skin: it has the site's
    limit, and no cohort."""

    def __init__(self, settings: ThermalSettings) -> None:
        self._settings = settings
        self._cohort = Cohort(settings)
        self._tracks = count(1)

    def take(self, report: ThermalReport) -> Reading:
        """The reading of one person. What is told late is judged like the rest, but says nothing of those who come."""
        if report.temperature_c < self._settings.coldest_face_c:
            return self._reading(report, Verdict.UNMEASURED, None, Refusal.TOO_COLD)
        limit = report.limit_c if report.limit_c is not None else limit_c(self._settings, self._cohort)
        told_c = round(report.temperature_c, 2)
        verdict = judge(told_c, limit, self._settings)
        if report.live and not report.is_body:
            self._cohort.add(told_c)
        if report.abnormal and verdict is Verdict.NORMAL:
            verdict = Verdict.SUSPECT  # the camera raised an alarm: whatever its limit, somebody should look
        temperature = Temperature(skin_c=told_c, u_c=round(report.u_c, 3), looks=1, limit_c=round(limit, 2))
        return self._reading(report, verdict, temperature, None)

    def _reading(
        self, report: ThermalReport, verdict: Verdict, temperature: Temperature | None, refusal: Refusal | None
    ) -> Reading:
        track = next(self._tracks)
        return Reading(
            track, report.at, report.at, verdict, temperature, refusal, alone=report.alone, masked=report.mask
        )
