"""What travels: numbered events in batches, watermarks back, a gate's status and vitals.

All messages are JSON objects with a schema version `v`, so that `mosquitto_sub -v -t 'menshen/#'` shows them to a
person. Encoding and decoding are msgspec's; a decoder raises `DecodeError`, and nothing else, on any bytes.

Numbering (DESIGN: "nothing lost, nothing twice"). A *stream* is (site, gate, urgency, epoch). Its events are
numbered 1, 2, 3 … without holes. An event stands for one number, except a gap that took the place of events which
had numbers already: it stands for `seq` to `through`, so that a stream has no holes even where it has losses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar, get_args

import msgspec
from msgspec import Meta, Raw, Struct

from wire.errors import DecodeError
from wire.events import AnyEvent, Count, Id, Name, Text, TimeNs, Urgency
from wire.machine import Machine
from wire.notices import Notices
from wire.registry import Beat, Manifest, Shard
from wire.releases import FetchPiece, ReleaseHeld, ReleaseOffer
from wire.sightings import Recall, Recalled, Sighting
from wire.snapshots import Snapshot, SnapshotHeld
from wire.token_keys import TokenKeyHeld, TokenKeyOffer

SCHEMA_VERSION = 1
MAX_PAYLOAD_BYTES = 256 * 1024
"""No message is larger; brokers must accept at least this (rumqttd takes 20 KiB unless told otherwise)."""
MAX_EVENT_BYTES = 64 * 1024

Version = Annotated[int, Meta(ge=1)]
RunName = Annotated[str, Meta(max_length=64)]
"""One running of a gate's agent (`edge.lineage`); empty where it is not known."""
Seq = Annotated[int, Meta(ge=1, le=2**63 - 1)]


class StreamId(Struct, frozen=True, order=True, gc=False):
    """Whose numbers these are. A new spool (a new SD card) makes a new epoch."""

    site: Name
    gate: Name
    urgency: Urgency
    epoch: Id

    def __str__(self) -> str:
        return f"{self.site}/{self.gate}/{self.urgency}@{self.epoch}"


class Numbered(Struct, frozen=True, omit_defaults=True, gc=False):
    """One event as bytes, with the numbers that it stands for: `seq`, or `seq` to `through`."""

    seq: Seq
    event: Raw
    through: Seq | None = None

    @property
    def last(self) -> int:
        """The last number that this event stands for."""
        return self.seq if self.through is None else self.through


class Batch(Struct, frozen=True, omit_defaults=True, gc=False):
    """Events of one stream in the order of their numbers; a live event is a batch of one.

    `run` gave all their numbers, but for those that a gap at the beginning stands for; `after` is the run that gave the
    number before the first, None where that is `run` too.
    """

    v: Version
    stream: StreamId
    events: list[Numbered]
    run: RunName = ""
    after: RunName | None = None


class Watermark(Struct, frozen=True, omit_defaults=True, gc=False):
    """The hub's word that everything of the stream up to `through` is in the journal.

    `resend` asks the gate to send again from `through` + 1, because something else arrived instead. `run` gave the
    number `through`: for a gate that knows another run for it, this says nothing but that somebody else works under its
    name. In the answer to a birth `runs` are the last ones that the hub has of the stream, with their first numbers.
    """

    v: Version
    stream: StreamId
    through: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    resend: bool = False
    run: RunName = ""
    runs: list[tuple[Seq, RunName]] = []


class Status(Struct, frozen=True, omit_defaults=True):
    """A gate's birth (online) or its will (offline), retained.

    `session` grows by one with each connection of one epoch. A death belongs to the birth with the same session;
    one that is older than the newest birth says nothing (the idea of Sparkplug's bdSeq). `epoch` is the urgent
    stream's; the routine one's is the same unless it is named.
    """

    v: Version
    online: bool
    epoch: Id
    session: Count
    version: Text = ""
    time_ns: TimeNs = 0
    routine_epoch: Id | None = None

    def epoch_of(self, urgency: Urgency) -> str:
        return self.routine_epoch or self.epoch if urgency is Urgency.ROUTINE else self.epoch


class SpoolDepth(Struct, frozen=True):
    """Events in the gate's outbox that the hub has not acknowledged."""

    urgent: Count
    routine: Count
    bytes: Count = 0
    oldest_ns: TimeNs | None = None


class RegistryHeld(Struct, frozen=True, omit_defaults=True):
    """A gate's copy of the registry: its version, how many tokens, and how long since the hub last confirmed it.

    `age_s` is None when no hub has ever confirmed this copy; `waiting` counts shards that are known to be newer.
    """

    version: Count
    entries: Count
    age_s: float | None = None
    waiting: Count = 0


