"""Releases of the program: what one is made of, who signed it, and how its bytes travel to gates.

A release is a manifest, signed away from the hub, and the wheels that it names by their digests. The hub keeps both and
hands them on; it cannot make one. A gate takes bytes only under the digest that a manifest names which a key signed
that the gate was given at its installation.

    hub → gate  ReleaseOffer   retained: what the gate is to install, with the signed manifest
    gate → hub  FetchPiece     the next piece of a file that it lacks; one at a time
    hub → gate  the piece's bytes, under a topic that names file and place

`serial` orders releases, whatever they are called: a gate never installs one with a lower serial than what it has
confirmed, so an old release with a known fault is of no use to whoever took the hub. To go back to an old version on
purpose, its manifest is signed anew under a new serial.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from wire.errors import DecodeError
from wire.events import Count, Text

T = TypeVar("T")

MOST_MANIFEST_BYTES = 128 * 1024
MOST_ENVELOPE_BYTES = 180 * 1024
"""A manifest in base64 with its signatures; as an offer it is one message."""
MOST_FILE_BYTES = 512 * 1024 * 1024
MOST_FILES = 400
MOST_PIECE_BYTES = 128 * 1024

Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
KeyId = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
ReleaseVersion = Annotated[str, Meta(pattern=r"^[0-9]{1,6}(\.[0-9]{1,6}){1,3}([a-z0-9.+]{1,20})?$", max_length=40)]
Serial = Annotated[int, Meta(ge=1, le=2**53)]
WheelName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+!-]{0,180}\.whl$")]
"""No slash, no leading dot: it is a name, never a way."""
Python = Annotated[str, Meta(pattern=r"^3\.[0-9]{1,2}$")]
Machine = Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,20}$")]
PublicKey = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}=$")]
"""Ed25519, 32 bytes in URL-safe base64."""


class WheelFile(Struct, frozen=True):
    """One wheel, known by its bytes."""

    name: WheelName
    sha256: Sha256
    size: Annotated[int, Meta(ge=1, le=MOST_FILE_BYTES)]


class Target(Struct, frozen=True):
    """All wheels for one kind of machine: the Python that is there, and the processor."""

    python: Python
    machine: Machine
    files: Annotated[tuple[WheelFile, ...], Meta(min_length=1, max_length=MOST_FILES)]


class ReleaseManifest(Struct, frozen=True, omit_defaults=True):
    """What is signed. `keys`, where it names any, are the keys that a gate trusts once this release has proved itself:
    so a signing key is changed from afar."""

    v: Annotated[int, Meta(ge=1, le=1)]
    version: ReleaseVersion
    serial: Serial
    targets: Annotated[tuple[Target, ...], Meta(min_length=1, max_length=20)]
    keys: Annotated[tuple[PublicKey, ...], Meta(max_length=5)] = ()
    note: Annotated[str, Meta(max_length=500)] = ""

    @property
    def slot(self) -> str:
        """Its folder's name on a gate."""
        return f"{self.version}-{self.serial}"

    def target(self, python: str, machine: str) -> Target | None:
        """The wheels for such a machine, None where it was not built for one."""
        return next((one for one in self.targets if (one.python, one.machine) == (python, machine)), None)

    def files(self) -> dict[str, int]:
        """All files by their digests, with their sizes."""
        return {file.sha256: file.size for target in self.targets for file in target.files}


class Signature(Struct, frozen=True):
    """By the key of that name (the first half of its SHA-256, in hexadecimal digits)."""

    key: KeyId
    value: Annotated[bytes, Meta(min_length=64, max_length=64)]


class SignedRelease(Struct, frozen=True):
    """A manifest's bytes as they were signed. Several signatures ease the change of a key."""

    v: Annotated[int, Meta(ge=1, le=1)]
    manifest: Annotated[bytes, Meta(max_length=MOST_MANIFEST_BYTES)]
    signatures: Annotated[tuple[Signature, ...], Meta(max_length=5)]


