"""The hub as a whole, with the broker that comes with it."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import aiomqtt
import httpx
import msgspec
import pytest

from hub.alerts.channels import WebhookSettings
from hub.alerts.heartbeat import HeartbeatSettings, Link, broken
from hub.alerts.store import AlertStore
from hub.board import Snapshot
from hub.database import Database
from hub.influx import InfluxSettings
from hub.journal import Journal
from hub.presence import Gate
from hub.registry.models import Badge, Person, PersonKind
from hub.server import Hub
from hub.settings import EmbeddedSettings, HubSettings, WebSettings
from tests.support.console import bearer, token_for
from tests.support.events import TIME_NS, fever, routine
from tests.support.journals import ROUTINE, batch
from tests.support.servers import die_with_parent, eventually, free_port
from wire import topics
from wire.errors import LinkError, MenshenError
from wire.events import Urgency
from wire.link import BrokerSettings
from wire.messages import encode


def hub_in(folder: Path, broker_port: int | None = None, web_port: int = 0, **options: Any) -> Hub:
    settings = HubSettings(
        site="site",
        data=str(folder),
        broker=BrokerSettings(port=broker_port or free_port(), backoff_min_s=0.05),
        embedded_broker=EmbeddedSettings(enabled=True),
        web=WebSettings(port=web_port),
        **options,
    )
    return Hub(settings, "test")


async def running(hub: Hub) -> asyncio.Task[None]:
    ready = asyncio.Event()
    task = asyncio.create_task(hub.run(ready))
    await asyncio.wait([task, asyncio.create_task(ready.wait())], return_when=asyncio.FIRST_COMPLETED, timeout=20)
    return task


async def stop(task: asyncio.Task[None]) -> float:
    began_s = time.monotonic()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return time.monotonic() - began_s


async def board(hub: Hub) -> Snapshot:
    headers = bearer(await token_for(hub.database, name=f"test {time.time_ns()}"))
    async with httpx.AsyncClient(headers=headers) as client:
        return msgspec.json.decode((await client.get(f"{hub.web.url}/api/state")).content, type=Snapshot)


async def test_a_hub_starts_serves_stops_and_a_second_run_continues_the_same_journal(tmp_path):
    hub = hub_in(tmp_path)
    task = await running(hub)
    await eventually(lambda: hub.ingest.connected, "the hub is connected")
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{hub.web.url}/readyz")).status_code == 200
    now_ns = time.time_ns()
    await hub.archive.append([batch([fever(1, now_ns), fever(2, now_ns)]), batch([routine(1, now_ns)], stream=ROUTINE)])
    await eventually(lambda: len(hub.desk.open) == 2, "the fevers are alerts")
    assert (await board(hub)).journal_events == 3
    assert await stop(task) < 2.0
    again = hub_in(tmp_path)
    task = await running(again)
    await eventually(lambda: len(again.desk.open) == 2, "the alerts are there again")
    await eventually(lambda: len(again.board.snapshot().passages) == 2, "so are the last passages")
    shown = again.board.snapshot()
    assert await stop(task) < 2.0
    assert shown.gates[0].fevers_today == 2
    assert [passage.offset for passage in shown.passages] == [2, 1]
    assert {alert.told for alert in shown.alerts} == {"no-channel"}


async def test_a_hub_makes_whole_at_its_start_what_the_office_had_committed(tmp_path):
    (tmp_path / "token.key").write_bytes(b"k" * 32)
    database = Database(HubSettings(site="site", data=str(tmp_path)).database_url)
    await database.start()
    badge = Badge(number="4711", token="a-token-0123456789ab")
    person = Person(number="1", name="李雷", kind=PersonKind.EMPLOYEE, created_ns=1, changed_ns=1, badges=[badge])
    await database.write(lambda session: session.add(person))
    await database.stop()
    hub = hub_in(tmp_path, token_key_file=str(tmp_path / "token.key"))
    task = await running(hub)
    for _ in range(200):
        if found := await hub.registrar.ask(lambda store: store.find(badge.token)):
            break
        await asyncio.sleep(0.02)
    await stop(task)
    assert found is not None


async def test_a_hub_without_the_key_that_its_settings_name_says_so(tmp_path):
    with pytest.raises(MenshenError, match="token key cannot be read"):
        hub_in(tmp_path, token_key_file=str(tmp_path / "missing.key"))


async def test_a_hub_whose_links_hold_beats_and_with_any_of_them_broken_it_does_not(tmp_path, http_sink, monkeypatch):
    hub = hub_in(tmp_path, heartbeat=HeartbeatSettings(url=http_sink.url, every_s=1.0))
    task = await running(hub)
    await eventually(lambda: len(http_sink.requests) >= 1, "it beats")
    assert broken(await hub._look(), 600.0) == []
    alerts = next(runner for runner in hub._runners if runner.projection is hub.desk)
    breaks: dict[Link, tuple[object, str, object]] = {
        Link.BROKER: (hub.ingest, "_up", {"urgent"}),
        Link.GATES: (hub.presence, "gates", {("site", "north"): Gate(seen_s=0.0)}),
        Link.JOURNAL: (hub.ingest, "error", "disk full"),
        Link.ALERTS: (alerts, "error", "disk full"),
        Link.NOTIFIER: (hub.desk.notifier, "idle_s", lambda: 61.0),
        Link.CHANNELS: (AlertStore, "untold_s", lambda store, now_ns: 601.0),
    }
    assert set(breaks) == set(Link)
    for link, (part, name, value) in breaks.items():
        with monkeypatch.context() as patched:
            patched.setattr(part, name, value)
            assert broken(await hub._look(), 600.0) == [link]
        assert broken(await hub._look(), 600.0) == []
    await stop(task)


async def test_what_was_yesterday_does_not_count_today(tmp_path):
    hub = hub_in(tmp_path)
    task = await running(hub)
    await hub.archive.append([batch([fever(1, TIME_NS)])])
    await eventually(lambda: len(hub.board.snapshot().passages) == 1, "it is shown")
    shown = hub.board.snapshot()
    await stop(task)
    assert shown.passages[0].late_s > 86400
    assert all(gate.fevers_today == 0 for gate in shown.gates)


async def test_a_broker_port_that_is_taken_is_told(tmp_path, mosquitto):
    hub = hub_in(tmp_path, mosquitto.port)
    with pytest.raises(LinkError, match=str(mosquitto.port)):
        await hub.run()


async def test_a_port_of_the_console_that_is_taken_is_told_and_leaves_nothing_running(tmp_path, http_sink):
    hub = hub_in(tmp_path, web_port=http_sink.port)
    with pytest.raises(MenshenError, match=str(http_sink.port)):
        await hub.run()
    again = hub_in(tmp_path)
    task = await running(again)
    await eventually(lambda: again.ingest.connected, "the same journal is free for another")
    await stop(task)


async def test_a_gate_is_heard_its_fever_told_and_written_and_a_second_hub_goes_on(
    tmp_path, http_sink, influxdb1, database
):
    port = free_port()
    options = {
        "influx": InfluxSettings(url=influxdb1.url, bucket=database),
        "channels": [WebhookSettings(name="hook", url=http_sink.url)],
    }
    for number in (1, 2):
        hub = hub_in(tmp_path, port, **options)
        task = await running(hub)
        await eventually(lambda: hub.ingest.connected, "the hub is connected")  # noqa: B023 - awaited here
        async with aiomqtt.Client("127.0.0.1", port) as gate:
            events = [fever(n, time.time_ns()) for n in range(1, number + 1)]
            await gate.publish(topics.events("site", "north", Urgency.URGENT), encode(batch(events)), qos=1)
            await eventually(lambda: len(http_sink.requests) == number, "it is told")  # noqa: B023
            await eventually(lambda: hub.board.runners[-1].cursor == number, "it is written")  # noqa: B023
        assert await stop(task) < 2.0
    told = [json.loads(request.body)["dedup_key"] for request in http_sink.requests]
    assert told == ["menshen-1-firing", "menshen-2-firing"]
    rows = influxdb1.query("SELECT seq FROM person_passage", database)
    assert [row["seq"] for row in rows] == [1, 2]


def test_a_hub_whose_time_series_server_says_nothing_still_stops_when_it_is_asked_to(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = f"""site = "site"
broker = {{ port = {free_port()} }}
embedded_broker = {{ enabled = true }}
web = {{ port = {free_port()} }}
influx = {{ url = "http://127.0.0.1:{silent.getsockname()[1]}", timeout_s = 60.0 }}
"""
        (tmp_path / "hub.toml").write_text(settings)
        journal = Journal(tmp_path / "var" / "journal.db")
        journal.open()
        journal.append([batch([fever(1)])], TIME_NS)
        journal.close()
        command = [sys.executable, "-m", "menshen", "hub", "run", str(tmp_path / "hub.toml")]
        hub = subprocess.Popen(command, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
        silent.settimeout(20)
        connection, _ = silent.accept()  # it has asked, and waits: for as long as the connection is held open
        began_s = time.monotonic()
        hub.terminate()
        assert hub.wait(20) == 0
        assert time.monotonic() - began_s < 5
        connection.close()


async def test_an_embedded_broker_that_dies_is_started_again(tmp_path):
    hub = hub_in(tmp_path)
    task = await running(hub)
    await eventually(lambda: hub.ingest.connected, "the hub is connected")
    assert hub._broker is not None
    await asyncio.to_thread(hub._broker._broker.stop)
    await eventually(lambda: not hub.ingest.connected, "the broker is gone")
    await eventually(lambda: hub.ingest.connected, "and back")
    await stop(task)


async def test_a_defect_in_one_part_ends_no_other_and_shows(tmp_path, monkeypatch):
    hub = hub_in(tmp_path)

    async def broken() -> None:
        raise KeyError("a defect")

    monkeypatch.setattr(hub._keeper, "run", broken)
    task = await running(hub)
    try:
        await eventually(lambda: "standings" in hub.board.ready(), "the fault")
        assert hub.board.ready()["standings"] == "defect: KeyError('a defect')"
        await hub.archive.append([batch([fever()])])
        await eventually(lambda: bool(hub.board.snapshot().alerts), "the alert of a fever")
        assert not task.done()
    finally:
        await stop(task)
