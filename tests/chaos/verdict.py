"""What must be true in the end: the journal against what gates acknowledged, and every effect once."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from hub.journal import Entry
from hub.projections.checks import _of as measurement_of
from sim.feed import script
from tests.chaos.gate import FEVER_SHARE
from tests.chaos.poison import EPOCH
from tests.chaos.town import DATABASE, Town
from tests.chaos.truth import Told
from wire.events import (
    AnyEvent,
    Clock,
    DeviceKind,
    DeviceState,
    Gap,
    GapCause,
    PersonPassage,
    Urgency,
    VehiclePassage,
    Verdict,
)
from wire.messages import StreamId

_KINDS = ("person_passage", "vehicle_passage", "gap", "device_state")
_DATED_WITHIN_NS = 2 * 10**9
_MOST_EXAMPLES = 40


class Findings(Struct):
    """What is wrong, counted, and what helps to find out why."""

    events: int = 0
    """Of the truth, in the journal."""
    lost: int = 0
    """Acknowledged by `Outbox.put` and not in the journal, but for what was destroyed on the card and told."""
    doubled: int = 0
    out_of_order: int = 0
    altered: int = 0
    misdated: int = 0
    destroyed_and_told: int = 0
    """Their bytes on the card were destroyed, and a gap says that events are missing there. Not a finding."""
    gaps: int = 0
    series_wrong: int = 0
    alerts_wrong: int = 0
    checks_wrong: int = 0
    dead_lines: int = 0
    """Lines for InfluxDB that were given up, although nothing was wrong with them."""
    doubles: int = 0
    """How often two gates were heard by turns under one name. Not a finding."""
    untold_doubles: int = 0
    """Two gates worked under one name, and nobody was told."""
    examples: list[str] = []

    @property
    def clean(self) -> bool:
        wrong = self.lost + self.doubled + self.out_of_order + self.altered + self.misdated + self.series_wrong
        return not wrong + self.alerts_wrong + self.checks_wrong + self.dead_lines + self.untold_doubles

    def note(self, text: str) -> None:
        if len(self.examples) < _MOST_EXAMPLES:
            self.examples.append(text)


class _Line(NamedTuple):
    """An entry of the journal."""

    offset: int
    stream: StreamId
    seq: int
    last: int
    kind: str
    body: bytes

    @property
    def event(self) -> AnyEvent | None:
        entry = Entry(self.offset, self.stream, self.seq, self.last, self.kind, 0, 0, self.body)
        return entry.event()

    def __str__(self) -> str:
        return (
            f"offset {self.offset}, {self.stream} {self.seq}–{self.last}: {self.body[:300].decode('utf-8', 'replace')}"
        )


def judge(town: Town) -> Findings:
    """Everything, read from the journal's file, InfluxDB, alerts and checks."""
    findings = Findings()
    lines = _journal(town.journal)
    by_event = _judge_streams(town, lines, findings)
    _judge_truth(town, lines, by_event, findings)
    _judge_series(town, lines, findings)
    _judge_alerts(town, lines, findings)
    _judge_checks(town, lines, findings)
    _judge_doubles(town, lines, by_event, findings)
    return findings


def _journal(path: Path) -> list[_Line]:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        found = db.execute(
            'SELECT e."offset", s.site, s.gate, s.urgency, s.epoch, e.seq, e.last, e.kind, e.body'
            ' FROM entries e JOIN streams s ON s.id = e.stream ORDER BY e."offset"'
        )
        return [
            _Line(offset, StreamId(site, gate, Urgency(urgency), epoch), seq, last, kind, body)
            for offset, site, gate, urgency, epoch, seq, last, kind, body in found
        ]


def _judge_streams(town: Town, lines: list[_Line], findings: Findings) -> dict[tuple[str, int], list[_Line]]:
    """Each stream is in order and without holes; what of it is of the truth, by label and number."""
    expected: dict[StreamId, int] = defaultdict(lambda: 1)
    newest: dict[tuple[StreamId, str], int] = defaultdict(int)
    found: dict[tuple[str, int], list[_Line]] = defaultdict(list)
    for line in lines:
        if line.seq != expected[line.stream]:
            findings.out_of_order += 1
            findings.note(f"number {line.seq}, expected {expected[line.stream]}: {line}")
        expected[line.stream] = line.last + 1
        event = line.event
        if line.stream.epoch == EPOCH:
            continue
        if event is None:
            findings.altered += 1
            findings.note(f"cannot be read: {line}")
        findings.gaps += isinstance(event, Gap)
        if not isinstance(event, PersonPassage | VehiclePassage):
            continue
        label, _, digits = event.passage.rpartition("-")
        number = int(digits) if digits.isdigit() else 0
        found[label, number].append(line)
        if number <= newest[line.stream, label]:
            findings.out_of_order += 1
            findings.note(f"{label} {number} after {newest[line.stream, label]}: {line}")
        newest[line.stream, label] = number
        told = town.truth.told.get(label, {}).get(number)
        _judge_event(town.seed, label, event, told, line, findings)
    return found


def _judge_event(
    seed: int, label: str, event: PersonPassage | VehiclePassage, told: Told | None, line: _Line, findings: Findings
) -> None:
    """It is what the gate put, at the time that the gate said, or at the true one if it was dated afterwards."""
    if told is None or told.gate != line.stream.gate or told.urgency != line.stream.urgency:
        findings.altered += 1
        findings.note(f"nobody put this: {line}")
        return
    plain = replace(event, time_ns=0, clock=Clock.SYNCED)
    if plain != script(seed, label, told.number, 0, FEVER_SHARE):
        findings.altered += 1
        findings.note(f"not what was put: {line}")
    if event.clock is Clock.DATED:
        is_right = told.clock == Clock.FREE and abs(event.time_ns - told.real_ns) < _DATED_WITHIN_NS
    else:
        is_right = event.clock == told.clock and event.time_ns == told.time_ns
    if not is_right:
        findings.misdated += 1
        findings.note(f"told as {told}: {line}")


