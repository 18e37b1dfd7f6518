"""The alerts of ten weeks: through the hub's own store, some of them open."""

from __future__ import annotations

import random
from pathlib import Path

from hub.alerts.rules import SEVERITY, Rule, Severity, Signal
from hub.alerts.setup import make_store
from hub.settings import load
from tests.bench.plant.size import DAY_NS, SITE, Size

A_DAY, OPEN = 250, 120
_BATCH = 1000


def fill(data: Path, size: Size) -> None:
    settings = load(data.parent / "hub.toml")
    store, draw = make_store(settings), random.Random(5)
    store.open()
    rules = [rule for rule in Rule if rule not in {Rule.ALERT_STUCK, Rule.CHANNEL_FAULT}]
    count = A_DAY * size.days
    for first in range(0, count, _BATCH):
        heard = []
        for n in range(first, min(count, first + _BATCH)):
            rule = rules[n % len(rules)]
            at_ns = size.now_ns - (count - n) * DAY_NS // A_DAY
            key = f"fever {n % 2400 + 1}" if rule is Rule.FEVER else f"{rule.value} {n}"
            signal = Signal(
                key=key, rule=rule, site=SITE, gate=f"g{draw.randrange(size.gates):02d}", time_ns=at_ns, lane="people",
                detail=f"token {draw.getrandbits(64):016x}", epoch="e", seq=2 * n + 1,
            )  # fmt: skip
            heard.append((signal, at_ns))
            if n < count - OPEN and SEVERITY[rule] is not Severity.CRITICAL:
                over = Signal(key=key, rule=rule, site=SITE, gate=signal.gate, time_ns=at_ns + 6 * 10**11, firing=False,
                              epoch="e", seq=2 * n + 2)  # fmt: skip
                heard.append((over, at_ns + 6 * 10**11))
        store.take(0, heard, size.now_ns)
    for row in store.newest(count)[OPEN:]:
        if row.state != "resolved":
            store.resolve(row.id, "officer", size.now_ns)
    store.close()
