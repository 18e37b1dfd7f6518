"""Acknowledging in a chat whose service vouches for who speaks: DingTalk, WeCom, Feishu.

People answer the robot in words, or press the button under a message. Only who was told of an alert may acknowledge it;
what is said counts once, however often the service brings it, and only for what had been told by then.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from hub.alerts.lifecycle import UNHEARD, State
from hub.alerts.replies import Wanted, named, wanted
from hub.alerts.rows import row_of, rows_of
from hub.alerts.texts import Lang, brief, say
from hub.board import AlertRow

REMEMBERED_S = 2 * 86_400.0
"""For so long it is known what was heard; a service brings nothing again after that."""
LISTED = 10


class Said(NamedTuple):
    """What somebody said to a robot, as its service vouches for it."""

    id: str
    """The service's own name for it, the same for each copy."""
    accounts: tuple[str, ...]
    """Whoever says it, by each name that the service has for them."""
    age_ns: int = 0
    """How long it was on its way, by the service's own clock: the hub's may be wrong."""
    nick: str = ""
    text: str = ""
    message: int | None = None
    """The number of our message whose button was pressed."""


class Outcome(StrEnum):
    """What became of it: the key of the words in which the robot answers."""

    ACKNOWLEDGED = "acknowledged-these"
    NOTHING = "nothing-waits"
    WHICH = "which-of-these"
    """Several wait, and which is meant was not said."""
    HELD = "held-already"
    NOT_YOURS = "not-yours"
    STRANGER = "stranger"
    NO_YES = "no-yes"


class Reply(NamedTuple):
    """What the robot answers."""

    outcome: Outcome
    alerts: tuple[AlertRow, ...] = ()
    account: str = ""


Hear = Callable[[str, Said], Awaitable[Reply | None]]
"""Takes what was said on a channel of that name; None for a copy of what was heard before."""


class Who(NamedTuple):
    """Whoever speaks: the receivers that they stand for, and their name for the record."""

    receivers: frozenset[str]
    name: str


class Directory(NamedTuple):
    """Who has which account, from settings: by channel and account the person's name, or the channel's own."""

    accounts: Mapping[tuple[str, str], frozenset[str]]

    def who(self, channel: str, said: Said) -> Who:
        """A channel's own receivers have no names there: they are called as the service calls them."""
        found = {name for account in said.accounts for name in self.accounts.get((channel, account), ())}
        people = sorted(found - {channel})
        account = said.accounts[0] if said.accounts else ""
        stranger = named(said.nick, f"({account})") if said.nick else named(account)
        return Who(frozenset(found), named(*people) if people else stranger)


NOBODY = Directory({})


class Waiting(NamedTuple):
    """An alert that waits for somebody, and the newest message that told them of it."""

    alert: int
    message: int


class Choice(NamedTuple):
    """A decision: what an answer means, and the alerts that it is about."""

    outcome: Outcome
    alerts: tuple[int, ...] = ()


def choose(want: Wanted | None, waiting: Sequence[Waiting]) -> Choice:
    """Which of the alerts that wait for somebody they mean. Pure.

    A mere yes means what one message told of; where several wait, nobody knows which one was read, and it is asked.
    """
    alerts = tuple(each.alert for each in waiting)
    if want is None:
        return Choice(Outcome.NO_YES)
    if want.alert is not None:
        known = want.alert in alerts
        return Choice(Outcome.ACKNOWLEDGED if known else Outcome.NOT_YOURS, (want.alert,))
    if not waiting:
        return Choice(Outcome.NOTHING)
    one = want.everything or len({each.message for each in waiting}) == 1
    return Choice(Outcome.ACKNOWLEDGED if one else Outcome.WHICH, alerts)


Acknowledge = Callable[[int, str, str], bool]
"""Takes an alert in hand for a name, with a note; whether it was waiting for that."""


