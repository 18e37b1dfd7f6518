"""What a guard does at a gate whose disk stalls, whose hub gave a broken key, whose passages are long ago."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.guard import station as station_module
from edge.guard.forms import Disinfected, Measured, Overridden, WalkIn
from edge.guard.said import Refused
from edge.guard.shown import Showing
from edge.guard.station import GateNow
from edge.guard.times import Times
from tests.support.clocks import at
from tests.support.guard import GateParts
from wire.events import AnyEvent, Basis, Guest, Outcome, Registration, Temperature, Verdict
from wire.messages import RegistryHeld
from wire.registry import Flag, Holder, RegistryEntry
from wire.sealing import Details
from wire.tokens import TokenKind

VISITOR = WalkIn(Guest.VISITOR, Details(name="n", telephone="1", company="c", host="h", reason="r", number="V17"), 2.0)


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[GateParts]:
    parts = GateParts(tmp_path, ["people"], sealing_key="no key at all")
    task = asyncio.create_task(parts.run())
    while parts.lanes["people"].mode is None:
        await asyncio.sleep(0.01)
    yield parts
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_with_a_key_that_is_none_the_details_belong_on_paper(gate):
    done = await gate.station.registered(VISITOR, "li")
    assert [said.key for said in done.said] == ["registered-visitor", "on-paper"]
    assert gate.station.holder(gate.token(TokenKind.BADGE, "V17")) is Holder.VISITOR


async def test_a_disk_that_stalls_is_said_and_keeps_nobody_out(gate, monkeypatch):
    stalled = asyncio.Event()

    async def stall(event: AnyEvent) -> None:
        await stalled.wait()

    monkeypatch.setattr(station_module, "RECORD_WITHIN_S", 0.05)
    monkeypatch.setattr(gate.heard, "put", stall)
    done = await gate.station.registered(VISITOR, "li")
    assert [said.key for said in done.said] == ["registered-visitor", "on-paper", "not-kept"]
    assert (await gate.passes("people", "V17")).outcome is Outcome.ALLOW
    stalled.set()


async def test_what_the_hub_isolated_or_lets_come_without_an_end_is_not_the_guards_to_give_away(gate):
    token = gate.token(TokenKind.BADGE, "V17")
    over = RegistryEntry(token, Holder.VISITOR, from_ns=1, until_ns=2)
    for known in (
        RegistryEntry(token, Holder.VISITOR, until_ns=2, flags=(Flag.ISOLATION,)),
        RegistryEntry(token, Holder.VISITOR),
        RegistryEntry(token, Holder.EMPLOYEE, until_ns=2),
    ):
        gate.registry._entries[token] = known
        with pytest.raises(Refused) as refused:
            await gate.station.registered(VISITOR, "li")
        assert list(refused.value.problems) == ["number"]
    assert not any(isinstance(one, Registration) for one in gate.heard.events)
    gate.registry._entries[token] = over
    await gate.station.registered(VISITOR, "li")
    assert (await gate.passes("people", "V17")).outcome is Outcome.ALLOW


async def test_a_walk_in_vehicle_with_plate_and_tag_is_one_whichever_of_them_is_read_later(gate):
    details = Details(name="n", telephone="1", company="c", reason="r", number="蒙B12345")
    lorry = WalkIn(Guest.VEHICLE, details, 2.0, "E280 1160 6000")
    await gate.station.registered(lorry, "li")
    plate, tag = gate.token(TokenKind.PLATE, "蒙B12345"), gate.token(TokenKind.TAG, "E28011606000")
    for token in (plate, tag):
        assert gate.station.holder(token) is Holder.VEHICLE
        assert gate.registry.same(token) == {plate, tag}
    [told] = [event for event in gate.heard.events if isinstance(event, Registration)]
    assert (told.token, told.tag) == (plate, tag)
    with pytest.raises(Refused) as caught:
        await gate.station.registered(WalkIn(Guest.VEHICLE, Details(number="蒙B54321"), 2.0, "E28011606000"), "li")
    assert set(caught.value.problems) == {"tag"}
    assert gate.station.holder(gate.token(TokenKind.PLATE, "蒙B54321")) is None


async def test_a_passage_of_long_ago_and_a_lane_of_another_gate_are_refused(gate, monkeypatch):
    passage = await gate.passes("people", None, verdict=Verdict.UNMEASURED)
    monkeypatch.setattr(station_module, "KEPT_S", 0.0)
    station = gate.station
    for deed in (
        station.measured(Measured("people", 36.5, passage.passage), "li"),
        station.measured(Measured("people", 36.5, "unknown"), "li"),
        station.measured(Measured("elsewhere", 36.5, None, "V17"), "li"),
        station.overridden(Overridden("people", Outcome.ALLOW, "why", passage.passage), "li"),
        station.disinfected(Disinfected("people", None, "蒙B12345"), "li"),
    ):
        with pytest.raises(Refused) as refused:
            await deed
        assert list(refused.value.problems) == ["of"]


@pytest.mark.parametrize(("lang", "word"), [("en", "glasses off"), ("zh", "摘下眼镜")])
def test_who_is_to_take_off_glasses_is_told_so(lang, word):
    gate = GateNow(
        at(0), (), connected=False, hub_is_heard=False, waiting=None, spool_fault="", registry=RegistryHeld(0, 0),
        notices=(), seals=False,
    )  # fmt: skip
    showing = Showing(gate, Times(8.0), lambda _: None, lang)
    hidden = Temperature(skin_c=36.0, u_c=0.5, looks=3, basis=Basis.GLASSES, glasses=True)
    assert any(word in said for said in showing._temperature(hidden))
    sure = Temperature(skin_c=35.4, u_c=0.5, looks=3, basis=Basis.BELOW_LIMIT, glasses=True)
    assert not any(word in said for said in showing._temperature(sure))
