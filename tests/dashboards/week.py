"""A simulated week in a real InfluxDB, and what its truth says that boards must show: counted here by hand."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from dashboards.sample import Sample
from hub.influx import InfluxSettings, open_writer
from hub.projections.rollups import Rollups, publish_once
from hub.standings.file import Standings
from sim import chronicle
from sim.plant import Conduct, Health, Plant
from sim.truth import DeviceTruth, DisinfectionTruth, PersonTruth, SecondaryTruth, Truth, VehicleTruth, verdict_of
from wire.events import Direction, Outcome, Reason, Verdict

ZONE = ZoneInfo("Asia/Shanghai")
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
PLANT = Plant(
    site="week",
    gates=2,
    people=220,
    vehicles=40,
    undisinfected_share=0.1,
    health=Health(other_fever_share=0.02),
    conduct=Conduct(breach_share=0.5),
)
"""One where enough goes wrong within a week."""
DAYS = 7

Points = dict[tuple[str, int], float]
"""By series and time in ms."""
Table = dict[tuple[str, ...], dict[str, float]]
"""By the words of a row: its numbers."""


def make_week(folder: Path) -> Sample:
    run = folder / "run"
    chronicle.write(run, PLANT, seed=11, days=DAYS)
    return Sample(run, ZONE)


async def fill(week: Sample, folder: Path, settings: InfluxSettings) -> None:
    """Through the hub's own files of figures and standings, by its own writer."""
    rollups, standings = Rollups(folder / "rollups.db", ZONE), Standings(folder / "standings.db")
    writer = open_writer(settings)
    await rollups.start()
    await standings.start()
    try:
        await rollups.apply(week.entries)
        await standings.put(week.standings)
        for source in (rollups, standings):
            while await publish_once(source, writer):
                pass
    finally:
        await rollups.stop()
        await standings.stop()
        writer.close()


class Window(NamedTuple):
    """What a panel looks at, in ms."""

    from_ms: int
    until_ms: int


class Known:
    """The truth of the week up to its present moment."""

    def __init__(self, folder: Path, week: Sample) -> None:
        self.now_ms = week.now_ns // 10**6
        past = [truth for truth in chronicle.read_truth(folder / "run") if truth.time_ns < week.now_ns]
        self.people = [truth for truth in past if isinstance(truth, PersonTruth) and truth.seen]
        self.vehicles = [truth for truth in past if isinstance(truth, VehicleTruth)]
        self.by_hand = [truth for truth in past if isinstance(truth, SecondaryTruth)]
        self.disinfections = [truth for truth in past if isinstance(truth, DisinfectionTruth)]
        self.devices = [truth for truth in past if isinstance(truth, DeviceTruth)]
        self.events = len(week.entries)


