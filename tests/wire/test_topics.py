"""Topics: made and taken apart, and nothing hostile gets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import strategies as our
from wire import topics
from wire.errors import BadName, DecodeError
from wire.events import Urgency
from wire.registry import SHARDS
from wire.topics import Address, Channel, RegistryPart


@given(our.names, our.names, st.sampled_from(Urgency))
def test_a_topic_is_taken_apart_into_what_it_was_made_of(site, gate, urgency):
    assert topics.parse(topics.events(site, gate, urgency)) == Address(site, gate, Channel.EVENTS, urgency)
    assert topics.parse(topics.ack(site, gate, urgency)) == Address(site, gate, Channel.ACK, urgency)
    assert topics.parse(topics.status(site, gate)) == Address(site, gate, Channel.STATUS)
    assert topics.parse(topics.vitals(site, gate)) == Address(site, gate, Channel.VITALS)


@given(st.text(max_size=60))
def test_any_other_topic_is_refused_in_words(topic):
    try:
        address = topics.parse(topic)
    except DecodeError as error:
        assert "expected" in str(error)
    else:
        assert str(address) == topic


@pytest.mark.parametrize("name", ["", "North", "a/b", "+", "#", "-a", "a-", "a" * 33, "门"])
def test_a_name_that_could_not_stand_in_a_topic_is_refused(name):
    with pytest.raises(BadName, match="expected 1 to 32"):
        topics.status("site", name)


@given(our.names, st.sampled_from(RegistryPart) | st.integers(0, SHARDS - 1))
def test_a_registry_topic_is_taken_apart_into_what_it_was_made_of(site, part):
    topic = topics.registry(site, part)
    assert topics.parse_registry(topic) == (site, part)
    assert topics.is_registry(topic)


@given(st.text(max_size=60) | our.names.map(lambda name: f"menshen/1/{name}/hub/registry/1024"))
def test_any_other_topic_is_no_registry(topic):
    try:
        site, part = topics.parse_registry(topic)
    except DecodeError as error:
        assert "expected" in str(error)
    else:
        assert topics.registry(site, part) == topic


def test_no_topic_of_a_gate_is_taken_for_a_registry():
    assert not topics.is_registry(topics.ack("site", "north", Urgency.URGENT))
    assert not topics.is_registry(topics.vitals("hub", "registry"))
