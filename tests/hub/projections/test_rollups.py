"""Hourly and daily figures: the same as counting by hand, in any order, over restarts, and on a real InfluxDB."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.influx import InfluxSettings, open_writer
from hub.journal import Entry
from hub.measurements import COMMON_TAGS, ROLLUPS, rollup_line
from hub.projections.rollups import Rollups, publish_once
from hub.rollups import Bucket, Figure, Span, Sums, added_by, bin_of, contributions, day_end_ns, day_start_ns
from tests.support import strategies as our
from tests.support.journals import entry as journalled
from wire.errors import StoreError
from wire.events import (
    AnyEvent,
    DeviceKind,
    DeviceState,
    Disinfection,
    Gap,
    GapCause,
    Health,
    Outcome,
    PersonPassage,
    Reason,
    Refusal,
    SecondaryMeasurement,
    Temperature,
    VehiclePassage,
    Verdict,
)

ZONE = ZoneInfo("Asia/Shanghai")
NOON_NS = 1_581_220_800_000_000_000
"""2020-02-09 12:00 at Baotou."""
HOUR_NS = 3600 * 10**9


def entry(offset: int, event: AnyEvent, late_s: float = 0.0) -> Entry:
    return journalled(event, offset, offset, late_s=late_s)


def person(minute: int, outcome: Outcome, skin_c: float | None = 35.5, **more: object) -> PersonPassage:
    measured = None if skin_c is None else Temperature(skin_c=skin_c, u_c=0.3, looks=3)
    verdict = Verdict.UNMEASURED if skin_c is None else Verdict.FEVER if skin_c > 36.4 else Verdict.NORMAL
    return PersonPassage(
        time_ns=NOON_NS + minute * 60 * 10**9,
        passage=str(minute),
        lane="people",
        outcome=outcome,
        verdict=verdict,
        temperature=measured,
        **more,
    )


@pytest.fixture
async def figures(tmp_path) -> AsyncIterator[Rollups]:
    figures = Rollups(tmp_path / "rollups.db", ZONE)
    await figures.start()
    yield figures
    await figures.stop()


async def test_people_of_an_hour_are_counted_by_what_became_of_them(figures):
    await figures.apply(
        [
            entry(1, person(0, Outcome.ALLOW, 35.0)),
            entry(2, person(1, Outcome.DENY, 37.0, reasons=(Reason.FEVER, Reason.NO_BADGE))),
            entry(3, person(2, Outcome.REMEASURE, None)),
            entry(4, person(60, Outcome.ALLOW, 36.0)),
        ]
    )
    first, second = await figures.buckets(Span.HOUR, "people", NOON_NS, NOON_NS + 2 * HOUR_NS)
    assert first[1].fields() == {
        "passages": 3, "allowed": 1, "denied": 1, "again": 1, "fevers": 1, "suspects": 0, "unmeasured": 1,
        "skin_mean_c": 36.0, "skin_min_c": 35.0, "skin_max_c": 37.0,
    }  # fmt: skip
    assert (second[0].start_ns, second[1].counts["passages"]) == (NOON_NS + HOUR_NS, 1)
    [(day, sums)] = await figures.buckets(Span.DAY, "people", 0, NOON_NS * 2)
    assert datetime.fromtimestamp(day.start_ns / 1e9, ZONE) == datetime(2020, 2, 9, tzinfo=ZONE)
    assert sums.counts["passages"] == 4
    why = await figures.buckets(Span.HOUR, "reasons", NOON_NS, NOON_NS + HOUR_NS)
    assert {dict(bucket.figure.tags)["reason"]: sums.counts for bucket, sums in why} == {
        "fever": {"passages": 1},
        "no-badge": {"passages": 1},
    }


async def test_what_boards_ask_of_the_screening_is_counted_too(figures):
    limited = Temperature(skin_c=37.0, u_c=0.3, looks=5, limit_c=36.4)
    feverish = person(0, Outcome.DENY, 37.0)
    await figures.apply(
        [
            entry(1, replace(feverish, temperature=limited, clock="free")),
            entry(2, person(1, Outcome.ALLOW, 35.0)),
            entry(3, person(2, Outcome.REMEASURE, None, refusal=Refusal.NO_FACE)),
        ]
    )
    [(_, screening)] = await figures.buckets(Span.HOUR, "screening", NOON_NS, NOON_NS + HOUR_NS)
    assert screening.counts == {
        "measured": 2, "looks": 8, "skin_mc": 72_000, "limited": 1, "limit_mc": 36_400, "unsynced": 1,
    }  # fmt: skip
    [(_, fevers)] = await figures.buckets(Span.HOUR, "fevers", NOON_NS, NOON_NS + HOUR_NS)
    assert fevers.fields() == {"people": 1, "skin_mean_c": 37.0, "skin_min_c": 37.0, "skin_max_c": 37.0}
    [(why, refused)] = await figures.buckets(Span.HOUR, "refusals", NOON_NS, NOON_NS + HOUR_NS)
    assert (dict(why.figure.tags)["refusal"], refused.counts) == ("no-face", {"people": 1})


@settings(deadline=None, max_examples=40)
@given(st.lists(our.events, min_size=1, max_size=12), st.randoms())
def test_figures_are_what_counting_by_hand_gives_in_any_order_of_arrival(events, chance):
    entries = [entry(offset, event) for offset, event in enumerate(events, start=1)]
    by_hand: dict[Bucket, Sums] = {}
    shuffled = list(entries)
    chance.shuffle(shuffled)
    for one in shuffled:
        for bucket, sums in contributions(one, UTC):
            by_hand.setdefault(bucket, Sums()).add(sums)
    straight: dict[Bucket, Sums] = {}
    for one in entries:
        for bucket, sums in contributions(one, UTC):
            straight.setdefault(bucket, Sums()).add(sums)
    assert {bucket: sums.counts for bucket, sums in by_hand.items()} == {
        bucket: sums.counts for bucket, sums in straight.items()
    }
    together = added_by(entries, UTC)
    assert {bucket: (sums.counts, sums.values, sums.least_c, sums.most_c) for bucket, sums in together.items()} == {
        bucket: (sums.counts, sums.values, sums.least_c, sums.most_c) for bucket, sums in straight.items()
    }
    assert all(abs(sums.total_c - straight[bucket].total_c) < 1e-6 for bucket, sums in together.items())
    total = sum(sums.counts["events"] for bucket, sums in straight.items() if bucket.figure.name == "events")
    assert total == 2 * len(events), "each event is in one hour and one day"


async def test_a_replay_from_anywhere_and_a_restart_change_nothing(tmp_path):
    rng = random.Random(3)
    entries = [entry(n, person(rng.randrange(600), Outcome.ALLOW, 35 + rng.random())) for n in range(1, 200)]
    figures = Rollups(tmp_path / "a.db", ZONE)
    await figures.start()
    await figures.apply(entries[:120])
    await figures.apply(entries[40:120])
    await figures.stop()
    figures = Rollups(tmp_path / "a.db", ZONE)
    assert await figures.start() == 120
    await figures.apply(entries[100:])
    once = Rollups(tmp_path / "b.db", ZONE)
    await once.start()
    await once.apply(entries)
    for span in Span:
        for name in ("people", "skin", "events"):
            both = [await one.buckets(span, name, 0, NOON_NS * 2) for one in (figures, once)]
            assert [(bucket, sums.counts) for bucket, sums in both[0]] == [
                (bucket, sums.counts) for bucket, sums in both[1]
            ]
    await figures.stop()
    await once.stop()


@given(st.integers(0, 10_000), st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/New_York", "UTC"]))
def test_a_day_begins_and_ends_at_the_sites_midnight_also_when_clocks_change(hours, name):
    zone = ZoneInfo(name)
    time_ns = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp()) * 10**9 + hours * HOUR_NS
    start_ns = day_start_ns(time_ns, zone)
    end_ns = day_end_ns(start_ns, zone)
    assert start_ns <= time_ns < end_ns
    assert end_ns - start_ns in {23 * HOUR_NS, 24 * HOUR_NS, 25 * HOUR_NS}
    assert day_start_ns(end_ns, zone) == end_ns
    assert day_start_ns(end_ns - 1, zone) == start_ns


@given(st.integers(2000, 5000))
def test_a_temperature_is_in_the_bin_whose_edges_hold_it(centi):
    low = bin_of(centi / 100)
    assert round(low * 100) <= centi < round(low * 100) + 20
    assert round(low * 100) % 20 == 0


EVERYTHING: list[AnyEvent] = [
    person(0, Outcome.ALLOW),
    person(0, Outcome.REMEASURE, None, refusal=Refusal.NO_FACE),
    VehiclePassage(
        time_ns=NOON_NS, passage="v", lane="trucks", outcome=Outcome.DENY, reasons=(Reason.NOT_DISINFECTED,)
    ),
    DeviceState(time_ns=NOON_NS, device="cam", kind=DeviceKind.THERMAL, health=Health.FAILED),
    Disinfection(time_ns=NOON_NS, place="canteen"),
    SecondaryMeasurement(time_ns=NOON_NS, body_c=36.6, lane="people"),
    Gap(time_ns=NOON_NS, cause=GapCause.SPOOL_FULL, lost=7),
]


async def test_all_figures_are_declared_and_a_real_influxdb_has_them_as_they_are(figures, influxdb1, database):
    await figures.apply([entry(n, event, late_s=61.0) for n, event in enumerate(EVERYTHING, start=1)])
    writer = open_writer(InfluxSettings(url=influxdb1.url, bucket=database))
    everything = len(await figures.changed())
    assert await publish_once(figures, writer) is False
    await figures.apply([entry(100, person(1, Outcome.DENY, 37.5))])
    assert len(await figures.changed()) < everything / 2, "only what changed is written again"
    await publish_once(figures, writer)
    assert await figures.changed() == []
    for declared in ROLLUPS:
        rows = influxdb1.query(f"SELECT * FROM {declared.name}", database)
        assert rows, declared.name
        known = {"time", "site", "gate", *COMMON_TAGS, *declared.tags, *declared.fields}
        assert all(set(row) <= known for row in rows)
    [row] = influxdb1.query("SELECT passages, denied, skin_max_c FROM people_hour", database)
    assert (row["passages"], row["denied"], row["skin_max_c"]) == (3, 1, 37.5)
    [row] = influxdb1.query("SELECT sum(events) AS n, sum(late) AS late FROM events_day", database)
    assert (row["n"], row["late"]) == (8, 7)
    writer.close()


class Broken:
    """A time-series server that is away."""

    def write(self, lines: object) -> None:
        raise StoreError("away", retry=True)

    def close(self) -> None:
        """Nothing is open."""


async def test_an_outage_only_makes_figures_wait_and_what_changes_meanwhile_is_not_forgotten(figures):
    await figures.apply([entry(1, person(0, Outcome.ALLOW))])
    with pytest.raises(StoreError):
        await publish_once(figures, Broken())
    waiting = await figures.changed()
    assert waiting
    await figures.apply([entry(2, person(1, Outcome.ALLOW))])
    await figures.settle(waiting)
    assert len(await figures.changed()) == len(waiting), "all of them changed again"


async def test_what_was_marked_anew_is_all_written_again(figures):
    await figures.apply([entry(1, person(0, Outcome.ALLOW))])
    before = await figures.changed()
    await figures.settle(before)
    assert await figures.changed() == []
    await figures.mark_all()
    assert len(await figures.changed()) == len(before)


def test_a_tag_that_needs_it_is_escaped():
    bucket = Bucket(Span.HOUR, 0, Figure("device", (("site", "a"), ("gate", "g"), ("device", "a b,c=d"))))
    assert rollup_line(bucket, Sums({"faults": 1})) == r"device_hour,device=a\ b\,c\=d,gate=g,site=a faults=1i 0"


def test_an_evening_belongs_to_the_day_of_the_site_and_not_to_that_of_utc():
    late = entry(1, person(60 * 11, Outcome.ALLOW))
    days = {bucket.start_ns for bucket, _ in contributions(late, ZONE) if bucket.span is Span.DAY}
    assert days == {day_start_ns(NOON_NS, ZONE)} != {day_start_ns(NOON_NS, UTC)}
