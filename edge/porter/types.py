"""What the porters of both kinds of lane share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from msgspec import Struct

from edge.clock import Instant
from edge.memory import Memory
from edge.policy import Circumstances, Decision, LaneRules
from edge.registry import Registry
from edge.rules import PolicySettings
from wire.events import AnyEvent, Direction, Outcome, Override, SecondaryMeasurement
from wire.messages import encode_event

T = TypeVar("T")

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
    place: str | None = None
    """Where the lane leads into, inside the plant; None for the plant itself."""


class Works(Struct):
    """Which devices of a lane work at the moment."""

    camera: bool = True
    reader: bool = True


def circumstances(parts: LaneParts, works: Works, at: Instant) -> Circumstances:
    age_s, resumes_ns = parts.registry_age_s(), parts.registry.resumes_ns
    return Circumstances(at.time_ns, age_s, works.camera, works.reader, resumes_ns)


class ByHand(Struct, frozen=True):
    """A guard's contact thermometer: what it showed in °C, of whom (a passage, a badge's token, or both), and by
    whom."""

    body_c: float
    passage: str | None = None
    badge: str | None = None
    by: str | None = None
    device: str = ""

    def check(self) -> None:
        """Raises `ValueError` for a figure that no body has."""
        if not BODY_C[0] <= self.body_c <= BODY_C[1]:
            expected = f"expected {BODY_C[0]:g} to {BODY_C[1]:g}: measure again"
            raise ValueError(f"{self.body_c} °C is no body temperature; {expected}")


class Recent(Generic[T]):
    """What was decided upon lately, by the passage's name: a guard can complete it for a while."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Instant, T]] = {}

    def put(self, name: str, at: Instant, what: T) -> None:
        self._kept[name] = (at, what)
        fresh = {key: kept for key, kept in self._kept.items() if at.seconds_since(kept[0]) <= KEPT_S}
        self._kept = dict(list(fresh.items())[-KEPT_PASSAGES:])

    def get(self, name: str | None) -> T | None:
        kept = self._kept.get(name or "")
        return None if kept is None else kept[1]

    def all(self) -> list[T]:
        """The oldest first."""
        return [what for _, what in self._kept.values()]


def secondary(parts: LaneParts, now: Instant, hand: ByHand, badge: str | None, decision: Decision | None) -> Act:
    """What a guard measured, and what was decided because of it. Raises `DecodeError` for what is no token."""
    event = SecondaryMeasurement(
        time_ns=now.time_ns,
        clock=now.clock,
        body_c=hand.body_c,
        lane=parts.name,
        passage=hand.passage,
        badge=badge,
        by=hand.by,
        device=hand.device,
        outcome=decision.outcome if decision else None,
        reasons=decision.reasons if decision else (),
    )
    encode_event(event)
    return Act(event, decision)


def override(parts: LaneParts, now: Instant, outcome: Outcome, by: str, why: str, passage: str | None) -> Act:
    """A guard's own decision. Raises `DecodeError` when `by` is no token or `why` says nothing."""
    event = Override(
        time_ns=now.time_ns, clock=now.clock, lane=parts.name, outcome=outcome, by=by, why=why.strip(), passage=passage
    )
    encode_event(event)
    return Act(event, Decision(outcome, ()))
