"""What the site wants of its gates' program. Work on a session of the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.releases import waves
from hub.releases.models import GateOffer, Release, Rollout
from hub.releases.waves import Course, Outcome, State, Step, Told
from wire.errors import ReleaseError
from wire.releases import ReleaseManifest, Wish, decode_manifest, decode_signed

_SECOND_NS = 10**9


class Offer(NamedTuple):
    """What one gate is told."""

    number: int
    wish: Wish
    serial: int


class Now(NamedTuple):
    """How it stands: the newest rollout, whom it has told, and what every gate is told."""

    rollout: int
    course: Course | None
    told: dict[str, Told]
    offers: dict[str, Offer]
    outcomes: dict[str, Outcome]


class ReleaseLine(NamedTuple):
    """A release as lists show it."""

    version: str
    serial: int
    manifest: ReleaseManifest
    added_ns: int
    added_by: str


def add(session: Session, envelope: bytes, *, by: str, now_ns: int) -> ReleaseManifest:
    """Have a release, whose wheels are here. One that is signed anew by another key takes the place of the old."""
    manifest = decode_manifest(decode_signed(envelope).manifest)
    row = session.scalar(select(Release).where(Release.serial == manifest.serial)) or Release(serial=manifest.serial)
    row.version, row.envelope, row.added_ns, row.added_by = manifest.version, envelope, now_ns, by
    session.add(row)
    note(session, now_ns, by, "release-added", manifest.slot)
    return manifest


def lines(session: Session) -> list[ReleaseLine]:
    """The newest first."""
    rows = session.scalars(select(Release).order_by(Release.serial.desc()))
    return [
        ReleaseLine(
            row.version, row.serial, decode_manifest(decode_signed(row.envelope).manifest), row.added_ns, row.added_by
        )
        for row in rows
    ]


def remove(session: Session, word: str, *, by: str, now_ns: int) -> None:
    """Have it no more. Raises `ReleaseError` while a gate may still be about to install it; one that has it needs it no
    more."""
    row, newest = _named(session, word), _newest(session)
    name = f"{row.version}-{row.serial}"
    wanted = None if newest is None or newest.state == State.HALTED else (newest.wish, newest.serial)
    if wanted == (Wish.INSTALL, row.serial):
        raise ReleaseError(f"{name} is offered to gates; offer another, or halt")
    if away := sorted(one.gate for one in _unfinished(session) if one.serial == row.serial):
        raise ReleaseError(f"{name} is offered to gates that have not ended with it: {', '.join(away)[:200]}; halt")
    session.delete(row)
    note(session, now_ns, by, "release-removed", name)


def envelope(session: Session, serial: int) -> bytes:
    """A release's signed manifest; nothing where there is none."""
    return session.scalar(select(Release.envelope).where(Release.serial == serial)) or b""


class Terms(NamedTuple):
    """For whom a wish is: how many gates by and by, which alone (none: all), and for how long each wave is watched."""

    shares: tuple[str, ...] = waves.DEFAULT_WAVES
    gates: tuple[str, ...] = ()
    soak_s: int = waves.DEFAULT_SOAK_S


def offer(session: Session, word: str, terms: Terms, *, by: str, now_ns: int) -> str:
    """Have gates install a release, wave after wave; what was wanted before is over. Raises `ReleaseError`."""
    return _begin(session, word, Wish.INSTALL, terms, by=by, now_ns=now_ns)


def back(session: Session, word: str, gates: Iterable[str], *, by: str, now_ns: int) -> str:
    """Have the gates that run a release go back to the one before it, all at once. Raises `ReleaseError`."""
    return _begin(session, word, Wish.BACK, Terms(("100%",), tuple(gates), 0), by=by, now_ns=now_ns)


def halt(session: Session, why: str, *, by: str, now_ns: int) -> bool:
    """Have no more gates begin; whether there was something to halt. Gates that have it keep it."""
    row = _newest(session)
    if row is None or (row.state == State.HALTED and not _unfinished(session)):
        return False
    _halt(session, row, why, by=by, now_ns=now_ns)
    return True


def now(session: Session) -> Now:
    row = _newest(session)
    offers = list(session.scalars(select(GateOffer)))
    here = [one for one in offers if row is not None and one.rollout_id == row.id]
    mine = [one for one in here if one.wish != Wish.NOTHING or one.outcome == "failed"]
    return Now(
        rollout=0 if row is None else row.id,
        course=None if row is None else _course(row),
        told={one.gate: Told(one.number, one.offered_ns) for one in mine},
        offers={one.gate: Offer(one.number, Wish(one.wish), one.serial) for one in offers},
        outcomes={one.gate: Outcome(one.outcome, one.why) for one in offers},
    )


