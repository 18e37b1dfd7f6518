"""`menshen doctor` at plants with something wrong: it finds that, says what to do, and leaves everything as it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

import menshen
from edge import doctor, identity
from edge import settings as edge_settings
from hub.doctor import check_backup, check_gates, check_schema
from hub.trust import broker
from hub.trust.authority import Authority, Revoked, serial_of
from hub.trust.broker import Ports
from hub.trust.gates import GateRow
from tests.support.servers import InfluxDB1, free_port
from tests.support.trust import SITE, TOKEN_KEY, TrustedMosquitto
from wire.findings import Level

DAY_NS = 86400 * 10**9
HUB_USER = ("hub", "a long and random word")


class Plant:
    """An authority, mosquitto under it, and one gate's files, all good."""

    def __init__(self, folder: Path, life: timedelta = timedelta(days=90)) -> None:
        now = datetime.now(UTC)
        self.ports = Ports(free_port(), free_port())
        self.hub, self.gate, self.files = folder / "hub", folder / "gate", folder / "broker"
        self.gate.mkdir(parents=True)
        self.hub.mkdir()
        self.authority = Authority.load_or_make(self.hub / "authority", SITE, now)
        broker.write_files(self.files, self.authority, ["localhost", "127.0.0.1"], self.ports, HUB_USER, now)
        key = identity.new_key()
        name = f"{SITE}:north"
        self.certificate = self.authority.sign_gate(identity.signing_request(key, SITE, "north"), name, life, now)
        pem = self.certificate.public_bytes(identity.serialization.Encoding.PEM).decode()
        identity.write(self.gate / "gate.pem", key, pem)
        (self.gate / "site.pem").write_text(self.authority.pem)
        self.secret(self.gate / "token.key", TOKEN_KEY)
        self.rights()
        (self.gate / "gate.toml").write_text(
            f'site = "{SITE}"\ngate = "north"\ntoken_key_file = "token.key"\n[spool]\npath = "spool.db"\n'
            f'max_bytes = 1000000\n[broker]\nhost = "localhost"\nport = {self.ports.gates}\n'
            '[broker.tls]\nca = "site.pem"\ncertificate = "gate.pem"\n'
            '[[lanes]]\nname = "people"\n[lanes.badge]\ndriver = "simulated"\nscene = "x"\n'
        )
        self.mosquitto = TrustedMosquitto(self.files, self.ports.gates)

    def give(self, gate: str) -> None:
        """The gate gets another's card."""
        key, name = identity.new_key(), f"{SITE}:{gate}"
        request = identity.signing_request(key, SITE, gate)
        made = self.authority.sign_gate(request, name, timedelta(days=90), datetime.now(UTC))
        identity.write(self.gate / "gate.pem", key, made.public_bytes(identity.serialization.Encoding.PEM).decode())

    def mix_keys(self) -> None:
        """Certificate and key of two enrolments."""
        pem = self.certificate.public_bytes(identity.serialization.Encoding.PEM).decode()
        identity.write(self.gate / "gate.pem", identity.new_key(), pem)

    def change(self, old: str, new: str) -> None:
        text = (self.gate / "gate.toml").read_text()
        assert old in text
        (self.gate / "gate.toml").write_text(text.replace(old, new))

    def add(self, *lines: str) -> None:
        self.change("[[lanes]]", "\n".join([*lines, "[[lanes]]"]))

    def rights(self, *revoked: Revoked) -> None:
        broker.write_rights(self.files, self.authority, SITE, "hub", ["north"], revoked, datetime.now(UTC))

    def hub_file(self, more: str = "") -> Path:
        self.secret(self.hub / "token.key", TOKEN_KEY)
        self.secret(self.hub / "mqtt.password", HUB_USER[1].encode())
        path = self.hub / "hub.toml"
        path.write_text(
            f'site = "{SITE}"\ndata = "."\ntoken_key_file = "token.key"\n'
            f'[broker]\nport = {self.ports.hub}\nusername = "hub"\npassword_file = "mqtt.password"\n'
            f'[authority]\nnames = ["localhost", "127.0.0.1"]\nport = {self.ports.gates}\n'
            f'broker_path = "{self.files}"\n[web]\nport = {free_port()}\n{more}'
        )
        return path

    def secret(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        path.chmod(0o600)


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    plant = Plant(tmp_path)
    plant.mosquitto.start()
    yield plant
    plant.mosquitto.stop()


def examined(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the worst finding of each check."""
    code = menshen.main(["doctor", str(path), "--json"])
    found: dict[str, dict[str, Any]] = {}
    order = [level.name.lower() for level in Level]
    for row in msgspec.json.decode(capsys.readouterr().out):
        have = found.get(row["check"])
        if have is None or order.index(row["level"]) > order.index(have["level"]):
            found[row["check"]] = row
    return code, found


def test_a_gate_that_is_right_is_called_so_but_for_devices_that_measure_nobody(plant, capsys):
    before = {path.name: path.read_bytes() for path in plant.gate.iterdir()}
    code, found = examined(plant.gate / "gate.toml", capsys)
    levels = {check: row["level"] for check, row in found.items()}
    assert levels.pop("clock") in {"good", "warning"}  # of this machine
    assert levels.pop("devices") == "warning"
    assert levels.pop("hub") == "warning"  # its address is not in the file
    assert set(levels.values()) == {"good"}
    assert code == 1
    assert {path.name: path.read_bytes() for path in plant.gate.iterdir()} == before


@pytest.mark.parametrize(
    ("harm", "check", "do"),
    [
        (lambda plant: (plant.gate / "token.key").chmod(0o644), "token key", "chmod 600"),
        (lambda plant: (plant.gate / "token.key").unlink(), "token key", "menshen hub enrol"),
        (lambda plant: (plant.gate / "gate.pem").chmod(0o640), "key of the gate", "chmod 600"),
        (lambda plant: (plant.gate / "gate.pem").unlink(), "key of the gate", "menshen edge enrol"),
        (lambda plant: plant.mosquitto.stop(), "broker", "mosquitto"),
        (lambda plant: plant.give("south"), "certificate", "menshen edge enrol"),
        (lambda plant: plant.mix_keys(), "certificate", "menshen edge enrol"),
        (lambda plant: plant.add("[guard]", 'password_file = "guards"'), "guards' passwords", "menshen edge password"),
        (lambda plant: plant.change("max_bytes = 1000000", "max_bytes = 9000000000000"), "disk", "room"),
        (lambda plant: plant.change('ca = "site.pem"', 'ca = "none.pem"'), "broker", "menshen edge enrol"),
    ],
    ids=[
        "key for all",
        "no key",
        "certificate for all",
        "not enrolled",
        "broker down",
        "of another gate",
        "another's key",
        "guards without passwords",
        "no room",
        "no authority",
    ],
)
def test_what_is_wrong_with_a_gate_is_found_and_what_to_do_is_said(plant, capsys, harm, check, do):
    harm(plant)
    code, found = examined(plant.gate / "gate.toml", capsys)
    assert code == 2
    assert found[check]["level"] == "fault"
    assert do in found[check]["do"]["en"]


def test_a_gate_tests_itself_at_its_start_and_its_log_says_what_is_not_good(plant):
    (plant.gate / "gate.pem").chmod(0o644)
    with structlog.testing.capture_logs() as told:
        doctor.log_self_test(edge_settings.load(plant.gate / "gate.toml"))
    bad = {line["check"]: line for line in told if line["event"] == "self-test"}
    assert {"devices", "key of the gate"} <= set(bad)
    assert "chmod 600" in bad["key of the gate"]["do"]
    assert told[-1]["event"] == "self-test done"
    assert told[-1]["not_good"] == len(bad)


@pytest.mark.parametrize(
    ("every", "fed", "level"),
    [("14s", "123456", Level.GOOD), ("14s", "0", Level.WARNING), ("0", "", Level.WARNING), ("", "", Level.WARNING)],
)
def test_a_machine_that_would_not_start_anew_by_itself_is_told(every, fed, level):
    said = f"RuntimeWatchdogUSec={every}\nWatchdogLastPingTimestampMonotonic={fed}\n" if every else ""
    assert doctor.check_watchdog(said).level is level


def test_a_revoked_gate_learns_that_the_broker_refuses_it(plant, capsys):
    plant.rights(Revoked(serial_of(plant.certificate), datetime.now(UTC) - timedelta(minutes=1)))
    plant.mosquitto.restart()
    code, found = examined(plant.gate / "gate.toml", capsys)
    assert code == 2
    assert "refuses us" in found["broker"]["found"]["en"]
    assert "menshen hub gates" in found["broker"]["do"]["en"]


def test_a_broker_of_another_authority_is_not_taken_for_the_site_s(plant, capsys, tmp_path):
    other = Authority.load_or_make(tmp_path / "other", "elsewhere", datetime.now(UTC))
    (plant.gate / "site.pem").write_text(other.pem)
    assert "not good" in examined(plant.gate / "gate.toml", capsys)[1]["broker"]["found"]["en"]


def test_a_gate_whose_certificate_ran_out_is_told(tmp_path, capsys):
    plant = Plant(tmp_path, life=timedelta(seconds=-30))
    code, found = examined(plant.gate / "gate.toml", capsys)
    assert code == 2
    assert "ran out" in found["certificate"]["found"]["en"]


def test_settings_that_are_wrong_are_all_that_is_said(plant, capsys):
    path = plant.gate / "gate.toml"
    path.write_text(path.read_text().replace("max_bytes", "max_byte"))
    code, found = examined(path, capsys)
    assert code == 2
    assert set(found) == {"settings"}
    assert "did you mean" in found["settings"]["found"]["en"]
    assert menshen.main(["doctor", str(path.with_name("none.toml"))]) == 2


def test_a_hub_that_never_ran_says_what_is_missing_and_makes_nothing(plant, capsys):
    path = plant.hub_file()
    before = sorted(str(file) for file in plant.hub.rglob("*"))
    code, found = examined(path, capsys)
    assert code == 2
    assert {check for check, row in found.items() if row["level"] == "fault"} == {"channels", "hub"}
    assert {"database", "journal", "time series", "backup", "heartbeat"} <= {
        check for check, row in found.items() if row["level"] == "warning"
    }
    assert sorted(str(file) for file in plant.hub.rglob("*")) == before


def test_hub_and_gate_tell_their_token_key_by_the_same_fingerprint(plant, capsys):
    told = []
    for path in (plant.hub_file(), plant.gate / "gate.toml"):
        menshen.main(["doctor", str(path)])
        told.append([line for line in capsys.readouterr().out.splitlines() if "fingerprint" in line])
    assert told[0] == told[1]
    assert len(told[0]) == 1


def test_what_is_wrong_with_a_hub_s_files_and_servers_is_found(plant, capsys):
    path = plant.hub_file(f'[influx]\nurl = "http://127.0.0.1:{free_port()}"\n')
    (plant.hub / "mqtt.password").chmod(0o644)
    (plant.files / "acl").unlink()
    (plant.hub / "journal.db").write_bytes(b"torn" * 5000)
    key = next((plant.hub / "authority").glob("*.key"))
    key.chmod(0o640)
    _, found = examined(path, capsys)
    bad = {check for check, row in found.items() if row["level"] == "fault"}
    assert {"time series", "password at the broker", "rights at the broker", "journal", key.name} <= bad


def test_an_influxdb_that_answers_is_good(plant, capsys, tmp_path):
    influx = InfluxDB1(tmp_path / "influx")
    influx.start()
    try:
        _, found = examined(plant.hub_file(f'[influx]\nurl = "{influx.url}"\n'), capsys)
    finally:
        influx.stop()
    assert found["time series"]["level"] == "good"
    assert "1.6" in found["time series"]["found"]["en"]


@pytest.mark.parametrize(
    ("is_at", "level"), [("0003", Level.GOOD), ("0002", Level.WARNING), (None, Level.WARNING), ("0009", Level.FAULT)]
)
def test_a_schema_is_judged_by_whether_this_program_knows_it(is_at, level):
    assert check_schema(is_at, "0003", ["0001", "0002", "0003"]).level is level


def test_a_gate_that_did_not_renew_is_named():
    now_ns = 1000 * DAY_NS
    rows = [GateRow("north", now_ns + 80 * DAY_NS, None, None), GateRow("south", now_ns + 2 * DAY_NS, None, None)]
    [found] = check_gates(rows, now_ns)
    assert (found.level, "south" in found.found.en, "north" in found.found.en) == (Level.WARNING, True, False)
    assert check_gates(rows[:1], now_ns)[0].level is Level.GOOD


def test_a_backup_of_the_night_before_last_is_too_old(tmp_path):
    now = datetime(2026, 2, 10, 9, tzinfo=UTC)
    levels = [
        check_backup(tmp_path, at, now).level for at in (None, now - timedelta(hours=31), now - timedelta(hours=7))
    ]
    assert levels == [Level.WARNING, Level.WARNING, Level.GOOD]


def test_it_speaks_chinese(plant, capsys):
    os.chmod(plant.gate / "token.key", 0o644)  # noqa: PTH101
    menshen.main(["doctor", str(plant.gate / "gate.toml"), "--lang", "zh"])
    assert "他人可读" in capsys.readouterr().out
