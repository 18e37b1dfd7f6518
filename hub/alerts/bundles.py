"""A storm is one message with a count: which pages travel together. Pure functions.

As long as a channel may send, each place and rule has its own message, and the first alert of one never waits for a
second. When there are more groups than messages that may be sent, they are put together more and more coarsely: by
place and rule, by rule, all of one receiver. The critical never travel or queue with the rest, and most of what a
service allows is kept for them.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

REST_SHARE = 4
"""Of what a service allows one part in so many may be used by what is not critical."""
WINDOW_S = 60.0


class DuePage(NamedTuple):
    """One page that is due, with what decides with whom it travels."""

    id: int
    alert: int | None
    kind: str
    step: int
    receiver: str
    to: str
    lang: str | None
    message: int | None
    """The message it was tried in before, which it keeps."""
    text: str
    attempts: int
    critical: bool
    site: str
    gate: str
    rule: str


class Allowance(NamedTuple):
    """How many messages a channel may send: in all, and of those that are not critical; `slots` at the same time."""

    messages: int
    rest: int
    slots: int = 1_000_000


class Window:
    """What a channel has sent in the last minute, by a clock that is never set (seconds): its service counts too.

    A sliding window, not a bucket: who may send 20 a minute is cut off for the 21st in *any* minute.
    """

    def __init__(self, per_min: int) -> None:
        self.per_min = per_min
        self._sent: deque[tuple[float, bool]] = deque()
        self._paused_until_s = 0.0

    def allowance(self, at_s: float) -> Allowance:
        while self._sent and self._sent[0][0] <= at_s - WINDOW_S:
            self._sent.popleft()
        if at_s < self._paused_until_s:
            return Allowance(0, 0)
        rest = max(1, self.per_min // REST_SHARE) - sum(not critical for _, critical in self._sent)
        left = self.per_min - len(self._sent)
        return Allowance(left, max(0, min(left, rest)))

    def sent(self, at_s: float, *, critical: bool) -> None:
        self._sent.append((at_s, critical))

    def pause(self, at_s: float, for_s: float) -> None:
        """The service said to leave it alone for so long."""
        self._paused_until_s = max(self._paused_until_s, at_s + for_s)

    def is_paused(self, at_s: float) -> bool:
        return at_s < self._paused_until_s

    def free_in_s(self, at_s: float) -> float:
        """How long until more may be sent than now; 0 when nothing holds it up."""
        if at_s < self._paused_until_s:
            return self._paused_until_s - at_s
        return max(0.0, self._sent[0][0] + WINDOW_S - at_s) if self._sent else 0.0


_Key = Callable[[DuePage], tuple[object, ...]]
_GRAINS: tuple[_Key, ...] = (
    lambda page: (page.site, page.gate, page.rule),
    lambda page: (page.rule,),
    lambda page: (),
)


def bundle(pages: Sequence[DuePage], allowance: Allowance) -> list[list[DuePage]]:
    """The pages of each message that may be sent now, critical ones first; the rest waits."""
    critical = _class([page for page in pages if page.critical], allowance.messages)
    left = max(0, min(allowance.rest, allowance.messages - len(critical)))
    return (critical + _class([page for page in pages if not page.critical], left))[: allowance.slots]


def _class(pages: Sequence[DuePage], allowed: int) -> list[list[DuePage]]:
    if not pages or not allowed:
        return []
    again: dict[int, list[DuePage]] = defaultdict(list)
    for page in pages:
        if page.message is not None:
            again[page.message].append(page)
    tried = list(again.values())[:allowed]
    fresh = [page for page in pages if page.message is None]
    return tried + _fresh(fresh, allowed - len(tried))


def _fresh(pages: Sequence[DuePage], allowed: int) -> list[list[DuePage]]:
    """The finest grain that fits; where none does, as many as may go."""
    if not pages or allowed <= 0:
        return []
    for grain in _GRAINS:
        groups: dict[tuple[object, ...], list[DuePage]] = defaultdict(list)
        for page in pages:
            note = page.id if page.alert is None else 0
            groups[(page.receiver, page.to, page.kind, page.lang, note, *grain(page))].append(page)
        if len(groups) <= allowed:
            break
    return list(groups.values())[:allowed]
