"""A release as one file, for a stick: a plain tar whose first member is the signed manifest, then each wheel under its
digest. `tar tf` lists it.

Read block by block and strictly: members other than those that the manifest names, in another order, of another kind or
size, end the reading. Names are digests, so that none leads anywhere; nothing is unpacked that is not wanted.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from wire.errors import ReleaseError
from wire.releases import (
    MOST_ENVELOPE_BYTES,
    ReleaseManifest,
    SignedRelease,
    decode_manifest,
    decode_signed,
    encode_signed,
)

MANIFEST = "release.json"
_BLOCK = 512
_CHUNK = 1024 * 1024

Sink = Callable[[str, Iterator[bytes]], None]
"""Takes the digest that a file is to have and its bytes, piece by piece."""


def write(path: Path, signed: SignedRelease, wheels: Mapping[str, Path]) -> None:
    """Write the file, whole or not at all; `wheels` are by their digests. Raises `ReleaseError`, `DecodeError`."""
    manifest = decode_manifest(signed.manifest)
    with _replacing(path) as out:
        _put_envelope(out, signed)
        for sha256, size in sorted(manifest.files().items()):
            with wheels[sha256].open("rb") as wheel:
                _put(out, sha256, size, iter(partial(wheel.read, _CHUNK), b""))
        out.write(bytes(2 * _BLOCK))


def sign_again(path: Path, change: Callable[[SignedRelease], SignedRelease]) -> SignedRelease:
    """Replace the signed manifest in a file; its wheels stay as they are. Raises `ReleaseError`, `DecodeError`."""
    with _replacing(path) as out, path.open("rb") as source:
        signed = change(decode_signed(_envelope(source)))
        _put_envelope(out, signed)
        shutil.copyfileobj(source, out, _CHUNK)
    return signed


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    new = path.with_name(path.name + ".new")
    try:
        with new.open("wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())  # the file is for a stick that somebody pulls
        new.replace(path)
    except OSError as error:
        raise ReleaseError(f"{path}: {error}") from error
    finally:
        new.unlink(missing_ok=True)


@contextmanager
def opened(path: Path) -> Iterator[tuple[SignedRelease, ReleaseManifest, Callable[[Sink], None]]]:
    """The signed manifest, what it says, and what reads the wheels into a sink.

    Raises `ReleaseError`, `DecodeError`.
    """
    try:
        with path.open("rb") as file:
            signed = decode_signed(_envelope(file))
            manifest = decode_manifest(signed.manifest)
            yield signed, manifest, lambda sink: _read_wheels(file, manifest, sink)
    except OSError as error:
        raise ReleaseError(f"{path}: cannot be read: {error.strerror or error}") from error


def digest_only(sha256: str, chunks: Iterator[bytes]) -> None:
    """A sink that only looks whether the bytes are right. Raises `ReleaseError`."""
    found = hashlib.sha256()
    for chunk in chunks:
        found.update(chunk)
    if found.hexdigest() != sha256:
        raise ReleaseError(f"{sha256}: other bytes than were signed")


def _read_wheels(file: BinaryIO, manifest: ReleaseManifest, sink: Sink) -> None:
    for sha256, size in sorted(manifest.files().items()):
        name, found = _header(file)
        if (name, found) != (sha256, size):
            raise ReleaseError(f"member {name!r} of {found} bytes, expected {sha256} of {size}")
        sink(sha256, _content(file, size))
    if file.read(_BLOCK).strip(b"\0"):
        raise ReleaseError("more members than the manifest names")


def _envelope(file: BinaryIO) -> bytes:
    name, size = _header(file)
    if name != MANIFEST or size > MOST_ENVELOPE_BYTES:
        raise ReleaseError(f"begins with {name!r} of {size} bytes, expected {MANIFEST}: is it a release of Menshen?")
    return b"".join(_content(file, size))


def _header(file: BinaryIO) -> tuple[str, int]:
    """Name and size of the next member, which is a plain file. Raises `ReleaseError`."""
    block = file.read(_BLOCK)
    try:
        member = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    except (tarfile.TarError, ValueError) as error:
        raise ReleaseError(f"no release, or torn: {error}") from error
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.size < 0:
        raise ReleaseError(f"member {member.name[:80]!r}: expected a plain file")
    return member.name, member.size


def _content(file: BinaryIO, size: int) -> Iterator[bytes]:
    left = size
    while left:
        chunk = file.read(min(_CHUNK, left))
        if not chunk:
            raise ReleaseError(f"torn: {left} bytes are missing")
        left -= len(chunk)
        yield chunk
    file.seek(-size % _BLOCK, os.SEEK_CUR)


def _put_envelope(out: BinaryIO, signed: SignedRelease) -> None:
    envelope = encode_signed(signed)
    _put(out, MANIFEST, len(envelope), iter([envelope]))


def _put(out: BinaryIO, name: str, size: int, chunks: Iterator[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    out.write(member.tobuf(tarfile.USTAR_FORMAT))
    out.writelines(chunks)
    out.write(bytes(-size % _BLOCK))
