"""Words to the people at the gates: what screens show and speakers say, and until when.

The hub publishes all notices of a site that are not over as one retained message under a version that only grows, and
says it again every so often, so that it does not matter what a broker remembers. A picture travels by itself, retained
under the digest of its bytes; a gate asks for those that it lacks. A gate keeps what it has over restarts and shows
each notice from its beginning to its end, with or without a hub.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from wire.events import Count, Name, TimeNs
from wire.registry import Digest, Version

MOST_NOTICES = 50
MOST_TEXT = 500
MOST_PICTURE_BYTES = 150 * 1024
"""Fetched by every gate, some of them over a slow link."""


class Notice(Struct, frozen=True, omit_defaults=True):
    """One notice, from `from_ns` to before `until_ns`. `gates` are those that it is for; empty means all of the site.

    `speech` is the key of an announcement that gates have a recording of, said every `every_min` minutes.
    """

    id: Count
    from_ns: TimeNs
    until_ns: TimeNs
    zh: Annotated[str, Meta(max_length=MOST_TEXT)] = ""
    en: Annotated[str, Meta(max_length=MOST_TEXT)] = ""
    speech: Annotated[str, Meta(max_length=32)] = ""
    every_min: Annotated[int, Meta(ge=0, le=1440)] = 0
    picture: Digest | None = None
    gates: tuple[Name, ...] = ()


class Notices(Struct, frozen=True):
    """All notices of a site that are not over; a higher `version` replaces a lower one."""

    v: Annotated[int, Meta(ge=1)]
    version: Version
    notices: Annotated[list[Notice], Meta(max_length=MOST_NOTICES)]


def is_picture(data: bytes) -> bool:
    """Whether the bytes begin as a JPEG or a PNG does: what browsers of all ages show."""
    return data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"))
