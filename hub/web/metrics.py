"""`GET /api/metrics`: how gates, hub and alerts stand, for Prometheus (text format 0.0.4). No person is in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from fastapi import Depends, FastAPI, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hub.accounts.roles import Permission
from hub.board import GateRow, Snapshot
from hub.web.access import Access
from wire.machine import Machine

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_GATE = ("site", "gate")
_HEALTHS = ("ok", "degraded", "failed")


class _Once(Collector):
    """The metrics of one snapshot."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def add_metrics(
    app: FastAPI, access: Access, snapshot: Callable[[], Snapshot], ready: Callable[[], dict[str, str]]
) -> None:
    """The one address; Prometheus comes with a token (`authorization` in its scrape configuration)."""
    seeing = access.needs(Permission.BOARD)

    @app.get("/api/metrics", dependencies=[Depends(seeing)])
    async def metrics() -> Response:
        return Response(render(snapshot(), ready()), media_type=CONTENT_TYPE)


def render(snapshot: Snapshot, problems: dict[str, str]) -> bytes:
    """The snapshot as Prometheus reads it."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once([*_of_gates(snapshot), *_of_hub(snapshot, problems)]))
    return generate_latest(registry)


def _of_gates(snapshot: Snapshot) -> Iterator[Metric]:
    def gauge(name: str, about: str, value: Callable[[GateRow], float | None]) -> Metric:
        family = GaugeMetricFamily(f"menshen_gate_{name}", about, labels=_GATE)
        for gate in snapshot.gates:
            if (found := value(gate)) is not None:
                family.add_metric((gate.site, gate.gate), found)
        return family

    yield gauge("online", "Whether the gate is heard of.", lambda gate: float(gate.state == "online"))
    yield gauge(
        "silence_seconds",
        "Since the gate was last heard of.",
        lambda gate: max(0.0, (snapshot.time_ns - gate.seen_ns) / 1e9) if gate.seen_ns else None,
    )
    yield gauge(
        "registry_age_seconds",
        "Since a hub last confirmed the gate's copy of the registry.",
        lambda gate: None if gate.registry is None or gate.registry.age_s is None else gate.registry.age_s,
    )
    yield gauge(
        "settings_differ",
        "Whether the gate runs other settings than it is to run.",
        lambda gate: (
            None
            if gate.wanted is None or gate.configuration is None
            else float(gate.configuration.running != gate.wanted)
        ),
    )
    yield from _of_machines(gauge)
    unsent = GaugeMetricFamily(
        "menshen_gate_unsent_events", "Events at the gate that the hub has not.", labels=(*_GATE, "urgency")
    )
    health = GaugeMetricFamily(
        "menshen_device_health", "1 for the state that the device is in.", labels=(*_GATE, "device", "kind", "health")
    )
    for gate in snapshot.gates:
        unsent.add_metric((gate.site, gate.gate, "urgent"), gate.spool_urgent)
        unsent.add_metric((gate.site, gate.gate, "routine"), gate.spool_routine)
        for device in gate.devices:
            for state in _HEALTHS:
                labels = (gate.site, gate.gate, device.name, device.kind, state)
                health.add_metric(labels, float(device.health == state))
    yield unsent
    yield health


def _of_machines(gauge: Callable[[str, str, Callable[[GateRow], float | None]], Metric]) -> Iterator[Metric]:
    """What gates' machines tell of themselves; one that does not tell is left out."""

    def of_machine(read: Callable[[Machine], float | None]) -> Callable[[GateRow], float | None]:
        return lambda gate: None if gate.vitals is None else read(gate.vitals.machine)

    yield gauge("cpu_celsius", "The processor's temperature.", of_machine(lambda machine: machine.cpu_c))
    yield gauge(
        "throttled_bits", "What the firmware says of power and heat.", of_machine(lambda machine: machine.throttled)
    )
    yield gauge(
        "disk_free_bytes",
        "Free beside the gate's spool.",
        lambda gate: (
            None if gate.vitals is None or gate.vitals.disk_free_mb is None else gate.vitals.disk_free_mb * 1e6
        ),
    )
    yield gauge(
        "storage_wear_percent", "How much of the storage's life is used.", of_machine(lambda one: one.wear_percent)
    )
    yield gauge(
        "storage_written_bytes",
        "All that was ever written to the spool's file system.",
        of_machine(lambda machine: None if machine.written_gb is None else machine.written_gb * 1e9),
    )
    yield gauge(
        "clock_ahead_seconds",
        "The gate's clock minus the hub's.",
        lambda gate: None if gate.vitals is None else gate.vitals.clock_ahead_s,
    )
    yield gauge(
        "clock_error_seconds",
        "How wrong the gate's kernel takes its clock to be at most.",
        of_machine(lambda machine: None if machine.clock is None else machine.clock.error_s),
    )
    yield gauge(
        "safe_mode",
        "Whether the gate runs in safe mode.",
        lambda gate: None if gate.vitals is None else float(gate.vitals.safe),
    )


def _of_hub(snapshot: Snapshot, problems: dict[str, str]) -> Iterator[Metric]:
    yield GaugeMetricFamily("menshen_hub_ready", "Whether all is well in the hub.", value=float(not problems))
    yield CounterMetricFamily("menshen_journal_events", "Events in the journal.", value=snapshot.journal_events)
    yield GaugeMetricFamily("menshen_dead_letters", "What could not be used.", value=snapshot.dead_letters)
    behind = GaugeMetricFamily(
        "menshen_projection_behind_events", "Events that a projection has still to read.", labels=("projection",)
    )
    waits = GaugeMetricFamily(
        "menshen_projection_waits", "Whether a projection waits for something that fails.", labels=("projection",)
    )
    for row in snapshot.projections:
        behind.add_metric((row.name,), row.behind)
        waits.add_metric((row.name,), float(bool(row.error)))
    yield behind
    yield waits
    alerts = GaugeMetricFamily("menshen_alerts", "Open alerts.", labels=("rule", "severity", "state"))
    counted = Counter((alert.rule, alert.severity, alert.state) for alert in snapshot.alerts)
    for labels, count in sorted(counted.items()):
        alerts.add_metric(labels, count)
    yield alerts
