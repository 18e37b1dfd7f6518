"""The projection that opens cases: fevers and contact thermometers of the journal → signs and cases → the gates.

Its cursor stands in the relational store, in the transaction of the cases; a sign stands under its place in its gate's
stream, so a replay from anywhere finds everything known. What changed for somebody is at the gates at once. A hub that
begins to keep cases by itself reads only what it heard of within the days of an isolation: what came before was
answered for by people.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from hub.archive import Archive
from hub.cases import signs
from hub.cases.models import Cursor
from hub.cases.rule import Told, told_by
from hub.cases.signs import Rules
from hub.journal import Entry
from hub.registry.office import PeopleOffice, Touched

MOVE_EVERY = 5000
"""Entries without a sign move the cursor so rarely: they are read again after a restart, and say nothing again."""
_DAY_NS = 86_400 * 10**9


class CaseKeeper:
    """Opens and ends cases by what the gates tell. `apply` raises `DatabaseError`."""

    name = "cases"
    batch_entries = 1000

    def __init__(self, archive: Archive, office: PeopleOffice, site: str, confirmed_from_c: float) -> None:
        self._archive = archive
        self._office = office
        self._site = site
        self._confirmed_from_c = confirmed_from_c
        self._moved_to = 0

    @property
    def rules(self) -> Rules:
        return Rules(self._office.isolation, self._office.day_of)

    async def start(self) -> int:
        kept = await self._office.database.read(lambda session: session.get(Cursor, self.name))
        if kept is None:
            since_ns = self._office.now_ns() - self._office.isolation.days * _DAY_NS
            kept_to = await self._archive.read(lambda reader: reader.first_since(since_ns)) - 1
        else:
            kept_to = kept.offset
        self._moved_to = kept_to
        return kept_to

    async def apply(self, entries: Sequence[Entry]) -> None:
        last = entries[-1].offset
        mine = (entry for entry in entries if entry.stream.site == self._site)
        told = [one for entry in mine if (one := told_by(entry, self._confirmed_from_c)) is not None]
        if told:
            await self._office.change(lambda session: self._take(session, told, last))
        elif last - self._moved_to >= MOVE_EVERY:
            await self._office.database.write(lambda session: self._move(session, last))
        else:
            return
        self._moved_to = last

    async def stop(self) -> None:
        """The database is its owner's to close."""

    def _take(self, session: Session, told: Sequence[Told], offset: int) -> tuple[None, Touched]:
        people = signs.take(session, told, self.rules, self._office.now_ns())
        self._move(session, offset)
        return None, Touched(people=people)

    def _move(self, session: Session, offset: int) -> None:
        session.merge(Cursor(name=self.name, offset=offset))
