"""GPIO lines of the kernel (libgpiod 2): a chip by its label, edges with their times, outputs with first values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Protocol

from msgspec import Meta

from edge.drivers.needs import Needs
from wire.errors import DriverError

GPIO = Needs("gpio", ("gpiod",))
HEADER_LABELS = ("pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835")
"""The chip of the header on a Raspberry Pi 5, 4 and 3; its number changes between kernels, its label does not."""
EDGES_IN_KERNEL = 512
CONSUMER = "menshen"

Chip = str | None
"""A chip's label or device file; None is the header of a Raspberry Pi."""
Line = Annotated[int, Meta(ge=0, le=1023)]
Pull = Literal["up", "down", "none"]


class Edge(NamedTuple):
    """A line changed: `rising` as the line's settings count, `mono_ns` when, by the monotonic clock."""

    line: int
    rising: bool
    mono_ns: int


class EdgeSource(Protocol):
    """Lines that are watched: the seam to the kernel."""

    def fileno(self) -> int:
        """Readable when there are edges."""
        ...

    def read(self) -> list[Edge]:
        """The edges that wait. Raises `OSError` when the chip is gone."""
        ...

    def values(self) -> dict[int, bool]:
        """Each line as it is now. Raises `OSError`."""
        ...

    def close(self) -> None: ...


class Watch(NamedTuple):
    """Which lines are watched, and how: `both` edges or only falling ones; debounced by the kernel for `debounce_s`."""

    chip: Chip
    lines: tuple[int, ...]
    pull: Pull
    both: bool
    debounce_s: float = 0.0


OpenEdges = Callable[[Watch], EdgeSource]


class OutputLines(Protocol):
    """Lines that are driven: the seam to the kernel."""

    def set(self, values: Mapping[int, bool]) -> None:
        """Drive lines; True is active. Raises `OSError`."""

    def close(self) -> None: ...


OpenOutputs = Callable[[Chip, Mapping[int, bool], bool], OutputLines]
"""Chip, the lines with their first values, and whether they are active low."""


def find_chip(chip: Chip, paths: Iterable[Path] | None = None) -> str:
    """The device file of a chip. Raises `DriverError`, naming the chips that there are."""
    import gpiod

    if chip is not None and chip.startswith("/dev/"):
        return chip
    wanted = HEADER_LABELS if chip is None else (chip,)
    labels: dict[str, str] = {}
    for path in sorted(Path("/dev").glob("gpiochip*")) if paths is None else paths:
        try:
            with gpiod.Chip(str(path)) as opened:
                labels.setdefault(opened.get_info().label, str(path))
        except OSError as error:
            labels[f"{path}: {error.strerror}"] = ""
    found = [labels[label] for label in wanted if labels.get(label)]
    if not found:
        raise DriverError(f"no GPIO chip labelled {' or '.join(wanted)}; found: {', '.join(labels) or 'none'}")
    return found[0]


class _KernelEdges:
    """Lines watched through libgpiod."""

    def __init__(self, watch: Watch) -> None:
        from gpiod import LineSettings, request_lines
        from gpiod.line import Bias
        from gpiod.line import Edge as KernelEdge

        bias = {"up": Bias.PULL_UP, "down": Bias.PULL_DOWN, "none": Bias.DISABLED}[watch.pull]
        settings = LineSettings(
            edge_detection=KernelEdge.BOTH if watch.both else KernelEdge.FALLING,
            bias=bias,
            debounce_period=timedelta(seconds=watch.debounce_s),
        )
        self._request = request_lines(
            find_chip(watch.chip),
            {watch.lines: settings},
            consumer=CONSUMER,
            event_buffer_size=EDGES_IN_KERNEL,
        )

    def fileno(self) -> int:
        return self._request.fileno()

    def read(self) -> list[Edge]:
        from gpiod import EdgeEvent

        return [
            Edge(event.line_offset, event.event_type is EdgeEvent.Type.RISING_EDGE, event.timestamp_ns)
            for event in self._request.read_edge_events()
        ]

    def values(self) -> dict[int, bool]:
        values = self._request.get_values()
        return {line: bool(value.value) for line, value in zip(self._request.offsets, values, strict=True)}

    def close(self) -> None:
        self._request.release()


def open_edges(watch: Watch) -> EdgeSource:
    """Watch lines of the kernel. Raises `DriverError` or `OSError`."""
    return _KernelEdges(watch)


class _KernelOutputs:
    """Lines driven through libgpiod: they have their first values from the moment on that they are outputs."""

    def __init__(self, chip: Chip, first: Mapping[int, bool], active_low: bool) -> None:
        from gpiod import LineSettings, request_lines
        from gpiod.line import Direction, Value

        self._value = {True: Value.ACTIVE, False: Value.INACTIVE}
        config: dict[Iterable[int | str] | int | str, LineSettings | None] = {
            line: LineSettings(direction=Direction.OUTPUT, active_low=active_low, output_value=self._value[on])
            for line, on in first.items()
        }
        self._request = request_lines(find_chip(chip), config, consumer=CONSUMER)

    def set(self, values: Mapping[int, bool]) -> None:
        self._request.set_values({line: self._value[on] for line, on in values.items()})

    def close(self) -> None:
        self._request.release()


def open_outputs(chip: Chip, first: Mapping[int, bool], active_low: bool) -> OutputLines:
    """Drive lines of the kernel. Raises `DriverError` or `OSError`."""
    return _KernelOutputs(chip, first, active_low)
