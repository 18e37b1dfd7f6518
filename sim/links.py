"""A bad link: a TCP relay on this machine that can be slow, and be cut so that nobody notices at once."""

from __future__ import annotations

import asyncio
import contextlib
import socket

_CHUNK = 65_536
_QUEUE = 64


class Link:
    """Relays to one address. `delay_s` holds every byte back, one way; `cut` lets nothing through, without a word."""

    host = "127.0.0.1"

    def __init__(self, host: str, port: int) -> None:
        self.delay_s = 0.0
        self._to = host, port
        self._socket = socket.socket()
        self._server: asyncio.Server | None = None
        self._whole = asyncio.Event()
        self._whole.set()
        self._busy: set[asyncio.Task[None]] = set()

    def listen(self) -> int:
        """Take a port; which one."""
        self._socket.bind((self.host, 0))
        return int(self._socket.getsockname()[1])

    async def start(self) -> None:
        """Relay from now on; after `listen`."""
        self._server = await asyncio.start_server(self._relay, sock=self._socket)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._busy:
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)
        self._socket.close()

    def cut(self) -> None:
        """From now on nothing comes through; connections stay open, as on a dead radio link."""
        self._whole.clear()

    def mend(self) -> None:
        """Everything that waited comes through, if somebody still waits for it."""
        self._whole.set()

    async def _relay(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._busy.add(task)
        far_out: asyncio.StreamWriter | None = None
        try:
            await self._whole.wait()
            far_in, far_out = await asyncio.open_connection(*self._to)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._carry(near_in, far_out))
                tasks.create_task(self._carry(far_in, near_out))
        except* (OSError, _EndedError):
            pass
        finally:
            self._busy.discard(task)
            for out in (near_out, far_out):
                if out is not None:
                    out.close()
                    with contextlib.suppress(OSError):
                        await out.wait_closed()

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """One direction: what is read waits for its time and for the link, in order."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_QUEUE)
        reading = asyncio.create_task(self._read(source, waiting))
        try:
            while True:
                due_s, data = await waiting.get()
                await asyncio.sleep(due_s - asyncio.get_running_loop().time())
                await self._whole.wait()
                if not data:
                    raise _EndedError
                sink.write(data)
                await sink.drain()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self, source: asyncio.StreamReader, waiting: asyncio.Queue[tuple[float, bytes]]) -> None:
        data = b"begin"
        while data:
            try:
                data = await source.read(_CHUNK)
            except OSError:
                data = b""
            await waiting.put((asyncio.get_running_loop().time() + self.delay_s, data))


class _EndedError(Exception):
    """One end closed its side: the other is closed too."""
