"""`menshen hub report`"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path

from hub import settings as hub_settings
from hub.reports.figures import DayReport, without_names
from hub.reports.files import TYPES, file_of
from hub.reports.gather import report_of
from hub.reports.setup import opened
from hub.settings import HubSettings
from hub.web.words import LANGS
from wire.errors import MenshenError


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    about = "the daily report as a file; the hub may be running"
    parser = commands.add_parser("report", help=about, description=about)
    parser.add_argument("settings", type=Path, metavar="hub.toml")
    parser.add_argument("--date", type=_day, help="a day such as 2020-02-10; today without it")
    parser.add_argument("--format", choices=sorted(TYPES), default="text")
    parser.add_argument("--lang", choices=LANGS, default="zh")
    parser.add_argument("--names", action="store_true", help="with the names of those who are isolated")
    parser.add_argument("--out", type=Path, help="a file; standard output without it")
    parser.set_defaults(run=_report)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a day such as 2020-02-10") from error


def _report(arguments: argparse.Namespace) -> int:
    settings = hub_settings.load(arguments.settings)
    if not (Path(settings.data) / "journal.db").exists():
        raise MenshenError(f"{settings.data}: no hub has run here yet, there is nothing to report")
    report, zone = asyncio.run(_made(settings, arguments.date))
    shown = report if arguments.names else without_names(report)
    file = file_of(shown, arguments.format, arguments.lang, zone)
    if arguments.out is None:
        sys.stdout.buffer.write(file.body)
    else:
        arguments.out.write_bytes(file.body)
        print(f"{arguments.out}: the report of {report.day}, {len(file.body)} bytes")
    return 0


async def _made(settings: HubSettings, day: date | None) -> tuple[DayReport, tzinfo | None]:
    now_ns = time.time_ns()
    async with opened(settings) as sources:
        today = datetime.fromtimestamp(now_ns / 1e9, UTC).astimezone(sources.zone).date()
        return await report_of(sources, day or today, now_ns), sources.zone
