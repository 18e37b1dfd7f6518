"""Cameras that measure by themselves: judged like our own, recorded, and no barrier moved for old news."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from edge import settings as gate_settings
from edge.agent import Agent
from edge.drivers import hikvision
from edge.drivers.base import ThermalReport
from edge.drivers.log import LogActuator
from edge.thermal.reports import Reports
from edge.thermal.settings import ThermalSettings
from tests.support.clocks import at
from tests.support.isapi import IsapiDevice, access_event, face_event
from tests.support.servers import eventually
from wire.events import Outcome, PersonPassage, Reason, Refusal, Urgency, Verdict
from wire.messages import decode_event
from wire.registry import Holder, RegistryCopy, RegistryEntry
from wire.tokens import TokenKind, token

KEY = b"0123456789abcdef0123456789abcdef"
HELD = ThermalSettings(reference_c=35.0, limit_c=36.4)
"""A camera that has a blackbody of its own."""
FREE = ThermalSettings(cohort_least=5)


def report(temperature_c: float, **more) -> ThermalReport:
    return ThermalReport(temperature_c=temperature_c, u_c=0.5, at=at(1), **more)


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (report(35.9), Verdict.NORMAL),
        (report(36.35), Verdict.SUSPECT),
        (report(36.4), Verdict.FEVER),
        (report(36.9, is_body=True, limit_c=37.3), Verdict.NORMAL),
        (report(37.3, is_body=True, limit_c=37.3), Verdict.FEVER),
        (report(35.9, abnormal=True), Verdict.SUSPECT),
        (report(36.6, abnormal=True), Verdict.FEVER),
    ],
)
def test_a_report_is_judged_by_the_limit_of_its_own_scale_and_the_camera_s_alarm_counts(said, verdict):
    reading = Reports(HELD).take(said)
    assert reading.verdict is verdict
    assert reading.temperature is not None
    assert (reading.temperature.skin_c, reading.temperature.u_c) == (said.temperature_c, 0.5)


def test_the_cohort_counts_those_who_come_and_neither_those_told_late_nor_another_scale():
    reports = Reports(FREE)
    for _ in range(10):
        reports.take(report(34.0))
        reports.take(report(39.0, live=False))
        reports.take(report(37.2, is_body=True, limit_c=37.3))
    assert reports.take(report(34.7)).verdict is Verdict.FEVER
    assert reports.take(report(36.6, is_body=True, limit_c=37.3)).verdict is Verdict.NORMAL


def test_who_reads_too_cold_for_a_face_is_not_measured():
    reading = Reports(HELD).take(report(25.0))
    assert (reading.verdict, reading.temperature, reading.refusal) == (Verdict.UNMEASURED, None, Refusal.TOO_COLD)


class Gate:
    """A gate whose one lane has a camera on the network; what it decided and which way its barrier was told to go."""

    def __init__(self, folder: Path, device: IsapiDevice, monkeypatch: pytest.MonkeyPatch, more: str) -> None:
        (folder / "token.key").write_bytes(KEY)
        (folder / "password").write_text(device.password)
        (folder / "password").chmod(0o600)
        card = RegistryEntry(token=token(KEY, TokenKind.BADGE, "4711"), holder=Holder.EMPLOYEE)
        registry = RegistryCopy(v=1, version=1, entries=[card])
        (folder / "registry.json").write_bytes(msgspec.json.encode(registry))
        (folder / "gate.toml").write_text(f"""
site = "s"
gate = "g"
token_key_file = "token.key"
registry = "registry.json"
broker.port = 9
[[lanes]]
name = "people"
[lanes.camera]
driver = "hikvision"
url = "{device.url}"
username = "menshen"
password_file = "password"
{more}
[lanes.actuator]
driver = "log"
[lanes.thermal]
reference_c = 35.0
""")
        self.shown: list[Outcome] = []

        async def show(_: object, outcome: Outcome, __: object) -> None:
            self.shown.append(outcome)

        monkeypatch.setattr(LogActuator, "show", show)
        monkeypatch.setattr(hikvision, "_ledgers", {})
        self.agent = Agent(gate_settings.load(folder / "gate.toml"), "test")

    async def __aenter__(self) -> Gate:
        self._task = asyncio.create_task(self.agent.run())
        await eventually(lambda: bool(self.agent.outbox.spool.epoch), "the spool is open")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def passages(self, count: int) -> list[PersonPassage]:
        spool = self.agent.outbox.spool

        def found() -> list[PersonPassage]:
            rows = [row for urgency in Urgency for row in spool.read(urgency, 0, 1000, 10**7)]
            events = [decode_event(row.event) for row in rows]
            return [event for event in events if isinstance(event, PersonPassage)]

        await eventually(lambda: len(found()) >= count, f"{count} passages")
        return found()


async def test_a_camera_s_fever_is_denied_and_what_it_tells_late_only_recorded(tmp_path, monkeypatch):
    async with IsapiDevice() as device, Gate(tmp_path, device, monkeypatch, "") as gate:
        await eventually(lambda: device.listeners == 1, "it listens")
        gate.shown.clear()  # the barrier is closed at the start
        await device.say_event(face_event(38.4))
        await device.say_event(access_event(1, currentEvent=False, currTemperature=35.6))
        passages = await gate.passages(2)
        assert {(p.verdict, p.outcome) for p in passages} == {
            (Verdict.FEVER, Outcome.DENY),
            (Verdict.NORMAL, Outcome.ALLOW),
        }
        assert gate.shown == [Outcome.DENY]


async def test_a_terminal_that_knows_people_is_camera_and_reader_in_one(tmp_path, monkeypatch):
    async with IsapiDevice() as device, Gate(tmp_path, device, monkeypatch, 'identity = "card"') as gate:
        await eventually(lambda: device.listeners == 1, "it listens")
        await device.say_event(access_event(1, currTemperature=35.6, cardNo="4711"))
        await device.say_event(access_event(2, currTemperature=35.6, cardNo="999"))
        await device.say_event(access_event(3, currTemperature=35.6))
        known, unknown, none = sorted(await gate.passages(3), key=lambda passage: passage.outcome)
        assert (known.outcome, known.badge) == (Outcome.ALLOW, token(KEY, TokenKind.BADGE, "4711"))
        assert {unknown.outcome, none.outcome} == {Outcome.DENY}
        assert {reason for p in (unknown, none) for reason in p.reasons} >= {Reason.UNKNOWN_BADGE, Reason.NO_BADGE}
        assert b"4711" not in b"".join(p.read_bytes() for p in (tmp_path / "var").iterdir())


async def test_a_quiet_hour_is_no_fault_of_a_camera_that_only_reports(tmp_path, monkeypatch):
    monkeypatch.setattr("edge.lane.CAMERA_SILENCE_S", 0.05)
    async with IsapiDevice() as device, Gate(tmp_path, device, monkeypatch, "") as gate:
        await eventually(lambda: device.listeners == 1, "it listens")
        await asyncio.sleep(0.3)
        assert device.listened == 1
        await device.say_event(face_event(35.0))
        await gate.passages(1)
