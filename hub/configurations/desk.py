"""What the site wants of its gates. Work on a session of the database.

The hub checks that a text is TOML and speaks of that gate; whether it can run there only the gate knows, which says so.
"""

from __future__ import annotations

import tomllib
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounts.audit import note
from hub.configurations.models import GateSettings
from wire.errors import BadName, SettingsError
from wire.messages import MAX_EVENT_BYTES
from wire.topics import check_name

_SECOND_NS = 10**9


class Wanted(NamedTuple):
    """What one gate is to run; an empty text is its own file."""

    version: int
    text: str
    set_ns: int = 0
    set_by: str = ""


def wish(session: Session, site: str, gate: str, text: str, *, by: str, now_ns: int) -> Wanted:
    """Have a gate run these settings, or its own file again (an empty text). Raises `SettingsError`.

    A version is the second in which it was wished for, or one more than the last: it grows also when an older copy of
    the hub was brought back.
    """
    try:
        check_name(gate)
    except BadName as error:
        raise SettingsError([str(error)]) from error
    if text:
        check(site, gate, text)
    row = session.scalar(select(GateSettings).where(GateSettings.gate == gate)) or GateSettings(gate=gate, version=0)
    row.version = max(row.version + 1, now_ns // _SECOND_NS)
    row.text, row.set_ns, row.set_by = text, now_ns, by
    session.add(row)
    note(session, now_ns, by, "gate-configured", f"gate {gate}", version=row.version)
    return Wanted(row.version, text, now_ns, by)


def wanted(session: Session) -> dict[str, Wanted]:
    """What each gate is to run that was ever told so."""
    rows = session.scalars(select(GateSettings))
    return {row.gate: Wanted(row.version, row.text, row.set_ns, row.set_by) for row in rows}


def check(site: str, gate: str, text: str) -> None:
    """That the text is TOML, of that gate. Raises `SettingsError`."""
    if len(text.encode()) > MAX_EVENT_BYTES:
        raise SettingsError([f"settings of {len(text.encode())} bytes, expected at most {MAX_EVENT_BYTES}"])
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"not TOML: {error}"]) from error
    for name, expected in (("site", site), ("gate", gate)):
        if said.get(name) != expected:
            raise SettingsError([f"{name} = {said.get(name)!r}, expected {expected!r}"])
