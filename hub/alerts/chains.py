"""Chains of escalation: who is told when, copied onto an alert when it starts. Pure functions.

A chain's steps count from the alert's start; one that is over begins anew after `repeat_s`, or ends. What was planned
for a time at which the hub was down is made up for step by step, never all at once: people need time to answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from msgspec import Struct

CATCH_UP_S = 60.0
"""Between two steps at least, when both are overdue."""


class Step(Struct, frozen=True):
    """`tell`: targets such as `rota:night`, `person:Li Wei`, `everybody`, `supervisor`, `district`, `channel:duty`."""

    after_s: float
    tell: tuple[str, ...]


class Chain(Struct, frozen=True):
    """Steps in the order of their times, at least one; `repeat_s` after the last of them it begins anew."""

    steps: tuple[Step, ...]
    repeat_s: float | None = None

    def step(self, taken: int) -> Step:
        """The step that comes after so many."""
        return self.steps[taken % len(self.steps)]

    def due_ns(self, began_ns: int, taken: int, now_ns: int) -> int | None:
        """When the step after `taken` ones is due; None when the chain is over."""
        rounds, place = divmod(taken, len(self.steps))
        if rounds and self.repeat_s is None:
            return None
        after_s = self.steps[place].after_s + rounds * (self.steps[-1].after_s + (self.repeat_s or 0.0))
        planned_ns = began_ns + round(after_s * 1e9)
        overdue = taken and planned_ns <= now_ns
        return now_ns + round(CATCH_UP_S * 1e9) if overdue else planned_ns


class Contact(Struct, frozen=True):
    """One way to reach somebody: a channel, and their address on it where the channel needs one."""

    channel: str
    to: str = ""


class Receiver(Struct, frozen=True):
    """Somebody who is to be told, with their ways to be reached, the first first."""

    name: str
    route: tuple[Contact, ...]
    lang: str | None = None
    """None: the channel's own."""
    not_before_ns: int = 0
    """The end of their quiet hours, for what is not urgent."""


class Planner(Protocol):
    """Who is to be told of what; all from settings, no I/O."""

    def chain_for(self, rule: str, severity: str) -> Chain: ...

    def receivers(self, tell: tuple[str, ...], severity: str, now_ns: int) -> list[Receiver]:
        """Whom the targets mean at this moment, everybody once."""
        ...

    def duties(self, now_ns: int) -> dict[str, list[Receiver]]:
        """Who is on duty in each rota."""
        ...

    def every_channel(self) -> list[Receiver]:
        """Each channel by itself."""
        ...


class AllChannels(NamedTuple):
    """The plan of a hub with channels and nobody on call: every channel at once."""

    channels: tuple[str, ...]

    def chain_for(self, rule: str, severity: str) -> Chain:
        return Chain((Step(0.0, tuple(f"channel:{name}" for name in self.channels)),))

    def receivers(self, tell: tuple[str, ...], severity: str, now_ns: int) -> list[Receiver]:
        return channels_alone([target.removeprefix("channel:") for target in tell])

    def duties(self, now_ns: int) -> dict[str, list[Receiver]]:
        return {}

    def every_channel(self) -> list[Receiver]:
        return channels_alone(self.channels)


def channels_alone(names: Sequence[str]) -> list[Receiver]:
    """Channels as receivers."""
    return [Receiver(name, (Contact(name),)) for name in names]