def why(session: Session) -> str:
    """What the newest rollout waits for, or why it was halted."""
    row = _newest(session)
    return "" if row is None else row.why


def carry_out(session: Session, rollout: int, step: Step, outcomes: Mapping[str, Outcome], now_ns: int) -> None:
    """Do what was found to be next, unless something else is wanted meanwhile."""
    row = _newest(session)
    if row is None or row.id != rollout or row.state == State.HALTED:
        return
    for one in session.scalars(select(GateOffer).where(GateOffer.rollout_id == rollout)):
        if (found := outcomes.get(one.gate)) is not None and found.word:
            one.outcome, one.why = found.word, found.why[:400]
    if step.state is State.HALTED:
        _halt(session, row, step.why, by="hub", now_ns=now_ns)
        return
    for gate in step.tell:
        _tell(session, gate, Wish(row.wish), row.serial, row.id, now_ns)
    if step.state is State.DONE and row.state != State.DONE:
        note(session, now_ns, "hub", "release-done", f"serial {row.serial}")
    row.state, row.wave, row.good_ns, row.why = step.state, step.wave, step.good_ns, step.why


def _halt(session: Session, row: Rollout, why: str, *, by: str, now_ns: int) -> None:
    row.state, row.why = State.HALTED, why[:400]
    note(session, now_ns, by, "release-halted", f"serial {row.serial}", why=row.why)
    _withdraw(session, now_ns)


def _withdraw(session: Session, now_ns: int) -> None:
    """Gates that do not have what they were told are to do nothing, of whatever rollout that was: one that was away
    would else begin when it comes back, one that failed when it has a new card. How it failed stays to be seen."""
    for one in _unfinished(session):
        failed = (one.outcome, one.why) if one.outcome == "failed" else ("", "")
        _tell(session, one.gate, Wish.NOTHING, 0, one.rollout_id, now_ns)
        one.outcome, one.why = failed


def _unfinished(session: Session) -> list[GateOffer]:
    return list(session.scalars(select(GateOffer).where(GateOffer.wish != Wish.NOTHING, GateOffer.outcome != "works")))


def _begin(session: Session, word: str, wish: Wish, terms: Terms, *, by: str, now_ns: int) -> str:
    release, before = _named(session, word), _newest(session)
    if before is not None and before.state == State.RUNNING:
        _halt(session, before, "something else is wanted", by=by, now_ns=now_ns)
    _withdraw(session, now_ns)
    made = Rollout(serial=release.serial, wish=wish, waves=",".join(terms.shares), gates=",".join(sorted(terms.gates)))
    made.soak_s, made.state, made.why, made.wave = terms.soak_s, State.RUNNING, "", 0
    made.begun_ns, made.begun_by = now_ns, by
    session.add(made)
    name = f"{release.version}-{release.serial}"
    note(session, now_ns, by, f"release-{wish}", name, waves=made.waves, gates=made.gates)
    return name


def _tell(session: Session, gate: str, wish: Wish, serial: int, rollout: int, now_ns: int) -> None:
    row = session.scalar(select(GateOffer).where(GateOffer.gate == gate)) or GateOffer(gate=gate, number=0)
    row.number = max(row.number + 1, now_ns // _SECOND_NS)
    row.wish, row.serial, row.rollout_id, row.offered_ns = wish, serial, rollout, now_ns
    row.outcome = row.why = ""
    session.add(row)


def _newest(session: Session) -> Rollout | None:
    return session.scalar(select(Rollout).order_by(Rollout.id.desc()).limit(1))


def _named(session: Session, word: str) -> Release:
    """By its serial, or its version where it is the newest of that version. Raises `ReleaseError`."""
    serial = int(word) if word.isascii() and word.isdigit() and len(word) < 16 else -1
    wanted = (Release.serial == serial) | (Release.version == word)
    row = session.scalar(select(Release).where(wanted).order_by(Release.serial.desc()).limit(1))
    if row is None:
        raise ReleaseError(f"there is no release {word!r} here; menshen hub releases list shows those there are")
    return row


def _course(row: Rollout) -> Course:
    only = frozenset(row.gates.split(",")) - {""}
    shares, state = waves.parse_waves(row.waves), State(row.state)
    return Course(row.serial, Wish(row.wish), shares, only, row.soak_s, state, row.wave, row.good_ns)
