"""From the hub's wish to the gate's lanes, over a real broker, and back when it does not work."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from edge.agent import Agent
from edge.remote import verdict
from edge.remote.keeper import Configurations
from edge.remote.run import run_gate
from edge.settings import Gate
from hub.configurations import desk
from hub.configurations import publisher as publisher_module
from hub.server import Hub
from hub.settings import load
from tests.support.servers import Mosquitto, eventually, free_port

GATE = """site = "s"
gate = "north"
token_key_file = "token.key"
vitals_every_s = 0.2
[broker]
port = {port}
backoff_min_s = 0.05
backoff_max_s = 0.2
[[lanes]]
name = "{lane}"
[lanes.badge]
driver = "{driver}"
{rest}
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(publisher_module, "LOOK_EVERY_S", 0.1)
    monkeypatch.setattr(verdict, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(verdict, "CONFIRM_WITHIN_S", 2.0)
    monkeypatch.setattr(verdict.wait_for, "__defaults__", (2.0,))


class Site:
    """A hub that runs, and a gate's own file."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self.folder, self.broker = folder, broker
        (folder / "token.key").write_bytes(b"k" * 32)
        (folder / "gate.toml").write_text(self.text("own"))
        (folder / "hub.toml").write_text(
            f'site = "s"\ndata = "hub"\n[broker]\nport = {broker.port}\nbackoff_min_s = 0.05\nbackoff_max_s = 0.2\n'
            f"[web]\nport = {free_port()}\n"
        )
        self.hub = Hub(load(folder / "hub.toml"), "0")
        self.lanes: list[str] = []

    def text(self, lane: str, driver: str = "simulated", rest: str = 'scene = "x"') -> str:
        return GATE.format(port=self.broker.port, lane=lane, driver=driver, rest=rest)

    async def wish(self, text: str) -> int:
        made = await self.hub.database.write(
            lambda session: desk.wish(session, "s", "north", text, by="test", now_ns=10**18)
        )
        return made.version

    def gate(self) -> asyncio.Task[None]:
        def make(chosen: Gate) -> Agent:
            self.lanes.append(chosen.settings.lanes[0].name)
            return Agent(chosen, "0", configurations=configurations)

        configurations = Configurations(self.folder / "gate.toml", self.folder / "var")
        return asyncio.create_task(run_gate(configurations, make))

    def row(self) -> tuple[int, bool, int, int | None] | None:
        """(runs, on trial, turned down, wanted), as the board has it."""
        for gate in self.hub.board.snapshot().gates:
            if gate.configuration is not None:
                held = gate.configuration
                return held.running, held.trial, held.turned_down, gate.wanted
        return None

    async def until(self, says: Callable[[tuple[int, bool, int, int | None]], bool], what: str) -> None:
        await eventually(lambda: (row := self.row()) is not None and says(row), what)


@pytest.fixture
async def site(tmp_path: Path, mosquitto: Mosquitto) -> AsyncIterator[Site]:
    site = Site(tmp_path, mosquitto)
    ready = asyncio.Event()
    running = asyncio.create_task(site.hub.run(ready))
    await ready.wait()
    gate = site.gate()
    yield site
    for task in (gate, running):
        task.cancel()
    await asyncio.gather(gate, running, return_exceptions=True)


async def test_a_wish_is_tried_confirmed_and_shown_and_the_own_file_comes_back(site):
    await site.until(lambda row: row == (0, False, 0, None), "the gate's own file")
    version = await site.wish(site.text("new"))
    await site.until(lambda row: row == (version, False, 0, version), "the new settings, confirmed")
    await site.wish("")
    await site.until(lambda row: row == (0, False, 0, 0), "the gate's own file again")
    assert site.lanes == ["own", "new", "own"]


async def test_other_settings_are_no_end_of_the_process_to_its_service_manager(site, tmp_path, monkeypatch):
    """systemd would kill what said that it stops, and then did not."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        version = await site.wish(site.text("new"))
        await site.until(lambda row: row == (version, False, 0, version), "the new settings, confirmed")
        said = []
        with contextlib.suppress(BlockingIOError):
            while True:
                said.append(ear.recv(1000))
    assert b"READY=1\nSTATUS=working" in said
    assert b"STOPPING=1" not in said


async def test_what_the_gate_cannot_use_is_shown_with_the_reason_and_nothing_stops(site):
    version = await site.wish(site.text("new", driver="nonsense"))
    await site.until(lambda row: row == (0, False, version, version), "the refusal")
    gate = next(gate for gate in site.hub.board.snapshot().gates if gate.configuration is not None)
    assert "no such badge driver" in gate.configuration.why
    assert site.lanes == ["own"]


async def test_settings_under_which_the_hub_does_not_answer_are_rolled_back(site, monkeypatch):
    await site.until(lambda row: row == (0, False, 0, None), "the gate's own file")
    monkeypatch.setattr("edge.uplink.Uplink.hub_answers", property(lambda _: False))
    version = await site.wish(site.text("new"))
    await site.until(lambda row: row == (0, False, version, version), "the way back")
    assert site.lanes == ["own", "new", "own"]


async def test_a_broker_that_forgets_everything_changes_nothing_and_a_late_gate_hears_of_it(site):
    site.broker.restart()
    version = await site.wish(site.text("new"))
    await site.until(lambda row: row == (version, False, 0, version), "the new settings")
    site.broker.restart()
    newer = await site.wish(site.text("newer"))
    await site.until(lambda row: row == (newer, False, 0, newer), "the newer settings")


async def test_the_board_s_words_say_how_a_gate_differs(site):
    version = await site.wish(site.text("new", driver="nonsense"))
    await site.until(lambda row: row[2] == version, "the refusal")
    from hub.web import view
    from hub.web.view import Level

    gate = next(gate for gate in site.hub.board.snapshot().gates if gate.configuration is not None)
    assert view.settings_level(gate) is Level.WARN
    assert "no such badge driver" in view.settings(gate, "en")
    assert "未能使用" in view.settings(gate, "zh")