class Wish(StrEnum):
    """What the hub wants of a gate's program."""

    NOTHING = "nothing"
    INSTALL = "install"
    BACK = "back"
    """To the release before, which the gate still has: only from the release with that serial."""


class ReleaseOffer(Struct, frozen=True, omit_defaults=True):
    """Under a number that only grows; each is worked on once, whatever comes of it."""

    v: Annotated[int, Meta(ge=1)]
    number: Count
    wish: Wish = Wish.NOTHING
    serial: Count = 0
    envelope: Annotated[bytes, Meta(max_length=MOST_ENVELOPE_BYTES)] = b""
    """A `SignedRelease`, of a wish to install."""


class FetchPiece(Struct, frozen=True):
    """A gate asks for the bytes of a file from `offset` on."""

    v: Annotated[int, Meta(ge=1)]
    sha256: Sha256
    offset: Annotated[int, Meta(ge=0, le=MOST_FILE_BYTES)]
    size: Annotated[int, Meta(ge=1, le=MOST_PIECE_BYTES)]


class Phase(StrEnum):
    """How far a gate is with an offer."""

    IDLE = "idle"
    LOADING = "loading"
    STAGING = "staging"
    TESTING = "testing"
    SWITCHING = "switching"
    TRIAL = "trial"


class ReleaseHeld(Struct, frozen=True, omit_defaults=True):
    """In a gate's pulse: the release that runs (serial 0: what was installed by hand), the offer that is worked on, and
    how the last one ended."""

    version: Annotated[str, Meta(max_length=64)] = ""
    serial: Count = 0
    offer: Count = 0
    phase: Phase = Phase.IDLE
    loaded: Annotated[float, Meta(ge=0, le=1)] = 0.0
    settled: Count = 0
    """The last offer that came to its end, 0 for none."""
    works: bool = True
    """Whether it ended with what it wanted."""
    why: Text = ""


_LEADING = re.compile(r"[0-9]+(\.[0-9]+)*")
_signed = msgspec.json.Decoder(SignedRelease)
_manifest = msgspec.json.Decoder(ReleaseManifest)


def decode_signed(envelope: bytes) -> SignedRelease:
    """Raises `DecodeError`."""
    if len(envelope) > MOST_ENVELOPE_BYTES:
        raise DecodeError(f"release: {len(envelope)} bytes, expected at most {MOST_ENVELOPE_BYTES}")
    return _decode(_signed, envelope, "release")


def decode_manifest(manifest: bytes) -> ReleaseManifest:
    """What a manifest says, whoever signed it; digests of one length have one size. Raises `DecodeError`."""
    found = _decode(_manifest, manifest, "manifest")
    kinds = [(target.python, target.machine) for target in found.targets]
    if len(set(kinds)) != len(kinds):
        raise DecodeError("manifest: two targets for one kind of machine")
    sizes: dict[str, int] = {}
    for target in found.targets:
        if len({file.name for file in target.files}) != len(target.files):
            raise DecodeError(f"manifest: two wheels of one name for {target.python} {target.machine}")
        for file in target.files:
            if sizes.setdefault(file.sha256, file.size) != file.size:
                raise DecodeError(f"manifest: {file.name}: two sizes for one digest")
    return found


def encode_manifest(manifest: ReleaseManifest) -> bytes:
    return msgspec.json.encode(manifest)


def encode_signed(signed: SignedRelease) -> bytes:
    return msgspec.json.encode(signed)


def is_older(version: str, other: str) -> bool:
    """By the numbers that versions begin with."""
    return _numbers(version) < _numbers(other)


def _numbers(version: str) -> tuple[int, ...]:
    found = _LEADING.match(version)
    parts = [int(part) for part in found.group().split(".")] if found else []
    return tuple((*parts, 0, 0, 0, 0)[:4])


def _decode(decoder: msgspec.json.Decoder[T], payload: bytes, what: str) -> T:
    try:
        return decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise DecodeError(f"{what}: {error}") from error
