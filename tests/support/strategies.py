"""Hypothesis strategies for what crosses the wire."""

from __future__ import annotations

from hypothesis import strategies as st
from msgspec import Raw

from wire import events as ev
from wire.messages import (
    Batch,
    Numbered,
    RegistryHeld,
    SpoolDepth,
    Status,
    StreamId,
    Vitals,
    Watermark,
    batch_of,
    encode_event,
)
from wire.notices import Notice, Notices
from wire.registry import SHARDS, Beat, Flag, Holder, Manifest, RegistryEntry, Shard
from wire.sightings import Recall, Recalled, Sighting
from wire.snapshots import Snapshot, SnapshotHeld

names = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
tokens = st.from_regex(r"[A-Za-z0-9_-]{8,24}", fullmatch=True)
times_ns = st.integers(0, ev.MAX_TIME_NS)
celsius = st.floats(-100, 200, allow_nan=False)
texts = st.text(max_size=40)
ids = st.text(min_size=1, max_size=30)
counts = st.integers(0, 2**53)
clocks = st.sampled_from(ev.Clock)
reasons = st.lists(st.sampled_from(ev.Reason), max_size=4).map(tuple)
temperatures = st.builds(
    ev.Temperature,
    skin_c=celsius,
    u_c=st.floats(0, 5),
    looks=st.integers(0, 100),
    limit_c=st.none() | celsius,
    reference_c=st.none() | celsius,
)
_common = {"time_ns": times_ns, "clock": clocks}
person_passages = st.builds(
    ev.PersonPassage,
    **_common,
    passage=ids,
    lane=names,
    outcome=st.sampled_from(ev.Outcome),
    verdict=st.sampled_from(ev.Verdict),
    direction=st.sampled_from(ev.Direction),
    badge=st.none() | tokens,
    temperature=st.none() | temperatures,
    refusal=st.none() | st.sampled_from(ev.Refusal),
    reasons=reasons,
    place=st.none() | names,
)
vehicle_passages = st.builds(
    ev.VehiclePassage,
    **_common,
    passage=ids,
    lane=names,
    outcome=st.sampled_from(ev.Outcome),
    vehicle=st.none() | tokens,
    registered=st.booleans(),
    confidence=st.none() | st.floats(0, 1),
    reasons=reasons,
)
device_states = st.builds(
    ev.DeviceState,
    **_common,
    device=names,
    kind=st.sampled_from(ev.DeviceKind),
    health=st.sampled_from(ev.Health),
    detail=texts,
)
gaps = st.builds(
    ev.Gap,
    **_common,
    cause=st.sampled_from(ev.GapCause),
    lost=st.none() | counts,
    since_ns=st.none() | times_ns,
    until_ns=st.none() | times_ns,
    detail=texts,
)
disinfections = st.builds(
    ev.Disinfection, **_common, place=st.none() | names, vehicle=st.none() | tokens, by=st.none() | tokens, agent=texts
)
secondary_measurements = st.builds(
    ev.SecondaryMeasurement,
    **_common,
    body_c=celsius,
    lane=names,
    passage=st.none() | ids,
    badge=st.none() | tokens,
    by=st.none() | tokens,
    device=texts,
    outcome=st.none() | st.sampled_from(ev.Outcome),
    reasons=reasons,
)
overrides = st.builds(
    ev.Override,
    **_common,
    lane=names,
    outcome=st.sampled_from(ev.Outcome),
    by=tokens,
    why=st.text(min_size=1, max_size=40),
    passage=st.none() | ids,
)
lane_states = st.builds(ev.LaneState, **_common, lane=names, mode=st.sampled_from(ev.LaneMode), detail=texts)
rounds_due = st.builds(
    ev.RoundDue,
    **_common,
    kind=names,
    from_ns=times_ns,
    until_ns=times_ns,
    place=st.none() | names,
    vehicle=st.none() | tokens,
    vehicle_tag=st.none() | tokens,
)
declared = st.builds(ev.HealthDeclared, **_common, number=counts, concern=names, settled=st.booleans())
registrations = st.builds(
    ev.Registration,
    **_common,
    token=tokens,
    guest=st.sampled_from(ev.Guest),
    until_ns=times_ns,
    lane=st.none() | names,
    by=st.none() | names,
    sealed=st.text(max_size=40),
    host=st.none() | tokens,
    reason_stated=st.booleans(),
)
events = st.one_of(
    person_passages,
    vehicle_passages,
    device_states,
    gaps,
    disinfections,
    secondary_measurements,
    registrations,
    overrides,
    lane_states,
    rounds_due,
    declared,
)
stream_ids = st.builds(StreamId, names, names, st.sampled_from(ev.Urgency), ids)


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """Batches whose numbers follow on each other, some of them standing for a range."""
    seq = draw(st.integers(1, 2**40))
    numbered = []
    for event in draw(st.lists(events, min_size=1, max_size=5)):
        last = seq + draw(st.integers(0, 3))
        numbered.append(Numbered(seq, Raw(encode_event(event)), last if last > seq else None))
        seq = last + 1
    return batch_of(draw(stream_ids), numbered)


