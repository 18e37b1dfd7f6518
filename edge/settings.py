"""The gate's settings file (`gate.toml`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from msgspec import Meta, Struct

from edge.drivers.catalogue import Plug
from edge.guard.settings import GuardSettings
from edge.releases.settings import UpdateSettings
from edge.rules import PolicySettings
from edge.spool import SpoolSettings
from edge.thermal.settings import ThermalSettings
from wire.errors import SettingsError
from wire.events import Name
from wire.link import BrokerSettings
from wire.settings import Document, anchored


class LaneSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One lane: what it is for and its devices. A device's table names its `driver`; the rest is the driver's.

    A badge belongs to the face that was in the picture when it was shown, or left it at most `pair_before_s` before, or
    came into it at most `pair_after_s` after: no longer than one person needs to take another's place. `direction` is
    the lane's way. `counts_crossings`: its contacts tell of everybody who goes through; who is let in has `turn_s` to
    go. The parts of one vehicle come within `vehicle_wait_s`. `on_failure` is what happens when a device or the agent
    fails: secure keeps shut what cannot be measured or identified until a guard has done it by hand, safe lets it
    through. What happens without power is the wiring of the lock. `place` is where a lane inside the plant leads into,
    by the hub's name of that place (an office, the canteen); a lane without it is at the plant's own entrance.
    """

    name: Name
    kind: Literal["person", "vehicle"] = "person"
    camera: dict[str, Any] | None = None
    badge: dict[str, Any] | None = None
    vehicle: dict[str, Any] | None = None
    tag: dict[str, Any] | None = None
    contact: dict[str, Any] | None = None
    actuator: dict[str, Any] | None = None
    thermal: ThermalSettings = ThermalSettings()
    pair_before_s: Annotated[float, Meta(ge=0, le=30)] = 1.0
    pair_after_s: Annotated[float, Meta(ge=0, le=60)] = 1.0
    direction: Literal["in", "out"] = "in"
    counts_crossings: bool = False
    turn_s: Annotated[float, Meta(gt=0, le=120)] = 8.0
    vehicle_wait_s: Annotated[float, Meta(gt=0, le=60)] = 3.0
    on_failure: Literal["secure", "safe"] = "secure"
    place: Name | None = None


class GateSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that a gate needs. Paths are relative to the settings file's folder.

    `registry_copy_file` keeps what the hub says of who and what is registered; `registry` is a file that counts until
    a hub has said something.
    `fever_pictures`: a small thermal picture of whoever has a fever goes to the hub, which deletes it after a while.
    `memory_file` keeps what the gate has to know after a restart; by default beside the spool.
    `hub` is the address of the hub's console, where the gate is enrolled and its certificate renewed.
    """

    site: Name
    gate: Name
    token_key_file: str
    registry: str | None = None
    registry_copy_file: str = "var/registry.db"
    broker: BrokerSettings = BrokerSettings()
    hub: Annotated[str, Meta(pattern=r"^https?://[^\s/]+$")] | None = None
    spool: SpoolSettings = SpoolSettings()
    memory_file: str | None = None
    fever_pictures: bool = False
    guard: GuardSettings | None = None
    updates: UpdateSettings | None = None
    vitals_every_s: Annotated[float, Meta(ge=0.2, le=3600)] = 5.0
    clock_fault_after_s: Annotated[float, Meta(ge=0)] = 600.0
    """A clock that is not synchronised for so long is told as a fault; 0 where nothing sets it."""
    policy: PolicySettings = PolicySettings()
    lanes: Annotated[list[LaneSettings], Meta(min_length=1)]


class Lane(NamedTuple):
    """A lane's settings with its devices, by what they are for."""

    settings: LaneSettings
    plugs: dict[str, Plug]


class Gate(NamedTuple):
    """A gate's file, checked to the last driver's settings."""

    settings: GateSettings
    lanes: list[Lane]
    folder: Path
    """Where the file stands: relative paths in it count from there."""


def read(path: Path) -> GateSettings:
    """What the file says beside its drivers' tables, which may need packages or devices. Raises `SettingsError`."""
    document = Document.read(path)
    return anchored(document.convert(document.data, GateSettings, ()), path.parent)


def load(path: Path, folder: Path | None = None) -> Gate:
    """The gate in the file, its relative paths counted from the file's own folder, or from `folder`.

    Raises `SettingsError` with every fault of the file and of its drivers' tables.
    """
    document = Document.read(path, folder)
    settings = document.convert(document.data, GateSettings, ())
    problems: list[str] = []
    lanes = [_lane(document, index, lane, problems) for index, lane in enumerate(settings.lanes)]
    names = [lane.name for lane in settings.lanes]
    for index, name in enumerate(names):
        if name in names[:index]:
            problems.append(document.problem(("lanes", index, "name"), "is the name of an earlier lane already"))
    if settings.gate == "hub":
        problems.append(document.problem(("gate",), "is the hub's own name; expected another"))
    if problems:
        raise SettingsError(problems)
    return Gate(anchored(settings, document.folder), lanes, document.folder)


def _lane(document: Document, index: int, lane: LaneSettings, problems: list[str]) -> Lane:
    where = ("lanes", index)
    tables = {
        "thermal": ("camera", "thermal", lane.camera),
        "badge": ("badge", "badge", lane.badge),
        "vehicle": ("vehicle", "vehicle", lane.vehicle),
        "tag": ("tag", "vehicle", lane.tag),
        "contact": ("contact", "contact", lane.contact),
        "actuator": ("actuator", "actuator", lane.actuator),
    }
    plugs: dict[str, Plug] = {}
    for name, (key, kind, table) in tables.items():
        if table is not None:
            try:
                plugs[name] = Plug(document, (*where, key), kind, table)
            except SettingsError as error:
                problems += error.problems
    problems += [document.problem(where, text) for text in _missing(lane)]
    return Lane(lane, plugs)


def _missing(lane: LaneSettings) -> list[str]:
    """What a lane of its kind cannot be without, or has no use for."""
    found = []
    if lane.kind == "person" and lane.camera is None and lane.badge is None:
        found.append("a person lane without camera and badge reader sees nobody; expected at least one")
    if lane.kind == "vehicle" and lane.vehicle is None and lane.tag is None:
        found.append("a vehicle lane needs a table [lanes.vehicle] or [lanes.tag]")
    if lane.kind == "vehicle" and lane.place is not None:
        found.append(f"place = {lane.place!r}: is of a lane for people inside the plant")
    if lane.counts_crossings and (lane.contact is None or lane.kind != "person"):
        found.append("counts_crossings needs a person lane with a table [lanes.contact] that tells who goes through")
    if lane.badge is not None and lane.camera is not None and not lane.thermal.one_person:
        found.append("thermal.one_person = false cannot tell whose badge it is; expected true where there is a reader")
    return found
