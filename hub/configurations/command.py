"""`menshen hub configure …`: what a gate is to run, from the command line; a hub that runs publishes it at once."""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path

from hub import settings as hub_settings
from hub.configurations import desk
from hub.configurations.desk import Wanted
from hub.database import Database
from wire.errors import MenshenError


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The subcommand."""
    about = "send a gate its settings; it tries them, and goes back by itself when they do not work"
    parser = commands.add_parser("configure", help=about, description=about)
    parser.add_argument("settings", type=Path, metavar="hub.toml")
    parser.add_argument("gate")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("file", type=Path, nargs="?", metavar="gate.toml")
    what.add_argument("--own", action="store_true", help="have it run its own file again")
    what.add_argument("--show", action="store_true", help="print what it is to run")
    parser.set_defaults(run=_configure)


def _configure(arguments: argparse.Namespace) -> int:
    settings = hub_settings.load(arguments.settings)

    async def work() -> Wanted | None:
        database = Database(settings.database_url)
        await database.start()
        try:
            if arguments.show:
                return (await database.read(desk.wanted)).get(arguments.gate)
            text = "" if arguments.own else _read(arguments.file)
            by, now_ns = "command line", time.time_ns()
            return await database.write(
                lambda session: desk.wish(session, settings.site, arguments.gate, text, by=by, now_ns=now_ns)
            )
        finally:
            await database.stop()

    found = asyncio.run(work())
    if arguments.show:
        print(found.text if found is not None and found.text else f"{arguments.gate} runs its own file", end="\n")
    else:
        assert found is not None, "a wish is always granted"
        print(f"{arguments.gate}: version {found.version} is wanted; the board says when it runs, or why not")
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MenshenError(f"{path}: cannot be read: {error}") from error
