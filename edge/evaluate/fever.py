"""The verdict on a table of skin and oral temperatures, by the functions and at the limits that the product uses.

Whoever the product says has a fever is flagged; suspects are not. People are judged in the order of time, as at a lane,
so that the cohort knows those before. Looks are rounds 1 to 3: in round 4 the mouth is open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.evaluate.table import CAMERAS, Person, people_of
from edge.thermal.calibration import Calibration
from edge.thermal.cohort import Cohort
from edge.thermal.measure import LOOK_SD_C, Measured, combine, skin_of
from edge.thermal.settings import ThermalSettings
from edge.thermal.verdict import conclude, limits
from wire.events import Temperature, Verdict

FEVER_C = 37.5
CLEAR_FEVER_C = 38.0
BLACKBODY_C = 35.0
"""The temperatures of the table are corrected against a blackbody already."""
ASKED = (0.90, 0.95)
"""Sensitivity and specificity that a screening is asked for."""
RESAMPLES = 10_000
SESSION_PEOPLE, SESSION_SD_C, DRAWS = 100, 0.5, 20
"""Day-to-day bias: so many people, one a minute, see the same camera offset, drawn anew for the next so many."""
MINUTE_NS, NIGHT_NS = 60 * 10**9, 12 * 3600 * 10**9


class Judged(NamedTuple):
    """One person with a verdict. `margin_c` is skin temperature above the limit of that moment, in kelvin."""

    oral_c: float
    margin_c: float
    flagged: bool
    temperature: Temperature


def fever(table: Path) -> dict[str, Any]:
    """How good the verdict is for each camera, with three looks and with one, and under a bias from day to day."""
    people = people_of(table)
    return {camera: _figures(people, camera) for camera in CAMERAS}


def judged(people: Iterable[Person], camera: str, looks: int, settings: ThermalSettings | None = None) -> list[Judged]:
    """Everybody whom the camera saw, by the first so many looks that there are; the people in the order of time.

    The cohort is of people as a lane concludes about them, by all their looks, whatever is decided upon here.
    """
    settings = settings or ThermalSettings(reference_c=BLACKBODY_C)
    cohort, found = Cohort(settings), []
    for person in people:
        seen = skins_of(person, camera)
        if seen:
            found.append(_judge(person.oral_c, seen[:looks], person.time_ns, cohort, settings))
            cohort.add(round(combine(seen).skin_c, 2), person.time_ns)
    return found


def skins_of(person: Person, camera: str) -> list[Measured]:
    """One skin temperature for each look."""
    return [Measured(skin_of(look.face_c, look.canthi_c, person.room_c), LOOK_SD_C) for look in person.looks[camera]]


def auc(everybody: Sequence[Judged]) -> float:
    """The chance that a feverish person is further above the limit than one who is not (ties count half)."""
    ill, well = _margins(everybody, ill=True), _margins(everybody, ill=False)
    if not ill.size or not well.size:
        return 0.0
    return float((ill[:, None] > well).mean() + 0.5 * (ill[:, None] == well).mean())


def rates(everybody: Sequence[Judged]) -> dict[str, float]:
    return {
        "sensitivity": _share(one.flagged for one in everybody if one.oral_c >= FEVER_C),
        "specificity": _share(not one.flagged for one in everybody if one.oral_c < FEVER_C),
        "sensitivity_38": _share(one.flagged for one in everybody if one.oral_c >= CLEAR_FEVER_C),
    }


def _figures(people: Sequence[Person], camera: str) -> dict[str, Any]:
    three, one = judged(people, camera, 3), judged(people, camera, 1)
    return {
        "auc": round(auc(three), 4),
        "three_looks": rates(three),
        "one_look": rates(one),
        "resampled": resampled(three),
        "people": len(three),
        "fevers": int(_margins(three, ill=True).size),
        "day_bias": day_bias(people, camera),
        "body": _body(three),
    }


def resampled(everybody: Sequence[Judged]) -> dict[str, Any]:
    """What other people of the same kind might give: 95 % intervals, and how often both `ASKED` rates are reached."""
    draw = np.random.default_rng(1)
    found = []
    for asked, ill in zip(ASKED, (True, False), strict=True):
        right = np.array([one.flagged is ill for one in everybody if (one.oral_c >= FEVER_C) is ill])
        if not right.size:
            return {}
        drawn = draw.binomial(right.size, right.mean(), RESAMPLES) / right.size
        found.append((drawn, drawn >= asked))
    (sensitivity, enough), (specificity, few) = found
    return {
        "sensitivity": _interval(sensitivity),
        "specificity": _interval(specificity),
        "both_reached": round(float((enough & few).mean()), 3),
    }


def day_bias(people: Sequence[Person], camera: str) -> dict[str, float]:
    """A camera without a blackbody whose offset differs from day to day: the cohort's limit, and a fixed one."""
    settings = ThermalSettings(reference_c=None)
    seen = [(person.oral_c, skins) for person in people if (skins := skins_of(person, camera))]
    draw = np.random.default_rng(1)
    alone: list[Judged] = []
    fixed: list[bool] = []
    for _ in range(DRAWS):
        cohort, offset_k = Cohort(settings), 0.0
        for index, (oral_c, skins) in enumerate(seen):
            if index % SESSION_PEOPLE == 0:
                offset_k = float(draw.normal(0, SESSION_SD_C))
            time_ns = index * MINUTE_NS + index // SESSION_PEOPLE * NIGHT_NS
            off = [Measured(look.skin_c + offset_k, look.u_c) for look in skins]
            one = _judge(oral_c, off, time_ns, cohort, settings)
            cohort.add(one.temperature.skin_c, time_ns)
            alone.append(one)
            if oral_c < FEVER_C:
                fixed.append(one.temperature.skin_c >= settings.limit_c)
    told = rates(alone)
    return {
        "false_alarms": round(1 - told["specificity"], 4),
        "sensitivity": told["sensitivity"],
        "false_alarms_fixed_limit": _share(fixed),
    }


