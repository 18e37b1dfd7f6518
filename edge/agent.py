"""The gate agent, wired together.

lanes (devices → passage → decision) ── outbox (spool) ── uplink ── broker
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from msgspec.structs import replace

from edge import machine, registry
from edge.clock import SystemTime, Timekeeper
from edge.drivers.catalogue import Plug
from edge.follower import Follower
from edge.guard import passwords
from edge.guard.ledger import Ledger
from edge.guard.settings import GuardSettings
from edge.guard.stage import Stage
from edge.lane import House, Lane
from edge.memory import Keeper, Memory
from edge.notices import NoticeBoard
from edge.outbox import Outbox
from edge.registry import Registry
from edge.remote import verdict
from edge.remote.keeper import ConfigurationEar, Configurations
from edge.selfcheck import SelfCheck
from edge.settings import Gate, GateSettings
from edge.sharing import Sharer
from edge.snapshots import Album
from edge.spool import Spool
from edge.starts import Start
from edge.today import Today
from edge.uplink import Companion, Uplink
from edge.vitals import Pulse
from wire.errors import SettingsError
from wire.events import DeviceKind, DeviceState, Health
from wire.link import Backoff
from wire.parts import keep_running
from wire.token_keys import TokenKeyHeld
from wire.tokens import fingerprint, read_key
from wire.watchdog import Sign, Watchdog

if TYPE_CHECKING:
    from edge.guard.server import GuardServer
    from edge.identity import Renewer
    from edge.releases.care import ReleaseCare
    from edge.token_key import KeyCare

log = structlog.get_logger(__name__)

CAMERA_SIGN_S = 90.0
"""Longer than the longest pause between two tries of a device."""
SPOOL_SIGN_S = 60.0
LINK_SIGN_S = 60.0
"""On top of the longest pause between two connections, or two pulses."""
SAFE = "crashed again and again: works without the guard's page, tags and plates read from pictures"
"""What a gate says in safe mode."""


class Agent:
    """One gate. `run` works until cancelled: no fault of a device, the disk or the network ends it."""

    def __init__(
        self,
        gate: Gate,
        version: str,
        timekeeper: Timekeeper | None = None,
        start: Start | None = None,
        configurations: Configurations | None = None,
    ) -> None:
        """Raises `SettingsError` when the token key or the registry cannot be used. A `start` that is to be safe leaves
        out what only helps (`edge.starts`); with `configurations` those of the hub are heard (`edge.remote`)."""
        self._start, self._version = start, version
        if start is not None and start.is_safe:
            gate = _safe(gate)
        settings = gate.settings
        self._timekeeper = timekeeper or SystemTime()
        self.outbox = Outbox(Spool(settings.site, settings.gate, settings.spool, self._timekeeper), self._timekeeper)
        key = read_key(Path(settings.token_key_file))
        entries = registry.load(Path(settings.registry)) if settings.registry else Registry()
        self.follower = Follower(settings.site, Path(settings.registry_copy_file), entries, self._timekeeper)
        self.ledger, memory = Ledger(self.outbox), Memory()
        self._keeper = Keeper(_memory_file(gate), memory, self._timekeeper)
        self.house = House(
            settings.gate,
            key,
            entries,
            self.ledger,
            self._timekeeper,
            policy=settings.policy,
            memory=memory,
            registry_age_s=self.follower.age_s,
            album=Album(settings.site, settings.gate, self._timekeeper) if settings.fever_pictures else None,
        )
        self.lanes = [Lane(plugged, self.house) for plugged in gate.lanes]
        store = Path(settings.spool.path).parent
        pulse = Pulse(self.outbox, self.lanes, self._timekeeper, version, store, self.follower, configurations)
        pulse.is_safe = start is not None and start.is_safe
        sharer = Sharer(settings.site, settings.gate, memory, self._timekeeper)
        self.notices = NoticeBoard(settings.site, settings.gate, store / "notices", self._timekeeper)
        companions: list[Companion] = [self.follower, sharer, self.notices, *filter(None, [self.house.album])]
        if configurations is not None:
            companions.append(ConfigurationEar(settings.site, settings.gate, configurations.hear))
        self._release = None if configurations is None else _release(settings, version, configurations.own)
        if self._release is not None:
            companions.append(self._release)
            pulse.release = self._release.told
        pulse.token_key = lambda: TokenKeyHeld(fingerprint(key))
        care = None if configurations is None else _key_care(settings, store, key, self.follower, configurations)
        if care is not None:
            companions.append(care)
            pulse.token_key = care.told
        self.uplink = Uplink(
            self.outbox, settings.broker, self._timekeeper, version, None, settings.vitals_every_s, companions
        )
        self.uplink.vitals = partial(pulse.take, self.uplink)
        self._selfcheck = SelfCheck(
            self.outbox, self._timekeeper, max_bytes=settings.spool.max_bytes, full_at=settings.spool.full_at,
            clock_fault_after_s=settings.clock_fault_after_s, machine=partial(machine.look, store),
        )  # fmt: skip
        self._name = f"{settings.site}/{settings.gate}"
        self.guard = None if settings.guard is None else _guard(self, self._name, settings.guard)
        self._renewer = _renewer(settings, self._timekeeper, lambda: self.uplink.hub_answers)
        pause_s = max(settings.broker.backoff_max_s, settings.vitals_every_s)
        self._link_sign_s = LINK_SIGN_S + pause_s + settings.broker.timeout_s

    @property
    def cameras(self) -> dict[str, bool]:
        """Whether each camera works, by name."""
        found = [lane.devices["thermal"] for lane in self.lanes if "thermal" in lane.devices]
        return {camera.name: camera.health is Health.OK for camera in found}

    def signs(self) -> dict[str, Sign]:
        """How far each part has got, for the watchdog."""
        found = {
            f"lane {lane.name}": Sign((lane.frames, camera.tries), CAMERA_SIGN_S)
            for lane in self.lanes
            if (camera := lane.devices.get("thermal")) and not camera.is_done and lane.camera_silence_s is not None
        }
        found["spool"] = Sign(self.outbox.tries if self.outbox.has_work else None, SPOOL_SIGN_S)
        found["uplink"] = Sign(self.uplink.tries, self._link_sign_s)
        return found

    async def run(self) -> None:
        await self.follower.start()
        await self.outbox.start()
        await self._keeper.start()
        await self.notices.start()
        log.info("gate ready", gate=self._name, lanes=len(self.lanes), epoch=self.outbox.spool.epoch)
        try:
            async with asyncio.TaskGroup() as tasks:
                for lane in self.lanes:
                    tasks.create_task(self._keep(lane), name=lane.name)
                for name, work in self._parts():
                    tasks.create_task(keep_running(name, work, _told), name=name)
                tasks.create_task(Watchdog(self.signs, lambda: self._timekeeper.now().mono_ns).run(), name="watchdog")
        finally:
            await self._keeper.stop()
            await self.outbox.stop()
            await self.follower.stop()

    def _parts(self) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        """What works beside the lanes; a defect in one part ends no other."""
        yield "uplink", self.uplink.run
        yield "memory", self._keeper.run
        yield "announcements", partial(self.notices.speak, self.lanes)
        yield "start", self._tell_start
        yield "self-check", self._selfcheck.run
        if self.guard is not None:
            yield "guard", self.guard.run
        if self._renewer is not None:
            yield "certificate", self._renewer.run
        if self._release is not None:
            yield "release", partial(self._release.run, self._missing, self._working, self._tell_release)

    def _working(self) -> list[str]:
        return [name for name, works in self.cameras.items() if works]

    def _missing(self, before: Iterable[str]) -> str:
        """What is not as it was when these cameras worked."""
        return verdict.missing(verdict.Seen(self.uplink.hub_answers, frozenset(self._working())), before, self.cameras)

    async def _tell_release(self, works: bool, why: str) -> None:
        await self._tell("release", Health.OK if works else Health.FAILED, why or f"runs {self._version}")

    async def _tell_start(self) -> None:
        """Say that this start is a safe one, or the first normal one again."""
        if self._start is None or not (self._start.is_safe or self._start.was_safe):
            return
        safe = self._start.is_safe
        detail = SAFE if safe else "works in full again"
        log.log(40 if safe else 20, "start", detail=detail)
        await self._tell("agent", Health.FAILED if safe else Health.OK, detail)

    async def _tell(self, device: str, health: Health, detail: str) -> None:
        now = self._timekeeper.now()
        state = DeviceState(
            time_ns=now.time_ns, clock=now.clock, device=device, kind=DeviceKind.OTHER, health=health, detail=detail
        )
        await self.outbox.put(state)

    async def _keep(self, lane: Lane) -> None:
        """Run a lane for ever: a defect in one lane is told and must not stop the others, nor the sending."""
        backoff = Backoff(1.0, 60.0)
        while True:
            try:
                await lane.run()
            except* Exception as errors:
                first = next(_leaves(errors))
                log.exception("lane failed, starting it again", lane=lane.name)
                await lane.tell_defect(f"defect: {first!r}")
            await asyncio.sleep(backoff.next_s())


def _safe(gate: Gate) -> Gate:
    """The gate without what only helps: the guard's page, tags, and plates read from pictures."""
    lanes = [
        lane._replace(plugs={kind: plug for kind, plug in lane.plugs.items() if not _only_helps(kind, plug)})
        for lane in gate.lanes
    ]
    return gate._replace(settings=replace(gate.settings, guard=None), lanes=lanes)


