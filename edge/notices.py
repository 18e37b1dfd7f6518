"""Words to the people at this gate: heard from the hub, kept over restarts, shown on the gate's page and said aloud.

What the hub said last counts, by its version; each notice is shown from its beginning to its end by the gate's own
clock, with or without a hub. Pictures are asked for once, by their digest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from edge.clock import Timekeeper
from wire import topics
from wire.errors import DecodeError
from wire.link import Arrival, Session
from wire.messages import SCHEMA_VERSION, decode
from wire.notices import MOST_PICTURE_BYTES, Notice, Notices, is_picture
from wire.registry import digest_of

log = structlog.get_logger(__name__)

FETCH_WITHIN_S = 20.0
LOOK_EVERY_S = 5.0
_decoder = msgspec.json.Decoder(Notices)


class Speaks(Protocol):
    """A lane that may have a speaker."""

    async def announce(self, key: str) -> bool:
        """Say an announcement unless something else is being said; whether it was said."""
        ...


class NoticeBoard:
    """The notices of one gate."""

    def __init__(self, site: str, gate: str, folder: Path, timekeeper: Timekeeper) -> None:
        self._site = site
        self._gate = gate
        self._folder = folder
        self._timekeeper = timekeeper
        self._known = Notices(SCHEMA_VERSION, 1, [])
        self._pictures: dict[str, bytes] = {}
        self._wanting = asyncio.Event()
        self._said_s: dict[int, float] = {}
        self.version = 0
        """Changes with what there is to show."""

    async def start(self) -> None:
        """Read what was kept. A disk that refuses is told, and what the hub says counts."""
        try:
            await asyncio.to_thread(self._load)
        except (OSError, msgspec.DecodeError) as error:
            log.error("notices that were kept cannot be read", error=str(error))

    def current(self) -> list[Notice]:
        """What is to be shown at this gate now, the newest first."""
        now_ns = self._timekeeper.now().time_ns
        mine = [one for one in self._known.notices if not one.gates or self._gate in one.gates]
        return sorted(
            (one for one in mine if one.from_ns <= now_ns < one.until_ns), key=lambda one: one.from_ns, reverse=True
        )

    def picture(self, digest: str) -> bytes | None:
        return self._pictures.get(digest)

    # -- as a companion of the uplink ----------------------------------------------------------------------------------

    @property
    def topics(self) -> list[str]:
        return [topics.notices(self._site)]

    def takes(self, topic: str) -> bool:
        """Whether a message with that topic is for `hear`."""
        return topics.is_notices(topic)

    async def follow(self, session: Session) -> None:
        """Ask for pictures that are missing, for as long as the connection lives. Raises `LinkError`."""
        self._wanting.set()
        while True:
            await self._wanting.wait()
            self._wanting.clear()
            wanted = [topics.notices(self._site, digest) for digest in self._missing()]
            if not wanted:
                continue
            await session.subscribe(wanted)
            await self._until_there()
            await session.unsubscribe(wanted)

    async def hear(self, _session: Session, arrival: Arrival) -> None:
        """The notices, or a picture of theirs. Raises `DecodeError` for what is neither."""
        if arrival.topic == topics.notices(self._site):
            await self._hear_notices(decode(Notices, arrival.payload))
        elif arrival.payload:  # an empty one is the hub's clearing of a picture that is over
            await self._hear_picture(arrival)

    async def _until_there(self) -> None:
        for _ in range(int(FETCH_WITHIN_S / 0.2)):
            if not self._missing():
                return
            await asyncio.sleep(0.2)
        self._wanting.set()  # asked for once more

    async def _hear_notices(self, heard: Notices) -> None:
        if heard.version < self._known.version or heard == self._known:
            return
        self._known = heard
        self.version += 1
        wanted = {one.picture for one in heard.notices}
        for digest in [digest for digest in self._pictures if digest not in wanted]:
            del self._pictures[digest]
        await self._keep()
        self._wanting.set()

    async def _hear_picture(self, arrival: Arrival) -> None:
        digest = digest_of(arrival.payload)
        if arrival.topic != topics.notices(self._site, digest):
            raise DecodeError(f"picture under topic {arrival.topic[:200]!r}: its digest is {digest!r}")
        if not is_picture(arrival.payload) or len(arrival.payload) > MOST_PICTURE_BYTES:
            raise DecodeError(f"picture {digest}: neither JPEG nor PNG, or over {MOST_PICTURE_BYTES} bytes")
        if digest in self._missing():
            self._pictures[digest] = arrival.payload
            self.version += 1
            await self._keep()

    def _missing(self) -> list[str]:
        now_ns = self._timekeeper.now().time_ns
        wanted = {
            one.picture
            for one in self._known.notices
            if one.picture and one.until_ns > now_ns and (not one.gates or self._gate in one.gates)
        }
        return sorted(wanted - self._pictures.keys())

    # -- aloud ---------------------------------------------------------------------------------------------------------

    async def speak(self, lanes: Sequence[Speaks]) -> None:
        """Say what is to be said, every so often, until cancelled."""
        while True:
            await self.say_due(lanes, asyncio.get_running_loop().time())
            await asyncio.sleep(LOOK_EVERY_S)

    async def say_due(self, lanes: Sequence[Speaks], now_s: float) -> None:
        """Announcements whose time has come, on every lane that is silent at the moment."""
        for notice in self.current():
            due_s = self._said_s.get(notice.id, float("-inf")) + notice.every_min * 60
            if notice.speech and notice.every_min and now_s >= due_s:
                said = [await lane.announce(notice.speech) for lane in lanes]
                if any(said):
                    self._said_s[notice.id] = now_s

    # -- the disk ------------------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        try:
            await asyncio.to_thread(self._store)
        except OSError as error:
            log.error("notices cannot be kept", error=str(error))

    def _load(self) -> None:
        file = self._folder / "notices.json"
        if not file.exists():
            return
        self._known = _decoder.decode(file.read_bytes())
        for digest in {one.picture for one in self._known.notices if one.picture}:
            picture = self._folder / f"{digest}.picture"
            if picture.exists() and digest_of(data := picture.read_bytes()) == digest:
                self._pictures[digest] = data

    def _store(self) -> None:
        """Whole or not at all: the old file counts until the new one is there."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for digest, data in dict(self._pictures).items():
            if not (self._folder / f"{digest}.picture").exists():
                (self._folder / f"{digest}.picture").write_bytes(data)
        for old in self._folder.glob("*.picture"):
            if old.stem not in self._pictures:
                old.unlink()
        new = self._folder / "notices.new"
        new.write_bytes(msgspec.json.encode(self._known))
        new.replace(self._folder / "notices.json")
