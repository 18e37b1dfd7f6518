"""How much a gate writes to its card: a real agent at a real hub, before rendered people, its data on an ext4 image."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.chaos.plant import SITE, HubProcess
from tests.support.servers import Mosquitto, Program

CARD_MB = 256
ENDURANCE_TB = 10.0
"""What a card of 32 GB with 3D TLC takes, roughly: 300 times its size. Makers of endurance cards promise more."""
HOURS_A_YEAR = 8766
_GATE = """site = "{site}"
gate = "north"
token_key_file = "token.key"
registry_copy_file = "card/registry.db"
[broker]
port = {port}
[spool]
path = "card/spool.db"
[[lanes]]
name = "people"
[lanes.camera]
driver = "replay"
path = "recording.npz"
loop = true
pause_s = {pause_s}
[lanes.actuator]
driver = "log"
"""


class Written(NamedTuple):
    """Since it began: what the agent handed to the kernel, what reached the card (None: not known), and passages."""

    by_agent: int
    to_card: int | None
    passages: int


class Gate(Program):
    """`menshen edge run`."""

    def command(self) -> list[str]:
        return [
            sys.executable,
            "-m",
            "menshen",
            "edge",
            "run",
            str(self.folder / "gate.toml"),
            "--log-level",
            "warning",
        ]

    def is_ready(self) -> bool:
        return (self.folder / "card" / "spool.db").exists()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--pause-s", type=float, default=2.0, help="between three people and the next three")
    parser.add_argument("--endurance-tb", type=float, default=ENDURANCE_TB)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="menshen-writes-") as name:
        folder = Path(name)
        broker = Mosquitto(folder / "broker")
        hub = HubProcess(folder / "hub", broker.port, None)
        gate = _gate(folder / "gate", broker.port, arguments.pause_s)
        hub.start_within_s = gate.start_within_s = 120.0
        with _card(folder / "gate" / "card") as device:
            try:
                for program in (broker, hub, gate):
                    program.start()
                time.sleep(20)  # what only a start writes is not the question
                before = _written(gate, hub, device)
                time.sleep(arguments.minutes * 60)
                after = _written(gate, hub, device)
            finally:
                for program in (gate, hub, broker):
                    program.stop()
    print(json.dumps(_figures(before, after, arguments.minutes / 60, arguments.endurance_tb)))
    return 0


def _figures(before: Written, after: Written, hours: float, endurance_tb: float) -> dict[str, float | int | None]:
    by_agent, passages = after.by_agent - before.by_agent, after.passages - before.passages
    reached = None if before.to_card is None or after.to_card is None else after.to_card - before.to_card
    worst = (by_agent if reached is None else reached) / hours
    return {
        "passages_per_h": round(passages / hours),
        "agent_mb_per_h": round(by_agent / hours / 1e6, 2),
        "card_mb_per_h": None if reached is None else round(reached / hours / 1e6, 2),
        "kb_per_passage": None if not passages else round((reached or by_agent) / passages / 1e3, 1),
        "card_years": round(endurance_tb * 1e12 / (worst * HOURS_A_YEAR), 1) if worst else None,
        "endurance_tb": endurance_tb,
    }


def _gate(folder: Path, port: int, pause_s: float) -> Gate:
    gate = Gate(folder)
    (folder / "card").mkdir()
    (folder / "token.key").write_text("a key for a bench, long enough\n")
    (folder / "token.key").chmod(0o600)
    (folder / "gate.toml").write_text(_GATE.format(site=SITE, port=port, pause_s=pause_s))
    recording = [sys.executable, "-m", "menshen", "sim", "render", "--out", "recording.npz", "--people", "3"]
    subprocess.run(recording, check=True, capture_output=True, cwd=folder)
    return gate


@contextmanager
def _card(folder: Path) -> Iterator[str | None]:
    """An ext4 image at the folder, by the kernel's name of its device; None where we may not mount one."""
    image = folder.with_suffix(".img")
    if os.geteuid() != 0:
        yield None
        return
    with image.open("wb") as file:
        file.truncate(CARD_MB * 2**20)
    _do("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image))
    device = _do("losetup", "-f", "--show", str(image))
    try:
        _do("mount", "-o", "noatime", device, str(folder))
        yield Path(device).name
    finally:
        subprocess.run(["umount", str(folder)], check=False)
        _do("losetup", "-d", device)


def _do(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def _written(gate: Gate, hub: HubProcess, device: str | None) -> Written:
    lines = dict(line.split(": ") for line in Path(f"/proc/{gate.pid}/io").read_text().splitlines())
    to_card = None
    if device is not None:
        os.sync()
        to_card = int(Path(f"/sys/fs/ext4/{device}/lifetime_write_kbytes").read_text()) * 1024
    events = [json.loads(line) for line in hub.get("/api/events?after=0&limit=10000").text.splitlines()]
    passages = sum((event["event"] or {}).get("type") == "person-passage" for event in events)
    return Written(int(lines["write_bytes"]), to_card, passages)
