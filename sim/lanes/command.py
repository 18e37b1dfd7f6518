"""`menshen sim lanes`: so many situations, judged; each fault can be looked at again by its number."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from sim.lanes.judge import Fault, Wrong, judge
from sim.lanes.kinds import situation
from sim.lanes.play import play
from sim.lanes.situation import Situation
from sim.lanes.whole import play_whole
from wire.process import set_up_logging

SHOWN = 20


@dataclass
class Tally:
    """What came of a run."""

    situations: int = 0
    whole: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    by_kind: Counter[str] = field(default_factory=Counter)
    by_reason: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[int, Wrong]] = field(default_factory=list)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--situations", type=int, default=10_000)
    parser.add_argument("--whole-every", type=int, default=50, metavar="N", help="every N-th through a whole lane too")
    parser.add_argument("--number", type=int, help="show one situation: what is told, expected and said")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what came of it; 0 when nothing is wrong, else 1."""
    if arguments.situations < 1 or arguments.whole_every < 1:
        raise ValueError(f"{arguments.situations} situations, every {arguments.whole_every}-th: expected at least 1")
    set_up_logging("critical")
    if arguments.number is not None:
        return _show(situation(arguments.seed, arguments.number))
    tally = count(arguments.seed, arguments.situations, arguments.whole_every)
    if arguments.json:
        print(json.dumps(as_json(arguments.seed, tally), ensure_ascii=False))
    else:
        print("\n".join(_lines(tally)))
    return 1 if tally.wrong else 0


def count(seed: int, situations: int, whole_every: int) -> Tally:
    """Play and judge so many situations."""
    tally = Tally()
    for number in range(situations):
        one = situation(seed, number)
        is_whole = number % whole_every == 0
        tally.situations += 1
        tally.whole += is_whole
        tally.by_kind[one.kind] += 1
        tally.by_reason.update(reason for expected in one.expected for reason in expected.reasons)
        for wrong in faults(one, whole=is_whole):
            tally.faults[wrong.fault] += 1
            tally.wrong.append((number, wrong))
    return tally


def faults(one: Situation, *, whole: bool) -> Iterator[Wrong]:
    """What is wrong with what the lane's logic says and, with `whole`, with what a whole lane says."""
    yield from judge(one, play(one))
    if whole:
        yield from judge(one, play_whole(one))


def as_json(seed: int, tally: Tally) -> dict[str, object]:
    return {
        "situations": tally.situations,
        "wrong_decisions": tally.faults[Fault.WRONG_DECISION],
        "unreported_entries": tally.faults[Fault.UNREPORTED_ENTRY],
        "wrong_pairings": tally.faults[Fault.WRONG_PAIRING],
        "through_a_whole_lane": tally.whole,
        "by_kind": dict(sorted(tally.by_kind.items())),
        "by_reason": dict(sorted(tally.by_reason.items())),
        "wrong": [{"number": number, "fault": wrong.fault, "expected": wrong.expected, "found": wrong.found}
                  for number, wrong in tally.wrong[:SHOWN]],
        "seed": seed,
    }  # fmt: skip


def _lines(tally: Tally) -> Iterator[str]:
    yield f"{tally.situations:,} situations of {len(tally.by_kind)} kinds, {tally.whole} through a whole lane too"
    yield ", ".join(f"{tally.faults[fault]} {fault.value.replace('-', ' ')}" for fault in Fault)
    for number, wrong in tally.wrong[:SHOWN]:
        yield f"#{number} {wrong.fault}: expected {wrong.expected}; found {wrong.found}"


def _show(one: Situation) -> int:
    print(f"#{one.number} {one.kind}: {one.lane}")
    for told in one.told:
        print(f"  {told.at_s:8.3f} s  {told.word}")
    for expected in one.expected:
        print(f"  expected {expected}")
    for event in play(one):
        print(f"  said     {event}")
    found = list(faults(one, whole=True))
    for wrong in found:
        print(f"  {wrong.fault}: expected {wrong.expected}; found {wrong.found}")
    return 1 if found else 0
