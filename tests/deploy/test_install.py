"""deploy/install.sh and uninstall.sh below a folder: what they write is good, twice is once, and nothing is left.

Packages, users and services are of a real root: `deploy/try/clean-debian.sh` installs into a Debian of its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from edge import settings as gate_settings
from hub import settings as hub_settings
from tests.support.servers import binary

DEPLOY = Path(__file__).parents[2] / "deploy"
HUB = ("hub", "--site", "plant", "--names", "hub.plant,10.0.0.5", "--zone", "Asia/Urumqi")
GATE = ("gate", "--site", "plant", "--gate", "north", "--hub", "hub.plant")


def install(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(DEPLOY / "install.sh"), *words, "--root", str(root), "--venv", sys.prefix]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def uninstall(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(DEPLOY / "uninstall.sh"), *words, "--root", str(root)]
    return subprocess.run(command, check=True, capture_output=True, text=True)


def installed(root: Path, *words: str) -> Path:
    done = install(root, *words)
    assert done.returncode == 0, done.stderr
    return root


def files(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file, with what would tell that it was written anew."""
    return {
        str(path.relative_to(root)): (path.lstat().st_ino, path.lstat().st_mtime_ns, path.read_bytes())
        for path in sorted(root.rglob("*"))
        if not path.is_dir() and "opt/menshen" not in str(path)
    }


