"""`menshen hub …`"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from hub import backup
from hub import settings as hub_settings
from hub.accounts import command as accounts_command
from hub.alerts.channels import Channel
from hub.alerts.outbox import Message
from hub.alerts.rules import Rule
from hub.alerts.setup import make_channels, make_planner, make_store, path_of
from hub.alerts.store import AlertStore, Silence
from hub.alerts.texts import say
from hub.archive import Archive
from hub.configurations import command as configurations_command
from hub.ingest import parse_batch
from hub.journal import DeadLetter, JournalReader
from hub.projections.passes import FILE as PASSES_FILE
from hub.projections.rollups import FILE as ROLLUPS_FILE
from hub.projections.rollups import Rollups
from hub.projections.timeseries import TimeSeries
from hub.registry import command as registry_command
from hub.releases import command as releases_command
from hub.reports import command as report_command
from hub.rounds.record import FILE as ROUNDS_FILE
from hub.rounds.record import RoundRecord
from hub.server import Hub
from hub.settings import HubSettings
from hub.standings.file import FILE as STANDINGS_FILE
from hub.standings.file import Standings
from hub.trust import command as trust_command
from hub.web.words import LANGS
from wire.errors import DecodeError, DeliveryError, MenshenError
from wire.process import add_token_option, collect_seldom, run, set_up_logging, token_given
from wire.settings import nearest

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
    watch = _add_asking(commands, "watch", _watch, "the live board on a terminal")
    watch.add_argument("--lang", choices=LANGS, default="en")
    _add_asking(commands, "metrics", _metrics, "what Prometheus reads of a hub that runs, once, on the terminal")
    _add(commands, "dead-letters", _dead_letters, "list what could not be used")
    replay = _add(commands, "replay", _replay, "try dead letters again, after an update; stop the hub first")
    replay.add_argument("id", type=int, nargs="*", help="numbers from the list; all without any")
    rebuild = _add(
        commands,
        "rebuild",
        _rebuild,
        "write time series, figures or passages anew from the journal; stop the hub first",
    )
    rebuild.add_argument("what", choices=["timeseries", *_FILES])
    copying = _add(commands, "backup", _back_up, "copy the hub's data, keys and settings into one file; while it runs")
    copying.add_argument("--to", type=Path, required=True, help="a file, or a folder for one named after the time")
    copying.add_argument("--keep", type=int, help="in a folder: delete all but so many of the newest")
    restore = _add(commands, "restore", _restore, "bring such a copy back as the data of a hub that has none")
    restore.add_argument("file", type=Path)
    restore.add_argument("--check", action="store_true", help="only read it, and say whether it is whole")
    _add(commands, "alerts", _alerts, "list open alerts")
    for name, said, about in WORDS:
        word = _add(commands, name, partial(_word, name, said), about)
        word.add_argument("id", type=int)
        word.add_argument("--by", required=True, help="the name that goes into the record")
        word.add_argument("--note", default="")
    silence = _add(commands, "silence", _silence, "tell nobody of what is like this, until a given time")
    silence.add_argument("--by", required=True, help="the name that goes into the record")
    silence.add_argument("--hours", type=float, required=True)
    for field in ("gate", "rule"):
        silence.add_argument(f"--{field}", default="", help="all without it")
    silence.add_argument("--note", default="")
    _add(commands, "silences", _silences, "list the silences in force")
    unsilence = _add(commands, "unsilence", _unsilence, "end a silence before its time")
    unsilence.add_argument("id", type=int)
    unsilence.add_argument("--by", required=True, help="the name that goes into the record")
    notify = commands.add_parser("notify", help="try channels").add_subparsers(required=True, metavar="COMMAND")
    test = _add(notify, "test", _notify_test, "send a test by one channel for real, and say what its service said")
    test.add_argument("channel")
    test.add_argument("--to", default="", help="an address on it: a telephone number, a mail address")
    _add(commands, "rota", _rota, "who is on duty now")
    history = _add(commands, "history", _history, "what was done about an alert, and why")
    history.add_argument("id", type=int)
    registry_command.add(commands)
    report_command.add(commands)
    accounts_command.add(commands)
    trust_command.add(commands)
    configurations_command.add(commands)
    releases_command.add(commands)
    return parser


WORDS = (
    ("ack", "acknowledged", "take an alert in hand: nobody else is told"),
    ("resolve", "resolved", "end an alert"),
    ("reopen", "reopened", "take back an acknowledgement or an end"),
)


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, command: object, about: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=about, description=about)
    parser.add_argument("settings", type=Path, metavar="hub.toml")
    if name == "run":
        parser.add_argument("--log-level", choices=["debug", "info", "warning", "error"], default="info")
    parser.set_defaults(run=command)
    return parser


def _add_asking(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, command: object, about: str
) -> argparse.ArgumentParser:
    """A subcommand that asks a hub that runs, wherever it is."""
    parser = commands.add_parser(name, help=about, description=about)
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    add_token_option(parser)
    parser.set_defaults(run=command)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    from menshen import VERSION, boards

    settings = hub_settings.load(arguments.settings)
    set_up_logging(arguments.log_level)
    make = partial(Hub, settings, VERSION, boards())
    if settings.fleet is None:
        hub = make()
        collect_seldom()
        return run(hub.run())
    from hub.fleet.process import FleetHub

    process = FleetHub(settings, settings.fleet, make)
    collect_seldom()
    return run(process.run())


def _check(arguments: argparse.Namespace) -> int:
    settings = hub_settings.load(arguments.settings)
    make_planner(settings)  # reads the duty calendars
    influx = settings.influx.url if settings.influx else "none"
    channels = ", ".join(channel.name for channel in settings.channels) or "none: nobody will be told"
    print(f"{arguments.settings}: good. Site {settings.site}, time series: {influx}, channels: {channels}")
    return 0


def _watch(arguments: argparse.Namespace) -> int:
    from hub import watch

    return watch.run(arguments.url, token=token_given(arguments.token_file), lang=arguments.lang)


def _metrics(arguments: argparse.Namespace) -> int:
    from hub import watch

    print(watch.metrics(watch.Hub(arguments.url, token_given(arguments.token_file))), end="")
    return 0


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


_FILES = {"figures": ROLLUPS_FILE, "passages": PASSES_FILE}
"""What is rebuilt by reading the journal anew into a new file."""


def _rebuild(arguments: argparse.Namespace) -> int:
    settings = _load(arguments)
    data = Path(settings.data)

    async def rebuild(archive: Archive) -> int:
        if arguments.what == "figures":
            _forget(data, ROLLUPS_FILE, ROUNDS_FILE)
        else:
            await archive.set_cursor(TimeSeries.name, 0)
            for figures in (Rollups(data / ROLLUPS_FILE, None), RoundRecord(data / ROUNDS_FILE, None)):
                await figures.start()
                await figures.mark_all()
                await figures.stop()
            standings = Standings(data / STANDINGS_FILE)
            await standings.start()
            await standings.mark_all()
            await standings.stop()
        return 0

    code = asyncio.run(_with_archive(settings, rebuild))
    print(f"{arguments.what}: the hub writes them anew from its journal when it runs next")
    return code


def _forget(folder: Path, *names: str) -> None:
    """Delete the files of projections, with what SQLite keeps beside them."""
    for name in names:
        for part in folder.glob(f"{name}*"):
            part.unlink()


def _back_up(arguments: argparse.Namespace) -> int:
    from menshen import VERSION

    settings, target = _load(arguments), arguments.to
    pattern = f"menshen-{settings.site}-*.tar.gz"
    if target.is_dir() or not target.suffix:
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        target = target / pattern.replace("*", moment)
    elif arguments.keep is not None:
        raise MenshenError(f"--keep is for a folder, and {target} is a file")
    made = backup.back_up(settings, arguments.settings, target, VERSION)
    print(f"{target}: {len(made.parts)} files, {made.events} events; keep it in a safe place, it holds keys and people")
    if arguments.keep is not None:
        for old in backup.forget_oldest(target.parent, pattern, max(1, arguments.keep)):
            print(f"{old}: deleted")
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    if arguments.check:
        made = backup.check(arguments.file).manifest
        print(f"{arguments.file}: whole. Site {made.site}, {_utc(made.taken_ns)}, {made.events} events")
        return 0
    settings = _load(arguments)
    made = backup.restore(settings, arguments.file)
    print(
        f"{settings.data}: as of {_utc(made.taken_ns)}, {made.events} events. What came later, gates send again or tell"
    )
    return 0


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
        state = f"{alert.state} by {alert.held_by}" if alert.held_by else alert.state
        facts = (alert.severity, alert.rule, f"{alert.site}/{alert.gate}", _utc(alert.since_ns), state, alert.told)
        print("\t".join((str(alert.id), *facts, alert.detail)))
    return 0


def _word(name: str, said: str, arguments: argparse.Namespace) -> int:
    store = _store(arguments)
    say = {"ack": store.acknowledge, "resolve": store.resolve, "reopen": store.reopen}[name]
    if not say(arguments.id, arguments.by, time.time_ns(), arguments.note):
        found = store.alert(arguments.id)
        raise MenshenError(f"alert {arguments.id}: {f'is {found.state}' if found else 'there is none of that number'}")
    print(f"alert {arguments.id}: {said} by {arguments.by}")
    return 0


def _silence(arguments: argparse.Namespace) -> int:
    if arguments.rule and arguments.rule not in set(Rule):
        raise MenshenError(f"--rule {arguments.rule}: expected one of: {', '.join(Rule)}")
    now_ns = time.time_ns()
    until_ns = now_ns + round(arguments.hours * 3600e9)
    what = Silence(0, "", arguments.gate, arguments.rule, now_ns, until_ns, arguments.by, arguments.note)
    number = _store(arguments).silence(what, now_ns)
    print(
        f"silence {number}: {arguments.rule or 'all rules'} at {arguments.gate or 'all gates'} until {_utc(until_ns)}"
    )
    return 0


def _silences(arguments: argparse.Namespace) -> int:
    for silence in _store(arguments).silences(time.time_ns()):
        what = (silence.rule or "all rules", silence.gate or "all gates", f"until {_utc(silence.until_ns)}")
        print("\t".join((str(silence.id), *what, silence.by, silence.note)).rstrip())
    return 0


def _unsilence(arguments: argparse.Namespace) -> int:
    if not _store(arguments).end_silence(arguments.id, arguments.by, time.time_ns()):
        raise MenshenError(f"silence {arguments.id}: is not in force; `menshen hub silences` lists those that are")
    print(f"silence {arguments.id}: ended by {arguments.by}")
    return 0


def _notify_test(arguments: argparse.Namespace) -> int:
    settings = _load(arguments)
    channels = {channel.name: channel for channel in make_channels(settings)}
    if arguments.channel not in channels:
        suggestion = nearest(arguments.channel, channels)
        raise MenshenError(f"channel {arguments.channel}: is not in {arguments.settings}{suggestion}")
    print(f"{arguments.channel}: {asyncio.run(try_channel(channels[arguments.channel], arguments.to))}")
    return 0


async def try_channel(channel: Channel, to: str = "") -> str:
    """What a channel's service says to a test message. Raises `DeliveryError` when it does not take it."""
    text = f"{say('zh', 'test')}\n{say('en', 'test')}"
    key = f"menshen-test-{time.time_ns()}"
    message = Message(id=0, key=key, channel=channel.name, receiver="test", to=to, kind="note", text=text)
    try:
        return await channel.send(message)
    except DeliveryError as error:
        hope = "trying again may help" if error.retry else "trying again will not help: see its settings"
        raise MenshenError(f"{channel.name}: not taken ({hope}): {error}") from error
    finally:
        await channel.close()


def _rota(arguments: argparse.Namespace) -> int:
    settings = _load(arguments)
    for rota, receivers in make_planner(settings).duties(time.time_ns()).items():
        print(f"{rota}\t{', '.join(receiver.name for receiver in receivers) or 'nobody'}")
    return 0


def _history(arguments: argparse.Namespace) -> int:
    for line in _store(arguments).log(arguments.id):
        after = f"next {_utc(line.next_ns)}" if line.next_ns is not None else ""
        print("\t".join((_utc(line.time_ns), line.why, line.state, line.by, line.text, after)).rstrip())
    return 0


def _utc(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _store(arguments: argparse.Namespace) -> AlertStore:
    settings = _load(arguments)
    if not path_of(settings).exists():
        raise MenshenError(f"alerts {path_of(settings)}: there are none yet, no hub has run here")
    store = make_store(settings)
    store.open()
    return store


def _load(arguments: argparse.Namespace) -> HubSettings:
    return hub_settings.load(arguments.settings)
