"""What must be true after a soak: the hub's record (lines of `/api/events` on standard input) held against what the
gate's log says that it decided. Prints JSON; exits with 1 when something is lost and nobody said so.

Usage: oracle.py GATE GATE.LOG --cuts N [--told KINDS]
N: how often the gate was killed; each may cost the decision of that instant. KINDS: of what kinds of devices a fault
must have been told, by the gate or about it.
"""

from __future__ import annotations

import argparse
import collections
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

Row = dict[str, Any]


class Verdict(NamedTuple):
    """What came of it."""

    decisions: int
    """That the gate's log tells of, of somebody."""
    passages: int
    said_lost: int
    """By gap events."""
    holes: int
    doubled: int
    unsaid: int
    """Decisions of which the record has neither the passage nor a word that it is lost."""
    faults_told: dict[str, int]
    """By kind of device: how often it was told that something is wrong."""

    def is_clean(self, cuts: int, told: Iterable[str] = ()) -> bool:
        return self.holes == self.doubled == 0 and self.unsaid <= cuts and not self.untold(told)

    def untold(self, told: Iterable[str]) -> list[str]:
        """Of which of these kinds nothing was told."""
        return sorted(set(told) - self.faults_told.keys())


def judge(rows: Iterable[Row], log: Iterable[str]) -> Verdict:
    """Pure: the hub's rows of one gate in the order of its journal, and the lines of the gate's log."""
    next_of: dict[tuple[str, str, str], int] = {}
    holes = doubled = lost = 0
    passages: set[str] = set()
    told: collections.Counter[str] = collections.Counter()
    for row in rows:
        stream = row.get("gate", ""), row["urgency"], row["epoch"]
        wanted = next_of.get(stream, 1)
        holes += row["seq"] > wanted
        doubled += row["seq"] < wanted
        next_of[stream] = row["last"] + 1
        event = row["event"] or {}
        kind = event.get("type", "")
        if kind.endswith("-passage"):
            doubled += event["passage"] in passages
            passages.add(event["passage"])
        elif kind == "gap":
            lost += event.get("lost") or row["last"] - row["seq"] + 1
        elif kind == "device-state" and event["health"] != "ok":
            told[event["kind"]] += 1
    decisions = sum("event=decision" in line and not line.rstrip().endswith("reasons=") for line in log)
    unsaid = max(0, decisions - len(passages) - lost)
    return Verdict(decisions, len(passages), lost, holes, doubled, unsaid, dict(sorted(told.items())))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("gate")
    parser.add_argument("log", type=Path)
    parser.add_argument("--cuts", type=int, default=0)
    parser.add_argument("--told", type=str.split, default=[])
    asked = parser.parse_args()
    rows = [row for row in map(json.loads, sys.stdin) if row["gate"] in (asked.gate, "hub")]
    verdict = judge(rows, asked.log.read_text("utf-8", "replace").splitlines())
    said = {"cuts": asked.cuts, "untold": verdict.untold(asked.told)}
    sys.stdout.write(f"{json.dumps(verdict._asdict() | said)}\n")
    return 0 if verdict.is_clean(asked.cuts, asked.told) else 1


if __name__ == "__main__":
    raise SystemExit(main())
