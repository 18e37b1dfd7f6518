"""The journal for asyncio: one thread that writes, one that reads, and a bell for those who wait for news."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from hub.journal import Bad, Entry, Journal, JournalReader, Taken
from hub.lineage import Laps
from hub.recent import Recent
from wire.events import AnyEvent
from wire.messages import Batch, StreamId

T = TypeVar("T")


_FORGET_AT_ONCE = 1000


class Log(Protocol):
    """What is asked of a journal: in a file of SQLite (`hub.journal`), or in PostgreSQL (`hub.fleet.journal`)."""

    fresh: list[Entry]
    """What the last append put in, as a reader would find it, where that is known."""

    def open(self) -> None: ...
    def close(self) -> None: ...
    def reader(self) -> JournalReader: ...
    def append(self, batches: Iterable[Batch], received_ns: int) -> dict[StreamId, Taken]: ...
    def append_own(self, site: str, events: Sequence[AnyEvent], received_ns: int) -> None: ...
    def through(self, stream: StreamId) -> int: ...
    def laps(self, stream: StreamId) -> Laps: ...
    def streams(self) -> dict[StreamId, int]: ...
    def forget(self, before_ns: int, through: int, most: int) -> int: ...
    def set_cursor(self, name: str, offset: int) -> None: ...
    def bury(self, letters: Sequence[Bad], now_ns: int) -> None: ...
    def exhume(self, letter_id: int, received_ns: int) -> str: ...
    def forget_letter(self, letter_id: int) -> None: ...


class Archive:
    """A journal with threads of its own. `append` returns after the commit, never before."""

    def __init__(self, journal: Path | Log, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._journal: Log = Journal(journal) if isinstance(journal, Path) else journal
        self._reader = self._journal.reader()
        self._now_ns = now_ns
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="journal-write")
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="journal-read")
        self._recent = Recent()
        self._bell = asyncio.Event()

    async def start(self) -> None:
        await self._write(self._journal.open)

    async def stop(self) -> None:
        await self._write(self._journal.close)
        await self.read(JournalReader.close)
        self._writing.shutdown()
        self._reading.shutdown()

    async def append(self, batches: Iterable[Batch]) -> dict[StreamId, Taken]:
        """See `Journal.append`. Rings the bell when something was new."""
        taken = await self._write(partial(self._append, list(batches), self._now_ns()))
        if any(result.new for result in taken.values()):
            self._ring()
        return taken

    async def append_own(self, site: str, events: Sequence[AnyEvent]) -> None:
        await self._write(partial(self._append_own, site, events, self._now_ns()))
        self._ring()

    async def bury(self, letters: Sequence[Bad]) -> None:
        await self._write(partial(self._journal.bury, letters, self._now_ns()))
        self._ring()

    async def exhume(self, letter_id: int) -> str:
        outcome = await self._write(partial(self._exhume, letter_id, self._now_ns()))
        self._ring()
        return outcome

    async def forget_letter(self, letter_id: int) -> None:
        await self._write(partial(self._journal.forget_letter, letter_id))

    async def forget(self, before_ns: int, through: int) -> int:
        """See `Journal.forget`; in parts, so that no gate waits for it."""
        count = 0
        while gone := await self._write(partial(self._forget, before_ns, through)):
            count += gone
        return count

    async def set_cursor(self, name: str, offset: int) -> None:
        await self._write(partial(self._journal.set_cursor, name, offset))

    def through(self, stream: StreamId) -> int:
        """The last number of the stream that is durable."""
        return self._journal.through(stream)

    def laps(self, stream: StreamId) -> Laps:
        return self._journal.laps(stream)

    def streams(self) -> dict[StreamId, int]:
        return self._journal.streams()

    async def after(self, offset: int, limit: int) -> list[Entry]:
        """Up to `limit` entries behind `offset`, in the order of the journal."""
        recent = self._recent.after(offset, limit)
        return await self.read(lambda reader: reader.after(offset, limit)) if recent is None else recent

    def behind(self, offset: int) -> int:
        """How many of the newest entries are behind that offset; fewer than there are, where there are very many."""
        return self._recent.behind(offset)

    def lags(self, offset: int) -> bool:
        """Whether a reader that has come so far will soon have to read from disk; see `Recent.lags`."""
        return self._recent.lags(offset)

    async def read(self, query: Callable[[JournalReader], T]) -> T:
        """Ask the reader something, in its thread."""
        return await asyncio.get_running_loop().run_in_executor(self._reading, query, self._reader)

    def bell(self) -> asyncio.Event:
        """The bell that rings at the next change; taken before reading, no change can be missed."""
        return self._bell

    def _ring(self) -> None:
        self._bell.set()
        self._bell = asyncio.Event()

    # -- in the thread that writes ----------------------------------------------------------------------------------

    def _append(self, batches: list[Batch], received_ns: int) -> dict[StreamId, Taken]:
        taken = self._journal.append(batches, received_ns)
        self._recent.add(self._journal.fresh)
        return taken

    def _append_own(self, site: str, events: Sequence[AnyEvent], received_ns: int) -> None:
        try:
            self._journal.append_own(site, events, received_ns)
        finally:  # of two streams one may have been written
            self._recent.add(self._journal.fresh)

    def _exhume(self, letter_id: int, received_ns: int) -> str:
        self._recent.clear()
        return self._journal.exhume(letter_id, received_ns)

    def _forget(self, before_ns: int, through: int) -> int:
        self._recent.clear()
        return self._journal.forget(before_ns, through, _FORGET_AT_ONCE)

    async def _write(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writing, work)
