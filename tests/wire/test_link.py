"""The connection's boundary: what the client library below it does wrong stays below it."""

from __future__ import annotations

import asyncio

import pytest

from wire.link import Session


class Client:
    """Answers like aiomqtt: each call waits for an event, with a time limit."""

    def __init__(self) -> None:
        self.answered = asyncio.Event()

    async def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
        await asyncio.wait_for(self.answered.wait(), 10)

    async def subscribe(self, topics: list[tuple[str, int]]) -> list[int]:
        await asyncio.wait_for(self.answered.wait(), 10)
        return [1 for _ in topics]

    async def unsubscribe(self, topics: list[str]) -> None:
        await asyncio.wait_for(self.answered.wait(), 10)


CALLS = {
    "publish": lambda session: session.publish("topic", b""),
    "subscribe": lambda session: session.subscribe(["topic"]),
    "unsubscribe": lambda session: session.unsubscribe(["topic"]),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_cancellation_that_comes_with_the_brokers_answer_is_not_lost(call):
    client = Client()

    async def work() -> None:
        while True:
            await call(Session(client))

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    client.answered.set()
    await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=1)
    assert done == {task}
    assert task.cancelled()


async def test_a_time_limit_around_a_call_is_still_a_time_limit():
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await Session(Client()).publish("topic", b"")
