"""A gate that feeds events straight from a script into the real spool and uplink, with no frames and no lanes.

It is a replayable source: how far the script was read stands in the spool as a mark, in one transaction with the event
that came of it. So a gate that was killed goes on exactly where it was, and what must be in the journal in the end is
known beforehand: the events `script(seed, gate, 1 … n)`, each exactly once. Used by the chaos and speed tests.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Iterator

import numpy as np

from edge.clock import SystemTime
from edge.outbox import Outbox
from edge.spool import Mark, Spool, SpoolSettings
from edge.uplink import Uplink
from wire.events import (
    AnyEvent,
    Outcome,
    PersonPassage,
    Reason,
    Temperature,
    VehiclePassage,
    Verdict,
)
from wire.link import BrokerSettings
from wire.messages import SCHEMA_VERSION, Vitals
from wire.process import run, set_up_logging

SOURCE = "script"
FEVER_SHARE = 0.02
_VEHICLE_SHARE = 0.1


def script(seed: int, gate: str, number: int, time_ns: int, fever_share: float = FEVER_SHARE) -> AnyEvent:
    """The event of that number, always the same but for its time. Its passage id is `GATE-NUMBER`."""
    draw = np.random.default_rng([seed, number, *gate.encode()])
    passage = f"{gate}-{number}"
    kind = draw.random()
    if kind >= max(fever_share, 1 - _VEHICLE_SHARE):
        return VehiclePassage(
            time_ns=time_ns,
            passage=passage,
            lane="trucks",
            outcome=Outcome.ALLOW,
            vehicle=f"vehicle-{draw.integers(10**6):06d}",
            registered=True,
            reasons=(Reason.VEHICLE_REGISTERED,),
        )
    fever = kind < fever_share
    skin_c = round(float(draw.normal(37.6 if fever else 34.8, 0.3)), 2)
    return PersonPassage(
        time_ns=time_ns,
        passage=passage,
        lane="people",
        outcome=Outcome.DENY if fever else Outcome.ALLOW,
        verdict=Verdict.FEVER if fever else Verdict.NORMAL,
        badge=f"person-{draw.integers(10**6):06d}",
        temperature=Temperature(skin_c=skin_c, u_c=0.2, looks=3, limit_c=36.8, reference_c=35.0),
        reasons=(Reason.FEVER if fever else Reason.TEMPERATURE_NORMAL,),
    )


class Feed:
    """One scripted gate. `rate_per_s` 0 is as fast as the disk takes it, `chunk` events to a commit."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        timekeeper = SystemTime()
        settings = SpoolSettings(path=arguments.spool)
        self._outbox = Outbox(Spool(arguments.site, arguments.gate, settings, timekeeper), timekeeper)
        broker = BrokerSettings(host=arguments.host, port=arguments.port, backoff_max_s=arguments.backoff_max_s)
        self._uplink = Uplink(self._outbox, broker, timekeeper, "feed", self._vitals)

    async def run(self) -> None:
        """Feed the script, then keep the uplink going until cancelled."""
        await self._outbox.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._uplink.run())
                tasks.create_task(self._feed())
        finally:
            await self._outbox.stop()

    async def _feed(self) -> None:
        done = await self._outbox.mark(SOURCE) or 0
        began_s, first = time.monotonic(), done
        for numbers in _chunks(done + 1, self._arguments.events, self._arguments.chunk):
            await self._pace(began_s, numbers[0] - first - 1)
            await asyncio.gather(*(self._put(number) for number in numbers))

    async def _put(self, number: int) -> None:
        arguments = self._arguments
        event = script(arguments.seed, arguments.gate, number, time.time_ns(), arguments.fever_share)
        await self._outbox.put(event, Mark(SOURCE, number))

    async def _pace(self, began_s: float, count: int) -> None:
        rate = self._arguments.rate_per_s
        if rate:
            await asyncio.sleep(max(0.0, began_s + count / rate - time.monotonic()))

    async def _vitals(self) -> Vitals:
        return Vitals(
            v=SCHEMA_VERSION,
            time_ns=time.time_ns(),
            epoch=self._outbox.spool.epoch,
            session=self._uplink.session_number,
            spool=await self._outbox.depth(),
            version="feed",
        )


def _chunks(first: int, last: int, size: int) -> Iterator[range]:
    for start in range(first, last + 1, size):
        yield range(start, min(start + size, last + 1))


def main(argv: list[str]) -> int:
    """`menshen sim feed`: one scripted gate in this process."""
    parser = argparse.ArgumentParser(prog="menshen sim feed", description=main.__doc__)
    parser.add_argument("--site", default="sim")
    parser.add_argument("--gate", required=True)
    parser.add_argument("--spool", required=True, help="the spool's file")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--events", type=int, default=1000, help="how many events the script has")
    parser.add_argument("--rate-per-s", type=float, default=0.0, help="events a second, 0 for as fast as it goes")
    parser.add_argument("--chunk", type=int, default=1, help="events that are put together")
    parser.add_argument("--fever-share", type=float, default=FEVER_SHARE, help="share of events that are fevers")
    parser.add_argument("--backoff-max-s", type=float, default=30.0)
    arguments = parser.parse_args(argv)
    set_up_logging("warning")
    return run(Feed(arguments).run())


if __name__ == "__main__":
    import sys

    raise SystemExit(main(sys.argv[1:]))
