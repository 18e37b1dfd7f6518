"""How far the agent is with what the hub wants of its program. Pure.

    idle ── offer ──► loading ──► staging ──► testing ──► switching ── start ──► trial ──► settled: it works
              │            └────────────┴──────────┴── why not ──────────────────────┴──► settled: it does not
              └── back ──► staging ──► switching ── start ──► settled

An offer is worked on once: a number that is settled is not heard again. A newer one takes the place of what has not
been switched to yet. What was begun before a restart is begun anew from what is on the disk, which makes it short.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from edge.releases.slots import Slots
from wire.releases import Phase, ReleaseHeld, ReleaseOffer, Wish


class Pursuit(Struct, frozen=True, omit_defaults=True):
    """What the agent remembers. `before` are the cameras that worked before the switch."""

    offer: int = 0
    wish: Wish = Wish.NOTHING
    phase: Phase = Phase.IDLE
    slot: str = ""
    """The release that is switched to; of a way back the one that is left."""
    before: tuple[str, ...] = ()
    settled: int = 0
    works: bool = True
    why: str = ""


def is_new(now: Pursuit, offer: ReleaseOffer) -> bool:
    """Whether an offer changes what is to be done. What is switched to already comes to its end first."""
    return offer.number > max(now.offer, now.settled) and now.phase not in (Phase.SWITCHING, Phase.TRIAL)


def begun(now: Pursuit, offer: ReleaseOffer) -> Pursuit:
    """Take an offer up; one that wants nothing ends what was worked on."""
    phase = {Wish.INSTALL: Phase.LOADING, Wish.BACK: Phase.STAGING}.get(offer.wish, Phase.IDLE)
    return replace(now, offer=offer.number, wish=offer.wish, phase=phase, slot="", before=())


def at(now: Pursuit, phase: Phase) -> Pursuit:
    return replace(now, phase=phase)


def switching(now: Pursuit, slot: str, working: Iterable[str]) -> Pursuit:
    """The loader is asked to have the next start run something else."""
    return replace(now, phase=Phase.SWITCHING, slot=slot, before=tuple(sorted(working)))


def settled(now: Pursuit, why: str = "") -> Pursuit:
    """The offer came to its end; `why` says what was wrong, empty where it did what it wanted."""
    return Pursuit(offer=now.offer, settled=now.offer, works=not why, why=why)


def resumed(now: Pursuit, slots: Slots, runs: str) -> Pursuit:
    """After a start of the agent: how what was begun before it stands. `runs` is the folder of this very program: only
    the release that is tried judges itself, also where it was not remembered that it is tried."""
    if slots.trying is not None:
        phase = Phase.TRIAL if slots.trying.name == runs else Phase.SWITCHING
        return replace(now, phase=phase, slot=slots.trying.name)
    if now.phase not in (Phase.SWITCHING, Phase.TRIAL):
        # Heard again from the hub, the offer is worked on again.
        return replace(now, offer=now.settled, phase=Phase.IDLE)
    if now.wish is Wish.BACK:
        return settled(now, "" if slots.confirmed != now.slot else slots.answer or "it did not go back")
    if slots.confirmed == now.slot:
        return settled(now)
    return settled(now, slots.why if slots.failed == now.slot else slots.answer or "it was not switched to")


def told(now: Pursuit, slots: Slots, version: str, loaded: float) -> ReleaseHeld:
    """For the gate's pulse."""
    serial = slots.confirmed_serial if slots.trying is None else slots.trying.serial
    return ReleaseHeld(
        version=version,
        serial=serial,
        offer=now.offer if now.phase is not Phase.IDLE else 0,
        phase=now.phase,
        loaded=round(loaded, 3),
        settled=now.settled,
        works=now.works,
        why=now.why[:400],
    )