def _judge(oral_c: float, looks: Sequence[Measured], time_ns: int, cohort: Cohort, settings: ThermalSettings) -> Judged:
    """As `edge.thermal.screen` concludes about somebody who stood before the camera."""
    calibration = Calibration()
    at = limits(settings, cohort, calibration, time_ns)
    verdict, temperature = conclude(looks, at, calibration, settings)
    cold = at.known and temperature.skin_c < at.too_cold_c
    return Judged(oral_c, temperature.skin_c - at.fever_c, verdict is Verdict.FEVER and not cold, temperature)


def _body(everybody: Sequence[Judged]) -> dict[str, float]:
    """Estimated minus oral temperature: mean over the well and the feverish, and its spread, in kelvin."""
    errors = {ill: _errors(everybody, ill=ill) for ill in (False, True)}
    both = np.concatenate(list(errors.values()))
    return {
        "mean_error_well_k": round(float(errors[False].mean()), 3) if errors[False].size else 0.0,
        "mean_error_fever_k": round(float(errors[True].mean()), 3) if errors[True].size else 0.0,
        "sd_k": round(float(both.std()), 3) if both.size else 0.0,
    }


def _errors(everybody: Sequence[Judged], *, ill: bool) -> NDArray[np.float64]:
    return np.array(
        [
            one.temperature.body_c - one.oral_c
            for one in everybody
            if one.temperature.body_c is not None and (one.oral_c >= FEVER_C) is ill
        ]
    )


def _margins(everybody: Sequence[Judged], *, ill: bool) -> NDArray[np.float64]:
    return np.array([one.margin_c for one in everybody if (one.oral_c >= FEVER_C) is ill])


def _interval(rates: NDArray[np.float64]) -> list[float]:
    return [round(float(one), 3) for one in np.quantile(rates, (0.025, 0.975))]


def _share(flags: Iterable[bool]) -> float:
    every = list(flags)
    return round(sum(every) / len(every), 4) if every else 0.0
