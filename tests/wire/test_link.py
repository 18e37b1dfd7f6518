"""The connection's boundary: what the client library below it does wrong stays below it."""

from __future__ import annotations

import asyncio
import gc

import pytest

from wire.link import BrokerSettings, Session, connect


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


async def test_a_connection_that_is_lost_while_nobody_looks_leaves_no_complaint_behind(broker):
    complaints: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
    async with connect(BrokerSettings(port=broker.port), "quiet") as session:
        ended = session._client._disconnected
        await asyncio.to_thread(broker.kill)
        async with asyncio.timeout(20):
            await asyncio.wait([ended])
    assert ended.done()
    del ended, session
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []
