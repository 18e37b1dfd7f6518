"""What of one stream is on its way to the hub: a pure state machine, the sender's half of the delivery protocol.

    closed ── hub's first watermark ──► open ── sent ──► in flight ── watermark ──► acknowledged
       ▲                                  ▲                  │
       └── new connection                 └── resend asked, or unacknowledged for too long: back to the watermark

How much may be in flight follows what the hub carries, as in TCP: little at first, more with each word of progress,
half as much when the hub is silent for too long. A thousand gates that come back with a backlog find its pace, instead
of filling the broker with what is sent again before anybody has read it.

It is closed at the start of each connection, so that nothing is sent before the hub said how far it is. That also
unmasks numbers given away twice: the hub acknowledges what was never sent (`Foreign`).
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import NamedTuple

WINDOW_MESSAGES = 8
"""Messages of one stream that may be unacknowledged: bounds every queue between gate and hub."""
FIRST_MESSAGES = 2
"""So many at the beginning of a connection."""
RESEND_MIN_S = 2.0
RESEND_MAX_S = 60.0


_FORGET = 0.8
"""What is left of a slow hub's time with each word of progress."""


class Heard(Enum):
    """What a watermark meant."""

    NEWS = "news"
    NOTHING_NEW = "nothing new"
    FORGOT = "forgot"
    """It asks for numbers that it had acknowledged: another hub, restored from a backup, or a word that is late. Which,
    only the answer to a birth says."""
    FOREIGN = "foreign"
    """It acknowledges numbers that this process never sent and its spool never gave away: start a new epoch."""


class _Flight(NamedTuple):
    last: int
    sent_s: float


class Window:
    """The unacknowledged part of one stream. Times are seconds of a monotonic clock, handed in."""

    def __init__(self, known: int, messages: int = WINDOW_MESSAGES) -> None:
        """`known` is the last number that the spool had given away when it was opened."""
        self.acknowledged = 0
        self.sent = 0
        self.open = False
        self._known = known
        self._messages = messages
        self._room = min(FIRST_MESSAGES, messages)
        """How many may be in flight at the moment."""
        self._heard_s = 0.0
        self._took_s = 0.0
        """How long it took lately from a message to the hub's word."""
        self._flights: deque[_Flight] = deque()
        self._resend_s = RESEND_MIN_S

    def connect(self) -> None:
        """A new connection: what was in flight may be lost; wait for the hub's word."""
        self.open = False
        self._rewind()
        self._resend_s = RESEND_MIN_S
        self._room = min(FIRST_MESSAGES, self._messages)

    @property
    def has_room(self) -> bool:
        return self.open and len(self._flights) < self._room

    def record(self, last: int, now_s: float) -> None:
        """A message that ends with the number `last` was given to the broker."""
        self.sent = max(self.sent, last)
        self._known = max(self._known, last)
        self._flights.append(_Flight(last, now_s))

    def hear(self, through: int, *, resend: bool, now_s: float = 0.0) -> Heard:
        """The hub has everything up to `through`, and may ask to send again from there. `now_s`: patience with what is
        still in flight begins anew with each word of progress."""
        if through > self._known:
            return Heard.FOREIGN
        if self.open and resend and through < self.acknowledged:
            return Heard.FORGOT
        news = through > self.acknowledged or not self.open
        if not self.open:  # the hub's first word counts even if it is lower: a hub restored from a backup
            self.open = True
            self.acknowledged = self.sent = through
        if through > self.acknowledged:
            self.acknowledged = through
            self._heard_s = now_s
            self._learn(through, now_s)
        self.sent = max(self.sent, through)
        if resend:
            self._rewind()
        return Heard.NEWS if news else Heard.NOTHING_NEW

    def overdue(self, now_s: float) -> bool:
        """Whether the oldest message is unacknowledged for too long; if so, sending starts again behind the watermark.

        The patience doubles each time, up to a bound: a hub that is slow is not helped by more.
        """
        due_s = self.due_s
        if due_s is None or now_s < due_s:
            return False
        self._took_s = max(self._took_s, now_s - self._flights[0].sent_s)
        self._resend_s = min(RESEND_MAX_S, self._resend_s * 2)
        self._room = max(1, self._room // 2)
        self._rewind()
        return True

    @property
    def due_s(self) -> float | None:
        """When the oldest message in flight becomes overdue; None when nothing is in flight."""
        return max(self._flights[0].sent_s, self._heard_s) + self._resend_s if self._flights else None

    def _learn(self, through: int, now_s: float) -> None:
        """From what has arrived: there is room for more, and how long a hub as busy as this one takes."""
        self._took_s *= _FORGET
        while self._flights and self._flights[0].last <= through:
            self._took_s = max(self._took_s, now_s - self._flights.popleft().sent_s)
            self._room = min(self._messages, self._room + 1)
        self._resend_s = min(RESEND_MAX_S, max(RESEND_MIN_S, 2 * self._took_s))

    def _rewind(self) -> None:
        self._flights.clear()
        self.sent = self.acknowledged
