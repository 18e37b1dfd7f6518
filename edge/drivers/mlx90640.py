"""Melexis MLX90640: 32x24 pixels over I²C, by Adafruit's driver, which holds the maker's calibration maths.

The sensor measures half of its pixels at a time, like the fields of a chess board; a frame is given when both are
new. At 24 pixels of height a face is hardly ten wide: fit for seeing that somebody is warm, not for a limit.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Annotated, Any, Literal

import numpy as np
from adafruit_mlx90640 import MLX90640, OPENAIR_TA_SHIFT
from msgspec import Meta, Struct
from numpy.typing import NDArray

from edge.clock import Timekeeper
from edge.drivers.base import CelsiusImage, ThermalFrame
from edge.drivers.grabber import Grabber, Grabbing
from edge.drivers.v4l2 import Rotation, upright
from edge.thermal.radiometry import SKIN_EMISSIVITY
from wire.errors import DriverError

HEIGHT, WIDTH = 24, 32
MOST_UNREADABLE = 20
"""Frames in a row that the calibration can make nothing of."""

_CODES = {1: 1, 2: 2, 4: 3, 8: 4, 16: 5, 32: 6}
"""The control register's code of each rate (datasheet, table 6)."""
_EEPROM, _EEPROM_WORDS = 0x2400, 832
_GAIN, _SUPPLY, _SENSITIVITY = 48, 51, 33
"""Words of the EEPROM that no calibrated sensor has empty (datasheet, section 10.7)."""
_BROKEN_C = -273.15
"""What Adafruit's driver gives for a pixel that the maker marked as broken."""
_BUS_FAULTS = (OSError, ValueError, RuntimeError)
_MATHS_FAULTS = (ArithmeticError, ValueError)

OpenBus = Callable[[], Any]


def open_i2c() -> Any:  # noqa: ANN401 - Blinka has no types
    """The board's own I²C bus, by Blinka. Raises `DriverError` where the machine has none."""
    try:
        import board

        return board.I2C()
    except (ImportError, NotImplementedError, AttributeError, *_BUS_FAULTS) as error:
        raise DriverError(f"MLX90640: this machine's I²C bus cannot be opened: {error}; is I²C switched on?") from error


class Mlx90640Camera(Grabbing[CelsiusImage]):
    """Frames of 24x32, before they are turned upright."""

    class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Where the sensor is, how it hangs and how fast it is read."""

        address: Annotated[int, Meta(ge=0x08, le=0x77)] = 0x33
        """On the I²C bus."""
        halves_per_s: Literal[1, 2, 4, 8, 16, 32] = 8
        """Twice the frames a second; a Pi's bus must run at 400 kHz for 8, and at 1 MHz for more."""
        emissivity: Annotated[float, Meta(gt=0.1, le=1)] = SKIN_EMISSIVITY
        """Of skin."""
        rotation: Rotation = 0
        """Clockwise, in degrees, until people stand upright."""
        mirrored: bool = False
        """True where left and right are the wrong way round."""
        patience_s: Annotated[float, Meta(gt=0, le=60)] = 8.0
        """A sensor that gives nothing for so long is opened anew."""

    def __init__(self, settings: Settings, timekeeper: Timekeeper, open_bus: OpenBus = open_i2c) -> None:
        self._settings = settings
        grabber = Grabber(
            f"MLX90640 at {settings.address:#x}", lambda: _Sensor(settings, open_bus), timekeeper, settings.patience_s
        )
        super().__init__(grabber)

    async def frames(self) -> AsyncIterator[ThermalFrame]:
        async with aclosing(self._grabber.items()) as items:
            async for image, at in items:
                straight = np.fliplr(image) if self._settings.mirrored else image
                yield ThermalFrame(upright(straight, self._settings.rotation), at)


class _Calibrated(MLX90640):  # type: ignore[misc]  # the package has no types
    """Adafruit's driver with our own emissivity, both halves of a frame, and lists that no other instance shares."""

    def __init__(self, bus: Any, address: int) -> None:  # noqa: ANN401
        self.brokenPixels: list[int] = []
        self.outlierPixels: list[int] = []
        super().__init__(bus, address)

    def frame_of_both_halves(self, celsius: list[float], emissivity: float) -> None:
        words = [0] * (_EEPROM_WORDS + 2)
        missing = {0, 1}
        while missing:
            half = self._GetFrameData(words)
            surroundings_c = self._GetTa(words) - OPENAIR_TA_SHIFT
            self._CalculateTo(words, emissivity, surroundings_c, celsius)
            missing.discard(half)


