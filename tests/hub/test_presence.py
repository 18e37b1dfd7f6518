"""Presence: silence is journalled once, its end too, and an old will says nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec import Raw
from msgspec.structs import replace

from hub.archive import Archive
from hub.doubles import TOLD_FOR_S
from hub.presence import Presence
from tests.support.events import fever
from tests.support.servers import eventually
from wire.errors import JournalError
from wire.events import DeviceState, Health, Urgency
from wire.machine import ClockQuality, Machine
from wire.messages import (
    Numbered,
    RegistryHeld,
    SpoolDepth,
    Status,
    StreamId,
    Vitals,
    batch_of,
    encode_event,
)


class Story:
    """A presence whose time is moved by hand."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.now_s = 1000.0
        self.presence = self.fresh()

    def fresh(self) -> Presence:
        return Presence(self.archive, 60.0, lambda: self.now_s, lambda: int(self.now_s * 1e9))

    async def check(self) -> list[Health]:
        await self.presence.look()
        return [health for kind, health in await self.told() if kind == "gate"]

    async def told(self) -> list[tuple[str, Health]]:
        entries = await self.archive.after(0, 1000)
        return [(event.kind, event.health) for entry in entries if isinstance(event := entry.event(), DeviceState)]


@pytest.fixture
async def story(tmp_path) -> AsyncIterator[Story]:
    archive = Archive(tmp_path / "journal.db")
    await archive.start()
    yield Story(archive)
    await archive.stop()


def born(session: int, epoch: str = "e") -> Status:
    return Status(1, True, epoch, session)


def died(session: int, epoch: str = "e") -> Status:
    return Status(1, False, epoch, session)


async def test_silence_is_told_once_and_so_is_its_end(story):
    story.presence.heard("site", "north")
    assert await story.check() == []
    story.now_s += 61
    assert await story.check() == [Health.FAILED]
    assert await story.check() == [Health.FAILED]
    story.presence.heard("site", "north")
    assert await story.check() == [Health.FAILED, Health.OK]


async def test_a_restarted_hub_gives_each_gate_its_time_and_remembers_what_it_told(story):
    story.presence.heard("site", "north")
    story.now_s += 61
    await story.check()
    story.presence = story.fresh()
    await story.presence.start()
    story.now_s += 30
    assert await story.check() == [Health.FAILED], "no word of it yet: it is not back"
    story.now_s += 61
    assert await story.check() == [Health.FAILED]
    story.presence.heard("site", "north")
    assert await story.check() == [Health.FAILED, Health.OK]


def test_the_will_of_an_older_connection_says_nothing(tmp_path):
    presence = Presence(Archive(tmp_path / "j.db"), 60.0)
    assert presence.status("site", "north", born(6))
    assert not presence.status("site", "north", died(5))
    assert presence.gates["site", "north"].online
    assert presence.status("site", "north", died(6))
    assert not presence.gates["site", "north"].online


def test_the_will_of_an_epoch_that_is_over_says_nothing(tmp_path):
    presence = Presence(Archive(tmp_path / "j.db"), 60.0)
    presence.status("site", "north", born(1, "new"))
    assert not presence.status("site", "north", died(99, "old"))
    assert presence.gates["site", "north"].online


def pulse(session: int = 1) -> Vitals:
    return Vitals(v=1, time_ns=5, epoch="e", session=session, spool=SpoolDepth(0, 0))


async def test_short_breaks_are_not_told_and_every_long_silence_is(story):
    told: list[Health] = []
    for quiet_s in (59, 60, 61, 30, 61, 61):
        story.presence.heard("site", "north")
        await story.check()
        story.now_s += quiet_s
        told = await story.check()
    assert told == [Health.FAILED, Health.OK, Health.FAILED, Health.OK, Health.FAILED]


async def test_a_gate_that_says_goodbye_is_offline_at_once_and_lost_only_after_its_time(story):
    story.presence.status("site", "north", born(1))
    story.presence.status("site", "north", died(1))
    gate = story.presence.gates["site", "north"]
    assert (story.presence.state(gate), await story.check()) == ("offline", [])
    story.now_s += 61
    assert (story.presence.state(gate), await story.check()) == ("offline", [Health.FAILED])


