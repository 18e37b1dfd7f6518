"""A month of alerts at speed, with known truth: `python -m tests.chaos.month --help`.

Real rules, store, desk, rotas and notifier on a clock that the run turns by hand. Below the channels stand doubles that
are down, refuse, lose their answers, or take the hub down with them. Gates are cut off, clocks jump, people answer or
do not.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import heapq
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from hub.alerts import chats
from hub.alerts.chats import Directory, Said
from hub.alerts.course import StoreSettings
from hub.alerts.desk import AlertDesk, Site
from hub.alerts.notifier import Clocks
from hub.alerts.oncall import (
    ContactSettings,
    EscalationSettings,
    OnCall,
    PersonSettings,
    RotaSettings,
    StepSettings,
)
from hub.alerts.outbox import Message
from hub.alerts.rules import Severity
from hub.alerts.store import AlertStore
from hub.journal import Entry
from tests.support.journals import entry
from wire.errors import DeliveryError
from wire.events import (
    AnyEvent,
    Clock,
    DeviceKind,
    DeviceState,
    Gap,
    GapCause,
    Health,
    Outcome,
    PersonPassage,
    Reason,
    Temperature,
    VehiclePassage,
    Verdict,
)
from wire.process import set_up_logging

BEGIN_S = 1_580_515_200.0
"""2020-02-01 00:00 UTC."""
DAY_S = 86_400.0
GATES = tuple(f"gate-{n}" for n in range(6))
CHANNELS = ("phone", "group", "mail")
MOST_OFF_S = 1500.0
"""How wrong the hub's clock may be; more than `page_within_s` would make the live look old."""
LATE_S = 3 * 3600.0
ZONE = "Asia/Shanghai"


class Size(NamedTuple):
    days: float = 30.0
    alerts: int = 400
    faults: int = 200
    seed: int = 1


class Crash(BaseException):
    """The hub dies in the middle of what it does."""


class Wanted(Struct):
    """An alert that the truth demands: its key, when the hub could first know of it, and whether it was too old
    then."""

    key: str
    since_ns: int
    late: bool


class Arrival(NamedTuple):
    """A message that reached somebody's channel."""

    at_s: float
    channel: str
    message: Message


class Line:
    """A channel's double: what reaches people, and what goes wrong on the way."""

    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self.per_min = 18
        self.down_until_s = 0.0
        self.refuses_until_s = 0.0
        self.loses_answers_until_s = 0.0
        self.crashes = 0
        """So many of the next messages take the hub down after they arrived, before it knows."""
        self._world = world

    async def send(self, message: Message) -> str:
        at_s = self._world.at_s
        if at_s < self.down_until_s:
            raise DeliveryError("connection refused", retry=True)
        if at_s < self.refuses_until_s:
            raise DeliveryError('HTTP 200: {"errcode":310000}', retry=False)
        self._world.arrive(Arrival(at_s, self.name, message))
        if self.crashes:
            self.crashes -= 1
            self._world.unsure(message)
            raise Crash
        if at_s < self.loses_answers_until_s:
            self._world.unsure(message)
            raise DeliveryError("ReadTimeout", retry=True, lost=True)
        return "HTTP 200: ok"

    async def close(self) -> None:
        """Nothing is held open."""


Happening = Callable[[], Coroutine[Any, Any, None]]


