"""Which gates are next, and whether to go on. Pure.

    wave 1: one gate ── works for a while ──► wave 2: 10 % ── … ──► all, done
                │ one says that it does not
                └────────────────────────────────────────────────► halted

A gate that has not been heard of since it was told is waited for by nobody: it gets the release when it comes back, and
halts what goes on then if it does not work there. One that has been heard of and says nothing any more holds up the
next wave.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from wire.errors import ReleaseError
from wire.releases import Phase, ReleaseHeld, Wish

DEFAULT_WAVES = ("1", "10%", "50%", "100%")
DEFAULT_SOAK_S = 3600


class State(StrEnum):
    RUNNING = "running"
    HALTED = "halted"
    DONE = "done"


class Course(NamedTuple):
    """A rollout as it stands. `only` names its gates, where it is not for all."""

    serial: int
    wish: Wish
    waves: tuple[str, ...]
    only: frozenset[str]
    soak_s: int
    state: State
    wave: int = 0
    good_ns: int | None = None


class Told(NamedTuple):
    """What a gate was told last, in this rollout."""

    number: int
    offered_ns: int


class Seen(NamedTuple):
    """A gate as the hub sees it. `held` is None where its pulse says nothing of releases, or there was none yet."""

    online: bool
    seen_ns: int
    has_pulse: bool
    held: ReleaseHeld | None


class Outcome(NamedTuple):
    """How a gate is with what it was told, by its own last word: `works`, `failed`, a phase, or nothing."""

    word: str
    why: str = ""


class Step(NamedTuple):
    """What is to be done now: gates to be told, the next wave, another state."""

    tell: tuple[str, ...] = ()
    wave: int = 0
    state: State = State.RUNNING
    good_ns: int | None = None
    why: str = ""


def parse_waves(text: str) -> tuple[str, ...]:
    """`1,10%,100%`: numbers or shares of gates, each more than the last. Raises `ReleaseError`."""
    found = tuple(part.strip() for part in text.split(","))
    for part in found:
        number = part.removesuffix("%")
        if not (number.isascii() and number.isdigit()) or not 0 < int(number) <= (100 if part.endswith("%") else 9999):
            raise ReleaseError(f"wave {part!r}: expected a number of gates or a share, as in 1,10%,50%,100%")
    return found


def order(serial: int, gates: Iterable[str]) -> list[str]:
    """Another order for each release, so that it is not always the same gate that goes first."""
    return sorted(gates, key=lambda gate: hashlib.sha256(f"{serial}/{gate}".encode()).digest())


def members(course: Course, gates: Collection[str]) -> list[str]:
    """The gates of all waves up to now."""
    chosen = order(course.serial, [gate for gate in gates if not course.only or gate in course.only])
    wave = course.waves[min(course.wave, len(course.waves) - 1)]
    share = wave.removesuffix("%")
    count = -(-len(chosen) * int(share) // 100) if wave.endswith("%") else int(share)
    return chosen[:count]


def outcome(told: Told, seen: Seen) -> Outcome:
    """How one gate is with what it was told."""
    held = seen.held
    if held is None or held.settled < told.number:
        if held is not None and held.offer == told.number and held.phase is not Phase.IDLE:
            return Outcome(held.phase.value, f"{held.loaded:.0%}" if held.phase is Phase.LOADING else "")
        return Outcome("")
    if held.settled > told.number:
        return Outcome("")
    return Outcome("works") if held.works else Outcome("failed", held.why)


def step(course: Course, gates: Mapping[str, Seen], told: Mapping[str, Told], now_ns: int) -> Step:
    """What to do now; `told` are the gates that were told something in this rollout."""
    here = Step(wave=course.wave, state=course.state)
    if course.state is State.HALTED:
        return here
    outcomes = {gate: outcome(told[gate], gates[gate]) for gate in gates if gate in told}
    if failed := [f"{gate}: {found.why}" for gate, found in sorted(outcomes.items()) if found.word == "failed"]:
        return here._replace(state=State.HALTED, why="; ".join(failed)[:400])
    mine = members(course, gates)
    if tell := tuple(gate for gate in mine if gate not in told and _can(course, gates[gate])):
        return here._replace(tell=tell)
    if waits := [gate for gate in mine if gate in told and _is_waited_for(gates[gate], told[gate], outcomes[gate])]:
        return here._replace(why=f"waits for {', '.join(waits)}"[:400])
    return _onwards(course, gates, mine, outcomes, now_ns)


def _onwards(
    course: Course, gates: Mapping[str, Seen], mine: list[str], outcomes: Mapping[str, Outcome], now_ns: int
) -> Step:
    """All that were told and are there have it: watch them for a while, then the next wave."""
    works = any(gate in outcomes and outcomes[gate].word == "works" for gate in mine)
    good_ns, is_last = course.good_ns or now_ns, course.wave >= len(course.waves) - 1
    if is_last:
        return Step((), course.wave, State.DONE, good_ns, "" if works else "no gate has it yet")
    if works and now_ns - good_ns < course.soak_s * 10**9:
        return Step((), course.wave, course.state, good_ns, "works, and is watched for a while")
    return Step((), _next_wave(course, gates, len(mine)), course.state)


def _next_wave(course: Course, gates: Collection[str], count: int) -> int:
    """The next that reaches more gates: 10 % of five are the one that has it already."""
    last = len(course.waves) - 1
    rest = range(course.wave + 1, last)
    return next((wave for wave in rest if len(members(course._replace(wave=wave), gates)) > count), last)


def _can(course: Course, seen: Seen) -> bool:
    """Whether a gate is to be told: one that cannot be updated from afar is not, nor one that is not to go back."""
    if course.wish is Wish.BACK:
        return seen.held is not None and seen.held.serial == course.serial
    return seen.held is not None or not seen.has_pulse


def _is_waited_for(seen: Seen, told: Told, found: Outcome) -> bool:
    if seen.has_pulse and seen.held is None:
        return False  # it cannot be updated from afar, as it turns out
    if found.word == "works":
        return not seen.online  # it worked, and is silent now
    return seen.online or seen.seen_ns > told.offered_ns
