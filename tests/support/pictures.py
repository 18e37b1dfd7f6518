"""Thermal frames of one person for tests of the screening."""

from __future__ import annotations

import numpy as np

from edge.drivers.base import CelsiusImage
from sim.frames import Pose, Posed, View, picture, plain_looks
from sim.people import SimPerson
from sim.sensor import Sensor


def render(
    view: View, person: SimPerson | None, pose: Pose, draw: np.random.Generator, drift_c: float = 0.0
) -> CelsiusImage:
    """One frame in °C, float32, shape (height, width). `drift_c` is the camera's offset, on everything alike."""
    posed = [] if person is None else [Posed(plain_looks(person), pose)]
    at_s = float(draw.uniform(0, 1e6))  # any moment: this call knows none, and noise must not repeat
    return picture(view, posed, draw, sensor=Sensor(offset_c=drift_c), at_s=at_s)
