"""Spoken prompts: what a decision says aloud, by recordings that ship with Menshen and a player of the system's."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from edge.clock import Timekeeper
from edge.prompts import ANNOUNCEMENTS, FOLDER, TEXTS, Lang, key_of
from wire.errors import DriverError
from wire.events import Outcome, Reason


class Prompt:
    """Plays one prompt at a time; another decision cuts it short, the same again lets it end.

    A player that failed (no sound card, no speaker) is told at the next decision.
    """

    class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        languages: Annotated[tuple[Lang, ...], Meta(min_length=1, max_length=2)] = ("zh", "en")
        """Languages, in the order in which they are spoken."""
        player: Annotated[tuple[str, ...], Meta(min_length=1)] = ("aplay", "--quiet")
        """Command that plays the files that are named after it; `["aplay", "--quiet", "-D", "plughw:1"]` for a card."""
        path: str | None = None
        """Folder with recordings of your own, `zh/KEY.wav` and `en/KEY.wav`; left out, those that ship."""
        silent_on_allow: bool = False
        """Say nothing to whoever may go in."""

    def __init__(self, settings: Settings, timekeeper: Timekeeper) -> None:
        self._settings = settings
        self._folder = Path(settings.path) if settings.path is not None else FOLDER
        self._started = False
        self._key: str | None = None
        self._playing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        player = self._settings.player[0]
        if await asyncio.to_thread(shutil.which, player) is None:
            raise DriverError(f"prompt: the player {player!r} is not installed; on Debian: apt-get install alsa-utils")
        missing = await asyncio.to_thread(self._missing)
        if missing:
            raise DriverError(f"prompt: no recordings {', '.join(missing[:3])} ({len(missing)} missing)")
        self._started = True

    async def stop(self) -> None:
        self._started = False
        with contextlib.suppress(DriverError):
            await self._end()

    async def show(self, outcome: Outcome, reasons: Sequence[Reason]) -> None:
        if not self._started:
            raise DriverError("prompt: was not started")
        key = key_of(outcome, reasons)
        if key is not None and key == self._key and self._playing is not None and not self._playing.done():
            return
        await self._end()
        if key is None or (self._settings.silent_on_allow and outcome is Outcome.ALLOW and key != "fire-alarm"):
            return
        self._key = key
        process = await self._spawn([str(self._folder / lang / f"{key}.wav") for lang in self._settings.languages])
        self._playing = asyncio.create_task(_played(process))

    async def announce(self, key: str) -> bool:
        """Say an announcement while nothing else is being said; a decision cuts it short. Whether it was said."""
        files = [self._folder / lang / f"{key}.wav" for lang in self._settings.languages]
        busy = self._playing is not None and not self._playing.done()
        if not self._started or busy or key not in ANNOUNCEMENTS:
            return False
        if not await asyncio.to_thread(lambda: all(file.is_file() for file in files)):
            return False  # recordings of one's own need not have it
        await self._end()
        self._playing = asyncio.create_task(_played(await self._spawn([str(file) for file in files])))
        return True

    async def _spawn(self, files: Sequence[str]) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                *self._settings.player,
                *files,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            player = self._settings.player[0]
            raise DriverError(f"prompt: the player {player!r} cannot be run: {error.strerror or error}") from error

    async def _end(self) -> None:
        """Nothing is being said any more. Raises `DriverError` when what was said before could not be."""
        playing, self._playing, self._key = self._playing, None, None
        if playing is None:
            return
        playing.cancel()
        await asyncio.wait([playing])
        if not playing.cancelled() and (error := playing.exception()) is not None:
            raise error

    def _missing(self) -> list[str]:
        files = [f"{lang}/{key}.wav" for lang in self._settings.languages for key in TEXTS]
        return [file for file in files if not (self._folder / file).is_file()]


async def _played(process: asyncio.subprocess.Process) -> None:
    """Wait until it is said. Raises `DriverError` with the player's words; cancelled, it ends the player."""
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    if process.returncode:
        words = said.decode("utf-8", "replace").strip().splitlines()
        raise DriverError(f"prompt: the player failed: {words[0] if words else f'exit code {process.returncode}'}")
