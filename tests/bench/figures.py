"""What benches measure processes and machines by: /proc, order statistics, fitted exponents."""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")


def fd_limit_raised(wanted: int) -> None:
    """Allow so many open files, as far as the machine lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


class Process(NamedTuple):
    """What a process has used so far."""

    cpu_s: float
    rss_mb: float
    peak_mb: float


def process(pid: int) -> Process:
    """See proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    kib = {name: int(status[name].split()[0]) for name in ("VmRSS", "VmHWM")}
    return Process((int(fields[11]) + int(fields[12])) / TICKS, kib["VmRSS"] / 1024, kib["VmHWM"] / 1024)


class Machine(NamedTuple):
    """CPU seconds of the whole machine so far, and those of them in which it worked."""

    total_s: float
    busy_s: float


def machine() -> Machine:
    values = [int(value) / TICKS for value in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return Machine(sum(values), sum(values) - values[3] - values[4])


def load(before: Machine, after: Machine, own_s: float) -> dict[str, float]:
    """How busy the machine was between two looks, and how much of that was others' work, as shares of all cores."""
    total_s = max(1e-9, after.total_s - before.total_s)
    busy_s = after.busy_s - before.busy_s
    return {
        "cores": os.cpu_count() or 1,
        "busy": round(busy_s / total_s, 2),
        "others": round(max(0.0, busy_s - own_s) / total_s, 2),
        "load_1_min": round(os.getloadavg()[0], 1),
    }


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of the values lies; NaN of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else math.nan


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The b of cost = a · size^b that fits best (least squares of the logarithms): 1 is linear, 0 no growth."""
    xs, ys = [math.log(size) for size in sizes], [math.log(max(cost, 1e-9)) for cost in costs]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / sum((x - mean_x) ** 2 for x in xs)
