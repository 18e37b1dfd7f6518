"""The documentation is complete: no setting without its example, no measurement or command without its mention."""

from __future__ import annotations

import argparse
import re
import typing
from pathlib import Path

import msgspec
import pytest

import menshen
from edge import cli as edge_cli
from edge.drivers.hikvision import HikvisionCamera
from edge.drivers.lepton import LeptonCamera
from edge.drivers.mlx90640 import Mlx90640Camera
from edge.drivers.plate_camera import PlateCamera
from edge.drivers.replay import ReplayCamera
from edge.drivers.topdon import TopdonCamera
from edge.guard import passwords
from edge.settings import GateSettings
from edge.thermal.settings import ThermalSettings
from hub import cli as hub_cli
from hub.alerts.channels import KINDS
from hub.measurements import DUTIES, ROUND_FIGURES, SCHEMA
from hub.settings import HubSettings
from hub.standings.points import STANDINGS

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "deploy" / "examples"
CAMERAS = (HikvisionCamera, LeptonCamera, Mlx90640Camera, TopdonCamera)


def keys_of(kind: object) -> set[str]:
    """All keys that a settings struct takes, and those of the structs in it."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = msgspec.structs.fields(kind)
        return {field.name for field in fields} | {key for field in fields for key in keys_of(field.type)}
    return {key for part in typing.get_args(kind) for key in keys_of(part)}


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("hub.toml", (HubSettings, *KINDS.values())),
        ("gate.toml", (GateSettings, ThermalSettings, ReplayCamera.Settings)),
        ("cameras.toml", tuple(camera.Settings for camera in CAMERAS)),
        ("plates.toml", (PlateCamera.Settings,)),
    ],
)
def test_every_setting_stands_in_the_example_and_every_example_is_a_setting(name, kinds):
    text = (EXAMPLES / name).read_text("utf-8")
    shown = set(re.findall(r"^#? ?\[*(?:\w+\.)*(\w+)\]* *(?:=|\]|$|#)", text, re.MULTILINE))
    assert set().union(*(keys_of(kind) for kind in kinds)) <= shown


def test_the_examples_are_good(tmp_path, capsys):
    (tmp_path / "token.key").write_text("k" * 32)
    for room, name in (("hub", "hub.toml"), ("edge", "gate.toml"), ("edge", "cameras.toml"), ("edge", "plates.toml")):
        (tmp_path / name).write_text((EXAMPLES / name).read_text("utf-8"))
        assert menshen.main([room, "check", str(tmp_path / name)]) == 0, capsys.readouterr().err


def test_the_examples_are_good_with_everything_in_them_that_is_commented_out(tmp_path, capsys):
    (tmp_path / "token.key").write_text("k" * 32)
    (tmp_path / "registry.json").write_text('{"v":1,"version":1,"entries":[]}')
    passwords.write(tmp_path / "guard.password", "correct horse")
    (tmp_path / "duty.ics").write_text("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//\nEND:VCALENDAR\n")
    for room, name in (("hub", "hub.toml"), ("edge", "gate.toml")):
        text = (EXAMPLES / name).read_text("utf-8")
        (tmp_path / name).write_text(re.sub(r"^# (?=\[|\w+ = )", "", text, flags=re.MULTILINE))
        assert menshen.main([room, "check", str(tmp_path / name)]) == 0, capsys.readouterr().err


def test_every_measurement_and_command_is_documented():
    text = (ROOT / "README.md").read_text("utf-8") + (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    for measurement in (*SCHEMA, *STANDINGS, *DUTIES, *ROUND_FIGURES):
        assert f"`{measurement.name}`" in text
    for room in menshen.ROOMS:
        assert f"menshen {room}" in text


DOCS = sorted((ROOT / "docs").glob("*.md"))


def subcommands(parser: argparse.ArgumentParser) -> set[str]:
    """All commands below a parser, with the words that lead to them."""
    found: set[str] = set()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                found |= {name} | {f"{name} {word}" for word in subcommands(inner)}
    return found


@pytest.mark.parametrize("page", [*DOCS, ROOT / "README.md"], ids=lambda page: page.name)
def test_every_command_that_a_page_tells_to_type_is_one(page):
    known = {"edge": subcommands(edge_cli._parser()), "hub": subcommands(hub_cli._parser())}
    typed = re.findall(r"menshen (edge|hub) ([a-z-]+)", page.read_text("utf-8"))
    assert typed
    assert not [words for words in typed if words[1] not in known[words[0]]]


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_each_page_is_linked_and_names_files_and_tests_that_there_are(page):
    text = page.read_text("utf-8")
    assert f"(docs/{page.name})" in (ROOT / "README.md").read_text("utf-8")
    for file, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text):
        assert f"def {name}(" in (ROOT / file).read_text("utf-8"), name
    for file in re.findall(r"`(deploy/[\w./-]+)`", text):
        assert (ROOT / file).exists(), file
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (page.parent / link).exists(), link
