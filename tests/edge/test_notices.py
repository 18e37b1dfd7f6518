"""Notices at a gate: shown in their time, kept over restarts, replaced by newer words only, said when it is quiet."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edge.notices import NoticeBoard
from tests.support.clocks import HandClock
from wire import topics
from wire.errors import DecodeError
from wire.link import Arrival
from wire.messages import SCHEMA_VERSION, encode
from wire.notices import Notice, Notices
from wire.registry import digest_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
HOUR_NS = 3600 * 10**9


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def now_ns(clock: HandClock) -> int:
    return clock.now().time_ns


def said(version: int, *notices: Notice) -> Arrival:
    return Arrival(topics.notices("s"), encode(Notices(SCHEMA_VERSION, version, list(notices))))


def notice(clock: HandClock, number: int, **more: object) -> Notice:
    times = {"from_ns": now_ns(clock), "until_ns": now_ns(clock) + HOUR_NS}
    return Notice(id=number, **{**times, "zh": f"第{number}条", **more})


async def board(folder: Path, clock: HandClock, gate: str = "north") -> NoticeBoard:
    made = NoticeBoard("s", gate, folder, clock)
    await made.start()
    return made


class Asked:
    """A connection that remembers what was subscribed to."""

    def __init__(self) -> None:
        self.topics: list[str] = []

    async def subscribe(self, wanted: list[str]) -> None:
        self.topics += wanted

    async def unsubscribe(self, wanted: list[str]) -> None:
        """Nothing to take back."""


async def test_a_notice_is_shown_from_its_beginning_to_its_end_at_the_gates_that_it_is_for(tmp_path, clock):
    north = await board(tmp_path, clock)
    later = notice(clock, 2, from_ns=now_ns(clock) + HOUR_NS, until_ns=now_ns(clock) + 3 * HOUR_NS)
    await north.hear(Asked(), said(1, notice(clock, 1), later, notice(clock, 3, gates=("south",))))
    assert [one.id for one in north.current()] == [1]
    clock.pass_s(3600)
    assert [one.id for one in north.current()] == [2]
    clock.pass_s(7200)
    assert north.current() == []


async def test_an_older_word_never_replaces_a_newer_one_and_garbage_nothing(tmp_path, clock):
    north = await board(tmp_path, clock)
    await north.hear(Asked(), said(5, notice(clock, 5)))
    await north.hear(Asked(), said(4, notice(clock, 4)))
    assert [one.id for one in north.current()] == [5]
    for payload in (b"", b"{}", b"\xff", b'{"v":9,"version":9,"notices":[]}'):
        with pytest.raises(DecodeError):
            await north.hear(Asked(), Arrival(topics.notices("s"), payload))
    await north.hear(Asked(), said(6))
    assert north.current() == []


async def test_what_was_heard_is_shown_after_a_restart_without_a_hub_with_its_picture(tmp_path, clock):
    north, session = await board(tmp_path, clock), Asked()
    digest = digest_of(PNG)
    await north.hear(session, said(1, notice(clock, 1, picture=digest)))
    following = asyncio.create_task(north.follow(session))
    while not session.topics:
        await asyncio.sleep(0.01)
    assert session.topics == [topics.notices("s", digest)], "a picture is asked for once"
    await north.hear(session, Arrival(topics.notices("s", digest), PNG))
    following.cancel()
    again = await board(tmp_path, clock)
    assert [one.id for one in again.current()] == [1]
    assert again.picture(digest) == PNG
    await again.hear(session, said(2))
    assert list(tmp_path.glob("*.picture")) == [], "what nobody shows any more is not kept"


@pytest.mark.parametrize("data", [b"<svg onload=alert(1)>", PNG + bytes(200 * 1024)])
async def test_a_picture_that_is_none_too_large_or_another_is_not_taken(tmp_path, clock, data):
    north = await board(tmp_path, clock)
    digest = digest_of(data)
    await north.hear(Asked(), said(1, notice(clock, 1, picture=digest)))
    with pytest.raises(DecodeError):
        await north.hear(Asked(), Arrival(topics.notices("s", digest), data))
    with pytest.raises(DecodeError):
        await north.hear(Asked(), Arrival(topics.notices("s", digest), PNG))
    assert north.picture(digest) is None


async def test_a_file_that_is_damaged_stops_nothing(tmp_path, clock):
    (tmp_path / "notices.json").write_bytes(b"{")
    north = await board(tmp_path, clock)
    await north.hear(Asked(), said(1, notice(clock, 1)))
    assert [one.id for one in north.current()] == [1]


class Speaker:
    """A lane with a voice."""

    def __init__(self, *, busy: bool = False) -> None:
        self.busy = busy
        self.said: list[str] = []

    async def announce(self, key: str) -> bool:
        if not self.busy:
            self.said.append(key)
        return not self.busy


async def test_an_announcement_is_said_every_so_often_and_again_soon_where_everybody_was_busy(tmp_path, clock):
    north = await board(tmp_path, clock)
    await north.hear(Asked(), said(1, notice(clock, 1, speech="say-mask", every_min=10), notice(clock, 2)))
    lane = Speaker(busy=True)
    await north.say_due([lane], 0.0)
    lane.busy = False
    for now_s in (5.0, 10.0, 600.0, 606.0):
        await north.say_due([lane], now_s)
    assert lane.said == ["say-mask", "say-mask"]
    await north.hear(Asked(), said(2))
    await north.say_due([lane], 5000.0)
    assert len(lane.said) == 2
