"""What a hub made of its journal, against the truth: alerts, daily checks and the time series. Pure functions."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence

from sim.judge.events import Expected
from sim.judge.findings import AlertSeen, CheckSeen, Fault, Finding, Point
from sim.plant import ZONE
from sim.truth import CrowdTruth, DeviceTruth, PersonTruth, SecondaryTruth, Truth, VehicleTruth
from wire.events import AnyEvent, DeviceState, Disinfection, PersonPassage, SecondaryMeasurement, VehiclePassage

_HUBS_OWN = frozenset(
    {"gate-silent", "gap", "fever-confirmed", "fever-cluster", "registry-old", "disinfection-overdue", "alert-stuck",
     "isolation-full", "returnee-not-isolated", "crowding", "out-of-slot", "missed-checks", "declared-ill",
     "channel-fault", "report-unsent", "unreadable"}
)  # fmt: skip
"""Alerts about what the truth has no record of, or what the hub makes of several events; a gap is an error of the
journal already."""
_CROWDING, _INSIDE = "crowding", "inside"
_DAY_NS, _HOUR_NS = 86_400 * 10**9, 3600 * 10**9


def compare_alerts(truths: Iterable[Truth], seen: Iterable[AlertSeen]) -> tuple[list[Finding], int]:
    """The errors of the alerts, and how many there ought to be."""
    wanted: dict[tuple[str, str], list[Truth]] = {}
    for truth in truths:
        for warn in truth.warn:
            wanted.setdefault((warn, f"{truth.site}/{truth.gate}/{_subject(truth)}"), []).append(truth)
    have: dict[tuple[str, str], list[AlertSeen]] = {}
    for alert in seen:
        if alert.rule not in _HUBS_OWN:
            have.setdefault((alert.rule, alert.key.partition("/")[2]), []).append(alert)
    findings = []
    for key in sorted(wanted.keys() | have.keys()):
        findings += _alerts_of(key, wanted.get(key, []), have.get(key, []))
    return findings, sum(len(found) for found in wanted.values())


def compare_crowds(truths: Iterable[Truth], seen: Iterable[AlertSeen]) -> tuple[list[Finding], int]:
    """The errors in when places were crowded, and how often they were: once for each hour in which a crowd began."""
    wanted: dict[tuple[str, str, int], CrowdTruth] = {}
    for truth in truths:
        if isinstance(truth, CrowdTruth) and truth.crowded:
            wanted.setdefault((truth.site, truth.place, truth.time_ns // _HOUR_NS), truth)
    have: dict[tuple[str, str, int], list[AlertSeen]] = {}
    for alert in seen:
        if alert.rule == _CROWDING and f"/{_INSIDE}/" in alert.key:
            have.setdefault((alert.site, alert.gate, alert.since_ns // _HOUR_NS), []).append(alert)
    findings = []
    for key in sorted(wanted.keys() | have.keys()):
        begin, alerts = wanted.get(key), have.get(key, [])
        since_ns = -1 if begin is None else begin.time_ns
        if begin is not None and not alerts:
            findings.append(_crowd_finding(Fault.ALERT_MISSED, key, since_ns, None))
        for number, alert in enumerate(alerts):
            if begin is None or number:
                fault = Fault.ALERT_INVENTED if begin is None else Fault.ALERT_TWICE
                findings.append(_crowd_finding(fault, key, since_ns, alert))
            elif alert.since_ns != since_ns:
                findings.append(_crowd_finding(Fault.ALERT_WRONG, key, since_ns, alert))
    return findings, len(wanted)


def _crowd_finding(fault: Fault, key: tuple[str, str, int], since_ns: int, alert: AlertSeen | None) -> Finding:
    return Finding(
        fault=fault,
        site=key[0],
        gate=key[1],
        time_ns=key[2] * _HOUR_NS if since_ns < 0 else since_ns,
        expected="" if since_ns < 0 else f"{_CROWDING} since {since_ns}",
        found="" if alert is None else f"{alert.key} since {alert.since_ns}",
    )


def _alerts_of(key: tuple[str, str], wanted: Sequence[Truth], have: Sequence[AlertSeen]) -> list[Finding]:
    rule = key[0]
    times = Counter(truth.time_ns for truth in wanted)
    found = []
    left = Counter(times)
    extra = []
    for alert in have:
        if left[alert.since_ns]:
            left[alert.since_ns] -= 1
        else:
            extra.append(alert)
    missing = [truth for truth in wanted if left[truth.time_ns]]
    for truth, alert in zip(missing, extra, strict=False):
        found.append(_alert_finding(Fault.ALERT_WRONG, rule, truth, f"{rule} since {truth.time_ns}", alert))
    found += [_alert_finding(Fault.ALERT_MISSED, rule, truth, rule, None) for truth in missing[len(extra) :]]
    for alert in extra[len(missing) :]:
        fault = Fault.ALERT_TWICE if times[alert.since_ns] else Fault.ALERT_INVENTED
        found.append(
            Finding(fault=fault, site=alert.site, gate=alert.gate, time_ns=alert.since_ns, found=f"{rule} {alert.key}")
        )
    found += [
        Finding(
            fault=Fault.ALERT_TWICE,
            site=alert.site,
            gate=alert.gate,
            time_ns=alert.since_ns,
            expected="told once",
            found=f"{rule} counted {alert.count} times",
        )
        for alert in have
        if alert.count != 1
    ]
    return found


def _alert_finding(fault: Fault, rule: str, truth: Truth, expected: str, alert: AlertSeen | None) -> Finding:
    return Finding(
        fault=fault,
        site=truth.site,
        gate=truth.gate,
        time_ns=truth.time_ns,
        expected=expected,
        found="" if alert is None else f"{rule} since {alert.since_ns}",
        passage=_subject(truth),
    )


def _subject(truth: Truth) -> str:
    match truth:
        case PersonTruth() | VehicleTruth():
            return truth.passage
        case DeviceTruth():
            return truth.device
        case _:
            raise ValueError(f"{truth.site} {truth.gate}: a {type(truth).__name__} that warns; expected none")


def checks_of(truths: Iterable[Truth]) -> Counter[tuple[str, str, str]]:
    """How often each badge was truly measured: by date (of China), site and badge."""
    found: Counter[tuple[str, str, str]] = Counter()
    for truth in truths:
        match truth:
            case PersonTruth(seen=True, badge=str(badge)) if truth.facts.measured:
                found[date_of(truth.time_ns), truth.site, badge] += 1
            case SecondaryTruth(badge=str(badge)):
                found[date_of(truth.time_ns), truth.site, badge] += 1
            case _:
                pass
    return found


def compare_checks(
    wanted: Counter[tuple[str, str, str]], date: str, seen: Iterable[CheckSeen], site_names: Sequence[str]
) -> list[Finding]:
    """The errors in who was measured how often on one date."""
    have = {(date, row.site, row.badge): row.measured for row in seen if row.site in site_names}
    ought = {key: count for key, count in wanted.items() if key[0] == date}
    return [
        Finding(
            fault=Fault.CHECK_WRONG,
            site=key[1],
            gate="",
            time_ns=day_ns(date)[0],
            expected=f"{ought.get(key, 0)} measurements on {date}",
            found=str(have.get(key, 0)),
            passage=key[2],
        )
        for key in sorted(ought.keys() | have.keys())
        if ought.get(key, 0) != have.get(key, 0)
    ]


def date_of(time_ns: int) -> str:
    """The date in China."""
    return dt.datetime.fromtimestamp(time_ns // 10**9, ZONE).date().isoformat()


def day_ns(date: str) -> tuple[int, int]:
    """When that date begins and ends in China, nanoseconds since 1970."""
    begins = int(dt.datetime.combine(dt.date.fromisoformat(date), dt.time(), ZONE).timestamp()) * 10**9
    return begins, begins + _DAY_NS


def points_of(expected: Iterable[Expected]) -> Counter[Point]:
    """The points that the time series of a site ought to have, from what ought to be in the journal."""
    return Counter(
        Point(_measurement(item.event), item.gate, item.event.time_ns // 1000, point_value(item.event))
        for item in expected
    )


def compare_points(site: str, wanted: Counter[Point], have: Counter[Point]) -> list[Finding]:
    """The errors of a site's time series."""
    missing, extra = wanted - have, have - wanted
    return [
        Finding(
            fault=fault,
            site=site,
            gate=point.gate,
            time_ns=point.time_us * 1000,
            expected=f"{point.measurement} {point.value}" if fault is Fault.SERIES_MISSED else "",
            found="" if fault is Fault.SERIES_MISSED else f"{point.measurement} {point.value}",
        )
        for fault, points in ((Fault.SERIES_MISSED, missing), (Fault.SERIES_INVENTED, extra))
        for point in sorted(points.elements())
    ]


def _measurement(event: AnyEvent) -> str:
    return str(event.__struct_config__.tag).replace("-", "_")


def point_value(event: AnyEvent) -> str:
    """What a point must say, in one word: the same from the truth and from `sim.judge.record`."""
    match event:
        case PersonPassage(temperature=measured):
            return "" if measured is None else f"{measured.skin_c:.3f}"
        case VehiclePassage():
            return str(event.registered).lower()
        case SecondaryMeasurement():
            return f"{event.body_c:.3f}"
        case DeviceState():
            return event.health.value
        case Disinfection():
            return event.place or "vehicle"
        case _:
            return ""
