"""What waits between a device and its lane: bounded, in order, ended by a fault or a stop."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from edge.drivers.feed import Feed, moment
from tests.support.clocks import HandClock
from wire.errors import DriverError


async def taken(feed: Feed[int]) -> tuple[list[int], str | None]:
    """All that a feed gives, and its fault."""
    found: list[int] = []
    try:
        async for reading in feed.readings():
            found += [reading]
    except DriverError as error:
        return found, str(error)
    return found, None


async def test_what_was_read_before_a_fault_is_told_before_it_and_the_first_fault_counts():
    feed = Feed[int]("reader")
    feed.put(1)
    feed.put(2)
    feed.fail("unplugged")
    feed.fail("and then this")
    feed.put(3)
    assert await taken(feed) == ([1, 2], "reader: unplugged")


async def test_a_stop_ends_it_also_after_a_fault_and_drops_what_waits():
    feed = Feed[int]("reader")
    feed.put(1)
    feed.fail("unplugged")
    feed.close()
    assert await taken(feed) == ([], None)


async def test_a_device_gone_mad_fills_no_memory_and_is_told():
    feed = Feed[int]("reader", room=3)
    for reading in range(1000):
        feed.put(reading)
    assert await taken(feed) == ([0, 1, 2], "reader: gave more than 3 readings at once")


async def test_whoever_waits_is_woken_by_each_reading():
    feed = Feed[int]("reader", room=1)
    waiting = asyncio.ensure_future(taken(feed))
    for reading in range(5):
        await asyncio.sleep(0)
        feed.put(reading)
        await asyncio.sleep(0)
    feed.close()
    assert await waiting == ([0, 1, 2, 3, 4], None)


@given(st.integers(0, 10**12))
def test_a_moment_a_while_ago_has_both_clocks_moved_alike(age_ns):
    now = HandClock().now()
    then = moment(HandClock(), now.mono_ns - age_ns)
    assert (now.time_ns - then.time_ns, now.mono_ns - then.mono_ns) == (age_ns, age_ns)
