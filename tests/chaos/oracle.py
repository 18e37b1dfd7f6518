"""What must be true in the end, read from the journal's file and from InfluxDB, and held against the script."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from sim.feed import script
from tests.chaos.plant import DATABASE, Plant
from wire.events import PersonPassage, VehiclePassage
from wire.messages import decode_event


class Findings(Struct):
    """What is wrong, counted; `examples` names the first few."""

    events: int = 0
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    altered: int = 0
    series_lost: int = 0
    series_doubled: int = 0
    alerts_wrong: int = 0
    examples: list[str] = []

    @property
    def clean(self) -> bool:
        wrong = self.lost + self.doubled + self.out_of_order + self.altered
        return wrong + self.series_lost + self.series_doubled + self.alerts_wrong == 0

    def note(self, text: str) -> None:
        if len(self.examples) < 20:
            self.examples.append(text)


def judge(plant: Plant) -> Findings:
    """Everything that the script said, exactly once, in order per stream, in the journal and in InfluxDB."""
    findings = Findings()
    journal = sqlite3.connect(f"file:{plant.hub.journal}?mode=ro", uri=True)
    with journal:
        for gate in plant.gates:
            _judge_gate(plant, gate.gate, journal, findings)
        _judge_series(plant, journal, findings)
        _judge_alerts(plant, journal, findings)
    return findings


def _judge_gate(plant: Plant, gate: str, journal: sqlite3.Connection, findings: Findings) -> None:
    seen: Counter[int] = Counter()
    for urgency in ("urgent", "routine"):
        expected_seq, last_number = 1, 0
        for seq, last, body in _entries(journal, gate, urgency):
            event = decode_event(body)
            if seq != expected_seq:
                findings.out_of_order += 1
                findings.note(f"{gate}/{urgency}: number {seq}, expected {expected_seq}")
            expected_seq = last + 1
            if not isinstance(event, PersonPassage | VehiclePassage):
                findings.note(f"{gate}/{urgency}: unexpected {event}")
                findings.altered += 1
                continue
            number = int(event.passage.rpartition("-")[2])
            seen[number] += 1
            if number <= last_number:
                findings.out_of_order += 1
                findings.note(f"{gate}/{urgency}: script number {number} after {last_number}")
            last_number = number
            if replace(event, time_ns=0) != script(plant.size.seed, gate, number, 0):
                findings.altered += 1
                findings.note(f"{gate}: {number} is not what the script said")
    wanted = range(1, plant.size.events_per_gate + 1)
    findings.events += sum(seen.values())
    findings.lost += sum(number not in seen for number in wanted)
    findings.doubled += sum(count - 1 for count in seen.values())


def _judge_series(plant: Plant, journal: sqlite3.Connection, findings: Findings) -> None:
    points: Counter[tuple[str, str, str, int]] = Counter()
    for measurement in ("person_passage", "vehicle_passage"):
        query = f"SELECT seq, epoch, gate, urgency FROM {measurement}"
        for row in plant.influx.query(query, DATABASE):
            points[_key(row)] += 1
    wanted = set(
        journal.execute(
            "SELECT s.gate, s.urgency, s.epoch, e.seq FROM entries e JOIN streams s ON s.id = e.stream"
            " WHERE e.kind LIKE '%-passage'"
        )
    )
    findings.series_lost = len(wanted - points.keys())
    findings.series_doubled = sum(count - 1 for count in points.values()) + len(points.keys() - wanted)


def _judge_alerts(plant: Plant, journal: sqlite3.Connection, findings: Findings) -> None:
    """Each fever in the script opened exactly one alert."""
    fevers = 0
    for (body,) in journal.execute("SELECT body FROM entries WHERE kind = 'person-passage'"):
        event = decode_event(body)
        fevers += isinstance(event, PersonPassage) and event.verdict == "fever"
    with sqlite3.connect(f"file:{plant.hub.journal.with_name('alerts.db')}?mode=ro", uri=True) as alerts:
        opened = alerts.execute("SELECT count(*) FROM alerts WHERE rule = 'fever'").fetchone()[0]
    findings.alerts_wrong = abs(opened - fevers)


def _entries(journal: sqlite3.Connection, gate: str, urgency: str) -> Iterator[tuple[int, int, bytes]]:
    yield from journal.execute(
        "SELECT e.seq, e.last, e.body FROM entries e JOIN streams s ON s.id = e.stream"
        ' WHERE s.gate = ? AND s.urgency = ? ORDER BY e."offset"',
        (gate, urgency),
    )


def _key(row: dict[str, Any]) -> tuple[str, str, str, int]:
    return row["gate"], row["urgency"], row["epoch"], int(row["seq"])