async def test_a_pulse_keeps_a_gate_online_and_its_absence_makes_it_silent(story):
    for _ in range(10):
        story.presence.pulse("site", "north", pulse())
        story.now_s += 50
        assert story.presence.state(story.presence.gates["site", "north"]) == "online"
    story.now_s += 11
    assert story.presence.state(story.presence.gates["site", "north"]) == "silent"


async def test_a_will_says_nothing_about_when_the_gate_was_heard(story):
    story.presence.status("site", "north", born(1))
    story.now_s += 50
    story.presence.status("site", "north", died(1))
    story.now_s += 11
    assert await story.check() == [Health.FAILED]


def test_a_pulse_that_waited_behind_events_undoes_no_will_and_one_of_the_next_connection_does(tmp_path):
    presence = Presence(Archive(tmp_path / "j.db"), 60.0)
    presence.status("site", "north", born(3))
    presence.status("site", "north", died(3))
    presence.pulse("site", "north", pulse(3))
    assert presence.state(presence.gates["site", "north"]) == "offline"
    presence.pulse("site", "north", pulse(4))
    assert presence.state(presence.gates["site", "north"]) == "online"


async def test_gates_of_one_name_at_two_sites_are_two(story):
    story.presence.heard("site", "north")
    story.now_s += 61
    story.presence.heard("other", "north")
    assert await story.check() == [Health.FAILED]
    assert {key: gate.reported for key, gate in story.presence.gates.items()} == {
        ("site", "north"): Health.FAILED,
        ("other", "north"): Health.OK,
    }


async def test_a_hub_that_was_off_while_a_gate_fell_silent_finds_out(story):
    story.presence.heard("site", "north")
    story.now_s += 61
    await story.check()
    story.presence.heard("site", "north")
    await story.check()
    story.presence = story.fresh()
    await story.presence.start()
    story.now_s += 61
    assert await story.check() == [Health.FAILED, Health.OK, Health.FAILED]


async def test_a_journal_that_cannot_be_written_delays_the_word_and_loses_it_not(story, monkeypatch):
    monkeypatch.setattr("hub.presence.CHECK_EVERY_S", 0.01)
    story.presence.heard("site", "north")
    story.now_s += 61
    tries, append_own = 0, story.archive.append_own

    async def fails_twice(site, events):
        nonlocal tries
        tries += 1
        if tries < 3:
            raise JournalError("disk full")
        await append_own(site, events)

    monkeypatch.setattr(story.archive, "append_own", fails_twice)
    task = asyncio.create_task(story.presence.watch())
    await eventually(lambda: story.presence.gates["site", "north"].reported is Health.FAILED, "it is told")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (tries, await story.check()) == (3, [Health.FAILED])


async def test_a_gate_whose_card_takes_no_events_is_told_by_its_pulse_and_so_is_its_end(story):
    async def told(spool: str) -> list[tuple[str, Health]]:
        story.presence.pulse("site", "north", replace(VITALS, devices={"spool": spool}))
        await story.presence.look()
        return await story.told()

    broken, well = ("spool", Health.FAILED), ("spool", Health.OK)
    assert await told("ok") == []
    for _ in range(2):
        assert await told("failed") == [broken]
    again = story.fresh()
    await again.start()
    assert again.gates["site", "north"].spool_reported is Health.FAILED
    assert await told("ok") == [broken, well]


async def test_a_copy_of_the_registry_that_no_hub_confirms_is_told_once_and_so_is_its_end(story):
    def pulse(age_s: float | None) -> None:
        held = RegistryHeld(version=7, entries=3, age_s=age_s)
        story.presence.pulse("site", "north", replace(VITALS, registry=held))

    async def told() -> list[tuple[str, Health]]:
        await story.presence.look()
        return [one for one in await story.told() if one[0] == "registry"]

    assert story.presence.heard_of() == 0
    old, well = ("registry", Health.FAILED), ("registry", Health.OK)
    for age_s, wanted in ((None, []), (3600.0, []), (3601.0, [old]), (4000.0, [old]), (5.0, [old, well])):
        pulse(age_s)
        assert await told() == wanted
    pulse(9999.0)
    assert story.presence.heard_of() == 1
    story.now_s += 61  # a gate that is silent is another matter
    assert story.presence.heard_of() == 0
    assert await told() == [old, well]
    story.now_s -= 61
    await told()
    again = story.fresh()
    await again.start()
    assert again.gates["site", "north"].registry_reported is Health.FAILED


