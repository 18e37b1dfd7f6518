"""The event log's tables in PostgreSQL, and the connections to them.

Everything is in a schema of its own, made at the first start, so that the log may stand in the database of people and
cases or in another.
"""

from __future__ import annotations

from typing import Any

import psycopg

from wire.errors import JournalError

SCHEMA = "menshen_journal"
_MAKING = 0x6D656E73
"""The advisory lock under which tables are made: processes that start together make them once."""

_CONNECT: dict[str, Any] = {
    "connect_timeout": 3,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
    "application_name": "menshen hub",
}
"""A database whose machine vanished is noticed within seconds, not after the quarter of an hour that TCP takes."""

_TABLES = """
CREATE TABLE IF NOT EXISTS streams (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, site text NOT NULL, gate text NOT NULL, urgency text NOT NULL,
    epoch text NOT NULL, through bigint NOT NULL DEFAULT 0, UNIQUE (site, gate, urgency, epoch)
);
CREATE TABLE IF NOT EXISTS entries (
    "offset" bigint PRIMARY KEY, stream bigint NOT NULL, seq bigint NOT NULL, last bigint NOT NULL, kind text NOT NULL,
    time_ns bigint NOT NULL, received_ns bigint NOT NULL, body bytea NOT NULL, UNIQUE (stream, seq)
);
CREATE TABLE IF NOT EXISTS head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one), "offset" bigint NOT NULL, received_ns bigint NOT NULL,
    entries bigint NOT NULL
);
INSERT INTO head ("offset", received_ns, entries) VALUES (0, 0, 0) ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS own_states (
    stream bigint NOT NULL, device text NOT NULL, kind text NOT NULL, "offset" bigint NOT NULL,
    PRIMARY KEY (stream, device, kind)
);
CREATE TABLE IF NOT EXISTS runs (
    stream bigint NOT NULL, first bigint NOT NULL, run text NOT NULL, PRIMARY KEY (stream, first)
);
CREATE TABLE IF NOT EXISTS cursors (name text PRIMARY KEY, "offset" bigint NOT NULL);
CREATE TABLE IF NOT EXISTS dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, digest bytea NOT NULL UNIQUE, source text NOT NULL,
    topic text NOT NULL, reason text NOT NULL, payload bytea NOT NULL, first_ns bigint NOT NULL,
    last_ns bigint NOT NULL, count bigint NOT NULL DEFAULT 1, stream bigint, seq bigint
);
CREATE TABLE IF NOT EXISTS members (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, until timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS shares (share int PRIMARY KEY, owner bigint, term bigint NOT NULL DEFAULT 0);
"""

_PLACE = """
CREATE OR REPLACE FUNCTION place(
    seen_ns bigint, e_stream bigint[], e_seq bigint[], e_last bigint[], e_kind text[], e_time_ns bigint[],
    e_body bytea[]
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    base bigint;
    at_ns bigint;
BEGIN
    UPDATE head h SET "offset" = h."offset" + cardinality(e_stream), received_ns = greatest(h.received_ns, seen_ns),
        entries = h.entries + cardinality(e_stream)
        RETURNING h."offset" - cardinality(e_stream), h.received_ns INTO base, at_ns;
    INSERT INTO entries ("offset", stream, seq, last, kind, time_ns, received_ns, body)
        SELECT base + e.n, e.stream, e.seq, e.last, e.kind, e.time_ns, at_ns, e.body
        FROM unnest(e_stream, e_seq, e_last, e_kind, e_time_ns, e_body)
            WITH ORDINALITY AS e (stream, seq, last, kind, time_ns, body, n);
    RETURN base;
END $$;
"""
"""One row counts the entries, and is locked until the commit: places are given away in the order of commits and
without holes, so that whoever reads up to a place has read all before it. It is taken last, and for as short as can be.
Times of arrival never go back either, whatever the clocks of several machines say."""

_APPEND = """
CREATE OR REPLACE FUNCTION append(
    leader int, held int[], terms bigint[], s_id bigint[], s_before bigint[], s_after bigint[],
    r_stream bigint[], r_first bigint[], r_run text[], seen_ns bigint,
    e_stream bigint[], e_seq bigint[], e_last bigint[], e_kind text[], e_time_ns bigint[], e_body bytea[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    found_rows int;
    base bigint;
BEGIN
    PERFORM 1 FROM shares s JOIN unnest(held, terms) AS mine (share, term)
        ON s.share = mine.share AND s.term = mine.term ORDER BY s.share FOR SHARE OF s;
    GET DIAGNOSTICS found_rows = ROW_COUNT;
    IF found_rows <> cardinality(held) THEN
        RAISE EXCEPTION 'another process has taken over a share of gates' USING ERRCODE = 'MN001';
    END IF;
    UPDATE streams s SET through = t.after FROM unnest(s_id, s_before, s_after) AS t (id, before, after)
        WHERE s.id = t.id AND s.through = t.before;
    GET DIAGNOSTICS found_rows = ROW_COUNT;
    IF found_rows <> cardinality(s_id) THEN
        RAISE EXCEPTION 'a stream is not where this process left it' USING ERRCODE = 'MN002';
    END IF;
    INSERT INTO runs SELECT * FROM unnest(r_stream, r_first, r_run);
    base := place(seen_ns, e_stream, e_seq, e_last, e_kind, e_time_ns, e_body);
    IF leader = ANY (held) THEN
        INSERT INTO own_states
            SELECT DISTINCT ON (1, 2, 3) stream, convert_from(body, 'UTF8')::json->>'device' AS device,
                convert_from(body, 'UTF8')::json->>'kind' AS state_kind, "offset"
            FROM entries WHERE "offset" > base AND "offset" <= base + cardinality(e_stream) AND kind = 'device-state'
            ORDER BY 1, 2, 3, "offset" DESC
            ON CONFLICT (stream, device, kind) DO UPDATE SET "offset" = excluded."offset";
    END IF;
END $$;
"""
"""A whole append is this one statement: a process that is stopped in the midst of it holds no lock in the database."""


def connect(url: str, statement_s: float, *, make: bool = False) -> psycopg.Connection[Any]:
    """A connection to the log, each statement its own transaction. Raises `JournalError`.

    `make`: make the tables where there are none, and the functions as this version wants them.
    """
    try:
        db = psycopg.connect(url, autocommit=True, **_CONNECT)
        db.execute(f"SET statement_timeout = '{int(statement_s * 1000)}ms'")
        db.execute("SET idle_in_transaction_session_timeout = '3s'")
        db.execute(f"SET search_path = {SCHEMA}")
        # What was acknowledged is deleted at the gate: a commit that may still be lost is none.
        db.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
        if make:
            _make(db)
    except psycopg.Error as error:
        raise JournalError(f"journal {shown(url)}: {said(error)}") from error
    return db


def shown(url: str) -> str:
    """The URL as it may stand in a log: without its password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def said(error: psycopg.Error) -> str:
    """The database's own words in one line."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _make(db: psycopg.Connection[Any]) -> None:
    with db.transaction():
        db.execute("SELECT pg_advisory_xact_lock(%s)", (_MAKING,))
        db.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        for text in (_TABLES, _PLACE, _APPEND):
            db.execute(text)
