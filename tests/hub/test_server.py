"""The hub as a whole, with the broker that comes with it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx
import msgspec
import pytest

from hub.board import Snapshot
from hub.server import Hub
from hub.settings import EmbeddedSettings, HubSettings, WebSettings
from tests.support.events import TIME_NS, fever, routine
from tests.support.journals import ROUTINE, batch
from tests.support.servers import eventually, free_port
from wire.errors import LinkError
from wire.link import BrokerSettings


def hub_in(folder: Path, broker_port: int | None = None) -> Hub:
    settings = HubSettings(
        site="site",
        data=str(folder),
        broker=BrokerSettings(port=broker_port or free_port(), backoff_min_s=0.05),
        embedded_broker=EmbeddedSettings(enabled=True),
        web=WebSettings(port=0),
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
    async with httpx.AsyncClient() as client:
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
    await stop(task)
    again = hub_in(tmp_path)
    task = await running(again)
    await eventually(lambda: len(again.desk.open) == 2, "the alerts are there again")
    await eventually(lambda: len(again.board.snapshot().passages) == 2, "so are the last passages")
    shown = again.board.snapshot()
    await stop(task)
    assert shown.gates[0].fevers_today == 2
    assert [passage.offset for passage in shown.passages] == [2, 1]
    assert {alert.told for alert in shown.alerts} == {"no-channel"}


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


async def test_an_embedded_broker_that_dies_is_started_again(tmp_path):
    hub = hub_in(tmp_path)
    task = await running(hub)
    await eventually(lambda: hub.ingest.connected, "the hub is connected")
    assert hub._broker is not None
    await asyncio.to_thread(hub._broker._broker.stop)
    await eventually(lambda: not hub.ingest.connected, "the broker is gone")
    await eventually(lambda: hub.ingest.connected, "and back")
    await stop(task)
