"""A simulated month says the same wherever it is asked, and that is what is true of it, to the last person: pages, the
report as page, PDF, Excel and JSON, exports, the API, and the boards' queries to a real InfluxDB."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from uuid import uuid4

import pytest

from hub.influx import InfluxSettings
from hub.reports.figures import DayReport
from tests.support.month.agreement import Differences, in_the_end, on_the_evening
from tests.support.month.heard import PLANT
from tests.support.month.hub import MonthHub
from tests.support.month.play import played
from tests.support.month.truth import Month

DAYS, SEED = 29, 3
"""The last ends the night shifts of the last but one."""


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_every_figure_of_a_simulated_month_is_the_truth_wherever_it_is_asked(tmp_path, influxdb1):
    differences, evenings = Differences(), dict[date, DayReport]()
    settings = InfluxSettings(url=influxdb1.url, bucket=f"month_{uuid4().hex[:8]}")

    async def look(hub: MonthHub, month: Month, day: date) -> None:
        evenings[day] = await on_the_evening(hub, month, day, differences)

    async with played(tmp_path, PLANT, SEED, DAYS, settings, look) as (month, hub, days):
        for number, day in enumerate(days[:-1]):
            await in_the_end(hub, month, day, evenings[day], differences, on_paper=number % 4 == 0)
    assert "\n".join(differences.found[:60]) == ""
    assert differences.compared > 40 * DAYS
    assert not missing(differences, ("never", "once", "twice", "cases", "rounds.late", "alert fever"))


def missing(differences: Differences, kinds: Iterable[str]) -> list[str]:
    """Of what there was nothing in the month: then nothing is proven about it."""
    return [kind for kind in kinds if not differences.seen[kind]]
