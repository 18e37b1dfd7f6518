"""Who was near somebody, by the truth of a run: what contact tracing ought to find.

Written from the order (逐人核查) and not from the hub's projections, so that the two can be held against each other.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable

from msgspec import Struct

from sim.truth import PersonTruth, Truth


class NearTruth(Struct):
    """How somebody was near: `times` of the other's passages, `nearest_ns` at the least, and when last."""

    times: int
    nearest_ns: int
    last_ns: int


def near(truths: Iterable[Truth], badge: str, from_ns: int, until_ns: int, window_ns: int) -> dict[str, NearTruth]:
    """By badge, everybody whose badge was shown at the same lane within the window of a showing of this one.

    Passages that no gate saw are nobody's to find. Of the own passages only those from one moment to before another
    count; the other's may lie outside.
    """
    seen = [truth for truth in truths if isinstance(truth, PersonTruth) and truth.seen and truth.badge is not None]
    lanes: dict[tuple[str, str, str], list[PersonTruth]] = defaultdict(list)
    for truth in seen:
        lanes[truth.site, truth.gate, truth.lane].append(truth)
    found: dict[str, NearTruth] = {}
    for lane in lanes.values():
        lane.sort(key=lambda truth: truth.time_ns)
        times = [truth.time_ns for truth in lane]
        for own in lane:
            if own.badge != badge or not from_ns <= own.time_ns < until_ns:
                continue
            first = bisect.bisect_left(times, own.time_ns - window_ns)
            last = bisect.bisect_right(times, own.time_ns + window_ns)
            _meet(found, own, [other for other in lane[first:last] if other.badge != badge])
    return found


def _meet(found: dict[str, NearTruth], own: PersonTruth, others: list[PersonTruth]) -> None:
    met = set()
    for other in others:
        assert other.badge is not None, "only badges that were shown are here"
        before = found.setdefault(other.badge, NearTruth(0, 2**63 - 1, 0))
        before.nearest_ns = min(before.nearest_ns, abs(other.time_ns - own.time_ns))
        before.last_ns = max(before.last_ns, other.time_ns)
        met.add(other.badge)
    for badge in met:
        found[badge].times += 1


def hosts(truths: Iterable[Truth], badge: str, from_ns: int, until_ns: int) -> set[str]:
    """By badge, who had the same host as somebody: the hosts, their other visitors, and a host's own visitors."""
    visits = {
        (truth.badge, truth.host)
        for truth in truths
        if isinstance(truth, PersonTruth) and truth.host and truth.badge and from_ns <= truth.time_ns < until_ns
    }
    visited = {host for visitor, host in visits if visitor == badge}
    others = {visitor for visitor, host in visits if host in visited or host == badge}
    return (visited | others) - {badge}
