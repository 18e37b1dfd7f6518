"""What one gate knows of another's sightings and what it lacks, told by fingerprints. Pure functions.

A gate that was away (no link, no power) cannot say what it missed, and no broker remembers it. So it says what it has:
for each gate and each slice of time one fingerprint of that gate's own sightings. Who is asked answers with the slices
whose fingerprint differs. Nothing has to be kept for it on either side, and whatever was lost on the way, for whatever
reason, is found by the next question (anti-entropy, as in Dynamo or Cassandra, with one level of the tree).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from wire.sightings import MOST_IN_MESSAGE, SLICE_S, Sighting

MOST_TOLD = 20_000
"""Sightings in one answer: the newest. What is older is told to nobody, and hardly ever still counts."""
MOST_GATES = 40
"""Gates whose fingerprints a question carries: a day's are 4 KiB a gate, and a message has 256."""
MOST_SLICES = 150
"""A day of slices, and one more for clocks that differ."""
_encoder = msgspec.msgpack.Encoder()


def slice_of(at_ns: int) -> int:
    return at_ns // (SLICE_S * 10**9)


def fingerprints(sightings: Iterable[Sighting], since_ns: int) -> dict[str, dict[int, str]]:
    """By gate and slice; the order of the sightings makes no difference."""
    sums: dict[str, dict[int, int]] = {}
    first = slice_of(since_ns)
    for seen in sightings:
        number = slice_of(seen.at_ns)
        if number >= first:
            of_gate = sums.setdefault(seen.gate, {})
            of_gate[number] = of_gate.get(number, 0) ^ _print(seen)
    gates = sorted(sums)[:MOST_GATES]
    return {
        gate: {number: f"{sums[gate][number]:016x}" for number in sorted(sums[gate])[-MOST_SLICES:]} for gate in gates
    }


def lacking(own: Iterable[Sighting], known: dict[int, str], since_ns: int) -> list[Sighting]:
    """Of a gate's own sightings those in slices that the asker knows otherwise, the oldest first."""
    first = slice_of(since_ns)
    by_slice: dict[int, list[Sighting]] = {}
    for seen in own:
        number = slice_of(seen.at_ns)
        if number >= first:
            by_slice.setdefault(number, []).append(seen)
    lacked = [seen for number, slice_ in by_slice.items() if _of(slice_) != known.get(number) for seen in slice_]
    return sorted(lacked, key=lambda seen: seen.at_ns)[-MOST_TOLD:]


def parts(sightings: list[Sighting]) -> list[list[Sighting]]:
    """An answer cut into messages."""
    return [sightings[at : at + MOST_IN_MESSAGE] for at in range(0, len(sightings), MOST_IN_MESSAGE)]


def _of(slice_: list[Sighting]) -> str:
    total = 0
    for seen in slice_:
        total ^= _print(seen)
    return f"{total:016x}"


def _print(seen: Sighting) -> int:
    return int.from_bytes(hashlib.blake2b(_encoder.encode(seen), digest_size=8).digest(), "big")
