"""What a gate's machine tells of itself with each pulse. What it does not tell is None: silence is not good news."""

from __future__ import annotations

from msgspec import Struct

from wire.events import Count, Text

UNDERVOLTAGE, SLOWED = 0b0001, 0b1110
"""Of the firmware's bits: too little voltage; a frequency capped, throttled, or near the heat limit."""
SINCE_BOOT = 16
"""The same bits, so much higher, say that it happened since the boot."""
HOT_C = 85.0
"""Where a Pi throttles in any case; other boards stand near it."""
WORN_PERCENT, WORN_OUT_PERCENT = 80, 100
SPARE_LOW, SPARE_URGENT = 2, 3
CLOCK_ERROR_S = 2.0
"""A clock that may be wrong by more misdates who was where; one that NTP keeps stays far below a second."""


class ClockQuality(Struct, frozen=True, omit_defaults=True):
    """What the kernel says of the clock (adjtimex(2), which chrony, ntpd and timesyncd all keep up to date).

    `error_s` bounds how wrong it may be, and grows while nobody sets it; `offset_s` is what is being slewed away.
    """

    synced: bool
    offset_s: float | None = None
    error_s: float | None = None


class Machine(Struct, frozen=True, omit_defaults=True):
    """Heat, power, memory and storage of one machine."""

    cpu_c: float | None = None
    throttled: Count | None = None
    """The Raspberry Pi firmware's bits (`vcgencmd get_throttled`): the lower half is now, the upper since the boot."""
    memory_free_mb: float | None = None
    disk_mb: float | None = None
    """The size of the file system that holds the spool."""
    wear_percent: Count | None = None
    """How much of the storage's life is used, at most (eMMC; JEDEC 5.0). SD cards do not tell."""
    spare_state: Count | None = None
    """The eMMC's reserved blocks (`pre_eol_info`): 1 normal, 2 most are used (80 %), 3 urgent (90 %)."""
    written_gb: float | None = None
    """All that was ever written to the file system that holds the spool (ext4 counts it)."""
    disk_errors: Count | None = None
    """Faults that ext4 found in that file system since it was last checked."""
    read_only_root: bool | None = None
    """Whether nothing that is written to `/` reaches the card."""
    in_memory: bool | None = None
    """Whether the spool itself stands in memory, so that a power cut loses it: its own storage is gone."""
    storage: Text = ""
    """What holds the spool, as the kernel calls it: `mmcblk0 (SD, SN64G)`."""
    clock: ClockQuality | None = None