def _judge_truth(
    town: Town, lines: list[_Line], by_event: dict[tuple[str, int], list[_Line]], findings: Findings
) -> None:
    gaps = [(line, event) for line in lines if isinstance(event := line.event, Gap) and line.stream.gate != "hub"]
    for label, told in town.truth.told.items():
        for number, one in told.items():
            there = by_event.get((label, number), [])
            findings.events += bool(there)
            if len(there) > 1:
                findings.doubled += len(there) - 1
                findings.note(f"{label} {number} came {len(there)} times: {'; '.join(map(str, there))}")
            if there or number not in town.truth.kept[label]:
                continue
            if (label, number) in town.truth.ruined and _is_told(town, label, number, one, gaps):
                findings.destroyed_and_told += 1
                continue
            findings.lost += 1
            ruined = "destroyed on its card, but not told" if (label, number) in town.truth.ruined else "not there"
            findings.note(f"{label} {number}: {ruined}; {one}")


def _is_told(town: Town, label: str, number: int, told: Told, gaps: list[tuple[_Line, Gap]]) -> bool:
    """Whether a gap stands in the event's place, or says that a card was corrupt and what was lost nobody knows."""
    row = town.truth.ruined[label, number]
    for line, gap in gaps:
        if line.stream.gate != told.gate or gap.cause not in (GapCause.SPOOL_CORRUPT, GapCause.HUB_FORGOT):
            continue
        if line.stream.urgency == row.urgency and line.seq <= row.seq <= line.last and gap.lost:
            return True
        if gap.cause is GapCause.SPOOL_CORRUPT and gap.lost is None:
            return True
    return False


def _judge_series(town: Town, lines: list[_Line], findings: Findings) -> None:
    points: Counter[tuple[str, ...]] = Counter()
    for kind in _KINDS:
        for row in town.influx.query(f"SELECT seq, epoch, gate, urgency FROM {kind}", DATABASE):
            points[kind, row["gate"], row["urgency"], row["epoch"], str(int(row["seq"]))] += 1
    wanted = Counter(
        (kind, line.stream.gate, line.stream.urgency.value, line.stream.epoch, str(line.seq))
        for line in lines
        if (kind := line.kind.replace("-", "_")) in _KINDS
    )
    for point in wanted - points:
        findings.series_wrong += 1
        findings.note(f"not in InfluxDB: {point}")
    for point in points - wanted:
        findings.series_wrong += 1
        findings.note(f"in InfluxDB only: {point}")
    with sqlite3.connect(f"file:{town.journal}?mode=ro", uri=True) as db:
        dead = db.execute("SELECT reason, payload FROM dead_letters WHERE source = 'line'").fetchall()
    findings.dead_lines = len(dead)
    for reason, payload in dead[:3]:
        findings.note(f"given up: {payload[:200]!r}: {reason}")


def _judge_alerts(town: Town, lines: list[_Line], findings: Findings) -> None:
    """Each fever has one alert, each alert of a fever its fever."""
    wanted = Counter(
        f"fever/{line.stream.site}/{line.stream.gate}/{event.passage}"
        for line in lines
        if isinstance(event := line.event, PersonPassage) and event.verdict is Verdict.FEVER
    )
    with sqlite3.connect(f"file:{town.journal.with_name('alerts.db')}?mode=ro", uri=True) as db:
        there = Counter(key for (key,) in db.execute("SELECT key FROM alerts WHERE rule = 'fever'"))
    for key in (wanted - there) + (there - wanted):
        findings.alerts_wrong += 1
        findings.note(f"alert {key}: {there[key]} times, {wanted[key]} fevers")


def _judge_checks(town: Town, lines: list[_Line], findings: Findings) -> None:
    """Each measurement of somebody counts once."""
    wanted = {
        line.offset
        for line in lines
        if measurement_of(Entry(line.offset, line.stream, line.seq, line.last, line.kind, 0, 0, line.body))
    }
    with sqlite3.connect(f"file:{town.journal.with_name('checks.db')}?mode=ro", uri=True) as db:
        there = {offset for (offset,) in db.execute('SELECT "offset" FROM measurements')}
    findings.checks_wrong = len(wanted ^ there)
    if wanted ^ there:
        findings.note(f"measurements at {sorted(wanted ^ there)[:10]}")


def _judge_doubles(
    town: Town, lines: list[_Line], by_event: dict[tuple[str, int], list[_Line]], findings: Findings
) -> None:
    """Where two machines of one name were heard by turns, somebody was told."""
    said = {
        event.device
        for line in lines
        if isinstance(event := line.event, DeviceState) and event.kind is DeviceKind.IDENTITY
    }
    offsets: dict[str, list[int]] = defaultdict(list)
    for (label, _), found in by_event.items():
        offsets[label] += [line.offset for line in found]
    for other in town.extra:
        mine, theirs = offsets[other.label], offsets[other.gate]
        if mine and theirs and min(mine) < max(theirs):
            findings.doubles += 1
            if other.gate not in said:
                findings.untold_doubles += 1
                findings.note(f"{other.label} and {other.gate} worked under one name, and nobody was told")


__all__ = ["Findings", "judge"]
