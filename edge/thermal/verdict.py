"""Normal, suspect or fever, and why. Pure functions.

The limit is a skin temperature: the cohort's centre (`cohort.py`) and what a fever adds to it. Where a reference holds
the camera and the cohort is small, that is the fixed limit; as people come, it follows their hour. Readings themselves
are never pulled towards anything. The estimate of body temperature is shown; where it is above the site's own limit by
more than its uncertainty, no cohort makes that normal.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from edge.thermal.calibration import SHOWN_C, Calibration, body_of
from edge.thermal.cohort import Cohort
from edge.thermal.cold import again_after_s
from edge.thermal.measure import GLASSES_HIDE_K, Measured, combine
from edge.thermal.settings import ThermalSettings
from wire.events import Basis, Temperature, Verdict

DISAGREE_C = 0.5
"""Looks further apart than this did not all see the same skin: more of them are needed."""


class Limits(Struct, frozen=True):
    """What one person is judged by, at one moment. Temperatures of skin in °C, the first two as they are told: whoever
    reads the record finds the verdict in its figures."""

    fever_c: float
    suspect_c: float
    too_cold_c: float
    centre_c: float
    lane_k: float
    """How much warmer skin reads at this lane than in the recordings, in kelvin: without a reference, the cohort's."""
    known: bool
    cold: bool


def limits(settings: ThermalSettings, cohort: Cohort, calibration: Calibration, time_ns: int) -> Limits:
    """What holds at this lane now."""
    centre_c = cohort.centre_c(time_ns)
    fever_c = centre_c + settings.cohort_delta_c + cohort.wider_k + calibration.limit_shift_k
    has_reference = settings.reference_c is not None
    return Limits(
        fever_c=round(fever_c, 2),
        suspect_c=round(fever_c - settings.suspect_band_c, 2),
        too_cold_c=max(settings.coldest_face_c, centre_c - settings.cold_delta_c),
        centre_c=centre_c,
        lane_k=0.0 if has_reference else centre_c - (settings.limit_c - settings.cohort_delta_c),
        known=cohort.knows(time_ns),
        cold=cohort.is_cold(time_ns),
    )


def lane_of(temperature: Temperature, settings: ThermalSettings) -> float:
    """How much warmer skin read at this lane than in the recordings when this was said, in kelvin: by its limit."""
    if settings.reference_c is not None or temperature.limit_c is None:
        return 0.0
    return temperature.limit_c - settings.limit_c


def judge(
    skin_c: float, surely_c: float | None, at: Limits, settings: ThermalSettings, *, glasses: bool = False
) -> tuple[Verdict, Basis]:
    """The verdict on one skin temperature. `surely_c` is the estimate of body temperature less its uncertainty.

    Whoever wears `glasses` and might be near the limit without them takes them off and is looked at again.
    """
    if not at.known:
        return Verdict.SUSPECT, Basis.FEW_PEOPLE
    if skin_c >= at.fever_c:
        return Verdict.FEVER, Basis.OVER_LIMIT
    if at.cold and skin_c >= at.centre_c + (at.fever_c - at.centre_c) / 2:
        return Verdict.SUSPECT, Basis.COLD_COHORT
    if skin_c >= at.suspect_c:
        return Verdict.SUSPECT, Basis.NEAR_LIMIT
    if surely_c is not None and surely_c >= settings.site_limit_c:
        return Verdict.SUSPECT, Basis.SITE_LIMIT
    hidden = glasses and skin_c >= at.suspect_c - GLASSES_HIDE_K
    return (Verdict.SUSPECT, Basis.GLASSES) if hidden else (Verdict.NORMAL, Basis.BELOW_LIMIT)


def wait_s(basis: Basis, skin_c: float, at: Limits, settings: ThermalSettings) -> float | None:
    """After how long to measure a suspect again; None for at once."""
    if basis is not Basis.COLD_COHORT:
        return None
    return again_after_s(settings.limit_c - settings.cohort_delta_c - min(skin_c, at.centre_c))


def conclude(
    looks: Sequence[Measured], at: Limits, calibration: Calibration, settings: ThermalSettings
) -> tuple[Verdict, Temperature]:
    """What the looks at one person come to."""
    measured = combine(looks)
    skin_c = round(measured.skin_c, 2)
    body_c = _shown(body_of(skin_c, at.lane_k) + calibration.shift_k) if at.known else None
    body_u_c = None if body_c is None else round(calibration.u_k(measured.u_c), 2)
    surely_c = None if body_c is None or body_u_c is None else body_c - body_u_c
    verdict, basis = judge(skin_c, surely_c, at, settings, glasses=measured.glasses)
    return verdict, Temperature(
        skin_c=skin_c,
        u_c=round(measured.u_c, 3),
        looks=len(looks),
        limit_c=at.fever_c,
        body_c=body_c,
        body_u_c=body_u_c,
        basis=basis,
        glasses=measured.glasses,
    )


def is_enough(looks: Sequence[Measured], verdict: Verdict, settings: ThermalSettings) -> bool:
    """Whether another look is in vain: there are enough, they agree and the verdict is clear, or there are many."""
    if len(looks) >= settings.looks * settings.patience:
        return True
    skins_c = [look.skin_c for look in looks]
    agree = len(looks) >= settings.looks and max(skins_c) - min(skins_c) <= DISAGREE_C
    return agree and verdict is not Verdict.SUSPECT


def _shown(body_c: float) -> float | None:
    return round(body_c, 2) if SHOWN_C[0] <= body_c <= SHOWN_C[1] else None
