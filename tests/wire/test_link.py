"""The boundary of a connection, over aiomqtt (`wire.link`) and over our own client (`wire.bulk`): what goes wrong below
it stays below it, whoever uses it is told of everything, and a task that is told to end ends."""

from __future__ import annotations

import asyncio
import gc
from typing import Protocol

import pytest

from wire import bulk, link
from wire.bulk import BulkSession
from wire.errors import LinkError
from wire.link import BrokerSettings, Session
from wire.mqtt import Connection

CALLS = {
    "publish": (b"\x40\x02\x00\x01", lambda session: session.publish("topic", b"")),
    "subscribe": (b"\x90\x03\x00\x01\x01", lambda session: session.subscribe(["topic"])),
    "unsubscribe": (b"\xb0\x02\x00\x01", lambda session: session.unsubscribe(_named(session))),
}
"""What a broker answers, and to what."""


def _named(session: Session | BulkSession) -> list[str] | str:
    return "topic" if isinstance(session, BulkSession) else ["topic"]


class Line(Protocol):
    """A connection to a broker that answers only when it is told to."""

    @property
    def session(self) -> Session | BulkSession: ...

    def answer(self, packet: bytes) -> None: ...


class ByAiomqtt:
    """Answers like aiomqtt: each call waits for an event, with a time limit."""

    def __init__(self) -> None:
        self._answered = asyncio.Event()

    @property
    def session(self) -> Session:
        return Session(self)  # type: ignore[arg-type]

    def answer(self, _packet: bytes) -> None:
        self._answered.set()

    async def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
        await asyncio.wait_for(self._answered.wait(), 10)

    async def subscribe(self, topics: list[tuple[str, int]]) -> list[int]:
        await asyncio.wait_for(self._answered.wait(), 10)
        return [1 for _ in topics]

    async def unsubscribe(self, topics: list[str]) -> None:
        await asyncio.wait_for(self._answered.wait(), 10)


class Socket(asyncio.Transport):
    """Takes everything and answers nothing."""

    def write(self, data: bytes) -> None:
        pass

    def is_closing(self) -> bool:
        return False


class ByOurOwn:
    """Our own client, plugged into a socket that only takes."""

    def __init__(self) -> None:
        self._connection = Connection(10.0, 60)
        self._connection.connection_made(Socket())

    @property
    def session(self) -> BulkSession:
        return BulkSession(self._connection)

    def answer(self, packet: bytes) -> None:
        self._connection.data_received(packet)


both = pytest.mark.parametrize("line_of", [ByAiomqtt, ByOurOwn])


@both
@pytest.mark.parametrize("call", CALLS)
async def test_a_cancellation_that_comes_with_the_brokers_answer_is_not_lost(line_of, call):
    line: Line = line_of()
    packet, ask = CALLS[call]

    async def work() -> None:
        while True:
            await ask(line.session)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    line.answer(packet)
    if line_of is ByAiomqtt:
        await asyncio.sleep(0)  # its answer takes a turn of the loop more
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=1)
    assert done == {task}
    assert task.cancelled()


@both
async def test_a_time_limit_around_a_call_is_still_a_time_limit(line_of):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await line_of().session.publish("topic", b"")


@pytest.mark.parametrize("connect", [link.connect, bulk.connect], ids=["aiomqtt", "our own"])
async def test_a_connection_that_is_lost_while_nobody_looks_leaves_no_complaint_behind(broker, connect):
    complaints: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
    async with connect(BrokerSettings(port=broker.port), "quiet") as session:
        await asyncio.to_thread(broker.kill)
        async with asyncio.timeout(20):
            while not _is_lost(session):
                await asyncio.sleep(0.01)
    if isinstance(session, BulkSession):
        with pytest.raises(LinkError, match="publishing to topic: connection lost"):
            await session.publish("topic", b"")
    del session
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []


def _is_lost(session: Session | BulkSession) -> bool:
    if isinstance(session, BulkSession):
        return session._connection._lost is not None
    return session._client._disconnected.done()
