"""The units of deploy/systemd: right by systemd's own word, and shut as far as the work allows."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.servers import binary

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
SERVICES = ["menshen-gate.service", "menshen-hub.service"]
MOST_EXPOSED = 2.0
"""On systemd's scale from 0 to 10."""


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNITS / name)
    return parser


@pytest.mark.parametrize("name", sorted(path.name for path in UNITS.iterdir()))
def test_systemd_understands_each_unit(name, tmp_path):
    analyze = binary("systemd-analyze", "systemd")
    folder = tmp_path / "units"
    shutil.copytree(UNITS, folder)
    for path in folder.iterdir():  # the programs are not installed here
        path.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", path.read_text(), flags=re.MULTILINE))
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(folder / name)], check=False, capture_output=True, text=True
    )
    told = [line for line in done.stderr.splitlines() if "menshen" in line]
    assert not told
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", [*SERVICES, "menshen-release.service"])
def test_each_service_is_hardly_exposed(name):
    analyze = binary("systemd-analyze", "systemd")
    done = subprocess.run(
        [analyze, "security", "--offline=yes", "--no-pager", str(UNITS / name)],
        check=False,
        capture_output=True,
        text=True,
    )
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found.group(1)) <= MOST_EXPOSED


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_watched_restarted_for_ever_and_bounded(name):
    service = unit(name)["Service"]
    assert service["Type"] == "notify"
    assert service["Restart"] == "always"
    assert int(service["WatchdogSec"].removesuffix("s")) >= 10
    assert {"MemoryMax", "TasksMax", "StateDirectory"} <= set(service)


def test_the_broker_s_rights_are_watched_where_the_installer_has_the_hub_write_them():
    from hub.trust.broker import ACL_FILE

    folder = "/var/lib/menshen-broker"
    assert f"broker={folder}\n" in (UNITS.parent / "install.sh").read_text()
    assert unit("menshen-broker-reload.path")["Path"]["PathChanged"] == f"{folder}/{ACL_FILE}"
    assert unit("menshen-hub.service")["Service"]["ReadWritePaths"] == f"-{folder}"
    assert f"-c {folder}/mosquitto.conf" in (UNITS.parent / "drop-in" / "mosquitto.conf").read_text()


def test_the_loader_has_the_folder_that_the_installer_makes_and_the_agent_writes_only_into_its_inbox():
    """And the agent of a release runs behind the same unit as the one that was installed."""
    from edge.releases import loader
    from edge.releases.settings import UpdateSettings

    folder, gate = UpdateSettings().path, unit("menshen-gate.service")["Service"]
    assert f"releases={folder} " in (UNITS.parent / "install.sh").read_text()
    assert unit("menshen-release.service")["Service"]["ReadWritePaths"] == folder
    assert gate["ReadWritePaths"] == f"-{folder}/{loader.INBOX}"
    assert gate["ExecStartPre"].endswith(f"-m edge.releases.loader start {folder}")
    assert unit("menshen-release.path")["Path"]["PathChanged"] == f"{folder}/{loader.INBOX}/{loader.REQUEST_FILE}"
    assert unit("menshen-release-restart.path")["Path"]["PathChanged"] == f"{folder}/{loader.RESTART}"


def test_the_loader_can_read_which_running_of_the_machine_it_is():
    """The end of a trial is counted within one: without the kernel's boot id each look would begin anew."""
    assert unit("menshen-release.service")["Service"].get("ProcSubset", "all") == "all"
