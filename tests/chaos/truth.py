"""What was ever handed to a gate's outbox, and what became of it by the gate's own word: the truth to judge by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tests.chaos.corruption import Kept
from wire.events import PersonPassage, VehiclePassage
from wire.messages import decode_event


class Told(NamedTuple):
    """One event, as its gate told of it before it was put."""

    gate: str
    number: int
    urgency: str
    clock: str
    time_ns: int
    real_ns: int
    """When it truly was, whatever the gate's clock said."""


class Truth:
    """By label (two gates may have one name) and number."""

    def __init__(self, log: Path) -> None:
        self.told: dict[str, dict[int, Told]] = defaultdict(dict)
        self.kept: dict[str, set[int]] = defaultdict(set)
        """`Outbox.put` returned: from then on it is never lost."""
        self.ruined: dict[tuple[str, int], Kept] = {}
        """Whose bytes on the card were destroyed."""
        self.clones: dict[str, str] = {}
        self._open: dict[str, set[int]] = defaultdict(set)
        self._log = log.open("a")

    def next_number(self, label: str) -> int:
        return max(self.told[label], default=0) + 1

    def hear(self, gate: str, label: str, line: str) -> None:
        """One line of a gate's."""
        self._log.write(f"{label} {line}")
        word, number, *rest = line.split()
        if word == "put":
            urgency, clock, time_ns, real_ns = rest
            self._open[label].add(int(number))
            self.told[label][int(number)] = Told(gate, int(number), urgency, clock, int(time_ns), int(real_ns))
            return
        self._open[label].discard(int(number))
        if word == "kept":
            self.kept[label].add(int(number))

    def waits(self, label: str) -> bool:
        """Whether something that was put is not settled yet by the process that put it."""
        return bool(self._open[label])

    def ended(self, label: str) -> None:
        """Its process is gone: what it had not said to be kept by then may be there or not."""
        self._open[label].clear()

    def cloned(self, of: str, label: str) -> None:
        self.clones[label] = of

    def destroyed(self, label: str, rows: Iterable[Kept]) -> None:
        for row in rows:
            event = decode_event(row.body)
            if isinstance(event, PersonPassage | VehiclePassage):
                owner, _, number = event.passage.rpartition("-")
                self.ruined[owner, int(number)] = row
        self._log.write(f"{label} destroyed {len(self.ruined)} in all\n")
        self._log.flush()
