"""deploy/compose.yaml: understood by docker-compose itself, and of one mind with the settings and the image it brings.

No container is started: tests have no engine to start one with.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub import settings as hub_settings
from tests.support.servers import binary, free_port, listening, wait_until

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "container" / "Dockerfile").read_text("utf-8")


@pytest.fixture(scope="module")
def understood() -> dict[str, Any]:
    """The file as docker-compose reads it, with all defaults."""
    program = binary("docker-compose", "docker-compose")
    done = subprocess.run(
        [program, "-f", str(DEPLOY / "compose.yaml"), "config"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    return found


def test_docker_compose_understands_the_file(understood):
    assert set(understood["services"]) == {"prepare", "mosquitto", "hub", "influxdb"}


def test_the_hub_s_settings_fit_the_volumes_and_the_network(understood):
    settings = hub_settings.load(DEPLOY / "container" / "hub.toml")
    hub = understood["services"]["hub"]
    places = {re.sub(r":r[ow]$", "", volume).rpartition(":")[2] for volume in hub["volumes"]}
    assert {settings.data, "/etc/menshen/hub.toml"} <= places
    assert settings.authority is not None
    assert settings.authority.broker_path in places
    assert hub["network_mode"] == "service:mosquitto"
    assert settings.broker.host == "127.0.0.1"
    assert settings.influx is not None
    assert settings.influx.url == "http://influxdb:8086"


def test_only_gates_reach_a_port_from_elsewhere(understood):
    settings = hub_settings.load(DEPLOY / "container" / "hub.toml")
    ports = [port for service in understood["services"].values() for port in service.get("ports", [])]
    here_only = [port for port in ports if str(port).startswith("127.0.0.1:")]
    assert settings.authority is not None
    port = settings.authority.port
    assert [each for each in ports if each not in here_only] == [{"published": port, "target": port}]
    assert here_only == [f"127.0.0.1:{settings.web.port}:{settings.web.port}/tcp"]


def test_mosquitto_reads_its_rights_anew_when_the_hub_has_replaced_them(tmp_path):
    port = free_port()
    acl, log = tmp_path / "acl", tmp_path / "log"
    acl.write_text("user nobody\n")
    root = "user root\n" if os.geteuid() == 0 else ""
    (tmp_path / "mosquitto.conf").write_text(
        f"{root}listener {port} 127.0.0.1\nallow_anonymous true\nacl_file {acl}\nlog_type all\nlog_dest file {log}\n"
    )
    binary("mosquitto", "mosquitto")
    script = subprocess.Popen(
        ["sh", str(DEPLOY / "container" / "mosquitto.sh")],
        env=os.environ | {"MENSHEN_BROKER": str(tmp_path), "PATH": f"{os.environ['PATH']}:/usr/sbin"},
    )
    try:
        wait_until(lambda: listening(port), "mosquitto listens")
        assert "Reloading config" not in log.read_text()
        (tmp_path / "new").write_text("user somebody\n")
        (tmp_path / "new").replace(acl)
        wait_until(lambda: "Reloading config" in log.read_text(), "mosquitto reloads")
    finally:
        script.terminate()
        script.wait(20)
    assert not listening(port)


def test_everything_that_the_image_is_made_of_is_in_the_repository():
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    assert copied
    for name in " ".join(copied).split():
        assert (ROOT / name).exists(), name
    packages = {"wire", "edge", "hub", "sim", "dashboards"}
    assert packages <= set(" ".join(copied).split())


def test_the_hub_in_the_image_is_nobody_of_note():
    assert DOCKERFILE.rstrip().splitlines()[-3] == "USER menshen"
