"""Our MQTT client against real brokers, scripted ones and nonsense."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.servers import eventually
from wire import mqtt
from wire.errors import LinkError
from wire.mqtt import Arrival, Connection, Login, Message, publish_packet

WELCOME = b"\x20\x02\x00\x00"


@contextlib.asynccontextmanager
async def connected(port: int, name: str, **login: object) -> AsyncIterator[Connection]:
    connection = await mqtt.open_connection("127.0.0.1", port, Login(name, 60, **login), 5.0, None)
    try:
        yield connection
    finally:
        connection.close()


@contextlib.asynccontextmanager
async def scripted(*, then: Callable[[bytes], Awaitable[bytes]] | None = None) -> AsyncIterator[int]:
    """A broker that lets everybody in and then answers as it was told to, or not at all."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(WELCOME)
        while data := await reader.read(100_000):
            if then is not None:
                writer.write(await then(data))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class Socket(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        self.aborted = True


def plugged() -> tuple[Connection, Socket]:
    connection, socket = Connection(1.0, 60), Socket()
    connection.connection_made(socket)
    return connection, socket


async def took(connection: Connection) -> list[Arrival]:
    return [connection._arrived.popleft() for _ in range(len(connection._arrived))]


async def test_whatever_is_published_arrives_as_it_was(broker):
    sent = [Message(f"topic/三/{size}", bytes(size)) for size in (0, 1, 100, 127, 128, 16_000, 16_384, 200_000)]
    async with connected(broker.port, "reader") as reader, connected(broker.port, "writer") as writer:
        assert await reader.subscribe(["topic/#"]) == b"\x01"
        await writer.publish_all(sent)
        await writer.publish(Message("topic/last", b"zero"), qos=0)
        found = []
        async for arrival in reader.arrivals():
            found.append(arrival)
            if arrival.topic == "topic/last":
                break
        assert found == [Arrival(one.topic, one.payload) for one in [*sent, Message("topic/last", b"zero")]]


async def test_a_thousand_messages_at_once_are_all_acknowledged_and_each_number_is_used_once_at_a_time(broker):
    async with connected(broker.port, "reader") as reader, connected(broker.port, "writer") as writer:
        await reader.subscribe(["many"])
        many = [Message("many", str(number).encode()) for number in range(1000)]
        await asyncio.gather(writer.publish_all(many), *(writer.publish(one, qos=1) for one in many[:300]))
        assert writer._answers == {}
        await eventually(lambda: len(reader._arrived) == 1300, "all of them")


async def test_the_will_is_said_for_who_is_cut_off_and_not_for_who_says_goodbye(broker):
    will = Arrival("will", b"gone")
    async with connected(broker.port, "reader") as reader:
        await reader.subscribe(["will"])
        async with connected(broker.port, "polite", will=will) as polite:
            await polite.publish(Message("other", b""), qos=1)
        cut = await mqtt.open_connection("127.0.0.1", broker.port, Login("cut", 60, will=will), 5.0, None)
        cut._transport.abort()
        await eventually(lambda: bool(reader._arrived), "the will")
        await asyncio.sleep(0.2)
        assert await took(reader) == [will]


async def test_a_broker_that_refuses_says_why(tmp_path):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"\x20\x02\x00\x05")

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    with pytest.raises(LinkError, match="not authorised"):
        async with connected(server.sockets[0].getsockname()[1], "nobody"):
            pass
    server.close()


async def test_whoever_waits_is_told_that_the_connection_is_lost(broker):
    async with scripted() as port:
        connection = await mqtt.open_connection("127.0.0.1", port, Login("one", 60), 5.0, None)
        waiting = [
            asyncio.create_task(connection.publish(Message("a", b""), qos=1)),
            asyncio.create_task(connection.subscribe(["a"])),
            asyncio.create_task(anext(connection.arrivals())),
        ]
        await asyncio.sleep(0.05)
        connection._transport.abort()
        told = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 2)
        assert [type(one) for one in told] == [LinkError] * 3
        with pytest.raises(LinkError):
            await connection.publish(Message("a", b""), qos=0)


async def test_a_broker_that_does_not_answer_is_told_of_after_the_time_limit():
    async with scripted() as port:
        connection = await mqtt.open_connection("127.0.0.1", port, Login("one", 60), 0.1, None)
        with pytest.raises(LinkError, match=r"within 0\.1 s"):
            await connection.publish(Message("a", b""), qos=1)
        assert connection._answers == {}
        connection.close()