def _only_helps(kind: str, plug: Plug) -> bool:
    return kind == "tag" or plug.name == "plate-camera"


def _told(_part: str, _fault: str) -> None:
    """The log has it."""


def _memory_file(gate: Gate) -> Path:
    """Beside the spool where the settings name none."""
    named = gate.settings.memory_file
    return Path(named) if named else Path(gate.settings.spool.path).with_suffix(".memory.db")


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _renewer(settings: GateSettings, timekeeper: Timekeeper, hub_answers: Callable[[], bool]) -> Renewer | None:
    """What keeps the certificate fresh of a gate that was enrolled. Raises `SettingsError` for a missing package."""
    tls = settings.broker.tls
    if settings.hub is None or tls is None or tls.certificate is None or tls.ca is None:
        return None
    try:  # a gate without TLS needs no package for it
        from edge.identity import Renewer  # noqa: PLC0415
    except ImportError as error:
        need = 'install what it needs with: pip install "menshen[enrol]"'
        raise SettingsError([f"hub: the package {error.name!r} is not installed here; {need}"]) from error

    today = Today(timekeeper, hub_answers)
    return Renewer(settings.hub, settings.site, settings.gate, Path(tls.certificate), Path(tls.ca), today)


def _key_care(
    settings: GateSettings, store: Path, key: bytes, follower: Follower, configurations: Configurations
) -> KeyCare | None:
    """What takes a new token key, at a gate that was enrolled; another has its key by hand."""
    tls = settings.broker.tls
    if tls is None or tls.certificate is None or tls.ca is None or tls.key is not None:
        return None
    try:
        from edge.token_key import KeyCare  # noqa: PLC0415 - see `_renewer`
    except ImportError:
        return None  # `_renewer` tells of it
    return KeyCare(
        settings, store, key, follower, lambda: configurations.is_trial or configurations.changed.is_set(),
        configurations.changed.set,
    )  # fmt: skip


