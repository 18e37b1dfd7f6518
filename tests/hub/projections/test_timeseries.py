"""The time series on real servers: each event once, refused lines kept apart, outages waited out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from hub.archive import Archive
from hub.influx import InfluxSettings, Proof, V1Writer, V2Writer, open_writer, write_all
from hub.measurements import COMMON_FIELDS, COMMON_TAGS, SCHEMA, line_of, point_time_ns
from hub.projections.runner import Runner
from hub.projections.timeseries import TimeSeries
from tests.support import strategies as our
from tests.support.events import TIME_NS, fever, routine
from tests.support.journals import URGENT, batch, entry, numbered
from tests.support.servers import VictoriaMetrics, eventually
from wire.errors import StoreError
from wire.events import (
    MAX_TIME_NS,
    AnyEvent,
    DeviceKind,
    DeviceState,
    Disinfection,
    Gap,
    GapCause,
    Guest,
    Health,
    HealthDeclared,
    LaneMode,
    LaneState,
    Outcome,
    Override,
    Reason,
    Registration,
    RoundDue,
    SecondaryMeasurement,
    VehiclePassage,
)
from wire.link import Backoff
from wire.messages import Numbered, batch_of

hostile = st.text(max_size=40) | st.text("\\\"',= \n\r\t\0{}[]#门\u2028i", max_size=30)
"""What a gate may say of itself, with all that line protocol takes for something else."""


class Story:
    """A journal and the projection that reads it."""

    def __init__(self, folder: Path, url: str, database: str) -> None:
        self.archive = Archive(folder / "journal.db")
        self.settings = InfluxSettings(url=url, bucket=database, batch_lines=100)
        self.runner = Runner(self.archive, TimeSeries(self.archive, self.settings), Backoff(0.02, 0.1))

    async def until_done(self, within_s: float = 20) -> None:
        """Run the projection until it has read all that is there."""
        last = await self.archive.read(lambda reader: reader.last_offset())
        task = asyncio.create_task(self.runner.run())
        await eventually(lambda: self.runner.cursor >= last, "the projection is through", within_s)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def story(tmp_path, influxdb1, database):
    story = Story(tmp_path, influxdb1.url, database)
    await story.archive.start()
    yield story
    await story.archive.stop()


async def test_each_event_is_one_point_also_two_of_one_nanosecond_and_a_replay_changes_nothing(
    story, influxdb1, database
):
    await story.archive.append([batch([fever(n) for n in range(1, 251)])])
    await story.until_done()
    await story.archive.set_cursor("timeseries", 0)
    story.runner = Runner(story.archive, TimeSeries(story.archive, story.settings))
    await story.until_done()
    rows = influxdb1.query("SELECT seq, skin_c FROM person_passage", database)
    assert sorted(row["seq"] for row in rows) == list(range(1, 251))
    assert {row["skin_c"] for row in rows} == {38.1}


async def test_an_outage_only_makes_it_wait(tmp_path, own_influxdb1, database):
    story = Story(tmp_path, own_influxdb1.url, database)
    await story.archive.start()
    await story.archive.append([batch([fever(1)])])
    task = asyncio.create_task(story.runner.run())
    await eventually(lambda: story.runner.cursor == 1, "the first is written")
    await asyncio.to_thread(own_influxdb1.kill)
    await story.archive.append([batch([fever(2)], first=2)])
    await eventually(lambda: bool(story.runner.error), "the outage is told")
    assert story.runner.row(2).state == "waiting"
    await asyncio.to_thread(own_influxdb1.start)
    await eventually(lambda: story.runner.cursor == 2, "it goes on")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await story.archive.stop()
    assert len(own_influxdb1.query("SELECT seq FROM person_passage", database)) == 2


async def test_a_line_that_the_server_refuses_is_kept_apart_and_the_rest_goes_on(story, influxdb1, database):
    writer = V1Writer(story.settings)
    clash = f'person_passage,site=other skin_c="a string" {TIME_NS}'
    writer.write([clash])
    writer.write([line_of(entry(routine(1)))])
    state = DeviceState(time_ns=TIME_NS, device="a", kind=DeviceKind.CLOCK, health=Health.OK)
    await story.archive.append([batch([fever(1), state, fever(3)])])
    await story.until_done()
    letters = await story.archive.read(lambda reader: reader.dead_letters())
    assert [letter.source for letter in letters] == ["line", "line"]
    assert all("field type conflict" in letter.reason for letter in letters)
    assert [row["seq"] for row in influxdb1.query("SELECT seq FROM device_state", database)] == [2]


def test_bad_lines_among_many_are_found_and_the_good_ones_stored(influxdb1, database):
    writer = V1Writer(InfluxSettings(url=influxdb1.url, bucket=database))
    lines = [f"m,t=a v={n}i {TIME_NS + n}" for n in range(100)]
    lines[17], lines[60] = "m,t=a v=NaN 5", "no line at all"
    rejected = write_all(writer, lines)
    assert [bad.line for bad in rejected] == ["m,t=a v=NaN 5", "no line at all"]
    assert influxdb1.query("SELECT count(v) FROM m", database)[0]["count"] == 98


class Doubtful:
    """A writer before a server that takes no line with `bad` in it, and nothing at all at some times."""

    def __init__(self, *insane: int) -> None:
        self.written: set[str] = set()
        self.calls = 0
        self._insane = insane

    def write(self, lines: Sequence[str]) -> None:
        self.calls += 1
        if self.calls in self._insane or any("bad" in line for line in lines):
            raise StoreError("HTTP 400: no", retry=False)
        self.written |= set(lines)

    def close(self) -> None:
        """Nothing is open."""


def test_a_proxy_that_refuses_everything_for_a_while_costs_no_line():
    writer, proof = Doubtful(2, 3, 4, 5), Proof()
    assert write_all(writer, ["a"], proof) == []
    with pytest.raises(StoreError, match="took before") as caught:
        write_all(writer, ["b", "c"], proof)
    assert caught.value.retry
    assert [bad.line for bad in write_all(writer, ["b", "bad", "c"], proof)] == ["bad"]
    assert writer.written == {"a", "b", "c"}


def test_a_server_that_comes_to_its_senses_while_lines_are_tried_is_asked_once_more_for_each():
    writer, proof = Doubtful(2), Proof()
    assert write_all(writer, ["a"], proof) == []
    assert write_all(writer, ["b"], proof) == []
    assert writer.written == {"a", "b"}


def test_a_server_that_never_took_anything_is_doubted_for_a_while_and_then_believed():
    writer, proof = Doubtful(), Proof()
    for _ in range(Proof.MOST_DOUBTS - 1):
        with pytest.raises(StoreError, match="so far"):
            write_all(writer, ["bad"], proof)
    assert [bad.line for bad in write_all(writer, ["bad"], proof)] == ["bad"]


def test_the_server_is_asked_what_it_is(influxdb1, victoria_metrics, database):
    assert isinstance(open_writer(InfluxSettings(url=influxdb1.url, bucket=database)), V1Writer)
    assert isinstance(open_writer(InfluxSettings(url=victoria_metrics.url, bucket=database)), V2Writer)
    with pytest.raises(StoreError) as caught:
        open_writer(InfluxSettings(url="http://127.0.0.1:9", bucket=database))
    assert caught.value.retry


async def test_the_v2_api_gets_each_event_once(tmp_path, victoria_metrics, database):
    story = Story(tmp_path, victoria_metrics.url, database)
    await story.archive.start()
    await story.archive.append([batch([replace(fever(n), time_ns=TIME_NS + n * 10**9) for n in range(1, 31)])])
    await story.until_done()
    await story.archive.stop()

    def points() -> list[float]:
        found = victoria_metrics.export('{__name__="person_passage_seq"}')
        return sorted(value for series in found for value in series["values"])

    await eventually(lambda: len(points()) == 30, "all points can be read")
    assert points() == [float(n) for n in range(1, 31)]


def test_hostile_strings_come_back_as_they_were(influxdb1, database):
    texts = ['say "hi"', "back\\slash", "a,b=c d", "门神", "tail\\"]
    events = [Disinfection(time_ns=TIME_NS + n * 1000, place="canteen", agent=text) for n, text in enumerate(texts)]
    writer = V1Writer(InfluxSettings(url=influxdb1.url, bucket=database))
    assert write_all(writer, [line_of(entry(event)) for event in events]) == []
    assert [row["agent"] for row in influxdb1.query("SELECT agent FROM disinfection", database)] == texts


@given(our.events)
def test_a_line_holds_nothing_that_the_schema_does_not_declare(event):
    line = line_of(entry(event, seq=5))
    head, rest = re.split(r"(?<!\\) ", line, maxsplit=1)
    name, *tags = re.split(r"(?<!\\),", head)
    declared = {measurement.name: measurement for measurement in SCHEMA}[name]
    assert {tag.split("=")[0] for tag in tags} <= set(COMMON_TAGS) | set(declared.tags)
    fields = re.sub(r'"(?:[^"\\]|\\.)*"', '""', rest.rsplit(" ", 1)[0])
    assert {field.split("=")[0] for field in fields.split(",")} <= set(COMMON_FIELDS) | set(declared.fields)
    assert "token" not in line
    assert "\n" not in line


def test_the_numbers_last_digits_make_times_of_one_microsecond_different():
    times = {point_time_ns(entry(fever(1), seq=seq)) for seq in range(1, 1001)}
    assert len(times) == 1000
    assert all(abs(time_ns - TIME_NS) < 1000 for time_ns in times)


def test_the_urgent_and_the_routine_stream_never_overwrite_each_other():
    assert line_of(entry(fever(1))).split(" ")[0] != line_of(entry(routine(1))).split(" ")[0]
    assert URGENT.urgency == "urgent"


async def test_a_server_that_comes_back_as_another_is_asked_anew_what_it_is(tmp_path, http_sink, influxdb1, database):
    http_sink.status = 404  # a proxy that answers for a server that is not up yet, and names no version
    story = Story(tmp_path, http_sink.url.removesuffix("/hook"), database)
    await story.archive.start()
    await story.archive.append([batch([fever(1)])])
    task = asyncio.create_task(story.runner.run())
    await eventually(lambda: any("/api/v2/write" in request.path for request in http_sink.requests), "it waits")
    story.settings = InfluxSettings(url=influxdb1.url, bucket=database)
    story.runner.projection._settings = story.settings
    await eventually(lambda: story.runner.cursor == 1, "it goes on")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await story.archive.stop()
    assert len(influxdb1.query("SELECT seq FROM person_passage", database)) == 1


async def test_a_time_that_the_server_cannot_hold_is_kept_apart_and_stops_nothing(story, influxdb1, database):
    times_ns = [MAX_TIME_NS if number == 900 else TIME_NS for number in range(1, 1001)]
    await story.archive.append([batch([fever(n, time_ns) for n, time_ns in enumerate(times_ns, start=1)])])
    await story.until_done()
    letters = await story.archive.read(lambda reader: reader.dead_letters())
    assert [letter.source for letter in letters] == ["line"]
    rows = influxdb1.query("SELECT seq FROM person_passage", database)
    assert {row["seq"] for row in rows} == set(range(1, 1001)) - {900}


async def test_an_event_that_cannot_be_read_is_a_point_too(story, influxdb1, database):
    odd = Numbered(2, Raw(b'{"type":"from-the-future","time_ns":1}'))
    await story.archive.append([batch_of(URGENT, [*numbered([fever(1)]), odd])])
    await story.until_done()
    assert [row["seq"] for row in influxdb1.query("SELECT seq FROM unreadable", database)] == [2]


def test_any_text_of_a_gate_comes_back_from_a_real_server_as_one_field_of_one_point(influxdb1):
    name = f"test_{uuid4().hex[:12]}"
    writer = V1Writer(InfluxSettings(url=influxdb1.url, bucket=name))
    number = iter(range(1, 10**6))

    @settings(max_examples=150, deadline=None)
    @given(st.lists(hostile, min_size=1, max_size=10))
    def check(texts: list[str]) -> None:
        first = next(number) * 10**9
        states = [
            DeviceState(time_ns=first + n * 10**6, device="a", kind=DeviceKind.CLOCK, health=Health.OK, detail=text)
            for n, text in enumerate(texts)
        ]
        assert write_all(writer, [line_of(entry(state)) for state in states]) == []
        where = f"time >= {first} AND time < {first + 10**9}"
        rows = influxdb1.query(f"SELECT detail, seq FROM device_state WHERE {where}", name)
        assert [row["seq"] for row in rows] == [1] * len(texts)
        assert [row["detail"] or "" for row in rows] == [text.replace("\n", " ") for text in texts]

    check()
    assert {row["name"] for row in influxdb1.query("SHOW MEASUREMENTS", name)} == {"device_state"}
    writer.close()


async def test_every_kind_of_event_is_written_and_read_back_under_its_declared_names(story, influxdb1, database):
    truck = VehiclePassage(
        time_ns=TIME_NS, passage="p", lane="truck", outcome=Outcome.DENY, confidence=1, reasons=(Reason.FEVER,)
    )
    contact = SecondaryMeasurement(time_ns=TIME_NS, lane="people", body_c=38)
    state = DeviceState(time_ns=TIME_NS, device="cam", kind=DeviceKind.THERMAL, health=Health.OK, detail="well")
    gap = Gap(time_ns=TIME_NS, cause=GapCause.SPOOL_FULL, lost=3)
    visit = Registration(time_ns=TIME_NS, token="visitor-token", guest=Guest.VISITOR, until_ns=TIME_NS, lane="people")
    let = Override(time_ns=TIME_NS, lane="people", outcome=Outcome.ALLOW, by="guard-li", why="ambulance")
    by_hand = LaneState(time_ns=TIME_NS, lane="people", mode=LaneMode.MANUAL, detail="camera failed")
    due = RoundDue(time_ns=TIME_NS, kind="canteen", place="c-1", from_ns=TIME_NS - 60 * 10**9, until_ns=TIME_NS)
    said = HealthDeclared(time_ns=TIME_NS, number=7, concern="ill")
    events = [fever(1), truck, state, gap, routine(5), contact, visit, let, by_hand, due, said]
    await story.archive.append([batch_of(URGENT, [*numbered(events), Numbered(12, Raw(b"{}"))])])
    await story.until_done()
    for declared in SCHEMA:
        (row,) = influxdb1.query(f"SELECT * FROM {declared.name}", database)
        known = {"time", *COMMON_TAGS, *COMMON_FIELDS, *declared.tags, *declared.fields}
        assert set(row) <= known
        assert set(row) >= set(declared.tags) | {"seq", "late_s", "site", "gate", "urgency"}
    assert await story.archive.read(lambda reader: [letter.source for letter in reader.dead_letters()]) == ["event"]


async def test_an_outage_of_the_v2_api_only_makes_it_wait(tmp_path, database):
    server = VictoriaMetrics(tmp_path / "victoria")
    server.start()
    story = Story(tmp_path, server.url, database)
    await story.archive.start()
    await story.archive.append([batch([fever(1)])])
    task = asyncio.create_task(story.runner.run())
    await eventually(lambda: story.runner.cursor == 1, "the first is written")
    await asyncio.to_thread(server.kill)
    await story.archive.append([batch([fever(2)], first=2)])
    await eventually(lambda: bool(story.runner.error), "the outage is told")
    await asyncio.to_thread(server.start)
    await eventually(lambda: story.runner.cursor == 2, "it goes on")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await story.archive.read(lambda reader: reader.dead_count()) == 0
    await story.archive.stop()
    await asyncio.to_thread(server.stop)


async def test_a_kill_between_the_write_and_the_cursor_writes_again_and_doubles_nothing(story, influxdb1, database):
    await story.archive.append([batch([fever(n) for n in range(1, 21)])])
    projection = story.runner.projection
    entries = await story.archive.after(0, 100)
    await asyncio.to_thread(projection._write, entries)
    assert await projection.start() == 0
    await story.until_done()
    assert influxdb1.query("SELECT count(seq) FROM person_passage", database)[0]["count"] == 20


@pytest.mark.parametrize("end", ["", "/"])
def test_an_address_with_and_without_a_slash_at_its_end_is_the_same(influxdb1, victoria_metrics, database, end):
    for server, name in ((influxdb1, "V1Writer"), (victoria_metrics, "V2Writer")):
        writer = open_writer(InfluxSettings(url=server.url + end, bucket=database))
        assert type(writer).__name__ == name
        writer.write([f"slash,t=a v=1i {TIME_NS}"])
        writer.close()
    assert influxdb1.query("SELECT v FROM slash", database) == [{"time": TIME_NS, "v": 1}]


def test_a_real_server_takes_the_line_of_any_event_as_one_point(influxdb1):
    name = f"test_{uuid4().hex[:12]}"
    writer = V1Writer(InfluxSettings(url=influxdb1.url, bucket=name))
    total = 0

    @settings(max_examples=60, deadline=None)
    @given(st.lists(our.events, min_size=1, max_size=20))
    def check(events: list[AnyEvent]) -> None:
        nonlocal total
        dated = [replace(event, time_ns=TIME_NS + (total + n) * 1000) for n, event in enumerate(events)]
        assert write_all(writer, [line_of(entry(event)) for event in dated]) == []
        total += len(events)

    check()
    counts = [row["count"] for row in influxdb1.query("SELECT count(seq) FROM /.*/", name)]
    assert sum(counts) == total
    writer.close()