class _Sensor:
    """A `Source` of frames."""

    def __init__(self, settings: Mlx90640Camera.Settings, open_bus: OpenBus) -> None:
        self._settings = settings
        self._open_bus = open_bus
        self._name = f"MLX90640 at {settings.address:#x}"
        self._celsius = [0.0] * (HEIGHT * WIDTH)
        self._bus: _PatientBus | None = None
        self._sensor: _Calibrated | None = None
        self._unreadable = 0

    def open(self) -> None:
        bus = _PatientBus(self._open_bus(), self._settings.patience_s)
        self._bus = bus
        try:
            self._check_calibration(bus)
            self._sensor = _Calibrated(bus, self._settings.address)
            self._sensor.refresh_rate = _CODES[self._settings.halves_per_s]
        except (*_BUS_FAULTS, *_MATHS_FAULTS, IndexError) as error:
            raise DriverError(f"{self._name}: cannot be opened: {error}; is it wired to this bus?") from error

    def _check_calibration(self, bus: _PatientBus) -> None:
        """An EEPROM that is empty would keep the calibration busy for ever."""
        words = bus.words(self._settings.address, _EEPROM, _EEPROM_WORDS)
        if any(words[index] in (0, 0xFFFF) for index in (_GAIN, _SUPPLY, _SENSITIVITY)) or len(set(words)) < 16:
            raise DriverError(f"{self._name}: its calibration is empty: the bus is noisy, or it is no MLX90640")

    def read(self) -> CelsiusImage | None:
        assert self._sensor is not None and self._bus is not None, "open comes first"  # noqa: PT018
        self._bus.begin()
        try:
            self._sensor.frame_of_both_halves(self._celsius, self._settings.emissivity)
        except (*_MATHS_FAULTS, RuntimeError) as error:  # a RuntimeError says that a half was missed
            self._unreadable += 1
            if self._unreadable >= MOST_UNREADABLE:
                raise DriverError(f"{self._name}: gives what is no measurement: {error}") from error
            return None
        except OSError as error:
            raise DriverError(f"{self._name}: gives no frames any more: {error}") from error
        self._unreadable = 0
        return mended(np.array(self._celsius, np.float32).reshape(HEIGHT, WIDTH))

    def close(self) -> None:
        deinit = getattr(self._bus and self._bus.inner, "deinit", None)
        if deinit is not None:
            deinit()


class _PatientBus:
    """An I²C bus that gives up on a sensor which never has a frame ready: Adafruit's driver would ask for ever."""

    def __init__(self, inner: Any, patience_s: float) -> None:  # noqa: ANN401
        self.inner = inner
        self._patience_s = patience_s
        self.begin()

    def begin(self) -> None:
        """A new frame: patience begins anew."""
        self._until_s = time.monotonic() + self._patience_s

    def words(self, address: int, start: int, count: int) -> list[int]:
        """So many 16-bit words of the sensor's memory."""
        answer = bytearray(2 * count)
        while not self.try_lock():
            time.sleep(0.001)
        try:
            self.writeto_then_readfrom(address, start.to_bytes(2, "big"), answer)
        finally:
            self.unlock()
        return [int(word) for word in np.frombuffer(answer, ">u2")]

    def writeto_then_readfrom(self, address: int, out: Any, into: Any, **more: int) -> None:  # noqa: ANN401
        self._check()
        self.inner.writeto_then_readfrom(address, out, into, **more)

    def writeto(self, address: int, out: Any, **more: int) -> None:  # noqa: ANN401
        self._check()
        self.inner.writeto(address, out, **more)

    def readfrom_into(self, address: int, into: Any, **more: int) -> None:  # noqa: ANN401
        self._check()
        self.inner.readfrom_into(address, into, **more)

    def try_lock(self) -> bool:
        self._check()
        return bool(self.inner.try_lock())

    def unlock(self) -> None:
        self.inner.unlock()

    def _check(self) -> None:
        if time.monotonic() > self._until_s:
            raise OSError(f"nothing within {self._patience_s:g} s")


def mended(image: CelsiusImage) -> CelsiusImage:
    """The frame with each broken pixel replaced by the median of those around it (there are four at most)."""
    broken = np.argwhere(~(image > _BROKEN_C + 1))
    if not len(broken):
        return image
    whole = image.copy()
    for row, column in broken:
        around: NDArray[np.float32] = image[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
        good = around[around > _BROKEN_C + 1]
        whole[row, column] = np.median(good) if good.size else np.nan
    return whole
