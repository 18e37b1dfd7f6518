"""Bad ways: a TCP proxy that knows where MQTT's packets end, and one for HTTP. Both are switched while they work."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque

_PUBLISH = 3
_HELD_S = 0.7
"""A message that was held back to come late comes at the latest after this."""


class Relay:
    """Carries the packets of every connection to one address, and does to them what it is told."""

    def __init__(self, port: int, seed: int) -> None:
        self.port = 0
        self.closed = 0
        """How many faults want that nobody gets through, and is told so."""
        self.swallowing = 0
        """How many want that everything is swallowed; a connection that lost something never recovers."""
        self.delay_s = 0.0
        self.shuffling = 0
        self._to = port
        self._draw = random.Random(seed)
        self._server: asyncio.Server | None = None
        self._busy: set[asyncio.Task[None]] = set()
        self._dead: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.hang_up()
        await asyncio.gather(*self._busy, return_exceptions=True)

    def hang_up(self) -> None:
        """End all connections, in the middle of whatever they carry."""
        for task in self._busy:
            task.cancel()

    def swallow(self) -> None:
        """Everything in the connections that there are is lost from now on, until somebody gives up."""
        self._dead |= self._busy

    async def _relay(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if self.closed:
            near_out.transport.abort()
            return
        self._busy.add(task)
        outs = [near_out]
        try:
            far_in, far_out = await asyncio.open_connection("127.0.0.1", self._to)
            outs.append(far_out)
            carrying = [
                asyncio.create_task(self._carry(near_in, far_out, task)),
                asyncio.create_task(self._carry(far_in, near_out, task)),
            ]
            try:
                await asyncio.wait(carrying, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in carrying:
                    one.cancel()
                await asyncio.gather(*carrying, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._busy.discard(task)
            self._dead.discard(task)
            for out in outs:
                out.transport.abort()

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, link: asyncio.Task[None]) -> None:
        """One direction of one connection."""
        under_way = _UnderWay(sink)
        sending = asyncio.create_task(under_way.run())
        try:
            while True:
                packet = await _packet(source)
                if self.swallowing:
                    self._dead.add(link)
                if link in self._dead:
                    continue
                self._pass_on(packet, under_way)
        except (OSError, asyncio.IncompleteReadError):
            await asyncio.sleep(self.delay_s)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    def _pass_on(self, packet: bytes, under_way: _UnderWay) -> None:
        chance = self._draw.random() if self.shuffling and packet[0] >> 4 == _PUBLISH else 1.0
        if chance < 0.3:
            under_way.hold(packet, behind=self._draw.randint(1, 3))
            return
        under_way.put(packet, self.delay_s)
        if chance < 0.6:
            under_way.put(packet, self.delay_s)


class _UnderWay:
    """Packets that have left one end and not reached the other."""

    def __init__(self, sink: asyncio.StreamWriter) -> None:
        self._sink = sink
        self._queue: deque[tuple[float, bytes]] = deque()
        self._held: list[tuple[int, bytes]] = []
        self._filled = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def put(self, packet: bytes, delay_s: float) -> None:
        self._append(packet, delay_s)
        held, self._held = self._held, []
        for behind, late in held:
            if behind > 1:
                self._held.append((behind - 1, late))
            else:
                self._append(late, delay_s)

    def hold(self, packet: bytes, behind: int) -> None:
        """Let so many others overtake it."""
        self._held.append((behind, packet))
        self._loop.call_later(_HELD_S, self._let_go)

    def _let_go(self) -> None:
        held, self._held = self._held, []
        for _, packet in held:
            self._append(packet, 0.0)

    def _append(self, packet: bytes, delay_s: float) -> None:
        self._queue.append((self._loop.time() + delay_s, packet))
        self._filled.set()

    async def run(self) -> None:
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._queue:
                due_s, packet = self._queue[0]
                await asyncio.sleep(due_s - self._loop.time())
                self._queue.popleft()
                self._sink.write(packet)
                await self._sink.drain()


async def _packet(source: asyncio.StreamReader) -> bytes:
    """One control packet (MQTT 3.1.1, section 2.2). Raises `IncompleteReadError` at the end."""
    head = await source.readexactly(2)
    length, shift = head[-1] & 0x7F, 7
    while head[-1] & 0x80:
        head += await source.readexactly(1)
        length |= (head[-1] & 0x7F) << shift
        shift += 7
    return head + await source.readexactly(length)


REFUSALS = ("400", "401", "404", "413", "429", "500", "503", "silence", "reset", "lost answer")


class HttpRelay:
    """Carries each request to one server; `refusal` is what it does instead, empty when nothing."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self.refusal = ""
        self.refused = 0
        self._to = port
        self._server: asyncio.Server | None = None
        self._busy: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._busy:
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)

    async def _relay(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._busy.add(task)
        try:
            while await self._one(near_in, near_out):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._busy.discard(task)
            near_out.transport.abort()

    async def _one(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> bool:
        """One request; whether the connection lives on."""
        head, body = await _request(near_in)
        refusal = self.refusal
        if refusal:
            self.refused += 1
        if refusal == "silence":
            await asyncio.sleep(60)
            return False
        if refusal == "reset":
            return False
        if refusal and refusal != "lost answer":
            text = b"<html>not now</html>"
            near_out.write(b"HTTP/1.1 %s No\r\nContent-Length: %d\r\n\r\n" % (refusal.encode(), len(text)) + text)
            await near_out.drain()
            return True
        answer = await self._asked(head, body)
        if refusal == "lost answer":
            return False
        near_out.write(answer)
        await near_out.drain()
        near_out.close()
        with contextlib.suppress(OSError):
            await near_out.wait_closed()
        return False

    async def _asked(self, head: list[bytes], body: bytes) -> bytes:
        far_in, far_out = await asyncio.open_connection("127.0.0.1", self._to)
        try:
            kept = [line for line in head if not line.lower().startswith(b"connection:")]
            far_out.write(b"\r\n".join([*kept, b"Connection: close", b"", body]))
            return await far_in.read(-1)
        finally:
            far_out.transport.abort()


async def _request(source: asyncio.StreamReader) -> tuple[list[bytes], bytes]:
    head = (await source.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
    length = next((int(line[15:]) for line in head if line.lower().startswith(b"content-length:")), 0)
    return head, await source.readexactly(length)
