"""Snapshots of the live board for what shows them: a calm site, a bad day, and any board at all."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from hub.board import AlertRow, DeviceRow, GateRow, PassageRow, ProjectionRow, Snapshot
from wire.events import Direction, Outcome, Reason, Refusal, Temperature, Verdict
from wire.messages import RegistryHeld

NOON_NS = 1_581_480_000_000_000_000
"""2020-02-12 04:00:00 UTC, noon in Baotou."""
SECOND_NS = 1_000_000_000


def gate(name: str, *, now_ns: int = NOON_NS, **changes: Any) -> GateRow:
    """A gate that is online and well, seen two seconds ago."""
    row: dict[str, Any] = {
        "site": "baotou-1",
        "gate": name,
        "state": "online",
        "seen_ns": now_ns - 2 * SECOND_NS,
        "version": "0.1.0",
        "frames_per_s": {"cam-a": 8.7},
        "registry": RegistryHeld(1_581_480_001, 9_417, 3.0),
        "devices": (
            DeviceRow("cam-a", "thermal", "ok"),
            DeviceRow("reader-a", "badge", "ok"),
            DeviceRow("barrier-a", "actuator", "ok"),
        ),
        "people_today": 412,
        "vehicles_today": 37,
    }
    return GateRow(**(row | changes))


def person(offset: int, *, now_ns: int = NOON_NS, **changes: Any) -> PassageRow:
    """An employee with a normal temperature who was let in, `offset` rising with time."""
    row: dict[str, Any] = {
        "offset": offset,
        "time_ns": now_ns - SECOND_NS,
        "site": "baotou-1",
        "gate": "north",
        "lane": "a",
        "kind": "person",
        "outcome": Outcome.ALLOW,
        "verdict": Verdict.NORMAL,
        "temperature": Temperature(skin_c=34.8 + offset % 7 / 10, u_c=0.21, looks=5, limit_c=36.9),
        "who": "k3Xq7a",
        "reasons": (Reason.TEMPERATURE_NORMAL,),
    }
    return PassageRow(**(row | changes))


def fever(offset: int, **changes: Any) -> PassageRow:
    """Somebody with a fever, refused."""
    reading = Temperature(skin_c=37.9, u_c=0.24, looks=5, limit_c=36.9)
    facts = {"outcome": Outcome.DENY, "verdict": Verdict.FEVER, "temperature": reading, "reasons": (Reason.FEVER,)}
    return person(offset, **(facts | changes))


def vehicle(offset: int, **changes: Any) -> PassageRow:
    """A registered vehicle that was let in."""
    facts = {"kind": "vehicle", "lane": "truck", "verdict": None, "temperature": None, "who": "p9Zt2c"}
    return person(offset, **(facts | {"reasons": (Reason.VEHICLE_REGISTERED,)} | changes))


def alert(number: int, *, now_ns: int = NOON_NS, **changes: Any) -> AlertRow:
    """A fever alert that is ten minutes old and was told."""
    row: dict[str, Any] = {
        "id": number,
        "key": f"fever:baotou-1:north:{number}",
        "rule": "fever",
        "severity": "critical",
        "state": "firing",
        "since_ns": now_ns - 600 * SECOND_NS,
        "last_ns": now_ns - 30 * SECOND_NS,
        "count": 1,
        "site": "baotou-1",
        "gate": "north",
        "lane": "a",
        "told": "delivered",
    }
    return AlertRow(**(row | changes))


def board(*, now_ns: int = NOON_NS, **changes: Any) -> Snapshot:
    """A calm site of two gates; `changes` replaces what it names."""
    board: dict[str, Any] = {
        "time_ns": now_ns,
        "site": "baotou-1",
        "gates": (gate("north", now_ns=now_ns), gate("south", now_ns=now_ns, people_today=96, vehicles_today=4)),
        "passages": calm_passages(now_ns),
        "alerts": (),
        "projections": (ProjectionRow("timeseries", 0, "live"), ProjectionRow("alerts", 0, "live")),
        "journal_events": 20_214,
        "dead_letters": 0,
        "events_per_s": 2.4,
    }
    return Snapshot(**(board | changes))


def calm_passages(now_ns: int = NOON_NS, count: int = 24) -> tuple[PassageRow, ...]:
    """Newest first, one every seven seconds, every sixth a vehicle."""
    return tuple(
        (vehicle if n % 6 == 5 else person)(
            1000 - n, now_ns=now_ns - 7 * n * SECOND_NS, gate="south" if n % 4 == 3 else "north"
        )
        for n in range(count)
    )


def bad_day(now_ns: int = NOON_NS) -> Snapshot:
    """Everything that may be abnormal, at once."""
    minute_ns = 60 * SECOND_NS
    gates = (
        gate("north", now_ns=now_ns, fevers_today=2, refused_today=5, spool_urgent=1, spool_routine=3),
        gate(
            "south",
            now_ns=now_ns,
            devices=(
                DeviceRow("cam-a", "thermal", "failed", "no frame for 31 s; the shutter did not open"),
                DeviceRow("reader-a", "badge", "degraded", "12 of 100 reads had a wrong checksum"),
                DeviceRow("barrier-a", "actuator", "ok"),
            ),
        ),
        gate("west", now_ns=now_ns, state="silent", seen_ns=now_ns - 4 * minute_ns, spool_routine=210,
             spool_oldest_ns=now_ns - 9 * minute_ns, registry=RegistryHeld(1_581_480_000, 9_412, 9_000.0, 3)),
        gate("river", now_ns=now_ns, state="offline", seen_ns=now_ns - 26 * 60 * minute_ns, devices=()),
    )  # fmt: skip
    return board(
        now_ns=now_ns,
        gates=gates,
        passages=bad_passages(now_ns),
        alerts=bad_alerts(now_ns),
        projections=(
            ProjectionRow("timeseries", 1840, "waiting", "http://127.0.0.1:8086 refused the connection"),
            ProjectionRow("alerts", 0, "live"),
            ProjectionRow("checks", 12, "catching-up"),
        ),
        dead_letters=3,
    )


def bad_alerts(now_ns: int) -> tuple[AlertRow, ...]:
    hour_ns = 3600 * SECOND_NS
    return (
        alert(9, now_ns=now_ns, told="retrying", detail="skin 37.9 °C, limit 36.9 °C, five looks"),
        alert(8, now_ns=now_ns, rule="gate-silent", gate="west", lane="", since_ns=now_ns - 240 * SECOND_NS),
        alert(7, now_ns=now_ns, rule="unregistered-vehicle", severity="warning", gate="south", lane="truck", count=3,
              told="pending"),
        alert(5, now_ns=now_ns, rule="disinfection-overdue", severity="warning", gate="canteen", lane="",
              since_ns=now_ns - 27 * hour_ns, told="no-channel"),
        alert(4, now_ns=now_ns, rule="gap", severity="info", gate="river", lane="", since_ns=now_ns - 26 * hour_ns,
              told="late", detail="40 events lost: the spool was full"),
    )  # fmt: skip


def bad_passages(now_ns: int) -> tuple[PassageRow, ...]:
    def at(seconds: int) -> int:
        return now_ns - seconds * SECOND_NS

    unmeasured = {"temperature": None, "verdict": Verdict.UNMEASURED, "outcome": Outcome.REMEASURE}
    return (
        fever(1012, now_ns=at(2)),
        person(1011, now_ns=at(6), refusal=Refusal.NOT_FRONTAL, reasons=(Reason.UNMEASURED,), **unmeasured),
        person(1010, now_ns=at(9)),
        vehicle(1009, now_ns=at(15), outcome=Outcome.DENY, who=None,
                reasons=(Reason.VEHICLE_UNREGISTERED, Reason.NOT_DISINFECTED)),
        person(1008, now_ns=at(21), verdict=Verdict.SUSPECT, outcome=Outcome.REMEASURE,
               temperature=Temperature(skin_c=36.8, u_c=0.3, looks=3), reasons=(Reason.SUSPECT,)),
        person(1007, now_ns=at(24), direction=Direction.OUT, gate="south"),
        person(1006, now_ns=at(31), outcome=Outcome.DENY, who=None, reasons=(Reason.NO_BADGE, Reason.SEVERAL_PEOPLE)),
        person(1005, now_ns=at(5400), gate="west", late_s=5380.0),
        person(1004, now_ns=at(90_000), gate="river", late_s=88_000.0, outcome=Outcome.DENY,
               reasons=(Reason.IN_ISOLATION,)),
        *calm_passages(at(40), 16),
    )  # fmt: skip


_texts = st.text(max_size=40)
_times = st.integers(-(2**62), 2**70)
_floats = st.floats()
_counts = st.integers(0, 2**53)


def _state(*known: str) -> st.SearchStrategy[str]:
    return st.sampled_from(known) | _texts


_temperatures = st.builds(
    Temperature,
    skin_c=_floats,
    u_c=_floats,
    looks=_counts,
    limit_c=st.none() | _floats,
    reference_c=st.none() | _floats,
)
_passages = st.builds(
    PassageRow,
    offset=st.integers(),
    time_ns=_times,
    site=_texts,
    gate=_texts,
    lane=_texts,
    kind=_state("person", "vehicle"),
    outcome=st.sampled_from(Outcome),
    verdict=st.none() | st.sampled_from(Verdict),
    direction=st.sampled_from(Direction),
    temperature=st.none() | _temperatures,
    refusal=st.none() | st.sampled_from(Refusal),
    who=st.none() | _texts,
    reasons=st.lists(st.sampled_from(Reason), max_size=4).map(tuple),
    late_s=_floats,
)
_alerts = st.builds(
    AlertRow,
    id=st.integers(),
    key=_texts,
    rule=_texts,
    severity=_state("critical", "warning", "info"),
    state=_state("firing", "resolved"),
    since_ns=_times,
    last_ns=_times,
    count=_counts,
    site=_texts,
    gate=_texts,
    lane=_texts,
    detail=_texts,
    told=_state("pending", "delivered", "retrying", "late", "no-channel"),
)
_devices = st.builds(
    DeviceRow, name=_texts, kind=_state("thermal", "badge"), health=_state("ok", "degraded", "failed"), detail=_texts
)
_gates = st.builds(
    GateRow,
    site=_texts,
    gate=_texts,
    state=_state("online", "silent", "offline"),
    seen_ns=_times,
    version=_texts,
    spool_urgent=_counts,
    spool_routine=_counts,
    spool_oldest_ns=st.none() | _times,
    frames_per_s=st.dictionaries(_texts, _floats, max_size=2),
    devices=st.lists(_devices, max_size=3).map(tuple),
    people_today=_counts,
    vehicles_today=_counts,
    fevers_today=_counts,
    refused_today=_counts,
)
_projections = st.builds(
    ProjectionRow, name=_texts, behind=_counts, state=_state("live", "catching-up", "waiting"), error=_texts
)


def boards() -> st.SearchStrategy[Snapshot]:
    """Any board that the types allow: hostile text, times out of range, infinite temperatures, unknown states."""
    return st.builds(
        Snapshot,
        time_ns=_times,
        site=_texts,
        gates=st.lists(_gates, max_size=3).map(tuple),
        passages=st.lists(_passages, max_size=4).map(tuple),
        alerts=st.lists(_alerts, max_size=3).map(tuple),
        projections=st.lists(_projections, max_size=2).map(tuple),
        journal_events=_counts,
        dead_letters=_counts,
        events_per_s=_floats,
    )
