"""Days of a simulated plant (`menshen sim run`) as the hub would count them: for previews, and the boards' proof.

What events say is counted as the hub counts it. What a hub learns otherwise (pulses, alerts, duties, isolation) is made
of the run's truth; only how cameras drift is nobody's truth and drawn from the run's seed.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from hub.alerts.rules import SEVERITY, Rule
from hub.alerts.texts import name as rule_name
from hub.cases.models import Cause
from hub.journal import Entry
from hub.measurements import FieldValue
from hub.rollups import Bucket, Sums, Where, contributions, day_start_ns, fits
from hub.standings.points import HOUR_NS, Point, tags_of
from wire.errors import MenshenError
from wire.events import urgency_of
from wire.messages import StreamId, decode_event

DAY_NS = 86_400 * 10**9
CAPACITY = 8
_DEVICES = (("people-thermal", "thermal"), ("people-badge", "badge"), ("barrier", "actuator"))
_FAR = {"power": 2, "link": 1}
_ACKNOWLEDGED_H = 6
_OVER_H = 10

Record = dict[str, Any]


class Sample:
    """A run up to a moment, as the figures of a hub: `points` answers what `hub.figures.Figures` does."""

    def __init__(self, run: Path, zone: tzinfo, now_ns: int | None = None) -> None:
        """Reads the whole run. Raises `MenshenError` when the folder holds none that was finished."""
        self.zone = zone
        self._asked = _read(run / "run.json")
        self.truth = [json.loads(line) for line in _lines(run / "truth.jsonl")]
        begins = datetime.fromisoformat(self._asked["plant"]["begins"]).replace(tzinfo=zone)
        self.begins_ns = round(begins.timestamp()) * 10**9
        self.now_ns = now_ns or self.begins_ns + (self._asked["days"] - 1) * DAY_NS + round(16.4 * HOUR_NS)
        self.entries = list(_entries(run, self.now_ns))
        self.gates = sorted({(entry.stream.site, entry.stream.gate) for entry in self.entries})
        self.standings = [*self._made(run)]
        self._by_name: dict[str, list[Point]] = defaultdict(list)
        for point in (*_counted(self.entries, zone), *self.standings):
            self._by_name[point.name].append(point)
        for points in self._by_name.values():
            points.sort(key=lambda point: (point.time_ns, point.tags))

    async def points(self, name: str, from_ns: int, until_ns: int, where: Where = ()) -> Sequence[Point]:
        return [
            point
            for point in self._by_name.get(name, ())
            if from_ns <= point.time_ns < until_ns and fits(point.tags, where)
        ]

    def _made(self, run: Path) -> Iterator[Point]:
        past = [record for record in self.truth if record["time_ns"] < self.now_ns]
        yield from self._pulses(past)
        yield from self._health(past)
        yield from self._drift()
        yield from self._machines()
        yield from _alerts(past, self.now_ns)
        yield from self._site(past)
        yield from self._duties(run, past)
        yield from self._isolation(past)
        yield from self._rounds(past)
        yield from self._shifts()

    def _hours(self) -> range:
        return range(self.begins_ns - self.begins_ns % HOUR_NS, self.now_ns, HOUR_NS)

    def _worst(self, past: Iterable[Record], site: str, gate: str, hour_ns: int) -> int:
        """0 reports, 1 silent, 2 offline, at the worst of the hour."""
        until_ns = hour_ns + HOUR_NS
        return max(
            (
                _FAR.get(record["fault"], 0)
                for record in past
                if record["kind"] == "fault" and (record["site"], record["gate"]) == (site, gate)
                if record["time_ns"] < until_ns and record["until_ns"] > hour_ns
            ),
            default=0,
        )

    def _pulses(self, past: list[Record]) -> Iterator[Point]:
        faults = [record for record in past if record["kind"] == "fault"]
        for site, gate in self.gates:
            for hour_ns in self._hours():
                last = hour_ns + HOUR_NS > self.now_ns
                worst = self._worst(faults, site, gate, hour_ns)
                fields: dict[str, FieldValue] = {
                    "state": 0 if not last else self._state(faults, site, gate),
                    "worst": worst,
                    "seen_ms": min(hour_ns + HOUR_NS, self.now_ns - 3 * 10**9) // 10**6,
                    "version": "0.1.0",
                    "unsent": 0,
                    "unsent_most": 40 * worst,
                    "oldest_s": 0.0,
                    "registry_age_s": 4.0,
                    "registry_entries": 300,
                    "clock": 0,
                }
                yield Point("pulse_hour", tags_of(site=site, gate=gate), hour_ns, fields)

    def _state(self, faults: Iterable[Record], site: str, gate: str) -> int:
        return max(
            (
                _FAR.get(record["fault"], 0)
                for record in faults
                if (record["site"], record["gate"]) == (site, gate) and record["until_ns"] > self.now_ns
            ),
            default=0,
        )

    def _health(self, past: list[Record]) -> Iterator[Point]:
        for site, gate in self.gates:
            changes = [r for r in past if r["kind"] == "device" and (r["site"], r["gate"]) == (site, gate)]
            for device, kind in _DEVICES:
                ill = False
                own = iter([record for record in changes if record["device_kind"] == kind])
                change = next(own, None)
                for hour_ns in self._hours():
                    worst = ill
                    while change is not None and change["time_ns"] < hour_ns + HOUR_NS:
                        ill = not change["well"]
                        worst = worst or ill
                        change = next(own, None)
                    tags = tags_of(site=site, gate=gate, device=device, kind=kind)
                    yield Point("health_hour", tags, hour_ns, {"health": 2 * ill, "worst": 2 * worst})

    def _drift(self) -> Iterator[Point]:
        """A slow daily wave, deeper at one gate: what a camera in a cold box does."""
        seed = int(self._asked["seed"])
        for place, (site, gate) in enumerate(self.gates):
            for hour_ns in self._hours():
                hour = hour_ns / HOUR_NS
                wave = math.sin((hour + 5 * place + seed) * math.tau / 24)
                drift = round(0.06 * (1 + 2.4 * (place == 1)) * wave + 0.02 * math.sin(hour * 1.7 + place), 3)
                fields: dict[str, FieldValue] = {
                    "drift_c": drift, "drift_min_c": drift - 0.02, "drift_max_c": drift + 0.02, "frames_per_s": 8.7,
                }  # fmt: skip
                yield Point("camera_hour", tags_of(site=site, gate=gate, camera="people-thermal"), hour_ns, fields)

    def _machines(self) -> Iterator[Point]:
        """One gate has a thin cable, one a card that tells its wear; the sun shines on all."""
        for place, (site, gate) in enumerate(self.gates):
            for count, hour_ns in enumerate(self._hours()):
                cpu_c = round(48 + 9 * math.sin((hour_ns / HOUR_NS + 2 * place) * math.tau / 24), 1)
                fields: dict[str, FieldValue] = {
                    "cpu_c": cpu_c, "cpu_max_c": cpu_c + 2.0, "power": int(place == 1), "slowed": 0, "memory_mb": 141.0,
                    "memory_free_mb": 3120.0, "disk_free_mb": 21_400.0 - count, "disk_least_mb": 21_400.0 - count,
                    "wear_percent": 20 if place == 0 else -1, "written_gb": round(310 + count / 60, 1),
                    "disk_errors": 0, "clock_ahead_s": 0.0, "clock_error_s": 0.1, "uptime_s": 3600.0 * count, "safe": 0,
                }  # fmt: skip
                yield Point("machine_hour", tags_of(site=site, gate=gate), hour_ns, fields)

    def _site(self, past: list[Record]) -> Iterator[Point]:
        alerts = list(_alerts(past, self.now_ns))
        faults = [record for record in past if record["kind"] == "fault"]
        for site in sorted({site for site, _ in self.gates}):
            gates = [gate for known, gate in self.gates if known == site]
            silent = sum(self._state(faults, site, gate) > 0 for gate in gates)
            own = [
                dict(one.tags)["severity"] for one in alerts if one.fields["open"] and dict(one.tags)["site"] == site
            ]
            fields: dict[str, FieldValue] = {
                "gates": len(gates), "online": len(gates) - silent, "silent": silent,
                "devices": len(gates) * len(_DEVICES), "failed": 0, "degraded": 0,
                "critical": own.count("critical"), "warnings": own.count("warning"), "notices": own.count("info"),
                "unsent": 0,
            }  # fmt: skip
            for hour_ns in self._hours():
                yield Point("site_hour", tags_of(site=site), hour_ns, fields)

    def _duties(self, run: Path, past: list[Record]) -> Iterator[Point]:
        """By team and shift. Of a shift, only who was missed is told by name: the others are shared out by the teams'
        sizes."""
        for site in sorted({site for site, _ in self.gates}):
            members = [json.loads(line) for line in _lines(run / f"{site}.people.jsonl")]
            shifts = [shift["name"] for shift in self._asked["plant"]["shifts"]]
            team_of = {member["badge"]: member["team"] for member in members}
            sizes = Counter(
                (shifts[m["shift"]], m["team"]) for m in members if m["shift"] is not None and m["team"] >= 0
            )
            for record in self.truth:
                if record["kind"] == "duty" and record["site"] == site and self._begun(record):
                    yield from self._duty(record, sizes, team_of)
            yield from self._declared(site, Counter(member["team"] for member in members if member["team"] >= 0))

    def _begun(self, record: Record) -> bool:
        return bool(record["time_ns"] < self.now_ns or (record["date"] == self._today() and record["shift"] == "day"))

    def _today(self) -> str:
        return datetime.fromtimestamp(self.now_ns // 10**9, self.zone).date().isoformat()

    def _duty(self, record: Record, sizes: Counter[tuple[str, int]], team_of: dict[str, int]) -> Iterator[Point]:
        teams = {team: size for (shift, team), size in sizes.items() if shift == record["shift"]}
        never, once = (Counter(team_of.get(who, -1) for who in record[what]) for what in ("never", "once"))
        midnight = datetime.fromisoformat(record["date"]).replace(tzinfo=self.zone)
        day_ns = round(midnight.timestamp()) * 10**9
        left, whole = record["on_duty"], sum(teams.values())
        for team, size in sorted(teams.items()):
            on_duty = max(never[team] + once[team], round(left * size / whole)) if whole else 0
            left, whole = left - on_duty, whole - size
            twice = on_duty - never[team] - once[team]
            fields: dict[str, FieldValue] = {
                "on_duty": on_duty, "never": never[team], "once": once[team], "twice": twice,
                "first_missing": never[team], "second_missing": once[team], "missing": never[team] + once[team],
            }  # fmt: skip
            if record["time_ns"] > self.now_ns:  # the shift is not over: its second measurement is still to come
                fields |= {"once": once[team] + twice, "twice": 0, "second_missing": 0, "missing": never[team]}
            tags = tags_of(site=record["site"], team=_team(team), shift=record["shift"])
            yield Point("duty_day", tags, day_ns, fields)

    def _declared(self, site: str, teams: Counter[int]) -> Iterator[Point]:
        for day_ns in range(self.begins_ns, self.now_ns, DAY_NS):
            for team, size in sorted(teams.items()):
                missing = (team * 7 + day_ns // DAY_NS) % 5 if team % 4 == 1 else 0
                fields: dict[str, FieldValue] = {
                    "due": size, "declared": max(0, size - missing), "missing": min(size, missing),
                    "concerns": int(team % 9 == 4),
                }  # fmt: skip
                yield Point("declared_day", tags_of(site=site, team=_team(team)), day_ns, fields)

    def _isolation(self, past: list[Record]) -> Iterator[Point]:
        cases = [record for record in past if record["kind"] == "isolation"]
        for site in sorted({site for site, _ in self.gates}):
            for hour_ns in self._hours():
                until_ns = min(hour_ns + HOUR_NS, self.now_ns)
                now = [r for r in cases if r["site"] == site and r["time_ns"] < until_ns <= r["until_ns"]]
                causes = Counter(record["cause"] for record in now)
                for cause in Cause:
                    fields: dict[str, FieldValue] = {"isolated": causes[cause.value]}
                    yield Point("cause_hour", tags_of(site=site, cause=cause.value), hour_ns, fields)
                taken = min(CAPACITY, len(now))
                ward: dict[str, FieldValue] = {
                    "isolated": taken, "capacity": CAPACITY, "percent": round(100.0 * taken / CAPACITY, 1),
                }  # fmt: skip
                yield Point("ward_hour", tags_of(site=site, place="isolation"), hour_ns, ward)
                site_fields: dict[str, FieldValue] = {
                    "isolated": len(now), "capacity": CAPACITY, "free": CAPACITY - taken, "unplaced": len(now) - taken,
                    "unmeasured": 0, "unreported": sum(r["time_ns"] > until_ns - 4 * HOUR_NS for r in now), "over": 0,
                }  # fmt: skip
                yield Point("isolation_hour", tags_of(site=site), hour_ns, site_fields)

    def _rounds(self, past: list[Record]) -> Iterator[Point]:
        groups: dict[tuple[str, str, int], Counter[str]] = defaultdict(Counter)
        for record in past:
            if record["kind"] != "disinfection" or record["due_ns"] > self.now_ns:
                continue
            place = record["place"] or "vehicle"
            day_ns = day_start_ns(record["due_ns"], self.zone)
            done = "overdue" if not record["done"] else "done" if record["time_ns"] <= record["due_ns"] else "late"
            groups[record["site"], place, day_ns].update({"due": 1, done: 1})
        for (site, place, day_ns), counts in groups.items():
            kind = "commuter" if place == "vehicle" else place.rstrip("-0123456789")
            tags = tags_of(site=site, gate="hub", kind=kind, place=place)
            fields: dict[str, FieldValue] = {what: counts[what] for what in ("due", "done", "late", "overdue")}
            yield Point("rounds_day", tags, day_ns, fields)

    def _shifts(self) -> Iterator[Point]:
        for site in sorted({site for site, _ in self.gates}):
            for number, shift in enumerate(self._asked["plant"]["shifts"], 1):
                for day_ns in range(self.begins_ns, self.now_ns, DAY_NS):
                    begins_ns = day_ns + round(shift["from_h"] * HOUR_NS)
                    words: dict[str, FieldValue] = {"zh": f"{shift['name']} 开始", "en": f"{shift['name']} begins"}
                    if begins_ns < self.now_ns:
                        yield Point("shift", tags_of(site=site, shift=str(number)), begins_ns, words)


def _team(number: int) -> str:
    return f"T-{number + 1:02d}"


def _alerts(past: Sequence[Record], now_ns: int) -> Iterator[Point]:
    """What the truth wants somebody to be told of: acknowledged after some hours, over after some more."""
    number = 0
    for record in past:
        for warn in record["warn"]:
            number += 1
            rule = Rule(warn)
            age_h = (now_ns - record["time_ns"]) / HOUR_NS
            state = "firing" if age_h < _ACKNOWLEDGED_H else "acknowledged" if age_h < _OVER_H else "resolved"
            tags = tags_of(site=record["site"], gate=record["gate"], rule=rule.value, severity=SEVERITY[rule].value)
            fields: dict[str, FieldValue] = {
                "id": number, "open": int(state != "resolved"), "unseen": int(state == "firing"), "state": state,
                "count": 1, "zh": rule_name(rule, "zh"), "en": rule_name(rule, "en"),
            }  # fmt: skip
            yield Point("alert", tags, record["time_ns"] - record["time_ns"] % 1000 + number % 1000, fields)


def _entries(run: Path, until_ns: int) -> Iterator[Entry]:
    """The events of all gates up to a moment, as a journal without any outage has them."""
    offset = 0
    for path in sorted((run / "events").glob("*/*.jsonl")):
        site, gate = path.parent.name, path.stem
        numbers: Counter[str] = Counter()
        for line in _lines(path):
            event = decode_event(line)
            if event.time_ns >= until_ns:
                continue
            urgency = urgency_of(event)
            numbers[urgency] += 1
            offset += 1
            stream = StreamId(site, gate, urgency, "sample")
            kind = str(event.__struct_config__.tag)
            received_ns = event.time_ns + 10**8
            yield Entry(offset, stream, numbers[urgency], numbers[urgency], kind, event.time_ns, received_ns, line)


def _counted(entries: Iterable[Entry], zone: tzinfo) -> Iterator[Point]:
    added: dict[Bucket, Sums] = {}
    for entry in entries:
        for bucket, sums in contributions(entry, zone):
            added.setdefault(bucket, Sums()).add(sums)
    for bucket, sums in added.items():
        yield Point(f"{bucket.figure.name}_{bucket.span}", bucket.figure.tags, bucket.start_ns, dict(sums.fields()))


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except OSError as error:
        raise MenshenError(f"{path}: {error.strerror}; expected the folder of a `menshen sim run`") from error


def _read(path: Path) -> Record:
    found: Record = json.loads(b"\n".join(_lines(path)))
    return found
