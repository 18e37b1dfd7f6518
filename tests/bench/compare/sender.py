"""Gates in one process, as fast as the broker and the protocol let them: never what is measured.

All messages are made before the first is sent. `live` and `backlog` speak Menshen's protocol to the letter (birth, the
hub's word, a window of 8 messages a stream by `edge.window`, watermarks, sending again); `flood` knows nothing of it:
each gate has at most `FLIGHT` messages that the broker has not acknowledged, which is all that MQTT promises. When all
is ready a line is printed; it begins when a line is read, and tells when the first message went and what it took.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import resource
import sys
import time
from collections.abc import Sequence

from edge.window import Window
from tests.bench.compare.events import BATCH, EPOCH, SITE, Letter, letters, numbers, shares
from wire import mqtt, topics
from wire.events import Urgency
from wire.messages import SCHEMA_VERSION, Status, Watermark, decode, encode

FLIGHT = 20
LIVE_APART_NS = 40_000_000
BACKLOG_APART_NS = 1_000_000_000


class Gate:
    """One gate that speaks Menshen's protocol."""

    def __init__(self, name: str, mail: Sequence[Letter], connection: mqtt.Connection) -> None:
        self._name = name
        self._connection = connection
        self._mail: dict[Urgency, list[Letter]] = {urgency: [] for urgency in Urgency}
        packet = numbers()
        self._packets: dict[Urgency, list[bytes]] = {urgency: [] for urgency in Urgency}
        for letter in mail:
            self._mail[letter.urgency].append(letter)
            message = mqtt.Message(letter.topic, letter.payload)
            self._packets[letter.urgency].append(mqtt.publish_packet(message, next(packet)))
        self._windows = {urgency: Window(self._last(urgency)) for urgency in Urgency}
        self._next = dict.fromkeys(Urgency, 0)
        self._begun = asyncio.Event()

    async def welcome(self) -> None:
        """Be born, and wait for the hub's word on both streams."""
        await self._connection.subscribe([topics.acks_for(SITE, self._name)])
        announcing = asyncio.create_task(self._announce())
        async for arrival in self._connection.arrivals():
            self._hear(arrival)
            if all(window.open for window in self._windows.values()):
                break
        announcing.cancel()

    async def _announce(self) -> None:
        status = encode(Status(v=SCHEMA_VERSION, online=True, epoch=EPOCH, session=1, version="bench"))
        while True:
            await self._connection.publish(mqtt.Message(topics.status(SITE, self._name), status), qos=1)
            await asyncio.sleep(1.0)

    async def run(self) -> None:
        """Send everything, until the hub has it."""
        self._send()
        hearing = asyncio.create_task(self._listen())
        while not self._is_done():
            await asyncio.sleep(0.2)
            now_s = time.monotonic()
            for urgency, window in self._windows.items():
                if window.overdue(now_s):
                    self._rewind(urgency)
            self._send()
        hearing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await hearing

    async def _listen(self) -> None:
        async for arrival in self._connection.arrivals():
            self._hear(arrival)
            self._send()

    def _hear(self, arrival: mqtt.Arrival) -> None:
        mark = decode(Watermark, arrival.payload)
        window = self._windows[mark.stream.urgency]
        window.hear(mark.through, resend=mark.resend)
        if mark.resend:
            self._rewind(mark.stream.urgency)

    def _rewind(self, urgency: Urgency) -> None:
        acknowledged = self._windows[urgency].acknowledged
        self._next[urgency] = sum(letter.last <= acknowledged for letter in self._mail[urgency])

    def _send(self) -> None:
        """What the windows have room for, urgent first, with one write."""
        now_s, packets = time.monotonic(), []
        for urgency in (Urgency.URGENT, Urgency.ROUTINE):
            window, mail, at = self._windows[urgency], self._mail[urgency], self._next[urgency]
            while at < len(mail) and window.has_room:
                window.record(mail[at].last, now_s)
                packets.append(self._packets[urgency][at])
                at += 1
            self._next[urgency] = at
        if packets:
            self._connection.send(b"".join(packets))

    def _last(self, urgency: Urgency) -> int:
        return self._mail[urgency][-1].last if self._mail[urgency] else 0

    def _is_done(self) -> bool:
        return all(self._windows[urgency].acknowledged >= self._last(urgency) for urgency in Urgency)


class Flood:
    """One gate that knows of nothing but MQTT."""

    def __init__(self, mail: Sequence[Letter], connection: mqtt.Connection) -> None:
        self._messages = [mqtt.Message(letter.topic, letter.payload) for letter in mail]
        self._connection = connection

    async def welcome(self) -> None:
        """Nobody answers."""

    async def run(self) -> None:
        for start in range(0, len(self._messages), FLIGHT):
            await self._connection.publish_all(self._messages[start : start + FLIGHT])


async def send(arguments: argparse.Namespace) -> dict[str, float]:
    mail = {name: _mail(arguments.mode, name, events) for name, events in shares(arguments.events, arguments.gates)}
    gates: list[Gate | Flood] = []
    for name, its in mail.items():
        login = mqtt.Login(f"bench-{name}", 60)
        connection = await mqtt.open_connection("127.0.0.1", arguments.port, login, 60.0, None)
        gates.append(Flood(its, connection) if arguments.mode == "flood" else Gate(name, its, connection))
    await asyncio.gather(*(gate.welcome() for gate in gates))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    begun_s, cpu_s = time.monotonic(), _cpu_s()
    await asyncio.gather(*(gate.run() for gate in gates))
    return {"begun_s": begun_s, "took_s": time.monotonic() - begun_s, "cpu_s": _cpu_s() - cpu_s}


def _mail(mode: str, name: str, events: int) -> list[Letter]:
    """Of a backlog the last event is an hour old; what is live happened within the last minute or so."""
    now_ns = time.time_ns()
    if mode == "backlog":
        first_ns = now_ns - 3600 * 10**9 - events * BACKLOG_APART_NS
        return letters(name, events, first_ns, BACKLOG_APART_NS, batch=BATCH)
    return letters(name, events, now_ns - events * LIVE_APART_NS, LIVE_APART_NS)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=("live", "backlog", "flood"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--gates", type=int, required=True)
    parser.add_argument("--events", type=int, required=True)
    arguments = parser.parse_args()
    try:
        import uvloop
    except ImportError:
        runner = asyncio.Runner()
    else:
        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    with runner:
        print(json.dumps(runner.run(send(arguments))), flush=True)


if __name__ == "__main__":
    main()
