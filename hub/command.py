"""What subcommands of `menshen hub` have in common."""

from __future__ import annotations

import argparse
from pathlib import Path

Commands = argparse._SubParsersAction


def add_command(
    commands: Commands[argparse.ArgumentParser], name: str, run: object, about: str
) -> argparse.ArgumentParser:
    """A subcommand that reads the hub's settings, and is carried out by `run`."""
    parser = commands.add_parser(name, help=about, description=about)
    parser.add_argument("settings", type=Path, metavar="hub.toml")
    parser.set_defaults(run=run)
    return parser
