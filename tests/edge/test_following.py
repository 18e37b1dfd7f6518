"""What a copy of the registry lacks: in whatever order things arrive, it ends as the newest manifest."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge.following import Following
from wire.registry import Manifest

NUMBERS = st.integers(0, 3)
DIGESTS = st.sampled_from("ABC").map(lambda letter: letter * 16)
HISTORIES = st.lists(st.dictionaries(NUMBERS, DIGESTS), min_size=1, max_size=5)


def manifests(history: list[dict[int, str]]) -> list[Manifest]:
    return [Manifest(1, version, shards) for version, shards in enumerate(history, start=1)]


def fetch(following: Following, history: list[dict[int, str]]) -> None:
    """Take what is missing from where it is now."""
    for number in following.missing:
        assert following.shard(number, history[-1][number])


@given(HISTORIES, st.data())
def test_in_any_order_with_doubles_and_losses_it_holds_the_newest_manifest_in_the_end(history, data):
    following = Following()
    arrivals = data.draw(st.lists(st.sampled_from(manifests(history)), max_size=8))
    for manifest in arrivals:
        following.manifest(manifest)
        number, digest = data.draw(NUMBERS), data.draw(DIGESTS)
        following.shard(number, digest)
    following.manifest(manifests(history)[-1])
    fetch(following, history)
    assert following.missing == []
    assert following._held == history[-1]


@given(HISTORIES, st.data())
def test_an_older_manifest_changes_nothing(history, data):
    following = Following()
    following.manifest(manifests(history)[-1])
    fetch(following, history)
    older = data.draw(st.sampled_from(manifests(history)))
    assert following.manifest(older) is None
    assert following.missing == []


@given(HISTORIES, NUMBERS, DIGESTS)
def test_a_shard_is_taken_only_when_the_newest_manifest_names_its_digest_and_only_once(history, number, digest):
    following = Following()
    following.manifest(manifests(history)[-1])
    wanted = history[-1].get(number) == digest
    assert following.wants(number, digest) is wanted
    assert following.shard(number, digest) is wanted
    assert following.shard(number, digest) is False


@given(HISTORIES)
def test_a_restart_goes_on_where_it_was(history):
    before = Following()
    before.manifest(manifests(history)[0])
    fetch(before, history[:1])
    after = Following(before.version, before._held)
    after.manifest(manifests(history)[-1])
    same = {number for number, digest in history[0].items() if history[-1].get(number) == digest}
    assert set(after.missing) == set(history[-1]) - same
