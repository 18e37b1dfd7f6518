"""The house itself: imports point one way, rooms need only their own packages, and no machine is named."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("wire", "edge", "hub", "sim", "dashboards")
MAY_IMPORT = {"wire": {"wire"}, "edge": {"wire", "edge"}, "hub": {"wire", "hub"}, "sim": {"wire", "edge", "sim"}}
MAY_IMPORT |= {"dashboards": {"wire", "hub", "dashboards"}}
IMPORT_NAMES = {"opencv-python-headless": "cv2", "influxdb-client": "influxdb_client", "paho-mqtt": "paho"}
IMPORT_NAMES |= {"libosdp": "osdp", "pyserial": "serial", "pyscard": "smartcard", "pillow": "PIL"}
IMPORT_NAMES |= {"adafruit-circuitpython-mlx90640": "adafruit_mlx90640", "argon2-cffi": "argon2"}
BY_WAY_OF = {"adafruit-circuitpython-mlx90640": {"board"}, "fastapi": {"starlette"}, "influxdb-client": {"urllib3"}}
"""What a package that we name brings along and documents as its own."""
EDGE_DEVICES = ("plates", "isapi", "serial", "gpio", "wedge", "osdp", "pcsc", "modbus", "llrp", "mlx90640", "flir")
EDGE_EXTRAS = (*EDGE_DEVICES, "watch", "guard", "plots")
"""Extras of single drivers and pages, imported only inside them: a gate without such a device needs none."""
FILES = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")] + [ROOT / "menshen.py"]
LONGEST = 500
TASK_ROOTS = (
    "edge/agent.py",
    "hub/projections/runner.py",
    "hub/watching.py",
    "wire/parts.py",
    "hub/alerts/desk.py",
    "hub/alerts/notifier.py",
    "hub/influx.py",
    "hub/watching.py",
)


def imports_of(path: Path) -> set[str]:
    """The top-level names of everything that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_imports_between_rooms_point_one_way(room):
    for path in (ROOT / room).rglob("*.py"):
        strange = (imports_of(path) & set(ROOMS)) - MAY_IMPORT[room]
        assert not strange, f"{path.relative_to(ROOT)} imports {strange}"


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_packages_that_its_extra_installs(room):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    of_room = {"wire": ["edge", "guard"], "edge": ["edge", *EDGE_EXTRAS], "sim": ["edge", "sim"]}
    of_room |= {"dashboards": ["hub", "dashboards"], "hub": ["hub", "postgresql"]}
    extras = of_room.get(room, [room])
    wanted = project["dependencies"] + [need for extra in extras for need in project["optional-dependencies"][extra]]
    names = {re.split(r"[\[>=<; ]", need)[0] for need in wanted}
    allowed = {IMPORT_NAMES.get(name, name.replace("-", "_")) for name in names}
    allowed |= {also for name in names for also in BY_WAY_OF.get(name, set())}
    if room == "wire":
        allowed.add("uvloop")  # taken where it is there
    own = set(sys.stdlib_module_names) | set(ROOMS) | {"menshen"}
    for path in (ROOT / room).rglob("*.py"):
        assert imports_of(path) - own <= allowed, path.relative_to(ROOT)


def test_no_file_is_two_rooms_in_one():
    long = {
        str(path.relative_to(ROOT)): n for path in FILES if (n := len(path.read_text("utf-8").splitlines())) > LONGEST
    }
    assert not long


def test_broad_excepts_stand_at_the_roots_of_tasks_only():
    for path in set(FILES) - {ROOT / name for name in TASK_ROOTS}:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ExceptHandler):
                assert node.type is not None, path
                assert not (isinstance(node.type, ast.Name) and node.type.id == "Exception"), f"{path}:{node.lineno}"


def test_nothing_in_the_repository_names_a_machine_or_a_registry():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    pattern = re.compile(r"/(?:root|home/\w+)/|pypi\.org|files\.pythonhosted|deb\.debian\.org|registry\.npmjs")
    for name in listed:
        path = ROOT / name
        if path.is_file() and path != Path(__file__) and path.suffix not in {".png", ".npz"}:
            found = pattern.search(path.read_text("utf-8", "replace"))
            assert not found, f"{name}: {found}"


def test_every_invariant_of_the_architecture_names_a_test_that_there_is():
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    cited = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(cited) >= 10
    for file, name in cited:
        assert re.search(rf"(def|class) {name}\b|^{name} = ", (ROOT / file).read_text("utf-8"), re.MULTILINE), name
