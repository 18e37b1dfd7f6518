"""The judge at work on one run: reads the truth, asks the hub and its time series, and reports."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from sim import chronicle, hr
from sim.chronicle import Run
from sim.faults import Breakdown
from sim.judge import duties, effects, events, isolations, meals
from sim.judge.events import Expected, Matched
from sim.judge.findings import Fault, Finding, Report
from sim.judge.record import HubRecord, SeriesRecord
from sim.plant import PERSON_LANE
from sim.play import Handed, read_handed
from sim.truth import FaultTruth, PersonTruth, Truth, VehicleTruth, event_of
from wire.events import PersonPassage, VehiclePassage
from wire.tokens import TokenKind, read_key, token

LATE_S = 60.0
_MORE = frozenset({Fault.INVENTED, Fault.ALERT_INVENTED})
_CUTS = frozenset({Breakdown.LINK, Breakdown.POWER})


class Filled(NamedTuple):
    """What of a hub that was filled from the run's files is asked beside; the truth must be no live gate's."""

    today: dt.date | None = None
    """The hub's: then also who is isolated."""
    crowds: bool = False
    """It has the limits of the run's canteens (`RUN/canteens.toml`): also when they were crowded."""
    duties: bool = False
    """Who is on duty, how often each was measured, who is missing."""
    meals: bool = False
    """Who ate in another team's time."""


def judge(
    run: Path,
    hub: HubRecord,
    series: SeriesRecord | None = None,
    late_s: float = LATE_S,
    filled: Filled = Filled(),  # noqa: B008 - a value
) -> tuple[Report, list[Matched]]:
    """Everything that is wrong, and which row of the journal is which event. Raises `MenshenError`."""
    asked = chronicle.read_run(run)
    truths = list(chronicle.read_truth(run))
    sites = asked.plant.site_names()
    is_asked, is_surely_asked = _span(asked, truths, 0), _span(asked, truths, events.NEAR_NS)
    expected = list(expect(truths, read_handed(run), asked.screened, live=bool(asked.gate)))
    rows = (row for row in hub.events() if row.site in sites and is_asked(row.gate, row.time_ns))
    findings, matched = events.compare(expected, rows, late_s, whole=not asked.gate)
    seen = [alert for alert in hub.alerts() if alert.site in sites and is_asked(alert.gate, alert.since_ns)]
    wrong_alerts, alerts = effects.compare_alerts(_as_seen(truths, matched), seen)
    findings += wrong_alerts
    crowded = None
    if filled.crowds and not asked.gate:
        wrong_crowds, crowded = effects.compare_crowds(truths, seen)
        findings += wrong_crowds
    # At the ends of a live record the truth may be just outside of it.
    findings = [wrong for wrong in findings if wrong.fault not in _MORE or is_surely_asked(wrong.gate, wrong.time_ns)]
    checks = points = None
    people: dict[str, int | None] = dict.fromkeys(("isolations", "duties", "meals"))
    if not asked.gate:
        checks, wrong_checks = _checks(hub, truths, sites)
        wrong_people, people = _people(run, asked, hub, truths, filled)
        findings += wrong_checks + wrong_people
    if series is not None and not asked.gate:
        points, wrong_points = _series(series, expected, matched, sites, asked.plant.gate_names())
        findings += wrong_points
    took_s = [took for pair in matched if (took := events.lateness_s(pair)) is not None]
    p50, p99 = (round(float(value), 3) for value in np.percentile(took_s, [50, 99])) if took_s else (None, None)
    report = Report(
        findings=sorted(findings, key=lambda finding: (finding.fault, finding.time_ns, finding.gate, finding.passage)),
        compared={
            "events": len(expected),
            "alerts": alerts,
            "checks": checks,
            **people,
            "points": points,
            "crowds": crowded,
        },
        late_p50_s=p50,
        late_p99_s=p99,
    )
    return report, matched


