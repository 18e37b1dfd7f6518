"""Presence: silence is journalled once, its end too, and an old will says nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hub.archive import Archive
from hub.presence import Presence
from wire.events import DeviceState, Health
from wire.messages import Status


class Story:
    """A presence whose time is moved by hand."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.now_s = 1000.0
        self.presence = self.fresh()

    def fresh(self) -> Presence:
        return Presence(self.archive, 60.0, lambda: self.now_s, lambda: int(self.now_s * 1e9))

    async def check(self) -> list[Health]:
        for (site, name), gate in list(self.presence.gates.items()):
            await self.presence._check(site, name, gate)
        entries = await self.archive.read(lambda reader: reader.own_states())
        return [event.health for entry in entries if isinstance(event := entry.event(), DeviceState)]


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
