"""The connection for a site's events: whoever uses it is told of everything, and a task told to end ends."""

from __future__ import annotations

import asyncio
import gc

import pytest

from wire.bulk import BulkSession, connect
from wire.errors import LinkError
from wire.link import BrokerSettings
from wire.mqtt import Connection

ANSWERS = {"publish": b"\x40\x02", "subscribe": b"\x90\x03"}
CALLS = {
    "publish": lambda session: session.publish("topic", b""),
    "subscribe": lambda session: session.subscribe(["topic"]),
}


class Socket(asyncio.Transport):
    """Takes everything and answers nothing."""

    def write(self, data: bytes) -> None:
        pass

    def is_closing(self) -> bool:
        return False


def plugged() -> Connection:
    connection = Connection(10.0, 60)
    connection.connection_made(Socket())
    return connection


@pytest.mark.parametrize("call", CALLS)
async def test_a_cancellation_that_comes_with_the_brokers_answer_is_not_lost(call):
    connection = plugged()

    async def work() -> None:
        while True:
            await CALLS[call](BulkSession(connection))

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    connection.data_received(ANSWERS[call] + b"\x00\x01" + (b"\x01" if call == "subscribe" else b""))
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=1)
    assert done == {task}
    assert task.cancelled()


async def test_a_time_limit_around_a_call_is_still_a_time_limit():
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await BulkSession(plugged()).publish("topic", b"")


async def test_a_connection_that_is_lost_while_nobody_looks_leaves_no_complaint_behind(broker):
    complaints: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
    async with connect(BrokerSettings(port=broker.port), "quiet") as session:
        await asyncio.to_thread(broker.kill)
        async with asyncio.timeout(20):
            while session._connection._lost is None:
                await asyncio.sleep(0.01)
    with pytest.raises(LinkError, match="publishing to topic: connection lost"):
        await session.publish("topic", b"")
    del session
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []
