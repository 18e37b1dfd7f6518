"""The gate's configurations on disk, and its ear for those of the hub.

The gate's own file stays what it is; what the hub sends stands beside the spool. A configuration from afar may change
lanes, devices and rules, not who the gate is and where it keeps what it has (`KEPT`), so that a trial that fails loses
nothing.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import msgspec
import structlog

from edge import settings
from edge.remote import trial
from edge.remote.trial import Answer, Held
from edge.settings import Gate
from wire import topics
from wire.errors import DecodeError, SettingsError
from wire.link import Arrival, Session
from wire.messages import ConfigurationHeld, GateConfiguration, decode

log = structlog.get_logger(__name__)

STATE_FILE = "configuration.json"
KEPT = (
    "site",
    "gate",
    "hub",
    "token_key_file",
    "registry_copy_file",
    "memory_file",
    "broker",
    "spool",
    "guard",
    "updates",
)
"""Settings that a configuration from afar must leave as they are in the gate's own file."""


class Configurations:
    """What runs, what is tried, and what the hub offers. All but `hear` blocks; one step at a time, in any thread."""

    def __init__(self, own: Path, folder: Path) -> None:
        """`own` is the gate's own file, `folder` where what the hub sent is kept."""
        self.own, self._folder = own, folder
        self._lock = threading.Lock()
        self.held = Held()
        self.working: Callable[[], Iterable[str]] = tuple
        """The cameras that work now."""
        self.changed = asyncio.Event()
        """Set when the agent is to start anew under another configuration."""

    def begin(self) -> Gate:
        """The configuration of this start. Raises `SettingsError` when not even the gate's own file can be used."""
        self._keep(trial.started(self._read()))
        self.changed.clear()
        while self.held.running:
            try:
                return self._load(self._file(self.held.running))
            except SettingsError as error:
                log.error("configuration cannot be used", version=self.held.running, error=str(error))
                held = trial.failed(self.held, str(error))
                self._keep(held if held != self.held else trial.given_up(self.held))
        return settings.load(self.own)

    @property
    def is_trial(self) -> bool:
        return self.held.trying is not None

    def confirm(self) -> None:
        """The trial works."""
        with self._lock:
            log.info("configuration confirmed", version=self.held.trying)
            self._keep(trial.confirmed(self.held))

    def fail(self, why: str) -> None:
        """The trial does not work; the agent is to start anew under what was there before."""
        with self._lock:
            log.error("configuration rolled back", version=self.held.trying, why=why)
            self._keep(trial.failed(self.held, why))

    async def hear(self, version: int, text: str) -> None:
        """A version of the hub's. Reading one may load drivers' packages, for which no decision is to wait."""
        if await asyncio.to_thread(self.offer, version, text):
            self.changed.set()

    def offer(self, version: int, text: str) -> bool:
        """A version of the hub's: whether the agent is to start anew for it."""
        with self._lock:
            match trial.offered(self.held, version):
                case Answer.TRY:
                    return self._consider(version, text)
                case Answer.GIVE_UP:
                    log.info("back to the gate's own configuration")
                    return self._keep(trial.given_up(self.held))
                case Answer.NOTHING:
                    return False

    def told(self) -> ConfigurationHeld:
        """For the gate's pulse."""
        held = self.held
        return ConfigurationHeld(running=held.running, trial=self.is_trial, turned_down=held.turned_down, why=held.why)

    def _consider(self, version: int, text: str) -> bool:
        path = self._file(version)
        try:
            _write(path, text.encode())
            self._load(path)
        except (OSError, SettingsError) as error:
            log.error("configuration refused", version=version, error=str(error))
            self._keep(trial.refused(self.held, version, str(error)))
            return False
        if not self._keep(trial.tried(self.held, version, self.working())):
            # What a restart would not find again would be offered again, and end in a restart again.
            self.held = trial.refused(trial.failed(self.held, ""), version, "the disk does not keep it")
            return False
        log.info("configuration to be tried", version=version)
        return True

    def _load(self, path: Path) -> Gate:
        """A configuration of the hub's, its paths counted from the gate's own file. Raises `SettingsError`."""
        own, other = settings.read(self.own), settings.load(path, folder=self.own.parent)
        changed = [name for name in KEPT if getattr(own, name) != getattr(other.settings, name)]
        if changed:
            found = f"{path.name}: changes {', '.join(changed)}"
            raise SettingsError([f"{found}; expected these as in the gate's own file: they are changed at the gate"])
        return other

    def _file(self, version: int) -> Path:
        return self._folder / f"configuration-{version}.toml"

    def _read(self) -> Held:
        try:
            return msgspec.json.decode((self._folder / STATE_FILE).read_bytes(), type=Held)
        except (OSError, msgspec.DecodeError):
            return Held()

    def _keep(self, held: Held) -> bool:
        """Remember it; whether a restart would, too."""
        self.held = held
        try:
            _write(self._folder / STATE_FILE, msgspec.json.encode(held))
            for path in self._folder.glob("configuration-*.toml"):
                if path not in (self._file(held.confirmed), self._file(held.running)):
                    path.unlink()
        except OSError as error:
            log.error("configuration's state cannot be kept", error=error.strerror)
            return False
        return True


class ConfigurationEar:
    """The uplink's companion that hears what the hub wants."""

    def __init__(self, site: str, gate: str, offer: Callable[[int, str], Awaitable[None]]) -> None:
        self._topic = topics.configuration(site, gate)
        self._offer = offer

    @property
    def topics(self) -> list[str]:
        return [self._topic]

    def takes(self, topic: str) -> bool:
        return topic == self._topic

    async def hear(self, _session: Session, arrival: Arrival) -> None:
        """Raises `DecodeError`."""
        if not arrival.payload:
            return  # none is wanted, and none was
        wanted = decode(GateConfiguration, arrival.payload)
        if wanted.digest != GateConfiguration.digest_of(wanted.text):
            raise DecodeError(f"configuration {wanted.version}: the text is not the one of its digest")
        await self._offer(wanted.version, wanted.text)

    async def follow(self, _session: Session) -> None:
        await asyncio.get_running_loop().create_future()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