def answer(
    db: sqlite3.Connection, channel: str, who: Who, said: Said, acknowledge: Acknowledge, now_ns: int
) -> Reply | None:
    """What is said is carried out within the caller's transaction; None for what was heard before."""
    if not _is_new(db, channel, said.id, now_ns):
        return None
    account = said.accounts[0] if said.accounts else ""
    if not who.receivers:
        return Reply(Outcome.STRANGER, account=account)
    waiting = _waiting(db, who.receivers, now_ns - max(0, said.age_ns))
    choice = choose(wanted(said.text), waiting) if said.message is None else _pressed(db, said.message, waiting)
    note = f"{channel}: {account}" + (f", message {said.message}" if said.message is not None else "")
    if choice.outcome is Outcome.ACKNOWLEDGED:
        done = [alert for alert in choice.alerts if acknowledge(alert, who.name, note)]
        return Reply(Outcome.ACKNOWLEDGED, tuple(rows_of(db, done)), account)
    if choice.outcome is Outcome.NOT_YOURS:
        return _why_not(db, who.receivers, choice.alerts, account)
    return Reply(choice.outcome, tuple(rows_of(db, choice.alerts)), account)


def _pressed(db: sqlite3.Connection, message: int, waiting: Sequence[Waiting]) -> Choice:
    """What the button under a message means: all that it told of and that still waits for whoever presses it."""
    row = db.execute("SELECT alerts FROM messages WHERE id = ?", (message,)).fetchone()
    told = msgspec.json.decode(row[0], type=list[int]) if row else []
    meant = tuple(each.alert for each in waiting if each.alert in set(told))
    return Choice(Outcome.ACKNOWLEDGED, meant) if meant else Choice(Outcome.NOT_YOURS, tuple(told))


def _why_not(db: sqlite3.Connection, receivers: frozenset[str], alerts: Sequence[int], account: str) -> Reply:
    """Why none of these can be acknowledged: who has them in hand, that they are over, or that others were told.

    Whoever was not told of an alert learns nothing of it.
    """
    marks = ",".join("?" * len(receivers))
    query = f"SELECT 1 FROM pages WHERE alert = ? AND kind = 'firing' AND state = 'delivered' AND receiver IN ({marks})"  # noqa: S608 - marks only
    told = [alert for alert in alerts if db.execute(query, (alert, *receivers)).fetchone()]
    if not told:
        return Reply(Outcome.NOT_YOURS, account=account)
    held = [row for alert in told if (row := row_of(db, alert)) is not None and row.state == State.ACKNOWLEDGED]
    return Reply(Outcome.HELD if held else Outcome.NOTHING, tuple(held), account)


def _waiting(db: sqlite3.Connection, receivers: frozenset[str], until_ns: int) -> list[Waiting]:
    """What waits for these and had been told by then: an answer cannot mean what came after it was given.

    The few open alerts are gone through, not the many pages (in SQLite `CROSS JOIN` says so).
    """
    marks, states = ",".join("?" * len(receivers)), ",".join(f"'{state}'" for state in sorted(UNHEARD))
    query = f"""SELECT p.alert, max(p.message) FROM alerts a CROSS JOIN pages p ON p.alert = a.id
        WHERE a.state <> 'resolved' AND a.state IN ({states})
        AND p.kind = 'firing' AND p.state = 'delivered' AND p.step >= a.round_step
        AND p.next_ns <= ? AND p.receiver IN ({marks})
        GROUP BY p.alert ORDER BY p.alert"""  # noqa: S608 - our own states, and marks
    return [Waiting(*row) for row in db.execute(query, (until_ns, *receivers))]


def _is_new(db: sqlite3.Connection, channel: str, said_id: str, now_ns: int) -> bool:
    db.execute("DELETE FROM answers WHERE heard_ns < ?", (now_ns - round(REMEMBERED_S * 1e9),))
    done = db.execute("INSERT OR IGNORE INTO answers VALUES (?, ?, ?)", (channel, said_id, now_ns))
    return bool(done.rowcount)


def words_of(reply: Reply, lang: Lang, zone: str | None) -> str:
    """The robot's answer as text: what happened, and to which alerts."""
    shown = [f"{alert.id} {brief(alert, lang, zone)}" for alert in reply.alerts[:LISTED]]
    if len(reply.alerts) > LISTED:
        shown.append(say(lang, "more", n=len(reply.alerts) - LISTED))
    by = reply.alerts[0].held_by if reply.alerts else ""
    head = say(lang, reply.outcome, n=len(reply.alerts), account=reply.account, by=by)
    return "\n".join([head, *shown])
