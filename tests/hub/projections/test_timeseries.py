"""The time series on real servers: each event once, refused lines kept apart, outages waited out."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from hypothesis import given
from msgspec.structs import replace

from hub.archive import Archive
from hub.influx import InfluxSettings, V1Writer, V2Writer, open_writer, write_all
from hub.measurements import COMMON_FIELDS, COMMON_TAGS, SCHEMA, line_of, point_time_ns
from hub.projections.runner import Runner
from hub.projections.timeseries import TimeSeries
from tests.support import strategies as our
from tests.support.events import TIME_NS, fever, routine
from tests.support.journals import URGENT, batch, entry
from tests.support.servers import eventually
from wire.errors import StoreError
from wire.events import DeviceKind, DeviceState, Disinfection, Health
from wire.link import Backoff


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
