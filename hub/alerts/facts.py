"""What takes several events: clusters of fevers, disinfections that are overdue. From facts in event time.

A cluster is a matter of the set of fevers at a gate on a day, a round of disinfection of the set of disinfections that
count for it, so the order of their arrival changes nothing. Facts
stand in the alerts' file, in the transaction of the alerts that they make.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hub.alerts.rules import Fact, FactKind, Rule, Signal
from hub.alerts.tables import THE_ONE
from hub.rounds.state import State, Window, state_of

KEEP_DAYS = 60
_DAY_NS = 86_400 * 10**9
_LONGEST_NS = 10 * _DAY_NS
"""No round of disinfection can be done late for longer (`hub.rounds.plan`)."""
_SHOWN_TOKEN = 6


class Weekly(Struct, frozen=True):
    """A time of the day, on some weekdays."""

    by: dt.time
    weekdays: frozenset[int] = frozenset(range(7))
    """0 is Monday."""


def take(db: sqlite3.Connection, fact: Fact, cluster_fevers: int, zone: str | None) -> list[Signal]:
    """Remember a fact; what it makes of those that are known."""
    match fact.kind:
        case FactKind.ROUND:
            return _take_round(db, fact, zone)
        case FactKind.DISINFECTION:
            return _take_done(db, fact, zone)
        case FactKind.FEVER:
            return _take_fever(db, fact, cluster_fevers, zone)


def _take_fever(db: sqlite3.Connection, fact: Fact, cluster_fevers: int, zone: str | None) -> list[Signal]:
    _keep(db, fact)
    place = f"{fact.site}/{fact.place}"
    since_ns, until_ns = day_of(fact.time_ns, zone)
    query = "SELECT time_ns FROM facts WHERE kind = ? AND place = ? AND time_ns >= ? AND time_ns < ? ORDER BY time_ns"
    times = [time_ns for (time_ns,) in db.execute(query, (fact.kind, place, since_ns, until_ns))]
    return cluster(fact, times, cluster_fevers, zone)


def cluster(fact: Fact, times_ns: Sequence[int], fevers: int, zone: str | None) -> list[Signal]:
    """The day's fevers at a gate as one signal, from that fever on which made them a cluster."""
    if len(times_ns) < fevers:
        return []
    day = local(fact.time_ns, zone).date().isoformat()
    return [
        Signal(
            key=f"{Rule.FEVER_CLUSTER}/{fact.site}/{fact.place}/{day}",
            rule=Rule.FEVER_CLUSTER,
            site=fact.site,
            gate=fact.place,
            time_ns=times_ns[fevers - 1],
            newest_ns=fact.time_ns,
            dated=fact.dated,
            detail=f"{len(times_ns)} × {day}",
            total=len(times_ns),
        )
    ]


def times_of(duty: Weekly, zone: str | None, from_ns: int, now_ns: int) -> list[int]:
    """When that time was after one moment and until another."""
    day = local(from_ns, zone).date()
    found = []
    while day <= local(now_ns, zone).date():
        moment = dt.datetime.combine(day, duty.by, tzinfo=ZoneInfo(zone) if zone else None).astimezone()
        due_ns = round(moment.timestamp()) * 10**9
        if day.weekday() in duty.weekdays and from_ns < due_ns <= now_ns:
            found.append(due_ns)
        day += dt.timedelta(days=1)
    return found


def overdue(due: Fact, times_ns: Sequence[int], zone: str | None) -> list[Signal]:
    """What a round of disinfection says, by all disinfections that are known of its place. Pure.

    Overdue where nothing was done, overdue and over where it was done late, over where it was done in time: an alert
    that began because the word of it came late ends, and none begins.
    """
    state, done_ns = state_of(Window(due.from_ns, due.time_ns, due.until_ns), times_ns)
    said = [] if state is State.DONE else [_round_signal(due, due.time_ns, zone, firing=True)]
    return said if done_ns is None else [*said, _round_signal(due, done_ns, zone, firing=False)]


