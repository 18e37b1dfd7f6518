"""A bad cable between two network namespaces: packets are lost, late, doubled and out of order, or none come at all.

What `tc netem` does in the kernel, for machines whose kernel has none: a TUN device in each namespace, and this
program between them. As root. What it does follows from the file CONTROL, which may change while it runs:

    {"loss": 0.1, "delay_s": 0.15, "jitter_s": 0.05, "doubled": 0.02, "up": true}

Usage: cable.py CONTROL NAMESPACE ADDRESS/BITS NAMESPACE ADDRESS/BITS [--seed N]; it says `ready`, and at its end, in
JSON, what it did.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_CLONE_NEWNET = 0x40000000
_MOST_BYTES = 2048
_MOST_WAITING = 2000
"""A cable that is that far behind loses what comes, as a router's queue does."""


class How(NamedTuple):
    """What the cable does to each packet."""

    loss: float = 0.0
    delay_s: float = 0.0
    jitter_s: float = 0.0
    doubled: float = 0.0
    up: bool = True


class Cable:
    """Two ends, and what is under way between them."""

    def __init__(self, ends: tuple[int, int], control: Path, seed: int) -> None:
        self._ends, self._control, self._draw = ends, control, random.Random(seed)  # noqa: S311 - a plan, no secret
        self._way: list[tuple[float, int, int, bytes]] = []
        self._count = 0
        self._how, self._read = How(), 0
        self.did = {"carried": 0, "lost": 0, "doubled": 0}
        self.over = False

    def run(self) -> None:
        while not self.over:
            wait_s = max(0.0, self._way[0][0] - time.monotonic()) if self._way else 0.2
            ready, _, _ = select.select(self._ends, [], [], min(0.2, wait_s))
            self._look()
            for end in ready:
                self._take(end, os.read(end, _MOST_BYTES))
            while self._way and self._way[0][0] <= time.monotonic():
                _, _, end, packet = heapq.heappop(self._way)
                os.write(end, packet)
                self.did["carried"] += 1

    def _take(self, end: int, packet: bytes) -> None:
        how, other = self._how, self._ends[self._ends[0] == end]
        if not how.up or self._draw.random() < how.loss or len(self._way) >= _MOST_WAITING:
            self.did["lost"] += 1
            return
        copies = 1 + (self._draw.random() < how.doubled)
        self.did["doubled"] += copies - 1
        for _ in range(copies):
            late_s = max(0.0, how.delay_s + self._draw.uniform(-how.jitter_s, how.jitter_s))
            self._count += 1
            heapq.heappush(self._way, (time.monotonic() + late_s, self._count, other, packet))

    def _look(self) -> None:
        try:
            changed = self._control.stat().st_ino  # each is a new file
            if changed != self._read:
                self._how, self._read = How(**json.loads(self._control.read_text())), changed
        except (OSError, ValueError, TypeError):
            return  # it is being replaced


def end_in(namespace: str, address: str) -> int:
    """A TUN device in a namespace, up and with its address."""
    name = b"cable0"
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(f"/run/netns/{namespace}").open("rb") as file:
        if libc.setns(file.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"namespace {namespace} cannot be entered")
    end = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(end, _TUNSETIFF, struct.pack("16sH", name, _IFF_TUN | _IFF_NO_PI))
    for words in (("address", "add", address, "dev", "cable0"), ("link", "set", "cable0", "up", "mtu", "1400")):
        subprocess.run(["ip", *words], check=True)  # noqa: S603, S607
    return end


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("control", type=Path)
    for one in ("first", "first_address", "second", "second_address"):
        parser.add_argument(one)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    ends = end_in(asked.first, asked.first_address), end_in(asked.second, asked.second_address)
    cable = Cable(ends, asked.control, asked.seed)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(cable, "over", True))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    cable.run()
    sys.stdout.write(f"{json.dumps(cable.did)}\n")


if __name__ == "__main__":
    main()
