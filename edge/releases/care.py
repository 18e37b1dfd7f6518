"""The agent's part of an update: hear of it, load it, have it staged, tested and switched to, and judge it.

What happens is told by the pulse, and how it ended by an event. The loader does what needs more than the agent may; it
is asked by a file and answers by one (`edge.releases.loader`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sys
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from edge import machine
from edge.releases import loader, pursuit, slots, staging
from edge.releases.download import Download
from edge.releases.pursuit import Pursuit
from edge.releases.settings import UpdateSettings
from edge.releases.slots import Do, Request
from edge.remote import verdict
from wire import topics
from wire.errors import DecodeError, ReleaseError
from wire.link import Arrival, Session
from wire.messages import decode
from wire.releases import Phase, ReleaseHeld, ReleaseManifest, ReleaseOffer, Wish
from wire.signing import open_release

log = structlog.get_logger(__name__)

PURSUIT_FILE, CONFIRMED_FILE = "pursuit.json", "confirmed.json"
STAGED_WITHIN_S = 1800.0
ANSWER_WITHIN_S = 90.0
RESTART_WITHIN_S = 120.0
TESTED_WITHIN_S = 180.0
TRIAL_S = 600.0
"""A hub that restarts in the middle, or a link that is down for some minutes, is not the release's fault."""
LOOK_EVERY_S = 0.5
_MODE = 0o640
_NOTIFY = "NOTIFY_SOCKET"


class Seen(NamedTuple):
    """What a trial is judged by."""

    missing: Callable[[Iterable[str]], str]
    """What is not as it was, given the cameras that worked before; empty when nothing is."""
    working: Callable[[], Iterable[str]]
    tell: Callable[[bool, str], Awaitable[None]]
    """Have an event say how it ended."""


