"""A release's file: made, signed, read; and whatever else somebody hands in is refused without harm."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import menshen
from hub.releases import archive
from hub.releases.shelf import Shelf
from tests.support.releases import KEY, manifest_of, signed, wheel_file
from wire import signing
from wire.errors import DecodeError, ReleaseError
from wire.releases import ReleaseManifest, SignedRelease, decode_manifest, decode_signed, encode_manifest, encode_signed

ONE, TWO = b"PK one" * 300, b"PK two"
FILES = [wheel_file("menshen-0.2.0-py3-none-any.whl", ONE), wheel_file("two-1-py3-none-any.whl", TWO)]
BYTES = {file.sha256: content for file, content in zip(FILES, (ONE, TWO), strict=True)}


def made(folder: Path, manifest: ReleaseManifest | None = None) -> Path:
    wheels = {}
    for sha256, content in BYTES.items():
        (folder / sha256).write_bytes(content)
        wheels[sha256] = folder / sha256
    archive.write(folder / "r.release", signed(manifest or manifest_of(FILES)), wheels)
    return folder / "r.release"


def take(folder: Path, data: bytes) -> Shelf:
    """What a hub does with a file."""
    (folder / "handed.release").write_bytes(data)
    shelf = Shelf(folder / "shelf")
    shelf.add(folder / "handed.release")
    return shelf


def tar_of(*members: tuple[str, bytes, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:", format=tarfile.USTAR_FORMAT) as file:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type, member.size, member.linkname = kind, len(content), "/etc/passwd"
            file.addfile(member, io.BytesIO(content))
    return out.getvalue()


def test_what_was_packed_is_on_the_shelf_in_pieces_and_nothing_else_is(tmp_path):
    shelf = take(tmp_path, made(tmp_path).read_bytes())
    assert shelf.missing(manifest_of(FILES)) == []
    assert shelf.piece(FILES[0].sha256, 3, 9) == ONE[3:12]
    assert shelf.piece(FILES[0].sha256, len(ONE), 9) == b""
    assert shelf.piece("0" * 64, 0, 9) == b""
    assert {path.name for path in (tmp_path / "shelf").iterdir()} == set(BYTES)
    with tarfile.open(tmp_path / "r.release") as listed:
        assert set(listed.getnames()) == {archive.MANIFEST, *BYTES}
    assert shelf.keep_only([FILES[0].sha256]) == 1
    assert shelf.missing(manifest_of(FILES)) == [FILES[1].sha256]


REG = tarfile.REGTYPE
GOOD = encode_signed(signed(manifest_of(FILES)))
IN_ORDER = sorted(BYTES)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04 a zip",
        tar_of(("other.json", REG, GOOD)),
        tar_of((archive.MANIFEST, tarfile.SYMTYPE, b"")),
        tar_of((archive.MANIFEST, REG, GOOD), ("../../etc/cron.d/x", REG, BYTES[IN_ORDER[0]])),
        tar_of((archive.MANIFEST, REG, GOOD), (IN_ORDER[0], tarfile.SYMTYPE, b"")),
        tar_of((archive.MANIFEST, REG, GOOD), (IN_ORDER[0], tarfile.CHRTYPE, b"")),
        tar_of((archive.MANIFEST, REG, GOOD), (IN_ORDER[1], REG, BYTES[IN_ORDER[1]])),
        tar_of((archive.MANIFEST, REG, GOOD), (IN_ORDER[0], REG, BYTES[IN_ORDER[0]] + b"more")),
        tar_of((archive.MANIFEST, REG, GOOD), (IN_ORDER[0], REG, bytes(len(BYTES[IN_ORDER[0]])))),
        tar_of((archive.MANIFEST, REG, GOOD), *((name, REG, BYTES[name]) for name in IN_ORDER), ("x", REG, b"y")),
        tar_of((archive.MANIFEST, REG, GOOD.replace(b'"v":1', b'"v":2'))),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused_and_leaves_no_part_behind(tmp_path, data):
    with pytest.raises((ReleaseError, DecodeError)):
        take(tmp_path, data)
    left = {path.name for path in (tmp_path / "shelf").glob("*")}
    assert left <= set(BYTES)
    assert {path.name for path in tmp_path.iterdir()} <= {"handed.release", "shelf"}


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 4000), cut=st.booleans(), byte=st.integers(1, 255))
def test_a_file_that_was_torn_or_changed_anywhere_is_refused_or_is_the_same_release(tmp_path_factory, at, cut, byte):
    folder = tmp_path_factory.mktemp("fuzz")
    data = bytearray(made(folder).read_bytes())
    at %= len(data)
    data = data[:at] if cut else data[:at] + bytes([data[at] ^ byte]) + data[at + 1 :]
    try:
        shelf = take(folder, bytes(data))
    except (ReleaseError, DecodeError):
        return
    assert all(shelf.piece(sha256, 0, 10_000) == content for sha256, content in BYTES.items())


WHOLE = encode_manifest(manifest_of(FILES))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2000), st.binary(max_size=6), st.integers(0, 40))
def test_any_bytes_are_a_manifest_or_a_decode_error(at, put, drop):
    for decode, good in ((decode_signed, GOOD), (decode_manifest, WHOLE)):
        try:
            found = decode(good[:at] + put + good[at + drop :])
        except DecodeError:
            continue
        assert isinstance(found, SignedRelease | ReleaseManifest)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../x.whl"}, {"name": "a/b.whl"}, {"name": ".whl"}, {"name": "x.tar.gz"},
        {"sha256": "../../etc/passwd"},
        {"sha256": "A" * 64}, {"size": 0}, {"size": 2**40}, {"name": "two-1-py3-none-any.whl"},
        {"sha256": FILES[1].sha256},
    ],
)  # fmt: skip
def test_names_that_lead_away_sizes_without_end_and_what_contradicts_itself_are_no_manifest(change):
    manifest = manifest_of([msgspec.structs.replace(FILES[0], **change), FILES[1]])
    with pytest.raises(DecodeError):
        decode_manifest(encode_manifest(manifest))


def test_the_commands_make_a_release_that_only_the_right_key_vouches_for(tmp_path, capsys, monkeypatch):
    def say(*words: str) -> tuple[int, str]:
        code = menshen.main(["release", *words])
        out = capsys.readouterr()
        return code, out.out + out.err

    for name in ("a", "b"):
        monkeypatch.setattr("sys.stdin", io.StringIO("a password\n" if name == "a" else "\n"))
        assert menshen.main(["release", "key", str(tmp_path / f"{name}.key"), "--name", name]) == 0
        (tmp_path / f"{name}.pub").write_text(capsys.readouterr().out)
    assert (tmp_path / "a.key").stat().st_mode & 0o777 == 0o600
    assert say("key", str(tmp_path / "a.key"))[0] == 1  # a key that is there is not written over
    (tmp_path / "wheels").mkdir()
    for file in FILES:
        (tmp_path / "wheels" / file.name).write_bytes(BYTES[file.sha256])
    release, wheels = str(tmp_path / "r.release"), f"3.11-aarch64={tmp_path / 'wheels'}"
    assert "expected PYTHON" in say("build", release, "--wheels", "here")[1]
    assert "2 wheels" in say("build", release, "--wheels", wheels, "--wheels", wheels.replace("3.11", "3.13"))[1]
    assert "signed by nobody" in say("check", release)[1]
    monkeypatch.setattr("sys.stdin", io.StringIO("a password\n"))
    assert say("sign", release, str(tmp_path / "a.key"))[0] == 0
    assert "Python 3.13 on aarch64" in say("check", release, "--keys", str(tmp_path / "a.pub"))[1]
    code, said = say("check", release, "--keys", str(tmp_path / "b.pub"))
    assert (code, "expected a good signature" in said) == (1, True)
    assert say("sign", release, str(tmp_path / "b.key"))[0] == 0  # a second signature beside the first
    for name in ("a", "b"):
        assert say("check", release, "--keys", str(tmp_path / f"{name}.pub"))[0] == 0
    before = say("check", release)[1].split("serial ")[1].split(",")[0]
    assert say("sign", "--anew", release, str(tmp_path / "b.key"))[0] == 0
    assert int(say("check", release)[1].split("serial ")[1].split(",")[0]) > int(before)
    assert say("check", release, "--keys", str(tmp_path / "a.pub"))[0] == 1


def test_a_key_vouches_for_releases_and_for_nothing_else_that_it_signs():
    manifest = encode_manifest(manifest_of(FILES))
    bare = signing.Signature(signing.sign(KEY, manifest).key, KEY.sign(manifest))
    with pytest.raises(ReleaseError, match="expected a good signature"):
        signing.open_release(
            encode_signed(SignedRelease(1, manifest, (bare,))), [signing.public_text(KEY.public_key())]
        )


@pytest.mark.parametrize("line", ["ed25519", "ed25519 short", "rsa " + "A" * 43 + "=", "ed25519 " + "A" * 43])
def test_a_line_that_is_no_key_is_named(line):
    with pytest.raises(ReleaseError, match="keys:2"):
        signing.parse_keys(f"# ours\n{line}\n", "keys")
