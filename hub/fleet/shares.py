"""Who takes which gates: shares, and the pure decision about them.

Every gate belongs to one of `SHARES` shares by its name. A share has at most one owner, a process whose lease is not
over; what only one process may do is one share more (`LEADER`). Each process decides for itself from what it sees
(`plan`): it gives back what is more than its part, and takes what nobody has up to its part. All see the same table
and count alike, so they agree after a round or two, and a share moves only when somebody came or went.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from zlib import crc32

from hub.journal import OWN_GATE

SHARES = 64
LEADER = SHARES
"""The share of whoever leads; the hub's own stream belongs to it."""


def share_of(site: str, gate: str) -> int:
    """The share that a gate belongs to; the same for ever, in every process."""
    return LEADER if gate == OWN_GATE else crc32(f"{site}/{gate}".encode()) % SHARES


class Plan(NamedTuple):
    """What one process does about its shares now."""

    release: tuple[int, ...] = ()
    claim: tuple[int, ...] = ()
    why: str = ""


def plan(me: int, alive: Sequence[int], owners: Mapping[int, int | None], *, may_lead: bool) -> Plan:
    """What `me` gives back and takes; `owners` names for each share who has it, None where nobody does who is alive."""
    members = sorted(alive)
    at = members.index(me)
    least, more = divmod(SHARES, len(members))
    part = least + (at < more)
    mine = [share for share in range(SHARES) if owners[share] == me]
    free = [share for share in range(SHARES) if owners[share] is None]
    turn = at * len(free) // len(members)  # each begins elsewhere, so that two seldom reach for the same
    claim = (free[turn:] + free[:turn])[: max(0, part - len(mine))]
    if may_lead and owners[LEADER] is None:
        claim.append(LEADER)
    release = mine[part:]
    why = f"{len(mine)} of {part}, the part of one of {len(members)}"
    return Plan(tuple(release), tuple(claim), why) if release or claim else Plan()
