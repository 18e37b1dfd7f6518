"""A plant's days as files: the truth, each gate's events straight from it, and each site's registry and token key."""

from __future__ import annotations

import hashlib
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from sim.plant import Plant
from sim.registry import registry
from sim.truth import Site, Truth, day, event_of, sites
from wire.errors import MenshenError
from wire.messages import encode_event

_PACED_AT_ONCE = 200
_encoder = msgspec.json.Encoder()


def token_key(seed: int) -> bytes:
    """The plant's token key: of the seed, for the same bytes at each run; worth nothing where people are real."""
    return hashlib.sha256(f"simulated plant {seed}".encode()).hexdigest().encode()


def write(  # noqa: PLR0913 - a run has that many knobs
    folder: Path,
    plant: Plant,
    *,
    seed: int,
    days: int = 1,
    speed: float = 0.0,
    tell: Callable[[str], None] = print,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Counter[str]:
    """Write `truth.jsonl`, `events/SITE/GATE.jsonl`, `SITE.registry.json` and `token.key`; how many of each outcome.

    At `speed` 0 as fast as it goes, else so many simulated seconds a second. The same seed gives the same bytes.
    Raises `MenshenError` when the folder holds another run, `ValueError` for numbers out of bounds.
    """
    if days < 1 or speed < 0 or seed < 0:
        raise ValueError(f"{days} days, speed {speed}, seed {seed}: expected at least 1, 0 and 0")
    if (folder / "truth.jsonl").exists():
        raise MenshenError(f"{folder / 'truth.jsonl'}: is there already; give a folder of its own to each run")
    places = sites(plant, seed, token_key(seed))
    _prepare(folder, places, seed)
    counts: Counter[str] = Counter()
    rows = _story(places, days, tell)
    for chunk in _paced(rows, speed, clock, sleep) if speed else rows:
        _append(folder, chunk)
        counts.update(str(truth.outcome) for truth in chunk)
    return counts


def _prepare(folder: Path, places: Sequence[Site], seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    key = token_key(seed)
    (folder / "token.key").write_bytes(key)
    for site in places:
        copy = registry(site.seed, site.plant.people, site.plant.vehicles, key)
        (folder / f"{site.name}.registry.json").write_bytes(msgspec.json.encode(copy))
        gates = folder / "events" / site.name
        gates.mkdir(parents=True, exist_ok=True)
        for gate in site.plant.gate_names():
            (gates / f"{gate}.jsonl").write_bytes(b"")


def _story(places: Sequence[Site], days: int, tell: Callable[[str], None]) -> Iterator[list[Truth]]:
    """Day after day, each in the order of its time over all sites."""
    for number in range(days):
        rows = sorted(
            itertools.chain.from_iterable(day(site, number) for site in places),
            key=lambda truth: (truth.time_ns, truth.site, truth.gate, truth.passage),
        )
        tell(f"day {number + 1} of {days}: {len(rows):,} passages")
        yield rows


def _paced(
    days: Iterator[list[Truth]], speed: float, clock: Callable[[], float], sleep: Callable[[float], None]
) -> Iterator[list[Truth]]:
    """The rows in small portions, none before its time; the first passage is due at once."""
    began_s, first_ns = clock(), None
    for rows in days:
        waiting: list[Truth] = []
        for truth in rows:
            first_ns = truth.time_ns if first_ns is None else first_ns
            wait_s = began_s + (truth.time_ns - first_ns) / 1e9 / speed - clock()
            if waiting and (wait_s > 0 or len(waiting) >= _PACED_AT_ONCE):
                yield waiting
                waiting = []
            if wait_s > 0:
                sleep(wait_s)
            waiting.append(truth)
        yield waiting


def _append(folder: Path, rows: Sequence[Truth]) -> None:
    with (folder / "truth.jsonl").open("ab") as file:
        file.writelines(_encoder.encode(truth) + b"\n" for truth in rows)
    of_gate: dict[tuple[str, str], list[bytes]] = {}
    for truth in rows:
        of_gate.setdefault((truth.site, truth.gate), []).append(encode_event(event_of(truth)) + b"\n")
    for (site, gate), lines in of_gate.items():
        with (folder / "events" / site / f"{gate}.jsonl").open("ab") as file:
            file.writelines(lines)
