"""`menshen boards …`"""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from zoneinfo import available_timezones

from dashboards import files
from dashboards.boards import BOARDS
from dashboards.render import Setting
from dashboards.rules import faults
from wire.errors import MenshenError
from wire.settings import nearest


def main(argv: list[str]) -> int:
    """One subcommand of `menshen boards`; the exit code."""
    arguments = _parser().parse_args(argv)
    return int(arguments.run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="menshen boards", description="Grafana boards, in Chinese and English.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    write = commands.add_parser("write", help="write the files that a Grafana beside the hub reads by itself")
    write.add_argument("--out", type=Path, required=True, metavar="DIR")
    write.add_argument("--at", default=files.WHERE_GRAFANA_FINDS_THEM, help="where Grafana will find the boards' files")
    _setting(write)
    write.set_defaults(run=_write)
    push = commands.add_parser("push", help="bring the boards into a Grafana by its API; what is there already is left")
    push.add_argument("--url", required=True, help="of Grafana, such as https://grafana.example")
    push.add_argument("--token", default=os.environ.get("GRAFANA_TOKEN"), help="or GRAFANA_TOKEN in the environment")
    push.add_argument("--influx-url", help="where Grafana finds the time series; makes the data source")
    push.add_argument("--influx-db", default="menshen", help="the database of InfluxDB 1.x, the bucket of 2.x and 3.x")
    push.add_argument("--influx-user", default="", help="of InfluxDB 1.x; its password is in MENSHEN_INFLUX_PASSWORD")
    push.add_argument("--dry-run", action="store_true", help="only tell what would change")
    _setting(push)
    push.set_defaults(run=_push)
    check = commands.add_parser("check", help="hold the boards against their rules, and a server against their queries")
    check.add_argument("--influx-url", help="an InfluxDB that gets every query; its token is in MENSHEN_INFLUX_TOKEN")
    check.add_argument("--influx-db", default="menshen")
    check.set_defaults(run=_check)
    preview = commands.add_parser("preview", help="the boards on a console with simulated days, without Grafana")
    preview.add_argument("--port", type=int, default=8090)
    preview.add_argument("--days", type=int, default=7)
    preview.add_argument("--data", type=Path, default=Path("var/boards"), help="where the simulated days are kept")
    preview.set_defaults(run=_preview)
    return parser


def _setting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--zone", default="Asia/Shanghai", help="the site's time zone, as in hub.toml")
    parser.add_argument("--console", default="http://127.0.0.1:8080", help="where people reach the hub's console")


def _setting_of(arguments: argparse.Namespace) -> Setting:
    zones = available_timezones()
    if arguments.zone not in zones:
        raise MenshenError(f"--zone {arguments.zone}: expected one like Asia/Shanghai{nearest(arguments.zone, zones)}")
    if not re.fullmatch(r"https?://[^\s/]+[^\s]*", arguments.console):
        raise MenshenError(f"--console {arguments.console}: expected an address like https://hub.example")
    return Setting(arguments.zone, arguments.console.rstrip("/"))


def _write(arguments: argparse.Namespace) -> int:
    changed = files.write(arguments.out, _setting_of(arguments), arguments.at)
    for name in changed:
        print(f"{arguments.out / name}: written")
    print(f"{arguments.out}: {len(changed)} files written, the others were so already")
    return 0


def _push(arguments: argparse.Namespace) -> int:
    from dashboards.push import Influx, Push, all_boards, connect

    if not arguments.token:
        raise MenshenError("push needs --token, of a service account with the role Admin")
    influx = None
    if arguments.influx_url:
        secrets = (os.environ.get(f"MENSHEN_INFLUX_{what}", "") for what in ("PASSWORD", "TOKEN"))
        influx = Influx(arguments.influx_url, arguments.influx_db, arguments.influx_user, *secrets)
    setting = _setting_of(arguments)
    pushing = Push(connect(arguments.url, arguments.token), dry=arguments.dry_run)
    for said in pushing.run(all_boards(BOARDS, setting), influx):
        print(said)
    if arguments.dry_run:
        print("Nothing was written: --dry-run")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    found = faults(BOARDS)
    panels = sum(1 for board in BOARDS for _ in board.places())
    if arguments.influx_url:
        from dashboards.trial import trial

        found += trial(arguments.influx_url, arguments.influx_db, os.environ.get("MENSHEN_INFLUX_TOKEN", ""))
    for fault in found:
        print(fault)
    print(f"{len(BOARDS)} boards with {panels} panels in two languages: {len(found) or 'no'} faults")
    return 1 if found else 0


def _preview(arguments: argparse.Namespace) -> int:
    from dashboards.preview import preview

    return preview(arguments.data, arguments.port, arguments.days)
