"""The site's registry: versions that only grow, and changes that name their shards."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.registry.store import RegistryStore
from tests.support import strategies as our
from tests.support.registry import SOMEBODY, entry
from wire.errors import RegistryError
from wire.registry import Flag, RegistryEntry, shard_of


class HandTime:
    """Nanoseconds that a test sets."""

    def __init__(self) -> None:
        self.now_ns = 5_000_000

    def __call__(self) -> int:
        return self.now_ns


def opened(path: Path, time_ns: HandTime | None = None) -> RegistryStore:
    store = RegistryStore(path, time_ns or HandTime())
    store.open()
    return store


@given(st.lists(st.one_of(our.entries, our.tokens, st.lists(our.entries, max_size=3)), max_size=8))
def test_whoever_follows_the_changes_has_what_the_store_has(tmp_path_factory, steps):
    """Entries are put, tokens removed, lists replace everything; a follower takes the shards that changed."""
    store = opened(tmp_path_factory.mktemp("registry") / "registry.db")
    version, copy, model = 0, {}, {}
    for step in steps:
        if isinstance(step, RegistryEntry):
            store.put([step])
            model[step.token] = step
        elif isinstance(step, str):
            assert store.remove([step]) == (step in model)
            model.pop(step, None)
        else:
            store.replace(step)
            model = {one.token: one for one in step}
        changed = store.shards_since(version)
        assert changed.version >= version
        version = changed.version
        copy |= changed.entries
    assert {one.token: one for entries in copy.values() for one in entries} == model
    assert {one.token: one for one in store.all()} == model
    store.close()


def test_only_what_changes_makes_a_version(tmp_path):
    store = opened(tmp_path / "registry.db")
    assert store.put([entry(SOMEBODY)]) == 1
    version = store.version()
    assert store.put([entry(SOMEBODY)]) == 0
    assert store.version() == version
    assert store.put([entry(SOMEBODY, Flag.ISOLATION)]) == 1
    assert store.version() > version
    assert store.shards_since(version).entries == {shard_of(SOMEBODY): [entry(SOMEBODY, Flag.ISOLATION)]}


def test_a_clock_set_back_does_not_take_the_version_back(tmp_path):
    time_ns = HandTime()
    store = opened(tmp_path / "registry.db", time_ns)
    store.put([entry(SOMEBODY)])
    version, time_ns.now_ns = store.version(), 0
    store.remove([SOMEBODY])
    assert store.version() == version + 1


def test_a_store_restored_from_a_backup_goes_on_above_what_gates_have_seen(tmp_path):
    time_ns = HandTime()
    store = opened(tmp_path / "old.db", time_ns)
    store.put([entry(SOMEBODY)])
    seen = store.version() + 3
    time_ns.now_ns += 60_000_000_000
    assert store.touch() > seen


def test_what_another_process_wrote_is_seen(tmp_path):
    mine, other = opened(tmp_path / "registry.db"), opened(tmp_path / "registry.db")
    before = mine.version()
    other.put([entry(SOMEBODY)])
    assert mine.version() > before
    assert mine.find(SOMEBODY) == entry(SOMEBODY)


def test_a_file_that_is_no_registry_is_told(tmp_path):
    (tmp_path / "registry.db").write_text("not a database, and long enough to be looked at as one " * 10)
    with pytest.raises(RegistryError, match=r"registry .*registry\.db"):
        opened(tmp_path / "registry.db")
    with pytest.raises(RegistryError, match="not open"):
        RegistryStore(tmp_path / "other.db").all()


def test_a_file_of_before_sources_is_opened_and_its_entries_belong_to_nobody_of_the_office(tmp_path):
    with sqlite3.connect(tmp_path / "registry.db") as db:
        db.execute(
            "CREATE TABLE entries (token TEXT PRIMARY KEY, shard INTEGER NOT NULL, version INTEGER NOT NULL, "
            "body BLOB) WITHOUT ROWID"
        )
        body = msgspec.json.encode(entry(SOMEBODY))
        db.execute("INSERT INTO entries VALUES (?, ?, 1, ?)", (SOMEBODY, shard_of(SOMEBODY), body))
    db.close()
    store = opened(tmp_path / "registry.db")
    assert store.find(SOMEBODY) == entry(SOMEBODY)
    assert store.source(SOMEBODY) == ""
    assert store.drop_sources_but(set()) == 0


@settings(max_examples=40)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["person 1", "person 2", "vehicle 1"]), st.lists(our.entries, max_size=3)),
        max_size=6,
    )
)
def test_each_source_has_what_it_was_last_settled_as_and_no_token_two_owners(tmp_path_factory, steps):
    store = opened(tmp_path_factory.mktemp("registry") / "registry.db")
    guest = entry("guest-0123456789abcdef-of-a-gate")
    store.put([guest])
    model: dict[str, str] = {}
    for step in steps:
        store.settle(step)
        model = {token: source for token, source in model.items() if source not in step}
        model |= {one.token: source for source, entries in step.items() for one in entries}
    assert {one.token for one in store.all()} == {*model, guest.token}
    assert {token: store.source(token) for token in model} == model
    store.close()
