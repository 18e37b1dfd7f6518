"""The command: files are checked in words, dead letters listed and replayed, and a missing extra is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import menshen
from hub.alerts.chains import AllChannels
from hub.alerts.rules import Rule, Signal
from hub.alerts.store import AlertStore
from hub.journal import Bad, Journal
from tests.support.events import fever
from tests.support.journals import URGENT, batch
from wire import topics
from wire.events import Urgency
from wire.messages import encode

HUB = 'site = "baotou"\n'
PIGEON = '[[channels]]\nkind = "pigeon"\n'
HOOK = '[[channels]]\nkind = "webhook"\nname = "a"\nurll = "b"\n'
GATE = """site = "baotou"
gate = "north"
token_key_file = "key"
[[lanes]]
name = "people"
[lanes.camera]
driver = "replay"
path = "x.npz"
"""


def check(tmp_path: Path, room: str, text: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    (tmp_path / "key").write_text("k" * 32)
    file = tmp_path / f"{room}.toml"
    file.write_text(text)
    code = menshen.main([room, "check", str(file)])
    out = capsys.readouterr()
    return code, (out.out + out.err).replace(f"{file}", "FILE")


def test_good_files_are_called_good(tmp_path, capsys):
    assert check(tmp_path, "hub", HUB, capsys)[0] == 0
    code, said = check(tmp_path, "edge", GATE, capsys)
    assert code == 0
    assert "Gate baotou/north, lanes: people (thermal)" in said


@pytest.mark.parametrize(
    ("room", "old", "new", "said"),
    [
        ("edge", 'path = "x.npz"', "speeed = 2", "FILE:8: lanes[0].camera.speeed = 2: unknown key, did you mean"),
        ("edge", '"replay"', '"replya"', "FILE:7: lanes[0].camera.driver = 'replya': no such thermal driver"),
        ("edge", '"north"', '"North Gate"', "FILE:2: gate = 'North Gate': expected `str` matching regex"),
        ("edge", '"north"', '"hub"', "FILE:2: gate = 'hub': is the hub's own name"),
        ("edge", '"key"', '"no-key"', "token key cannot be read"),
        ("edge", "[[lanes]]", "[[lane]]", "FILE:4: lane: unknown key, did you mean 'lanes'?"),
        ("hub", HUB, HUB + "[broker]\nport = 70000\n", "FILE:3: broker.port = 70000: expected `int` <= 65535"),
        ("hub", HUB, HUB + PIGEON, "FILE:3: channels[0].kind = 'pigeon': expected kind = one of"),
        ("hub", HUB, HUB + HOOK, "FILE:5: channels[0].urll = 'b': unknown key, did you mean 'url'?"),
        ("hub", HUB, "", "FILE:1: file: missing key 'site'"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_line_key_value_and_what_was_expected(tmp_path, capsys, room, old, new, said):
    text = {"edge": GATE, "hub": HUB}[room].replace(old, new)
    code, out = check(tmp_path, room, text, capsys)
    assert code == 1
    assert said in out


def test_dead_letters_are_listed_and_replayed(tmp_path, capsys):
    (tmp_path / "hub.toml").write_text(HUB)
    journal = Journal(tmp_path / "var" / "journal.db")
    journal.open()
    topic = topics.events("site", "north", Urgency.URGENT)
    good = Bad("message", topic, "was too new", encode(batch([fever(1)])))
    journal.bury([good, Bad("message", topic, "no JSON", b"?")], 1)
    journal.close()
    assert menshen.main(["hub", "dead-letters", str(tmp_path / "hub.toml")]) == 0
    assert "was too new" in capsys.readouterr().out
    assert menshen.main(["hub", "replay", str(tmp_path / "hub.toml")]) == 1
    said = capsys.readouterr().out
    assert "taken: 1 new events" in said
    assert "still unreadable" in said
    journal.open()
    assert journal.through(URGENT) == 1


def test_alerts_are_listed_and_resolved_by_name(tmp_path, capsys):
    (tmp_path / "hub.toml").write_text(HUB)
    store = AlertStore(tmp_path / "var" / "alerts.db", AllChannels(()))
    store.open()
    store.take(1, [(Signal(key="k", rule=Rule.FEVER, site="s", gate="g", time_ns=1), 2)], 2)
    assert menshen.main(["hub", "alerts", str(tmp_path / "hub.toml")]) == 0
    assert "fever" in capsys.readouterr().out
    assert menshen.main(["hub", "resolve", str(tmp_path / "hub.toml"), "1", "--by", "Li"]) == 0
    assert menshen.main(["hub", "resolve", str(tmp_path / "hub.toml"), "1", "--by", "Li"]) == 1
    assert "alert 1: is resolved" in capsys.readouterr().err


@pytest.mark.parametrize(("room", "missing", "extra"), [("edge", "cv2", "edge"), ("hub", "fastapi", "hub")])
def test_a_room_whose_packages_are_missing_says_what_to_install(room, missing, extra):
    program = f"""
import sys
sys.modules[{missing!r}] = None
import menshen
raise SystemExit(menshen.main([{room!r}, "run", "x.toml"]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f'pip install "menshen[{extra}]"' in done.stderr


def test_without_a_command_the_usage_is_shown(capsys):
    assert menshen.main([]) == 2
    assert "menshen edge" in capsys.readouterr().out


def test_whoever_stops_reading_is_no_fault():
    """`menshen doctor … | grep -q …` ends as every program in a pipe does, and says nothing."""
    command = [sys.executable, "-c", "import sys, menshen; sys.exit(menshen.main(['--help']))"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141