def test_the_shell_scripts_are_clean():
    shellcheck = binary("shellcheck", "shellcheck")
    scripts = [str(path) for path in DEPLOY.rglob("*.sh")]
    assert len(scripts) >= 5
    done = subprocess.run([shellcheck, "--severity=warning", *scripts], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_a_hub_s_settings_are_good_and_say_what_was_asked_for(tmp_path):
    installed(tmp_path, *HUB)
    settings = hub_settings.load(tmp_path / "etc" / "menshen" / "hub.toml")
    assert (settings.site, settings.zone, settings.data) == ("plant", "Asia/Urumqi", "/var/lib/menshen")
    assert settings.token_key_file == "/var/lib/menshen/token.key"
    assert settings.broker.username == "hub"
    assert settings.broker.password_file == "/var/lib/menshen/mqtt.password"
    assert settings.authority is not None
    assert settings.authority.names == ["hub.plant", "10.0.0.5"]
    assert settings.authority.broker_path == "/var/lib/menshen-broker"
    assert not settings.embedded_broker.enabled
    assert settings.influx is not None
    assert settings.influx.url == "http://127.0.0.1:8086"
    assert settings.console.public_url == "https://hub.plant"
    assert settings.web.host == "127.0.0.1"


def test_a_gate_s_settings_are_good_and_say_what_was_asked_for(tmp_path):
    installed(tmp_path, *GATE)
    gate = gate_settings.load(tmp_path / "etc" / "menshen" / "gate.toml").settings
    assert (gate.site, gate.gate, gate.hub) == ("plant", "north", "http://hub.plant")
    assert (gate.broker.host, gate.broker.port) == ("hub.plant", 8883)
    assert gate.broker.tls is not None
    state = "/var/lib/menshen-gate/"
    paths = (gate.token_key_file, gate.registry_copy_file, gate.spool.path, gate.broker.tls.ca)
    assert all(path is not None and path.startswith(state) for path in (*paths, gate.broker.tls.certificate))
    assert gate.broker.tls.key is None


def test_a_gate_that_is_given_release_keys_takes_updates_and_another_does_not(tmp_path):
    keys = tmp_path / "release-keys"
    keys.write_text("ed25519 AAAA\n")
    with_keys = installed(tmp_path / "with", *GATE, "--release-keys", str(keys))
    updates = gate_settings.load(with_keys / "etc/menshen/gate.toml").settings.updates
    assert updates is not None
    assert (with_keys / updates.keys_file[1:]).read_text() == keys.read_text()
    inbox = with_keys / updates.path[1:] / "inbox"
    assert inbox.stat().st_mode & 0o7777 == 0o2750
    without = installed(tmp_path / "without", *GATE)
    assert gate_settings.load(without / "etc/menshen/gate.toml").settings.updates is None
    told = install(without, *GATE, "--release-keys", str(keys)).stdout
    assert "add a table [updates]" in told
    assert "cannot be read" in install(tmp_path / "none", *GATE, "--release-keys", "nowhere").stderr


def test_a_gate_s_machine_is_started_anew_when_its_kernel_hangs_and_a_hub_s_is_left_alone(tmp_path):
    placed = "etc/systemd/system.conf.d/menshen-gate.conf"
    assert "RuntimeWatchdogSec=14s" in (installed(tmp_path / "gate", *GATE) / placed).read_text()
    assert not (installed(tmp_path / "hub", *HUB) / placed).exists()


def test_the_command_of_a_gate_is_that_of_the_release_that_runs(tmp_path):
    """By the same file for the service and for whoever types it."""
    script = (installed(tmp_path, *GATE) / "usr/local/bin/menshen").read_text()
    for name, folder in (("installed", "/opt/menshen"), ("release", "/var/lib/menshen-release/current")):
        program = tmp_path / name / "bin" / "menshen"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\necho {name} $*\n")
        program.chmod(0o755)
        script = script.replace(folder, str(tmp_path / name))
    (tmp_path / "menshen.sh").write_text(script.replace("id -u", "echo 1"))

    def say(*words: str) -> str:
        return subprocess.run(
            ["sh", tmp_path / "menshen.sh", *words], check=True, capture_output=True, text=True
        ).stdout

    assert say("edge", "run", "gate.toml") == "release edge run gate.toml\n"
    assert say("doctor", "/etc/menshen/gate.toml") == "release doctor /etc/menshen/gate.toml\n"
    assert say("hub", "check", "hub.toml") == "installed hub check hub.toml\n"
    (tmp_path / "release" / "bin" / "menshen").unlink()
    assert say("edge", "run", "gate.toml") == "installed edge run gate.toml\n"


def test_an_environment_is_used_wherever_its_path_is_said_from(tmp_path):
    (tmp_path / "env").mkdir()
    command = ["sh", str(DEPLOY / "install.sh"), *GATE, "--root", str(tmp_path / "root"), "--venv", "env"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "root" / "opt" / "menshen").resolve() == tmp_path / "env"


def test_parts_that_a_site_has_itself_are_left_out(tmp_path):
    installed(tmp_path, *HUB, "--without", "influxdb,nginx,mosquitto")
    settings = hub_settings.load(tmp_path / "etc" / "menshen" / "hub.toml")
    assert settings.influx is None
    assert settings.console.public_url is None
    assert not (tmp_path / "etc" / "nginx").exists()
    assert not list(tmp_path.glob("etc/systemd/system/*.d"))


@pytest.mark.parametrize("words", [HUB, GATE], ids=["hub", "gate"])
def test_a_second_run_changes_nothing(tmp_path, words):
    (tmp_path / "etc" / "grafana").mkdir(parents=True)
    before = files(installed(tmp_path, *words))
    assert files(installed(tmp_path, *words)) == before
    assert files(installed(tmp_path, words[0])) == before  # nor needs it to be told again what it knows


def test_settings_and_keys_that_are_there_stay(tmp_path):
    installed(tmp_path, *HUB)
    settings, key = tmp_path / "etc" / "menshen" / "hub.toml", tmp_path / "var" / "lib" / "menshen" / "token.key"
    was = key.read_bytes()
    settings.write_text('site = "ours"\n')
    installed(tmp_path, *HUB)
    assert settings.read_text() == 'site = "ours"\n'
    assert key.read_bytes() == was
    assert len(was.strip()) == 44
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_unit_of_an_older_version_is_brought_up_to_date(tmp_path):
    installed(tmp_path, *GATE)
    unit = tmp_path / "etc" / "systemd" / "system" / "menshen-gate.service"
    unit.write_text("[Service]\n")
    assert "menshen-gate.service: written" in install(tmp_path, *GATE).stdout
    assert unit.read_bytes() == (DEPLOY / "systemd" / "menshen-gate.service").read_bytes()


def test_uninstalling_leaves_settings_and_data_and_purging_nothing(tmp_path):
    (tmp_path / "etc" / "grafana").mkdir(parents=True)
    other = tmp_path / "etc" / "systemd" / "system" / "mosquitto.service.d" / "local.conf"
    other.parent.mkdir(parents=True)
    other.write_text("[Service]\nNice=1\n")
    before = set(files(tmp_path))
    installed(tmp_path, *HUB)
    installed(tmp_path, *GATE)
    assert len(files(tmp_path)) > len(before) + 10
    uninstall(tmp_path)
    left = set(files(tmp_path)) - before
    assert left == {"etc/menshen/hub.toml", "etc/menshen/gate.toml", "var/lib/menshen/token.key"}
    assert not (tmp_path / "opt" / "menshen").exists()
    uninstall(tmp_path, "--purge")
    assert set(files(tmp_path)) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("hub",), "--site is missing"),
        (("gate", "--site", "plant"), "--gate or --hub is missing"),
        (("hub", "--site", 'pl"ant'), "expected letters"),
        (("hub", "--size", "3"), "--size: no such option"),
        (("hub", "--site"), "--site: expected a value"),
    ],
)
def test_a_wish_that_cannot_be_is_told_and_nothing_is_written(tmp_path, words, said):
    command = ["sh", str(DEPLOY / "install.sh"), words[0], "--root", str(tmp_path), "--venv", sys.prefix, *words[1:]]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert said in done.stderr
    assert not list(tmp_path.iterdir())


