"""Wheels from the hub, piece by piece, into files under their digests.

One piece is under way at a time: memory is bounded by it, and a link that is slow makes pieces small, so that what the
hub has to say of events does not wait behind them. A download that was interrupted goes on where it was, also after a
restart; what does not have its digest in the end is thrown away.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog

from wire import topics
from wire.errors import LinkError, ReleaseError
from wire.link import Arrival, Session
from wire.messages import SCHEMA_VERSION, encode
from wire.releases import MOST_PIECE_BYTES, FetchPiece, WheelFile

log = structlog.get_logger(__name__)

FIRST_BYTES = 16 * 1024
LEAST_BYTES = 2 * 1024
SLOW_S = 0.5
"""A piece that took longer was too large for this link."""
ANSWER_WITHIN_S = 30.0
ABSENT_S = 30.0
"""The hub does not have the file now; it is asked again."""
AGAIN_S = 1.0
MOST_TRIES = 3
"""So often a file may come whole and be wrong."""
_MODE = 0o640
"""The loader reads by its group."""


class Download:
    """What a gate fetches. `heard` is called with what arrives."""

    def __init__(self, site: str, gate: str, inbox: Path, rate_kb_s: float) -> None:
        self._site, self._gate, self._inbox, self._rate = site, gate, inbox, rate_kb_s * 1000
        self._session: Session | None = None
        self._linked = asyncio.Event()
        self._asked: tuple[str, asyncio.Future[bytes]] | None = None
        self._bytes = FIRST_BYTES

    @contextlib.contextmanager
    def link(self, session: Session) -> Iterator[None]:
        """Use a connection for as long as it lives."""
        self._session = session
        self._linked.set()
        try:
            yield
        finally:
            self._session = None
            self._linked.clear()

    def heard(self, arrival: Arrival) -> None:
        """A piece; one that nobody waits for any more is dropped."""
        if self._asked is not None and arrival.topic == self._asked[0] and not self._asked[1].done():
            self._asked[1].set_result(arrival.payload)

    def is_there(self, file: WheelFile) -> bool:
        """Whole: power may have gone before its last bytes were on the disk."""
        path = self._inbox / file.sha256
        return path.is_file() and path.stat().st_size == file.size and _digest(path) == file.sha256

    async def fetch(self, file: WheelFile, loaded: Callable[[int], None]) -> None:
        """Have the file in the inbox; `loaded` hears of each piece's bytes. Raises `ReleaseError`, `OSError`."""
        for _ in range(MOST_TRIES):
            part = self._inbox / f"{file.sha256}.part"
            await self._complete(part, file, loaded)
            if await asyncio.to_thread(_digest, part) == file.sha256:
                part.chmod(_MODE)
                part.replace(self._inbox / file.sha256)
                return
            log.error("file is not the one that was signed, it is loaded again", file=file.name)
            part.unlink()
            loaded(-file.size)
        raise ReleaseError(f"{file.name}: came {MOST_TRIES} times with other bytes than were signed")

    async def _complete(self, part: Path, file: WheelFile, loaded: Callable[[int], None]) -> None:
        """Load what is missing of it."""
        loop = asyncio.get_running_loop()
        with part.open("ab") as out:
            if out.tell() > file.size:
                out.truncate(0)
            loaded(out.tell())
            while (offset := out.tell()) < file.size:
                began_s, size = loop.time(), min(self._bytes, file.size - offset)
                data = await self._piece(file.sha256, offset, size)
                if not data:
                    continue
                out.write(data)
                out.flush()
                loaded(len(data))
                took_s = loop.time() - began_s
                self._fit(took_s)
                await asyncio.sleep(max(0.0, len(data) / self._rate - took_s))

    async def _piece(self, sha256: str, offset: int, size: int) -> bytes:
        """At most so many bytes; none where there was no answer, after a while."""
        await self._linked.wait()
        session, topic = self._session, topics.piece(self._site, self._gate, sha256, offset)
        if session is None:
            return b""
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._asked = topic, answer
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                asked = FetchPiece(SCHEMA_VERSION, sha256, offset, size)
                await session.publish(topics.fetch(self._site, self._gate), encode(asked))
                data = await answer
        except (LinkError, TimeoutError):
            self._bytes = max(LEAST_BYTES, self._bytes // 2)
            await asyncio.sleep(AGAIN_S)
            return b""
        finally:
            self._asked = None
        if not data or len(data) > size:
            await asyncio.sleep(ABSENT_S)
            return b""
        return data

    def _fit(self, took_s: float) -> None:
        factor = 0.5 if took_s > SLOW_S else 2.0 if took_s < SLOW_S / 4 else 1.0
        most = min(MOST_PIECE_BYTES, int(self._rate))  # never so much that the pause after it is longer than a second
        self._bytes = int(max(LEAST_BYTES, min(most, self._bytes * factor)))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
