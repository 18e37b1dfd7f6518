"""The judge at work on one run: reads the truth, asks the hub and its time series, and reports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from sim import chronicle
from sim.faults import Breakdown
from sim.judge import effects, events
from sim.judge.events import Expected, Matched
from sim.judge.findings import Finding, Report
from sim.judge.record import HubRecord, SeriesRecord
from sim.plant import PERSON_LANE
from sim.play import Handed, read_handed
from sim.truth import FaultTruth, PersonTruth, Truth, event_of
from wire.events import PersonPassage

LATE_S = 60.0
_CUTS = frozenset({Breakdown.LINK, Breakdown.POWER})


def judge(
    run: Path, hub: HubRecord, series: SeriesRecord | None = None, late_s: float = LATE_S
) -> tuple[Report, list[Matched]]:
    """Everything that is wrong, and which row of the journal is which event. Raises `MenshenError`."""
    asked = chronicle.read_run(run)
    truths = list(chronicle.read_truth(run))
    sites = asked.plant.site_names()
    expected = list(expect(truths, read_handed(run), asked.screened))
    findings, matched = events.compare(expected, (row for row in hub.events() if row.site in sites), late_s)
    wrong_alerts, alerts = effects.compare_alerts(
        _as_seen(truths, matched), (alert for alert in hub.alerts() if alert.site in sites)
    )
    checks = effects.checks_of(truths)
    wrong_checks = [
        finding
        for date in sorted({date for date, _, _ in checks})
        for finding in effects.compare_checks(checks, date, hub.checks(date), sites)
    ]
    findings += wrong_alerts + wrong_checks
    points = None
    if series is not None:
        points, wrong_points = _series(series, expected, matched, sites, asked.plant.gate_names())
        findings += wrong_points
    took_s = [took for pair in matched if (took := events.lateness_s(pair)) is not None]
    p50, p99 = (float(value) for value in np.percentile(took_s, [50, 99])) if took_s else (None, None)
    report = Report(
        findings=sorted(findings, key=lambda finding: (finding.fault, finding.time_ns, finding.gate, finding.passage)),
        compared={"events": len(expected), "alerts": alerts, "checks": len(checks), "points": points},
        late_p50_s=None if p50 is None else round(p50, 3),
        late_p99_s=None if p99 is None else round(p99, 3),
    )
    return report, matched


def expect(truths: Sequence[Truth], handed: Sequence[Handed], screened: Sequence[str] = ()) -> Iterator[Expected]:
    """Each event that ought to be in the journal, with when its gate had it in its spool.

    The people of the gates named in `screened` were screened by real devices.
    """
    marks: dict[tuple[str, str], list[Handed]] = defaultdict(list)
    for mark in handed:
        marks[mark.site, mark.gate].append(mark)
    cuts: dict[tuple[str, str], list[FaultTruth]] = defaultdict(list)
    for truth in truths:
        if isinstance(truth, FaultTruth) and truth.fault in _CUTS:
            cuts[truth.site, truth.gate].append(truth)
    ranks: dict[tuple[str, str], int] = defaultdict(int)
    next_mark: dict[tuple[str, str], int] = defaultdict(int)
    for truth in truths:
        event = event_of(truth)
        if event is None:
            continue
        place = truth.site, truth.gate
        ranks[place] += 1
        own = marks[place]
        while next_mark[place] < len(own) and own[next_mark[place]].through < ranks[place]:
            next_mark[place] += 1
        by_devices = truth.gate in screened and isinstance(truth, PersonTruth) and truth.lane == PERSON_LANE
        item = Expected(truth.site, truth.gate, ranks[place], event, exact=not by_devices)
        if next_mark[place] < len(own):
            handed_at = own[next_mark[place]]
            slack_s = _slack_s(cuts[place], truth.time_ns, handed_at.speed)
            item = replace(item, handed_ns=handed_at.at_ns, slack_s=slack_s)
        yield item


def _as_seen(truths: Sequence[Truth], matched: Sequence[Matched]) -> list[Truth]:
    """The truth under the names and times that gates with real devices gave to passages."""
    rows = {
        pair.expected.event.passage: pair.row
        for pair in matched
        if not pair.expected.exact and isinstance(pair.expected.event, PersonPassage)
    }
    return [
        replace(truth, passage=row.event.passage, time_ns=row.time_ns)
        if isinstance(truth, PersonTruth)
        and (row := rows.get(truth.passage)) is not None
        and isinstance(row.event, PersonPassage)
        else truth
        for truth in truths
    ]


def _slack_s(cuts: Sequence[FaultTruth], time_ns: int, speed: float) -> float:
    """How long the link stays cut from a moment on, in seconds of this machine."""
    if not speed:
        return 0.0
    return (
        max((cut.until_ns - time_ns for cut in cuts if cut.time_ns <= time_ns < cut.until_ns), default=0) / 1e9 / speed
    )


def _series(
    series: SeriesRecord,
    expected: Sequence[Expected],
    matched: Sequence[Matched],
    sites: Sequence[str],
    gates: Sequence[str],
) -> tuple[int, list[Finding]]:
    """What the time series ought to have; of gates with real devices, what these said."""
    said = [replace(pair.expected, event=pair.row.event) for pair in matched if not pair.expected.exact]
    ought = [item for item in expected if item.exact] + said
    total, findings = 0, []
    for site in sites:
        wanted = effects.points_of(item for item in ought if item.site == site)
        total += wanted.total()
        findings += effects.compare_points(site, wanted, series.points(site, gates))
    return total, findings
