"""The watchdog is fed by progress, and a crash loop ends in a safe mode."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import starts
from edge.agent import SAFE, Agent
from edge.settings import load
from edge.starts import CRASHES, STEADY_S, WITHIN_S, Start, StartBook, is_loop, keep_steady
from tests.support.clocks import HandClock
from tests.support.servers import eventually
from wire import parts
from wire.errors import DriverError, SpoolError
from wire.events import DeviceState, Health, Urgency
from wire.messages import decode_event
from wire.service import notify, watchdog_s
from wire.watchdog import Progress, Sign, Watchdog

SECOND_NS = 10**9


class Said:
    """What the service manager was told."""

    def __init__(self) -> None:
        self.words: list[dict[str, object]] = []

    def __call__(self, **said: object) -> bool:
        self.words.append(said)
        return True

    @property
    def feedings(self) -> int:
        return sum("WATCHDOG" in said for said in self.words)


def test_it_is_fed_while_every_part_gets_on_and_not_while_one_stands_still():
    clock, said = HandClock(), Said()
    signs = {"lane": Sign(0, 10.0), "spool": Sign(None, 5.0)}
    dog = Watchdog(lambda: signs, lambda: clock.mono_ns, said, 4.0)
    dog.look()
    clock.pass_s(10)
    dog.look()
    assert said.feedings == 2
    clock.pass_s(1)
    dog.look()
    dog.look()
    assert said.feedings == 2
    assert said.words[-1] == {"STATUS": "stands still: lane"}
    signs["lane"] = Sign(1, 10.0)
    dog.look()
    assert said.feedings == 3
    assert said.words[-1] == {"STATUS": "working"}


def test_a_jump_of_the_wall_clock_starves_nobody():
    clock, said = HandClock(), Said()
    dog = Watchdog(lambda: {"lane": Sign(0, 10.0)}, lambda: clock.mono_ns, said, 4.0)
    dog.look()
    clock.time_ns += 10**18
    dog.look()
    assert said.feedings == 2


@given(
    st.lists(st.tuples(st.integers(0, 20), st.one_of(st.none(), st.integers(0, 2))), min_size=1, max_size=30),
    st.integers(1, 15),
)
def test_a_part_stands_still_when_its_sign_is_the_same_for_longer_than_it_may(story, within_s):
    progress, now_s, since_s, last = Progress(), 0, 0, object()
    for passed_s, value in story:
        now_s += passed_s
        if value is None or value != last:
            since_s = now_s
        last = value
        still = progress.still({"x": Sign(value, within_s)}, now_s * SECOND_NS)
        assert (still == ["x"]) is (now_s - since_s > within_s)


def test_the_service_manager_hears_what_is_said_and_a_line_stays_one(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        assert notify(READY=1, STATUS="two\nlines")
        assert ear.recv(1000) == b"READY=1\nSTATUS=two lines"
    assert not notify(WATCHDOG=1)  # it went away
    monkeypatch.delenv("NOTIFY_SOCKET")
    assert not notify(WATCHDOG=1)


@pytest.mark.parametrize(
    ("wanted", "pid", "expected"),
    [
        ("30000000", None, 30.0),
        ("30000000", "self", 30.0),
        ("30000000", "1", None),
        ("", None, None),
        ("x", None, None),
    ],
)
def test_the_time_to_feed_is_this_process_s_own(monkeypatch, wanted, pid, expected):
    monkeypatch.setenv("WATCHDOG_USEC", wanted)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    if pid:
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "self" else pid)
    assert watchdog_s() == expected


def crashed(count: int, boot: str = "b", every_s: float = 10.0) -> list[Start]:
    return [Start(boot, number * every_s) for number in range(count)]


def test_a_few_crashes_are_none_a_loop_is_one_and_slow_ones_are_none():
    assert not is_loop(crashed(CRASHES - 1), Start("b", 100.0))
    assert is_loop(crashed(CRASHES), Start("b", 100.0))
    assert not is_loop(crashed(CRASHES, every_s=WITHIN_S), Start("b", CRASHES * WITHIN_S))
    assert is_loop(crashed(CRASHES, "another boot"), Start("b", 5.0))


def test_starts_are_counted_over_restarts_until_one_ends_by_itself(tmp_path):
    book = StartBook(tmp_path / "var" / "starts.json", "b")
    assert [book.begin(float(number)).is_safe for number in range(CRASHES + 1)] == [False] * CRASHES + [True]
    book.end(was_safe=True)
    start = book.begin(100.0)
    assert (start.is_safe, start.was_safe) == (False, True)
    book.end()
    assert not book.begin(101.0).was_safe


@pytest.mark.parametrize("content", ["", "garbage", "{}", "[1]", '[["b", "x", 1]]', "\x00" * 100])
def test_a_book_that_cannot_be_read_or_written_is_no_crash_loop(tmp_path, content):
    path = tmp_path / "starts.json"
    path.write_text(content)
    assert not StartBook(path, "b").begin(1.0).is_safe
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert not StartBook(blocked / "starts.json", "b").begin(1.0).is_safe


async def test_a_safe_start_that_went_well_ends_by_itself_and_a_normal_one_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(starts, "STEADY_S", 0.05)
    book = StartBook(tmp_path / "starts.json", "b")
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()

    await asyncio.wait_for(keep_steady(work(), Start("b", 1.0, is_safe=True), book), 10)
    assert ended.is_set()
    assert book.begin(2.0).was_safe
    normal = asyncio.create_task(keep_steady(work(), Start("b", 1.0), book))
    await asyncio.sleep(0.2)
    assert not normal.done()
    assert json.loads((tmp_path / "starts.json").read_text()) == []
    normal.cancel()
    with pytest.raises(asyncio.CancelledError):
        await normal
    assert STEADY_S >= WITHIN_S


async def test_what_the_agent_raises_is_raised(tmp_path):
    async def work() -> None:
        raise DriverError("broken")

    with pytest.raises(DriverError, match="broken"):
        await keep_steady(work(), Start("b", 1.0), StartBook(tmp_path / "starts.json", "b"))


GATE = """site = "s"
gate = "north"
token_key_file = "token.key"
[broker]
port = 9
[spool]
path = "spool.db"
[guard]
password_file = "guard.password"
port = 0
[[lanes]]
name = "trucks"
kind = "vehicle"
[lanes.vehicle]
driver = "simulated"
scene = "x"
[lanes.tag]
driver = "simulated"
scene = "x"
"""


@pytest.fixture
def gate_file(tmp_path: Path) -> Path:
    from edge.guard import passwords

    (tmp_path / "token.key").write_bytes(b"k" * 32)
    passwords.write(tmp_path / "guard.password", "correct horse")
    (tmp_path / "gate.toml").write_text(GATE)
    return tmp_path / "gate.toml"


async def told(agent: Agent) -> list[DeviceState]:
    """What the agent says of itself at its start."""
    task = asyncio.create_task(agent.run())
    try:
        for _ in range(100):
            await asyncio.sleep(0.05)
            try:
                found = await agent.outbox.read(Urgency.URGENT, 0, 100, 10**6)
            except SpoolError:  # not open yet
                continue
            states = [decode_event(numbered.event) for numbered in found]
            own = [state for state in states if isinstance(state, DeviceState) and state.device == "agent"]
            if own:
                return own
        return []
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_safe_gate_works_without_what_only_helps_and_says_so(gate_file):
    agent = Agent(load(gate_file), "0", start=Start("b", 1.0, is_safe=True))
    assert agent.guard is None
    assert sorted(agent.lanes[0].devices) == ["vehicle"]
    state = (await told(agent))[0]
    assert (state.health, state.detail) == (Health.FAILED, SAFE)
    agent = Agent(load(gate_file), "0", start=Start("b", 1.0, was_safe=True))
    assert agent.guard is not None
    assert sorted(agent.lanes[0].devices) == ["tag", "vehicle"]
    assert {"spool", "uplink"} <= set(agent.signs())


def test_a_camera_that_speaks_only_when_somebody_is_there_starves_no_watchdog_at_night(gate_file):
    own = gate_file.read_text().partition("[[lanes]]")[0]
    lane = '[[lanes]]\nname = "{name}"\n[lanes.camera]\n{camera}\n'
    speaks = lane.format(
        name="speaks", camera='driver = "hikvision"\nurl = "http://127.0.0.1"\nusername = "x"\npassword_file = "p"'
    )
    films = lane.format(name="films", camera='driver = "replay"\npath = "r.npz"')
    (gate_file.parent / "p").write_text("secret")
    gate_file.write_text(own + speaks + films)
    assert [name for name in Agent(load(gate_file), "0").signs() if name.startswith("lane")] == ["lane films"]


def test_a_gate_tells_its_service_manager_that_it_works_feeds_it_and_says_when_it_goes(gate_file, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(20)
        own = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
        command = [sys.executable, "-m", "menshen", "edge", "run", str(gate_file)]
        process = subprocess.Popen(command, env=os.environ | own, stderr=subprocess.DEVNULL)
        try:
            assert ear.recv(1000) == b"READY=1\nSTATUS=working"
            assert {ear.recv(1000) for _ in range(3)} == {b"WATCHDOG=1"}
            process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + 20
            while ear.recv(1000) != b"STOPPING=1":
                assert time.monotonic() < deadline
            assert process.wait(10) == 0
        finally:
            process.kill()
            process.wait()


def test_a_gate_that_is_killed_again_and_again_comes_up_in_safe_mode(gate_file, tmp_path):
    command = [sys.executable, "-m", "menshen", "edge", "run", str(gate_file)]
    book = tmp_path / "spool.starts.json"
    for number in range(CRASHES + 1):
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stderr is not None
            lines = []
            while not lines or "gate ready" not in lines[-1]:
                lines.append(process.stderr.readline())
                assert lines[-1], lines
            if number == CRASHES:
                while SAFE not in lines[-1]:
                    lines.append(process.stderr.readline())
                    assert lines[-1], lines
        finally:
            process.kill()
            process.communicate()
    assert len(json.loads(book.read_text())) == CRASHES + 1


async def test_a_defect_beside_the_lanes_ends_no_gate(gate_file, monkeypatch):
    agent, tries = Agent(load(gate_file), "0"), []

    async def broken(_lanes: object) -> None:
        tries.append(1)
        raise KeyError("a defect")

    monkeypatch.setattr(parts, "AGAIN_MIN_S", 0.01)
    monkeypatch.setattr(agent.notices, "speak", broken)
    task = asyncio.create_task(agent.run())
    await eventually(lambda: len(tries) > 1 or task.done(), "another try")
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
