"""Packages that only some devices need: named when they are missing, imported when the device is opened."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

from wire.errors import DriverError


class Needs(NamedTuple):
    """The modules that a driver imports, and the extra of Menshen that brings them."""

    extra: str
    modules: tuple[str, ...]

    def missing(self) -> str | None:
        """What to install, in a sentence; None where nothing is missing."""
        absent = [module for module in self.modules if find_spec(module.partition(".")[0]) is None]
        return f"needs {', '.join(absent)}, not installed here; {self.remedy()}" if absent else None

    def remedy(self) -> str:
        return f'install it with: pip install "menshen[{self.extra}]"'

    def load(self) -> None:
        """Import the modules; slow at the first time, so call it beside the event loop. Raises `DriverError`."""
        for module in self.modules:
            try:
                import_module(module)
            except ImportError as error:
                raise DriverError(f"package {module} cannot be loaded ({error}); {self.remedy()}") from error
