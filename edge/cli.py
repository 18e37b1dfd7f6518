"""`menshen edge …`"""

from __future__ import annotations

import argparse
import getpass
import sys
import time
from pathlib import Path
from typing import Any

from edge import settings
from edge.agent import Agent
from edge.clock import boot_id
from edge.doctor import log_self_test
from edge.drivers import listing
from edge.guard import passwords
from edge.remote.keeper import Configurations
from edge.remote.run import run_gate
from edge.settings import Gate
from edge.starts import StartBook, keep_steady
from edge.thermal.settings import ThermalSettings
from wire.errors import DriverError, MenshenError
from wire.process import answer_promptly, run, set_up_logging
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
    _add_watch(commands)
    about = "write a guard's password for the page at the gate (asked for, or the first line of what is piped in)"
    sub = commands.add_parser("password", help=about, description=about)
    sub.add_argument("file", type=Path)
    sub.add_argument("--name", default=passwords.UNNAMED, help="whose it is; the others in the file stay as they are")
    sub.set_defaults(run=_password)
    about = "get the gate's certificate and keys from the hub, with a code of `menshen hub enrol`"
    sub = commands.add_parser("enrol", help=about, description=about)
    sub.add_argument("settings", type=Path, metavar="gate.toml")
    sub.add_argument("code", help="as the hub printed it; hyphens and case do not matter")
    sub.add_argument("--new-token-key", action="store_true", help="take the site's token key in place of another")
    sub.add_argument("--hub", metavar="URL", help="the hub's console, where the settings do not name it")
    sub.set_defaults(run=_enrol)
    about = "list the drivers of devices with their settings"
    sub = commands.add_parser("drivers", help=about, description=about)
    sub.add_argument("wanted", nargs="?", metavar="KIND|NAME", help="only those of one kind, or one driver")
    sub.set_defaults(run=_drivers)
    return parser


def _add_watch(commands: Any) -> None:  # noqa: ANN401 - argparse hides the type
    about = "show what the gate sees in a recording: frame, faces, reference, temperatures, verdicts"
    sub = commands.add_parser("watch", help=about, description=about)
    sub.add_argument("recording", type=Path, help=".npz, a folder of 16-bit pictures, or a radiometric FLIR JPEG")
    sub.add_argument("--out", type=Path, help="a folder for PNGs, or a file .mp4, .avi or .mkv; else a window")
    sub.add_argument("--window", action="store_true", help="a window as well as the files of --out")
    sub.add_argument("--lang", choices=["en", "zh"], default="en")
    sub.add_argument("--rate", type=float, metavar="HZ", help="of a folder whose times nothing tells")
    sub.add_argument("--reference", type=float, metavar="C", help="the set temperature of the reference in view")
    sub.set_defaults(run=_watch)


def _watch(arguments: argparse.Namespace) -> int:
    try:
        from edge.watch.play import Wanted, watch
    except ModuleNotFoundError as error:
        need = 'install what this command needs with: pip install "menshen[watch]"'
        raise MenshenError(f"watch: the package {error.name!r} is not installed here; {need}") from error
    if arguments.rate is not None and not 0 < arguments.rate <= 1000:
        raise MenshenError(f"--rate {arguments.rate}: expected a number above 0 and up to 1000")
    thermal = ThermalSettings(reference_c=arguments.reference)
    wanted = Wanted(arguments.recording, arguments.out, arguments.window, arguments.lang, arguments.rate, thermal)
    return watch(wanted)


def _password(arguments: argparse.Namespace) -> int:
    password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if sys.stdin.isatty() and getpass.getpass("Once more: ") != password:
        raise MenshenError("the two are not the same; nothing was written")
    passwords.write(arguments.file, password, arguments.name)
    print(f"{arguments.file}: the password of {arguments.name} is written; name the file as password_file in [guard]")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    from menshen import VERSION

    gate = settings.load(arguments.settings)  # what is wrong with the gate's own file is told, whatever runs
    set_up_logging(arguments.log_level)
    log_self_test(gate)
    spool = Path(gate.settings.spool.path)
    book = StartBook(spool.with_suffix(".starts.json"), boot_id())
    start = book.begin(time.monotonic())
    configurations = Configurations(arguments.settings, spool.with_suffix(".settings"))

    def make(chosen: Gate) -> Agent:
        return Agent(chosen, VERSION, start=start, configurations=configurations)

    answer_promptly()
    code = run(keep_steady(run_gate(configurations, make), start, book))
    book.end(was_safe=start.is_safe)
    return code


def _check(arguments: argparse.Namespace) -> int:
    from menshen import VERSION

    gate = settings.load(arguments.settings)
    Agent(gate, VERSION)
    lanes = ", ".join(f"{lane.settings.name} ({', '.join(lane.plugs) or 'no devices'})" for lane in gate.lanes)
    print(f"{arguments.settings}: good. Gate {gate.settings.site}/{gate.settings.gate}, lanes: {lanes}")
    return 0


def _enrol(arguments: argparse.Namespace) -> int:
    try:
        from edge.enrol import enrol
    except ModuleNotFoundError as error:
        need = 'install what this command needs with: pip install "menshen[enrol]"'
        raise MenshenError(f"enrol: the package {error.name!r} is not installed here; {need}") from error
    print(enrol(arguments.settings, arguments.code, arguments.hub, new_token_key=arguments.new_token_key))
    return 0


def _drivers(arguments: argparse.Namespace) -> int:
    found = listing.drivers(arguments.wanted)
    if not found:
        known = {one for listed in listing.drivers() for one in (listed.kind, listed.name)}
        near = nearest(arguments.wanted, known) or f"; there are: {', '.join(sorted(known))}"
        raise DriverError(f"no drivers of kind or name {arguments.wanted!r}{near}")
    print("\n\n".join(listing.table(one) for one in found))
    return 0
