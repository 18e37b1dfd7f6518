"""Drivers tell what they are: every one is listed, described, and has an example that is good."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import menshen
from edge.drivers import catalogue, listing, needs
from edge.drivers.catalogue import Plug
from tests.support.clocks import HandClock
from wire.errors import SettingsError
from wire.settings import Document

ROOM = Path(listing.__file__).parent
README = (ROOM / "README.md").read_text("utf-8")
DESCRIBED = dict(re.findall(r"^### `([\w-]+)`\n(.*?)(?=^##|\Z)", README, re.MULTILINE | re.DOTALL))
ALL = [one for one in listing.drivers() if one.name != "simulated"]
OURS = [one for one in ALL if one.kind != "thermal"]
SELF_EXPLAINING = {"path", "speed", "loop"}


def ids(one: listing.Listed) -> str:
    return f"{one.kind}-{one.name}"


@pytest.mark.parametrize("one", OURS, ids=ids)
def test_every_driver_is_described_with_an_example_that_is_good_and_made_without_opening_anything(one, tmp_path):
    (example,) = re.findall(r"```toml\n(.*?)```", DESCRIBED[one.name], re.DOTALL)
    document = Document(tmp_path / "gate.toml", example)
    assert document.data["driver"] == one.name
    assert Plug(document, (), one.kind, document.data).make(HandClock()) is not None


def test_the_example_of_a_gate_with_devices_is_good(tmp_path, capsys):
    (tmp_path / "token.key").write_text("k" * 32)
    example = ROOM.parents[1] / "deploy" / "examples" / "gate-devices.toml"
    (tmp_path / "gate.toml").write_text(example.read_text("utf-8"))
    assert menshen.main(["edge", "check", str(tmp_path / "gate.toml")]) == 0, capsys.readouterr().err


def test_nothing_is_described_that_is_not_there():
    assert set(DESCRIBED) == {one.name for one in OURS}


@pytest.mark.parametrize("one", ALL, ids=ids)
def test_every_driver_and_each_of_its_settings_has_a_meaning(one):
    assert one.about.endswith(".")
    unexplained = {setting.name for setting in one.settings if not setting.meaning} - SELF_EXPLAINING
    assert not unexplained


@pytest.mark.parametrize("one", OURS, ids=ids)
def test_the_extra_of_a_driver_is_one_of_the_project_and_among_the_devices(one):
    extras = tomllib.loads((ROOM.parents[1] / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    named = re.match(r"\nExtra `(\w+)`", DESCRIBED[one.name])
    if named:
        assert named[1] in extras
        # The packages of `plates` want a second OpenCV: they are installed from a lock of their own.
        assert (named[1] in extras["devices"][0]) is (named[1] != "plates")


def test_the_command_lists_them_all_those_of_a_kind_or_one(capsys):
    assert menshen.main(["edge", "drivers"]) == 0
    every = capsys.readouterr().out
    assert all(f"{one.kind}: {one.name}\n" in every for one in ALL)
    assert menshen.main(["edge", "drivers", "contact"]) == 0
    assert re.findall(r"^(\w+): ", capsys.readouterr().out, re.MULTILINE) == ["contact", "contact"]
    assert menshen.main(["edge", "drivers", "wiegand"]) == 0
    told = capsys.readouterr().out
    assert "d0  (whole number from 0 to 1,023, required)\n        GPIO line of D0 (green)." in told
    assert 'number_as  ("decimal" | "facility-number" | "hex", default "decimal")' in told


def test_a_driver_that_there_is_not_is_answered_with_the_nearest(capsys):
    assert menshen.main(["edge", "drivers", "wigand"]) == 1
    assert "no drivers of kind or name 'wigand', did you mean 'wiegand'?" in capsys.readouterr().err


def test_a_missing_package_is_named_with_what_to_install_and_where_it_was_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(needs, "find_spec", lambda name: None)
    document = Document(tmp_path / "gate.toml", '[badge]\ndriver = "wedge"\ndevice = "/dev/input/event0"\n')
    with pytest.raises(SettingsError) as told:
        Plug(document, ("badge",), "badge", document.data["badge"])
    assert str(told.value).endswith(
        "gate.toml:2: badge.driver = 'wedge': needs evdev, not installed here; "
        'install it with: pip install "menshen[wedge]"'
    )


def test_what_a_lamp_needs_depends_on_what_it_hangs_on(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(needs, "find_spec", lambda name: asked.append(name) or True)
    for via in ('"gpio"', '"modbus", host = "x"'):
        text = f'driver = "lamp"\nswitches = {{ via = {via} }}\ngreen = 1\nred = 2\n'
        document = Document(tmp_path / "gate.toml", text)
        catalogue.Plug(document, (), "actuator", document.data)
    assert asked == ["gpiod", "pymodbus", "serial"]
