"""Retention: once a day what is older than the settings say is erased, and the record says what was done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

import structlog
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.database import Database
from hub.privacy import erasure
from hub.privacy.erasure import CannotErase
from hub.privacy.register import KINDS
from hub.privacy.settings import PrivacySettings
from hub.registry import key
from hub.registry.office import PeopleOffice, Touched
from hub.registry.visits import forget_before
from wire.errors import MenshenError

log = structlog.get_logger(__name__)

ACTION = "retention"
BY = "retention"
AT_ONCE = 200
"""Visitors erased in one transaction, so that nobody's isolation waits for it."""
DAY_NS = 86_400 * 10**9
RETRY_S = 60.0


class Forgets(Protocol):
    """A file of a projection, or the journal, that forgets what is older."""

    async def forget(self, before_ns: int) -> int:
        """How many rows are gone."""


class Retention:
    """Owns nothing: it works on the office's database and on what else remembers people."""

    def __init__(
        self,
        office: PeopleOffice,
        settings: PrivacySettings,
        *,
        sealing: Path,
        checks: Forgets,
        journal: Forgets,
        alerts: Forgets | None = None,
        new_key: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`new_key` is called after the sealing key was replaced."""
        self._office, self._settings = office, settings
        self._sealing, self._checks, self._journal, self._new_key = sealing, checks, journal, new_key
        self._alerts = alerts

    async def keep(self) -> None:
        """At the start, then each day, until cancelled; after an error again soon."""
        while True:
            try:
                await self.once()
            except MenshenError as error:
                log.error("retention cannot be done now; trying again", error=str(error), wait_s=RETRY_S)
                await asyncio.sleep(RETRY_S)
                continue
            await asyncio.sleep(self._wait_s())

    async def once(self) -> dict[str, int]:
        """Erase what is old; how many rows of each kind. Raises `MenshenError`."""
        now_ns, settings = self._office.now_ns(), self._settings
        done = {"visitors": await self._visitors(now_ns - settings.visitors_days * DAY_NS)}
        database: Database = self._office.database
        for kind in KINDS:
            if kind.moment is not None:
                before_ns = now_ns - settings.days(kind.name) * DAY_NS
                done[kind.name] = await database.write(partial(erasure.age, kind=kind, before_ns=before_ns))
        before_ns = now_ns - settings.registrations_days * DAY_NS
        done["registrations"] = await self._office.registrar.ask(partial(forget_before, before_ns=before_ns))
        done["sealing_keys"] = key.destroy(self._sealing, before_ns)
        if key.rotate(self._sealing, now_ns, settings.seal_days * DAY_NS):
            await self._tell_new_key()
        done["checks"] = await self._checks.forget(now_ns - settings.checks_days * DAY_NS)
        if self._alerts is not None:
            done["alerts"] = await self._alerts.forget(now_ns - settings.alerts_days * DAY_NS)
        if settings.journal_days is not None:
            done["journal"] = await self._journal.forget(now_ns - settings.journal_days * DAY_NS)
        log.info("retention is done", **done)
        await database.write(lambda session: note(session, now_ns, BY, ACTION, rows=done))
        return done

    async def _tell_new_key(self) -> None:
        if self._new_key is not None:
            await self._new_key()

    async def _visitors(self, before_ns: int) -> int:
        count = 0
        work = partial(_erase_visitors, before_ns=before_ns, now_ns=self._office.now_ns())
        while found := await self._office.change(work):
            count += found
        return count

    def _wait_s(self) -> float:
        now = self._office.local(self._office.now_ns())
        at = datetime.combine(now.date(), time.fromisoformat(self._settings.at), now.tzinfo)
        return max(1.0, ((at if at > now else at + timedelta(days=1)) - now).total_seconds())


def _erase_visitors(session: Session, before_ns: int, now_ns: int) -> tuple[int, Touched]:
    ids, erased = erasure.visitors_over(session, before_ns, AT_ONCE), []
    for person_id in ids:
        try:
            erasure.erase(session, person_id, by=BY, why="visit over", now_ns=now_ns)
        except CannotErase:
            continue
        erased.append(person_id)
    return len(erased), Touched(people=erased)
