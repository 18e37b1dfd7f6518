"""Thousands of gates in one process, that speak the protocol as `edge.uplink` does: for the bench of scale.

    python -m tests.bench.fleet PORT FILE live|backlog …

Each gate has a connection of its own, a birth and a will, the edge's own windows of both streams, a pulse every five
seconds, and makes its events from numbers instead of reading a spool. What the hub says late is sent again, as a gate
does. Every second the process writes one JSON line of what it has seen.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections import deque
from pathlib import Path
from typing import cast

import msgspec
import uvloop

from edge.uplink import FIRST_BATCH_BYTES, MAX_BATCH_BYTES, MAX_BATCH_EVENTS
from edge.window import Heard, Window
from tests.bench.figures import fd_limit_raised
from tests.bench.packets import Decoder, Published, puback, published
from wire import mqtt, topics
from wire.events import Outcome, PersonPassage, Reason, Temperature, Urgency, Verdict
from wire.messages import SCHEMA_VERSION, SpoolDepth, Status, StreamId, Vitals, Watermark, encode

SITE = "scale"
KEEPALIVE_S = 60
PULSE_S = 5.0
TICK_S = 0.05
ASK_AGAIN_S = 3.0
PEOPLE = 5000

_watermark = msgspec.json.Decoder(Watermark)


_NUMBER, _TIME_NS, _BADGE = 0x5EEDFACE, 1_234_567_890_123_456_789, "a-badge-of-22-letters-"


def _pattern(*, fever: bool) -> bytes:
    """One person at a lane as the edge writes it, with blanks for time, number and badge."""
    event = PersonPassage(
        time_ns=_TIME_NS,
        passage=f"{_NUMBER:032x}",
        lane="people",
        outcome=Outcome.DENY if fever else Outcome.ALLOW,
        verdict=Verdict.FEVER if fever else Verdict.NORMAL,
        badge=_BADGE,
        temperature=Temperature(skin_c=38.1 if fever else 34.7, u_c=0.3, looks=3, limit_c=36.4, reference_c=35.0),
        reasons=(Reason.FEVER,) if fever else (),
    )
    body = msgspec.json.encode(event).replace(b"%", b"%%").replace(str(_TIME_NS).encode(), b"%d")
    return body.replace(f"{_NUMBER:032x}".encode(), b"%032x").replace(_BADGE.encode(), b"person-%015d")


PATTERN, _FEVER = _pattern(fever=False), _pattern(fever=True)


def passage(number: int, time_ns: int, person: int, *, fever: bool = False) -> bytes:
    """One person at a lane."""
    return (_FEVER if fever else PATTERN) % (time_ns, number, person)


class Totals:
    """What all gates of the process saw together."""

    def __init__(self) -> None:
        self.connected = 0
        self.open = 0
        self.sent = 0
        self.acknowledged = 0
        self.urgent_acknowledged = 0
        self.again = 0
        self.lost_links = 0
        self.delays_ms: list[float] = []
        self.urgent_ms: list[float] = []


class Stream:
    """One stream of a gate: its events are numbers, made when they are sent."""

    def __init__(self, gate: str, urgency: Urgency, backlog: int) -> None:
        self.id = StreamId(SITE, gate, urgency, "e1")
        self.topic = topics.events(SITE, gate, urgency)
        self.window = Window(0)
        self.made = backlog
        self.made_ns: deque[tuple[int, int]] = deque()
        """Of live events: number and time."""


class Gate(asyncio.Protocol):
    """One gate: a connection, two streams."""

    def __init__(self, name: str, port: int, totals: Totals, backlog: int) -> None:
        self.name = name
        self._port = port
        self._place = int(name.rsplit("-", 1)[-1])
        self._totals = totals
        self._decoder = Decoder()
        self._transport: asyncio.Transport | None = None
        self._urgent, self._routine = Stream(name, Urgency.URGENT, 0), Stream(name, Urgency.ROUTINE, backlog)
        self._head = {stream: _head(stream) for stream in (self._urgent, self._routine)}
        self._backlog = backlog
        self._session = 0
        self._born = False
        self._number = 0
        self._status = topics.status(SITE, name)
        self._vitals = topics.vitals(SITE, name)
        self._begin_ns = time.time_ns() - (backlog + 1) * 10**9
        self._asked_s = 0.0
        self._batch_bytes = FIRST_BATCH_BYTES

    # -- the connection ---------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        self._session += 1
        self._decoder, self._batch_bytes = Decoder(), FIRST_BATCH_BYTES
        for stream in (self._urgent, self._routine):
            stream.window.connect()
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._port)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # those of uvloop do not inherit from it
        self._transport = transport
        will = mqtt.Arrival(self._status, encode(Status(SCHEMA_VERSION, False, "e1", self._session)))
        self._write(mqtt.connect_packet(mqtt.Login(f"menshen-{SITE}-{self.name}", KEEPALIVE_S, will=will)))

    def connection_lost(self, error: Exception | None) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._totals.lost_links += 1
        self._transport, self._born = None, False

    def data_received(self, data: bytes) -> None:
        for packet in self._decoder.feed(data):
            if packet.kind == mqtt.PUBLISH:
                self._hear(published(packet))
            elif packet.kind == mqtt.CONNACK:
                self._write(mqtt.subscribe_packet(self._next_number(), [topics.acks_for(SITE, self.name)]))
            elif packet.kind == mqtt.SUBACK:
                self._totals.connected += 1
                self._born = True
                self.announce()

    def announce(self) -> None:
        """The birth: the hub answers with how far it is."""
        self._asked_s = time.monotonic()
        status = Status(SCHEMA_VERSION, True, "e1", self._session, "bench", time.time_ns())
        self._write(mqtt.publish_packet(mqtt.Message(self._status, encode(status), retain=True), self._next_number()))

    # -- the protocol -------------------------------------------------------------------------------------------------

    def _hear(self, message: Published) -> None:
        if message.number is not None:
            self._write(puback(message.number))
        mark = _watermark.decode(message.payload)
        stream = self._urgent if mark.stream.urgency is Urgency.URGENT else self._routine
        was_open = self.is_open
        before = stream.window.acknowledged
        heard = stream.window.hear(mark.through, resend=mark.resend, now_s=time.monotonic())
        if heard is Heard.FOREIGN:
            sys.exit(f"{self.name}: the hub acknowledges {mark.through}, which was never sent")
        if heard is Heard.NEWS:
            self._batch_bytes = min(MAX_BATCH_BYTES, self._batch_bytes * 2)
        self._totals.again += mark.resend
        self._totals.acknowledged += stream.window.acknowledged - before
        now_ns = time.time_ns()
        urgent = stream is self._urgent
        while stream.made_ns and stream.made_ns[0][0] <= mark.through:
            delay_ms = (now_ns - stream.made_ns.popleft()[1]) / 1e6
            (self._totals.urgent_ms if urgent else self._totals.delays_ms).append(delay_ms)
            self._totals.urgent_acknowledged += urgent
        if not was_open and self.is_open:
            self._totals.open += 1
        self.send()

    @property
    def is_open(self) -> bool:
        return self._urgent.window.open and self._routine.window.open

    def make(self, *, urgent: bool) -> None:
        """Somebody came to the lane, now."""
        stream = self._urgent if urgent else self._routine
        stream.made += 1
        stream.made_ns.append((stream.made, time.time_ns()))
        self.send()

    def send(self) -> None:
        """What there is room for, urgent first."""
        if self._transport is None or not self._born:
            return
        for stream in (self._urgent, self._routine):
            while stream.window.has_room and stream.window.sent < stream.made:
                self._send_one(stream)

    def _send_one(self, stream: Stream) -> None:
        first = stream.window.sent + 1
        size, parts, number = 0, [], first
        live = dict(stream.made_ns)
        urgent = stream is self._urgent
        while number <= stream.made and len(parts) < MAX_BATCH_EVENTS and size < self._batch_bytes:
            at_ns = live.get(number) or self._begin_ns + number * 10**9
            event = passage(number, at_ns, (number * 7 + self._place * 131) % PEOPLE, fever=urgent)
            parts.append(b'{"seq":%d,"event":%b}' % (number, event))
            size += len(parts[-1])
            number += 1
        stream.window.record(number - 1, time.monotonic())
        self._totals.sent += len(parts)
        payload = self._head[stream] + b",".join(parts) + b"]}"
        self._write(mqtt.publish_packet(mqtt.Message(stream.topic, payload), self._next_number()))

    def tick(self) -> None:
        """What time brings: birth again, what is overdue."""
        if not self._born:
            return
        now_s = time.monotonic()
        if not self.is_open and now_s - self._asked_s > ASK_AGAIN_S:
            self.announce()
        for stream in (self._urgent, self._routine):
            if stream.window.overdue(now_s):
                self._totals.again += 1
                self.send()

    def pulse(self) -> None:
        if not self._born:
            return
        depth = SpoolDepth(self._urgent.made - self._urgent.window.acknowledged,
                           self._routine.made - self._routine.window.acknowledged)  # fmt: skip
        vitals = Vitals(SCHEMA_VERSION, time.time_ns(), "e1", self._session, depth, "bench", 100.0, 45.0, 80.0, 9000.0,
                        {"camera": "ok"}, {"camera": 8.7}, {"camera": 0.05})  # fmt: skip
        self._write(mqtt.publish_packet(mqtt.Message(self._vitals, encode(vitals))))

    @property
    def is_done(self) -> bool:
        return self._urgent.window.acknowledged >= self._urgent.made and (
            self._routine.window.acknowledged >= self._routine.made
        )

    def _next_number(self) -> int:
        self._number = self._number % 65535 + 1
        return self._number

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.write(mqtt.DISCONNECT)
            self._transport.close()


def _head(stream: Stream) -> bytes:
    return b'{"v":%d,"stream":%b,"events":[' % (SCHEMA_VERSION, msgspec.json.encode(stream.id))


class Fleet:
    """All gates of the process."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._asked = arguments
        self.totals = Totals()
        share, rest = divmod(arguments.backlog, arguments.gates)
        self.gates = [
            Gate(f"gate-{n:04d}", arguments.port, self.totals, share + (n < rest)) for n in range(arguments.gates)
        ]
        self._ended = False

    async def run(self) -> None:
        tick = asyncio.create_task(self._tick())
        tell = asyncio.create_task(self._tell())
        for begin in range(0, len(self.gates), 100):
            await asyncio.gather(*(gate.connect() for gate in self.gates[begin : begin + 100]))
        await self._until(lambda: self.totals.open == len(self.gates), 120)
        jobs = [asyncio.create_task(self._pulses())]
        if self._asked.seconds:
            await self._live()
        else:
            jobs.append(asyncio.create_task(self._fevers()))
            await self._until(lambda: all(gate.is_done for gate in self.gates), self._asked.within_s)
        await self._until(lambda: all(gate.is_done for gate in self.gates), 60)
        for job in (tick, tell, *jobs):
            job.cancel()
        self._say()
        delays = {"delays_ms": self.totals.delays_ms, "urgent_ms": self.totals.urgent_ms}
        Path(self._asked.file).with_suffix(".delays").write_bytes(msgspec.msgpack.encode(delays))
        for gate in self.gates:
            gate.close()
        await asyncio.sleep(0.2)

    async def _until(self, condition, within_s: float) -> None:  # type: ignore[no-untyped-def]
        deadline_s = time.monotonic() + within_s
        while not condition() and time.monotonic() < deadline_s:
            await asyncio.sleep(0.02)

    async def _live(self) -> None:
        """Every gate makes one event a second, at a moment of the second of its own."""
        draw = random.Random(1)
        moments = sorted((draw.random(), gate) for gate in range(len(self.gates)))
        begin_s = time.monotonic()
        for second in range(self._asked.seconds):
            for place, (share, number) in enumerate(moments):
                if place % 20 == 0:
                    await _until_s(begin_s + second + share)
                self.gates[number].make(urgent=(second * len(moments) + place) % self._asked.fever_every == 0)

    async def _fevers(self) -> None:
        """Meanwhile new fevers at gates all over the site."""
        draw = random.Random(2)
        while True:
            draw.choice(self.gates).make(urgent=True)
            await asyncio.sleep(1 / self._asked.fevers_per_s)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            for gate in self.gates:
                gate.tick()

    async def _pulses(self) -> None:
        slices = 50
        while True:
            for part in range(slices):
                for gate in self.gates[part::slices]:
                    gate.pulse()
                await asyncio.sleep(PULSE_S / slices)

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self._say()

    def _say(self) -> None:
        totals = self.totals
        made = sum(gate._urgent.made + gate._routine.made for gate in self.gates)
        urgent = sum(gate._urgent.made for gate in self.gates)
        said = {
            "at_ns": time.time_ns(), "connected": totals.connected, "open": totals.open, "made": made,
            "sent": totals.sent, "acknowledged": totals.acknowledged, "urgent": urgent,
            "urgent_acknowledged": totals.urgent_acknowledged,
            "again": totals.again, "lost_links": totals.lost_links, "cpu_s": time.process_time(),
        }  # fmt: skip
        with Path(self._asked.file).open("a") as out:
            out.write(json.dumps(said) + "\n")


async def _until_s(moment_s: float) -> None:
    wait_s = moment_s - time.monotonic()
    if wait_s > 0:
        await asyncio.sleep(wait_s)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fleet", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("file", help="what it has seen, a line of JSON each second")
    parser.add_argument("--gates", type=int, required=True)
    parser.add_argument("--seconds", type=int, default=0, help="one event a second of each gate, for so long")
    parser.add_argument("--backlog", type=int, default=0, help="events that wait, of all gates together")
    parser.add_argument("--fever-every", type=int, default=1000, help="live: one event in so many is a fever")
    parser.add_argument("--fevers-per-s", type=float, default=5.0, help="with a backlog: new fevers meanwhile")
    parser.add_argument("--within-s", type=float, default=600.0, help="a backlog that takes longer is given up")
    asked = parser.parse_args()
    fd_limit_raised(asked.gates + 200)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Fleet(asked).run())


if __name__ == "__main__":
    main()
