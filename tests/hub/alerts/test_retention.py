"""What is too old in the alerts' file is erased, but for what figures need; what is open or to be told stays."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from hub.alerts.chains import AllChannels
from hub.alerts.retention import AT_ONCE
from hub.alerts.rules import Rule, Signal
from hub.alerts.store import AlertStore

DAY_NS = 86_400 * 10**9
NOW_NS = 1_581_200_000 * 10**9


@pytest.fixture
def store(tmp_path: Path) -> AlertStore:
    store = AlertStore(tmp_path / "alerts.db", AllChannels(()))
    store.open()
    return store


def signal(key: str, time_ns: int) -> Signal:
    return Signal(
        key=key, rule=Rule.ISOLATION_BREACH, site="baotou-1", gate="north", time_ns=time_ns, detail="secret",
    )  # fmt: skip


def begin(store: AlertStore, key: str, time_ns: int) -> int:
    store.take(1, [(signal(key, time_ns), time_ns)], time_ns)
    return next(row.id for row in store.open_alerts() if row.key == key)


def test_what_ended_long_ago_keeps_a_row_for_figures_and_nothing_about_anybody(store, tmp_path):
    old = begin(store, "breach token-of-somebody", NOW_NS)
    store.resolve(old, "answering-person", NOW_NS + 5, "told-note")
    assert store.forget(NOW_NS) == 0
    assert store.forget(NOW_NS + DAY_NS) == 1
    assert store.forget(NOW_NS + DAY_NS) == 0
    row = store.alert(old)
    assert (row.rule, row.gate, row.count, row.since_ns) == (Rule.ISOLATION_BREACH, "north", 1, NOW_NS)
    assert (row.told, row.detail, row.held_by, row.ended_by, store.log(old)) == ("aged", "", "", "", [])
    assert store.during(NOW_NS, NOW_NS + 1) == [row]
    store.close()
    with sqlite3.connect(tmp_path / "alerts.db") as db:
        everything = "\n".join(db.iterdump())
    for gone in ("token-of-somebody", "answering-person", "told-note", "secret"):
        assert gone not in everything


def test_what_is_open_or_ended_lately_stays_as_it_is_and_the_same_cause_can_come_again(store):
    kept = begin(store, "still there", NOW_NS)
    over = begin(store, "over", NOW_NS)
    store.resolve(over, "somebody", NOW_NS + 1)
    lately = begin(store, "lately", NOW_NS)
    store.resolve(lately, "somebody", NOW_NS + 1)
    store.take(2, [(signal("lately", NOW_NS + 9 * DAY_NS), NOW_NS + 9 * DAY_NS)], NOW_NS + 9 * DAY_NS)
    before = store.alert(kept), store.log(kept)
    assert store.forget(NOW_NS + DAY_NS) >= 1
    assert (store.alert(kept), store.log(kept)) == before
    assert [row.key for row in store.newest_of(["over", "lately", "still there"]).values()].count("over") == 0
    again = begin(store, "over", NOW_NS + 10 * DAY_NS)
    assert again > over


def test_the_log_is_still_only_added_to_afterwards_and_in_parts(store, tmp_path):
    for number in range(AT_ONCE + 2):
        store.resolve(begin(store, f"key {number}", NOW_NS), "x", NOW_NS)
    assert [store.forget(NOW_NS + DAY_NS) for _ in range(3)] == [AT_ONCE, 2, 0]
    begin(store, "another", NOW_NS + 2 * DAY_NS)
    with sqlite3.connect(tmp_path / "alerts.db") as db, pytest.raises(sqlite3.IntegrityError, match="only added to"):
        db.execute("DELETE FROM log")
