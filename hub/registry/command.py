"""`menshen hub registry …`: who and what may pass, from the command line; a hub that runs publishes it at once."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec
from sqlalchemy.orm import Session

from hub import settings as hub_settings
from hub.backup import alone
from hub.command import add_command
from hub.database import Database
from hub.registry import key, rekeying
from hub.registry.store import RegistryStore
from hub.registry.visits import visits
from hub.settings import HubSettings
from hub.token_keys import desk
from wire.errors import MenshenError, SealError
from wire.events import Registration
from wire.registry import Flag, Holder, RegistryCopy, RegistryEntry
from wire.tokens import READ_KINDS, read_key, token

T = TypeVar("T")

FILE = "registry.db"
_BY = "command line"
DAY_NS = 86400 * 10**9


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The subcommands."""
    registry = commands.add_parser("registry", help="who and what may pass")
    works = registry.add_subparsers(required=True, metavar="WHAT")
    listing = add_command(works, "list", _list, "every token and what it may do")
    listing.add_argument("--json", action="store_true", help="as a file that `import` takes")
    importing = add_command(
        works, "import", _import, "make the registry what a file says: JSON as `list --json` writes it"
    )
    importing.add_argument("file", type=Path)
    adding = add_command(works, "add", _add, "register a badge, a plate or a tag, or change what it may do")
    _number(adding)
    adding.add_argument("--holder", choices=list(Holder), help="default: employee for a badge, else vehicle")
    adding.add_argument("--hours", type=_hours, help="valid from now for so long; without it, without an end")
    adding.add_argument("--gate", action="append", default=[], help="only here; may be given again")
    adding.add_argument("--flag", action="append", choices=list(Flag), default=[])
    removing = add_command(works, "remove", _remove, "take one out")
    _number(removing)
    keying = add_command(works, "rekey", _rekey, "change the site's token key, which others have; stop the hub first")
    done = "forget the old tokens now; a hub does it by itself when all enrolled gates have the new key"
    keying.add_argument("--finish", action="store_true", help=done)
    keying.add_argument("--anyway", action="store_true", help="with --finish: also where gates are missing")
    visiting = add_command(works, "visits", _visits, "who was registered at the gates, with what the guards entered")
    visiting.add_argument("--days", type=float, default=1.0, help="how far back (default: 1)")


def _rekey(arguments: argparse.Namespace) -> int:
    settings = hub_settings.load(arguments.settings)
    if settings.token_key_file is None:
        raise MenshenError(f"{arguments.settings}: there is no token_key_file, so nothing is registered by number")
    with alone(Path(settings.data)):  # a hub that runs would go on registering under the old key
        if arguments.finish:
            _see_who_is_missing(settings, anyway=arguments.anyway)
            count = _write(settings, lambda session: rekeying.finish(session, by=_BY, now_ns=time.time_ns()))
            print(f"{count} tokens under the key before are history; start the hub, and gates forget them")
            return 0
        path = Path(settings.token_key_file)
        old, new = read_key(path), rekeying.next_key(path)
        done = _write(settings, lambda session: rekeying.rekey(session, old, new, by=_BY, now_ns=time.time_ns()))
        rekeying.take_next(path)
    alone_known = sum(not store_source for store_source in _open(settings).sources())
    print(
        f"{done.badges} badges and {done.vehicles} vehicles have tokens under a new key, and keep those that they had"
    )
    if done.unknown or alone_known:
        left = f"{done.unknown} unknown badges and {alone_known} entries of guards or this command"
        print(f"{left} are under the old key only")
    print("Start the hub: it gives each enrolled gate the new key, and forgets the old tokens when all have it")
    print("(the console's page of gates and menshen doctor say which are missing).")
    print("A gate without a certificate of the site gets its key by hand; then: stop the hub, rekey hub.toml --finish")
    return 0


def _see_who_is_missing(settings: HubSettings, *, anyway: bool) -> None:
    """Raises `MenshenError` where an enrolled gate has not said that it has the newest key."""
    missing = _write(settings, desk.standing).missing
    if missing and not anyway:
        raise MenshenError(
            f"{', '.join(missing)}: not known to have the new key; at such a gate nobody would be known any more. "
            "See that it is on and reaches the hub, revoke it, or say --anyway"
        )


def _write(settings: HubSettings, work: Callable[[Session], T]) -> T:
    async def carry_out() -> T:
        database = Database(settings.database_url)
        await database.start()
        try:
            return await database.write(work)
        finally:
            await database.stop()

    return asyncio.run(carry_out())


