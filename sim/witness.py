"""Writes the truth of a live gate while its agent is at work, for the judge: who passed, once it is past."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sim import chronicle, live
from sim.chronicle import Run
from sim.plant import PERSON_LANE
from sim.roster import Site
from sim.truth import PersonTruth, Truth, VehicleTruth

SETTLED_S = 12.0
"""A passage is told so long after it: by then its gate has decided."""
FIRST_AFTER_S = 10.0
"""Devices begin some seconds after the agent; whoever comes before is not told."""


class Witness:
    """One live gate's truth, in a thread of its own from `start` to `stop`."""

    def __init__(
        self, folder: Path, site: Site, gate: str, seed: int, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        since_ns = now_ns() + int(FIRST_AFTER_S * 1e9)
        chronicle.begin_live(folder, Run(plant=site.plant, seed=seed, days=0, gate=gate, since_ns=since_ns))
        self._folder = folder
        self._now_ns = now_ns
        self._records = live.from_now(site, gate, since_ns)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._tell, name="witness", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(5)

    def _tell(self) -> None:
        for record in passages(self._records):
            wait_s = (record.time_ns - self._now_ns()) / 1e9 + SETTLED_S
            if self._stopping.wait(max(0.0, wait_s)):
                return
            chronicle.append_truth(self._folder, [record])


def passages(records: Iterator[Truth]) -> Iterator[Truth]:
    """What devices at a live gate can see: its people's lane and its vehicles."""
    for record in records:
        if isinstance(record, VehicleTruth) or (
            isinstance(record, PersonTruth) and record.lane == PERSON_LANE and record.seen
        ):
            yield record
