"""From what a microbolometer counts to the temperature of a surface. Pure functions on arrays (or plain numbers).

Signal. A camera's counts S depend on a black body's temperature T (kelvin) by a Planck curve with four constants of
its calibration, S = R / (exp(B/T) - F) + O (FLIR Lepton Engineering Datasheet, radiometric output; B = c2/λ of the
effective wavelength, c2 = 14388 µm·K, CODATA 2018). In "TLinear" a Lepton inverts this itself and gives T in steps
of 0.01 or 0.1 K.

Scene. A real surface emits ε of that and reflects the rest from its surroundings; air and a window take some away and
add their own (Minkina & Dudzik, Infrared Thermography, 2009, section 3; the window's part: Lepton datasheet):

    S = τw · [ τa · (ε·S(object) + (1-ε)·S(reflected)) + (1-τa)·S(air) ] + ρw·S(window reflected) + (1-τw-ρw)·S(window)

Uncertainty. First-order propagation of independent inputs (JCGM 100:2008, eq. 10), derivatives by central differences.
"""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct
from msgspec.structs import replace
from numpy.typing import ArrayLike, NDArray

ZERO_C_K = 273.15
SKIN_EMISSIVITY = 0.98
"""Of human skin from 8 to 14 µm, whatever its colour, ±0.01 (Steketee 1973, Phys. Med. Biol. 18, 686)."""

Share = Annotated[float, Meta(ge=0, le=1)]
Most = Annotated[float, Meta(gt=0.1, le=1)]
"""A share that must not be small, for the signal is divided by it."""
Image = NDArray[np.float64]


class Planck(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A camera's calibration: R, B (kelvin), F and O (counts). The defaults are what a Lepton 3.5 in high gain has
    before its own are read from it (software interface, "RAD RBFO"): good for a look, not for a limit."""

    r: Annotated[float, Meta(gt=0)] = 395653.0
    """R of the camera's calibration, in counts."""
    b: Annotated[float, Meta(gt=0)] = 1428.0
    """B of the camera's calibration, in kelvin."""
    f: Annotated[float, Meta(ge=0.5, le=3)] = 1.0
    """F of the camera's calibration."""
    o: float = 156.0
    """O of the camera's calibration, in counts."""


class Scene(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What lies between a surface and the counts: by default a black body with nothing in between. Temperatures in
    °C, the rest are shares from 0 to 1."""

    emissivity: Most = 1.0
    """Of the surface: 0.98 for skin."""
    reflected_c: float = 22.0
    """Reflected apparent temperature (ISO 18434-1, annex A): indoors that of the walls."""
    air_transmission: Most = 1.0
    """Of the air in between: at a gate's 1 m it takes less than 0.1 %."""
    air_c: float = 22.0
    """Temperature of the air."""
    window_transmission: Most = 1.0
    """Of a window before the camera; film takes 5 to 20 %."""
    window_reflection: Share = 0.0
    """Of that window; with its transmission at most 1."""
    window_c: float = 22.0
    """Temperature of that window."""
    window_reflected_c: float = 22.0
    """Of what that window mirrors into the camera."""


class Spread(Struct, frozen=True, kw_only=True):
    """Standard uncertainties of a scene's values, shares and kelvin; the defaults are of skin indoors, no window."""

    emissivity: float = 0.01
    reflected_c: float = 3.0
    air_transmission: float = 0.0
    air_c: float = 0.0
    window_transmission: float = 0.0
    window_reflection: float = 0.0
    window_c: float = 0.0
    window_reflected_c: float = 0.0


def counts_of(celsius: ArrayLike, planck: Planck) -> Image:
    """What a black body of that temperature makes a camera count; NaN at and below absolute zero."""
    kelvin = np.asarray(celsius, np.float64) + ZERO_C_K
    with np.errstate(over="ignore"):
        return planck.r / (np.exp(planck.b / np.where(kelvin > 0, kelvin, np.nan)) - planck.f) + planck.o


def celsius_of(counts: ArrayLike, planck: Planck) -> Image:
    """The temperature of the black body that makes a camera count so, in °C; NaN where none does."""
    above = np.asarray(counts, np.float64) - planck.o
    inner = planck.r / np.where(above > 0, above, np.nan) + planck.f
    return planck.b / np.log(np.where(inner > 1, inner, np.nan)) - ZERO_C_K


def tlinear_c(counts: NDArray[np.uint16], step_k: float) -> NDArray[np.float32]:
    """A TLinear picture (kelvin in steps of `step_k`) in °C, float32, of the same shape."""
    celsius: NDArray[np.float32] = counts.astype(np.float32) * np.float32(step_k) - np.float32(ZERO_C_K)
    return celsius


def apparent_c(object_c: ArrayLike, scene: Scene, planck: Planck) -> Image:
    """What a camera that knows nothing of the scene shows of a surface of that temperature."""
    gain, added = _share_and_rest(scene, planck)
    return celsius_of(gain * counts_of(object_c, planck) + added, planck)


def surface_c(apparent: ArrayLike, scene: Scene, planck: Planck) -> Image:
    """A surface's temperature from what such a camera shows of it: the inverse of `apparent_c`. NaN where none fits."""
    gain, added = _share_and_rest(scene, planck)
    return celsius_of((counts_of(apparent, planck) - added) / gain, planck)


def uncertainty_k(apparent: float, u_k: float, scene: Scene, spread: Spread, planck: Planck) -> float:
    """The combined standard uncertainty of `surface_c` of one value, in kelvin, where the camera's own is `u_k`."""

    def slope(name: str | None, step: float) -> float:
        high, low = (
            float(surface_c(apparent + sign * step, scene, planck))
            if name is None
            else float(surface_c(apparent, _moved(scene, name, sign * step), planck))
            for sign in (1, -1)
        )
        return (high - low) / (2 * step)

    given = {name: getattr(spread, name) for name in spread.__struct_fields__}
    parts = [u_k * slope(None, 0.05)] + [u * slope(name, 1e-4) for name, u in given.items() if u > 0]
    return math.hypot(*parts)


def _moved(scene: Scene, name: str, by: float) -> Scene:
    """The scene with one value moved; beyond its range too, for a derivative at the edge."""
    return replace(scene, **{name: getattr(scene, name) + by})


def _share_and_rest(scene: Scene, planck: Planck) -> tuple[float, float]:
    """The share of the surface's signal that arrives, and the signal of everything else."""
    signal = {
        name: float(counts_of(getattr(scene, name), planck))
        for name in ("reflected_c", "air_c", "window_c", "window_reflected_c")
    }
    air, window = scene.air_transmission, scene.window_transmission
    before = air * (1.0 - scene.emissivity) * signal["reflected_c"] + (1.0 - air) * signal["air_c"]
    of_window = (1.0 - window - scene.window_reflection) * signal["window_c"]
    added = window * before + scene.window_reflection * signal["window_reflected_c"] + of_window
    return window * air * scene.emissivity, added