def _number(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_mutually_exclusive_group(required=True)
    for kind in READ_KINDS:
        kinds.add_argument(f"--{kind}", metavar="NUMBER")


def _hours(text: str) -> float:
    hours = float(text)
    if not 0 < hours <= 24 * 366:
        raise argparse.ArgumentTypeError(f"{text}: expected more than 0 and at most a year of hours")
    return hours


def _list(arguments: argparse.Namespace) -> int:
    store = _open(hub_settings.load(arguments.settings))
    entries = store.all()
    if arguments.json:
        copy = RegistryCopy(1, max(1, store.version()), entries)
        print(msgspec.json.encode(copy).decode())
        return 0
    for entry in entries:
        until = "" if entry.until_ns is None else f"until {_moment(entry.until_ns)}"
        print("\t".join([entry.token, entry.holder, until, ",".join(entry.flags), ",".join(entry.gates)]))
    print(f"{len(entries)} entries", file=sys.stderr)
    return 0


def _import(arguments: argparse.Namespace) -> int:
    try:
        copy = msgspec.json.decode(arguments.file.read_bytes(), type=RegistryCopy)
    except OSError as error:
        raise MenshenError(f"{arguments.file}: cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MenshenError(f"{arguments.file}: no registry: {error}") from error
    put, gone = _open(hub_settings.load(arguments.settings)).replace(copy.entries)
    print(f"{put} entries new or changed, {gone} taken out, {len(copy.entries)} in all")
    return 0


def _add(arguments: argparse.Namespace) -> int:
    settings = hub_settings.load(arguments.settings)
    made = _token(settings, arguments)
    usual = Holder.EMPLOYEE if arguments.badge else Holder.VEHICLE
    now_ns = time.time_ns()
    entry = RegistryEntry(
        token=made,
        holder=Holder(arguments.holder or usual),
        from_ns=now_ns if arguments.hours else None,
        until_ns=now_ns + int(arguments.hours * 3600e9) if arguments.hours else None,
        flags=tuple(Flag(flag) for flag in arguments.flag),
        gates=tuple(arguments.gate),
        reason_stated=arguments.holder == Holder.VISITOR,  # whoever registers a visitor here knows why they come
        hosted=arguments.holder == Holder.VISITOR,
    )
    store = _open(settings)
    _refuse_owned(store, made)
    store.put([entry])
    print(f"{made}: registered as {entry.holder}")
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    settings = hub_settings.load(arguments.settings)
    made = _token(settings, arguments)
    store = _open(settings)
    _refuse_owned(store, made)
    if not store.remove([made]):
        raise MenshenError(f"{made}: is not registered")
    print(f"{made}: taken out")
    return 0


def _refuse_owned(store: RegistryStore, made: str) -> None:
    """The office's record would bring it back as it says; so it is changed there."""
    if source := store.source(made):
        raise MenshenError(f"{made}: belongs to {source} of the office; change it on the console")


def _visits(arguments: argparse.Namespace) -> int:
    """Names and telephone numbers leave the hub only here, on the screen of whoever may read its files."""
    settings = hub_settings.load(arguments.settings)
    private = key.keys(Path(settings.data) / key.FILE)
    now_ns = time.time_ns()
    for visit in visits(_open(settings), now_ns - int(arguments.days * DAY_NS), now_ns + DAY_NS):
        registered = visit.registration
        place = f"{visit.gate}/{registered.lane}" if registered.lane else visit.gate
        until = _moment(registered.until_ns)
        who = _who(private, registered)
        print("\t".join([_moment(registered.time_ns), until, place, registered.guest, registered.by or "", who]))
    return 0


def _who(private: list[bytes], registration: Registration) -> str:
    if not registration.sealed:
        return "no details: the gate had no key yet"
    try:
        details = key.open_with(private, registration.token, registration.sealed)
    except SealError as error:
        return str(error)
    parts = (details.name, details.number, details.telephone, details.company, details.host, details.reason)
    return ", ".join(part for part in parts if part)


def _token(settings: HubSettings, arguments: argparse.Namespace) -> str:
    if settings.token_key_file is None:
        raise MenshenError(f"{arguments.settings}: token_key_file is not set; expected the key that the gates have")
    secret = read_key(Path(settings.token_key_file))
    kind, number = next((kind, getattr(arguments, kind)) for kind in READ_KINDS if getattr(arguments, kind) is not None)
    try:
        return token(secret, kind, number)
    except ValueError as error:
        raise MenshenError(str(error)) from error


def _open(settings: HubSettings) -> RegistryStore:
    store = RegistryStore(Path(settings.data) / FILE)
    store.open()
    return store


def _moment(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%MZ")
