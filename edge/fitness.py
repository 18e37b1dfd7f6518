"""Whether a gate's machine is fit: power, heat, storage, clock. Pure: what the machine tells in, words out.

What `edge.selfcheck` tells the hub as a device's health, and what the doctor prints, are judged by the same limits.
"""

from __future__ import annotations

from typing import NamedTuple

from wire.events import DeviceKind, Health
from wire.findings import Finding, Level, Words
from wire.machine import (
    CLOCK_ERROR_S,
    HOT_C,
    SINCE_BOOT,
    SPARE_LOW,
    SPARE_URGENT,
    UNDERVOLTAGE,
    WORN_OUT_PERCENT,
    WORN_PERCENT,
    Machine,
)

_NOW = {0: "undervoltage", 1: "frequency capped", 2: "throttled", 3: "near its heat limit"}
_NOW_ZH = {0: "欠压", 1: "频率受限", 2: "已降频", 3: "接近温度上限"}
_WELL_BELOW_C = 5.0

_POWER_DO = Words("the Pi's own power supply (5.1 V), a short thick cable", "使用官方电源（5.1 V）和短而粗的电源线")
_HEAT_DO = Words("a heat sink, shade, air", "加散热片，避免日晒，改善通风")
_STORAGE_DO = Words("replace it before it fails: docs/disaster.md, A gate's SD card", "尽快更换：docs/disaster.md")


class Found(NamedTuple):
    """How something is, in words."""

    health: Health
    detail: str = ""


def judge(machine: Machine, before: Machine | None = None, *, is_hot: bool = False) -> dict[DeviceKind, Found]:
    """How fit the machine is, of what it tells. `before` is the look before; `is_hot`: it was found to be so."""
    found: dict[DeviceKind, Found] = {}
    if machine.throttled is not None:
        found[DeviceKind.POWER] = power(machine.throttled, None if before is None else before.throttled)
    if machine.throttled is not None or machine.cpu_c is not None:
        found[DeviceKind.HEAT] = heat(machine, is_hot=is_hot)
    if (storage := storage_of(machine)) is not None:
        found[DeviceKind.STORAGE] = storage
    return found


def power(bits: int, before: int | None = None) -> Found:
    """By the firmware's bits, now and since the look before: a Pi with too little voltage loses its card, its USB and,
    in the end, itself."""
    since_boot = UNDERVOLTAGE << SINCE_BOOT
    is_new = before is not None and bits & since_boot and not before & since_boot
    return Found(Health.DEGRADED, "undervoltage") if bits & UNDERVOLTAGE or is_new else Found(Health.OK)


def heat(machine: Machine, *, is_hot: bool = False) -> Found:
    """By the firmware's bits, but for what undervoltage explains, and the processor's temperature."""
    bits = machine.throttled or 0
    slowed = [_NOW[bit] for bit in (1, 2, 3) if bits >> bit & 1 and not bits & UNDERVOLTAGE]
    limit_c = HOT_C - (_WELL_BELOW_C if is_hot else 0.0)
    if machine.cpu_c is not None and machine.cpu_c >= limit_c:
        slowed.append(f"{machine.cpu_c:.0f} °C")
    return Found(Health.DEGRADED, ", ".join(slowed)) if slowed else Found(Health.OK)


def storage_of(machine: Machine) -> Found | None:
    """Wear, spare blocks and faults, whichever is worst; None where the storage tells nothing of them."""
    worn, spare, errors = machine.wear_percent, machine.spare_state, machine.disk_errors
    if worn is None and spare is None and errors is None and not machine.in_memory:
        return None
    over = [text for bad, text in (
        (machine.in_memory, "what it keeps stands in memory only: its own storage is gone"),
        ((worn or 0) > WORN_OUT_PERCENT, "its life is over"),
        ((spare or 0) >= SPARE_URGENT, "nearly all spare blocks are used"),
    ) if bad]  # fmt: skip
    near = [text for bad, text in (
        (WORN_PERCENT <= (worn or 0) <= WORN_OUT_PERCENT, f"up to {worn} % of its life is used"),
        (spare == SPARE_LOW, "most spare blocks are used"),
        ((errors or 0) > 0, f"{errors} faults of its file system"),
    ) if bad]  # fmt: skip
    health = Health.FAILED if over else Health.DEGRADED if near else Health.OK
    return Found(health, "; ".join((*over, *near)))


def findings(machine: Machine) -> list[Finding]:
    """All of it for the doctor; nothing of what the machine does not tell."""
    return [
        *check_throttled(machine.throttled),
        *check_heat(machine.cpu_c),
        *check_storage(machine),
        *check_clock_error(machine),
        *check_root(machine.read_only_root),
    ]