def _release(settings: GateSettings, version: str, own: Path) -> ReleaseCare | None:
    """What updates the program from afar, where the installer set that up. Raises `SettingsError` for a missing
    package."""
    if settings.updates is None:
        return None
    try:  # a gate without updates from afar needs no package for them
        from edge.releases.care import ReleaseCare  # noqa: PLC0415
    except ImportError as error:
        need = 'install what it needs with: pip install "menshen[enrol]"'
        raise SettingsError([f"updates: the package {error.name!r} is not installed here; {need}"]) from error
    check = ["edge", "check", str(own.resolve())]
    return ReleaseCare(settings.site, settings.gate, settings.updates, version, check)


def _guard(agent: Agent, name: str, settings: GuardSettings) -> GuardServer:
    """The guard's page of a gate. Raises `SettingsError` when its passwords or a package are missing."""
    try:  # a gate without the page needs none of its packages
        from edge.guard.app import create_app  # noqa: PLC0415
        from edge.guard.server import GuardServer  # noqa: PLC0415
        from edge.guard.station import Station  # noqa: PLC0415
    except ImportError as error:
        need = 'install what it needs with: pip install "menshen[guard]"'
        raise SettingsError([f"guard: the package {error.name!r} is not installed here; {need}"]) from error
    stage = Stage([lane.name for lane in agent.lanes if "thermal" in lane.devices], settings.rate_hz)
    for lane in agent.lanes:
        lane.stage = stage.lanes.get(lane.name)
    station = Station(agent.lanes, agent.house, agent.follower, agent.uplink, agent.outbox, agent.ledger, agent.notices)
    guards = passwords.read(Path(settings.password_file))
    return GuardServer(create_app(name, stage, station, settings, guards), settings)
