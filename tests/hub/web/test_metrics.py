"""What Prometheus reads of a hub."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from hub.accounts.roles import Permission
from hub.web.app import Office, create_app
from hub.web.metrics import CONTENT_TYPE, render
from tests.support.console import WrittenBoard, bearer, make_database, token_for
from tests.support.snapshots import bad_day, board
from wire.messages import ConfigurationHeld


def samples(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample by name and labels, as Prometheus' own parser reads it."""
    families = text_string_to_metric_families(text.decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_gates_devices_projections_and_alerts_are_what_the_board_says():
    snapshot = bad_day()
    found = samples(render(snapshot, {"influx": "does not answer"}))
    for gate in snapshot.gates:
        labels = (("gate", gate.gate), ("site", gate.site))
        assert found["menshen_gate_online", labels] == (gate.state == "online")
        assert found["menshen_gate_unsent_events", (*labels, ("urgency", "urgent"))] == gate.spool_urgent
        for device in gate.devices:
            states = {
                dict(key[1])["health"]: value
                for key, value in found.items()
                if key[0] == "menshen_device_health"
                and {("device", device.name), ("gate", gate.gate), ("site", gate.site)} <= set(key[1])
            }
            assert sum(states.values()) <= 1
            assert states.get(device.health, 1.0) == 1.0
    for row in snapshot.projections:
        assert found["menshen_projection_behind_events", (("projection", row.name),)] == row.behind
    alerts = [value for (name, _), value in found.items() if name == "menshen_alerts"]
    assert sum(alerts) == len(snapshot.alerts)
    assert found["menshen_hub_ready", ()] == 0.0
    assert found["menshen_journal_events_total", ()] == snapshot.journal_events


@pytest.mark.parametrize(("running", "wanted", "differs"), [(0, 5, 1.0), (5, 5, 0.0), (0, 0, 0.0)])
def test_a_gate_that_runs_other_settings_than_wanted_shows(running, wanted, differs):
    gate = replace(board().gates[0], configuration=ConfigurationHeld(running=running), wanted=wanted)
    found = samples(render(replace(board(), gates=(gate,)), {}))
    assert found["menshen_gate_settings_differ", (("gate", gate.gate), ("site", gate.site))] == differs


async def test_a_program_with_a_token_reads_it_and_nobody_without(tmp_path: Path):
    database = await make_database(tmp_path)
    try:
        app = create_app(WrittenBoard(bad_day()), site="baotou-1", version="0", office=Office(database))
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
            assert (await client.get("/api/metrics")).status_code == 401
            token = await token_for(database, Permission.BOARD)
            answer = await client.get("/api/metrics", headers=bearer(token))
            assert answer.status_code == 200
            assert answer.headers["content-type"] == CONTENT_TYPE
            assert samples(answer.content)
    finally:
        await database.stop()
