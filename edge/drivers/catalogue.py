"""Drivers by name: entry points of the groups `menshen.thermal`, `.badge`, `.vehicle`, `.contact` and `.actuator`.

A package of your own that declares one of these is found without a change here.
"""

from __future__ import annotations

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
        raise SettingsError([document.problem((*where, "driver"), f"cannot be loaded: {error}")]) from error
    return loaded


class Plug:
    """A driver of the settings file that can be made as often as it must be restarted."""

    def __init__(self, document: Document, where: Path_, kind: str, table: dict[str, Any]) -> None:
        """Raises `SettingsError` when there is no such driver, or its table does not fit its settings."""
        self.kind = kind
        self._class = driver_class(document, where, kind, table.get("driver"))
        needs: Needs | None = getattr(self._class, "needs", None)
        if needs is not None and (absent := needs.missing()) is not None:
            raise SettingsError([document.problem((*where, "driver"), absent)])
        rest = {key: value for key, value in table.items() if key != "driver"}
        self._settings = anchored(document.convert(rest, self._class.Settings, where), document.path.parent)

    def make(self, timekeeper: Timekeeper) -> Any:  # noqa: ANN401 - a driver of `kind`; `edge.devices` narrows it
        """A new driver; nothing is opened yet."""
        driver: Driver = self._class(self._settings, timekeeper)
        return driver
