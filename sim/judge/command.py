"""`menshen sim judge RUN --hub URL`"""

from __future__ import annotations

import argparse
import datetime as dt
import json
from pathlib import Path

import msgspec

from sim import chronicle
from sim.judge import page
from sim.judge.bench import LATE_S, Filled, judge
from sim.judge.findings import Finding, Report
from sim.judge.record import HubRecord, SeriesRecord
from sim.judge.words import say
from sim.plant import ZONE
from sim.truth import PersonTruth
from wire.errors import MenshenError
from wire.process import add_token_option, token_given

SHOWN = 20


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="the folder of `menshen sim run`")
    parser.add_argument("--hub", required=True, metavar="URL", help="the address of its console")
    add_token_option(parser)
    parser.add_argument("--influx", metavar="URL", help="the address of its InfluxDB 1.x; otherwise it is not asked")
    parser.add_argument("--database", default="menshen")
    parser.add_argument("--late-s", type=float, default=LATE_S, help="from where on an event is late")
    parser.add_argument(
        "--isolations",
        action="store_true",
        help="also who is isolated: the hub must know the plant's people, from RUN/SITE.people.csv",
    )
    files = "the hub has RUN/SITE.shifts.csv, teams.csv, people.csv and days.csv since the run's first day"
    parser.add_argument(
        "--duties", action="store_true", help=f"also who is on duty and was measured how often: {files}"
    )
    meals = "also who ate in another team's time: the same, and RUN/canteens.toml in the hub's settings"
    parser.add_argument("--meals", action="store_true", help=meals)
    parser.add_argument("--page", type=Path, metavar="FILE.html", help="by default RUN/judge.html")
    crowds = "the hub has RUN/canteens.toml in its settings; for days that are not older than it keeps"
    parser.add_argument("--crowds", action="store_true", help=crowds)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    """The exit code is 0 when nothing is wrong, 1 otherwise."""
    folder: Path = arguments.run_folder
    if arguments.late_s <= 0:
        raise MenshenError(f"--late-s {arguments.late_s}: expected more than 0")
    series = SeriesRecord(arguments.influx, arguments.database) if arguments.influx else None
    hub = HubRecord(arguments.hub, token_given(arguments.token_file))
    today = dt.datetime.now(ZONE).date() if arguments.isolations else None
    filled = Filled(today, arguments.crowds, arguments.duties, arguments.meals)
    report, matched = judge(folder, hub, series, arguments.late_s, filled)
    people = [truth for truth in chronicle.read_truth(folder) if isinstance(truth, PersonTruth)]
    pages = page.write(arguments.page or folder / "judge.html", chronicle.read_run(folder), report, people, matched)
    if arguments.json:
        print(_json(report, pages))
    else:
        _print(report, pages)
    return 1 if report.findings else 0


def _json(report: Report, pages: list[Path]) -> str:
    return json.dumps(
        {
            "errors": report.counts(),
            "compared": report.compared,
            "late_s": {"p50": report.late_p50_s, "p99": report.late_p99_s},
            "findings": msgspec.to_builtins(report.findings),
            "page": [str(path) for path in pages],
        },
        ensure_ascii=False,
        indent=1,
    )


def _print(report: Report, pages: list[Path]) -> None:
    for name, count in report.compared.items():
        print(f"{say(name, 'en')}: {'not asked' if count is None else f'{count:,} compared'}")
    for kind, count in report.counts().items():
        if count:
            print(f"{say(f'fault.{kind}', 'en')}: {count:,}")
    for finding in report.findings[:SHOWN]:
        print(f"  {_line(finding)}")
    if not report.findings:
        print(say("clean", "en"))
    print(f"Page: {', '.join(map(str, pages))}")


def _line(finding: Finding) -> str:
    where = " ".join(part for part in (finding.site, finding.gate, finding.passage) if part)
    instead = f"; found {finding.found}" if finding.found else ""
    return f"{finding.fault.value}: {where}: expected {finding.expected or 'nothing'}{instead}"
