"""One gate of the plant: the real agent, without lanes; passages come from a script at a steady rate.

Standard output tells the truth, a line an event: what is put, with its number, before it is handed over, and that it is
kept, once `Outbox.put` has returned. A pipe keeps what a killed process had said.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.chaos import clock as clock_

if TYPE_CHECKING:
    from edge.outbox import Outbox
    from wire.events import AnyEvent

FEVER_SHARE = 0.15
MOST_WAITING = 500
"""A script that nobody keeps anything of waits, rather than fill the memory."""


class Source:
    """Puts one event after the other, without waiting for the disk, and tells."""

    def __init__(self, arguments: argparse.Namespace, control: clock_.Controlled, outbox: Outbox) -> None:
        self._arguments, self._control, self._outbox = arguments, control, outbox
        self._number = arguments.first
        self._waiting: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(1.0 / self._arguments.rate_per_s)
            if self._control.now().feeding and len(self._waiting) < MOST_WAITING:
                event = self._next()
                task = asyncio.create_task(self._put(self._number, event))
                self._waiting.add(task)
                task.add_done_callback(self._waiting.discard)
                self._number += 1

    def _next(self) -> AnyEvent:
        from msgspec.structs import replace

        from sim.feed import script
        from wire.events import Clock, urgency_of

        control, arguments = self._control.now(), self._arguments
        event = script(arguments.seed, arguments.label, self._number, time.time_ns(), FEVER_SHARE)
        if not control.synced:
            event = replace(event, clock=Clock.FREE)
        real_ns = event.time_ns - int(control.offset_s * 1e9)
        _tell(f"put {self._number} {urgency_of(event)} {event.clock} {event.time_ns} {real_ns}")
        return event

    async def _put(self, number: int, event: AnyEvent) -> None:
        from wire.errors import MenshenError

        try:
            await self._outbox.put(event)
        except MenshenError:
            _tell(f"refused {number}")
            return
        _tell(f"kept {number}")


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--control", type=Path, required=True)
    parser.add_argument("--site", required=True)
    parser.add_argument("--gate", required=True)
    parser.add_argument("--label", required=True, help="whose events these are: two gates may have one name")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--first", type=int, required=True, help="number of the first event")
    parser.add_argument("--rate-per-s", type=float, required=True)
    arguments = parser.parse_args()
    control = clock_.install(arguments.control)

    from edge import clock
    from wire.process import run, set_up_logging

    clock.kernel_clock_synced = lambda: control.now().synced
    set_up_logging("warning")
    return run(_work(arguments, control))


async def _work(arguments: argparse.Namespace, control: clock_.Controlled) -> None:
    from edge.agent import Agent
    from edge.settings import Gate, GateSettings, LaneSettings
    from edge.spool import SpoolSettings
    from wire.link import BrokerSettings

    folder = arguments.folder
    settings = GateSettings(
        site=arguments.site,
        gate=arguments.gate,
        token_key_file=str(arguments.control.with_name("token.key")),
        registry_copy_file=str(folder / "registry.db"),
        broker=BrokerSettings(port=arguments.port, keepalive_s=4, timeout_s=4.0, backoff_max_s=2.0),
        spool=SpoolSettings(path=str(folder / "spool.db"), await_clock_s=3.0),
        vitals_every_s=2.0,
        lanes=[LaneSettings(name="none")],
    )
    agent = Agent(Gate(settings, [], folder), "chaos")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(agent.run())
        tasks.create_task(Source(arguments, control, agent.outbox).run())


if __name__ == "__main__":
    raise SystemExit(main())
