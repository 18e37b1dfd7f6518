"""Drivers by name: entry points of the groups `menshen.thermal`, `.badge`, `.vehicle`, `.contact` and `.actuator`.

A package of your own that declares one of these is found without a change here.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from typing import Any

from edge.clock import Timekeeper
from edge.drivers.base import Driver
from edge.drivers.needs import Needs
from wire.errors import SettingsError
from wire.settings import Document, Path_, anchored, nearest


def driver_class(document: Document, where: Path_, kind: str, name: object) -> type[Any]:
    """The driver class of that kind and name, asked for at `where`. Raises `SettingsError`, naming those there are."""
    found = metadata.entry_points(group=f"menshen.{kind}")
    names = sorted(found.names)
    if not isinstance(name, str) or name not in found.names:
        near = nearest(str(name), names) or f", expected one of: {', '.join(names)}"
        raise SettingsError([document.problem((*where, "driver"), f"no such {kind} driver{near}")])
    try:
        loaded: type[Any] = found[name].load()
    except ImportError as error:
        need = (
            f'; install what it needs with: pip install "menshen[{extras}]"' if (extras := _extras(found[name])) else ""
        )
        raise SettingsError([document.problem((*where, "driver"), f"cannot be loaded: {error}{need}")]) from error
    return loaded


def _extras(entry: metadata.EntryPoint) -> str:
    """What an entry point says that it needs (`name = "module:Class [extra]"`)."""
    return ",".join(entry.extras)


class Plug:
    """A driver of the settings file that can be made as often as it must be restarted.

    A driver that works others carries `nested`: the settings that hold tables of drivers, with the kind of these. It is
    made with a tuple of plugs for each.
    """

    def __init__(self, document: Document, where: Path_, kind: str, table: dict[str, Any]) -> None:
        """Raises `SettingsError` when there is no such driver, its package is missing, or its table does not fit."""
        self.kind = kind
        self.name = str(table.get("driver"))
        self._class = driver_class(document, where, kind, table.get("driver"))
        rest = {key: value for key, value in table.items() if key != "driver"}
        self._settings = anchored(document.convert(rest, self._class.Settings, where), document.folder)
        needs = needs_of(self._class, self._settings)
        if needs is not None and (absent := needs.missing()) is not None:
            raise SettingsError([document.problem((*where, "driver"), absent)])
        nested: dict[str, str] = getattr(self._class, "nested", {})
        self._plugs = {
            field: _plugs(document, (*where, field), inner, getattr(self._settings, field))
            for field, inner in nested.items()
        }

    def trait(self, name: str, default: Any) -> Any:  # noqa: ANN401 - what a driver's class says of itself
        """An attribute of the driver's class, where it has it."""
        return getattr(self._class, name, default)

    def make(self, timekeeper: Timekeeper) -> Any:  # noqa: ANN401 - a driver of `kind`; `edge.devices` narrows it
        """A new driver; nothing is opened yet."""
        driver: Driver = self._class(self._settings, timekeeper, **self._plugs)
        return driver


def _plugs(document: Document, where: Path_, kind: str, tables: Sequence[dict[str, Any]]) -> tuple[Plug, ...]:
    """A plug for each table. Raises `SettingsError` with the faults of all."""
    plugs, problems = [], []
    for index, table in enumerate(tables):
        try:
            plugs.append(Plug(document, (*where, index), kind, table))
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(problems)
    return tuple(plugs)


def needs_of(kind: type[Any], settings: object) -> Needs | None:
    """The packages that a driver with these settings cannot do without, where it says so."""
    depends = getattr(kind, "needs_of", None)
    found: Needs | None = depends(settings) if depends is not None else getattr(kind, "needs", None)
    return found
