"""The documentation is complete: no setting without its example, no measurement or command without its mention."""

from __future__ import annotations

import re
import typing
from pathlib import Path

import msgspec
import pytest

import menshen
from edge.drivers.hikvision import HikvisionCamera
from edge.drivers.lepton import LeptonCamera
from edge.drivers.mlx90640 import Mlx90640Camera
from edge.drivers.plate_camera import PlateCamera
from edge.drivers.replay import ReplayCamera
from edge.drivers.topdon import TopdonCamera
from edge.guard import passwords
from edge.settings import GateSettings
from edge.thermal.settings import ThermalSettings
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
