"""What the judge reads and what it says: values only."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from wire.events import AnyEvent


class Fault(StrEnum):
    """One kind of error each."""

    MISSED = "missed"
    """It happened, and the journal does not have it."""
    TWICE = "twice"
    INVENTED = "invented"
    """The journal has it, and it never happened."""
    WRONG_PERSON = "wrong-person"
    """Another badge or vehicle than the one that was shown."""
    WRONG_VERDICT = "wrong-verdict"
    WRONG_DECISION = "wrong-decision"
    """Another outcome, or other reasons."""
    WRONG_VALUE = "wrong-value"
    """A temperature, a place, a direction or the like."""
    MISDATED = "misdated"
    WRONG_ORDER = "wrong-order"
    HOLE = "hole"
    """A number of a stream is not there, or the gate says that events were lost."""
    LATE = "late"
    ALERT_MISSED = "alert-missed"
    ALERT_TWICE = "alert-twice"
    ALERT_INVENTED = "alert-invented"
    ALERT_WRONG = "alert-wrong"
    CHECK_WRONG = "check-wrong"
    """Somebody's number of measurements on a day."""
    DUTY_WRONG = "duty-wrong"
    """Who is on duty in a shift, and how often each was measured."""
    MEAL_WRONG = "meal-wrong"
    """Who ate in another team's time."""
    ISOLATION_MISSED = "isolation-missed"
    """Somebody ought to be isolated, or a stranger to be named, and is not."""
    ISOLATION_TWICE = "isolation-twice"
    ISOLATION_INVENTED = "isolation-invented"
    ISOLATION_WRONG = "isolation-wrong"
    """For another reason, or since another moment."""
    SERIES_MISSED = "series-missed"
    SERIES_INVENTED = "series-invented"
    """A point in the time series twice, or that never happened."""


class JournalRow(Struct, frozen=True):
    """One entry of a hub's journal, as its API gives it (`GET /api/events`)."""

    offset: int
    site: str
    gate: str
    urgency: str
    epoch: str
    seq: int
    last: int
    time_ns: int
    received_ns: int
    event: AnyEvent | None


class AlertSeen(Struct, frozen=True):
    """One alert of a hub (`GET /api/alerts`)."""

    id: int
    key: str
    rule: str
    state: str
    since_ns: int
    last_ns: int
    count: int
    site: str
    gate: str


class CheckSeen(Struct, frozen=True):
    """How often a badge was measured on a day (`GET /api/checks`)."""

    site: str
    badge: str
    measured: int


class IsolationSeen(Struct, frozen=True):
    """A case, or a fever of somebody whom nobody has named (`GET /api/isolations`); `end` is empty while it is open."""

    case: int
    badges: tuple[str, ...]
    cause: str
    since_ns: int
    passage: str
    end: str


class Point(Struct, frozen=True, order=True):
    """One point of the time series: its microsecond and what it must say. `value` is a temperature or a word."""

    measurement: str
    gate: str
    time_us: int
    value: str


class Finding(Struct, frozen=True, kw_only=True):
    """One error, with what to look at: `offset` in the journal, `passage` in the truth."""

    fault: Fault
    site: str
    gate: str
    time_ns: int
    expected: str = ""
    found: str = ""
    passage: str = ""
    offset: int | None = None


class Report(Struct, frozen=True, kw_only=True):
    """The judge's whole word. `compared` says of how many things; None of what could not be asked."""

    findings: list[Finding]
    compared: dict[str, int | None]
    late_p50_s: float | None = None
    late_p99_s: float | None = None

    def counts(self) -> dict[str, int]:
        """How many of each kind, all kinds named."""
        found = dict.fromkeys((fault.value for fault in Fault), 0)
        for finding in self.findings:
            found[finding.fault.value] += 1
        return found
