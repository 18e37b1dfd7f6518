"""The gate's settings file (`gate.toml`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from msgspec import Meta, Struct

from edge.drivers.catalogue import Plug
from edge.guard.settings import GuardSettings
from edge.spool import SpoolSettings
from edge.thermal.settings import ThermalSettings
from wire.errors import SettingsError
from wire.events import Name
from wire.link import BrokerSettings
from wire.settings import Document, anchored


class LaneSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One lane: what it is for and its devices. A device's table names its `driver`; the rest is the driver's.

    `pair_before_s` and `pair_after_s` bound the time around a badge within which a temperature belongs to it.
    """

    name: Name
    kind: Literal["person", "vehicle"] = "person"
    camera: dict[str, Any] | None = None
    badge: dict[str, Any] | None = None
    vehicle: dict[str, Any] | None = None
    actuator: dict[str, Any] | None = None
    thermal: ThermalSettings = ThermalSettings()
    pair_before_s: Annotated[float, Meta(ge=0, le=30)] = 1.0
    pair_after_s: Annotated[float, Meta(gt=0, le=60)] = 3.0


class GateSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that a gate needs. Paths are relative to the settings file's folder.

    `registry_copy_file` keeps what the hub says of who and what is registered; `registry` is a file that counts until
    a hub has said something.
    """

    site: Name
    gate: Name
    token_key_file: str
    registry: str | None = None
    registry_copy_file: str = "var/registry.db"
    broker: BrokerSettings = BrokerSettings()
    spool: SpoolSettings = SpoolSettings()
    guard: GuardSettings | None = None
    vitals_every_s: Annotated[float, Meta(ge=0.2, le=3600)] = 5.0
    lanes: Annotated[list[LaneSettings], Meta(min_length=1)]


class Lane(NamedTuple):
    """A lane's settings with its devices, by kind."""

    settings: LaneSettings
    plugs: dict[str, Plug]


class Gate(NamedTuple):
    """A gate's file, checked to the last driver's settings."""

    settings: GateSettings
    lanes: list[Lane]
    folder: Path
    """Where the file stands: relative paths in it count from there."""


def load(path: Path) -> Gate:
    """The gate in the file. Raises `SettingsError` with every fault of the file and of its drivers' tables."""
    document = Document.read(path)
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
    return Gate(anchored(settings, path.parent), lanes, path.parent)


def _lane(document: Document, index: int, lane: LaneSettings, problems: list[str]) -> Lane:
    where = ("lanes", index)
    tables = {"thermal": ("camera", lane.camera), "badge": ("badge", lane.badge)}
    tables |= {"vehicle": ("vehicle", lane.vehicle), "actuator": ("actuator", lane.actuator)}
    plugs: dict[str, Plug] = {}
    for kind, (key, table) in tables.items():
        if table is not None:
            try:
                plugs[kind] = Plug(document, (*where, key), kind, table)
            except SettingsError as error:
                problems += error.problems
    problems += [document.problem(where, text) for text in _missing(lane)]
    return Lane(lane, plugs)


def _missing(lane: LaneSettings) -> list[str]:
    """What a lane of its kind cannot be without."""
    if lane.kind == "person" and lane.camera is None and lane.badge is None:
        return ["a person lane without camera and badge reader sees nobody; expected at least one"]
    if lane.kind == "vehicle" and lane.vehicle is None:
        return ["a vehicle lane needs a table [lanes.vehicle]"]
    return []
