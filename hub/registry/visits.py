"""The projection that brings what gates register to all gates: walk-in visitors, vehicles, disinfections.

    Registration ──► a visit in the record (sealed), and an entry of the registry where the token has none in use
    Disinfection of a vehicle ──► its entries (plate, tag) are good until `valid_s` later

All of it and the cursor change in one transaction of the registry's own file, so a replay changes nothing: a visit
stands under its offset in the journal, a token that is registered or was taken out is left as it is unless it was a
visit's that is over (badges of visitors are handed out again), and a disinfection only ever moves its validity on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hub.journal import Entry
from hub.registry.store import Registrar, RegistryStore
from wire.events import Disinfection, Registration
from wire.registry import entries_of, gives_way, tokens_of


class Visit(Struct, frozen=True):
    """One registration at a gate."""

    offset: int
    site: str
    gate: str
    registration: Registration


class Visits:
    """Owns nothing of its own: it writes into the registry's store."""

    name = "visits"
    batch_entries = 2000

    def __init__(self, registrar: Registrar, site: str, disinfection_valid_s: float) -> None:
        self._registrar = registrar
        self._site = site
        self._valid_ns = int(disinfection_valid_s * 1e9)

    async def start(self) -> int:
        return await self._registrar.ask(_cursor)

    async def apply(self, entries: Sequence[Entry]) -> None:
        await self._registrar.ask(partial(self._take, entries))

    async def stop(self) -> None:
        """The registry's store is its owner's to close."""

    async def between(self, from_ns: int, until_ns: int) -> list[Visit]:
        """Registrations from one moment to before another, in the order of the journal. Raises `RegistryError`."""
        return await self._registrar.ask(partial(visits, from_ns=from_ns, until_ns=until_ns))

    def _take(self, entries: Sequence[Entry], store: RegistryStore) -> None:
        with store.transaction() as db:
            for entry in entries:
                match entry.event():
                    case Registration() as registration:
                        _record(db, entry, registration)
                        if entry.stream.site == self._site:
                            _register(db, store, registration)
                    case Disinfection(vehicle=str(token), time_ns=time_ns) if entry.stream.site == self._site:
                        _disinfected(db, store, token, time_ns + self._valid_ns)
            db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (self.name, entries[-1].offset))


def visits(store: RegistryStore, from_ns: int, until_ns: int) -> list[Visit]:
    """Registrations from one moment to before another. Raises `RegistryError`."""
    query = 'SELECT "offset", site, gate, body FROM visits WHERE time_ns >= ? AND time_ns < ? ORDER BY "offset"'
    with store.transaction() as db:
        rows = db.execute(query, (from_ns, until_ns)).fetchall()
    return [
        Visit(offset, site, gate, msgspec.json.decode(body, type=Registration)) for offset, site, gate, body in rows
    ]


def forget_before(store: RegistryStore, before_ns: int) -> int:
    """Forget what guards registered before that; how much. Raises `RegistryError`."""
    with store.transaction() as db:
        return db.execute("DELETE FROM visits WHERE time_ns < ?", (before_ns,)).rowcount


def _cursor(store: RegistryStore) -> int:
    with store.transaction() as db:
        row = db.execute('SELECT "offset" FROM cursors WHERE name = ?', (Visits.name,)).fetchone()
    return 0 if row is None else int(row[0])


def _record(db: sqlite3.Connection, entry: Entry, registration: Registration) -> None:
    row = (entry.offset, registration.time_ns, entry.stream.site, entry.stream.gate, msgspec.json.encode(registration))
    db.execute("INSERT OR REPLACE INTO visits VALUES (?, ?, ?, ?, ?)", row)


def _register(db: sqlite3.Connection, store: RegistryStore, registration: Registration) -> None:
    for new in entries_of(registration):
        old = store.entry(db, new.token)
        if old is not None and gives_way(old, new):
            store.write(db, [replace(new, disinfected_until_ns=old.disinfected_until_ns)])
        else:
            store.put_if_new(db, new)


def _disinfected(db: sqlite3.Connection, store: RegistryStore, token: str, until_ns: int) -> None:
    """A vehicle is disinfected whole, whichever of its tokens the gate had read."""
    known = store.entry(db, token)
    tokens = set() if known is None else {*tokens_of(known), *store.of_same_source(db, token)}
    entries = [store.entry(db, one) for one in sorted(tokens)]
    later = [entry for entry in entries if entry is not None and until_ns > (entry.disinfected_until_ns or 0)]
    if later:
        store.write(db, [replace(entry, disinfected_until_ns=until_ns) for entry in later])
