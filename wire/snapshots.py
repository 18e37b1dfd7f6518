"""A small thermal picture of somebody with a fever, from gate to hub: beside the event, never in it.

An event stays in the journal; a picture is deleted after a set time. So it travels by itself, until the hub says that
it has it, and is a help, not a record: a gate that is switched off forgets it.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from wire.events import Id, Name, TimeNs

MOST_BYTES = 24 * 1024


class Snapshot(Struct, frozen=True):
    """The picture (JPEG; in JSON base64) that goes with the passage of that name."""

    v: Annotated[int, Meta(ge=1)]
    gate: Name
    passage: Id
    time_ns: TimeNs
    jpeg: Annotated[bytes, Meta(min_length=4, max_length=MOST_BYTES)]


class SnapshotHeld(Struct, frozen=True):
    """The hub's word that it has the picture of a passage, or wants none."""

    v: Annotated[int, Meta(ge=1)]
    passage: Id
