"""An I²C bus with an MLX90640 on it: the sensor's memory and its two halves, below Adafruit's driver.

The EEPROM holds the calibration words of the datasheet's worked example (MLX90640, section 11.2.2), the same for all
pixels; what a scene puts into the RAM is computed here from the datasheet's formulas, in the other direction.
"""

from __future__ import annotations

import threading
import time

import numpy as np

ADDRESS = 0x33
EEPROM, RAM, STATUS, CONTROL = 0x2400, 0x0400, 0x8000, 0x800D
GAIN_EE, GAIN_RAM, OFFSET = 0x18EF, 0x1881, -69
TA_C, VDD_V = 39.184, 3.3186
"""What the example's RAM words (PTAT, VBE, supply) mean."""
BROKEN = 100


def eeprom() -> np.ndarray:
    words = np.zeros(832, np.uint16)
    words[16:18] = 0x4210, OFFSET & 0xFFFF
    words[32:34] = 0x79A6, 0x2F44
    words[48:57] = GAIN_EE, 0x2FF1, 0x5952, 0x9D68, 0x5454, 0x0000, 0x6956, 0x5354, 0x2363
    words[57:60] = 0xE446, 0xFBB5, 0x044B
    words[63] = 0x2889
    words[64:] = 0x0010
    words[64 + BROKEN] = 0
    return words


def raw_of(celsius: np.ndarray, emissivity: float) -> np.ndarray:
    """The RAM words that a scene of these temperatures, shape (24, 32), makes: datasheet 11.2.2.5 to .9, backwards."""
    index = np.arange(768)
    row_parity, column_parity = index // 32 % 2, index % 2
    kta = np.array([[0x69, 0x53], [0x56, 0x54]])[row_parity, column_parity] / 2**14
    kv = np.array([[5, 5], [4, 4]])[row_parity, column_parity] / 2**3
    alpha = (0x2F44 + (1 << 6)) / 2**37
    ta, tr = TA_C + 273.15, TA_C - 8 + 273.15
    from_surroundings = tr**4 - (tr**4 - ta**4) / emissivity
    radiation = emissivity * alpha * ((celsius.ravel() + 273.15) ** 4 - from_surroundings)
    offset = OFFSET * (1 + kta * (TA_C - 25)) * (1 + kv * (VDD_V - 3.3))
    return np.round((radiation + offset) * GAIN_RAM / GAIN_EE).astype(np.int16).view(np.uint16)


class Mlx90640OnABus:
    """Bus and sensor: what `busio.I2C` does, and what can go wrong with it."""

    def __init__(self, scene_c: np.ndarray, emissivity: float = 0.98) -> None:
        self.scene_c = scene_c
        self.threads: set[int] = set()
        self.plugged, self.garbled, self.stuck = True, False, False
        self.eeprom = eeprom()
        self.halves: list[int] = []
        self._emissivity = emissivity
        self._control, self._status, self._asked = 0x1901, 0, 0
        self._ram = np.zeros(832, np.uint16)
        self._noise = np.random.default_rng(1)
        self._lock = threading.Lock()

    def vanish(self) -> None:
        self.plugged = False

    def come_back(self) -> None:
        self.plugged, self.garbled, self.stuck = True, False, False

    def garble(self) -> None:
        self.garbled = True

    # -- the bus -----------------------------------------------------------------------------------------------------

    def try_lock(self) -> bool:
        return self._lock.acquire(blocking=False)

    def unlock(self) -> None:
        self._lock.release()

    def writeto(self, address: int, out: bytes, *, start: int = 0, end: int | None = None) -> None:
        self._reach(address)
        data = bytes(out[start:end])
        if len(data) == 4:
            register, value = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:], "big")
            if register == STATUS:
                self._status &= ~0x0008 | value
                self._asked = 0
            elif register == CONTROL:
                self._control = value

    def readfrom_into(self, address: int, into: bytearray, *, start: int = 0, end: int | None = None) -> None:
        self._reach(address)

    def writeto_then_readfrom(
        self, address: int, out: bytes, into: bytearray, *, out_start: int = 0, out_end: int | None = None,
        in_start: int = 0, in_end: int | None = None,
    ) -> None:  # fmt: skip
        self._reach(address)
        register = int.from_bytes(bytes(out[out_start:out_end])[:2], "big")
        end = len(into) if in_end is None else in_end
        words = self._words(register, (end - in_start) // 2)
        data = self._noise.bytes(end - in_start) if self.garbled else np.asarray(words).astype(">u2").tobytes()
        into[in_start:end] = data

    def _reach(self, address: int) -> None:
        self.threads.add(threading.get_ident())
        if not self.plugged or address != ADDRESS:
            raise OSError(121, "Remote I/O error")

    # -- the sensor --------------------------------------------------------------------------------------------------

    def _words(self, register: int, count: int) -> list[int] | np.ndarray:
        if register == STATUS:
            return [self._polled()]
        if register == CONTROL:
            return [self._control]
        base, memory = (EEPROM, self.eeprom) if register >= EEPROM else (RAM, self._ram)
        return memory[register - base : register - base + count]

    def _polled(self) -> int:
        """The third question after a half was taken finds the other one ready."""
        self._asked += 1
        if not self._status & 0x0008 and self._asked >= 3 and not self.stuck:
            half = 1 - (self._status & 1)
            self._measure(half)
            self._status = half | 0x0008
        elif self.stuck:
            time.sleep(0.001)
        return self._status

    def _measure(self, half: int) -> None:
        self.halves.append(half)
        index = np.arange(768)
        chess = (index // 32 % 2) ^ (index % 2)
        raw = raw_of(self.scene_c, self._emissivity)
        self._ram[:768] = np.where(chess == half, raw, self._ram[:768])
        self._ram[768], self._ram[776], self._ram[778] = 0x4BF2, 0xFFCA, GAIN_RAM
        self._ram[800], self._ram[808], self._ram[810] = 0x06AF, 0xFFC8, 0xCCC5