async def test_a_broker_that_falls_silent_is_noticed_and_one_that_answers_pings_is_not():
    async def pong(data: bytes) -> bytes:
        return b"\xd0\x00" * data.count(mqtt.PINGREQ)

    async with scripted() as silent, scripted(then=pong) as alive:
        lost = await mqtt.open_connection("127.0.0.1", silent, Login("one", 1), 5.0, None)
        kept = await mqtt.open_connection("127.0.0.1", alive, Login("two", 1), 5.0, None)
        with pytest.raises(LinkError, match="silent"):
            async with asyncio.timeout(4):
                await anext(lost.arrivals())
        await asyncio.sleep(0.6)
        kept._check()
        kept.close()


async def test_who_reads_too_slowly_is_sent_no_more_but_still_hears_answers(monkeypatch):
    monkeypatch.setattr(mqtt, "MOST_WAITING", 10)
    connection, socket = plugged()
    messages = b"".join(publish_packet(Message("t", b"x"), number) for number in range(1, 21))
    connection.data_received(messages[: len(messages) // 2])
    acknowledged = socket.written
    connection.data_received(messages[len(messages) // 2 :])
    assert acknowledged
    assert socket.written == acknowledged, "the rest is not acknowledged, so the broker holds back"
    publishing = asyncio.create_task(connection.publish(Message("a", b""), qos=1))
    await asyncio.sleep(0)
    connection.data_received(b"\x40\x02\x00\x01")
    await publishing
    written = len(socket.written)
    reading = connection.arrivals()
    for _ in range(20):
        await anext(reading)
    more = asyncio.create_task(anext(reading))
    await asyncio.sleep(0)
    assert socket.written[written:].count(b"\x40\x02") == 20 - acknowledged.count(b"\x40\x02")
    more.cancel()


async def test_of_a_backlog_no_more_is_read_than_there_is_room_for_and_everything_arrives(broker, monkeypatch):
    monkeypatch.setattr(mqtt, "MOST_WAITING_BYTES", 200_000)
    async with connected(broker.port, "reader") as reader, connected(broker.port, "writer") as writer:
        await reader.subscribe(["backlog"])
        reading = reader.arrivals()
        for number in range(100):
            await writer.publish(Message("backlog", b"%d " % number + b"x" * 50_000), qos=1)
        await asyncio.sleep(0.2)
        assert reader._waiting_bytes < 1_000_000
        got = [int((await anext(reading)).payload.split()[0]) for _ in range(100)]
    assert got == list(range(100))


def test_it_runs_on_the_hubs_own_event_loop_too(broker):
    async def talk() -> list[Arrival]:
        async with connected(broker.port, "both") as both:
            await both.subscribe(["topic"])
            await both.publish(Message("topic", b"x" * 70_000), qos=1)
            return [await anext(both.arrivals())]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(talk()) == [Arrival("topic", b"x" * 70_000)]


messages_in = st.lists(
    st.tuples(st.text(max_size=5), st.binary(max_size=300), st.integers(0, 0xFFFF)), min_size=1, max_size=8
)


@settings(deadline=None, max_examples=60)
@given(messages_in, st.lists(st.integers(1, 200), max_size=30))
def test_however_the_bytes_are_cut_the_same_messages_arrive_and_are_acknowledged(messages, cuts):
    async def check() -> None:
        connection, socket = plugged()
        stream = b"".join(publish_packet(Message(topic, body), number) for topic, body, number in messages)
        for size in cuts:
            connection.data_received(stream[:size])
            stream = stream[size:]
        if stream:
            connection.data_received(stream)
        assert await took(connection) == [Arrival(topic, body) for topic, body, _ in messages]
        acks = b"".join(b"\x40\x02" + number.to_bytes(2) for _, _, number in messages if number)
        assert socket.written == acks

    asyncio.run(check())


@settings(deadline=None, max_examples=150)
@given(st.lists(st.binary(min_size=1, max_size=60), max_size=6))
def test_nonsense_ends_the_connection_or_nothing_at_all_and_is_never_another_error(chunks):
    async def check() -> None:
        connection, socket = plugged()
        for chunk in chunks:
            if not socket.aborted:
                connection.data_received(chunk)
        if socket.aborted:
            with pytest.raises(LinkError, match="no MQTT"):
                connection._check()

    asyncio.run(check())
