"""Readings of cameras that measure by themselves: skin by the same limits and the same cohort as frames of our own."""

from __future__ import annotations

from itertools import count

import msgspec

from edge.drivers.base import ThermalReport
from edge.thermal.calibration import Calibration
from edge.thermal.cohort import Cohort
from edge.thermal.measure import Measured
from edge.thermal.settings import ThermalSettings
from edge.thermal.types import Reading
from edge.thermal.verdict import conclude, limits, wait_s
from wire.events import Basis, Refusal, Temperature, Verdict


class Reports:
    """One camera's reports, judged. A camera's own estimate of the body is never compared with skin: it has the site's
    limit, and no cohort."""

    def __init__(self, settings: ThermalSettings) -> None:
        self._settings = settings
        self._cohort = Cohort(settings)
        self._tracks = count(1)

    def take(self, report: ThermalReport) -> Reading:
        """The reading of one person. What is told late is judged like the rest, but says nothing of those who come."""
        reading = self._of_body(report) if report.is_body else self._of_skin(report)
        if report.abnormal and reading.verdict is Verdict.NORMAL:
            # The camera raised an alarm: whatever its limit, somebody should look.
            reading = _suspected(reading)
        return reading

    def _of_skin(self, report: ThermalReport) -> Reading:
        time_ns = report.at.time_ns
        at = limits(self._settings, self._cohort, Calibration(), time_ns)
        if report.temperature_c < at.too_cold_c:
            return self._reading(report, Verdict.UNMEASURED, None, Refusal.TOO_COLD)
        look = Measured(report.temperature_c, report.u_c)
        verdict, temperature = conclude([look], at, Calibration(), self._settings)
        if report.live:
            self._cohort.add(temperature.skin_c, time_ns)
        basis = temperature.basis or Basis.OTHER
        again_after_s = wait_s(basis, temperature.skin_c, at, self._settings)
        return self._reading(report, verdict, temperature, None, again_after_s)

    def _of_body(self, report: ThermalReport) -> Reading:
        told_c = round(report.temperature_c, 2)
        limit_c = self._settings.site_limit_c if report.limit_c is None else report.limit_c
        if told_c < self._settings.coldest_face_c:
            return self._reading(report, Verdict.UNMEASURED, None, Refusal.TOO_COLD)
        verdict, basis = Verdict.NORMAL, Basis.BELOW_LIMIT
        if told_c >= limit_c:
            verdict, basis = Verdict.FEVER, Basis.OVER_LIMIT
        elif told_c >= round(limit_c - self._settings.suspect_band_c, 2):
            verdict, basis = Verdict.SUSPECT, Basis.NEAR_LIMIT
        u_c = round(report.u_c, 3)
        temperature = Temperature(
            skin_c=told_c, u_c=u_c, looks=1, limit_c=limit_c, body_c=told_c, body_u_c=u_c, basis=basis
        )
        return self._reading(report, verdict, temperature, None)

    def _reading(
        self,
        report: ThermalReport,
        verdict: Verdict,
        temperature: Temperature | None,
        refusal: Refusal | None,
        again_after_s: float | None = None,
    ) -> Reading:
        return Reading(
            next(self._tracks),
            report.at,
            report.at,
            verdict,
            temperature,
            refusal,
            alone=report.alone,
            again_after_s=again_after_s,
            masked=report.mask,
        )


def _suspected(reading: Reading) -> Reading:
    return msgspec.structs.replace(reading, verdict=Verdict.SUSPECT)
