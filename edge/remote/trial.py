"""The life of a configuration that the hub sent. Pure.

    own file (version 0), or confirmed N ── offered M, sound ──► trying M ── hub and cameras are there ──► confirmed M
           ▲               │ unsound: refused M, told why          │
           └───────────────┴───────────────────────────────────────┘ not in time, or it ended too often: failed M

What failed or was refused is not tried again; the hub sends a new version. A version that is not newer than what runs,
or was refused, says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

MOST_STARTS = 3
"""A trial that ended so often before it was confirmed has failed: the agent crashes under it."""


class Answer(StrEnum):
    """What an offered version means."""

    NOTHING = "nothing"
    """It is running, being tried, or was turned down before."""
    TRY = "try"
    GIVE_UP = "give-up"
    """The hub wants the local file again."""


class Held(Struct, frozen=True, omit_defaults=True):
    """What the gate knows of its configurations; version 0 is its own file."""

    confirmed: int = 0
    trying: int | None = None
    starts: int = 0
    """Of the trial."""
    before: tuple[str, ...] = ()
    """The cameras that worked when the trial began."""
    turned_down: int = 0
    """The newest version that was refused or failed, 0 for none."""
    why: str = ""

    @property
    def running(self) -> int:
        """What the next start uses."""
        return self.confirmed if self.trying is None else self.trying


def offered(held: Held, version: int) -> Answer:
    """What to do with a version of the hub's."""
    if version == 0:
        return Answer.GIVE_UP if held.running else Answer.NOTHING
    newest = max(held.running, held.turned_down)
    return Answer.TRY if version > newest else Answer.NOTHING


def tried(held: Held, version: int, working: Iterable[str]) -> Held:
    """The version is sound: it runs at the next start, to be confirmed. A trial before it is over.

    `working` are the cameras that work now; what worked when an unfinished trial began is not forgotten.
    """
    return replace(held, trying=version, starts=0, before=tuple(sorted({*held.before, *working})))


def refused(held: Held, version: int, why: str) -> Held:
    """The version cannot be used."""
    return replace(held, turned_down=version, why=why)


def started(held: Held) -> Held:
    """The agent starts; a trial that ended too often before has failed."""
    if held.trying is None:
        return held
    if held.starts >= MOST_STARTS:
        return failed(held, f"ended {held.starts} times before it was confirmed")
    return replace(held, starts=held.starts + 1)


def confirmed(held: Held) -> Held:
    """The trial works."""
    if held.trying is None:
        return held
    return Held(confirmed=held.trying, turned_down=held.turned_down, why=held.why)


def failed(held: Held, why: str) -> Held:
    """The trial does not work: back to what was confirmed before."""
    if held.trying is None:
        return held
    if held.turned_down > held.trying:
        return Held(confirmed=held.confirmed, turned_down=held.turned_down, why=held.why)
    return Held(confirmed=held.confirmed, turned_down=held.trying, why=why)


def given_up(held: Held) -> Held:
    """Back to the gate's own file."""
    return Held(turned_down=held.turned_down, why=held.why)
