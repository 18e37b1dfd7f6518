"""Which running of a gate's agent gave which numbers of a stream: the hub's half of `edge.lineage`, its rules are pure.

A number may come from two cards of one name. The hub takes it only from whoever gave the numbers before it, too, by the
gate's own word in each batch; so a stream in the journal is of one card, whatever there is beside it.
"""

from __future__ import annotations

from collections.abc import Iterable

from wire.messages import Batch, StreamId

Laps = tuple[tuple[int, str], ...]
"""First numbers and names of runs, in order; an empty name where it is not known."""

TOLD = 16
"""So many of the last runs a gate is told at its birth."""


def run_at(laps: Laps, number: int) -> str:
    """The run that gave the number, empty where it is not known."""
    return next((run for first, run in reversed(laps) if first <= number), "")


def joins(batch: Batch, laps: Laps, through: int) -> bool:
    """Whether the batch goes on where the journal is, as far as anybody knows; if it brings anything that is next."""
    first, last = batch.events[0], batch.events[-1].last
    if last <= through or first.seq > through + 1:
        return True  # only duplicates, or a hole: nothing of it is next
    if first.seq == through + 1:
        before = batch.run if batch.after is None else batch.after
    elif first.last > through:
        return True  # a gap that stands for what was there and what is next
    else:
        before = batch.run
    run = run_at(laps, through)
    return not run or not before or run == before


def extended(laps: Laps, batch: Batch, before: int, through: int) -> Laps:
    """With what the batch brought: the numbers behind `before` up to `through`."""
    if through == before or run_at(laps, before) == batch.run:
        return laps
    return (*laps, (before + 1, batch.run))


def laps_of(rows: Iterable[tuple[int, int, str]], streams: dict[int, StreamId]) -> dict[StreamId, Laps]:
    """All that a journal has noted: rows of stream, first number and run; `streams` by their numbers in it."""
    found: dict[StreamId, Laps] = {}
    for stream, first, run in sorted(rows):
        found[streams[stream]] = (*found.get(streams[stream], ()), (first, run))
    return found
