"""An actuator that writes each decision to the log: for a lane whose barrier a guard works by hand."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from msgspec import Struct

from edge.clock import Timekeeper
from wire.events import Outcome, Reason

log = structlog.get_logger(__name__)


class LogActuator:
    """Tells the decision, moves nothing."""

    class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """`lane_label` is how the log calls the lane."""

        lane_label: str = ""

    def __init__(self, settings: Settings, timekeeper: Timekeeper) -> None:
        self._settings = settings

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def show(self, outcome: Outcome, reasons: Sequence[Reason]) -> None:
        log.info("decision", lane=self._settings.lane_label, outcome=outcome.value, reasons=",".join(reasons))