def _span(asked: Run, truths: Sequence[Truth], within_ns: int) -> Callable[[str, int], bool]:
    """What of the hub's record the truth speaks of: all or, of a live gate, its own while the truth was told."""
    if not asked.gate:
        return lambda _gate, _time_ns: True
    since_ns = asked.since_ns + within_ns
    until_ns = max((truth.time_ns for truth in truths), default=0) + events.NEAR_NS - within_ns
    return lambda gate, time_ns: gate == asked.gate and since_ns <= time_ns < until_ns


def _checks(hub: HubRecord, truths: Sequence[Truth], sites: Sequence[str]) -> tuple[int, list[Finding]]:
    wanted = effects.checks_of(truths)
    dates = sorted({date for date, _, _ in wanted})
    wrong = [wrong for date in dates for wrong in effects.compare_checks(wanted, date, hub.checks(date), sites)]
    return len(wanted), wrong


def _people(
    run: Path, asked: Run, hub: HubRecord, truths: Sequence[Truth], filled: Filled
) -> tuple[list[Finding], dict[str, int | None]]:
    """What a hub makes of the people that it was told of: the errors, and of how many each was compared."""
    compared: dict[str, int | None] = dict.fromkeys(("isolations", "duties", "meals"))
    if filled.today is None and not (filled.duties or filled.meals):
        return [], compared
    (site,) = asked.plant.site_names()
    members = [member for member in chronicle.read_members(run, site) if hr.is_on_file(member)]
    returns = {
        member.badge: asked.plant.date(member.returns_day) for member in members if member.returns_day is not None
    }
    badges = {member.badge for member in members}
    findings: list[Finding] = []
    if filled.today is not None:
        wanted = isolations.wanted_of(truths, badges, returns, filled.today)
        compared["isolations"] = len(wanted)
        findings += isolations.compare_isolations(wanted, hub.isolations())
    if filled.duties:
        known = duties.Known(badges, returns, asked.plant.shifts)
        wrong, compared["duties"] = duties.compare_duties(truths, known, _on_duty(run, asked, hub, truths))
        findings += wrong
    if filled.meals:
        slots = {member.badge: member.slot for member in members}
        dates = sorted({effects.date_of(truth.time_ns) for truth in truths if isinstance(truth, PersonTruth)})
        eaten = [meal for date in dates for meal in hub.meals(date)]
        wrong, compared["meals"] = meals.compare_meals(truths, slots, eaten)
        findings += wrong
    return findings, compared


def _on_duty(run: Path, asked: Run, hub: HubRecord, truths: Sequence[Truth]) -> Iterator[duties.DutySeen]:
    """Who the hub has on duty, under the tokens of their badges: HR's number is that of the badge."""
    key = read_key(run / chronicle.KEY)
    numbers = chronicle.read_numbers(run, asked.plant.site_names()[0])
    badges = {number: token(key, TokenKind.BADGE, number) for number in numbers}
    for date in duties.dates_of(truths, asked.plant.shifts):
        begins_ns = effects.day_ns(date)[0]
        over_ns = {shift.name: begins_ns + round((shift.from_h + shift.hours) * 3600e9) for shift in asked.plant.shifts}
        yield from hub.duties(date, badges, over_ns)


def expect(
    truths: Sequence[Truth], handed: Sequence[Handed], screened: Collection[str] = (), *, live: bool = False
) -> Iterator[Expected]:
    """Each event that ought to be in the journal, with when its gate had it in its spool.

    The people of the gates named in `screened` went past real devices; everybody and everything did where it was live.
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
        item = Expected(truth.site, truth.gate, ranks[place], event, exact=not (live or by_devices))
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
        if not pair.expected.exact and isinstance(pair.expected.event, PersonPassage | VehiclePassage)
    }
    return [
        replace(truth, passage=row.event.passage, time_ns=row.time_ns)
        if isinstance(truth, PersonTruth | VehicleTruth)
        and (row := rows.get(truth.passage)) is not None
        and isinstance(row.event, PersonPassage | VehiclePassage)
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
