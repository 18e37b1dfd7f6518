"""`menshen hub enrol|gates|revoke|broker …`: which gates belong to the site, from the command line."""

from __future__ import annotations

import argparse
import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from hub import settings as hub_settings
from hub.command import add_command
from hub.database import Database
from hub.settings import HubSettings
from hub.trust.authority import write_whole
from hub.trust.gates import GateRow
from hub.trust.service import Trust
from wire.errors import EnrolmentError

T = TypeVar("T")

_BY = "command line"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The subcommands."""
    enrolling = add_command(commands, "enrol", _enrol, "a one-time code, with which a gate gets its certificate")
    enrolling.add_argument("gate")
    add_command(commands, "gates", _gates, "which gates are enrolled, and until when")
    revoking = add_command(commands, "revoke", _revoke, "refuse a gate from now on (stolen, or replaced)")
    revoking.add_argument("gate")
    revoking.add_argument("--why", default="", help="the reason, for the record")
    add_command(commands, "broker", _broker, "write mosquitto's configuration, certificates and rights")


def _enrol(arguments: argparse.Namespace) -> int:
    settings = hub_settings.load(arguments.settings)
    code = _with(settings, lambda trust: trust.expect(arguments.gate, by=_BY))
    hours = settings.authority.code_hours if settings.authority else 0.0
    print(f"{code}\nOn the gate, within {hours:g} h: menshen edge enrol gate.toml {code}")
    return 0


def _gates(arguments: argparse.Namespace) -> int:
    for row in _with(hub_settings.load(arguments.settings), lambda trust: trust.rows()):
        print(f"{row.gate}\t{_state(row)}")
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    settings, why = hub_settings.load(arguments.settings), arguments.why.strip()[:200]
    count = _with(settings, lambda trust: trust.revoke(arguments.gate, by=_BY, why=why))
    print(f"{arguments.gate}: refused from now on; {count} certificates revoked")
    return 0


def _broker(arguments: argparse.Namespace) -> int:
    settings = hub_settings.load(arguments.settings)
    _make_password(settings)

    async def write(trust: Trust) -> Path:
        trust.prepare()
        await trust.tell_broker()
        return trust.folder

    folder = _with(settings, write)
    print(f"{folder}: written. Start it with: mosquitto -c {folder / 'mosquitto.conf'}")
    return 0


def _state(row: GateRow) -> str:
    if row.until_ns is not None:
        return f"enrolled until {_utc(row.until_ns)}"
    if row.expected_until_ns is not None:
        return f"expected, its code is valid until {_utc(row.expected_until_ns)}"
    return f"revoked {_utc(row.revoked_ns)}" if row.revoked_ns is not None else "its code was not used"


def _make_password(settings: HubSettings) -> None:
    """The hub's own password at the broker; one that is there stays."""
    path = settings.broker.password_file
    if path is None or Path(path).exists():
        return
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_whole(Path(path), f"{secrets.token_urlsafe(24)}\n".encode(), 0o600)
    except OSError as error:
        raise EnrolmentError(f"{path}: cannot be written: {error.strerror}") from error


def _with(settings: HubSettings, use: Callable[[Trust], Awaitable[T]]) -> T:
    async def work() -> T:
        database = Database(settings.database_url)
        trust = Trust(settings, database)
        await database.start()
        try:
            return await use(trust)
        finally:
            await database.stop()

    return asyncio.run(work())


def _utc(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%MZ")