def _round_signal(due: Fact, time_ns: int, zone: str | None, *, firing: bool) -> Signal:
    when = local(due.time_ns, zone).strftime("%Y-%m-%d %H:%M")
    return Signal(
        key=f"{Rule.DISINFECTION_OVERDUE}/{due.site}/{due.place}/{due.time_ns}",
        rule=Rule.DISINFECTION_OVERDUE,
        site=due.site,
        gate="vehicle" if due.is_vehicle else due.place,
        time_ns=time_ns,
        firing=firing,
        detail=f"{due.place[:_SHOWN_TOKEN]} {when}" if due.is_vehicle else when,
    )


def _take_round(db: sqlite3.Connection, due: Fact, zone: str | None) -> list[Signal]:
    """Remember a round that was due."""
    for place in {due.place, due.also} - {""}:
        _keep(db, replace(due, place=place), msgspec.json.encode(due).decode())
    places = [f"{due.site}/{place}" for place in (due.place, due.also or due.place)]
    query = "SELECT time_ns FROM facts WHERE kind = ? AND place IN (?, ?) AND time_ns > ? AND time_ns <= ?"
    found = db.execute(query, (FactKind.DISINFECTION, *places, due.from_ns, due.until_ns))
    return overdue(due, [time_ns for (time_ns,) in found], zone)


def _take_done(db: sqlite3.Connection, done: Fact, zone: str | None) -> list[Signal]:
    """Remember a disinfection; the round that it counts for is over."""
    _keep(db, done)
    query = "SELECT text FROM facts WHERE kind = ? AND place = ? AND time_ns > ? AND time_ns < ?"
    near = (done.time_ns - _LONGEST_NS, done.time_ns + _LONGEST_NS)
    rows = db.execute(query, (FactKind.ROUND, f"{done.site}/{done.place}", *near)).fetchall()
    rounds = [msgspec.json.decode(text, type=Fact) for (text,) in rows]
    return [
        _round_signal(due, done.time_ns, zone, firing=False)
        for due in rounds
        if Window(due.from_ns, due.time_ns, due.until_ns).counts(done.time_ns)
    ]


def _keep(db: sqlite3.Connection, fact: Fact, text: str = "") -> None:
    db.execute(
        "INSERT OR IGNORE INTO facts (kind, place, time_ns, name, text) VALUES (?, ?, ?, ?, ?)",
        (fact.kind, f"{fact.site}/{fact.place}", fact.time_ns, fact.name, text),
    )


def is_news(db: sqlite3.Connection, signal: Signal) -> bool:
    """Whether a signal that is told over and over says something new: a count that changed, a beginning or an end.

    What a person has ended stays so until a later threshold than that has passed.
    """
    query = f"SELECT state, count, detail, ended_by, last_ns FROM alerts WHERE {THE_ONE}"  # noqa: S608 - our own text
    row = db.execute(query, (signal.key,)).fetchone()
    if row is None:
        return signal.firing
    state, count, detail, ended_by, last_ns = row
    if state != "resolved":
        return not signal.firing or (count, detail) != (signal.total, signal.detail)
    return signal.firing and (ended_by == "cause gone" or (signal.newest_ns or 0) > last_ns)


def forget(db: sqlite3.Connection, now_ns: int) -> None:
    """Drop facts that no rule asks for any more."""
    db.execute("DELETE FROM facts WHERE time_ns < ?", (now_ns - KEEP_DAYS * _DAY_NS,))


def local(time_ns: int, zone: str | None) -> dt.datetime:
    """The time in that zone; the machine's own where none is given."""
    return dt.datetime.fromtimestamp(time_ns // 10**9, dt.UTC).astimezone(ZoneInfo(zone) if zone else None)


def day_of(time_ns: int, zone: str | None) -> tuple[int, int]:
    """The local day of a moment, from its first to before the next day's first nanosecond."""
    first = local(time_ns, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    after = (first + dt.timedelta(days=1)).replace(hour=0)
    return round(first.timestamp()) * 10**9, round(after.timestamp()) * 10**9
