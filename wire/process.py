"""What every Menshen process does alike: logging, and one asyncio main that a signal ends cleanly."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import fcntl
import gc
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TextIO

import structlog

from wire.errors import MenshenError

_PR_SET_PDEATHSIG = 1


def set_up_logging(level: str = "info", stream: TextIO | None = None) -> None:
    """One line per event on standard error: for people on a terminal, else `key=value` for a log collector."""
    out = stream or sys.stderr
    renderer: Any = (
        structlog.dev.ConsoleRenderer()
        if out.isatty()
        else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(out),
    )


COLLECT_AFTER = 50_000
"""New objects between two looks at the newest; Python's own 700 are some dozens of events."""
SWITCH_S = 0.001
"""For so long a busy thread keeps the interpreter while the event loop waits for it; Python's own 5 ms, several times
over, would be a tenth of the time in which a gate decides."""


def answer_promptly() -> None:
    """For a process that people wait for: no pause of its own that they would notice.

    What is loaded by now stays for ever, and is not looked through again at each full collection of garbage: that takes
    20 ms on a PC and several times as much on a Pi.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_S)


def collect_seldom() -> None:
    """For a process through which very many small objects go, none of which the collector of garbage is needed for:
    looking through all of them again and again would be a third of its work."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)
    sys.setswitchinterval(SWITCH_S / 2)  # a dozen threads work beside the loop that everybody waits for


def add_token_option(parser: argparse.ArgumentParser) -> None:
    """The option of commands that ask a hub over its API."""
    about = "a file with a token for the hub's API; without it the variable MENSHEN_TOKEN counts"
    parser.add_argument("--token-file", type=Path, metavar="FILE", help=about)


def token_given(file: Path | None) -> str:
    """The API token of the file, else of the environment; never an argument, which everybody on the machine sees."""
    if file is None:
        return os.environ.get("MENSHEN_TOKEN", "").strip()
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise MenshenError(f"token file {file}: cannot be read: {error}") from error


def run(main: Coroutine[Any, Any, None]) -> int:
    """Run `main` until it ends or SIGINT or SIGTERM asks it to; 0 after a clean stop. Uses uvloop where it is there."""
    try:
        import uvloop  # noqa: PLC0415 - an optional extra of the hub
    except ImportError:
        runner = asyncio.Runner()
    else:
        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    with runner:
        runner.run(_until_signalled(main))
    return 0


async def _until_signalled(main: Coroutine[Any, Any, None]) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(main)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await task
    except BaseExceptionGroup as group:
        raise _first(group) from group


def _first(group: BaseExceptionGroup) -> BaseException:
    """A task group's first error stands for all: one clear sentence rather than a tree."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


class SoleOwner:
    """A file's lock file (flock(2)): one process at a time works on it, and a killed one leaves no lock behind."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: TextIO | None = None

    @property
    def was_taken(self) -> bool:
        """Whether anybody ever worked on it."""
        return self._file.exists()

    @property
    def _file(self) -> Path:
        return self._path.with_name(f"{self._path.name}.lock")

    def take(self) -> None:
        """Raises `MenshenError` when another process has it."""
        if self._lock is not None:
            return
        lock = self._file.open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise MenshenError(f"{self._path}: another process works on it; stop that one first") from error
        self._lock = lock

    def release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def die_with_parent() -> None:
    """In a child process: be ended when the parent is, however it ends (Linux, prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
