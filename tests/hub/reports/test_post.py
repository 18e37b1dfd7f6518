"""The daily report by mail: once a day, made once, tried until it is taken, and said while it is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.alerts.chains import AllChannels
from hub.alerts.channels import MailSettings
from hub.alerts.course import StoreSettings
from hub.alerts.desk import AlertDesk
from hub.alerts.notifier import Clocks
from hub.alerts.store import AlertStore
from hub.database import Database
from hub.reports import post as post_module
from hub.reports.figures import DayReport, day_report
from hub.reports.post import Post, Postman, days_due, mails, retry_ns
from hub.reports.settings import ReportSettings
from tests.hub.reports.test_files import cells_of, excel_cells
from tests.support.console import ZONE
from tests.support.reports import usual
from tests.support.servers import SmtpSink

EVENING = int(datetime(2020, 2, 10, 20, 0, 1, tzinfo=ZONE).timestamp()) * 10**9
MINUTE = 60 * 10**9
SETTINGS = ReportSettings(at="20:00", channel="officer", to=["inspector@city.example"])


class Clock:
    def __init__(self) -> None:
        self.now_ns = EVENING

    def __call__(self) -> int:
        return self.now_ns


class Office:
    """A postman over real stores; `made` are the days that were asked for."""

    def __init__(self, folder: Path, port: int, url: str, clock: Clock) -> None:
        self.clock, self.made = clock, []
        self.database = Database(url)
        store = AlertStore(folder / "alerts.db", AllChannels(()), StoreSettings(zone="Asia/Shanghai"))
        self.alerts = AlertDesk(store, [], clocks=Clocks(now_ns=clock))
        server = MailSettings(name="officer", host="127.0.0.1", port=port, sender="hub@plant.example", to=["x@y"])
        self.postman = Postman(Post("baotou-1", SETTINGS, server, ZONE), self.database, self.make, self.alerts, clock)

    async def make(self, day: date) -> DayReport:
        self.made.append(day)
        return day_report(replace(usual(), day=day, made_ns=self.clock.now_ns))

    async def open_rules(self) -> list[str]:
        return [row.rule for row in await self.alerts.run(self.alerts.store.open_alerts)]


@asynccontextmanager
async def office_in(folder: Path, port: int, clock: Clock, url: str = "") -> AsyncIterator[Office]:
    office = Office(folder, port, url or f"sqlite:///{folder / 'menshen.db'}", clock)
    await office.database.start()
    await office.alerts.start()
    try:
        yield office
    finally:
        await office.alerts.stop()
        await office.database.stop()


@pytest.fixture
async def sink() -> AsyncIterator[SmtpSink]:
    sink = SmtpSink()
    sink.start()
    yield sink
    sink.stop()


async def test_the_report_of_a_day_is_sent_once_with_its_files_and_without_names(tmp_path, sink, database_url):
    async with office_in(tmp_path, sink.port, Clock(), database_url) as office:
        for _ in range(3):
            await office.postman.look()
        (mail,) = sink.mails
        message = message_from_bytes(mail, policy=default)
        assert (message["To"], message["Subject"]) == ("inspector@city.example", "疫情防控日报 baotou-1 2020-02-10")
        assert message["Message-ID"] == "<menshen-report-baotou-1-2020-02-10@plant.example>"
        names = [part.get_filename() for part in message.iter_attachments()]
        assert names == ["menshen-baotou-1-2020-02-10.pdf", "menshen-baotou-1-2020-02-10.xlsx"]
        excel = list(message.iter_attachments())[1].get_content()
        report = replace(day_report(replace(usual(), made_ns=EVENING)), isolated=())
        assert excel_cells(excel) == cells_of(report, "zh")
        assert "李雷" not in message.get_body().get_content()
        assert office.made == [date(2020, 2, 10)]
        assert await office.open_rules() == []


async def test_a_report_that_is_refused_is_tried_again_as_it_was_made_said_and_over_a_restart(tmp_path, sink):
    clock = Clock()
    sink.reply = "451 try later"
    async with office_in(tmp_path, sink.port, clock) as office:
        await office.postman.look()
        await office.postman.look()
        (mail,) = await office.database.read(mails)
        assert (mail.tries, mail.sent_ns) == (1, None), "the second look came before the time to try again"
        assert "451" in mail.error
        clock.now_ns += 16 * MINUTE
        await office.postman.look()
        assert await office.open_rules() == ["report-unsent"]
    sink.reply = "250 OK"
    clock.now_ns += 60 * MINUTE
    async with office_in(tmp_path, sink.port, clock) as office:
        await office.postman.look()
        assert office.made == [], "it was made once"
        (mail,) = await office.database.read(mails)
        assert (mail.tries, mail.sent_ns, mail.error) == (3, clock.now_ns, "")
        assert len(sink.mails) == 1
        await office.postman.look()
        assert await office.open_rules() == []


async def test_a_server_that_is_not_there_is_tried_again(tmp_path, sink):
    clock = Clock()
    sink.stop()
    async with office_in(tmp_path, sink.port, clock) as office:
        await office.postman.look()
        sink.start()
        clock.now_ns += 2 * MINUTE
        await office.postman.look()
        assert len(sink.mails) == 1


async def test_days_that_a_hub_missed_are_made_up_for(tmp_path, sink, monkeypatch):
    clock = Clock()
    async with office_in(tmp_path, sink.port, clock) as office:
        await office.postman.look()
        clock.now_ns += 3 * 24 * 60 * MINUTE - 120 * MINUTE
        await office.postman.look()
        assert office.made == [date(2020, 2, 10), date(2020, 2, 11), date(2020, 2, 12)]
        assert len(sink.mails) == 3
    assert post_module.MOST_MISSED == 7


moments = st.datetimes(datetime(2020, 2, 1), datetime(2020, 3, 1))  # noqa: DTZ001 - the site's wall clock
reports = st.builds(
    ReportSettings,
    at=st.sampled_from(["00:00", "07:30", "20:00", "23:59"]),
    channel=st.just("m"),
    of=st.sampled_from(["today", "yesterday"]),
)


@given(st.lists(moments, min_size=1, max_size=12).map(sorted), reports)
def test_whenever_a_hub_looks_each_day_is_due_once_and_none_before_its_time(looks, settings):
    made: list[date] = []
    for now in looks:
        due = days_due(made[-1] if made else None, now, settings)
        assert len(due) <= 7
        for day in due:
            assert datetime.combine(day, settings.time()) + timedelta(days=settings.days_after()) <= now
        made += due
        assert made == sorted(set(made))
        newest = now.date() - timedelta(days=settings.days_after())
        assert made[-1] == (newest if now.time() >= settings.time() else newest - timedelta(days=1))


def test_the_time_between_two_tries_grows_up_to_an_hour():
    waits = [retry_ns(tries) // MINUTE for tries in range(1, 12)]
    assert waits[:4] == [1, 2, 4, 8]
    assert max(waits) == waits[-1] == 60
