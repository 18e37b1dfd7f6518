"""The gate's copy of the registry: in memory, and on disk over restarts and damage."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.registry import Registry
from edge.registry_file import RegistryFile
from tests.support import strategies as our
from tests.support.registry import SOMEBODY, entry, shard_bytes
from wire.errors import RegistryError
from wire.registry import Holder, RegistryEntry, digest_of, shard_of


@given(st.lists(our.entries, max_size=6), st.lists(our.entries, max_size=6))
def test_putting_shards_is_the_same_as_having_their_entries(first, second):
    registry = Registry()
    latest: dict[int, dict[str, RegistryEntry]] = {}
    for entries in (first, second):
        for number in {shard_of(one.token) for one in entries}:
            mine = {one.token: one for one in entries if shard_of(one.token) == number}
            registry.put_shard(number, mine.values())
            latest[number] = mine
    expected = {token: one for shard in latest.values() for token, one in shard.items()}
    assert len(registry) == len(expected)
    assert all(registry.find(token) == one for token, one in expected.items())


def test_a_token_in_the_wrong_shard_is_left_out():
    registry = Registry()
    registry.put_shard((shard_of(SOMEBODY) + 1) % 1024, [entry(SOMEBODY)])
    assert registry.find(SOMEBODY) is None


def test_a_vehicle_is_one_whichever_of_its_tokens_is_read():
    plate = RegistryEntry("plate-0001", Holder.VEHICLE, tag="tag-0001")
    registry = Registry([plate, RegistryEntry("tag-0001", Holder.VEHICLE, plate="plate-0001")])
    assert registry.same("plate-0001") == registry.same("tag-0001") == {"plate-0001", "tag-0001"}
    assert registry.same("plate-0002") == {"plate-0002"}
    assert registry.same(None) == frozenset()


def test_what_the_gate_admitted_counts_until_it_expires_and_never_against_the_hub():
    registry = Registry()
    registry.admit(RegistryEntry(SOMEBODY, Holder.VISITOR, until_ns=100))
    assert registry.find(SOMEBODY).holder is Holder.VISITOR
    registry.put_shard(shard_of(SOMEBODY), [entry(SOMEBODY)])
    assert registry.find(SOMEBODY).holder is Holder.EMPLOYEE
    assert registry.expire(99) == []
    assert registry.expire(100) == [SOMEBODY]


def test_the_file_gives_back_what_was_kept(tmp_path):
    file = RegistryFile(tmp_path / "registry.db")
    file.open()
    body = shard_bytes([entry(SOMEBODY)])
    file.follow(7, "key", [3], 1234)
    file.put(shard_of(SOMEBODY), digest_of(body), body)
    file.confirm(99)
    file.admit(entry("another-token"))
    file.close()
    kept = RegistryFile(tmp_path / "registry.db").open()
    assert (kept.version, kept.sealing_key, kept.confirmed_ns, kept.resumes_ns) == (7, "key", 99, 1234)
    assert kept.digests == {shard_of(SOMEBODY): digest_of(body)}
    assert kept.shards == {shard_of(SOMEBODY): [entry(SOMEBODY)]}
    assert kept.admitted == [entry("another-token")]


def test_a_shard_that_rotted_on_the_card_is_not_used_and_is_wanted_again(tmp_path):
    file = RegistryFile(tmp_path / "registry.db")
    file.open()
    body = shard_bytes([entry(SOMEBODY)])
    file.put(shard_of(SOMEBODY), digest_of(body), body.replace(b"employee", b"visitor!"))
    file.close()
    kept = RegistryFile(tmp_path / "registry.db").open()
    assert kept.digests == {}
    assert kept.shards == {}


@given(st.binary(min_size=1, max_size=5000), st.integers(0, 100))
def test_a_file_of_rubbish_is_put_aside_and_begun_anew(tmp_path_factory, rubbish, position):
    path = tmp_path_factory.mktemp("copy") / "registry.db"
    path.write_bytes(b"SQLite format 3\0"[: position % 17] + rubbish)
    file = RegistryFile(path)
    kept = file.open()
    assert kept.version == 0
    file.follow(1, "", [])
    file.close()


def test_a_page_torn_in_the_middle_does_not_stop_the_gate(tmp_path):
    path = tmp_path / "registry.db"
    file = RegistryFile(path)
    file.open()
    for number in range(200):
        body = shard_bytes([entry(f"token-{number:08d}-{'x' * 60}")])
        file.put(number, digest_of(body), body)
    file.close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[8192 : len(content) - 4096] = b"\xa5" * (len(content) - 12288)
    path.write_bytes(content)
    file = RegistryFile(path)
    file.open()
    file.follow(1, "", [])
    file.close()


def test_a_folder_that_cannot_be_used_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RegistryError, match="registry copy"):
        RegistryFile(tmp_path / "file" / "registry.db").open()
