"""The events of the comparison: a plant's passages, the same for everybody, and the messages that carry them.

Whoever is measured is sent the very same bytes: live, each event is a message of its own (a batch of one, as a gate
sends it); a backlog is batches of at most `BATCH` events.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from msgspec import Raw

from wire import topics
from wire.events import (
    AnyEvent,
    Basis,
    Direction,
    Outcome,
    PersonPassage,
    Reason,
    Temperature,
    Urgency,
    VehiclePassage,
    Verdict,
    urgency_of,
)
from wire.messages import Numbered, StreamId, batch_of, encode, encode_event

SITE = "bench"
EPOCH = "bench-epoch"
BATCH = 500
PEOPLE, VEHICLES = 20_000, 1_000
_FEVER, _AGAIN, _VEHICLE = 0.001, 0.015, 0.08
"""Shares: fevers, people to be measured again, vehicles."""


class Letter(NamedTuple):
    """One message: its stream, the last number in it, how many events, topic and payload."""

    urgency: Urgency
    last: int
    events: int
    topic: str
    payload: bytes


def gate_name(number: int) -> str:
    return f"gate-{number:04d}"


def letters(gate: str, events: int, first_ns: int, apart_ns: int, *, batch: int = 1) -> list[Letter]:
    """What a gate sends, in the order in which it happened; batches are of one stream each."""
    bodies: dict[Urgency, list[bytes]] = {urgency: [] for urgency in Urgency}
    order: list[tuple[Urgency, int]] = []
    for event in passages(gate, events, first_ns, apart_ns):
        urgency = urgency_of(event)
        bodies[urgency].append(encode_event(event))
        order.append((urgency, len(bodies[urgency])))
    if batch > 1:
        return [
            _letter(gate, urgency, start + 1, bodies[urgency][start : start + batch])
            for urgency in (Urgency.URGENT, Urgency.ROUTINE)
            for start in range(0, len(bodies[urgency]), batch)
        ]
    return [_letter(gate, urgency, seq, [bodies[urgency][seq - 1]]) for urgency, seq in order]


def _letter(gate: str, urgency: Urgency, first: int, bodies: list[bytes]) -> Letter:
    events = [Numbered(seq, Raw(body)) for seq, body in enumerate(bodies, first)]
    payload = encode(batch_of(StreamId(SITE, gate, urgency, EPOCH), events))
    return Letter(urgency, events[-1].last, len(events), topics.events(SITE, gate, urgency), payload)


def passages(gate: str, events: int, first_ns: int, apart_ns: int) -> Iterator[AnyEvent]:
    """So many passages at a gate, the same each time but for their times."""
    draw = random.Random(gate)
    for number in range(events):
        yield _passage(draw, first_ns + number * apart_ns)


def _passage(draw: random.Random, time_ns: int) -> AnyEvent:
    passage, kind = f"{draw.getrandbits(48):012x}", draw.random()
    direction = draw.choice((Direction.IN, Direction.OUT))
    if kind < _VEHICLE:
        return VehiclePassage(
            time_ns=time_ns, passage=passage, lane="trucks", outcome=Outcome.ALLOW, direction=direction,
            vehicle=f"vehicle-{draw.randrange(VEHICLES):014d}", registered=True, confidence=0.97,
            reasons=(Reason.VEHICLE_REGISTERED,),
        )  # fmt: skip
    outcome, verdict, reason = Outcome.ALLOW, Verdict.NORMAL, Reason.TEMPERATURE_NORMAL
    if kind > 1 - _FEVER:
        outcome, verdict, reason = Outcome.DENY, Verdict.FEVER, Reason.FEVER
    elif kind > 1 - _FEVER - _AGAIN:
        outcome, verdict, reason = Outcome.REMEASURE, Verdict.SUSPECT, Reason.SUSPECT
    skin_c = round(draw.gauss(37.6 if verdict is Verdict.FEVER else 34.8, 0.3), 2)
    measured = Temperature(
        skin_c=skin_c, u_c=0.21, looks=draw.randrange(2, 9), limit_c=36.85, reference_c=35.02,
        body_c=round(skin_c + 1.6, 2), body_u_c=0.5, basis=Basis.BELOW_LIMIT,
    )  # fmt: skip
    return PersonPassage(
        time_ns=time_ns, passage=passage, lane=draw.choice(("people-1", "people-2")), outcome=outcome,
        verdict=verdict, direction=direction, badge=f"person-{draw.randrange(PEOPLE):015d}", temperature=measured,
        reasons=(reason,),
    )  # fmt: skip


def shares(events: int, gates: int) -> Iterator[tuple[str, int]]:
    """Each gate's name, and how many of so many events are its own."""
    for number in range(gates):
        yield gate_name(number), events // gates + (number < events % gates)


def numbers() -> Iterator[int]:
    """Numbers of MQTT's packets, for ever."""
    return (number % 0xFFFF + 1 for number in count())