VITALS = Vitals(v=1, time_ns=1, epoch="e", session=1, spool=SpoolDepth(0, 0))


async def clock_of(story: Story, ahead_s: float, *, synced: bool = True, delays_s: tuple[float, ...] = (0.2,) * 12):
    """What is told of a gate's clock, after pulses that took so long."""
    for delay_s in delays_s:
        said_ns = int((story.now_s - delay_s + ahead_s) * 1e9)
        told = replace(pulse(), time_ns=said_ns, machine=Machine(clock=ClockQuality(synced, 0.0, 0.01)))
        story.presence.pulse("site", "north", told)
        await story.presence.look()
        story.now_s += 5
    entries = await story.archive.read(lambda reader: reader.own_states())
    return [(entry.event().health, entry.event().detail) for entry in entries]


async def test_a_clock_that_ntp_takes_for_right_and_is_far_from_the_hubs_is_told_and_so_is_its_end(story):
    assert await clock_of(story, 0.0) == []
    told = await clock_of(story, 312.0)
    assert told == [(Health.DEGRADED, "311.8 s ahead of the hub's clock")]
    told = await clock_of(story, -0.3)
    assert [health for health, _ in told] == [Health.OK], "the newest word of it"


async def test_pulses_that_a_bad_link_holds_back_are_no_wrong_clock(story):
    assert await clock_of(story, 0.0, delays_s=(40.0, 25.0, 11.0, 0.4, 60.0, 33.0)) == []


async def test_a_gate_that_knows_its_clock_to_be_wrong_dates_its_events_and_is_not_told_twice(story):
    assert await clock_of(story, -9_000.0, synced=False) == []


async def test_a_restarted_hub_remembers_what_it_told_of_a_clock(story):
    await clock_of(story, 60.0)
    story.presence = story.fresh()
    await story.presence.start()
    assert len(await clock_of(story, 60.0)) == 1


async def test_a_name_that_two_machines_have_is_told_once_and_so_is_its_end(story):
    """A card that is replaced is none, nor is a birth that comes late or again."""

    async def told() -> list[Health]:
        await story.presence.look()
        return [health for kind, health in await story.told() if kind == "identity"]

    for status in (born(1), born(1), born(2), born(1, "new-card"), born(2), born(2, "new-card"), born(1, "new-card")):
        story.presence.status("site", "north", status)
    assert await told() == []
    story.presence.status("site", "north", born(3))
    assert await told() == [Health.FAILED]
    story.presence.status("site", "north", born(3, "new-card"))
    story.now_s += TOLD_FOR_S - 1
    assert await told() == [Health.FAILED]
    story.now_s += 2
    assert await told() == [Health.FAILED, Health.OK]


async def test_an_image_of_a_card_that_was_connected_more_often_hides_nothing(story):
    """Both count their sessions on from the same: the other's may be the lower ones."""
    for status in (born(5), born(6), born(7), born(8, "begun-anew"), born(7)):
        story.presence.status("site", "north", status)
    await story.presence.look()
    assert ("identity", Health.FAILED) not in await story.told()
    story.presence.status("site", "north", born(6))
    await story.presence.look()
    assert ("identity", Health.FAILED) in await story.told()


async def test_a_hub_that_starts_anew_knows_an_epoch_that_comes_back(story):
    event = Numbered(1, Raw(encode_event(fever(1))))
    for epoch in ("z-card", "a-card"):
        await story.archive.append([batch_of(StreamId("site", "north", Urgency.URGENT, epoch), [event])])
    story.presence = story.fresh()
    await story.presence.start()
    story.presence.status("site", "north", born(7, "a-card"))
    await story.presence.look()
    assert ("identity", Health.FAILED) not in await story.told()
    story.presence.status("site", "north", born(7, "z-card"))
    await story.presence.look()
    assert ("identity", Health.FAILED) in await story.told()
