"""A fleet is copied while it works, looked at by the doctor, and brought back: real processes, PostgreSQL, a broker."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import menshen
from hub import doctor
from hub.fleet.checkup import Crew, judge, look
from hub.fleet.journal import PostgresReader
from tests.support.fleets import HubProcess, Load, TellingGate, broker_settings
from tests.support.servers import eventually, free_port, wait_until
from wire.events import Gap
from wire.findings import Finding, Level


def say(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = menshen.main(list(words))
    told = capsys.readouterr()
    return code, told.out + told.err


def examined(file: Path) -> dict[str, Finding]:
    """The worst finding of each check."""
    found: dict[str, Finding] = {}
    for finding in doctor.examine(file):
        if finding.check not in found or finding.level > found[finding.check].level:
            found[finding.check] = finding
    return found


class Fleet:
    """Two processes that are one hub."""

    def __init__(self, folder: Path, url: str, port: int) -> None:
        self.processes = [HubProcess(folder / name, name, url, [port], folder / "data") for name in ("one", "two")]
        self.files = [folder / name / "hub.toml" for name in ("one", "two")]
        for file in self.files:
            file.write_text(file.read_text().replace("port = 0", f"port = {free_port()}"))

        self._started, self._url = False, url

    def start(self) -> None:
        self._started = True
        for process in self.processes:
            process.start()
        wait_until(lambda: any("hub ready" in process.log for process in self.processes), "one leads", 60)
        wait_until(lambda: look(self._url).unowned == 0, "every gate has a process", 30)

    def kill(self) -> None:
        for process in self.processes if self._started else ():
            process.kill()
        self._started = False


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_a_fleet_is_copied_while_it_works_and_comes_back_with_all_that_its_gates_still_have(
    tmp_path, postgresql, database, mosquitto, monkeypatch, capsys
):
    newest = max(Path("/usr/lib/postgresql").glob("*/bin"))
    monkeypatch.setenv("PATH", f"{newest}{os.pathsep}{os.environ['PATH']}")
    first, second = postgresql.make(f"{database}_1"), postgresql.make(f"{database}_2")
    old, new = (Fleet(tmp_path / name, url, mosquitto.port) for name, url in (("old", first), ("new", second)))
    gates = [TellingGate(tmp_path, f"gate-{n}", broker_settings([mosquitto.port], 1)) for n in range(3)]
    load, copy = Load(gates, 0.1), str(tmp_path / "copy.tar.gz")
    await asyncio.to_thread(old.start)
    for gate in gates:
        await gate.start()
    try:
        await eventually(lambda: all(gate.uplink.hub_answers for gate in gates), "a hub answers each gate", 30)
        loading = asyncio.create_task(load.run())
        await asyncio.sleep(1)
        # Both are told to be well, also the one that has no console; and a restore beside them is refused.
        leader = 0 if old.processes[0].leads else 1
        for file in (old.files[leader], old.files[1 - leader]):
            async with asyncio.timeout(30):  # shares may be under way from one to the other
                while True:
                    found = await asyncio.to_thread(examined, file)
                    told = {check: found[check] for check in ("fleet", "journal", "database")}
                    if {finding.level for finding in told.values()} == {Level.GOOD}:
                        break
                    await asyncio.sleep(0.2)
            assert "leads" in found["fleet"].found.en
            assert ("hub" in found) == (file is old.files[leader])
        await asyncio.to_thread(say, capsys, "hub", "backup", str(old.files[leader]), "--to", copy)
        beside = tmp_path / "beside.toml"
        beside.write_text(old.files[0].read_text().replace(f"{tmp_path / 'old' / 'data'}", str(tmp_path / "x")))
        code, told = await asyncio.to_thread(say, capsys, "hub", "restore", str(beside), copy)
        assert (code, "one, two work with it" in told) == (1, True), told
        assert (await asyncio.to_thread(say, capsys, "hub", "registry", "rekey", str(old.files[0])))[0] == 1
        await asyncio.sleep(1)
        await asyncio.to_thread(old.kill)  # everything that came after the copy is lost with the machines
        code, told = await asyncio.to_thread(say, capsys, "hub", "restore", str(new.files[0]), copy)
        assert code == 0, told
        await asyncio.to_thread(new.start)
        await asyncio.sleep(1)
        await load.end()
        await loading
    finally:
        for gate in gates:
            await gate.stop()
        old.kill()
        new.kill()
    assert_all_there_or_said(second, load)


def assert_all_there_or_said(url: str, load: Load) -> None:
    """Each gate's events in order, without a hole and nothing twice; what the hub forgot for good is told as a gap."""
    reader = PostgresReader(url)
    entries = reader.after(0, 10**6)
    reader.close()
    for gate, told_events in load.told.items():
        mine = [entry for entry in entries if entry.stream.gate == gate]
        events = [entry.event() for entry in mine]
        lost = sum((gap.lost or 0) for gap in events if isinstance(gap, Gap))
        kept = [event for event in events if not isinstance(event, Gap)]
        assert len(kept) + lost >= len(told_events), gate
        assert {msgspec.json.encode(event) for event in kept} <= {msgspec.json.encode(event) for event in told_events}
        streams: dict[object, int] = {}
        for entry in mine:
            assert entry.seq == streams.get(entry.stream, 0) + 1, "no hole and nothing twice"
            streams[entry.stream] = entry.last


@given(
    st.sets(st.sampled_from(["one", "two", "three"])),
    st.integers(0, 64),
    st.sampled_from(["one", "two", "three", None]),
)
def test_a_fleet_is_called_good_only_when_this_process_works_somebody_leads_and_every_gate_has_somebody(
    alive, unowned, leader
):
    crew = Crew(tuple(sorted(alive)), unowned, leader if leader in alive else None)
    found = judge(crew, "one")
    assert ({finding.level for finding in found} == {Level.GOOD}) == (
        "one" in alive and crew.leader is not None and unowned == 0
    )
    assert (max(finding.level for finding in found) is Level.FAULT) == ("one" not in alive or crew.leader is None)
