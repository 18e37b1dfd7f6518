"""A storage card whose power can be cut: what was flushed to it stays; of what was written since, some is there, some
is not, and some is there in part, whatever the order it was written in.

    ext4 on a loop device ── the file MOUNTPOINT, by FUSE ──► writes that wait ── flush (fsync) ──► the file IMAGE

SIGUSR1 cuts the power in the next instant in which writes wait (after a while in any): each is kept, lost or
torn at a sector (512 bytes), by the seed; from then on all that is asked for fails. In the end (SIGTERM) it says in
JSON what it did. It is a drive with a cache that heeds flushes; a card that lies about them, or that harms what it was
not writing to, it is not.

As root; needs /dev/fuse. Usage: card.py MOUNTPOINT IMAGE [--seed N] [--victim FILE]; it says `ready`. MOUNTPOINT is a
file. The process whose number stands in the file `victim` is ended in the instant of the cut, before it can see that
anything fails.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import errno
import json
import os
import random
import select
import signal
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

SECTOR = 512
MOST_ENOUGH, PATIENCE_S = 4, 15.0
"""A cut waits for one to so many writes at risk, but no longer than that."""
PAGE = 4096
_MOST = 128 * 1024
_IN, _OUT = struct.Struct("<IIQQIIIHH"), struct.Struct("<IiQ")
_ATTR = struct.Struct("<QII6Q10I")
_DETACH = 2
_GETATTR, _SETATTR, _OPEN, _READ, _WRITE, _STATFS, _RELEASE, _FSYNC, _FLUSH, _INIT = (
    3,
    4,
    14,
    15,
    16,
    17,
    18,
    20,
    25,
    26,
)
_FORGET, _ACCESS, _INTERRUPT, _BATCH_FORGET = 2, 34, 36, 42
_SAY_NOTHING = {_FORGET, _INTERRUPT, _BATCH_FORGET}


class Card:
    """What is on the card for good (`image`, an open file), and what waits to be."""

    def __init__(self, image: int, seed: int) -> None:
        self._image, self._draw = image, random.Random(seed)  # noqa: S311 - a plan, no secret
        self._waiting: list[tuple[int, bytes]] = []
        self._pages: dict[int, bytearray] = {}
        """What is read of pages with writes that wait."""
        self.enough = self._draw.randint(1, MOST_ENOUGH)
        self.did = {"writes": 0, "flushes": 0, "cuts": 0, "kept": 0, "lost": 0, "torn": 0}
        self.is_dead = False

    @property
    def size(self) -> int:
        return os.fstat(self._image).st_size

    @property
    def waits(self) -> int:
        """How many writes would be at risk now."""
        return len(self._waiting)

    def read(self, offset: int, size: int) -> bytes:
        size = max(0, min(size, self.size - offset))
        found = bytearray(os.pread(self._image, size, offset))
        for page in range(offset // PAGE, (offset + size + PAGE - 1) // PAGE):
            if page in self._pages:
                begin, end = max(offset, page * PAGE), min(offset + size, (page + 1) * PAGE)
                found[begin - offset : end - offset] = self._pages[page][begin - page * PAGE : end - page * PAGE]
        return bytes(found)

    def write(self, offset: int, data: bytes) -> None:
        data = data[: max(0, self.size - offset)]
        done = 0
        while done < len(data):
            page, at = divmod(offset + done, PAGE)
            part = data[done : done + PAGE - at]
            if page not in self._pages:
                self._pages[page] = bytearray(os.pread(self._image, PAGE, page * PAGE).ljust(PAGE, b"\0"))
            self._pages[page][at : at + len(part)] = part
            done += len(part)
        self._waiting.append((offset, bytes(data)))
        self.did["writes"] += 1

    def flush(self) -> None:
        """All that waits is on the card for good."""
        for offset, data in self._waiting:
            os.pwrite(self._image, data, offset)
        self._waiting.clear()
        self._pages.clear()
        self.did["flushes"] += 1

    def cut(self) -> None:
        """The power goes."""
        for offset, data in self._waiting:
            fate = self._draw.choice(("kept", "lost", "torn"))
            self.did[fate] += 1
            for begin in range(0, len(data), SECTOR):
                if fate == "kept" or (fate == "torn" and self._draw.random() < 0.5):
                    os.pwrite(self._image, data[begin : begin + SECTOR], offset + begin)
        self._waiting.clear()
        self._pages.clear()
        self.did["cuts"] += 1
        self.is_dead = True


class Device:
    """The card as a file of the kernel's, by FUSE's own protocol (fuse(4), include/uapi/linux/fuse.h)."""

    def __init__(self, card: Card, mountpoint: Path) -> None:
        self._card, self._mountpoint = card, mountpoint
        self._fd = os.open("/dev/fuse", os.O_RDWR | os.O_NONBLOCK)
        self._libc = ctypes.CDLL(None, use_errno=True)
        words = f"fd={self._fd},rootmode=100600,user_id=0,group_id=0,allow_other"
        if self._libc.mount(b"card", bytes(mountpoint), b"fuse", 0, words.encode()):
            raise OSError(ctypes.get_errno(), f"{mountpoint}: cannot be mounted by FUSE")
        self._answers: dict[int, Callable[[bytes], bytes]] = {
            _INIT: self._init,
            _GETATTR: self._attr,
            _SETATTR: self._attr,
            _OPEN: lambda _: struct.pack("<QII", 1, 0, 0),
            _READ: self._read,
            _WRITE: self._write,
            _FSYNC: self._flush,
            _STATFS: lambda _: bytes(80),
            **{number: lambda _: b"" for number in (_RELEASE, _FLUSH, _ACCESS)},
        }

    def run(self, ended: Callable[[], bool], wake: int) -> None:
        while not ended():
            ready, _, _ = select.select([self._fd, wake], [], [], 0.2)
            if wake in ready:
                os.read(wake, 64)
            if self._fd in ready:
                try:
                    self._serve(os.read(self._fd, _MOST + 64 * 1024))
                except BlockingIOError:
                    continue
                except OSError as error:
                    if error.errno != errno.ENODEV:  # taken off by somebody else
                        raise
                    return

    def close(self) -> None:
        self._libc.umount2(bytes(self._mountpoint), _DETACH)
        os.close(self._fd)

    def _serve(self, asked: bytes) -> None:
        _, what, unique, *_ = _IN.unpack_from(asked)
        if what in _SAY_NOTHING:
            return
        answer, fault = b"", 0
        try:
            answer = self._answers.get(what, _unknown)(asked[_IN.size :])
        except OSError as error:
            fault = -(error.errno or errno.EIO)
        os.write(self._fd, _OUT.pack(_OUT.size + len(answer), fault, unique) + answer)

    def _init(self, asked: bytes) -> bytes:
        _, _, ahead, _ = struct.unpack_from("<4I", asked)
        big_writes, pages = 1 << 5, 1 << 22
        return struct.pack(
            "<IIIIHHIIHHI7I", 7, 31, ahead, big_writes | pages, 16, 12, _MOST, 1, _MOST // PAGE, 0, 0, *([0] * 7)
        )

    def _attr(self, _: bytes) -> bytes:
        now, size = int(time.time()), self._card.size
        times = (now, now, now)
        return _ATTR.pack(
            60, 0, 0, 1, size, size // SECTOR, *times, 0, 0, 0, 0o100600, 1, 0, 0, 0, PAGE, 0
        )  # fmt: skip

    def _alive(self) -> Card:
        if self._card.is_dead:
            raise OSError(errno.EIO, "there is no power")
        return self._card

    def _read(self, asked: bytes) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", asked)
        return self._alive().read(offset, size)

    def _write(self, asked: bytes) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", asked)
        self._alive().write(offset, asked[40 : 40 + size])
        return struct.pack("<II", size, 0)

    def _flush(self, _: bytes) -> bytes:
        self._alive().flush()
        return b""


def end(victim: Path | None) -> None:
    """The machine has no power either."""
    if victim is not None and victim.exists():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(victim.read_text()), signal.SIGKILL)


def _unknown(_: bytes) -> bytes:
    raise OSError(errno.ENOSYS, "not spoken here")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("mountpoint", type=Path)
    parser.add_argument("image", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--victim", type=Path)
    asked = parser.parse_args()
    card = Card(os.open(asked.image, os.O_RDWR), asked.seed)
    wake, waking = os.pipe2(os.O_NONBLOCK)
    signal.set_wakeup_fd(waking)
    is_over: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: is_over.append(number))
    signal.signal(signal.SIGINT, lambda number, _: is_over.append(number))
    cut: list[float] = []
    signal.signal(signal.SIGUSR1, lambda _number, _: cut.append(time.monotonic()))
    device = Device(card, asked.mountpoint)
    sys.stdout.write("ready\n")
    sys.stdout.flush()

    def ended() -> bool:
        is_now = bool(cut) and (card.waits >= card.enough or time.monotonic() - cut[0] > PATIENCE_S)
        if is_now and not card.is_dead:
            end(asked.victim)
            card.cut()
            sys.stdout.write(f"{json.dumps(card.did)}\n")
            sys.stdout.flush()
        return bool(is_over)

    try:
        device.run(ended, wake)
    finally:
        if not card.is_dead:
            card.flush()  # taken out in peace
        device.close()
    sys.stdout.write(f"{json.dumps(card.did)}\n")


if __name__ == "__main__":
    main()
