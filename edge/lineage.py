"""Whose numbers these are: pure decisions about runs.

A number says which event it is only as long as one card gives it away. An image of a card in a second machine, or put
back into the first, gives the same numbers to other events under the same epoch. So each running of the agent is a
*run* with a name of its own, that begins with the first number which it gave, and says which run was before it. The hub
takes a number only behind the run that the gate says was before, and its watermark names the run of the number; where
the gate knows another run for that number, somebody else gave it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar


class Lap(Protocol):
    """A run, as far as it matters here."""

    @property
    def first(self) -> int: ...

    @property
    def run(self) -> str: ...

    @property
    def before(self) -> str: ...


L = TypeVar("L", bound=Lap)


def before(runs: Iterable[L], number: int) -> list[L]:
    """The runs that gave numbers before that one. One that gave none, or none that anybody knows of, is none."""
    return [lap for lap in runs if lap.first < number]


def run_of(runs: Sequence[Lap], number: int) -> str:
    """The run that gave the number; empty where nobody knows (of an older version, or on a page that was lost).

    `runs` are in the order of their numbers.
    """
    expected = None
    for lap in reversed(runs):
        if expected is not None and lap.run != expected:
            return ""  # between the two a run is missing
        if number >= lap.first:
            return lap.run
        expected = lap.before
    return ""


def end_of(runs: Sequence[Lap], number: int, last: int) -> int:
    """The last number of the run that gave this one, of all up to `last`."""
    return min((lap.first - 1 for lap in runs if lap.first > number), default=last)


def is_foreign(own: str, theirs: str) -> bool:
    """Whether two names for the run of one number cannot both be right."""
    return bool(own) and bool(theirs) and own != theirs


def in_common(runs: Sequence[Lap], last: int, theirs: Sequence[tuple[int, str]], through: int) -> int:
    """The last number that was given before two cards went apart: what the hub has up to it is ours too.

    `theirs` are the hub's runs with their first numbers, `through` how far it is; `last` is our own last number.
    """
    ends = [*(first - 1 for first, _ in theirs[1:]), through]
    hub_ends = {run: end for (_, run), end in zip(theirs, ends, strict=False)}
    shared = [min(end_of(runs, lap.first, last), hub_ends[lap.run]) for lap in runs if lap.run in hub_ends]
    return max(shared, default=0)
