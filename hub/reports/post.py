"""Sends the report of each day by mail, once, at its time.

    due ── made, kept ── tried ──┬── taken: sent
                  ▲              └── refused or no server: said, tried again later ──┐
                  └─────────────────────────────────────────────────────────────────┘

A report is made once; whatever is sent later says what it said then. A hub that was away makes up for the days that it
missed. Where a crash comes between sending and noting it, the mail goes out again under the same Message-ID.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from email.message import EmailMessage
from functools import partial
from typing import NamedTuple

import msgspec
import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.alerts.channels.mail import MailSettings, deliver
from hub.alerts.desk import AlertDesk
from hub.alerts.rules import Rule, Signal
from hub.database import Database
from hub.reports.figures import DayReport, without_names
from hub.reports.files import file_of, text_of
from hub.reports.models import ReportMail
from hub.reports.settings import ReportSettings
from hub.reports.tables import heading, made, tables
from hub.web.words import say
from wire.errors import DatabaseError, DeliveryError, JournalError, RegistryError

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 20.0
RETRY_FIRST_NS = 60 * 10**9
RETRY_MOST_NS = 3600 * 10**9
TELL_AFTER_NS = 900 * 10**9
"""A report that no server has taken for so long is an alert."""
MOST_MISSED = 7
"""A hub that was away for longer does not make up for more days."""
_DAY = timedelta(days=1)


class Post(NamedTuple):
    """How and what one site sends."""

    site: str
    settings: ReportSettings
    server: MailSettings
    zone: tzinfo | None = None


Make = Callable[[date], Awaitable[DayReport]]
"""The figures of a day as they stand now."""


class Postman:
    """Sends the reports of one site."""

    def __init__(
        self, post: Post, database: Database, make: Make, alerts: AlertDesk, now_ns: Callable[[], int]
    ) -> None:
        self._post = post
        self._database = database
        self._make = make
        self._alerts = alerts
        self._now_ns = now_ns

    async def keep(self) -> None:
        """Until cancelled."""
        told = ""
        while True:
            try:
                await self.look()
                told = ""
            except (DatabaseError, JournalError, RegistryError) as error:
                if str(error) != told:
                    log.error("the daily report cannot be made yet", error=str(error))
                told = str(error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Make what is due, and try what is waiting. Raises `DatabaseError`, `JournalError`, `RegistryError`."""
        last = await self._database.read(lambda session: session.scalar(select(func.max(ReportMail.day))))
        for day in days_due(last, self._local(self._now_ns()), self._post.settings):
            report = without_names(await self._make(day))
            await self._database.write(partial(_keep, day=day, report=report, now_ns=self._now_ns()))
        for mail in await self._database.read(partial(_waiting, now_ns=self._now_ns())):
            await self._try(mail)
        await self._tell()

    async def _try(self, mail: ReportMail) -> None:
        report = msgspec.json.decode(mail.body, type=DayReport)
        message = await asyncio.to_thread(message_of, report, self._post, self._now_ns())
        error = ""
        try:
            await deliver(message, self._post.server)
        except DeliveryError as refused:
            error = str(refused)[:400]
            log.error("the daily report is not sent yet", day=report.day, tries=mail.tries + 1, error=error)
        await self._database.write(partial(_tried, day=mail.day, error=error, now_ns=self._now_ns()))

    async def _tell(self) -> None:
        """An alert for each report that has waited for too long; over when it is sent."""
        now_ns = self._now_ns()
        waiting = await self._database.read(partial(_waiting, now_ns=None))
        signals = [
            Signal(
                key=f"{Rule.REPORT_UNSENT}/{self._post.site}/{mail.day.isoformat()}",
                rule=Rule.REPORT_UNSENT,
                site=self._post.site,
                gate=self._post.server.name,
                time_ns=mail.made_ns,
                newest_ns=now_ns,
                detail=f"{mail.day.isoformat()}: {mail.error}"[:200],
                total=1,
            )
            for mail in waiting
            if mail.error and now_ns - mail.made_ns > TELL_AFTER_NS
        ]
        rules = {Rule.REPORT_UNSENT}
        await self._alerts.ask(lambda store, at_ns: store.stand(self._post.site, rules, signals, at_ns))

    def _local(self, time_ns: int) -> datetime:
        return datetime.fromtimestamp(time_ns // 10**9, UTC).astimezone(self._post.zone)


def days_due(last: date | None, now: datetime, settings: ReportSettings) -> list[date]:
    """The days whose report is due and not made yet, the oldest first. At first only the newest. Pure."""
    newest = now.date() - settings.days_after() * _DAY
    if now.time() < settings.time():
        newest -= _DAY
    first = newest if last is None else max(last + _DAY, newest - (MOST_MISSED - 1) * _DAY)
    return [first + n * _DAY for n in range((newest - first).days + 1)]


def message_of(report: DayReport, post: Post, now_ns: int) -> EmailMessage:
    """The mail with its attachments. Its Message-ID is the day's, so that a second copy is known as one."""
    settings, server = post.settings, post.server
    lang, zone = settings.lang, post.zone
    told = EmailMessage()
    told["From"] = server.sender
    told["To"] = ", ".join(settings.to or server.to)
    told["Subject"] = say(lang, "report.mail.subject", site=report.site, day=report.day)
    told["Message-ID"] = f"<menshen-report-{report.site}-{report.day}@{server.sender.rpartition('@')[2]}>"
    told["Date"] = datetime.fromtimestamp(now_ns // 10**9, UTC)
    body = text_of(heading(report, lang), made(report, lang, zone), tables(report, lang, zone))
    told.set_content(f"{body}\n{say(lang, 'report.mail.names')}\n")
    for form in settings.formats:
        file = file_of(report, form, lang, zone)
        main, _, sub = file.type.partition("/")
        told.add_attachment(file.body, maintype=main, subtype=sub, filename=file.name)
    return told


def retry_ns(tries: int) -> int:
    """How long to wait after so many tries that failed."""
    return min(RETRY_MOST_NS, RETRY_FIRST_NS << min(tries - 1, 10))


def mails(session: Session, most: int = 14) -> list[ReportMail]:
    """The last reports that were made to be sent, the newest first."""
    return list(session.scalars(select(ReportMail).order_by(ReportMail.day.desc()).limit(most)))


def _keep(session: Session, day: date, report: DayReport, now_ns: int) -> None:
    if session.get(ReportMail, day) is None:
        session.add(ReportMail(day=day, made_ns=now_ns, body=msgspec.json.encode(report), next_ns=now_ns))


def _waiting(session: Session, now_ns: int | None) -> list[ReportMail]:
    query = select(ReportMail).where(ReportMail.sent_ns.is_(None)).order_by(ReportMail.day)
    return list(session.scalars(query if now_ns is None else query.where(ReportMail.next_ns <= now_ns)))


def _tried(session: Session, day: date, error: str, now_ns: int) -> None:
    mail = session.get_one(ReportMail, day)
    mail.tries += 1
    mail.error = error
    mail.next_ns = now_ns + retry_ns(mail.tries)
    mail.sent_ns = None if error else now_ns
