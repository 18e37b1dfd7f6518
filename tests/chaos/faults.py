"""What goes wrong when: a plan that follows from the seed alone."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

EVERY_S = 3.4
"""A fault begins this often on average: 1,058 in an hour."""


class Kind(StrEnum):
    """All that is done to the plant."""

    KILL_GATE = "kill-gate"
    KILL_HUB = "kill-hub"
    KILL_BROKER = "kill-broker"
    KILL_INFLUX = "kill-influx"
    FREEZE_GATE = "freeze-gate"
    """SIGSTOP: the kernel still answers for the process, which does nothing."""
    FREEZE_HUB = "freeze-hub"
    FREEZE_BROKER = "freeze-broker"
    FREEZE_INFLUX = "freeze-influx"
    FORGET_BROKER = "forget-broker"
    """Killed, and what it had on disk deleted: no retained message is left."""
    CUT_GATE = "cut-gate"
    CUT_HUB = "cut-hub"
    HALF_OPEN_GATE = "half-open-gate"
    """Connections stay open and everything in them is swallowed, without a word."""
    HALF_OPEN_HUB = "half-open-hub"
    SLOW_GATE = "slow-gate"
    SHUFFLE_GATE = "shuffle-gate"
    """MQTT messages come in another order, or twice."""
    SHUFFLE_HUB = "shuffle-hub"
    FULL_GATE = "full-gate"
    FULL_HUB = "full-hub"
    CORRUPT_SPOOL = "corrupt-spool"
    CLOCK_GATE = "clock-gate"
    CLOCK_HUB = "clock-hub"
    REFUSE_INFLUX = "refuse-influx"
    POISON = "poison"
    CLONE = "clone"
    """A second card with the same name, numbers and epoch: an image of a gate's, in another machine."""
    TWIN = "twin"
    """A second machine with the same name, and a card of its own."""


LASTS_S = {
    Kind.KILL_GATE: (0.1, 3.0),
    Kind.KILL_HUB: (0.1, 3.0),
    Kind.KILL_BROKER: (0.1, 3.0),
    Kind.KILL_INFLUX: (0.1, 3.0),
    Kind.FREEZE_GATE: (1.0, 14.0),
    Kind.FREEZE_HUB: (1.0, 10.0),
    Kind.FREEZE_BROKER: (1.0, 10.0),
    Kind.FREEZE_INFLUX: (1.0, 12.0),
    Kind.FORGET_BROKER: (0.1, 3.0),
    Kind.CUT_GATE: (0.5, 10.0),
    Kind.CUT_HUB: (0.5, 8.0),
    Kind.HALF_OPEN_GATE: (3.0, 15.0),
    Kind.HALF_OPEN_HUB: (2.0, 8.0),
    Kind.SLOW_GATE: (5.0, 20.0),
    Kind.SHUFFLE_GATE: (5.0, 20.0),
    Kind.SHUFFLE_HUB: (5.0, 20.0),
    Kind.FULL_GATE: (2.0, 12.0),
    Kind.FULL_HUB: (2.0, 8.0),
    Kind.CORRUPT_SPOOL: (0.1, 1.0),
    Kind.CLOCK_GATE: (3.0, 30.0),
    Kind.CLOCK_HUB: (3.0, 20.0),
    Kind.REFUSE_INFLUX: (2.0, 12.0),
    Kind.POISON: (0.5, 2.0),
    Kind.CLONE: (6.0, 20.0),
    Kind.TWIN: (6.0, 20.0),
}
"""For how long at least and at most."""


class Fault(NamedTuple):
    """One fault: when it begins, since the plant works; `gate` is the number of the gate it is about, if of one;
    `seed` is of what else it draws."""

    at_s: float
    kind: Kind
    lasts_s: float
    gate: int
    seed: int


def plan(
    seed: int,
    for_s: float,
    gates: int,
    every_s: float = EVERY_S,
    kinds: Sequence[Kind] = tuple(Kind),
    at_most_s: float = math.inf,
) -> list[Fault]:
    """The faults of one run. Kinds come by shuffled decks, so that each has its share of any stretch of time."""
    draw = random.Random(f"menshen chaos {seed}")
    deck: list[Kind] = []
    faults = []
    for number in range(int(for_s / every_s)):
        if not deck:
            deck = list(kinds)
            draw.shuffle(deck)
        kind = deck.pop()
        at_s = (number + draw.random()) * every_s
        lasts_s = min(at_most_s, draw.uniform(*LASTS_S[kind]))
        faults.append(Fault(round(at_s, 3), kind, round(lasts_s, 3), draw.randrange(gates), draw.getrandbits(32)))
    return sorted(faults)
