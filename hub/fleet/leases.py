"""Leases in PostgreSQL: which processes are alive, and which shares each has. The database's clock decides alone.

A process renews its row; whoever finds one whose time is over deletes it, and with it goes the hold on its shares. To
take a share is to raise its term: what its owner of before still tries to append is refused (`append` in
`hub.fleet.postgres`). A process that was held up finds its row gone and comes back as somebody new.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import psycopg

from hub.fleet.postgres import connect, said, shown
from hub.fleet.shares import LEADER
from wire.errors import JournalError

_STATEMENT_S = 3.0


class View(NamedTuple):
    """The table of shares as one process saw it."""

    me: int
    alive: dict[int, str]
    """Processes whose lease is not over, with their names."""
    owners: dict[int, int | None]
    """Each share's owner; None where no process has it that is alive."""
    terms: dict[int, int]
    """The terms of this process's own shares."""
    clock_s: float
    """The database's clock, in seconds since 1970."""


class Leases:
    """One process's leases. Blocks; not thread-safe; methods raise `JournalError`."""

    def __init__(self, url: str, name: str, lease_s: float) -> None:
        self._url, self._name, self._lease_s = url, name, lease_s
        self._db: psycopg.Connection[Any] | None = None
        self._me = 0

    def beat(self) -> View:
        """Say that this process is alive, and see who else is."""
        with self._transaction() as db:
            self._renew(db)
            db.execute(
                "DELETE FROM members WHERE id IN"
                " (SELECT id FROM members WHERE until < clock_timestamp() FOR UPDATE SKIP LOCKED)"
            )
            alive = dict(db.execute("SELECT id, name FROM members ORDER BY id").fetchall())
            rows = db.execute("SELECT share, owner, term FROM shares").fetchall()
            [(clock_s,)] = db.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchall()
        owners = {share: owner if owner in alive else None for share, owner, _ in rows}
        terms = {share: term for share, owner, term in rows if owner == self._me}
        return View(self._me, alive, owners, terms, clock_s)

    def claim(self, shares: Collection[int]) -> dict[int, int]:
        """Take shares that nobody has; those that it got, with their terms. Waits for appends under the old terms."""
        with self._transaction() as db:
            held = db.execute(
                "SELECT share, owner FROM shares WHERE share = ANY(%s) ORDER BY share FOR UPDATE", (list(shares),)
            ).fetchall()
            # Asked for only now that nobody else can take one: a condition of one statement would not see it.
            alive = {row[0] for row in db.execute("SELECT id FROM members").fetchall()}
            free = [share for share, owner in held if owner not in alive]
            taken = "UPDATE shares SET owner = %s, term = term + 1 WHERE share = ANY(%s) RETURNING share, term"
            return dict(db.execute(taken, (self._me, free)).fetchall())

    def release(self, shares: Collection[int]) -> None:
        """Give shares back."""
        with self._transaction() as db:
            db.execute("UPDATE shares SET owner = NULL WHERE share = ANY(%s) AND owner = %s", (list(shares), self._me))

    def leave(self) -> None:
        """Give everything back, so that nobody has to wait for the lease to be over."""
        with self._transaction() as db:
            db.execute("UPDATE shares SET owner = NULL WHERE owner = %s", (self._me,))
            db.execute("DELETE FROM members WHERE id = %s", (self._me,))

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _renew(self, db: psycopg.Connection[Any]) -> None:
        until = "clock_timestamp() + make_interval(secs => %s)"
        renewed = f"UPDATE members SET until = {until} WHERE id = %s"  # noqa: S608 - our own text
        if db.execute(renewed, (self._lease_s, self._me)).rowcount:
            return
        joined = f"INSERT INTO members (name, until) VALUES (%s, {until}) RETURNING id"  # noqa: S608 - our own text
        row = db.execute(joined, (self._name, self._lease_s)).fetchone()
        assert row is not None
        self._me = row[0]
        db.execute("INSERT INTO shares (share) SELECT generate_series(0, %s) ON CONFLICT DO NOTHING", (LEADER,))

    def _transaction(self) -> _Transaction:
        if self._db is None or self._db.closed or self._db.broken:
            self._db = connect(self._url, _STATEMENT_S)
        return _Transaction(self._db, self._url)


class _Transaction:
    """A transaction whose errors are `JournalError`."""

    def __init__(self, db: psycopg.Connection[Any], url: str) -> None:
        self._db, self._url = db, url
        self._inner = db.transaction()

    def __enter__(self) -> psycopg.Connection[Any]:
        try:
            self._inner.__enter__()
        except psycopg.Error as error:
            raise JournalError(f"leases {shown(self._url)}: {said(error)}") from error
        return self._db

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:  # noqa: ANN401
        try:
            self._inner.__exit__(kind, error, trace)
        except psycopg.Error as failed:
            raise JournalError(f"leases {shown(self._url)}: {said(failed)}") from failed
        if isinstance(error, psycopg.Error):
            raise JournalError(f"leases {shown(self._url)}: {said(error)}") from error