class ReleaseCare:
    """One gate's updates: a companion of the uplink, and a part of the agent."""

    def __init__(self, site: str, gate: str, settings: UpdateSettings, version: str, check: list[str]) -> None:
        """`check` are the words that have a release's own `menshen` look at this gate's settings."""
        self._folder, self._inbox = Path(settings.path), Path(settings.path) / loader.INBOX
        self._keys_file, self._version, self._check = Path(settings.keys_file), version, check
        self._runs = Path(sys.prefix)
        self._offers, self._pieces = topics.release(site, gate), topics.pieces_for(site, gate)
        self._download = Download(site, gate, self._inbox, settings.rate_kb_s)
        self._now = self._read()
        self._offer: ReleaseOffer | None = None
        self._news = asyncio.Event()
        self._loaded, self._whole = 0, 0

    # -- as a companion of the uplink ----------------------------------------------------------------------------------

    @property
    def topics(self) -> list[str]:
        return [self._offers, self._pieces]

    def takes(self, topic: str) -> bool:
        return topic == self._offers or topic.startswith(self._pieces.removesuffix("+/+"))

    async def hear(self, _session: Session, arrival: Arrival) -> None:
        """Raises `DecodeError`."""
        if arrival.topic != self._offers:
            self._download.heard(arrival)
        elif arrival.payload:
            self._offer = decode(ReleaseOffer, arrival.payload)
            self._news.set()

    async def follow(self, session: Session) -> None:
        with self._download.link(session):
            await asyncio.get_running_loop().create_future()

    def told(self) -> ReleaseHeld:
        """For the gate's pulse."""
        share = self._loaded / self._whole if self._whole else 0.0
        return pursuit.told(self._now, slots.read_slots(self._folder), self._version, min(1.0, max(0.0, share)))

    # -- as a part of the agent ----------------------------------------------------------------------------------------

    async def run(
        self,
        missing: Callable[[Iterable[str]], str],
        working: Callable[[], Iterable[str]],
        tell: Callable[[bool, str], Awaitable[None]],
    ) -> None:
        """Until cancelled."""
        seen = Seen(missing, working, tell)
        await self._resume(seen)
        work: asyncio.Task[None] | None = None
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                offer = self._offer
                if offer is None or not pursuit.is_new(self._now, offer):
                    continue
                if work is not None:
                    work.cancel()
                    await asyncio.gather(work, return_exceptions=True)
                if pursuit.is_new(self._now, offer):  # else it was switched to just now
                    self._keep(pursuit.begun(self._now, offer))
                    work = asyncio.create_task(self._pursue(offer, seen), name="release")
                    work.add_done_callback(lambda _: self._news.set())  # a newer one may have come meanwhile
        finally:
            if work is not None:
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)

    async def _resume(self, seen: Seen) -> None:
        """How what was begun before this start stands; a trial is judged."""
        if self._now.phase is Phase.SWITCHING:
            with contextlib.suppress(ReleaseError):  # the loader may not have come to it yet
                await self._answered(self._last_request(), ANSWER_WITHIN_S)
        now = pursuit.resumed(self._now, slots.read_slots(self._folder), self._runs.name)
        if now.settled > self._now.settled:
            await self._settle(now, seen)
            return
        self._keep(now)
        if now.phase is Phase.TRIAL:
            await self._judge(seen)

    async def _judge(self, seen: Seen) -> None:
        slot, cameras = self._now.slot, self._now.before
        log.info("release on trial", release=slot)
        wrong = await verdict.wait_for(lambda: seen.missing(cameras), TRIAL_S)
        try:
            await self._ask(Do.FAIL if wrong else Do.CONFIRM, slot, ANSWER_WITHIN_S, wrong)
        except ReleaseError as error:
            log.error("loader", error=str(error))  # it ends the trial by itself
            wrong = wrong or str(error)
        if not wrong:
            with contextlib.suppress(OSError):
                (self._inbox / loader.RELEASE_FILE).replace(self._inbox / CONFIRMED_FILE)
        await self._settle(pursuit.settled(self._now, wrong), seen)

    async def _pursue(self, offer: ReleaseOffer, seen: Seen) -> None:
        try:
            if offer.wish is Wish.INSTALL:
                await self._install(offer, seen)
            elif offer.wish is Wish.BACK:
                await self._go_back(offer, seen)
        except (ReleaseError, DecodeError, OSError) as error:
            await self._settle(pursuit.settled(self._now, str(error)), seen)

    async def _install(self, offer: ReleaseOffer, seen: Seen) -> None:
        """Raises `ReleaseError`, `DecodeError`, `OSError`."""
        held = slots.read_slots(self._folder)
        manifest = open_release(offer.envelope, loader.trusted(held, self._keys_file))
        if manifest.slot == held.confirmed and self._program(manifest).exists():
            self._keep(pursuit.settled(self._now))
            return
        if why := slots.refusal(held, manifest, self._version) or await asyncio.to_thread(_passing, self._folder):
            raise ReleaseError(why)
        log.info("release is loaded", release=manifest.slot)
        await self._load(manifest)
        self._put(loader.RELEASE_FILE, offer.envelope)
        self._keep(pursuit.at(self._now, Phase.STAGING))
        await self._ask(Do.STAGE, manifest.slot, STAGED_WITHIN_S)
        self._keep(pursuit.at(self._now, Phase.TESTING))
        await self._test(manifest)
        await self._switch(Do.TRY, manifest.slot, seen)

    async def _go_back(self, offer: ReleaseOffer, seen: Seen) -> None:
        """Raises `ReleaseError`."""
        held = slots.read_slots(self._folder)
        if held.confirmed_serial != offer.serial:
            raise ReleaseError(f"the release with serial {offer.serial} does not run here")
        await self._switch(Do.BACK, held.confirmed, seen)

    async def _switch(self, do: Do, slot: str, seen: Seen) -> None:
        """Ask for another program; this one is ended, so that what comes after it is seldom reached."""
        self._keep(pursuit.switching(self._now, slot, seen.working()), must=True)
        await self._ask(do, slot, ANSWER_WITHIN_S)
        log.info("restart is waited for", release=slot)
        await asyncio.sleep(RESTART_WITHIN_S)
        raise ReleaseError(f"nobody started the agent anew within {RESTART_WITHIN_S:.0f} s")

    async def _load(self, manifest: ReleaseManifest) -> None:
        """Have all wheels for this machine. Raises `ReleaseError`, `OSError`."""
        files = staging.target_of(manifest).files
        await asyncio.to_thread(self._tidy, {file.sha256 for file in files})
        missing = [file for file in files if not await asyncio.to_thread(self._download.is_there, file)]
        self._whole, self._loaded = sum(file.size for file in missing), 0
        for file in missing:
            await self._download.fetch(file, self._count)
        self._whole = 0

    def _count(self, size: int) -> None:
        self._loaded += size

    async def _test(self, manifest: ReleaseManifest) -> None:
        """Have the release look at this gate's settings, as the agent's own user. Raises `ReleaseError`."""
        program = str(self._program(manifest))
        said = await _output([program, "--version"])
        if said != f"menshen {manifest.version}":
            raise ReleaseError(f"the release says that it is {said[-100:]!r}, not {manifest.version}")
        await _output([program, *self._check])

    def _program(self, manifest: ReleaseManifest) -> Path:
        return self._folder / loader.RELEASES / manifest.slot / "bin" / "menshen"

    async def _ask(self, do: Do, slot: str, within_s: float, why: str = "") -> None:
        """Have the loader do something. Raises `ReleaseError` where it refuses or does not answer."""
        request = Request(secrets.token_hex(8), do, slot, why)
        self._put(loader.REQUEST_FILE, msgspec.json.encode(request))
        await self._answered(request, within_s)

    async def _answered(self, request: Request | None, within_s: float) -> None:
        """Wait for what the loader says to a request. Raises `ReleaseError` where it refuses or does not answer."""
        if request is None:
            return
        loop = asyncio.get_running_loop()
        end_s = loop.time() + within_s
        while (held := slots.read_slots(self._folder)).answered != request.id:
            if loop.time() > end_s:
                said = f"the loader did not {request.do.value} within {within_s:.0f} s"
                raise ReleaseError(f"{said}: is menshen-release.path enabled?")
            await asyncio.sleep(LOOK_EVERY_S)
        if held.answer:
            raise ReleaseError(held.answer)

    def _last_request(self) -> Request | None:
        try:
            return msgspec.json.decode((self._inbox / loader.REQUEST_FILE).read_bytes(), type=Request)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    async def _settle(self, now: Pursuit, seen: Seen) -> None:
        """Tell how it ended, then remember that: what is told twice is one alert, what is not told is none."""
        log.log(20 if now.works else 40, "release", offer=now.settled, works=now.works, why=now.why)
        await seen.tell(now.works, now.why)
        self._keep(now)

    # -- the disk ------------------------------------------------------------------------------------------------------

    def _tidy(self, wanted: set[str]) -> None:
        """Only wheels of the release that runs and of the one that comes are kept. Raises `OSError`."""
        kept = {loader.REQUEST_FILE, loader.RELEASE_FILE, CONFIRMED_FILE, PURSUIT_FILE}
        kept |= wanted | {f"{sha256}.part" for sha256 in wanted} | self._of_confirmed()
        for path in self._inbox.iterdir():
            if path.name not in kept and path.is_file():
                path.unlink()

    def _of_confirmed(self) -> set[str]:
        """The wheels of the release that runs; what is on the disk was checked when it came."""
        with contextlib.suppress(OSError, ReleaseError, DecodeError):
            envelope = (self._inbox / CONFIRMED_FILE).read_bytes()
            held = slots.read_slots(self._folder)
            return {
                file.sha256
                for file in staging.target_of(open_release(envelope, loader.trusted(held, self._keys_file))).files
            }
        return set()

    def _read(self) -> Pursuit:
        try:
            return msgspec.json.decode((self._inbox / PURSUIT_FILE).read_bytes(), type=Pursuit)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return Pursuit()

    def _keep(self, now: Pursuit, *, must: bool = False) -> None:
        """Remember it. A disk that refuses is told; with `must`, `OSError` is raised."""
        self._now = now
        try:
            self._put(PURSUIT_FILE, msgspec.json.encode(now))
        except OSError as error:
            if must:
                raise
            log.error("the update's state cannot be kept", error=error.strerror)

    def _put(self, name: str, content: bytes) -> None:
        """Whole or not at all; the loader may read it. Raises `OSError`."""
        new = self._inbox / f"{name}.new"
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.chmod(_MODE)
        new.replace(self._inbox / name)


def _passing(folder: Path) -> str:
    """Why a release would be gone at the next start: the system is read-only, and the folder on no partition."""
    try:
        mounts = machine.mounts_of(Path("/proc/self/mountinfo").read_text("utf-8", "replace"))
    except OSError:
        return ""
    found = machine.holder(mounts, folder.absolute())
    if found is None or found.kind != "overlay" or not machine.is_in_memory(mounts, folder.absolute()):
        return ""
    return f"{folder} stands in memory only: put it on the data partition (deploy/setup/read-only.sh on)"


async def _output(command: list[str]) -> str:
    """What a program prints. Raises `ReleaseError` where it fails."""
    # What this program was told about where its Python finds things is not for another one.
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON") and name != _NOTIFY}
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=env,
    )
    try:
        async with asyncio.timeout(TESTED_WITHIN_S):
            out, _ = await process.communicate()
    except TimeoutError as error:
        raise ReleaseError(f"{command[1]}: the release did not answer within {TESTED_WITHIN_S:.0f} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = out.decode("utf-8", "replace").strip()
    if process.returncode:
        raise ReleaseError(f"its own check fails: {' '.join(text.split())[-300:]}")
    return text