def check_throttled(bits: int | None) -> list[Finding]:
    if bits is None:
        return []
    now = [bit for bit in _NOW if bits >> bit & 1]
    before = [bit for bit in _NOW if bits >> (bit + SINCE_BOOT) & 1 and bit not in now]
    do = Words(f"{_POWER_DO.en}; {_HEAT_DO.en}", f"{_POWER_DO.zh}；{_HEAT_DO.zh}")
    if now:
        text = Words(f"now: {', '.join(_NOW[bit] for bit in now)}", f"当前：{'、'.join(_NOW_ZH[bit] for bit in now)}")
        return [Finding(Level.FAULT, "power and heat", text, do)]
    if before:
        text = Words(
            f"since the boot: {', '.join(_NOW[bit] for bit in before)}",
            f"开机以来：{'、'.join(_NOW_ZH[bit] for bit in before)}",
        )
        return [Finding(Level.WARNING, "power and heat", text, do)]
    return [Finding(Level.GOOD, "power and heat", Words("enough power, not slowed down", "供电充足，未降频"))]


def check_heat(cpu_c: float | None) -> list[Finding]:
    if cpu_c is None:
        return []
    level = Level.WARNING if cpu_c >= HOT_C else Level.GOOD
    return [Finding(level, "heat", Words(f"processor at {cpu_c:.0f} °C", f"处理器 {cpu_c:.0f} °C"), _HEAT_DO)]


def check_storage(machine: Machine) -> list[Finding]:
    """Its wear and faults; of a card that tells nothing, what was written to it."""
    found, name = storage_of(machine), machine.storage or "?"
    written = machine.written_gb
    so_far = "" if written is None else f", {written:,.0f} GB written so far"
    so_far_zh = "" if written is None else f"，累计写入 {written:,.0f} GB"
    if found is None:
        if written is None:
            return []
        text = Words(f"{name}: does not tell its wear{so_far}", f"{name}：不上报磨损情况{so_far_zh}")
        return [Finding(Level.GOOD, "wear of the storage", text)]
    level = {Health.OK: Level.GOOD, Health.DEGRADED: Level.WARNING}.get(found.health, Level.FAULT)
    worn = machine.wear_percent
    used = "no faults" if worn is None else f"up to {worn} % of its life is used"
    used_zh = "无错误" if worn is None else f"已使用寿命不超过 {worn} %"
    text = Words(
        f"{name}: {found.detail or used}{so_far}",
        f"{name}：{_storage_zh(machine) or used_zh}{so_far_zh}",
    )
    return [Finding(level, "wear of the storage", text, _STORAGE_DO)]


def check_clock_error(machine: Machine) -> list[Finding]:
    """How wrong the clock may be, where something sets it."""
    clock = machine.clock
    if clock is None or not clock.synced or clock.error_s is None:
        return []
    off = abs(clock.offset_s or 0.0)
    text = Words(
        f"at most {clock.error_s:.3f} s wrong by the kernel, {off:.6f} s being corrected",
        f"内核估计误差不超过 {clock.error_s:.3f} s，正在校正 {off:.6f} s",
    )
    do = Words("is the time server reachable: timedatectl timesync-status, chronyc tracking",
               "检查时间服务器：timedatectl timesync-status，chronyc tracking")  # fmt: skip
    return [Finding(Level.WARNING if clock.error_s > CLOCK_ERROR_S else Level.GOOD, "clock's error", text, do)]


def check_root(read_only: bool | None) -> list[Finding]:
    """A gate whose root is written to works; its card lasts less long, and a power cut may harm it."""
    if read_only is None:
        return []
    if read_only:
        return [Finding(Level.GOOD, "root", Words("nothing written to / reaches the card", "系统分区只读"))]
    text = Words("/ is written to: a power cut may harm it", "系统分区可写：断电可能损坏")
    return [Finding(Level.GOOD, "root", text, Words("install.sh gate --read-only", "install.sh gate --read-only"))]


def _storage_zh(machine: Machine) -> str:
    worn, spare, errors = machine.wear_percent or 0, machine.spare_state or 0, machine.disk_errors or 0
    said = [text for bad, text in (
        (machine.in_memory, "数据仅存于内存：专用存储不可用"),
        (worn > WORN_OUT_PERCENT, "寿命已尽"),
        (WORN_PERCENT <= worn <= WORN_OUT_PERCENT, f"已使用寿命约 {worn} %"),
        (spare >= SPARE_URGENT, "备用块几乎用尽"),
        (spare == SPARE_LOW, "备用块大部分已用"),
        (errors > 0, f"文件系统错误 {errors} 处"),
    ) if bad]  # fmt: skip
    return "；".join(said)
