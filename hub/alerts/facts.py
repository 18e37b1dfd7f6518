"""What takes several events: clusters of fevers, disinfections that are overdue. From facts in event time.

A cluster is a matter of the set of fevers at a gate on a day, so the order of their arrival changes nothing. Facts
stand in the alerts' file, in the transaction of the alerts that they make.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from msgspec import Struct

from hub.alerts.rules import Fact, FactKind, Rule, Signal

KEEP_DAYS = 60
_DAY_NS = 86_400 * 10**9


class Duty(Struct, frozen=True):
    """A place is disinfected each day by a time of the day, at most `within_h` hours before it."""

    place: str
    by: dt.time
    within_h: float = 4.0
    weekdays: frozenset[int] = frozenset(range(7))
    """0 is Monday."""


def take(db: sqlite3.Connection, fact: Fact, cluster_fevers: int, zone: str | None) -> list[Signal]:
    """Remember a fact; what it makes of those that are known."""
    place = f"{fact.site}/{fact.place}"
    db.execute(
        "INSERT OR IGNORE INTO facts (kind, place, time_ns, name, text) VALUES (?, ?, ?, ?, '')",
        (fact.kind, place, fact.time_ns, fact.name),
    )
    if fact.kind is not FactKind.FEVER:
        return []
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


def overdue(
    db: sqlite3.Connection, site: str, duties: Sequence[Duty], zone: str | None, from_ns: int, now_ns: int
) -> list[Signal]:
    """What each duty says whose time came after `from_ns` and until now, or which is open and may be done by now."""
    found = []
    for duty in duties:
        for due_ns in times_of(duty, zone, min(from_ns, now_ns - _DAY_NS), now_ns):
            done = _is_done(db, f"{site}/{duty.place}", due_ns - round(duty.within_h * 3600e9), now_ns)
            if done or due_ns > from_ns:
                found.append(_duty_signal(site, duty, zone, due_ns, firing=not done))
    return found


def times_of(duty: Duty, zone: str | None, from_ns: int, now_ns: int) -> list[int]:
    """When a duty was due after one moment and until another."""
    day = local(from_ns, zone).date()
    found = []
    while day <= local(now_ns, zone).date():
        moment = dt.datetime.combine(day, duty.by, tzinfo=ZoneInfo(zone) if zone else None).astimezone()
        due_ns = round(moment.timestamp()) * 10**9
        if day.weekday() in duty.weekdays and from_ns < due_ns <= now_ns:
            found.append(due_ns)
        day += dt.timedelta(days=1)
    return found


def _is_done(db: sqlite3.Connection, place: str, since_ns: int, until_ns: int) -> bool:
    query = "SELECT 1 FROM facts WHERE kind = ? AND place = ? AND time_ns > ? AND time_ns <= ? LIMIT 1"
    return db.execute(query, (FactKind.DISINFECTION, place, since_ns, until_ns)).fetchone() is not None


def _duty_signal(site: str, duty: Duty, zone: str | None, due_ns: int, *, firing: bool) -> Signal:
    when = local(due_ns, zone).strftime("%Y-%m-%d %H:%M")
    return Signal(
        key=f"{Rule.DISINFECTION_OVERDUE}/{site}/{duty.place}/{due_ns}",
        rule=Rule.DISINFECTION_OVERDUE,
        site=site,
        gate=duty.place,
        time_ns=due_ns,
        firing=firing,
        detail=when,
    )


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
