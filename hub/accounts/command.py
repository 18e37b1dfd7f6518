"""`menshen hub user|token|audit …`: accounts from the command line; the first administrator is made here."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import settings as hub_settings
from hub.accounts import audit, desk, tokens
from hub.accounts.models import AuditEntry, Role, User
from hub.accounts.roles import Permission
from hub.command import add_command
from hub.database import Database
from hub.web.doors import API_PERMISSIONS
from wire.errors import MenshenError

T = TypeVar("T")

_BY = "command line"
_DAY_NS = 86400 * 10**9


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The subcommands."""
    users = commands.add_parser("user", help="who may sign in to the console").add_subparsers(
        required=True, metavar="WHAT"
    )
    adding = add_command(users, "add", _add_user, "add a user; asks for the password")
    adding.add_argument("login")
    adding.add_argument("--name", default="")
    adding.add_argument("--role", choices=[role.value for role in Role], required=True)
    add_command(users, "password", _set_password, "give a user a new password").add_argument("login")
    add_command(users, "disable", _disable, "keep a user out").add_argument("login")
    add_command(users, "list", _list_users, "all users")
    keys = commands.add_parser("token", help="keys for programs").add_subparsers(required=True, metavar="WHAT")
    making = add_command(keys, "add", _add_token, "make a program's token, shown this once")
    making.add_argument("name")
    making.add_argument(
        "--may", action="append", choices=[permission.value for permission in API_PERMISSIONS], required=True,
        help="what it is good for; may be given more than once",
    )  # fmt: skip
    making.add_argument("--days", type=float, help="how long it works; without it, without an end")
    add_command(keys, "list", _list_tokens, "all tokens, and when each was last used")
    add_command(keys, "revoke", _revoke, "take a token back").add_argument("id", type=int)
    record = commands.add_parser("audit", help="who saw and changed what").add_subparsers(required=True, metavar="WHAT")
    add_command(record, "verify", _verify, "whether the record is as it was written")
    showing = add_command(record, "show", _show, "the record's last entries")
    showing.add_argument("--last", type=int, default=50)


def _add_user(arguments: argparse.Namespace) -> int:
    password, now_ns = _password(), time.time_ns()
    role = Role(arguments.role)
    _write(
        arguments,
        lambda session: desk.add_user(session, arguments.login, arguments.name, role, password, by=_BY, now_ns=now_ns),
    )
    print(f"{arguments.login}: may sign in as {role}")
    return 0


def _set_password(arguments: argparse.Namespace) -> int:
    password, now_ns = _password(), time.time_ns()
    _write(arguments, lambda session: desk.set_password(session, arguments.login, password, by=_BY, now_ns=now_ns))
    print(f"{arguments.login}: has a new password, and is signed out everywhere")
    return 0


def _disable(arguments: argparse.Namespace) -> int:
    now_ns = time.time_ns()
    _write(arguments, lambda session: desk.disable(session, arguments.login, by=_BY, now_ns=now_ns))
    print(f"{arguments.login}: is kept out")
    return 0


def _list_users(arguments: argparse.Namespace) -> int:
    for user in _read(arguments, lambda session: session.scalars(select(User).order_by(User.login)).all()):
        print("\t".join([user.login, user.name, user.role, "kept out" if user.disabled else ""]))
    return 0


def _add_token(arguments: argparse.Namespace) -> int:
    now_ns = time.time_ns()
    until_ns = None if arguments.days is None else now_ns + int(arguments.days * _DAY_NS)
    may = [Permission(word) for word in arguments.may]
    print(
        _write(
            arguments,
            lambda session: tokens.add_token(session, arguments.name, may, by=_BY, now_ns=now_ns, until_ns=until_ns),
        )
    )
    return 0


def _list_tokens(arguments: argparse.Namespace) -> int:
    for token in _read(arguments, lambda session: tokens.listed(session, None)):
        ends = "taken back" if token.revoked_ns else f"until {_utc(token.until_ns)}" if token.until_ns else "no end"
        used = f"used {_utc(token.used_ns)}" if token.used_ns else "never used"
        print("\t".join([str(token.id), token.name, token.permissions, token.made_by, ends, used]))
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    now_ns = time.time_ns()
    if not _write(arguments, lambda session: tokens.revoke(session, arguments.id, by=_BY, now_ns=now_ns)):
        raise MenshenError(f"token {arguments.id}: there is none in force; `menshen hub token list` lists them")
    print(f"token {arguments.id}: is taken back")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    count, broken = _read(arguments, audit.verify)
    if broken is not None:
        raise MenshenError(f"audit: {count} entries are as they were written, entry {broken} is not")
    print(f"audit: all {count} entries are as they were written; head {_read(arguments, audit.head).hex()}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(arguments.last)
    for entry in reversed(_read(arguments, lambda session: session.scalars(query).all())):
        print("\t".join([str(entry.id), _utc(entry.at_ns), entry.who, entry.action, entry.subject, entry.detail]))
    return 0


def _utc(moment_ns: int) -> str:
    return datetime.fromtimestamp(moment_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _password() -> str:
    """Asked for twice on a terminal; else the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise MenshenError("the two passwords differ; nothing was changed")
    return password


def _write(arguments: argparse.Namespace, work: Callable[[Session], T]) -> T:
    return asyncio.run(_with(arguments, lambda database: database.write(work)))


def _read(arguments: argparse.Namespace, work: Callable[[Session], T]) -> T:
    return asyncio.run(_with(arguments, lambda database: database.read(work)))


async def _with(arguments: argparse.Namespace, use: Callable[[Database], Awaitable[T]]) -> T:
    database = Database(hub_settings.load(arguments.settings).database_url)
    await database.start()
    try:
        return await use(database)
    finally:
        await database.stop()
