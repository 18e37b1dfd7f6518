"""A release's bytes → a Python environment of its own.

What the agent loaded is copied while it is checked, and the copies are what is installed: nobody can exchange them in
between. Wheels are only unpacked; no code of theirs runs, not even at the start of an interpreter, for pip is the
installation's own and works on an environment that is still empty.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from wire.errors import ReleaseError
from wire.releases import ReleaseManifest, Target, WheelFile

Build = Callable[[Path, Sequence[tuple[Path, str]]], None]
"""Makes an environment in a folder from wheels with their digests."""

_CHUNK = 1024 * 1024
_UNPACKED = 4
"""Wheels take about so many times their size when they are installed and compiled."""
_PIP_WITHIN_S = 1500.0


def here() -> tuple[str, str]:
    """This machine's Python and processor, as targets name them."""
    return f"3.{sys.version_info[1]}", platform.machine().lower()


def target_of(manifest: ReleaseManifest) -> Target:
    """The wheels for this machine. Raises `ReleaseError`."""
    python, machine = here()
    found = manifest.target(python, machine)
    if found is None:
        built = ", ".join(f"Python {target.python} on {target.machine}" for target in manifest.targets)
        raise ReleaseError(f"release {manifest.version} is for {built}; this is Python {python} on {machine}")
    return found


def stage(target: Target, inbox: Path, place: Path, build: Build) -> None:
    """Make the environment `place` of the wheels in `inbox`. Raises `ReleaseError`; a power cut leaves rubbish that the
    next try removes."""
    wheels = place.with_name(f".wheels-{place.name}")
    try:
        for folder in (place, wheels):
            clear(folder)
        need = sum(file.size for file in target.files) * (1 + _UNPACKED)
        free = shutil.disk_usage(place.parent).free
        if free < need:
            raise ReleaseError(f"{place.parent}: {free / 1e6:.0f} MB free, expected at least {need / 1e6:.0f}")
        wheels.mkdir(mode=0o755)
        files = [(copy_checked(inbox / file.sha256, wheels / file.name, file), file.sha256) for file in target.files]
        build(place, files)
        clear(wheels)
        os.sync()
    except OSError as error:
        raise ReleaseError(f"{place}: {error.strerror or error}") from error


def copy_checked(source: Path, to: Path, file: WheelFile) -> Path:
    """The file under its name, if its bytes are those that were signed. Raises `ReleaseError`, `OSError`."""
    descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as read, to.open("xb") as write:
        found = os.fstat(read.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_size != file.size:
            raise ReleaseError(f"{file.name}: {found.st_size} bytes, expected {file.size}")
        digest, left = hashlib.sha256(), file.size
        while left and (chunk := read.read(min(_CHUNK, left))):
            digest.update(chunk)
            write.write(chunk)
            left -= len(chunk)
    if left or digest.hexdigest() != file.sha256:
        raise ReleaseError(f"{file.name}: not the bytes that were signed")
    return to


def build(place: Path, wheels: Sequence[tuple[Path, str]]) -> None:
    """An environment with these wheels and nothing else. Raises `ReleaseError`."""
    _run([sys.executable, "-I", "-m", "venv", "--without-pip", str(place)])
    wanted = place / "wheels.txt"
    wanted.write_text("".join(f"{path.as_uri()} --hash=sha256:{digest}\n" for path, digest in wheels))
    words = ["--no-index", "--no-deps", "--require-hashes", "--no-cache-dir", "--disable-pip-version-check", "--quiet"]
    python = str(place / "bin" / "python")
    _run([sys.executable, "-I", "-m", "pip", "--python", python, "install", *words, "-r", str(wanted)])
    if not (place / "bin" / "menshen").exists():
        raise ReleaseError("no wheel of the release brings the command menshen")


def clear(folder: Path) -> None:
    """Remove a folder, if it is there. Raises `OSError`."""
    if folder.exists():
        shutil.rmtree(folder)


def _run(command: list[str]) -> None:
    env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent", "PIP_CONFIG_FILE": "/dev/null"}
    try:
        done = subprocess.run(  # noqa: S603 - our own Python, words that were checked
            command, check=False, capture_output=True, text=True, timeout=_PIP_WITHIN_S, env=env
        )
    except subprocess.TimeoutExpired as error:
        raise ReleaseError(f"{' '.join(command[:5])}: not done within {_PIP_WITHIN_S:.0f} s") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-3:]
        raise ReleaseError(f"{' '.join(command[2:5])}: {' '.join(said)[:400]}")
