"""What a site says about a lane's thermal screening (`[lanes.thermal]`)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Positive = Annotated[float, Meta(gt=0)]


class ThermalSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Temperatures in °C, differences in kelvin, times in seconds, sizes in pixels.

    `reference_c` is the set temperature of the heated reference in view, None where there is none; `reference_u_c` its
    standard uncertainty. Fever is a skin temperature at or above `limit_c` (only with a reference: without one the
    camera's own offset is too large) or above the cohort's median by `cohort_delta_c`; suspect begins
    `suspect_band_c` below either. The cohort is the last `cohort_size` people of the lane, everybody included, and
    counts from `cohort_least` on.

    The defaults come from the FDA's recordings of 513 people (PhysioNet doi 10.13026/3bhc-9065, two cameras, maximum of
    the face against a blackbody): at 36.4 °C the specificity is 0.95 to 0.96; the median + 0.6 K is nearly the same.
    """

    reference_c: float | None = None
    reference_u_c: Positive = 0.3
    limit_c: float = 36.4
    cohort_size: Annotated[int, Meta(ge=5, le=1000)] = 60
    cohort_least: Annotated[int, Meta(ge=5, le=1000)] = 20
    cohort_delta_c: Positive = 0.6
    suspect_band_c: Annotated[float, Meta(ge=0)] = 0.1
    looks: Annotated[int, Meta(ge=1, le=50)] = 3
    min_face_px: Annotated[int, Meta(ge=4)] = 18
    one_person: bool = True
    coldest_face_c: float = 29.0
    warm_up_s: Annotated[float, Meta(ge=0)] = 1800.0
    shutter_s: Annotated[float, Meta(ge=0)] = 5.0
    forget_after_s: Positive = 1.0
