"""Keeps the gate's copy of the registry what the hub says it is, over MQTT.

At each connection the gate asks for the manifest (retained), compares it with its copy, and asks for the shards that
differ, some at a time. A change at the hub reaches the gate as a new manifest and one shard. The beat says between
changes that the copy is still the newest; its age is the time since then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from edge.clock import Instant, Timekeeper
from edge.following import Following
from edge.registry import Registry
from edge.registry_file import Kept, RegistryFile
from wire import topics
from wire.errors import DecodeError, RegistryError
from wire.link import Arrival, Session
from wire.messages import RegistryHeld, decode
from wire.registry import Beat, Manifest, RegistryEntry, Shard, digest_of
from wire.topics import RegistryPart

log = structlog.get_logger(__name__)
T = TypeVar("T")

AT_ONCE = 64
"""Shards asked for together: bounds what a slow link and the memory of a Pi have to hold (64 of 12 kB)."""
FETCH_WITHIN_S = 10.0
"""Shards that have not come by then are asked for again."""
CONFIRM_EVERY_S = 60.0
"""The time of the hub's last word goes to disk this often: an SD card does not last for ever."""


class Follower:
    """One gate's registry and its copy on disk."""

    def __init__(self, site: str, path: Path, registry: Registry, timekeeper: Timekeeper) -> None:
        self.registry = registry
        self.sealing_key = ""
        """The hub's public key; empty until a hub has told it."""
        self._site = site
        self._file = RegistryFile(path)
        self._timekeeper = timekeeper
        self._following = Following()
        self._news = asyncio.Event()
        self._confirmed: Instant | None = None
        self._confirmed_ns: int | None = None
        self._kept_at: Instant | None = None
        self._fault = ""
        """What the disk said last: told once, not at every shard."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="registry")

    async def start(self) -> None:
        """Read the copy. A disk that refuses is told; the registry of before, or none, goes on."""
        kept = await self._keep(self._file.open)
        if kept is not None:
            self._load(kept)

    async def stop(self) -> None:
        await self._run(self._file.close)
        self._thread.shutdown()

    @property
    def topics(self) -> list[str]:
        """What a gate subscribes to before anything else."""
        return [topics.registry(self._site, part) for part in RegistryPart]

    def takes(self, topic: str) -> bool:
        """Whether a message with that topic is for `hear`."""
        return topics.is_registry(topic)

    def held(self) -> RegistryHeld:
        """The copy's state, for the gate's pulse and its policy."""
        return RegistryHeld(
            version=self.registry.version,
            entries=len(self.registry),
            age_s=self.age_s(),
            waiting=len(self._following.missing),
        )

    def age_s(self) -> float | None:
        """Seconds since the hub last confirmed that this copy is the newest; None when it never did.

        After a restart the wall clock bridges the time that the gate was off.
        """
        now = self._timekeeper.now()
        if self._confirmed is not None:
            return max(0.0, now.seconds_since(self._confirmed))
        return None if self._confirmed_ns is None else max(0.0, (now.time_ns - self._confirmed_ns) / 1e9)

    async def admit(self, entry: RegistryEntry) -> None:
        """Register something at the gate, at once and over restarts, until the entry's `until_ns`."""
        self.registry.admit(entry)
        await self._keep(partial(self._file.admit, entry))

    # -- with a connection ------------------------------------------------------------------------------------------

    async def follow(self, session: Session) -> None:
        """Ask for what is missing, for as long as the connection lives. Raises `LinkError`."""
        self._news.set()
        while True:
            await self._news.wait()
            self._news.clear()
            await self._expire()
            while missing := self._following.missing:
                await self._fetch(session, missing[:AT_ONCE])

    async def hear(self, session: Session, arrival: Arrival) -> None:
        """One message of the registry's. Raises `DecodeError` for what is none, `LinkError`."""
        site, part = topics.parse_registry(arrival.topic)
        if site != self._site:
            raise DecodeError(f"registry of {site!r}, expected that of {self._site!r}")
        match part:
            case RegistryPart.MANIFEST:
                await self._hear_manifest(decode(Manifest, arrival.payload))
            case RegistryPart.BEAT:
                await self._hear_beat(session, decode(Beat, arrival.payload))
            case number:
                if arrival.payload:  # an empty one is the hub's clearing of a shard that is empty now
                    await self._hear_shard(number, arrival.payload)
        self._news.set()

    async def _fetch(self, session: Session, numbers: list[int]) -> None:
        wanted = [topics.registry(self._site, number) for number in numbers]
        version = self._following.version  # a newer manifest may name other digests: then all is asked for anew
        await session.subscribe(wanted)
        try:
            async with asyncio.timeout(FETCH_WITHIN_S):
                while version == self._following.version and set(numbers) & set(self._following.missing):
                    await self._news.wait()
                    self._news.clear()
        except TimeoutError:
            log.warning("registry shards did not come, asking again", shards=len(numbers))
        await session.unsubscribe(wanted)

    async def _hear_manifest(self, manifest: Manifest) -> None:
        from_file = self._following.version == 0
        emptied = self._following.manifest(manifest)
        if emptied is None:
            return
        if from_file:
            self.registry.clear()  # what a file said counts until a hub has said something
        for number in emptied:
            self.registry.put_shard(number, ())
        self.registry.version, self.sealing_key = manifest.version, manifest.sealing_key
        self.registry.resumes_ns = manifest.resumes_ns
        version, key, resumes_ns = manifest.version, manifest.sealing_key, manifest.resumes_ns
        await self._keep(partial(self._file.follow, version, key, emptied, resumes_ns))

    async def _hear_shard(self, number: int, payload: bytes) -> None:
        digest = digest_of(payload)
        if not self._following.wants(number, digest):
            return
        shard = decode(Shard, payload)
        self._following.shard(number, digest)
        self.registry.put_shard(number, shard.entries)
        await self._keep(partial(self._file.put, number, digest, payload))

    async def _hear_beat(self, session: Session, beat: Beat) -> None:
        if beat.version > self._following.version:
            # The manifest of this version was published before the beat: it was lost, ask for the retained one.
            await session.subscribe([topics.registry(self._site, RegistryPart.MANIFEST)])
        elif beat.version == self._following.version and not self._following.missing:
            await self._confirm()
        elif beat.version < self._following.version:
            log.warning("the hub has an older registry than this gate", hub=beat.version, gate=self._following.version)

    async def _confirm(self) -> None:
        now = self._timekeeper.now()
        self._confirmed, self._confirmed_ns = now, now.time_ns
        if self._kept_at is None or now.seconds_since(self._kept_at) >= CONFIRM_EVERY_S:
            self._kept_at = now
            await self._keep(partial(self._file.confirm, now.time_ns))

    async def _expire(self) -> None:
        over = self.registry.expire(self._timekeeper.now().time_ns)
        if over:
            await self._keep(partial(self._file.expire, over))

    # -- the disk ---------------------------------------------------------------------------------------------------

    def _load(self, kept: Kept) -> None:
        self._following = Following(kept.version, kept.digests)
        self._confirmed_ns = kept.confirmed_ns
        self.sealing_key = kept.sealing_key
        if kept.version:
            self.registry.clear()
            self.registry.version, self.registry.resumes_ns = kept.version, kept.resumes_ns
        for number, entries in kept.shards.items():
            self.registry.put_shard(number, entries)
        for entry in kept.admitted:
            self.registry.admit(entry)

    async def _keep(self, work: Callable[[], T]) -> T | None:
        """Work with the file; what the disk refuses is told, and the copy in memory goes on."""
        try:
            done = await self._run(work)
        except RegistryError as error:
            if str(error) != self._fault:
                log.error("registry copy cannot be kept", error=str(error))
            self._fault = str(error)
            return None
        self._fault = ""
        return done

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
