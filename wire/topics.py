"""Where messages travel.

    menshen/1/{site}/{gate}/events/{urgency}   gate → hub   Batch, QoS 1
    menshen/1/{site}/{gate}/ack/{urgency}      hub → gate   Watermark, QoS 1
    menshen/1/{site}/{gate}/status             gate → hub   Status, QoS 1, retained; the will of the connection
    menshen/1/{site}/{gate}/vitals             gate → hub   Vitals, QoS 0

The number in the root is the topic scheme's version, not the schema version of the payloads.
"""

from __future__ import annotations

import re
from enum import StrEnum

from msgspec import Struct

from wire.errors import BadName, DecodeError
from wire.events import Urgency

ROOT = "menshen/1"
NAME_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")


class Channel(StrEnum):
    EVENTS = "events"
    ACK = "ack"
    STATUS = "status"
    VITALS = "vitals"


class Address(Struct, frozen=True):
    """A topic, taken apart."""

    site: str
    gate: str
    channel: Channel
    urgency: Urgency | None = None

    def __str__(self) -> str:
        tail = f"/{self.urgency}" if self.urgency else ""
        return f"{ROOT}/{check_name(self.site)}/{check_name(self.gate)}/{self.channel}{tail}"


def check_name(name: str) -> str:
    """The name itself. Raises `BadName` when it could not stand in a topic."""
    if not NAME_PATTERN.fullmatch(name):
        raise BadName(
            f"name {name!r}: expected 1 to 32 lower-case letters, digits and inner hyphens, such as 'north-2'"
        )
    return name


def events(site: str, gate: str, urgency: Urgency) -> str:
    return str(Address(site, gate, Channel.EVENTS, urgency))


def ack(site: str, gate: str, urgency: Urgency) -> str:
    return str(Address(site, gate, Channel.ACK, urgency))


def status(site: str, gate: str) -> str:
    return str(Address(site, gate, Channel.STATUS))


def vitals(site: str, gate: str) -> str:
    return str(Address(site, gate, Channel.VITALS))


def acks_for(site: str, gate: str) -> str:
    """What a gate subscribes to."""
    return f"{ROOT}/{check_name(site)}/{check_name(gate)}/ack/+"


def from_gates(site: str | None = None) -> list[str]:
    """What a hub subscribes to: everything that gates of one site, or of all, publish."""
    level = check_name(site) if site else "+"
    return [f"{ROOT}/{level}/+/events/+", f"{ROOT}/{level}/+/status", f"{ROOT}/{level}/+/vitals"]


def parse(topic: str) -> Address:
    """The topic taken apart. Raises `DecodeError` when it is none of ours."""
    match topic.split("/"):
        case ["menshen", "1", site, gate, ("events" | "ack") as channel, ("urgent" | "routine") as urgency]:
            address = Address(site, gate, Channel(channel), Urgency(urgency))
        case ["menshen", "1", site, gate, ("status" | "vitals") as channel]:
            address = Address(site, gate, Channel(channel))
        case _:
            raise DecodeError(f"topic {topic[:200]!r}: expected {ROOT}/SITE/GATE/events|ack|status|vitals")
    try:
        check_name(address.site), check_name(address.gate)
    except BadName as error:
        raise DecodeError(f"topic {topic[:200]!r}: {error}") from error
    return address
