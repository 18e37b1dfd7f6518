"""A simulated month of a larger plant, every figure asked wherever it is said and held against the truth: pages, report
as page, PDF, Excel and JSON, exports, API, and the boards' queries to an InfluxDB. Exits with 1 where anything differs.

It is `tests/hub/reports/test_month.py` with more people, more days and every day's papers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from datetime import date
from pathlib import Path

from msgspec.structs import replace

from hub.influx import InfluxSettings
from hub.reports.figures import DayReport
from tests.support.month.agreement import Differences, in_the_end, on_the_evening
from tests.support.month.heard import PLANT
from tests.support.month.hub import MonthHub
from tests.support.month.play import played
from tests.support.month.truth import Month
from tests.support.servers import InfluxDB1


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--people", type=int, default=600)
    parser.add_argument("--days", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="menshen-month-") as made:
        folder = Path(made)
        (folder / "hub").mkdir()
        (folder / "influxdb").mkdir()
        server = InfluxDB1(folder / "influxdb")
        server.start()
        try:
            found = asyncio.run(_compared(folder / "hub", InfluxSettings(url=server.url, bucket="month"), arguments))
        finally:
            server.stop()
    took_s = round(time.monotonic() - began_s, 1)
    if arguments.json:
        whole = {"people": arguments.people, "days": arguments.days, "seed": arguments.seed, "took_s": took_s,
                 "compared": found.compared, "differ": found.found, "had": dict(found.seen)}  # fmt: skip
        print(json.dumps(whole, ensure_ascii=False))
    else:
        print(f"{arguments.people} people, {arguments.days} days: {found.compared} comparisons, "
              f"{len(found.found)} differences, {took_s} s")  # fmt: skip
        for line in found.found:
            print(line)
    return 1 if found.found else 0


async def _compared(folder: Path, influx: InfluxSettings, arguments: argparse.Namespace) -> Differences:
    differences, evenings = Differences(), dict[date, DayReport]()
    larger = arguments.people / PLANT.people
    plant = replace(
        PLANT, people=arguments.people, vehicles=round(PLANT.vehicles * larger),
        canteen_seats=round(PLANT.canteen_seats * larger),
    )  # fmt: skip

    async def look(hub: MonthHub, month: Month, day: date) -> None:
        evenings[day] = await on_the_evening(hub, month, day, differences)

    async with played(folder, plant, arguments.seed, arguments.days, influx, look) as (month, hub, days):
        for day in days[:-1]:
            await in_the_end(hub, month, day, evenings[day], differences)
    return differences
