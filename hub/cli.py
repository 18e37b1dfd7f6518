"""`menshen hub …`"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from hub import settings as hub_settings
from hub.alerts.store import AlertStore
from hub.archive import Archive
from hub.ingest import parse_batch
from hub.journal import DeadLetter, JournalReader
from hub.registry import command as registry_command
from hub.server import Hub
from hub.settings import HubSettings
from hub.web.words import LANGS
from wire.errors import DecodeError, MenshenError
from wire.process import run, set_up_logging

T = TypeVar("T")


def main(argv: list[str]) -> int:
    """One subcommand of `menshen hub`; the exit code."""
    arguments = _parser().parse_args(argv)
    return int(arguments.run(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="menshen hub", description="The site's server.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add(commands, "run", _run, "run the hub until Ctrl-C")
    _add(commands, "check", _check, "check a settings file")
    watch = commands.add_parser("watch", help="the live board on a terminal")
    watch.add_argument("--url", default="http://127.0.0.1:8080")
    watch.add_argument("--lang", choices=LANGS, default="en")
    watch.set_defaults(run=_watch)
    _add(commands, "dead-letters", _dead_letters, "list what could not be used")
    replay = _add(commands, "replay", _replay, "try dead letters again, after an update; stop the hub first")
    replay.add_argument("id", type=int, nargs="*", help="numbers from the list; all without any")
    _add(commands, "alerts", _alerts, "list open alerts")
    resolve = _add(commands, "resolve", _resolve, "end an alert")
    resolve.add_argument("id", type=int)
    resolve.add_argument("--by", required=True, help="the name that goes into the record")
    registry_command.add(commands)
    return parser


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, command: object, about: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=about, description=about)
    parser.add_argument("settings", type=Path, metavar="hub.toml")
    if name == "run":
        parser.add_argument("--log-level", choices=["debug", "info", "warning", "error"], default="info")
    parser.set_defaults(run=command)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    from menshen import VERSION

    settings = hub_settings.load(arguments.settings)
    set_up_logging(arguments.log_level)
    return run(Hub(settings, VERSION).run())


def _check(arguments: argparse.Namespace) -> int:
    settings = hub_settings.load(arguments.settings)
    influx = settings.influx.url if settings.influx else "none"
    channels = ", ".join(channel.name for channel in settings.channels) or "none: nobody will be told"
    print(f"{arguments.settings}: good. Site {settings.site}, time series: {influx}, channels: {channels}")
    return 0


def _watch(arguments: argparse.Namespace) -> int:
    from hub import watch

    return watch.run(arguments.url, lang=arguments.lang)


def _dead_letters(arguments: argparse.Namespace) -> int:
    letters = JournalReader(Path(_load(arguments).data) / "journal.db").dead_letters()
    for letter in letters:
        when = datetime.fromtimestamp(letter.last_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        print(f"{letter.id}\t{letter.source}\t×{letter.count}\t{when}\t{letter.topic}\t{letter.reason}")
    print(f"{len(letters)} dead letters", file=sys.stderr)
    return 0


def _replay(arguments: argparse.Namespace) -> int:
    async def replay_all(archive: Archive) -> int:
        letters = {letter.id: letter for letter in await _list_letters(archive)}
        still = 0
        for letter_id in arguments.id or letters:
            outcome = "still not found: there is no such dead letter"
            if letter_id in letters:
                outcome = await replay(archive, letters[letter_id])
            still += outcome.startswith("still")
            print(f"{letter_id}\t{outcome}")
        return 1 if still else 0

    return asyncio.run(_with_archive(_load(arguments), replay_all))


async def replay(archive: Archive, letter: DeadLetter) -> str:
    """Try one dead letter again; what became of it, in words."""
    if letter.source == "event":
        return await archive.exhume(letter.id)
    if letter.source == "line":
        return "still refused: a line is written again by rebuilding the time series"
    try:
        batch = parse_batch(letter.topic, letter.payload)
    except DecodeError as error:
        return f"still unreadable: {error}"
    taken = (await archive.append([batch]))[batch.stream]
    if taken.resend:
        return f"still waits: {taken.new} new events, then number {taken.through + 1} is missing before the rest"
    await archive.forget_letter(letter.id)
    return f"taken: {taken.new} new events"


async def _list_letters(archive: Archive) -> list[DeadLetter]:
    return await archive.read(lambda reader: reader.dead_letters())


async def _with_archive(settings: HubSettings, use: Callable[[Archive], Awaitable[T]]) -> T:
    archive = Archive(Path(settings.data) / "journal.db")
    await archive.start()
    try:
        return await use(archive)
    finally:
        await archive.stop()


def _alerts(arguments: argparse.Namespace) -> int:
    store = _store(arguments)
    for alert in store.open_alerts():
        since = datetime.fromtimestamp(alert.since_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        print(
            f"{alert.id}\t{alert.severity}\t{alert.rule}\t{alert.site}/{alert.gate}\t{since}\t{alert.told}\t{alert.detail}"
        )
    return 0


def _resolve(arguments: argparse.Namespace) -> int:
    if not _store(arguments).resolve(arguments.id, arguments.by, time.time_ns()):
        raise MenshenError(f"alert {arguments.id}: is not open")
    print(f"alert {arguments.id}: resolved by {arguments.by}")
    return 0


def _store(arguments: argparse.Namespace) -> AlertStore:
    settings = _load(arguments)
    path = Path(settings.data) / "alerts.db"
    if not path.exists():
        raise MenshenError(f"alerts {path}: there are none yet, no hub has run here")
    names = [channel.name for channel in settings.channels]
    store = AlertStore(path, names, settings.alerts.page_within_s)
    store.open()
    return store


def _load(arguments: argparse.Namespace) -> HubSettings:
    return hub_settings.load(arguments.settings)
