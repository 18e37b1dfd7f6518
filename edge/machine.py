"""What a gate's machine tells of itself: heat, power, memory, storage. What it does not tell is None.

`throttled` is the Raspberry Pi firmware's word (`vcgencmd get_throttled`, bits documented with it); wear and spare
blocks are what eMMC tells by JEDEC 5.0 (`life_time`, `pre_eol_info`; Linux's mmc driver): SD cards tell nothing of the
kind. What was ever written, and faults, are ext4's word (`/sys/fs/ext4`). Nothing here waits for a device.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from edge.clock import clock_quality
from wire.machine import Machine

T = TypeVar("T")

SYS, PROC = Path("/sys"), Path("/proc")
_THROTTLED = "devices/platform/soc/soc:firmware/get_throttled"
_CPU = "class/thermal/thermal_zone0/temp"
_TENTHS = 10
_OVER = 11
"""0x0B: the estimate is exceeded."""
_SPARE_STATES = (1, 2, 3)
_READ_ONLY, _MEMORY = ("squashfs", "erofs"), ("tmpfs", "ramfs")
"""Kinds of file systems that cannot be written to, and whose content is gone without power."""


class Store(NamedTuple):
    """What holds a folder: the kernel's folder of the whole device in /sys, and its partition's name."""

    device: Path
    partition: str


class Mount(NamedTuple):
    """Where something is mounted, its kind, and the options of the file system itself."""

    at: Path
    kind: str
    options: tuple[str, ...]


def look(folder: Path, sys: Path = SYS, proc: Path = PROC) -> Machine:
    """Everything, with the storage that holds the folder."""
    store = store_of(folder, sys)
    ext4 = sys / "fs/ext4" / store.partition if store else None
    mounts = _told(lambda: mounts_of((proc / "self/mountinfo").read_text("utf-8", "replace")))
    return Machine(
        cpu_c=_per(_number(sys / _CPU), 1e3),
        throttled=throttled(sys),
        memory_free_mb=_per(_told(lambda: _available_kb(_text(proc / "meminfo"))), 1e3),
        disk_mb=_told(lambda: shutil.disk_usage(folder).total / 1e6),
        wear_percent=wear_percent(sys),
        spare_state=spare_state(sys),
        written_gb=_per(_number(ext4 / "lifetime_write_kbytes"), 1e6) if ext4 else None,
        disk_errors=_number(ext4 / "errors_count") if ext4 else None,
        read_only_root=None if mounts is None else is_read_only(mounts),
        in_memory=None if mounts is None else is_in_memory(mounts, folder.absolute()),
        storage=_storage(store),
        clock=clock_quality(),
    )


def throttled(sys: Path = SYS) -> int | None:
    """The firmware's bits."""
    return _number(sys / _THROTTLED, 16)


def wear_percent(sys: Path = SYS) -> int | None:
    """Of the most worn area of the most worn eMMC: how much of its life is used, at most, in percent."""
    worst = None
    for path in sorted(sys.glob("block/mmcblk*/device/life_time")):
        told = [area * _TENTHS for area in _areas(path) if 1 <= area <= _OVER]
        worst = max([*told, *filter(None, [worst])], default=worst)
    return worst


def spare_state(sys: Path = SYS) -> int | None:
    """Of the eMMC whose reserved blocks are used most: 1 normal, 2 most are used, 3 urgent."""
    found = [_number(path, 16) for path in sys.glob("block/mmcblk*/device/pre_eol_info")]
    return max((state for state in found if state in _SPARE_STATES), default=None)


def store_of(folder: Path, sys: Path = SYS) -> Store | None:
    """The device that holds a folder; None for memory, networks, overlays."""
    try:
        number = folder.stat().st_dev
        found = (sys / "dev/block" / f"{os.major(number)}:{os.minor(number)}").resolve(strict=True)
    except OSError:
        return None
    whole = found.parent if (found / "partition").exists() else found
    return Store(whole, found.name)


def mounts_of(mountinfo: str) -> list[Mount]:
    """The lines of /proc/self/mountinfo, in their order: later ones cover earlier ones."""
    found = []
    for words in map(str.split, mountinfo.splitlines()):
        kind, _, options = words[words.index("-") + 1 :][:3]
        found.append(Mount(Path(words[4].replace("\\040", " ")), kind, tuple(options.split(","))))
    return found


def holder(mounts: Sequence[Mount], folder: Path) -> Mount | None:
    """The mount that a folder is on."""
    over = [mount for mount in mounts if folder == mount.at or mount.at in folder.parents]
    return max(reversed(over), key=lambda mount: len(mount.at.parts), default=None)


def is_in_memory(mounts: Sequence[Mount], folder: Path) -> bool:
    """Whether what is written to a folder is gone without power: memory, or an overlay whose changes go there. Where an
    overlay's upper folder cannot be seen, as in a container, it is taken for a disk's."""
    found = holder(mounts, folder)
    if found is None or found.kind != "overlay":
        return found is not None and found.kind in _MEMORY
    upper = next((Path(option[9:]) for option in found.options if option.startswith("upperdir=")), None)
    below = None if upper is None else holder(mounts, upper)
    return below is not None and below.kind in _MEMORY


def is_read_only(mounts: Sequence[Mount]) -> bool:
    """Whether what is written to `/` reaches no card, by the file system's own options: a service may see a writable
    one read-only."""
    found = holder(mounts, Path("/"))
    return found is not None and (found.kind in _READ_ONLY or "ro" in found.options or is_in_memory(mounts, Path("/")))


def _storage(store: Store | None) -> str:
    if store is None:
        return ""
    said = ", ".join(filter(None, (_told(partial(_text, store.device / "device" / key)) for key in ("type", "name"))))
    return f"{store.device.name} ({said})"[:200] if said else store.device.name[:200]


def _available_kb(meminfo: str) -> int:
    [line] = [line for line in meminfo.splitlines() if line.startswith("MemAvailable:")]
    return int(line.split()[1])


def _areas(path: Path) -> list[int]:
    return _told(lambda: [int(word, 16) for word in _text(path).split()]) or []


def _number(path: Path, base: int = 10) -> int | None:
    return _told(lambda: int(_text(path), base))


def _per(number: int | None, unit: float) -> float | None:
    return None if number is None else number / unit


def _text(path: Path) -> str:
    return path.read_text("ascii").strip()


def _told(read: Callable[[], T]) -> T | None:
    """What the machine tells; None where it does not, or tells what cannot be read."""
    try:
        return read()
    except (OSError, ValueError, IndexError):
        return None
