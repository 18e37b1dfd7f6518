"""What a gate's machine tells of itself: whether it slows down, and how worn its storage is. What it does not tell is
None.

`throttled` is the Raspberry Pi firmware's word (`vcgencmd get_throttled`, bits documented with it); wear is what eMMC
tells by JEDEC 5.0's life time estimates (`/sys/block/mmcblk*/device/life_time`, Linux's mmc driver): tenths, two areas.
SD cards tell nothing of the kind.
"""

from __future__ import annotations

from pathlib import Path

from wire.findings import Finding, Level, Words

SYS = Path("/sys")
_THROTTLED = "devices/platform/soc/soc:firmware/get_throttled"
_NOW = {0: "undervoltage", 1: "frequency capped", 2: "throttled", 3: "near its heat limit"}
_NOW_ZH = {0: "欠压", 1: "频率受限", 2: "已降频", 3: "接近温度上限"}
_SINCE_BOOT = 16
"""The same bits, so much higher, say that it happened since the boot."""
_TENTHS = 10
_OVER = 11
"""0x0B: the estimate is exceeded."""


def throttled(sys: Path = SYS) -> int | None:
    """The firmware's bits."""
    try:
        return int((sys / _THROTTLED).read_text("ascii"), 16)
    except (OSError, ValueError):
        return None


def wear_percent(sys: Path = SYS) -> int | None:
    """Of the most worn area of the most worn eMMC: how much of its life is used, at most, in percent."""
    worst = None
    for path in sorted(sys.glob("block/mmcblk*/device/life_time")):
        try:
            areas = [int(word, 16) for word in path.read_text("ascii").split()]
        except (OSError, ValueError):
            continue
        told = [area * _TENTHS for area in areas if 1 <= area <= _OVER]
        worst = max([*told, *filter(None, [worst])], default=worst)
    return worst


def check_throttled(bits: int | None) -> list[Finding]:
    """Nothing where the machine does not tell."""
    if bits is None:
        return []
    now = [bit for bit in _NOW if bits >> bit & 1]
    before = [bit for bit in _NOW if bits >> (bit + _SINCE_BOOT) & 1 and bit not in now]
    do = Words("the Pi's own power supply (5.1 V), a heat sink, shade", "使用官方电源（5.1 V），加散热片，避免日晒")
    if now:
        text = Words(f"now: {', '.join(_NOW[bit] for bit in now)}", f"当前：{'、'.join(_NOW_ZH[bit] for bit in now)}")
        return [Finding(Level.FAULT, "power and heat", text, do)]
    if before:
        text = Words(
            f"since the boot: {', '.join(_NOW[bit] for bit in before)}",
            f"开机以来：{'、'.join(_NOW_ZH[bit] for bit in before)}",
        )
        return [Finding(Level.WARNING, "power and heat", text, do)]
    return [Finding(Level.GOOD, "power and heat", Words("enough power, not too hot", "供电充足，温度正常"))]


def check_wear(percent: int | None) -> list[Finding]:
    """Nothing where the storage does not tell."""
    if percent is None:
        return []
    level = Level.FAULT if percent >= 100 else Level.WARNING if percent >= 80 else Level.GOOD
    text = Words(f"up to {percent} % of its life is used", f"已使用寿命不超过 {percent} %")
    if percent > 100:
        text = Words("its life is over", "寿命已尽")
    do = Words("replace it before it fails: docs/disaster.md, A gate's SD card", "尽快更换：docs/disaster.md")
    return [Finding(level, "wear of the storage", text, do)]
