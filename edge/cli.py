"""`menshen edge …`"""

from __future__ import annotations

import argparse
from pathlib import Path

from edge import settings
from edge.agent import Agent
from edge.drivers import listing
from wire.errors import DriverError
from wire.process import run, set_up_logging
from wire.settings import nearest


def main(argv: list[str]) -> int:
    """One subcommand of `menshen edge`; the exit code."""
    arguments = _parser().parse_args(argv)
    return int(arguments.run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="menshen edge", description="The gate agent.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command, about in (
        ("run", _run, "run the gate until Ctrl-C"),
        ("check", _check, "check a settings file, its drivers, key and registry"),
    ):
        sub = commands.add_parser(name, help=about, description=about)
        sub.add_argument("settings", type=Path, metavar="gate.toml")
        sub.set_defaults(run=command)
        if name == "run":
            sub.add_argument("--log-level", choices=["debug", "info", "warning", "error"], default="info")
    about = "list the drivers of devices with their settings"
    sub = commands.add_parser("drivers", help=about, description=about)
    sub.add_argument("wanted", nargs="?", metavar="KIND|NAME", help="only those of one kind, or one driver")
    sub.set_defaults(run=_drivers)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    from menshen import VERSION

    gate = settings.load(arguments.settings)
    set_up_logging(arguments.log_level)
    return run(Agent(gate, VERSION).run())


def _check(arguments: argparse.Namespace) -> int:
    from menshen import VERSION

    gate = settings.load(arguments.settings)
    Agent(gate, VERSION)
    lanes = ", ".join(f"{lane.settings.name} ({', '.join(lane.plugs) or 'no devices'})" for lane in gate.lanes)
    print(f"{arguments.settings}: good. Gate {gate.settings.site}/{gate.settings.gate}, lanes: {lanes}")
    return 0


def _drivers(arguments: argparse.Namespace) -> int:
    found = listing.drivers(arguments.wanted)
    if not found:
        known = {one for listed in listing.drivers() for one in (listed.kind, listed.name)}
        near = nearest(arguments.wanted, known) or f"; there are: {', '.join(sorted(known))}"
        raise DriverError(f"no drivers of kind or name {arguments.wanted!r}{near}")
    print("\n\n".join(listing.table(one) for one in found))
    return 0
