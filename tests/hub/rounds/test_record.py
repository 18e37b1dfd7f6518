"""What was due and what was done: the same from the journal in any order, over restarts, and in the time series."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.archive import Archive
from hub.database import Database
from hub.influx import InfluxSettings, open_writer
from hub.journal import OWN_GATE, Entry
from hub.measurements import ROUND_FIGURES
from hub.projections.rollups import publish_once
from hub.registry.models import Place, PlaceKind, Vehicle
from hub.rollups import Span
from hub.rounds import stops
from hub.rounds.clerk import Clerk
from hub.rounds.plan import Stop, due
from hub.rounds.record import FILE, RoundRecord
from hub.rounds.settings import RoundSettings
from hub.rounds.state import State
from sim.plant import Plant
from sim.roster import Errand, sites, token_key
from sim.traffic import rounds
from sim.truth import event_of
from tests.hub.rounds.test_plan import ZONE, at
from tests.support.journals import batch, entry
from wire.events import Disinfection, Urgency
from wire.messages import StreamId

HOUR_NS = 3600 * 10**9
TWO_DAYS = (at("2020-02-10"), at("2020-02-12"))
STOPS = [Stop("canteen", place="canteen-1"), Stop("commuter", vehicle="plate-of-a-bus", vehicle_tag="tag-of-a-bus-")]


def told(seed: int = 1) -> list[Entry]:
    """Two days of two stops, and disinfections at any time."""
    rng = random.Random(seed)
    told = [
        entry(one, offset, offset, gate=OWN_GATE)
        for offset, one in enumerate(due(STOPS, RoundSettings(), ZONE, *TWO_DAYS), start=1)
    ]
    for n in range(6):
        where = rng.choice([{"place": "canteen-1"}, {"vehicle": "plate-of-a-bus"}, {"vehicle": "tag-of-a-bus-"}])
        event = Disinfection(time_ns=rng.randrange(*TWO_DAYS), by="person-7", agent="84", **where)
        told.append(entry(event, 100 + n, n + 1))
    return told


async def record_of(path: Path, parts: list[list[Entry]]) -> RoundRecord:
    record = RoundRecord(path, ZONE)
    await record.start()
    for part in parts:
        await record.apply(part)
    return record


async def test_in_any_order_and_after_a_replay_the_record_is_the_same(tmp_path):
    for seed in range(8):
        entries = told(seed)
        straight = await record_of(tmp_path / f"{seed}.db", [entries])
        mixed = random.Random(seed).sample(entries, len(entries))
        shuffled = await record_of(tmp_path / f"{seed}-mixed.db", [[one] for one in mixed] + [mixed[3:]])
        assert await straight.between(*TWO_DAYS) == await shuffled.between(*TWO_DAYS)
        assert {(one.bucket, str(one.sums)) for one in await straight.changed()} == {
            (one.bucket, str(one.sums)) for one in await shuffled.changed()
        }
        await straight.stop()
        await shuffled.stop()


async def test_a_round_is_done_in_time_late_or_overdue_and_says_by_whom(tmp_path):
    rows = [
        entry(one, n, n, gate=OWN_GATE) for n, one in enumerate(due(STOPS[:1], RoundSettings(), ZONE, *TWO_DAYS), 1)
    ]
    for n, moment in enumerate(("2020-02-10 07:00", "2020-02-10 07:30", "2020-02-10 20:01", "2020-02-11 03:00")):
        rows.append(entry(Disinfection(time_ns=at(moment), place="canteen-1", by="person-7"), 50 + n, n + 1))
    record = await record_of(tmp_path / FILE, [rows])
    found = await record.between(*TWO_DAYS)
    assert [one.state for one in found] == [State.DONE, State.LATE, State.OVERDUE, State.OVERDUE]
    assert (found[0].done.time_ns, found[0].done.by) == (at("2020-02-10 07:00"), "person-7")
    assert len(await record.done(*TWO_DAYS)) == 4
    await record.stop()


async def test_a_gate_cannot_say_that_something_is_due(tmp_path):
    [one] = due(STOPS[:1], RoundSettings(times=["08:00"]), ZONE, TWO_DAYS[0], TWO_DAYS[0] + 24 * HOUR_NS)
    record = await record_of(tmp_path / FILE, [[entry(one)]])
    assert await record.between(*TWO_DAYS) == []
    await record.stop()


async def test_a_real_influxdb_has_the_figures_and_what_is_done_late_is_written_again(tmp_path, influxdb1, database):
    rows = told()
    record = await record_of(tmp_path / FILE, [rows[:8]])
    writer = open_writer(InfluxSettings(url=influxdb1.url, bucket=database))
    await publish_once(record, writer)
    assert await record.changed() == []
    [row] = influxdb1.query("SELECT sum(due) AS due, sum(overdue) AS overdue FROM rounds_day", database)
    assert (row["due"], row["overdue"]) == (8, 8)
    await record.apply(rows[8:])
    assert await record.changed()
    await publish_once(record, writer)
    states = Counter(one.state.value for one in await record.between(*TWO_DAYS))
    for declared in ROUND_FIGURES:
        sums = ", ".join(f"sum({name}) AS {name}" for name in declared.fields)
        [row] = influxdb1.query(f"SELECT {sums} FROM {declared.name}", database)
        assert row["due"] == 8
        assert {name: row[name] for name in ("done", "late", "overdue")} == {
            name: states[name] for name in ("done", "late", "overdue")
        }
        for found in influxdb1.query(f"SELECT * FROM {declared.name}", database):
            assert set(found) == {"time", "site", "gate", *declared.tags, *declared.fields}
    await record.mark_all()
    assert {one.bucket.span for one in await record.changed()} == set(Span)
    writer.close()
    await record.stop()


class Clock:
    now_ns = at("2020-02-10 07:59")

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def database_of(database_url) -> AsyncIterator[Database]:
    database = Database(database_url)
    await database.start()
    yield database
    await database.stop()


async def due_in(archive: Archive) -> list[int]:
    return [one.time_ns for one in await archive.after(0, 1000) if one.kind == "round-due"]


async def test_each_round_is_put_on_record_once_over_restarts_and_an_outage(tmp_path, database_of, clock):
    await database_of.write(lambda session: session.add(Place(name="canteen-1", title="食堂", kind=PlaceKind.CANTEEN)))
    archive = Archive(tmp_path / "journal.db")
    await archive.start()

    def clerk() -> Clerk:
        return Clerk("site", archive, database_of, RoundSettings(), ZONE, clock)

    first = clerk()
    await first.look()
    assert await due_in(archive) == [], "what was due before the hub's first day is not asked for"
    clock.now_ns = at("2020-02-10 08:00")
    for _ in range(3):
        await first.look()
    assert await due_in(archive) == [at("2020-02-10 08:00")]
    await clerk().look()
    assert len(await due_in(archive)) == 1, "a restart says nothing twice"
    clock.now_ns = at("2020-02-12 09:00")
    third = clerk()
    await third.look()
    moments = ["2020-02-10 08:00", "2020-02-10 20:00", "2020-02-11 08:00", "2020-02-11 20:00", "2020-02-12 08:00"]
    assert await due_in(archive) == [at(text) for text in moments], "what came due while the hub was away is said"
    clock.now_ns = at("2020-02-12 07:00")
    await third.look()
    await clerk().look()
    assert len(await due_in(archive)) == 5, "a clock that is set back says nothing twice"
    await archive.stop()


async def test_times_and_codes_of_a_place_are_its_own(database_of, clock):
    def work(session):
        session.add(Place(name="canteen-1", title="食堂", kind=PlaceKind.CANTEEN))
        session.add(Place(name="old", title="旧", kind=PlaceKind.OFFICE, active=False))
        session.add(Vehicle(plate="蒙B1", plate_token="p" * 22, commuter=True, created_ns=1, changed_ns=1))
        session.add(Vehicle(plate="蒙B2", plate_token="q" * 22, created_ns=1, changed_ns=1))
        session.flush()
        return [named.key for named in stops.stops(session, clock())]

    canteen, bus = await database_of.write(work)
    named = await database_of.write(lambda session: stops.with_codes(session, clock()))
    assert [one.title for one in named] == ["食堂", "蒙B1"]
    again = await database_of.write(lambda session: stops.with_codes(session, clock()))
    assert [one.code for one in again] == [one.code for one in named], "what hangs on the wall stays good"
    found = await database_of.read(lambda session: stops.by_code(session, named[1].code, clock()))
    assert (found.key, found.stop.vehicle) == (bus, "p" * 22)

    def change(session):
        assert stops.set_times(session, canteen, "7:30，11:00; 18:30", by="wang", now_ns=1)
        assert stops.new_code(session, canteen, by="wang", now_ns=1)
        return stops.by_key(session, canteen, clock())

    changed = await database_of.write(change)
    assert changed.stop.times == ("07:30", "11:00", "18:30")
    assert changed.code not in {"", named[0].code}
    for wrong in ("soon", "25:00", "8", ",".join(f"{hour:02d}:00" for hour in range(13))):
        with pytest.raises(stops.NoTimes):
            stops.times_in(wrong)
    assert stops.times_in(" ") == []


async def test_the_record_of_a_simulated_month_is_its_truth_to_the_last_round(tmp_path, database_of, clock):
    """A plant whose rounds are due at 7:00 and 18:30; its gates tell of those that were done."""
    plant = Plant(people=150, undisinfected_share=0.15)
    [site] = sites(plant, 7, token_key(7))
    truth = [one for day in range(30) for one in rounds(site, day)]
    buses = [car.plate for car in site.cars if car.errand is Errand.COMMUTER]
    assert buses

    def register(session):
        for place in sorted({one.place for one in truth if one.place}):
            session.add(Place(name=place, title=place, kind=PlaceKind(place)))
        for n, bus in enumerate(buses):
            session.add(Vehicle(plate=f"B{n}", plate_token=bus, commuter=True, created_ns=1, changed_ns=1))

    await database_of.write(register)
    archive = Archive(tmp_path / "journal.db")
    await archive.start()
    clerk = Clerk(site.name, archive, database_of, RoundSettings(times=["07:00", "18:30"]), ZONE, clock)
    events = [event for one in truth if (event := event_of(one)) is not None]
    stream = StreamId(site.name, "gate-01", Urgency.ROUTINE, "e1")
    clock.now_ns, sent, day_ns = plant.begins_ns(), 0, 24 * HOUR_NS
    await clerk.look()
    for day in range(1, 31):
        clock.now_ns = plant.begins_ns() + day * day_ns
        late = day % 3 == 0  # the link is away: the gate tells of the day after the hub knew what was due
        if late:
            await clerk.look()
        today = [event for event in events if plant.begins_ns() <= event.time_ns < clock.now_ns][sent:]
        await archive.append([batch(today, sent + 1, stream)])
        sent += len(today)
        await clerk.look()
    entries = await archive.after(0, 10**6)
    record = await record_of(tmp_path / FILE, [entries[n : n + 500] for n in range(0, len(entries), 500)])

    span = (plant.begins_ns(), clock.now_ns)
    found = await record.between(*span)
    kept = {(one.subject, one.window.due_ns): one.state is State.DONE for one in found}
    ought = {(one.place or one.vehicle, one.due_ns): one.done for one in truth}
    assert kept == ought
    assert 0 < sum(not done for done in ought.values()) < len(ought)
    days = [one.sums.counts for one in await record.changed(10**6) if one.bucket.span is Span.DAY]
    assert sum(counts["due"] for counts in days) == len(ought)
    assert sum(counts["done"] for counts in days) == sum(ought.values())
    again = await record_of(tmp_path / "again.db", [entries])
    assert await again.between(*span) == found, "a record that is made anew is the same"
    await again.stop()
    await record.stop()
    await archive.stop()
