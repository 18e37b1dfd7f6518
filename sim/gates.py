"""The settings file of a simulated gate: people with badges before a camera, and vehicles."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

REFERENCE_C = 35.0
PAIR_BEFORE_S = 4.0
"""People stand before the camera for a while before they show their badge."""


class SimulatedGate(Struct, frozen=True, kw_only=True):
    """What a simulated gate is like: a gate of a plant as it is now or, without one, with steady arrivals.

    `fever_share` is of visits, `rate_per_min` of people. `place` is that of a gate inside the plant.
    """

    site: str
    gate: str
    host: str = "127.0.0.1"
    port: int
    seed: int
    plant: str | None = None
    people: int = 300
    rate_per_min: float = 12.0
    fever_share: float = 0.02
    spool: str = "spool.db"
    place: str | None = None


def gate_file(gate: SimulatedGate) -> str:
    """`gate.toml` for the agent; the token key and the registry are expected beside it."""
    lane = f"""driver = "simulated"
scene = "people"
seed = {gate.seed}
{_where(gate)}"""
    if gate.plant is None:
        lane += f"people = {gate.people}\nrate_per_min = {gate.rate_per_min}\nfever_share = {gate.fever_share}\n"
    return _people_lane(gate, lane) + (_vehicle_lane(gate) if gate.place is None else "")


def _people_lane(gate: SimulatedGate, lane: str) -> str:
    leads = f'place = "{gate.place}"\n' if gate.place else ""
    return f"""{gate_head(gate)}
[[lanes]]
name = "people"
{leads}# People stand before the camera for a while before they show their badge.
pair_before_s = {PAIR_BEFORE_S}

[lanes.camera]
{lane}reference_c = {REFERENCE_C}

[lanes.badge]
{lane}
[lanes.thermal]
reference_c = {REFERENCE_C}

[lanes.actuator]
driver = "log"
lane_label = "people"
"""


def _vehicle_lane(gate: SimulatedGate) -> str:
    """Vehicles come to the plant's entrances alone."""
    return f"""
[[lanes]]
name = "vehicles"
kind = "vehicle"

[lanes.vehicle]
driver = "simulated"
scene = "vehicles"
seed = {gate.seed}
{_where(gate)}"""


def _where(gate: SimulatedGate) -> str:
    """Which gate of which plant a device stands at."""
    return "" if gate.plant is None else f'plant = "{gate.plant}"\nsite = "{gate.site}"\ngate = "{gate.gate}"\n'


def gate_head(gate: SimulatedGate) -> str:
    """What stands above the lanes."""
    return f"""# Written at each start; changes are lost.
site = "{gate.site}"
gate = "{gate.gate}"
token_key_file = "token.key"
registry = "registry.json"
registry_copy_file = "{Path(gate.spool).with_suffix(".registry.db")}"
vitals_every_s = 1.0
clock_fault_after_s = 0  # the machine of a try-out may have nothing that sets its clock
fever_pictures = true

[broker]
host = "{gate.host}"
port = {gate.port}
backoff_max_s = 2.0

[spool]
path = "{gate.spool}"
"""
