"""Disks that fill up: a tmpfs of its own for each folder where this process may mount one, else a limit on files."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

_ROOM = "2g"
"""Nominal: a tmpfs takes what is in it."""


class Disk:
    """A folder that is full when it is told to be."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.is_mounted = False
        self._wanted = 0

    def mount(self) -> None:
        self.folder.mkdir(parents=True)
        if os.geteuid() == 0:
            self.is_mounted = self._mount(f"size={_ROOM},mode=0755")

    def fill(self, processes: Iterable[int]) -> None:
        """Nothing more can be written."""
        self._wanted += 1
        if self.is_mounted:
            used = os.statvfs(self.folder)
            kept = (used.f_blocks - used.f_bfree) * used.f_frsize
            self._mount(f"remount,size={max(kept, 4096)}")
        else:
            self.limit(processes, 1)

    def free(self, processes: Iterable[int]) -> None:
        """There is room again, unless another fault still fills it."""
        self._wanted -= 1
        if self._wanted:
            return
        if self.is_mounted:
            self._mount(f"remount,size={_ROOM}")
        else:
            self.limit(processes, resource.RLIM_INFINITY)

    @staticmethod
    def limit(processes: Iterable[int], largest: int) -> None:
        """No file of theirs may grow beyond so many bytes (setrlimit(2))."""
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                _, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
                resource.prlimit(process, resource.RLIMIT_FSIZE, (largest, hard))

    def unmount(self, *, keep: bool) -> None:
        """Take the tmpfs away; what is in it stays in the folder where that is wanted."""
        if not self.is_mounted:
            return
        aside = self.folder.with_name(self.folder.name + ".kept")
        if keep:
            shutil.copytree(self.folder, aside)
        subprocess.run(["umount", "-l", str(self.folder)], check=False, capture_output=True)
        self.is_mounted = False
        if keep:
            self.folder.rmdir()
            aside.rename(self.folder)

    def _mount(self, options: str) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
