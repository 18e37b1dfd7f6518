"""Which release runs, which is tried, and which is gone back to. Pure, but for the file that it is read from.

    installed by hand, or confirmed A ── staged B ── try ──► trying B ── confirm ──► confirmed B, previous A
                  ▲                                             │                        │ back
                  └── fail, ended 3 times, no word in 20 min ───┘                        ▼
                                                                                    confirmed A

What runs follows from these values alone, so that a power cut between two steps leaves nothing in between: the link to
what runs is set anew at each start.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct
from msgspec.structs import replace

from wire.releases import ReleaseManifest, is_older

log = structlog.get_logger(__name__)

SLOTS_FILE = "slots.json"
INSTALLED = ""
"""The slot of what was installed at the machine itself: always there."""
MOST_STARTS = 3
"""A release that ended so often before it was confirmed has failed."""
GONE = "its folder is gone"
WITHIN_S = 1200.0
"""So long a trial may take. The agent itself gives up sooner; this is for one that does not even do that."""


class Slot(Struct, frozen=True, omit_defaults=True):
    """A release on this machine; `keys` are those to be trusted from when it is confirmed."""

    name: str
    serial: int
    keys: tuple[str, ...] = ()


class Slots(Struct, frozen=True, omit_defaults=True):
    """What the loader remembers. `answered` and `answer` are the last request and why it was refused, if it was."""

    confirmed: str = INSTALLED
    confirmed_serial: int = 0
    previous: str | None = None
    previous_serial: int = 0
    staged: Slot | None = None
    trying: Slot | None = None
    starts: int = 0
    boot: str = ""
    since_s: float = 0.0
    """When the trial began, in seconds of that boot."""
    serial: int = 0
    """The highest that was ever confirmed: no lower one is installed."""
    keys: tuple[str, ...] = ()
    """Trusted in place of the installation's; none: those are."""
    over: str = ""
    """The digest of the installation's list that they took the place of: another one that is brought there counts."""
    failed: str = ""
    why: str = ""
    answered: str = ""
    answer: str = ""

    @property
    def running(self) -> str:
        """What the next start uses."""
        return self.confirmed if self.trying is None else self.trying.name

    def kept(self) -> set[str]:
        """Releases whose folders stay."""
        found = {self.confirmed, self.previous or INSTALLED}
        found |= {slot.name for slot in (self.staged, self.trying) if slot is not None}
        return found - {INSTALLED}


class Do(StrEnum):
    """What the agent may ask of the loader."""

    STAGE = "stage"
    TRY = "try"
    CONFIRM = "confirm"
    FAIL = "fail"
    BACK = "back"


class Request(Struct, frozen=True, omit_defaults=True):
    """`id` is another for each; `slot` is the release that is meant."""

    id: str
    do: Do
    slot: str
    why: str = ""


def refusal(slots: Slots, manifest: ReleaseManifest, installed: str) -> str:
    """Why a signed release is not installed; empty where it may be. `installed` is the version that was by hand."""
    if manifest.serial < slots.serial:
        return f"serial {manifest.serial} is older than {slots.serial}, which ran here: sign it anew to go back to it"
    if slots.serial == 0 and is_older(manifest.version, installed):
        return f"version {manifest.version} is older than {installed}, which is installed"
    if slots.trying is not None:
        return f"{slots.trying.name} is being tried"
    return ""


def staged(slots: Slots, manifest: ReleaseManifest) -> Slots:
    """It is there, whole and checked."""
    return replace(slots, staged=Slot(manifest.slot, manifest.serial, manifest.keys))


def tried(slots: Slots, name: str, boot: str, now_s: float) -> Slots | str:
    """What is staged runs from the next start on; else why not."""
    if slots.trying is not None:
        return slots if slots.trying.name == name else f"{slots.trying.name} is being tried"
    if slots.staged is None or slots.staged.name != name:
        return f"{name} is not staged"
    return replace(slots, trying=slots.staged, staged=None, starts=0, boot=boot, since_s=now_s, failed="", why="")


def started(slots: Slots, boot: str, now_s: float) -> Slots:
    """The agent is about to start."""
    if slots.trying is None:
        return slots
    if slots.starts >= MOST_STARTS:
        return failed(slots, f"ended {slots.starts} times before it was confirmed")
    if slots.boot != boot:
        slots = replace(slots, boot=boot, since_s=now_s)  # how long the machine was off nothing tells
    return replace(slots, starts=slots.starts + 1)


def present(slots: Slots, is_there: Callable[[str], bool]) -> Slots:
    """A release whose folder is gone is none any more: in its place the installation runs, and it may come anew."""
    if slots.trying is not None and not is_there(slots.trying.name):
        slots = failed(slots, GONE)
    if slots.staged is not None and not is_there(slots.staged.name):
        slots = replace(slots, staged=None)
    if slots.previous and not is_there(slots.previous):
        slots = replace(slots, previous=INSTALLED, previous_serial=0)
    if slots.confirmed and not is_there(slots.confirmed):
        slots = replace(slots, confirmed=INSTALLED, confirmed_serial=0, failed=slots.confirmed, why=GONE)
    return slots


def is_overdue(slots: Slots, boot: str, now_s: float) -> bool:
    """Whether a trial goes on for longer than any should."""
    return slots.trying is not None and slots.boot == boot and now_s - slots.since_s > WITHIN_S


def confirmed(slots: Slots, name: str, installed_keys: str = "") -> Slots | str:
    """The trial works; else why that cannot be said. `installed_keys` is the digest of the installation's list."""
    if slots.trying is None or slots.trying.name != name:
        return slots if slots.confirmed == name else f"{name} is not being tried"
    slot = slots.trying
    return Slots(
        confirmed=slot.name,
        confirmed_serial=slot.serial,
        previous=slots.confirmed,
        previous_serial=slots.confirmed_serial,
        staged=slots.staged,
        serial=max(slots.serial, slot.serial),
        keys=slot.keys or slots.keys,
        over=installed_keys if slot.keys else slots.over,
    )


def failed(slots: Slots, why: str) -> Slots:
    """The trial does not work: back to what was confirmed."""
    if slots.trying is None:
        return slots
    return replace(slots, trying=None, starts=0, failed=slots.trying.name, why=why)


def gone_back(slots: Slots, name: str) -> Slots | str:
    """From what is confirmed to what ran before it; else why not."""
    if slots.trying is not None:
        return failed(slots, "sent back") if slots.trying.name == name else f"{slots.trying.name} is being tried"
    if slots.confirmed != name:
        return f"{name} does not run here"
    if slots.previous is None:
        return "there is no release before it on this gate"
    return replace(
        slots,
        confirmed=slots.previous,
        confirmed_serial=slots.previous_serial,
        previous=None,
        previous_serial=0,
        failed=name,
        why="sent back",
    )


def read_slots(folder: Path) -> Slots:
    """What the loader remembers, for those who only look: nothing where it cannot be read."""
    try:
        return load_slots(folder)
    except OSError as error:
        log.error("what was remembered cannot be read", error=str(error))
        return Slots()


def load_slots(folder: Path) -> Slots:
    """What the loader remembers; nothing, where it was never asked for anything. Damage counts as nothing: then the
    installation runs. Raises `OSError` when it cannot be read now: nothing is decided by that."""
    try:
        return msgspec.json.decode((folder / SLOTS_FILE).read_bytes(), type=Slots)
    except FileNotFoundError:
        return Slots()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        log.error("what was remembered is damaged", error=str(error))
        return Slots()
