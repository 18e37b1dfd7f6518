"""The journal against the truth: which of a gate's events are which, and what is wrong with each. Pure functions."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from sim.judge.findings import Fault, Finding, JournalRow
from wire.events import (
    AnyEvent,
    DeviceState,
    Disinfection,
    Gap,
    PersonPassage,
    SecondaryMeasurement,
    VehiclePassage,
)

HUB_GATE = "hub"
"""What a hub observed itself stands under this gate; the truth knows nothing of it."""


class Expected(Struct, frozen=True):
    """One event that ought to be in the journal: the `rank`-th of its gate, in its spool at `handed_ns` if known.

    Of a gate with real devices (`exact` False) only what was seen, when about and by whom can be expected.
    """

    site: str
    gate: str
    rank: int
    event: AnyEvent
    handed_ns: int | None = None
    slack_s: float = 0.0
    """How long its link was cut from then on."""
    exact: bool = True


class Matched(Struct, frozen=True):
    expected: Expected
    row: JournalRow


def compare(
    expected: Iterable[Expected], rows: Iterable[JournalRow], late_s: float, *, whole: bool = True
) -> tuple[list[Finding], list[Matched]]:
    """All errors of a journal, and which row is which event. Without `whole` streams may begin anywhere."""
    wanted: dict[tuple[str, str], list[Expected]] = defaultdict(list)
    for item in expected:
        wanted[item.site, item.gate].append(item)
    kept: dict[tuple[str, str], list[JournalRow]] = defaultdict(list)
    for row in rows:
        if row.gate != HUB_GATE:
            kept[row.site, row.gate].append(row)
    findings: list[Finding] = []
    matched: list[Matched] = []
    for place in sorted(wanted.keys() | kept.keys()):
        pairs, faults = _match(wanted[place], kept[place])
        findings += faults
        findings += [fault for pair in pairs for fault in _differences(pair, late_s)]
        findings += _out_of_order(pairs)
        findings += _holes(kept[place], whole=whole)
        matched += pairs
    return findings, matched


def _match(wanted: Sequence[Expected], rows: Sequence[JournalRow]) -> tuple[list[Matched], list[Finding]]:
    """Same identity and time first; of the rest, same identity in order; what is left is missed, twice or invented."""
    matched, near = _match_near([item for item in wanted if not item.exact], rows)
    by_name: dict[str, list[Expected]] = defaultdict(list)
    for item in wanted:
        if id(item) not in near:
            by_name[_identity(item.event)].append(item)
    taken = {pair.row.offset for pair in matched}
    rows_by_name: dict[str, list[JournalRow]] = defaultdict(list)
    findings: list[Finding] = []
    for row in rows:
        if row.offset in taken:
            continue
        if isinstance(row.event, Gap):
            findings.append(_of_row(Fault.HOLE, row, found=f"events lost: {row.event.cause.value}"))
        else:
            rows_by_name[_identity(row.event)].append(row)
    for name in by_name.keys() | rows_by_name.keys():
        pairs, missed, extra = _pair(by_name[name], rows_by_name[name])
        matched += pairs
        findings += [_of_expected(Fault.MISSED, item) for item in missed]
        known = {pair.row.time_ns for pair in pairs}
        for row in extra:
            findings.append(
                _of_row(Fault.TWICE if row.time_ns in known else Fault.INVENTED, row, found=_told(row.event))
            )
    matched.sort(key=lambda pair: pair.row.offset)
    return matched, findings


def _match_near(wanted: Sequence[Expected], rows: Sequence[JournalRow]) -> tuple[list[Matched], set[int]]:
    """Passages of real devices: the nearest in time, of the same badge or vehicle rather than of another.

    Gives the pairs and the `id()` of each expected event that has its row.
    """
    passages = [row for row in rows if isinstance(row.event, PersonPassage | VehiclePassage)]
    passages.sort(key=lambda row: row.time_ns)
    times = [row.time_ns for row in passages]
    candidates = []
    for place, item in enumerate(wanted):
        first = bisect.bisect_left(times, item.event.time_ns - NEAR_NS)
        for index in range(first, bisect.bisect_right(times, item.event.time_ns + NEAR_NS)):
            event = passages[index].event
            assert event is not None, "only passages are here"
            if _value(event, "lane") == _value(item.event, "lane"):
                away = abs(times[index] - item.event.time_ns)
                candidates.append((away if _who(event) == _who(item.event) else away + NEAR_NS, place, index))
    pairs, done, used = [], set(), set()
    for _, place, index in sorted(candidates):
        if place not in done and index not in used:
            done.add(place)
            used.add(index)
            pairs.append(Matched(wanted[place], passages[index]))
    return pairs, {id(wanted[place]) for place in done}


def _who(event: AnyEvent) -> object:
    return getattr(event, "badge", None) or getattr(event, "vehicle", None)


def _pair(
    wanted: Sequence[Expected], rows: Sequence[JournalRow]
) -> tuple[list[Matched], list[Expected], list[JournalRow]]:
    """Those of one identity."""
    if len(wanted) == len(rows) == 1:
        return [Matched(wanted[0], rows[0])], [], []
    left = list(rows)
    pairs, open_ = [], []
    for item in wanted:
        same = next((row for row in left if row.time_ns == item.event.time_ns), None)
        if same is None:
            open_.append(item)
        else:
            left.remove(same)
            pairs.append(Matched(item, same))
    known = {pair.row.time_ns for pair in pairs}
    fresh = [row for row in left if row.time_ns not in known]
    doubled = [row for row in left if row.time_ns in known]
    for item, row in zip(open_, fresh, strict=False):
        pairs.append(Matched(item, row))
    return pairs, open_[len(fresh) :], doubled + fresh[len(open_) :]


def _identity(event: AnyEvent | None) -> str:
    """What makes an event that one, apart from its time: a passage's id, a device and its health, a place."""
    match event:
        case PersonPassage() | VehiclePassage():
            return f"passage {event.passage}"
        case SecondaryMeasurement():
            return f"second {event.passage}"
        case Disinfection():
            return f"disinfection {event.place} {event.vehicle}"
        case DeviceState():
            return f"device {event.device} {event.health}"
        case _:
            return "unreadable"