class World:
    """The month: what happens when, the hub in it, and what came of it all."""

    def __init__(self, folder: Path, size: Size) -> None:
        self.at_s = BEGIN_S
        self.wanted: list[Wanted] = []
        self.arrivals: list[Arrival] = []
        self.acknowledged: dict[int, float] = {}
        """When an alert was acknowledged or resolved by a person, the first time."""
        self.doubtful: Counter[tuple[int, str, int, str]] = Counter()
        """Deliveries of which the hub cannot know: it must send them once more."""
        self.lost: Counter[int] = Counter()
        """By message how many of its answers the hub never had."""
        self.heard: dict[int, float] = {}
        """When the hub could first have known of what happened at a time (of a clock that is set)."""
        self.heard_twice = 0
        self.down: list[tuple[float, float]] = []
        """From when to when there was no hub."""
        self.faults: Counter[str] = Counter()
        self.lines = {name: Line(name, self) for name in CHANNELS}
        self.desk: AlertDesk | None = None
        self._size = size
        self._draw = random.Random(size.seed)
        self._folder = folder
        self._queue: list[tuple[float, int, Happening]] = []
        self._off_s = 0.0
        self._journal: list[Entry] = []
        self._seqs: Counter[str] = Counter()
        self._planner = _planner()

    # -- the script ---------------------------------------------------------------------------------------------------

    def plan(self) -> None:
        for _ in range(self._size.alerts):
            self._plan_alert(self._moment())
        for n in range(self._size.faults):
            kind = ("down", "refuses", "loses", "crash", "restart", "clock", "gate")[n % 7]
            self._at(self._moment(), lambda kind=kind: self._fault(kind))

    def _moment(self) -> float:
        return BEGIN_S + self._draw.uniform(0.01, 0.97) * self._size.days * DAY_S

    def _plan_alert(self, at_s: float) -> None:
        kind, gate = (
            self._draw.choice(["fever", "fever", "vehicle", "device", "silent", "gap"]),
            self._draw.choice(GATES),
        )
        delay_s = self._draw.choice([0.1, 0.1, 0.1, 60.0, LATE_S])
        name = f"{kind}-{len(self.wanted)}"
        if kind == "device":
            self._plan_state(at_s, gate, delay_s, DeviceKind.THERMAL, f"cam-{len(self.wanted)}")
        elif kind == "silent":
            self._plan_state(at_s, f"{gate}-{len(self.wanted)}", 0.1, DeviceKind.GATE, f"{gate}-{len(self.wanted)}")
        else:
            event, key = _event(kind, name, at_s, free=self._draw.random() < 0.1)
            dated = event.clock is Clock.SYNCED
            self._say(at_s, gate, event, delay_s)
            seq_key = key if kind != "gap" else ""
            self.wanted.append(Wanted(seq_key or f"gap/site/{gate}/", event.time_ns, dated and delay_s == LATE_S))

    def _plan_state(self, at_s: float, gate: str, delay_s: float, kind: DeviceKind, name: str) -> None:
        said_by = "hub" if kind is DeviceKind.GATE else gate
        ends_s = at_s + self._draw.uniform(60.0, 4 * 3600.0)
        for when_s, health in ((at_s, Health.FAILED), (ends_s, Health.OK)):
            event = DeviceState(time_ns=round(when_s * 1e9), device=name, kind=kind, health=health)
            self._say(when_s, said_by, event, delay_s)
        key = f"gate-silent/site/{name}" if kind is DeviceKind.GATE else f"device-fault/site/{gate}/{name}"
        self.wanted.append(Wanted(key, round(at_s * 1e9), delay_s == LATE_S))

    def _say(self, at_s: float, gate: str, event: AnyEvent, delay_s: float) -> None:
        self._at(at_s + delay_s, lambda: self._hear(gate, event))

    def _at(self, at_s: float, happening: Happening) -> None:
        heapq.heappush(self._queue, (at_s, len(self._queue) + self._seqs.total(), happening))
        self._seqs["happenings"] += 1

    # -- what happens -------------------------------------------------------------------------------------------------

    async def _hear(self, gate: str, event: AnyEvent) -> None:
        self._seqs[gate] += 1
        self.heard.setdefault(event.time_ns, self.at_s)
        wall_ns = self.wall_ns()
        one = entry(event, offset=len(self._journal) + 1, seq=self._seqs[gate], gate=gate)
        self._journal.append(msgspec.structs.replace(one, received_ns=wall_ns))
        if self.desk is not None:
            await self.desk.apply(self._journal[-1:])

    async def _fault(self, kind: str) -> None:
        line, lasts_s = self.lines[self._draw.choice(CHANNELS)], self._draw.uniform(60.0, 3 * 3600.0)
        self.faults[kind] += 1
        match kind:
            case "down":
                line.down_until_s = self.at_s + lasts_s
            case "refuses":
                line.refuses_until_s = self.at_s + lasts_s
            case "loses":
                line.loses_answers_until_s = self.at_s + lasts_s / 10
            case "crash":
                line.crashes += 1
            case "restart":
                await self._die(lasts_s / 6)
            case "clock":
                self._off_s = self._draw.uniform(-MOST_OFF_S, MOST_OFF_S)
            case _:  # a gate comes back and tells of what was long ago
                name = f"old-{len(self.wanted)}"
                event, key = _event("fever", name, self.at_s - 2 * LATE_S, free=False)
                self.wanted.append(Wanted(key, event.time_ns, late=True))
                await self._hear(self._draw.choice(GATES), event)

    async def _die(self, for_s: float) -> None:
        if self.desk is None:
            return
        dead, self.desk = self.desk, None
        dead.store._thread.shutdown()  # its connection is left open, as a killed process leaves its file
        self.down.append((self.at_s, self.at_s + for_s))
        self._at(self.at_s + for_s, self._start)

    async def _start(self) -> None:
        if self.desk is not None:
            return
        store = AlertStore(self._folder / "alerts.db", self._planner, StoreSettings(zone=ZONE))
        clocks = Clocks(self.wall_ns, lambda: self.at_s)
        desk = AlertDesk(store, list(self.lines.values()), Site("", directory=_DIRECTORY), clocks)
        cursor = await desk.start()
        # Nothing cuts the power here: a file that is not waited for makes a month pass in seconds.
        await desk.run(lambda: store._db.execute("PRAGMA synchronous = OFF"))
        self.desk = desk
        if self._journal[cursor:]:
            await desk.apply(self._journal[cursor:])

    async def _answer(self, message: Message, word: str) -> None:
        """Somebody takes in hand, or ends, what they were told of."""
        if self.desk is None:
            self._at(self.at_s + 300.0, lambda: self._answer(message, word))
            return
        for alert in message.alerts:
            if word == "acknowledge" and self._draw.random() < 0.5:
                done = await self._say_in_chat(self.desk, message.receiver, alert.id)
            else:
                done = await self.desk.ask(lambda store, now_ns, id_=alert.id: getattr(store, word)(id_, "Li", now_ns))
            if done:
                self.acknowledged.setdefault(alert.id, self.at_s)
        if word == "acknowledge":
            self._at(self.at_s + self._draw.uniform(600.0, 7200.0), lambda: self._answer(message, "resolve"))

    async def _say_in_chat(self, desk: AlertDesk, who: str, alert: int) -> bool:
        """Whoever was told answers a robot, whose service brings it twice; whether the alert was waiting for that."""
        said = Said(f"{alert} {self.at_s}", (who,), text=f"收到 {alert}")
        reply = await desk.hear("group", said)
        if await desk.hear("group", said) is not None:
            self.heard_twice += 1
        return reply is not None and reply.outcome is chats.Outcome.ACKNOWLEDGED

    def arrive(self, arrival: Arrival) -> None:
        self.arrivals.append(arrival)
        if arrival.message.kind == "firing" and self._draw.random() < 0.45:
            delay_s = self._draw.uniform(20.0, 1500.0)
            self._at(self.at_s + delay_s, lambda: self._answer(arrival.message, "acknowledge"))

    def unsure(self, message: Message) -> None:
        self.lost[message.id] += 1
        for alert in message.alerts:
            self.doubtful[alert.id, message.kind, message.step, message.receiver] += 1

    def wall_ns(self) -> int:
        return round((self.at_s + self._off_s) * 1e9)

    # -- time ---------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        await self._start()
        end_s = BEGIN_S + (self._size.days + 2) * DAY_S
        while self.at_s < end_s:
            next_s = min(self._queue[0][0] if self._queue else end_s, await self._hub_next_s(), end_s)
            self.at_s = max(self.at_s, next_s)
            try:
                while self._queue and self._queue[0][0] <= self.at_s:
                    await heapq.heappop(self._queue)[2]()
                if self.desk is not None:
                    await self._turn(self.desk)
            except Crash:
                await self._die(self._draw.uniform(1.0, 300.0))

    async def _hub_next_s(self) -> float:
        wait_s = await self.desk.notifier.wait_s() if self.desk is not None else None
        return float("inf") if wait_s is None else self.at_s + max(wait_s, 0.001)

    async def _turn(self, desk: AlertDesk) -> None:
        await desk.look_at_clock()
        for message in await desk.notifier.turn():
            await desk.notifier.attempt(message, desk.refresh)


