"""Where messages travel.

    menshen/1/{site}/{gate}/events/{urgency}   gate → hub   Batch, QoS 1
    menshen/1/{site}/{gate}/ack/{urgency}      hub → gate   Watermark, QoS 0
    menshen/1/{site}/{gate}/status             gate → hub   Status, QoS 1, retained; the will of the connection
    menshen/1/{site}/{gate}/vitals             gate → hub   Vitals, QoS 0
    menshen/1/{site}/{gate}/sightings          gate → gates Sighting, QoS 1
    menshen/1/{site}/{gate}/recall             gate → gates Recall, QoS 1; {gate} asks
    menshen/1/{site}/{gate}/recalled/{asker}   gate → gate  Recalled, QoS 1
    menshen/1/{site}/{gate}/snapshot           gate → hub   Snapshot, QoS 1
    menshen/1/{site}/{gate}/snapshot-held      hub → gate   SnapshotHeld, QoS 1
    menshen/1/{site}/{gate}/fetch              gate → hub   FetchPiece, QoS 1
    menshen/1/{site}/hub/gates/{gate}/settings hub → gate   GateConfiguration, QoS 1, retained
    menshen/1/{site}/hub/gates/{gate}/token-key hub → gate  TokenKeyOffer, QoS 1, retained
    menshen/1/{site}/hub/gates/{gate}/release  hub → gate   ReleaseOffer, QoS 1, retained
    menshen/1/{site}/hub/gates/{gate}/piece/{sha256}/{offset}  hub → gate  bytes of a release's file, QoS 1
    menshen/1/{site}/hub/registry/manifest     hub → gates  Manifest, QoS 1, retained
    menshen/1/{site}/hub/registry/{shard}      hub → gates  Shard, QoS 1, retained
    menshen/1/{site}/hub/registry/beat         hub → gates  Beat, QoS 1
    menshen/1/{site}/hub/notices               hub → gates  Notices, QoS 1, retained
    menshen/1/{site}/hub/notices/{digest}      hub → gates  a picture's bytes, QoS 1, retained

The number in the root is the topic scheme's version, not the schema version of the payloads.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct

from wire.errors import BadName, DecodeError
from wire.events import Urgency
from wire.registry import SHARDS

ROOT = "menshen/1"
NAME_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_SHARD = re.compile(r"0|[1-9][0-9]{0,3}", re.ASCII)


class Channel(StrEnum):
    EVENTS = "events"
    ACK = "ack"
    STATUS = "status"
    VITALS = "vitals"


class RegistryPart(StrEnum):
    """What travels of a registry beside its shards."""

    MANIFEST = "manifest"
    BEAT = "beat"


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


@lru_cache(maxsize=20_000)
def events(site: str, gate: str, urgency: Urgency) -> str:
    return str(Address(site, gate, Channel.EVENTS, urgency))


@lru_cache(maxsize=20_000)
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


def urgent_from_gates(site: str | None = None) -> list[str]:
    """Of that, what waits behind nothing else: urgent events, and births, which are answered at once."""
    level = check_name(site) if site else "+"
    return [f"{ROOT}/{level}/+/events/{Urgency.URGENT}", f"{ROOT}/{level}/+/status"]


def routine_from_gates(site: str | None = None) -> list[str]:
    """The rest of it."""
    level = check_name(site) if site else "+"
    return [f"{ROOT}/{level}/+/events/{Urgency.ROUTINE}", f"{ROOT}/{level}/+/vitals"]


def births(site: str) -> str:
    """Births and wills of all gates of a site."""
    return f"{ROOT}/{check_name(site)}/+/status"


def pulses(site: str) -> str:
    """Vitals of all gates of a site."""
    return f"{ROOT}/{check_name(site)}/+/vitals"


def registry(site: str, part: int | RegistryPart) -> str:
    """Where a site's registry is: its manifest, its beat, or the shard of that number."""
    return f"{ROOT}/{check_name(site)}/hub/registry/{part}"


def configuration(site: str, gate: str) -> str:
    """Where the hub says what a gate is to run."""
    return f"{ROOT}/{check_name(site)}/hub/gates/{check_name(gate)}/settings"


def token_key(site: str, gate: str) -> str:
    """Where the hub offers a gate the site's token key after it was changed, sealed to that gate."""
    return f"{ROOT}/{check_name(site)}/hub/gates/{check_name(gate)}/token-key"


def release(site: str, gate: str) -> str:
    """Where the hub says which release a gate is to install."""
    return f"{ROOT}/{check_name(site)}/hub/gates/{check_name(gate)}/release"


