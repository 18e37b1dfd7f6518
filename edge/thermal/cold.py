"""People who come in from the cold: how long until their skin tells anything.

Skin of the forehead after coming in from -5.5 to 0 °C (n = 92; Dzien et al., J. Eur. Acad. Dermatol. Venereol. 2021)
recovers within minutes; the canthi, which count here, are four times less cold. To measure again at once does not help.
"""

from __future__ import annotations

from bisect import bisect_left

MINUTES = (0.0, 1.0, 3.0, 5.0, 60.0)
FOREHEAD_C = (33.2, 34.9, 35.8, 36.1, 36.6)
CANTHI_SHARE = 0.25
SETTLED_MIN = 9.0
"""Then even who comes from -15 °C lacks less than 0.3 K."""
LEAST_WAIT_MIN = 5.0


def again_after_s(deficit_k: float) -> float:
    """After how many seconds in the warm to measure again somebody who is colder by `deficit_k` than usual."""
    return 60.0 * max(LEAST_WAIT_MIN, SETTLED_MIN - _minutes_inside(deficit_k))


def _minutes_inside(deficit_k: float) -> float:
    """How long somebody has been inside who still lacks this much, at the canthi."""
    lacking_k = [(FOREHEAD_C[-1] - forehead_c) * CANTHI_SHARE for forehead_c in FOREHEAD_C]
    falling = [-one for one in lacking_k]
    at = bisect_left(falling, -deficit_k)
    if at == 0:
        return MINUTES[0]
    if at == len(falling):
        return MINUTES[-1]
    part = (lacking_k[at - 1] - deficit_k) / (lacking_k[at - 1] - lacking_k[at])
    return MINUTES[at - 1] + part * (MINUTES[at] - MINUTES[at - 1])