UUID = "0b0bd5d2-98b6-4f3c-9d2a-6f2b8f0c1a77"


def test_a_gate_s_system_can_be_read_only_and_only_its_data_is_written(tmp_path):
    installed(tmp_path, *GATE, "--read-only", UUID)
    once = files(tmp_path)
    units = tmp_path / "etc/systemd/system"
    mount = (units / r"var-lib-menshen\x2dgate.mount").read_text()
    assert f"What=/dev/disk/by-uuid/{UUID}\nWhere=/var/lib/menshen-gate\n" in mount
    assert "Options=noatime,nodev,nosuid,noexec,errors=remount-ro\n" in mount
    releases = (units / r"var-lib-menshen\x2drelease.mount").read_text()
    assert "What=/var/lib/menshen-gate/releases\nWhere=/var/lib/menshen-release\n" in releases
    assert "Options=bind,exec,nodev,nosuid\n" in releases
    assert r"After=var-lib-menshen\x2dgate.mount" in (units / "menshen-gate.service.d/data.conf").read_text()
    assert (tmp_path / "etc/overlayroot.local.conf").read_text().endswith('overlayroot="tmpfs:recurse=0"\n')
    assert "Storage=volatile" in (tmp_path / "etc/systemd/journald.conf.d/menshen-gate.conf").read_text()
    analyze = [binary("systemd-analyze", "systemd"), "verify", *map(str, units.glob("*.mount"))]
    verified = subprocess.run(analyze, check=False, capture_output=True, text=True)
    assert not re.search("x2dgate|x2drelease", verified.stderr), verified.stderr
    installed(tmp_path, *GATE, "--read-only", UUID)
    assert files(tmp_path) == once, "a second run changes nothing"
    uninstall(tmp_path)
    assert (tmp_path / "etc/overlayroot.local.conf").read_text() == 'overlayroot="disabled"\n'
    uninstall(tmp_path, "--purge")
    left = {path for path in files(tmp_path) if path.startswith("etc")}
    assert left == {"etc/overlayroot.local.conf"}


def test_only_gates_are_read_only(tmp_path):
    assert "--read-only is for gates" in install(tmp_path, *HUB, "--read-only", UUID).stderr