_DIRECTORY = Directory({("group", name): frozenset({name}) for name in ("Li", "Wang", "Zhao", "Chief")})


def _event(kind: str, name: str, at_s: float, *, free: bool) -> tuple[AnyEvent, str]:
    """A passage or a gap, and the beginning of its alert's key; a clock that is not set counts from its boot."""
    time_ns = 10**9 * 86_400 if free else round(at_s * 1e9)
    clock = Clock.FREE if free else Clock.SYNCED
    if kind == "fever":
        measured = Temperature(skin_c=38.0, u_c=0.2, looks=3)
        event: AnyEvent = PersonPassage(
            time_ns=time_ns, clock=clock, passage=name, lane="people", outcome=Outcome.DENY, verdict=Verdict.FEVER,
            temperature=measured, reasons=(Reason.FEVER,),
        )  # fmt: skip
    elif kind == "vehicle":
        reasons = (Reason.VEHICLE_UNREGISTERED,)
        event = VehiclePassage(
            time_ns=time_ns, clock=clock, passage=name, lane="trucks", outcome=Outcome.DENY, reasons=reasons
        )
    else:
        event = Gap(time_ns=time_ns, clock=clock, cause=GapCause.SPOOL_FULL, lost=1)
    return event, name


def _planner() -> OnCall:
    routes = [ContactSettings(channel=name) for name in CHANNELS]
    people = [PersonSettings(name=name, contacts=routes) for name in ("Li", "Wang", "Zhao")]
    people.append(PersonSettings(name="Chief", role="supervisor", contacts=routes, quiet=["22:00", "06:00"]))
    start = dt.datetime(2020, 1, 31, 8)  # noqa: DTZ001 - a rota's wall time
    rota = RotaSettings(name="gate", people=["Li", "Wang", "Zhao"], start=start, zone=ZONE)
    steps = [
        StepSettings(tell=["rota:gate"]),
        StepSettings(after_min=5, tell=["everybody"]),
        StepSettings(after_min=15, tell=["supervisor"]),
    ]
    urgent = EscalationSettings(severities=[Severity.CRITICAL], steps=steps)
    return OnCall(people, [rota], [urgent, EscalationSettings(steps=steps[::2])], CHANNELS, {}, ZONE)


async def live(folder: Path, size: Size) -> World:
    """The month, lived; the hub is left running. The folder holds `alerts.db`."""
    world = World(folder, size)
    world.plan()
    await world.run()
    return world


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.month", description=__doc__)
    parser.add_argument("--days", type=float, default=30.0)
    parser.add_argument("--alerts", type=int, default=400)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    from tests.chaos.witness import judge

    set_up_logging("critical")
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="menshen-month-") as folder:
        size = Size(arguments.days, arguments.alerts, arguments.faults, arguments.seed)
        findings = asyncio.run(_judged(Path(folder), size, judge))
    took_s = round(time.monotonic() - began_s, 1)
    print(json.dumps({**msgspec.to_builtins(findings), "seed": arguments.seed, "took_s": took_s}, ensure_ascii=False))
    return 1 if findings.wrong else 0


async def _judged(folder: Path, size: Size, judge: Callable[[World], Coroutine[Any, Any, Any]]) -> Any:
    world = await live(folder, size)
    found = await judge(world)
    assert world.desk is not None
    await world.desk.stop()
    return found


if __name__ == "__main__":
    sys.exit(main())