watermarks = st.builds(Watermark, st.just(1), stream_ids, st.integers(0, 2**63 - 1), st.booleans())
statuses = st.builds(Status, st.just(1), st.booleans(), ids, counts, texts, times_ns)
vitals = st.builds(
    Vitals,
    v=st.just(1),
    time_ns=times_ns,
    epoch=ids,
    session=counts,
    spool=st.builds(SpoolDepth, counts, counts, counts, st.none() | times_ns),
    version=texts,
    cpu_c=st.none() | st.floats(-50, 150),
    devices=st.dictionaries(names, texts, max_size=3),
    registry=st.none() | st.builds(RegistryHeld, counts, counts, st.none() | st.floats(0, 1e9), counts),
)
entries = st.builds(
    RegistryEntry,
    token=tokens,
    holder=st.sampled_from(Holder),
    from_ns=st.none() | times_ns,
    until_ns=st.none() | times_ns,
    flags=st.lists(st.sampled_from(Flag), max_size=2).map(tuple),
    gates=st.lists(names, max_size=2).map(tuple),
)
digests = st.from_regex(r"[A-Za-z0-9_-]{16}", fullmatch=True)
versions = st.integers(1, 2**63 - 1)
shards = st.builds(Shard, st.just(1), st.lists(entries, max_size=4))
manifests = st.builds(Manifest, st.just(1), versions, st.dictionaries(st.integers(0, SHARDS - 1), digests, max_size=5))
beats = st.builds(Beat, st.just(1), versions, times_ns)

sightings = st.builds(
    Sighting,
    badge=tokens,
    gate=names,
    lane=names,
    direction=st.sampled_from(ev.Direction),
    at_ns=times_ns,
    entered=st.booleans(),
)

notices = st.builds(
    Notices,
    st.just(1),
    versions,
    st.lists(
        st.builds(
            Notice, counts, times_ns, times_ns, texts, texts, every_min=st.integers(0, 1440),
            picture=st.none() | digests, gates=st.lists(names, max_size=2).map(tuple),
        ),
        max_size=3,
    ),
)  # fmt: skip
recalls = st.builds(
    Recall,
    v=st.just(1),
    gate=names,
    since_ns=times_ns,
    of=st.none() | names,
    known=st.dictionaries(
        names,
        st.dictionaries(st.integers(0, 10**7), st.integers(0, 2**64 - 1).map(lambda it: f"{it:016x}"), max_size=5),
        max_size=3,
    ),
)
recalled = st.builds(Recalled, v=st.just(1), gate=names, sightings=st.lists(sightings, max_size=5))

snapshots = st.builds(
    Snapshot,
    v=st.just(1),
    gate=names,
    passage=st.text("0123456789abcdef", min_size=1, max_size=32),
    time_ns=times_ns,
    jpeg=st.binary(min_size=4, max_size=100),
)
snapshots_held = st.builds(SnapshotHeld, v=st.just(1), passage=st.text("0123456789abcdef", min_size=1, max_size=32))
