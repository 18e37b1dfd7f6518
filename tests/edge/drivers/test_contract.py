"""That no driver is left out of the contract."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]
NO_DEVICE = {
    "edge.drivers.log:LogActuator",  # writes a line of the log; nothing that could vanish or hang
    "edge.drivers.all:All",  # hands on to others, which keep the contract themselves: test_all.py
}


def named_drivers() -> set[str]:
    """Every driver that a gate's settings can name, as `module:Class`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    kinds = {name: each for name, each in project["entry-points"].items() if name.startswith("menshen.")}
    assert {"menshen.thermal", "menshen.badge", "menshen.vehicle", "menshen.contact", "menshen.actuator"} <= set(kinds)
    return {
        target.partition(" ")[0] for name, each in kinds.items() if name != "menshen.boards" for target in each.values()
    }


def under_contract() -> set[str]:
    """What the modules import that have a class of tests with one of the contracts."""
    found: set[str] = set()
    for path in [*(ROOT / "tests/edge/drivers").glob("test_*.py"), *(ROOT / "tests/sim").glob("test_*.py")]:
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        bases = {base.id for node in nodes if isinstance(node, ast.ClassDef) for base in node.bases
                 if isinstance(base, ast.Name)}  # fmt: skip
        if bases & {"DriverContract", "DeviceContract", "ActuatorContract"}:
            imports = [node for node in nodes if isinstance(node, ast.ImportFrom)]
            found |= {f"{node.module}:{alias.name}" for node in imports for alias in node.names}
    return found


def test_every_driver_that_settings_can_name_is_held_to_the_contract():
    assert named_drivers() - under_contract() == NO_DEVICE
