"""What the porters of both kinds of lane share."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from edge.clock import Instant
from edge.memory import Memory
from edge.policy import Circumstances, Decision, LaneRules
from edge.registry import Registry
from edge.rules import PolicySettings
from wire.events import AnyEvent, Direction, Outcome, Override
from wire.messages import encode_event

BODY_C = (33.0, 43.0)
"""What a contact thermometer can show of a living person, in °C."""
KEPT_PASSAGES = 200
KEPT_S = 1800.0
"""A guard can complete a passage for so long."""


class Act(Struct, frozen=True):
    """What came of something: an event to record and, where the barrier has to know, the decision to show."""

    event: AnyEvent
    decision: Decision | None = None


class LaneParts(Struct, frozen=True):
    """A lane as its porter knows it, and what it asks: the rules, the registry and the gate's memory."""

    name: str
    rules: LaneRules
    policy: PolicySettings
    registry: Registry
    memory: Memory
    new_id: Callable[[], str]
    direction: Direction = Direction.IN
    registry_age_s: Callable[[], float | None] = lambda: None
    """How long nobody has said that the registry is the newest."""


class Works(Struct):
    """Which devices of a lane work at the moment."""

    camera: bool = True
    reader: bool = True


def circumstances(parts: LaneParts, works: Works, at: Instant) -> Circumstances:
    return Circumstances(at.time_ns, parts.registry_age_s(), works.camera, works.reader)


def bad_body_c(body_c: float) -> str | None:
    """Why a guard's figure cannot be a body temperature, if it cannot."""
    if BODY_C[0] <= body_c <= BODY_C[1]:
        return None
    return f"{body_c} °C is no body temperature; expected {BODY_C[0]:g} to {BODY_C[1]:g}: measure again"


def override(parts: LaneParts, now: Instant, outcome: Outcome, by: str, why: str, passage: str | None) -> Act:
    """A guard's own decision. Raises `DecodeError` when `by` is no token or `why` says nothing."""
    event = Override(
        time_ns=now.time_ns, clock=now.clock, lane=parts.name, outcome=outcome, by=by, why=why.strip(), passage=passage
    )
    encode_event(event)
    return Act(event, Decision(outcome, ()))
