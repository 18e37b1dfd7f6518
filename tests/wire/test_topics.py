"""Topics: made and taken apart, and nothing hostile gets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import strategies as our
from wire import topics
from wire.errors import BadName, DecodeError
from wire.events import Urgency
from wire.topics import Address, Channel


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
