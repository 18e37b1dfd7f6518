"""The whole path, for real: a recording's frames to a page, through every room of the house."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from hub.board import Snapshot
from sim.recordings import write
from tests.chaos.plant import HubProcess
from tests.support.servers import HttpSink, InfluxDB1, Mosquitto, Program, SmtpSink, wait_until


class EdgeProcess(Program):
    """`menshen edge run` with one lane that replays a recording."""

    def __init__(self, folder: Path, broker_port: int, recording: Path) -> None:
        super().__init__(folder)
        (folder / "token.key").write_text("0123456789abcdef0123456789abcdef")
        (folder / "gate.toml").write_text(
            f"""site = "chaos"
gate = "north"
token_key_file = "token.key"
vitals_every_s = 0.5
[broker]
port = {broker_port}
backoff_max_s = 1.0
[spool]
path = "spool.db"
[[lanes]]
name = "entrance"
[lanes.camera]
driver = "replay"
path = "{recording}"
speed = 2.0
[lanes.thermal]
reference_c = 35.0
"""
        )

    def command(self) -> list[str]:
        return [sys.executable, "-m", "menshen", "edge", "run", str(self.folder / "gate.toml")]

    def is_ready(self) -> bool:
        return self._process is not None and self._process.poll() is None


def channels(http_sink: HttpSink, smtp_sink: SmtpSink) -> str:
    return f"""
[[channels]]
kind = "webhook"
name = "hook"
url = "{http_sink.url}"
[[channels]]
kind = "smtp"
name = "mail"
host = "127.0.0.1"
port = {smtp_sink.port}
sender = "hub@plant"
to = ["officer@plant"]
"""


@pytest.mark.slow
def test_the_fever_of_a_recording_reaches_the_on_call_and_the_time_series(
    tmp_path: Path, mosquitto: Mosquitto, own_influxdb1: InfluxDB1, http_sink: HttpSink, smtp_sink: SmtpSink
):
    recording = tmp_path / "recording.npz"
    write(recording, seed=6, people=4, fevers=1)  # the feverish one wears no glasses
    hub = HubProcess(tmp_path / "hub", mosquitto.port, own_influxdb1.url, channels(http_sink, smtp_sink))
    edge = EdgeProcess(tmp_path / "edge", mosquitto.port, recording)
    try:
        hub.start()
        edge.start()

        def board() -> Snapshot:
            return msgspec.json.decode(hub.get("/api/state").content, type=Snapshot)

        wait_until(lambda: len(board().passages) >= 4, "all four people have passed", 60)
        wait_until(lambda: bool(http_sink.requests and smtp_sink.mails), "the on-call are told")
        wait_until(lambda: _points(own_influxdb1) >= 4, "the time series are written")
        shown = board()
    finally:
        edge.stop()
        hub.stop()
    truth = json.loads(recording.with_suffix(".json").read_text())["people"]
    fever_c = max(person["skin_c"] for person in truth)
    verdicts = sorted(str(passage.verdict) for passage in shown.passages)
    assert verdicts.count("fever") == 1
    assert [alert.rule for alert in shown.alerts] == ["fever"]
    page = json.loads(http_sink.requests[0].body)
    assert page["rule"] == "fever"
    assert abs(float(page["detail"].split()[0]) - fever_c) < 0.3
    assert len(smtp_sink.mails) == 1
    rows = own_influxdb1.query("SELECT verdict, skin_c FROM person_passage", "menshen")
    assert sorted(row["verdict"] for row in rows) == verdicts


def _points(influx: InfluxDB1) -> int:
    try:
        return len(influx.query("SELECT seq FROM person_passage", "menshen"))
    except RuntimeError:
        return 0  # no database yet


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_demo_shows_people_stops_cleanly_and_a_second_run_goes_on(tmp_path: Path):
    command = [sys.executable, "-m", "menshen", "demo", "--data", str(tmp_path), "--port", "0", "--seconds", "10"]
    environment = {**os.environ, "COLUMNS": "100"}
    counts = []
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, timeout=80, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        assert "Console: http://127.0.0.1:" in done.stdout
        assert "north" in done.stdout
        counts.append(_journalled(tmp_path))
        for log in tmp_path.glob("*.log"):
            assert "Traceback" not in log.read_text(), log.read_text()
    assert counts[0] >= 3
    assert counts[1] > counts[0]


def _journalled(folder: Path) -> int:
    import sqlite3

    with sqlite3.connect(folder / "hub" / "journal.db") as db:
        streams = db.execute("SELECT count(DISTINCT epoch) FROM streams WHERE gate != 'hub'").fetchone()[0]
        assert streams == 2, "each gate keeps its epoch over a second run"
        return int(db.execute("SELECT count(*) FROM entries").fetchone()[0])
