"""Events and messages: round trips, tolerance, and decoders that survive anything."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import strategies as our
from wire import messages
from wire.errors import DecodeError
from wire.events import (
    Disinfection,
    Outcome,
    PersonPassage,
    Reason,
    SecondaryMeasurement,
    Urgency,
    VehiclePassage,
    Verdict,
    urgency_of,
)
from wire.messages import Batch, Numbered, Status, StreamId, Vitals, Watermark
from wire.notices import Notices
from wire.registry import Beat, Manifest, Shard
from wire.sightings import Recall, Recalled, Sighting
from wire.snapshots import Snapshot, SnapshotHeld

KINDS = {
    Batch: our.batches(),
    Watermark: our.watermarks,
    Status: our.statuses,
    Vitals: our.vitals,
    Manifest: our.manifests,
    Shard: our.shards,
    Beat: our.beats,
    Sighting: our.sightings,
    Recall: our.recalls,
    Recalled: our.recalled,
    Snapshot: our.snapshots,
    SnapshotHeld: our.snapshots_held,
    Notices: our.notices,
}
STREAM = StreamId("baotou", "north", Urgency.URGENT, "e1")


@given(our.events)
def test_every_event_comes_back_as_it_was(event):
    assert messages.decode_event(messages.encode_event(event)) == event


@given(st.data(), st.sampled_from(sorted(KINDS, key=lambda kind: kind.__name__)))
def test_every_message_comes_back_as_it_was(data, kind):
    message = data.draw(KINDS[kind])
    assert messages.decode(kind, messages.encode(message)) == message


@given(st.binary(max_size=300), st.sampled_from(sorted(KINDS, key=lambda kind: kind.__name__)))
def test_arbitrary_bytes_are_an_error_that_names_the_message(payload, kind):
    with pytest.raises(DecodeError, match=kind.__name__.lower()):
        messages.decode(kind, payload)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_no_event(body):
    with pytest.raises(DecodeError, match="event"):
        messages.decode_event(body)


@given(st.data(), st.sampled_from(sorted(KINDS, key=lambda kind: kind.__name__)))
def test_a_damaged_message_is_read_or_refused_but_never_breaks_the_decoder(data, kind):
    payload = bytearray(messages.encode(data.draw(KINDS[kind])))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    try:
        messages.decode(kind, bytes(payload))
    except DecodeError as error:
        assert str(error)


@given(our.person_passages)
def test_unknown_fields_are_kept_out_of_the_way(event):
    body = json.loads(messages.encode_event(event))
    body["mood"] = {"of": ["the", "day"]}
    assert messages.decode_event(json.dumps(body).encode()) == event


def test_an_enum_value_of_a_newer_gate_reads_as_other():
    body = (
        b'{"type":"person-passage","time_ns":1,"passage":"p","lane":"a",'
        b'"outcome":"levitate","verdict":"normal","reasons":["new"]}'
    )
    event = messages.decode_event(body)
    assert isinstance(event, PersonPassage)
    assert (event.outcome, event.reasons) == (Outcome.OTHER, (Reason.OTHER,))


def test_a_newer_schema_version_is_named_even_when_its_fields_differ():
    with pytest.raises(DecodeError, match="schema version 7, this program reads up to 1"):
        messages.decode(Batch, b'{"v":7,"flow":"other"}')
    with pytest.raises(DecodeError, match="schema version 7"):
        messages.decode(Watermark, messages.encode(Watermark(7, STREAM, 3)))


def test_a_batch_with_a_hole_or_without_events_is_refused():
    event = msgspec.Raw(b"{}")
    with pytest.raises(DecodeError, match="numbers 4 to 4, expected 3"):
        messages.decode(Batch, messages.encode(messages.batch_of(STREAM, [Numbered(2, event), Numbered(4, event)])))
    with pytest.raises(DecodeError, match="no events"):
        messages.decode(Batch, messages.encode(messages.batch_of(STREAM, [])))


def test_a_message_that_is_too_large_is_refused_before_it_is_read():
    with pytest.raises(DecodeError, match="expected at most"):
        messages.decode(Batch, b" " * (messages.MAX_PAYLOAD_BYTES + 1))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_temperature_that_is_no_number_is_refused_where_it_is_made(number):
    with pytest.raises(DecodeError, match="body_c"):
        messages.encode_event(SecondaryMeasurement(time_ns=1, body_c=number, lane="a"))


def test_what_may_have_to_wake_somebody_is_urgent():
    def passage(*reasons: Reason) -> PersonPassage:
        return PersonPassage(
            time_ns=1, passage="p", lane="a", outcome=Outcome.DENY, verdict=Verdict.NORMAL, reasons=reasons
        )

    assert urgency_of(passage(Reason.FEVER)) is Urgency.URGENT
    assert urgency_of(passage(Reason.NO_BADGE)) is Urgency.URGENT
    assert urgency_of(passage(Reason.TEMPERATURE_NORMAL)) is Urgency.ROUTINE
    assert urgency_of(Disinfection(time_ns=1, place="canteen")) is Urgency.ROUTINE
    truck = VehiclePassage(
        time_ns=1, passage="p", lane="a", outcome=Outcome.DENY, reasons=(Reason.VEHICLE_UNREGISTERED,)
    )
    assert urgency_of(truck) is Urgency.URGENT


@given(our.events)
def test_every_event_has_a_stream(event):
    assert urgency_of(event) in Urgency
