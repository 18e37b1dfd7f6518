"""The loader: stages releases, points at the one that runs, and goes back from one that does not work.

    python -I -m edge.releases.loader start FOLDER …   before each start of the agent
    python -I -m edge.releases.loader work FOLDER …    when the agent asks for something, and every few minutes

It runs from the installation, whatever release the agent runs, as a user that owns only FOLDER:

    slots.json   what it remembers (`edge.releases.slots`); the agent and the doctor read it
    current      link to the release that runs
    releases/    an environment for each release that is kept
    inbox/       the agent's: `request.json`, `release.json` (the signed manifest), wheels under their digests
    restart      touched when the agent is to start anew
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from edge.clock import boot_id
from edge.releases import slots as rules
from edge.releases import staging
from edge.releases.slots import INSTALLED, SLOTS_FILE, Do, Request, Slots, load_slots
from edge.releases.staging import Build
from wire.errors import DecodeError, MenshenError, ReleaseError
from wire.process import set_up_logging
from wire.releases import MOST_ENVELOPE_BYTES, ReleaseManifest
from wire.signing import open_release, read_keys

log = structlog.get_logger(__name__)

CURRENT, RELEASES, INBOX, RESTART = "current", "releases", "inbox", "restart"
LOCK = "lock"
REQUEST_FILE, RELEASE_FILE = "request.json", "release.json"
_MOST_REQUEST_BYTES = 4096


class Installation(NamedTuple):
    """What was installed at the machine itself: its environment, its version, and the keys that it was given."""

    path: Path
    version: str
    keys_file: Path


class Loader:
    """All of it blocks. Only one works at a time; one may begin while another does."""

    def __init__(
        self,
        folder: Path,
        installation: Installation,
        boot: str,
        now_s: Callable[[], float],
        build: Build = staging.build,
    ) -> None:
        self._folder, self._installation, self._build = folder.absolute(), installation, build
        self._boot, self._now_s = boot, now_s

    def start(self) -> Slots:
        """Before a start of the agent: count it, and have `current` be what is to run. Raises `OSError`."""
        with self._alone():
            held = load_slots(self._folder)
            now = rules.started(rules.present(held, self._is_there), self._boot, self._now_s())
            self._settle(held, now)
        return now

    def work(self) -> Slots:
        """Do what the agent asks for; end a trial that goes on for too long. Raises `OSError`."""
        with self._alone():
            held = load_slots(self._folder)
            self._settle(held, rules.present(held, self._is_there))
        request = self._request()
        if request is not None and request.id == held.answered:
            request = None
        manifest = self._stage(request) if request is not None and request.do is Do.STAGE else None
        with self._alone():
            held = load_slots(self._folder)
            now = held if request is None else self._answer(held, request, manifest)
            if rules.is_overdue(now, self._boot, self._now_s()):
                now = rules.failed(now, f"not confirmed within {rules.WITHIN_S / 60:.0f} minutes")
            self._settle(held, now)
            if now.running != held.running:
                log.info("another release runs from now on", release=now.running or "installed", why=now.why)
                (self._folder / RESTART).write_text(f"{now.running}\n")
            self._tidy(now)
        return now

    def is_asked(self) -> bool:
        """Whether a request waits for its answer."""
        request = self._request()
        return request is not None and request.id != load_slots(self._folder).answered

    def _stage(self, request: Request) -> ReleaseManifest | str:
        """The release that is staged, else why not. It takes minutes, in which the agent may start: nothing is changed
        that this looks at."""
        held = load_slots(self._folder)
        try:
            keys = trusted(held, self._installation.keys_file)
            manifest = open_release(_read(self._folder / INBOX / RELEASE_FILE, MOST_ENVELOPE_BYTES), keys)
            if manifest.slot != request.slot:
                return f"asked for {request.slot}, the signed release is {manifest.slot}"
            if why := rules.refusal(held, manifest, self._installation.version):
                return why
            if manifest.slot not in held.kept():
                place = self._folder / RELEASES / manifest.slot
                place.parent.mkdir(mode=0o755, exist_ok=True)
                staging.stage(staging.target_of(manifest), self._folder / INBOX, place, self._build)
        except (ReleaseError, DecodeError) as error:
            return str(error)
        return manifest

    def _answer(self, held: Slots, request: Request, manifest: ReleaseManifest | str | None) -> Slots:
        """What the request makes of it, with the answer; `manifest` is what was staged, or why nothing was."""
        found = self._asked(held, request) if manifest is None else manifest
        if isinstance(found, ReleaseManifest):
            found = rules.refusal(held, found, self._installation.version) or rules.staged(held, found)
        if isinstance(found, str):
            log.error("refused", asked=request.do.value, release=request.slot, why=found)
            return msgspec.structs.replace(held, answered=request.id, answer=found)
        log.info("done", asked=request.do.value, release=request.slot)
        return msgspec.structs.replace(found, answered=request.id, answer="")

    def _asked(self, held: Slots, request: Request) -> Slots | str:
        match request.do:
            case Do.TRY:
                return rules.tried(held, request.slot, self._boot, self._now_s())
            case Do.CONFIRM:
                return rules.confirmed(held, request.slot, digest_of(self._installation.keys_file))
            case Do.FAIL:
                return rules.failed(held, request.why[:400])
            case Do.BACK:
                return rules.gone_back(held, request.slot)
            case Do.STAGE:
                return "nothing was staged"

    def _settle(self, held: Slots, now: Slots) -> None:
        """Remember what is new, then point at what runs."""
        if now != held:
            self._keep(now)
        self._point(now)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """The agent may be started while the loader works."""
        with (self._folder / LOCK).open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _request(self) -> Request | None:
        try:
            return msgspec.json.decode(_read(self._folder / INBOX / REQUEST_FILE, _MOST_REQUEST_BYTES), type=Request)
        except (ReleaseError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def _is_there(self, name: str) -> bool:
        """Raises `OSError` where the card cannot be read just now: nothing is decided by that."""
        return (self._folder / RELEASES / name / "bin" / "menshen").exists()

    def _point(self, held: Slots) -> None:
        """`current` is what runs; a release whose folder is gone is none."""
        is_installed = held.running == INSTALLED or not self._is_there(held.running)
        place = self._installation.path if is_installed else self._folder / RELEASES / held.running
        link = self._folder / CURRENT
        if link.is_symlink() and link.readlink() == place:
            return
        new = self._folder / f"{CURRENT}.new"
        new.unlink(missing_ok=True)
        new.symlink_to(place)
        new.replace(link)
        _sync_folder(self._folder)

    def _tidy(self, held: Slots) -> None:
        """The last two releases stay, and what is being tried."""
        folder = self._folder / RELEASES
        if folder.is_dir():
            for path in folder.iterdir():
                if path.name not in held.kept():
                    log.info("removed", release=path.name)
                    staging.clear(path)

    def _keep(self, held: Slots) -> None:
        new = self._folder / f"{SLOTS_FILE}.new"
        with new.open("wb") as file:
            file.write(msgspec.json.encode(held))
            file.flush()
            os.fsync(file.fileno())
        new.chmod(0o644)
        new.replace(self._folder / SLOTS_FILE)
        _sync_folder(self._folder)


def trusted(held: Slots, keys_file: Path) -> list[str]:
    """The keys that count. Raises `ReleaseError`."""
    return list(held.keys) if held.keys and held.over == digest_of(keys_file) else read_keys(keys_file)


def digest_of(path: Path) -> str:
    """Of a file; empty where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _read(path: Path, most: int) -> bytes:
    """A file that somebody else wrote: no link, no pipe, and not more than that. Raises `ReleaseError`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ReleaseError(f"{path}: expected a plain file")
            found = file.read(most + 1)
    except OSError as error:
        raise ReleaseError(f"{path}: cannot be read: {error.strerror}") from error
    if len(found) > most:
        raise ReleaseError(f"{path}: expected at most {most} bytes")
    return found


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def main(argv: list[str] | None = None) -> int:
    """As the units of `deploy/systemd` call it."""
    from menshen import VERSION  # noqa: PLC0415 - it is the command's, not the room's

    parser = argparse.ArgumentParser(prog="edge.releases.loader", description=__doc__)
    parser.add_argument("do", choices=["start", "work"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keys", type=Path, default=Path("/etc/menshen/release-keys"))
    asked = parser.parse_args(argv)
    set_up_logging()
    installation = Installation(Path(sys.prefix), VERSION, asked.keys)
    loader = Loader(asked.folder, installation, boot_id(), time.monotonic)
    try:
        if asked.do == "start":
            loader.start()
        else:
            loader.work()
            while loader.is_asked():  # while it worked
                loader.work()
    except (OSError, MenshenError) as error:
        log.error("loader", do=asked.do, error=str(error))
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