class GateConfiguration(Struct, frozen=True):
    """What the hub wants a gate to run, retained: the text of a settings file; version 0 means the gate's own file."""

    v: Version
    version: Count
    text: Annotated[str, Meta(max_length=MAX_EVENT_BYTES)]
    digest: Id
    """SHA-256 of the text, in hexadecimal digits."""

    @staticmethod
    def digest_of(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()


class ConfigurationHeld(Struct, frozen=True, omit_defaults=True):
    """A gate's configuration: the version that runs (0: its own file), whether it is still a trial, and the newest
    version that was turned down, with why."""

    running: Count = 0
    trial: bool = False
    turned_down: Count = 0
    why: Text = ""


class Vitals(Struct, frozen=True, omit_defaults=True):
    """A gate's pulse, not retained and not journalled: only the newest matters."""

    v: Version
    time_ns: TimeNs
    epoch: Id
    session: Count
    spool: SpoolDepth
    version: Text = ""
    uptime_s: float = 0.0
    cpu_c: float | None = None
    memory_mb: float | None = None
    disk_free_mb: float | None = None
    devices: dict[str, str] = {}
    """Health of each device by name."""
    frames_per_s: dict[str, float] = {}
    reference_drift_c: dict[str, float] = {}
    """By camera: the reference as seen minus its set temperature, in kelvin."""
    registry: RegistryHeld | None = None
    configuration: ConfigurationHeld | None = None
    machine: Machine | None = None
    safe: bool = False
    """Whether it runs in safe mode, after a crash loop."""
    release: ReleaseHeld | None = None
    token_key: TokenKeyHeld | None = None


AnyMessage = (
    Batch | Watermark | Status | Vitals | GateConfiguration | Manifest | Shard | Beat
    | Sighting | Recall | Recalled | Snapshot | SnapshotHeld | Notices | ReleaseOffer | FetchPiece
    | TokenKeyOffer
)  # fmt: skip
Message = TypeVar(
    "Message",
    Batch, Watermark, Status, Vitals, GateConfiguration, Manifest, Shard, Beat,
    Sighting, Recall, Recalled, Snapshot, SnapshotHeld, Notices, ReleaseOffer, FetchPiece, TokenKeyOffer,
)  # fmt: skip

_encoder = msgspec.json.Encoder()
_event_decoder = msgspec.json.Decoder(AnyEvent)
_decoders: dict[type, msgspec.json.Decoder[Any]] = {kind: msgspec.json.Decoder(kind) for kind in get_args(AnyMessage)}


_BAD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What a decoder raises for bytes that it does not understand."""


class _Versioned(Struct):
    v: Version


_version_decoder = msgspec.json.Decoder(_Versioned)


def encode_event(event: AnyEvent) -> bytes:
    """The event's bytes, proved to be readable again.

    Raises `DecodeError` when the event holds what no decoder would take (a NaN, a name with a slash): the fault
    belongs where it is made, not at the hub.
    """
    body = _encoder.encode(event)
    decode_event(body)
    return body


def decode_event(body: bytes | Raw) -> AnyEvent:
    """The event in `body`. Raises `DecodeError`, naming the fault and its place."""
    try:
        event: AnyEvent = _event_decoder.decode(body)
    except _BAD as error:
        raise _told(error, bytes(body), "event") from error
    return event


def encode(message: AnyMessage) -> bytes:
    """The message's bytes."""
    return _encoder.encode(message)


def decode(kind: type[Message], payload: bytes) -> Message:
    """The message of the given kind in `payload`.

    Raises `DecodeError` for anything else: no JSON, a missing or wrong field, too large, a schema version that is
    newer than this program reads.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise DecodeError(f"{kind.__name__.lower()}: {len(payload)} bytes, expected at most {MAX_PAYLOAD_BYTES}")
    try:
        message: Message = _decoders[kind].decode(payload)
    except _BAD as error:
        _refuse_newer(payload, kind.__name__.lower())
        raise _told(error, payload, kind.__name__.lower()) from error
    if message.v > SCHEMA_VERSION:
        _refuse_newer(payload, kind.__name__.lower())
    if isinstance(message, Batch):
        _check_numbers(message.events)
    return message


def batch_of(stream: StreamId, events: Sequence[Numbered], run: str = "", after: str | None = None) -> Batch:
    """A batch of this schema version."""
    return Batch(SCHEMA_VERSION, stream, list(events), run, after)


def _told(error: Exception, payload: bytes, what: str) -> DecodeError:
    return DecodeError(f"{what}: {error}; found {_excerpt(payload)}")


def _refuse_newer(payload: bytes, what: str) -> None:
    try:
        version = _version_decoder.decode(payload).v
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    if version > SCHEMA_VERSION:
        raise DecodeError(f"{what}: schema version {version}, this program reads up to {SCHEMA_VERSION}")


def _check_numbers(events: list[Numbered]) -> None:
    if not events:
        raise DecodeError("batch: no events, expected at least one")
    expected = events[0].seq
    for numbered in events:
        last = numbered.through or numbered.seq
        if numbered.seq != expected or last < expected:
            raise DecodeError(f"batch: numbers {numbered.seq} to {last}, expected {expected} or more next")
        expected = last + 1


def _excerpt(payload: bytes, limit: int = 80) -> str:
    shown = payload[:limit].decode("utf-8", "backslashreplace")
    return repr(shown) + (f" … ({len(payload)} bytes)" if len(payload) > limit else "")