def day_ms(time_ns: int) -> int:
    local = datetime.fromtimestamp(time_ns / 1e9, ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    return round(local.timestamp() * 1000)


def hour_ms(time_ns: int) -> int:
    return time_ns // 10**6 // HOUR_MS * HOUR_MS


def hourly(found: Iterable[Truth], window: Window, name: Callable[[Any], str]) -> Points:
    """An hour counts where its beginning is in the window."""
    counts = Counter((name(truth), hour_ms(truth.time_ns)) for truth in found)
    return {key: n for key, n in counts.items() if window.from_ms <= key[1] < window.until_ms}


def daily(found: Iterable[Truth], window: Window, name: Callable[[Any], str]) -> Points:
    counts = Counter((name(truth), day_ms(truth.time_ns)) for truth in found)
    return {key: n for key, n in counts.items() if window.from_ms <= key[1] < window.until_ms}


def within(found: Sequence[Any], window: Window) -> list[Any]:
    """Whole days, as daily figures have them."""
    return [truth for truth in found if window.from_ms <= day_ms(truth.time_ns) < window.until_ms]


def feverish(person: PersonTruth) -> bool:
    return verdict_of(person.facts) is Verdict.FEVER


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _gates(known: Known, window: Window) -> Table:
    rows: Table = {}
    for gate in {person.gate for person in known.people}:
        own = [person for person in within(known.people, window) if person.gate == gate]
        rows[gate,] = {
            "passages": len(own),
            "fevers": sum(map(feverish, own)),
            "suspects": 0,
            "unmeasured": sum(not person.facts.measured for person in own),
            "highest": max(person.skin_c for person in own if person.facts.measured),
        }
    return rows


def _sites(known: Known, window: Window) -> Table:
    own = within(known.people, window)
    counts = {
        "passages": len(own),
        "allowed": sum(person.outcome is Outcome.ALLOW for person in own),
        "denied": sum(person.outcome is Outcome.DENY for person in own),
        "fevers": sum(map(feverish, own)),
        "unmeasured": sum(not person.facts.measured for person in own),
    }
    return {("week",): counts}


def _temperatures(known: Known, window: Window) -> Points:
    measured = [person for person in known.people if person.facts.measured]
    return hourly(measured, window, lambda person: f"{round(person.skin_c * 100) // 20 / 5:.1f}")


def _limits(known: Known, window: Window) -> Points:
    by_hour: dict[int, list[PersonTruth]] = defaultdict(list)
    for person in known.people:
        if person.facts.measured and window.from_ms <= hour_ms(person.time_ns) < window.until_ms:
            by_hour[hour_ms(person.time_ns)].append(person)
    found: Points = {}
    for at, people in by_hour.items():
        found["limit_c", at] = 36.4
        found["mean_c", at] = mean([person.skin_c for person in people])
        fevers = [person.skin_c for person in people if feverish(person)]
        if fevers:
            found["fever_c", at] = max(fevers)
    return found


def _refusals(known: Known, window: Window) -> Table:
    refused = [person for person in within(known.people, window) if person.refusal is not None]
    counts = Counter((person.gate, person.refusal.value) for person in refused)
    return {key: {"people": n} for key, n in counts.items()}


def _disinfected(known: Known, window: Window) -> Points:
    vehicles = [truth for truth in known.disinfections if truth.done and truth.vehicle]
    let_in = [one for one in known.vehicles if (one.direction, one.outcome) == (Direction.IN, Outcome.ALLOW)]
    return daily(vehicles, window, lambda _: "done") | daily(let_in, window, lambda _: "allowed")


def _why_refused(known: Known, window: Window) -> Points:
    asked = {Reason.VEHICLE_UNREGISTERED, Reason.NOT_DISINFECTED, Reason.VEHICLE_UNREAD, Reason.TAG_MISMATCH,
             Reason.NO_STATED_REASON, Reason.NOT_VALID_NOW}  # fmt: skip
    counts: Points = {}
    for vehicle in known.vehicles:
        for reason in asked.intersection(vehicle.reasons):
            key = reason.value, day_ms(vehicle.time_ns)
            if window.from_ms <= key[1] < window.until_ms:
                counts[key] = counts.get(key, 0) + 1
    return counts


def _kept_out(known: Known) -> list[PersonTruth]:
    return [one for one in known.people if {Reason.IN_ISOLATION, Reason.IN_QUARANTINE}.intersection(one.reasons)]


def _of_vehicles(kept: Callable[[VehicleTruth], bool]) -> Callable[[Known, Window], float]:
    return lambda known, window: sum(kept(vehicle) for vehicle in within(known.vehicles, window))


def _of_people(kept: Callable[[PersonTruth], bool]) -> Callable[[Known, Window], float]:
    return lambda known, window: sum(kept(person) for person in within(known.people, window))


def _unmeasured_share(known: Known, window: Window) -> float:
    own = within(known.people, window)
    return 100.0 * sum(not person.facts.measured for person in own) / len(own)


def _overdue(known: Known, window: Window) -> Table:
    rows: Table = {}
    for truth in known.disinfections:
        if truth.due_ns // 10**6 <= known.now_ms and window.from_ms <= day_ms(truth.due_ns) < window.until_ms:
            place = truth.place or "vehicle"
            kind = "commuter" if place == "vehicle" else place.rstrip("-0123456789")
            row = rows.setdefault((kind, place), {"due": 0, "done": 0, "late": 0, "overdue": 0})
            row["due"] += 1
            row["overdue" if not truth.done else "done" if truth.time_ns <= truth.due_ns else "late"] += 1
    return rows


def _in_and_out(truth: PersonTruth | VehicleTruth) -> str:
    return truth.direction.value


EXPECTED: dict[tuple[str, str], Callable[[Known, Window], float | Points | Table]] = {
    ("now", "Fevers today"): _of_people(feverish),
    ("now", "People in today"): _of_people(lambda one: one.direction is Direction.IN and one.outcome is Outcome.ALLOW),
    ("now", "Refused today"): _of_people(lambda one: one.outcome is Outcome.DENY),
    ("now", "People per hour"): lambda known, window: hourly(known.people, window, _in_and_out),
    ("fever", "Fevers"): _of_people(feverish),
    ("fever", "Suspects"): _of_people(lambda one: verdict_of(one.facts) is Verdict.SUSPECT),
    ("fever", "Not measured"): _unmeasured_share,
    ("fever", "Measured by hand"): lambda known, window: len(within(known.by_hand, window)),
    ("fever", "Highest"): lambda known, window: max(p.skin_c for p in within(known.people, window) if p.facts.measured),
    ("fever", "Mean"): lambda known, window: mean([p.skin_c for p in within(known.people, window) if p.facts.measured]),
    ("fever", "Skin temperatures"): _temperatures,
    ("fever", "Fevers and the limit"): _limits,
    ("fever", "Fevers by day and gate"): lambda known, window: daily(
        filter(feverish, known.people), window, lambda one: one.gate
    ),
    ("fever", "Why not measured"): lambda known, window: daily(
        [one for one in known.people if one.refusal], window, lambda one: one.refusal.value
    ),
    ("fever", "Gates compared"): _gates,
    ("vehicles", "Vehicles"): _of_vehicles(lambda _: True),
    ("vehicles", "Let in or out"): _of_vehicles(lambda one: one.outcome is Outcome.ALLOW),
    ("vehicles", "Refused"): _of_vehicles(lambda one: one.outcome is Outcome.DENY),
    ("vehicles", "Not registered"): _of_vehicles(lambda one: Reason.VEHICLE_UNREGISTERED in one.reasons),
    ("vehicles", "Not disinfected"): _of_vehicles(lambda one: Reason.NOT_DISINFECTED in one.reasons),
    ("vehicles", "Not read"): _of_vehicles(lambda one: Reason.VEHICLE_UNREAD in one.reasons),
    ("vehicles", "Vehicles per hour"): lambda known, window: hourly(known.vehicles, window, _in_and_out),
    ("vehicles", "Why refused"): _why_refused,
    ("vehicles", "Vehicles by gate"): lambda known, window: {
        (gate, window.from_ms): n for gate, n in Counter(v.gate for v in within(known.vehicles, window)).items()
    },
    ("vehicles", "Vehicles disinfected"): _disinfected,
    ("duties", "Disinfections of the range, by place"): _overdue,
    ("isolation", "Broken in the range"): lambda known, window: len(within(_kept_out(known), window)),
    ("isolation", "Isolation broken"): lambda known, window: daily(_kept_out(known), window, lambda _: "passages"),
    ("devices", "Caught up late"): lambda _known, _window: 0.0,
    ("devices", "Looks at a person"): lambda known, window: dict.fromkeys(
        {(p.gate, day_ms(p.time_ns)) for p in within(known.people, window) if p.facts.measured}, 1.0
    ),
    ("devices", "Refusals to measure"): _refusals,
    ("devices", "Faults by day"): lambda known, window: daily(
        [one for one in known.devices if not one.well], window, lambda one: one.gate
    ),
    ("city", "Fevers"): _of_people(feverish),
    ("city", "People"): _of_people(lambda _: True),
    ("city", "People of the range, by site"): _sites,
    ("city", "Fevers by day and site"): lambda known, window: daily(
        filter(feverish, known.people), window, lambda _: "week"
    ),
    ("city", "People by day and site"): lambda known, window: daily(known.people, window, lambda _: "week"),
}
"""By board and English title. What is not here is no event's: `FROM_STANDINGS` of `test_truth.py`."""
