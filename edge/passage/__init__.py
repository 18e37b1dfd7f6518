"""What one lane saw becomes passages: pure state machines in event time, without devices, policy or clock.

badge, temperature, who is in the picture ─► Fusion ─► Passage ─► (policy decides) ─► Turns ◄─ crossings ◄─ contacts
                                                                              │
                                          Sightings (who went in or out, where and when) ◄┘
tag, plate, occupants' temperatures ─► VehicleFusion ─► Visit
"""

from edge.passage.crossings import Crossing, Crossings
from edge.passage.fusion import Fusion
from edge.passage.sightings import Sightings, Walks, is_inside, too_soon
from edge.passage.turns import Finding, Turns
from edge.passage.types import LATE_S, BadgeSeen, Passage
from edge.passage.vehicles import VehicleFusion, VehicleSeen, Visit

__all__ = [
    "LATE_S",
    "BadgeSeen",
    "Crossing",
    "Crossings",
    "Finding",
    "Fusion",
    "Passage",
    "Sightings",
    "Turns",
    "VehicleFusion",
    "VehicleSeen",
    "Visit",
    "Walks",
    "is_inside",
    "too_soon",
]
