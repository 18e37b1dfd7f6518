"""The plant under test: broker, InfluxDB, hub and gates, each a process to be killed, with relays and disks between and
below them. `Town.do` is one fault, from its beginning to its end."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.chaos import corruption, poison
from tests.chaos.clock import Control
from tests.chaos.disk import Disk
from tests.chaos.faults import Fault, Kind
from tests.chaos.relay import REFUSALS, HttpRelay, Relay
from tests.chaos.truth import Truth
from tests.support.servers import InfluxDB1, Mosquitto, Program, die_with_parent

ROOT = Path(__file__).parents[2]
SITE = "chaos"
DATABASE = "menshen"
UP_WITHIN_S = 60.0
Tell = Callable[[str], None]


class Part:
    """One process: started, killed, frozen; whoever works on it holds `lock`."""

    def __init__(self, name: str, program: Program) -> None:
        self.name = name
        self.lock = asyncio.Lock()
        self.wanted = False
        """Whether it is to be running: what ends by itself then is started again, as a service manager does."""
        self.ended_itself = 0
        self._program = program
        self._frozen = 0
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    async def start(self) -> None:
        self.wanted = True
        self.process = self.launch()
        await self.ready()

    def launch(self) -> subprocess.Popen[bytes]:
        with (self._program.folder.with_suffix(".log")).open("ab") as log:
            return subprocess.Popen(
                self._program.command(), stdout=log, stderr=log, cwd=ROOT, preexec_fn=die_with_parent
            )

    async def ready(self) -> None:
        until_s = time.monotonic() + UP_WITHIN_S
        while self.is_alive and time.monotonic() < until_s:
            if await asyncio.to_thread(self._program.is_ready):
                return
            await asyncio.sleep(0.1)

    async def end(self, number: signal.Signals) -> None:
        """SIGKILL, or a polite end."""
        self.wanted = False
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
            if number is not signal.SIGKILL:
                self.process.send_signal(signal.SIGCONT)
        try:
            await asyncio.to_thread(self.process.wait, 15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    async def freeze(self, for_s: float) -> None:
        process = self.process
        if process is None:
            return
        self._frozen += 1
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(for_s)
        self._frozen -= 1
        if not self._frozen:
            process.send_signal(signal.SIGCONT)

    @property
    def pids(self) -> list[int]:
        return [self.process.pid] if self.process is not None and self.is_alive else []


class GatePart(Part):
    """A gate's process; what it tells on its standard output is the truth."""

    def __init__(self, town: Town, gate: str, label: str, folder: Path) -> None:
        super().__init__(label, Program(folder))
        self.gate, self.label, self.folder = gate, label, folder
        self._town = town
        self._reading: asyncio.Task[None] | None = None

    def launch(self) -> subprocess.Popen[bytes]:
        town = self._town
        town.truth.ended(self.label)  # whoever was it before, if it ended by itself
        first = town.truth.next_number(self.label)
        pairs = {
            "--folder": self.folder, "--control": town.controls[self.gate], "--site": SITE, "--gate": self.gate,
            "--label": self.label, "--port": town.links[self.gate].port, "--seed": town.seed, "--first": first,
            "--rate-per-s": town.rate_per_s,
        }  # fmt: skip
        command = [sys.executable, "-m", "tests.chaos.gate", *(str(word) for pair in pairs.items() for word in pair)]
        with (town.folder / f"{self.label}.log").open("ab") as log:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, cwd=ROOT, preexec_fn=die_with_parent
            )
        self._reading = asyncio.create_task(self._read(process))
        return process

    async def ready(self) -> None:
        """A gate needs nobody to be ready."""

    async def end(self, number: signal.Signals) -> None:
        await super().end(number)
        if self._reading is not None:
            await self._reading  # what it had said before it ended counts
        self._town.truth.ended(self.label)

    async def _read(self, process: subprocess.Popen[bytes]) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), process.stdout)
        try:
            async for line in reader:
                if line.endswith(b"\n"):
                    self._town.truth.hear(self.gate, self.label, line.decode("ascii"))
        finally:
            transport.close()

    def left(self) -> int:
        """Events that its spool still holds, the process running or not; 1 where it cannot be read just now."""
        try:
            with sqlite3.connect(f"file:{self.folder / 'spool.db'}?mode=ro", uri=True, timeout=5) as db:
                return int(db.execute("SELECT count(*) FROM events").fetchone()[0])
        except sqlite3.DatabaseError:
            return 1


class _Hub(Program):
    def __init__(self, folder: Path, control: Path, broker_port: int, influx_port: int) -> None:
        super().__init__(folder)
        self._control = control
        (control.with_name("hub.toml")).write_text(
            f'site = "{SITE}"\ndata = "{folder}"\nzone = "UTC"\n'
            f"[broker]\nport = {broker_port}\nbackoff_max_s = 2.0\nkeepalive_s = 4\ntimeout_s = 4.0\n"
            f"[web]\nport = {self.port}\n"
            f'[influx]\nurl = "http://127.0.0.1:{influx_port}"\nbucket = "{DATABASE}"\ntimeout_s = 4.0\n'
        )

    def command(self) -> list[str]:
        settings = str(self._control.with_name("hub.toml"))
        return [sys.executable, "-m", "tests.chaos.hub", str(self._control), settings]


