"""What the page answers, before it is words of a language."""

from __future__ import annotations

from msgspec import Struct

from wire.errors import MenshenError
from wire.events import Outcome, Reason


class Said(Struct, frozen=True):
    """A sentence of the catalogue (`edge.guard.words`) and what goes into its blanks."""

    key: str
    values: tuple[str, ...] = ()


class Done(Struct, frozen=True):
    """What a guard's deed came to; `outcome` and `reasons` where the barrier was told something."""

    said: tuple[Said, ...]
    outcome: Outcome | None = None
    reasons: tuple[Reason, ...] = ()


class Refused(MenshenError):
    """A form that cannot be taken: for each field what was found and what was expected."""

    def __init__(self, **problems: Said) -> None:
        super().__init__(", ".join(f"{field}: {said.key}" for field, said in problems.items()))
        self.problems = problems
