"""`menshen hub releases …`: which releases the hub has, and which gates are to run what, from the command line."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy.orm import Session

from hub import settings as hub_settings
from hub.database import Database
from hub.releases import desk, waves
from hub.releases.shelf import FOLDER, Shelf
from hub.settings import HubSettings
from wire import signing
from wire.releases import encode_signed
from wire.topics import check_name

T = TypeVar("T")

_BY = "command line"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The subcommands."""
    about = "updates of gates: releases that the hub has, and which gates are to run them"
    inner = commands.add_parser("releases", help=about, description=about).add_subparsers(
        required=True, metavar="COMMAND"
    )
    adding = _add(inner, "add", _take, "have a release, as `menshen release` made it")
    adding.add_argument("file", type=Path)
    adding.add_argument(
        "--keys", type=Path, help="public keys, one of which must have signed it; gates look in any case"
    )
    _add(inner, "list", _list, "releases, the newest wish, and how far each gate is with it")
    offering = _add(inner, "offer", _offer, "have gates install a release, wave after wave")
    offering.add_argument("release", help="its version or serial")
    offering.add_argument(
        "--gates", default="", metavar="A,B", help="only these, all at once unless --waves says otherwise"
    )
    shares = ",".join(waves.DEFAULT_WAVES)
    offering.add_argument("--waves", metavar="N,N%,…", help=f"how many gates by and by; {shares} without it")
    about = "for so many minutes a wave must work before the next; 60 without it"
    offering.add_argument("--watch-min", type=float, default=waves.DEFAULT_SOAK_S / 60, metavar="N", help=about)
    _add(inner, "halt", _halt, "have no more gates begin; those that have it keep it")
    backing = _add(inner, "back", _back, "have gates that run a release go back to the one before it, all at once")
    backing.add_argument("release", help="the one that is left: its version or serial")
    backing.add_argument("--gates", default="", metavar="A,B", help="only these")
    removing = _add(inner, "remove", _remove, "delete a release and its wheels from the hub")
    removing.add_argument("release", help="its version or serial")


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, run: object, about: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=about, description=about)
    parser.add_argument("settings", type=Path, metavar="hub.toml")
    parser.set_defaults(run=run)
    return parser


def _take(arguments: argparse.Namespace) -> int:
    settings = hub_settings.load(arguments.settings)
    signed, manifest = _shelf(settings).add(arguments.file)
    by = ", ".join(one.key for one in signed.signatures) or "nobody: gates will refuse it"
    if arguments.keys is not None:
        by = signing.check(signed, {signing.key_id(key): key for key in signing.read_keys(arguments.keys)})
    _write(settings, lambda session: desk.add(session, encode_signed(signed), by=_BY, now_ns=time.time_ns()))
    print(f"{manifest.slot} is here, signed by {by}; offer it with: menshen hub releases offer {arguments.settings} …")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    settings = hub_settings.load(arguments.settings)
    found, now, why = _with(settings, lambda session: (desk.lines(session), desk.now(session), desk.why(session)))
    for line in found:
        kinds = ", ".join(f"Python {target.python} {target.machine}" for target in line.manifest.targets)
        lacking = len(_shelf(settings).missing(line.manifest))
        lost = f"; {lacking} of its wheels are not here: add its file again" if lacking else ""
        print(f"{line.version}\tserial {line.serial}\t{kinds}\tadded {_day(line.added_ns)} by {line.added_by}{lost}")
    if now.course is None:
        return 0
    course = now.course
    wave = f"wave {course.wave + 1} of {len(course.waves)} ({course.waves[course.wave]})"
    print(f"\n{course.wish} serial {course.serial}: {course.state}, {wave}" + (f"; {why}" if why else ""))
    for gate in sorted(now.told):
        outcome = now.outcomes[gate]
        print(f"  {gate}\t{outcome.word or 'was told'}" + (f": {outcome.why}" if outcome.why else ""))
    return 0


def _offer(arguments: argparse.Namespace) -> int:
    gates = _gates(arguments.gates)
    shares = waves.parse_waves(arguments.waves) if arguments.waves else ("100%",) if gates else waves.DEFAULT_WAVES
    terms = desk.Terms(shares, tuple(gates), max(0, int(arguments.watch_min * 60)))
    name = _write(
        hub_settings.load(arguments.settings),
        lambda session: desk.offer(session, arguments.release, terms, by=_BY, now_ns=time.time_ns()),
    )
    print(f"{name} is offered to {', '.join(gates) or 'all gates'} in waves of {', '.join(shares)}")
    return 0


def _halt(arguments: argparse.Namespace) -> int:
    settings = hub_settings.load(arguments.settings)
    was = _write(settings, lambda session: desk.halt(session, "by hand", by=_BY, now_ns=time.time_ns()))
    print("halted: gates that have it keep it, no other begins" if was else "there is nothing to halt")
    return 0


def _back(arguments: argparse.Namespace) -> int:
    name = _write(
        hub_settings.load(arguments.settings),
        lambda session: desk.back(session, arguments.release, _gates(arguments.gates), by=_BY, now_ns=time.time_ns()),
    )
    print(f"gates that run {name} go back to what they ran before it")
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    settings = hub_settings.load(arguments.settings)

    def work(session: Session) -> set[str]:
        desk.remove(session, arguments.release, by=_BY, now_ns=time.time_ns())
        session.flush()
        return {sha256 for line in desk.lines(session) for sha256 in line.manifest.files()}

    count = _shelf(settings).keep_only(_write(settings, work))
    print(f"{arguments.release} is removed, with {count} wheels that no other release has")
    return 0


def _gates(text: str) -> list[str]:
    return [check_name(gate.strip()) for gate in text.split(",") if gate.strip()]


def _shelf(settings: HubSettings) -> Shelf:
    return Shelf(Path(settings.data) / FOLDER)


def _day(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _with(settings: HubSettings, work: Callable[[Session], T]) -> T:
    return _done(settings, lambda database: database.read(work))


def _write(settings: HubSettings, work: Callable[[Session], T]) -> T:
    return _done(settings, lambda database: database.write(work))


def _done(settings: HubSettings, work: Callable[[Database], Awaitable[T]]) -> T:
    async def carry_out() -> T:
        database = Database(settings.database_url)
        await database.start()
        try:
            return await work(database)
        finally:
            await database.stop()

    return asyncio.run(carry_out())