class Town:
    """Everything together, in one event loop."""

    def __init__(self, folder: Path, seed: int, gates: int, rate_per_s: float, tell: Tell) -> None:
        self.folder, self.seed, self.rate_per_s = folder, seed, rate_per_s
        self.truth = Truth(folder / "truth.log")
        self.names = [f"gate-{number}" for number in range(gates)]
        self.controls = {name: folder / f"{name}.control" for name in [*self.names, "hub"]}
        self.done: Counter[str] = Counter()
        self._tell = tell
        self.disks = {name: Disk(folder / name) for name in [*self.names, "hub"]}
        self._broker_program = Mosquitto(
            folder / "broker", "persistence true", f"persistence_location {folder}/broker/",
            "autosave_on_changes true", "autosave_interval 20", "max_queued_messages 0", "log_type none",
        )  # fmt: skip
        self.influx = InfluxDB1(folder / "influx")
        self.links = {name: Relay(self._broker_program.port, seed + n) for n, name in enumerate([*self.names, "hub"])}
        self.web = HttpRelay(self.influx.port)
        self.parts: dict[str, Part] = {}
        self.extra: list[GatePart] = []
        """Clones and twins."""
        self._made = 0

    # -- life -------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        for relay in [*self.links.values(), self.web]:
            await relay.start()
        for disk in self.disks.values():
            disk.mount()
        for control in self.controls.values():
            Control().write(control)
        (self.folder / "token.key").write_text("0" * 64)
        hub = _Hub(self.folder / "hub", self.controls["hub"], self.links["hub"].port, self.web.port)
        self.parts = {
            "broker": Part("broker", self._broker_program),
            "influx": Part("influx", self.influx),
            "hub": Part("hub", hub),
            **{name: GatePart(self, name, name, self.folder / name) for name in self.names},
        }
        await asyncio.gather(*(part.start() for part in self.parts.values()))

    async def supervise(self) -> None:
        """Start again what ended by itself, as a service manager does; until cancelled."""
        while True:
            await asyncio.sleep(0.5)
            for part in [*self.parts.values(), *self.extra]:
                if part.wanted and not part.is_alive and not part.lock.locked():
                    async with part.lock:
                        part.ended_itself += 1
                        self._tell(f"{part.name} ended by itself")
                        await part.start()

    async def stop(self) -> None:
        for part in [*self.extra, *reversed(self.parts.values())]:
            await part.end(signal.SIGTERM)
        for relay in [*self.links.values(), self.web]:
            await relay.stop()

    def unmount(self, *, keep: bool) -> None:
        for disk in self.disks.values():
            disk.unmount(keep=keep)

    # -- faults -----------------------------------------------------------------------------------------------------

    async def do(self, fault: Fault) -> None:
        """One fault, from its beginning until its end."""
        name, draw = self.names[fault.gate], random.Random(fault.seed)
        gate = self.parts[name]
        assert isinstance(gate, GatePart)
        what, _, whom = fault.kind.partition("-")
        part = gate if whom == "gate" else self.parts.get(whom, gate)
        told = f"{fault.at_s:7.1f} s  {fault.kind} {part.name} for {fault.lasts_s} s"
        match what:
            case "kill" | "forget":
                await self._kill(part, fault.lasts_s, forget=what == "forget")
            case "freeze":
                await part.freeze(fault.lasts_s)
            case "cut" | "half" | "slow" | "shuffle":
                where = self.links["hub" if whom.endswith("hub") else name]
                async with _bad(where, what, draw):
                    await asyncio.sleep(fault.lasts_s)
            case "full":
                await self._fill(part, fault.lasts_s)
            case "corrupt":
                told += f": {await self._corrupt(gate, draw)}"
            case "clock":
                told += f": {await self._set_clock(part, draw, fault.lasts_s)}"
            case "refuse":
                self.web.refusal = draw.choice(REFUSALS)
                told += f": {self.web.refusal}"
                await asyncio.sleep(fault.lasts_s)
                self.web.refusal = ""
            case "poison":
                await poison.spread(self._broker_program.port, SITE, self.names, draw, fault.lasts_s)
            case _:
                await self._double(gate, fault)
        self.done[fault.kind] += 1
        self._tell(told)

    async def _kill(self, part: Part, for_s: float, *, forget: bool = False) -> None:
        async with part.lock:
            await part.end(signal.SIGKILL)
            if forget:
                for file in (self.folder / "broker").glob("mosquitto.db*"):
                    file.unlink()
            await asyncio.sleep(for_s)
            await part.start()

    async def _fill(self, part: Part, for_s: float) -> None:
        disk = self.disks[part.name]
        disk.fill(part.pids)
        await asyncio.sleep(for_s)
        disk.free(part.pids)

    async def _corrupt(self, gate: GatePart, draw: random.Random) -> str:
        async with gate.lock:
            await gate.end(signal.SIGKILL)
            what, destroyed = corruption.corrupt(gate.folder, draw)
            self.truth.destroyed(gate.label, destroyed)
            await asyncio.sleep(0.2)
            await gate.start()
        return f"{what}, {len(destroyed)} events destroyed"

    async def _set_clock(self, part: Part, draw: random.Random, for_s: float) -> str:
        most_s = 2 * 86_400.0 if part.name == "hub" else 20 * 86_400.0
        offset_s = draw.choice([-1, 1]) * draw.choice([2.0, 90.0, 3600.0, most_s]) * draw.random()
        synced = part.name == "hub" or draw.random() < 0.5
        path = self.controls[part.name]
        Control(offset_s, synced).write(path)
        await asyncio.sleep(for_s)
        Control().write(path)
        return f"{offset_s:+.0f} s, {'synchronised' if synced else 'free'}"

    async def _double(self, gate: GatePart, fault: Fault) -> None:
        """Another machine with the same name, for a while: with an image of the card, or a card of its own."""
        self._made += 1
        label = f"{gate.gate}-{fault.kind}-{self._made}"
        folder = self.folder / label
        folder.mkdir()
        other = GatePart(self, gate.gate, label, folder)
        if fault.kind is Kind.CLONE:
            async with gate.lock:
                await gate.end(signal.SIGKILL)
                for part in ("spool.db", "spool.db-wal"):
                    if (gate.folder / part).exists():
                        shutil.copy(gate.folder / part, folder)
                await gate.start()
            self.truth.cloned(gate.label, label)
        self.extra.append(other)
        async with other.lock:
            await other.start()
        await asyncio.sleep(fault.lasts_s)
        async with other.lock:
            await other.end(signal.SIGTERM)

    # -- the end ----------------------------------------------------------------------------------------------------

    async def mend(self) -> None:
        """Everything works again, and no new events come."""
        for name, control in self.controls.items():
            Control(feeding=name == "hub").write(control)
        self.web.refusal = ""
        for part in self.parts.values():
            async with part.lock:
                if not part.is_alive:
                    await part.start()

    async def drain(self, within_s: float) -> bool:
        """Wait until everything is at the hub and in InfluxDB; clones and twins come back for it, one after the other.
        False when nothing moves any more for so long."""
        if not await self._until_empty(self.parts.values(), within_s):
            return False
        for other in self.extra:
            async with other.lock:
                if not other.is_alive:
                    await other.start()
            rival = self.parts[other.gate]
            async with rival.lock:
                await rival.end(signal.SIGTERM)
            if not await self._until_empty([other], within_s):
                return False
            async with other.lock:
                await other.end(signal.SIGTERM)
        return await self._until_empty([], within_s)

    async def _until_empty(self, parts: object, within_s: float) -> bool:
        gates = [part for part in parts if isinstance(part, GatePart)]  # type: ignore[attr-defined]
        until_s, before = time.monotonic() + within_s, None
        while True:
            left = [await asyncio.to_thread(gate.left) for gate in gates]
            state = (left, await asyncio.to_thread(self.behind))
            if not sum(left) and not state[1] and not any(self.truth.waits(gate.label) for gate in gates):
                return True
            if state != before:
                until_s, before = time.monotonic() + within_s, state
            if time.monotonic() > until_s:
                self._tell(
                    f"not quiet: {dict(zip([gate.label for gate in gates], left, strict=True))}, {state[1]} behind"
                )
                return False
            await asyncio.sleep(0.2)

    def behind(self) -> int:
        """Entries that a projection has still to see; of those whose effects are judged."""
        with sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True, timeout=5) as db:
            newest = int(db.execute('SELECT coalesce(max("offset"), 0) FROM entries').fetchone()[0])
            row = db.execute("SELECT \"offset\" FROM cursors WHERE name = 'timeseries'").fetchone()
        return newest - (row[0] if row else 0)

    def stored(self) -> int:
        """Entries in the journal so far."""
        try:
            with sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True, timeout=5) as db:
                return int(db.execute('SELECT coalesce(max("offset"), 0) FROM entries').fetchone()[0])
        except sqlite3.OperationalError:
            return 0

    @property
    def journal(self) -> Path:
        return self.folder / "hub" / "journal.db"


@asynccontextmanager
async def _bad(link: Relay, what: str, draw: random.Random) -> AsyncIterator[None]:
    match what:
        case "cut":
            link.closed += 1
            link.hang_up()
        case "half":
            link.swallowing += 1
            link.swallow()
        case "slow":
            link.delay_s = draw.uniform(0.1, 1.2)
        case _:
            link.shuffling += 1
    yield
    match what:
        case "cut":
            link.closed -= 1
        case "half":
            link.swallowing -= 1
        case "slow":
            link.delay_s = 0.0
        case _:
            link.shuffling -= 1
