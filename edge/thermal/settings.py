"""What a site says about a lane's thermal screening (`[lanes.thermal]`)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Positive = Annotated[float, Meta(gt=0)]


class ThermalSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Temperatures in °C, differences in kelvin, times in seconds, sizes in pixels.

    `reference_c` is the set temperature of the heated reference in view, None where there is none; `reference_u_c` its
    standard uncertainty. Fever is a skin temperature at or above `limit_c`, as long as nothing is known of the hour;
    the limit then follows the cohort, the last `cohort_size` people of the lane, everybody included: it is their median
    and `cohort_delta_c`. Without a reference the cohort is all there is, and until it has `cohort_least` people
    everybody is suspect. Suspect begins `suspect_band_c` below the limit, or where the estimate of body temperature is
    above `site_limit_c` by more than its uncertainty; whoever is colder than the cohort by `cold_delta_c` comes in from
    the cold and is not measured yet. A suspect is looked at up to `patience` times `looks`.

    A camera is warm after `warm_up_s`, or `least_warm_up_s` after its start as soon as the reference says so.

    The defaults come from the FDA's recordings of 513 people (PhysioNet doi 10.13026/3bhc-9065), the same for both of
    its cameras: `menshen evaluate fever` tells how good they are.
    """

    reference_c: float | None = None
    reference_u_c: Positive = 0.3
    limit_c: float = 36.26
    cohort_size: Annotated[int, Meta(ge=5, le=1000)] = 60
    cohort_least: Annotated[int, Meta(ge=1, le=1000)] = 10
    cohort_delta_c: Positive = 0.46
    suspect_band_c: Annotated[float, Meta(ge=0)] = 0.1
    site_limit_c: float = 37.3
    cold_delta_c: Positive = 2.0
    looks: Annotated[int, Meta(ge=1, le=50)] = 3
    patience: Annotated[int, Meta(ge=1, le=10)] = 3
    min_face_px: Annotated[int, Meta(ge=4)] = 18
    one_person: bool = True
    coldest_face_c: float = 29.0
    warm_up_s: Annotated[float, Meta(ge=0)] = 1800.0
    least_warm_up_s: Annotated[float, Meta(ge=0)] = 300.0
    shutter_s: Annotated[float, Meta(ge=0)] = 5.0
    forget_after_s: Positive = 1.0
