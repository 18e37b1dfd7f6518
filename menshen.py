"""The `menshen` command: `menshen edge|hub|sim|boards|demo|…`; each room brings its own subcommands."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wire.errors import MenshenError, SettingsError

VERSION = "0.1.0"
ROOMS = {
    "edge": ("edge.cli", "edge", "the gate agent"),
    "hub": ("hub.cli", "hub", "the site's server"),
    "sim": ("sim.cli", "sim", "a simulated factory"),
    "boards": ("dashboards.cli", "dashboards", "Grafana boards: write, push, check or preview them"),
    "demo": ("sim.demo", "hub,sim", "a hub, a broker and two gates on this machine, with a live view"),
    "evaluate": ("edge.evaluate.cli", "edge", "how good the screening is, on labelled data"),
    "release": ("hub.releases.cli", "hub", "make and sign releases of the program for gates, away from the hub"),
    "doctor": ("wire.findings", "", "what is wrong with a hub or a gate, and what to do: doctor FILE.toml"),
    "bench": ("tests.bench", "hub,sim", "how fast it is (from a checkout)"),
    "chaos": ("tests.chaos.command", "hub,sim", "whether it keeps everything, whatever fails (from a checkout)"),
}


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand; the exit code is 0 for success, 1 for a fault that is explained, 2 for wrong usage."""
    try:
        code = _command(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads what is printed has enough: no fault, and nothing to say of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    return code


def _command(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="menshen", description=__doc__, add_help=False)
    parser.add_argument("room", choices=ROOMS, nargs="?", metavar="|".join(ROOMS))
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--version", action="store_true")
    known, _ = parser.parse_known_args(arguments[:1])
    if known.version:
        print(f"menshen {VERSION}")
        return 0
    if known.room is None:
        print(_usage())
        return 0 if known.help else 2
    if known.room == "doctor":
        return _doctor(arguments[1:])
    return _run(known.room, arguments[1:])


def _doctor(words: list[str]) -> int:
    """Have a settings file's own side say what is wrong; the exit code is the worst of it: 0 good, 1 look, 2 bad."""
    from wire import findings
    from wire.settings import Document

    parser = argparse.ArgumentParser(prog="menshen doctor", description="What is wrong here, and what to do about it.")
    parser.add_argument("settings", type=Path, metavar="hub.toml|gate.toml")
    parser.add_argument("--lang", choices=findings.LANGS, default="en")
    parser.add_argument("--json", action="store_true", help="for programs, in both languages")
    asked = parser.parse_args(words)
    try:
        side = "edge" if "gate" in Document.read(asked.settings).data else "hub"
        examine = importlib.import_module(f"{side}.doctor").examine
    except SettingsError as error:
        print(error.problems[0], file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(f"menshen doctor: the package {error.name!r} is not installed here", file=sys.stderr)
        return 2
    found: list[findings.Finding] = examine(asked.settings)
    print(findings.as_json(found) if asked.json else findings.text(found, asked.lang))
    return int(findings.worst(found))


def _run(room: str, arguments: list[str]) -> int:
    module, extra, _ = ROOMS[room]
    if module.startswith("tests."):
        sys.path.insert(0, str(Path(__file__).parent))
    try:
        command = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if module.startswith("tests.") and error.name and error.name.startswith("tests"):
            print(f"menshen {room}: runs from a checkout of the repository, which has tests/", file=sys.stderr)
        else:
            print(
                f"menshen {room}: the package {error.name!r} is not installed here; "
                f'install what this command needs with: pip install "menshen[{extra}]"',
                file=sys.stderr,
            )
        return 1
    try:
        return int(command.main(arguments) or 0)
    except SettingsError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return 1
    except MenshenError as error:
        print(f"menshen {room}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def boards() -> Callable[..., Any]:
    """What makes the console's boards: the hub does not know the room that has them."""
    from dashboards.console import make

    return make


def _usage() -> str:
    lines = [f"  menshen {room:<9} {about}" for room, (_, _, about) in ROOMS.items()]
    return "\n".join(["usage: menshen COMMAND …", "", *lines, "", "menshen COMMAND --help tells the rest."])


if __name__ == "__main__":
    raise SystemExit(main())