def fetch(site: str, gate: str) -> str:
    """Where a gate asks for a piece of a release's file."""
    return f"{ROOT}/{check_name(site)}/{check_name(gate)}/fetch"


def fetches_of(site: str) -> str:
    """What all gates of a site ask for."""
    return f"{ROOT}/{check_name(site)}/+/fetch"


def piece(site: str, gate: str, sha256: str, offset: int) -> str:
    """Where the hub sends the bytes of a file from `offset` on."""
    return f"{ROOT}/{check_name(site)}/hub/gates/{check_name(gate)}/piece/{sha256}/{offset}"


def pieces_for(site: str, gate: str) -> str:
    """All pieces for a gate."""
    return f"{ROOT}/{check_name(site)}/hub/gates/{check_name(gate)}/piece/+/+"


def sightings(site: str, gate: str) -> str:
    """Where a gate tells the others which badges it saw."""
    return f"{ROOT}/{check_name(site)}/{check_name(gate)}/sightings"


def sightings_of(site: str) -> str:
    """What all gates of a site tell each other."""
    return f"{ROOT}/{check_name(site)}/+/sightings"


def recall(site: str, gate: str) -> str:
    """Where a gate asks the others what they saw."""
    return f"{ROOT}/{check_name(site)}/{check_name(gate)}/recall"


def recalls_of(site: str) -> str:
    """What all gates of a site ask each other."""
    return f"{ROOT}/{check_name(site)}/+/recall"


def recalled(site: str, gate: str, asker: str) -> str:
    """Where a gate answers one that asked."""
    return f"{ROOT}/{check_name(site)}/{check_name(gate)}/recalled/{check_name(asker)}"


def recalled_for(site: str, asker: str) -> str:
    """What all gates of a site answer to one that asked."""
    return f"{ROOT}/{check_name(site)}/+/recalled/{check_name(asker)}"


def snapshot(site: str, gate: str) -> str:
    """Where a gate sends thermal pictures."""
    return f"{ROOT}/{check_name(site)}/{check_name(gate)}/snapshot"


def snapshots_of(site: str) -> str:
    """Thermal pictures of all gates of a site."""
    return f"{ROOT}/{check_name(site)}/+/snapshot"


def snapshot_held(site: str, gate: str) -> str:
    """Where the hub says that it has one."""
    return f"{ROOT}/{check_name(site)}/{check_name(gate)}/snapshot-held"


def of_gate(site: str, gate: str) -> list[str]:
    """Everything that one gate publishes, as patterns: what a broker lets it."""
    own = f"{ROOT}/{check_name(site)}/{check_name(gate)}"
    return [
        f"{own}/{tail}"
        for tail in ("events/+", "status", "vitals", "sightings", "recall", "recalled/+", "snapshot", "fetch")
    ]


def for_gate(site: str, gate: str) -> list[str]:
    """Everything that one gate reads, as patterns."""
    of_hub = f"{ROOT}/{check_name(site)}/hub/registry/+"
    own = [acks_for(site, gate), configuration(site, gate), snapshot_held(site, gate)]
    own += [f"{notices(site)}/#", release(site, gate), pieces_for(site, gate), token_key(site, gate)]
    return [*own, of_hub, sightings_of(site), recalls_of(site), recalled_for(site, gate)]


def is_of_gates(topic: str) -> bool:
    """Whether gates tell, ask or answer each other there."""
    return topic.split("/")[4:5] in (["sightings"], ["recall"], ["recalled"])


def notices(site: str, picture: str = "") -> str:
    """Where a site's notices are, or the picture with that digest."""
    tail = f"/{picture}" if picture else ""
    return f"{ROOT}/{check_name(site)}/hub/notices{tail}"


def is_notices(topic: str) -> bool:
    return topic.split("/")[3:5] == ["hub", "notices"]


def is_registry(topic: str) -> bool:
    """Whether the topic is one for `parse_registry`, right or wrong."""
    return topic.split("/")[3:5] == ["hub", "registry"]


def parse_registry(topic: str) -> tuple[str, int | RegistryPart]:
    """The site and the part of its registry that the topic carries. Raises `DecodeError` when it is none of ours."""
    match topic.split("/"):
        case ["menshen", "1", site, "hub", "registry", part]:
            if NAME_PATTERN.fullmatch(site) and part in set(RegistryPart):
                return site, RegistryPart(part)
            if NAME_PATTERN.fullmatch(site) and _SHARD.fullmatch(part) and int(part) < SHARDS:
                return site, int(part)
    raise DecodeError(f"topic {topic[:200]!r}: expected {ROOT}/SITE/hub/registry/manifest|beat|0…{SHARDS - 1}")


@lru_cache(maxsize=20_000)  # the same topics come again and again
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
