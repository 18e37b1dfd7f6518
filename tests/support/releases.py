"""Releases of the program for tests: real wheels, real keys, and a service manager that is one thread."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
import zipfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.releases import loader, staging
from edge.releases.loader import Installation, Loader
from wire import signing
from wire.releases import (
    ReleaseManifest,
    SignedRelease,
    Target,
    WheelFile,
    encode_manifest,
    encode_signed,
)

ROOT = Path(__file__).parents[2]
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = signing.public_text(KEY.public_key())
KEYS_LINE = f"ed25519 {PUBLIC} a test\n"


def wheel_file(name: str, content: bytes) -> WheelFile:
    return WheelFile(name, hashlib.sha256(content).hexdigest(), len(content))


def manifest_of(files: list[WheelFile], version: str = "0.2.0", serial: int = 1, **more: object) -> ReleaseManifest:
    """Of wheels for this machine."""
    return ReleaseManifest(1, version, serial, (Target(*staging.here(), tuple(files)),), **more)  # type: ignore[arg-type]


def signed(manifest: ReleaseManifest, key: Ed25519PrivateKey = KEY) -> SignedRelease:
    body = encode_manifest(manifest)
    return SignedRelease(1, body, (signing.sign(key, body),))


def envelope_of(manifest: ReleaseManifest, key: Ed25519PrivateKey = KEY) -> bytes:
    return encode_signed(signed(manifest, key))


def build_wheel(folder: Path, version: str) -> Path:
    """The project's own wheel as setuptools builds it, under another version."""
    source = folder / "source"
    source.mkdir(parents=True)
    for name in ("wire", "edge", "sim"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.onnx", "*.wav"))
    for name in ("README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("menshen.py", "pyproject.toml"):
        text = (ROOT / name).read_text("utf-8")
        (source / name).write_text(text.replace('ersion = "0.1.0"', f'ersion = "{version}"').replace(
            'VERSION = "0.1.0"', f'VERSION = "{version}"'), "utf-8")  # fmt: skip
    words = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--no-index"]
    subprocess.run([sys.executable, "-m", "pip", *words, "-w", str(folder), str(source)], check=True)
    return next(folder.glob("menshen-*.whl"))


def changed_wheel(wheel: Path, version: str, menshen: str) -> Path:
    """Another version of it, whose `menshen.py` has these lines before its own."""
    old = wheel.name.split("-")[1]
    made = wheel.with_name(wheel.name.replace(old, version, 1))
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for item in source.namelist():
            data = source.read(item)
            if item == "menshen.py":
                text = data.decode().replace(f'VERSION = "{old}"', f'VERSION = "{version}"')
                data = text.replace("\nVERSION", f"\n{menshen}\nVERSION", 1).encode()
            if item.endswith(("METADATA", "RECORD")):
                data = data.replace(old.encode(), version.encode())
            target.writestr(item.replace(f"menshen-{old}", f"menshen-{version}"), data)
    return made


def needs_wheel(folder: Path) -> Path:
    """In place of all other wheels: one whose only file points at what is installed here."""
    made = folder / "needs-1-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as target:
        target.writestr("needs.pth", f"{sysconfig.get_path('purelib')}\n")
        target.writestr("needs-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: needs\nVersion: 1\n")
        target.writestr("needs-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        target.writestr("needs-1.dist-info/RECORD", "needs.pth,,\nneeds-1.dist-info/METADATA,,\n"
                        "needs-1.dist-info/WHEEL,,\nneeds-1.dist-info/RECORD,,\n")  # fmt: skip
    return made


def installation(folder: Path) -> Installation:
    """What `install.sh` made: a command that runs this checkout, and the keys."""
    command = folder / "installed" / "bin" / "menshen"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m menshen "$@"\n')
    command.chmod(0o755)
    (folder / "release-keys").write_text(KEYS_LINE)
    return Installation(folder / "installed", "0.1.0", folder / "release-keys")


def folder_of(folder: Path) -> Path:
    """The loader's folder, as `install.sh` makes it."""
    made = folder / "release"
    (made / loader.INBOX).mkdir(parents=True)
    return made


class Services(threading.Thread):
    """What the units of deploy/systemd have systemd do: the loader before each start of the agent and at each request,
    the agent again when it ends or is to start anew."""

    def __init__(self, folder: Path, installation: Installation, settings: Path) -> None:
        super().__init__(name="services")
        self.loader = Loader(folder, installation, "boot", time.monotonic)
        self._folder, self._settings = folder, settings
        self._log = (settings.parent / "gate.log").open("wb")
        self._stopping = threading.Event()
        self.starts: list[str] = []
        """What ran at each start."""

    def run(self) -> None:
        while not self._stopping.is_set():
            self.starts.append(self.loader.start().running)
            (self._folder / loader.RESTART).unlink(missing_ok=True)
            command = [str(self._folder / loader.CURRENT / "bin" / "menshen"), "edge", "run", str(self._settings)]
            env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
            agent = subprocess.Popen(command, stdout=self._log, stderr=self._log, env=env)
            try:
                while agent.poll() is None and not self._stopping.is_set():
                    self._serve()
                    if (self._folder / loader.RESTART).exists():
                        break
                    self._stopping.wait(0.05)
            finally:
                agent.terminate()
                agent.wait(20)

    def _serve(self) -> None:
        request = self._folder / loader.INBOX / loader.REQUEST_FILE
        if request.exists() and request.stat().st_ino != getattr(self, "_seen", None):
            self._seen = request.stat().st_ino
            self.loader.work()

    def stop(self) -> None:
        self._stopping.set()
        self.join(30)
        self._log.close()
