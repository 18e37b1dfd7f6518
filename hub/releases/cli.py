"""`menshen release …`: make and sign a release, on a machine that is not the hub."""

from __future__ import annotations

import argparse
import getpass
import hashlib
import os
import re
import sys
import time
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from msgspec.structs import replace

from hub.releases import archive
from wire import signing
from wire.errors import MenshenError, ReleaseError
from wire.releases import (
    ReleaseManifest,
    SignedRelease,
    Target,
    WheelFile,
    decode_manifest,
    encode_manifest,
)

_OURS = re.compile(r"menshen-([^-]+)-py3-none-any\.whl")
_TARGET = re.compile(r"(3\.[0-9]{1,2})-([a-z0-9_]+)=(.+)")


def main(argv: list[str]) -> int:
    """One subcommand of `menshen release`; the exit code."""
    arguments = parser().parse_args(argv)
    return int(arguments.run(arguments))


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="menshen release", description="Make and sign releases for gates.")
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    key = commands.add_parser("key", help="make a key that signs releases; its public half is printed")
    key.add_argument("file", type=Path, help="where the secret half goes; keep it off the hub")
    key.add_argument("--name", default="", help="whose it is, for people")
    key.set_defaults(run=_key)
    build = commands.add_parser("build", help="one file of the wheels for each kind of gate (deploy/release.sh)")
    build.add_argument("file", type=Path)
    about = "the wheels for one kind of gate, as 3.11-aarch64=FOLDER; once for each kind"
    build.add_argument("--wheels", action="append", required=True, metavar="KIND=FOLDER", help=about)
    build.add_argument(
        "--keys", type=Path, help="public keys that gates trust from this release on, in place of theirs"
    )
    build.add_argument("--note", default="")
    build.set_defaults(run=_build)
    sign = commands.add_parser("sign", help="sign a release")
    sign.add_argument("file", type=Path)
    sign.add_argument("key", type=Path)
    about = "as a new release, so that gates may go back to it from a later one; signatures that it has are gone"
    sign.add_argument("--anew", action="store_true", help=about)
    sign.set_defaults(run=_sign)
    check = commands.add_parser("check", help="read a release to its end, and say what it is and who signed it")
    check.add_argument("file", type=Path)
    check.add_argument("--keys", type=Path, help="public keys, one of which must have signed it")
    check.set_defaults(run=_check)
    return made


def _key(arguments: argparse.Namespace) -> int:
    key = Ed25519PrivateKey.generate()
    word = _password("Password for the key (empty for none): ", twice=True)
    encryption: KeySerializationEncryption = BestAvailableEncryption(word.encode()) if word else NoEncryption()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    try:
        with os.fdopen(os.open(arguments.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ReleaseError(f"{arguments.file}: {error.strerror}") from error
    print(f"ed25519 {signing.public_text(key.public_key())} {arguments.name}".rstrip())
    print(
        "that line belongs into /etc/menshen/release-keys on each gate: install.sh gate --release-keys", file=sys.stderr
    )
    return 0


def _build(arguments: argparse.Namespace) -> int:
    wheels: dict[str, Path] = {}
    targets, versions = [], set()
    for words in arguments.wheels:
        found = _TARGET.fullmatch(words)
        if found is None:
            raise ReleaseError(f"--wheels {words}: expected PYTHON-PROCESSOR=FOLDER, such as 3.11-aarch64=wheels")
        python, machine, folder = found.groups()
        files = [_wheel(path, wheels) for path in sorted(Path(folder).glob("*.whl"))]
        ours = [match.group(1) for file in files if (match := _OURS.fullmatch(file.name))]
        if len(ours) != 1:
            raise ReleaseError(f"{folder}: {len(ours)} wheels of menshen itself, expected one")
        versions.add(ours[0])
        targets.append(Target(python, machine, tuple(files)))
    if len(versions) != 1:
        raise ReleaseError(f"wheels of several versions: {', '.join(sorted(versions))}")
    keys = tuple(signing.read_keys(arguments.keys)) if arguments.keys else ()
    manifest = ReleaseManifest(1, versions.pop(), int(time.time()), tuple(targets), keys, arguments.note)
    body = encode_manifest(manifest)
    decode_manifest(body)
    archive.write(arguments.file, SignedRelease(1, body, ()), wheels)
    size = sum(manifest.files().values())
    print(f"{arguments.file}: {manifest.slot}, {len(wheels)} wheels, {size / 1e6:.1f} MB; not signed yet")
    return 0


def _sign(arguments: argparse.Namespace) -> int:
    key = _read_key(arguments.key)

    def change(signed: SignedRelease) -> SignedRelease:
        manifest, others = signed.manifest, signed.signatures
        if arguments.anew:
            old = decode_manifest(manifest)
            manifest = encode_manifest(replace(old, serial=max(old.serial + 1, int(time.time()))))
            others = ()
        mine = signing.sign(key, manifest)
        return SignedRelease(1, manifest, (*(one for one in others if one.key != mine.key), mine))

    signed = archive.sign_again(arguments.file, change)
    print(f"{arguments.file}: {decode_manifest(signed.manifest).slot} is signed by {signed.signatures[-1].key}")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    with archive.opened(arguments.file) as (signed, manifest, read):
        read(archive.digest_only)
        by = ", ".join(one.key for one in signed.signatures) or "nobody yet"
        if arguments.keys is not None:
            by = signing.check(signed, {signing.key_id(key): key for key in signing.read_keys(arguments.keys)})
    print(f"{arguments.file}: {manifest.version}, serial {manifest.serial}, signed by {by}")
    for target in manifest.targets:
        size = sum(file.size for file in target.files)
        print(f"  Python {target.python} on {target.machine}: {len(target.files)} wheels, {size / 1e6:.1f} MB")
    if manifest.keys:
        print(f"  gates trust from then on: {', '.join(signing.key_id(key) for key in manifest.keys)}")
    return 0


def _wheel(path: Path, wheels: dict[str, Path]) -> WheelFile:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    wheels[sha256] = path
    return WheelFile(path.name, sha256, path.stat().st_size)


def _read_key(path: Path) -> Ed25519PrivateKey:
    try:
        pem = path.read_bytes()
        word = _password(f"Password of {path}: ") if b"ENCRYPTED" in pem else ""
        key = serialization.load_pem_private_key(pem, word.encode() or None)
    except (OSError, ValueError, TypeError) as error:
        raise ReleaseError(f"{path}: cannot be used: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ReleaseError(f"{path}: expected a key that `menshen release key` made")
    return key


def _password(asked: str, *, twice: bool = False) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    word = getpass.getpass(asked)
    if twice and getpass.getpass("Once more: ") != word:
        raise MenshenError("the two are not the same; nothing was written")
    return word
