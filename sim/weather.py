"""The weather of a simulated place, and what it does to a face. Pure functions of a seed, a day and an hour."""

from __future__ import annotations

import datetime as dt
import math
from functools import lru_cache

import numpy as np
from msgspec import Struct

from sim.people import stream
from sim.plant import Climate

_COLDEST_DAY = 15
"""Of the year."""
_WARMEST_H = 15.0
_SPELL_DAYS = 4.0
"""How long a cold or warm spell lasts: the time constant of its autoregression."""
_SPELL_HISTORY = 40
_MINUTES = np.log1p([0.0, 1.0, 3.0, 5.0, 60.0])
_DEFICIT_K = np.log([3.4, 1.7, 0.8, 0.5, 0.02])
"""How much colder a forehead is than in balance, minutes after coming in from -5.5 to 0 °C: 33.2, 34.9, 35.8, 36.1 and
36.6 °C of n = 92 (Dzien 2020); the last point is taken as balance. Both as logarithms, of 1 + minutes and of K."""
_MEASURED_AT_C, _SKIN_BALANCE_C = -2.75, 33.0
_CANTHI_SHARE = 0.25
"""The inner canthi, the hottest of a face, suffer four times less than the forehead."""


class Outside(Struct, frozen=True):
    """The weather of one hour: air in °C, wind in m/s at 10 m."""

    air_c: float
    wind_ms: float

    @property
    def feels_c(self) -> float:
        """Wind chill of Environment Canada and the US NWS (2001), for air up to 10 °C and wind from 4.8 km/h."""
        kmh = self.wind_ms * 3.6
        if self.air_c > 10 or kmh < 4.8:
            return self.air_c
        cooling = float(kmh**0.16)
        return 13.12 + 0.6215 * self.air_c - 11.37 * cooling + 0.3965 * self.air_c * cooling


def outside(climate: Climate, seed: int, date: dt.date, hour: float) -> Outside:
    """The weather at an hour (0 to 24) of a date."""
    spell_c, gust = _day(climate, seed, date.toordinal())
    middle_c, half_c = (climate.summer_c + climate.winter_c) / 2, (climate.summer_c - climate.winter_c) / 2
    season_c = middle_c - half_c * math.cos(math.tau * (date.timetuple().tm_yday - _COLDEST_DAY) / 365.25)
    hourly_c = climate.daily_swing_c / 2 * math.cos(math.tau * (hour - _WARMEST_H) / 24)
    wind_ms = climate.wind_ms * gust * (1 + 0.3 * math.cos(math.tau * (hour - _WARMEST_H) / 24))
    return Outside(season_c + spell_c + hourly_c, wind_ms)


@lru_cache(maxsize=4096)
def _day(climate: Climate, seed: int, ordinal: int) -> tuple[float, float]:
    """How far a day's mean is from the season's in K, and its wind as a multiple of the usual."""
    keep = math.exp(-1 / _SPELL_DAYS)
    weights = keep ** np.arange(_SPELL_HISTORY) * math.sqrt(1 - keep**2)
    shocks = [_shock(seed, ordinal - ago) for ago in range(_SPELL_HISTORY)]
    spell = float(np.dot(weights, [shock for shock, _ in shocks]))
    return climate.spell_sd_c * max(-2.5, min(2.5, spell)), shocks[0][1]


@lru_cache(maxsize=65536)
def _shock(seed: int, ordinal: int) -> tuple[float, float]:
    draw = stream(seed, "weather", str(ordinal))
    return float(draw.normal()), float(draw.weibull(2.0) / 0.886)


def face_deficit_k(weather: Outside, minutes_inside: float) -> float:
    """How much colder than in balance the hottest part of a face is, so long after it came in from that weather, in K.

    Scaled from the one measured curve in proportion to how far the air, as it feels, is below skin in balance. Raises
    `ValueError` for a negative time.
    """
    if minutes_inside < 0:
        raise ValueError(f"{minutes_inside} minutes inside: expected 0 or more")
    scale = max(0.0, (_SKIN_BALANCE_C - weather.feels_c) / (_SKIN_BALANCE_C - _MEASURED_AT_C))
    forehead_k = math.exp(float(np.interp(math.log1p(minutes_inside), _MINUTES, _DEFICIT_K)))
    return scale * forehead_k * _CANTHI_SHARE
