"""The life of an alert: its states, what moves it from one to the next, and why. Pure functions; no clock, no store.

    (nothing) ── cause ──► firing ── a person ──► acknowledged ──┐
                           ▲  │  ▲                               ├── cause gone, or a person ──► resolved
                   over    │  │  └── cause back, or a person ────┼────────────────────────────────┘
                           │  ▼                                  │
                  silenced, inhibited ───────────────────────────┘

Every decision is a value that says why: the reason goes into the log beside its effect.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    FIRING = "firing"
    """Somebody must know: its chain of escalation runs."""
    ACKNOWLEDGED = "acknowledged"
    """Somebody has it in hand: nobody else is told."""
    SILENCED = "silenced"
    """A person silenced what is like it, until a given time."""
    INHIBITED = "inhibited"
    """Another open alert explains it: a silent gate its devices' faults."""
    RESOLVED = "resolved"


OPEN = frozenset(State) - {State.RESOLVED}
CAUSE_GONE = "cause gone"
"""Who ended an alert, where nobody did."""
UNHEARD = frozenset({State.FIRING, State.SILENCED, State.INHIBITED})
"""Open, and nobody has it in hand."""


class Why(StrEnum):
    """Every reason for which something is done about an alert; each line of the log carries one."""

    BEGAN = "began"
    BEGAN_LATE = "began-late"
    """Older than the rule pages for when the hub heard of it: it enters the record and tells nobody."""
    CAUSE_AGAIN = "cause-again"
    CAUSE_GONE = "cause-gone"
    CAUSE_BACK = "cause-back"
    """It came back so soon that it is the same alert."""
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    """By a person's word."""
    REOPENED = "reopened"
    """By a person's word."""
    SILENCED = "silenced"
    SILENCE_OVER = "silence-over"
    INHIBITED = "inhibited"
    INHIBITION_OVER = "inhibition-over"
    STEP_DUE = "step-due"
    """Its chain says that somebody is to be told now."""
    STEP_NOW = "step-now"
    """Nobody of the last step can be reached by any channel: the next one is taken without waiting for its time."""
    NOBODY_ON_DUTY = "nobody-on-duty"
    """A step of the chain names nobody at this moment; the next one is taken at once."""
    CHAIN_OVER = "chain-over"
    """Everybody in the chain was told; nobody acknowledged."""
    QUIET_HOURS = "quiet-hours"
    """Not urgent, and the receiver sleeps: told in the morning."""
    DELIVERED = "delivered"
    RETRY = "retry"
    ANSWER_LOST = "answer-lost"
    """An attempt was made and its answer never came: it may have arrived, and arrive once more with the next one."""
    HANDED_OVER = "handed-over"
    """A channel did not take it; the receiver's next one is tried."""
    WITHDRAWN = "withdrawn"
    """A page that was not sent yet, and no longer needs to be."""
    END_TOLD = "end-told"
    ACKNOWLEDGEMENT_TOLD = "acknowledgement-told"
    FOUND_STUCK = "found-stuck"
    """The auditor found an open alert that had no next step, and gave it one."""
    CLOCK_SET = "clock-set"
    """The hub's clock was set; what was planned moved with it."""
    NOTE = "note"
    """A hand-over."""
    TEST = "test"
    """The weekly test."""


class Word(StrEnum):
    """What a person can say about an alert."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    REOPEN = "reopen"


class Change(NamedTuple):
    """A decision: the state that follows, and why."""

    state: State
    why: Why


def on_signal(
    state: State | None, *, firing: bool, late: bool, since_end_ns: int, reopen_within_ns: int
) -> Change | None:
    """What an event's word means for the newest alert of its key; None when it means nothing.

    `since_end_ns` is the time by events from the end of a resolved alert to this word.
    """
    if state in OPEN:
        assert state is not None
        return Change(state, Why.CAUSE_AGAIN) if firing else Change(State.RESOLVED, Why.CAUSE_GONE)
    if not firing:
        return None
    if state is State.RESOLVED and not late and 0 <= since_end_ns <= reopen_within_ns:
        return Change(State.FIRING, Why.CAUSE_BACK)
    return Change(State.FIRING, Why.BEGAN_LATE if late else Why.BEGAN)


def on_word(state: State, word: Word) -> Change | None:
    """What a person's word does; None when the alert is not in a state for it."""
    match word:
        case Word.ACKNOWLEDGE if state in UNHEARD:
            return Change(State.ACKNOWLEDGED, Why.ACKNOWLEDGED)
        case Word.RESOLVE if state in OPEN:
            return Change(State.RESOLVED, Why.RESOLVED)
        case Word.REOPEN if state in {State.RESOLVED, State.ACKNOWLEDGED}:
            return Change(State.FIRING, Why.REOPENED)
        case _:
            return None


_OVER = {State.SILENCED: Why.SILENCE_OVER, State.INHIBITED: Why.INHIBITION_OVER}


def on_muting(state: State, *, inhibited: bool, silenced: bool) -> Change | None:
    """What silences and other alerts mean for an alert that nobody has in hand; None when nothing changes.

    Inhibition goes before silence: it ends by itself, and then the silence still counts.
    """
    if state not in UNHEARD:
        return None
    wanted = State.INHIBITED if inhibited else State.SILENCED if silenced else State.FIRING
    if wanted is state:
        return None
    return Change(wanted, Why.INHIBITED if inhibited else Why.SILENCED if silenced else _OVER[state])