def _differences(pair: Matched, late_s: float) -> Iterator[Finding]:
    """What is wrong with a row although it is the right one."""
    want, have = pair.expected.event, pair.row.event
    if have is None or want == have:
        found = [] if have is not None else [(Fault.WRONG_VALUE, _told(want), "nothing that can be read")]
    else:
        found = [
            (fault, str(_value(want, field)), str(_value(have, field)))
            for fault, fields in (_FIELDS if pair.expected.exact else _FIELDS_NEAR).items()
            for field in fields
            if _value(want, field) != _value(have, field)
        ]
    if (
        pair.expected.exact
        and pair.row.time_ns != want.time_ns
        and not any(fault is Fault.MISDATED for fault, _, _ in found)
    ):
        found.append((Fault.MISDATED, str(want.time_ns), str(pair.row.time_ns)))
    for fault in dict.fromkeys(fault for fault, _, _ in found):
        wanted = "; ".join(wanted for kind, wanted, _ in found if kind is fault)
        instead = "; ".join(instead for kind, _, instead in found if kind is fault)
        yield _of_row(fault, pair.row, expected=wanted, found=instead, passage=_passage(want))
    took_s = lateness_s(pair)
    if took_s is not None and took_s > late_s:
        yield _of_row(Fault.LATE, pair.row, f"within {late_s:g} s", f"after {took_s:.1f} s", _passage(want))


def lateness_s(pair: Matched) -> float | None:
    """From the gate's spool to the hub's journal, without the time that the link was cut on purpose; in seconds."""
    if pair.expected.handed_ns is None:
        return None
    return max(0.0, (pair.row.received_ns - pair.expected.handed_ns) / 1e9 - pair.expected.slack_s)


_FIELDS: dict[Fault, tuple[str, ...]] = {
    Fault.MISDATED: ("time_ns", "clock"),
    Fault.WRONG_PERSON: ("badge", "vehicle"),
    Fault.WRONG_VERDICT: ("verdict",),
    Fault.WRONG_DECISION: ("outcome", "reasons", "registered"),
    Fault.WRONG_VALUE: (
        *("temperature", "refusal", "direction", "lane", "place", "body_c", "by", "kind", "passage", "agent"),
    ),
}


_FIELDS_NEAR: dict[Fault, tuple[str, ...]] = {
    Fault.WRONG_PERSON: _FIELDS[Fault.WRONG_PERSON],
    Fault.WRONG_VERDICT: _FIELDS[Fault.WRONG_VERDICT],
    Fault.WRONG_DECISION: ("outcome", "registered"),
    Fault.WRONG_VALUE: ("place",),
}
NEAR_NS = 6 * 10**9
"""A passage of real devices is dated so near to the truth; people follow each other within 5.8 s."""


def _value(event: AnyEvent, field: str) -> object:
    value = getattr(event, field, None)
    return tuple(sorted(value)) if field == "reasons" and value is not None else value


def _out_of_order(pairs: Sequence[Matched]) -> list[Finding]:
    """The fewest rows that would have to move so that each stream is in the order in which things happened."""
    streams: dict[tuple[str, str], list[Matched]] = defaultdict(list)
    for pair in pairs:
        if pair.expected.exact:
            streams[pair.row.urgency, pair.row.epoch].append(pair)
    findings = []
    for stream in streams.values():
        keep = _longest_rising([pair.expected.rank for pair in stream])
        findings += [
            _of_row(
                Fault.WRONG_ORDER,
                pair.row,
                f"number {pair.expected.rank} of the gate",
                passage=_passage(pair.expected.event),
            )
            for index, pair in enumerate(stream)
            if index not in keep
        ]
    return findings


def _longest_rising(ranks: Sequence[int]) -> set[int]:
    """The indices of a longest rising subsequence (patience sorting)."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for index, rank in enumerate(ranks):
        place = bisect.bisect_left(tails, rank)
        before.append(ends[place - 1] if place else -1)
        if place == len(tails):
            tails.append(rank)
            ends.append(index)
        else:
            tails[place] = rank
            ends[place] = index
    found: set[int] = set()
    index = ends[-1] if ends else -1
    while index >= 0:
        found.add(index)
        index = before[index]
    return found


def _holes(rows: Sequence[JournalRow], *, whole: bool) -> list[Finding]:
    """Numbers that a stream does not have."""
    streams: dict[tuple[str, str], list[JournalRow]] = defaultdict(list)
    for row in rows:
        streams[row.urgency, row.epoch].append(row)
    findings = []
    for stream in streams.values():
        stream.sort(key=lambda row: row.seq)
        wanted = 1 if whole else stream[0].seq
        for row in stream:
            if row.seq > wanted:
                findings.append(_of_row(Fault.HOLE, row, f"{row.urgency} number {wanted}", f"{row.seq}"))
            wanted = max(wanted, row.last + 1)
    return findings


def _of_expected(fault: Fault, item: Expected) -> Finding:
    return Finding(
        fault=fault,
        site=item.site,
        gate=item.gate,
        time_ns=item.event.time_ns,
        expected=_told(item.event),
        passage=_passage(item.event),
    )


def _of_row(fault: Fault, row: JournalRow, expected: str = "", found: str = "", passage: str = "") -> Finding:
    return Finding(
        fault=fault,
        site=row.site,
        gate=row.gate,
        time_ns=row.time_ns,
        expected=expected,
        found=found,
        passage=passage or _passage(row.event),
        offset=row.offset,
    )


def _passage(event: AnyEvent | None) -> str:
    return str(getattr(event, "passage", None) or "")


def _told(event: AnyEvent | None) -> str:
    """An event in a few words."""
    match event:
        case PersonPassage() | VehiclePassage():
            return f"{event.lane} {event.outcome.value}: {', '.join(event.reasons)}"
        case SecondaryMeasurement():
            return f"contact thermometer {event.body_c:.1f} °C"
        case Disinfection():
            return f"disinfection of {event.place or 'a vehicle'}"
        case DeviceState():
            return f"{event.device} {event.health.value}"
        case _:
            return "something unreadable"
