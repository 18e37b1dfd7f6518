"""Several processes over one broker: each gate is answered by one of them, and by another when that one is gone."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import aiomqtt

from hub.fleet.ingest import TIMES
from tests.support.events import fever, routine
from tests.support.fleets import Process, TellingGate
from tests.support.journals import InPostgres
from tests.support.servers import eventually
from wire import topics
from wire.events import Urgency
from wire.link import BrokerSettings
from wire.messages import Status, Watermark, decode, encode

GATES = 6
LEASE_S = 1.0


async def test_processes_come_go_and_die_and_every_event_is_in_the_log_once_and_in_order(
    journal_url, mosquitto, tmp_path
):
    InPostgres(journal_url)
    broker = BrokerSettings(port=mosquitto.port, backoff_min_s=0.05)
    gates = [TellingGate(tmp_path, f"gate-{number}", broker) for number in range(GATES)]
    processes = [Process(journal_url, f"hub-{number}", broker, LEASE_S) for number in range(3)]
    told, enough = 0, asyncio.Event()

    async def tell() -> None:
        nonlocal told
        while not enough.is_set():
            told += 1
            for gate in gates:
                await gate.outbox.put(fever(told) if told % 3 else routine(told))
            await asyncio.sleep(0.02)

    async with AsyncExitStack() as stack:
        for part in (*processes[:2], *gates):
            await part.start()
        for part in (*gates, processes[0], processes[2]):
            stack.push_async_callback(part.stop)
        telling = asyncio.create_task(tell())
        await eventually(lambda: [each.part for each in processes] == [32, 32, 0], "both have their part")
        await processes[2].start()
        await eventually(lambda: sorted(each.part for each in processes) == [21, 21, 22], "the third has its part")
        assert [each.member.leads for each in processes].count(True) == 1
        assert all(each.ingest.commits for each in processes[:2])
        await processes[1].die()
        await eventually(lambda: processes[0].part + processes[2].part == 64, "its part is taken over", 4 * LEASE_S)
        await asyncio.sleep(0.5)
        enough.set()
        await telling
        async with asyncio.timeout(10):
            while any([await gate.waiting() for gate in gates]):
                await asyncio.sleep(0.05)
        assert processes[2].ingest.commits
        entries = await processes[0].archive.after(0, 10**6)
        urgent = [number for number in range(1, told + 1) if number % 3]
        for gate in gates:
            mine = [entry for entry in entries if entry.stream.gate == gate.spool.gate]
            fevers = [entry.event() for entry in mine if entry.stream.urgency is Urgency.URGENT]
            assert fevers == [fever(number) for number in urgent]
            assert sum(entry.stream.urgency is Urgency.ROUTINE for entry in mine) == told - len(urgent)
        assert [entry.offset for entry in entries] == list(range(1, GATES * told + 1))


async def test_a_gate_of_which_nothing_comes_is_told_again_where_to_go_on(journal_url, mosquitto, monkeypatch):
    monkeypatch.setattr("hub.fleet.ingest.DOUBT_S", 0.1)
    InPostgres(journal_url)
    process = Process(journal_url, "hub", BrokerSettings(port=mosquitto.port), LEASE_S)
    told = []
    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as gate, AsyncExitStack() as stack:
        await gate.subscribe(topics.acks_for("site", "north"))
        await process.start()
        stack.push_async_callback(process.stop)
        await gate.publish(topics.status("site", "north"), encode(Status(1, True, "e1", 1)), qos=1, retain=True)
        async with asyncio.timeout(20):
            async for message in gate.messages:
                told.append(decode(Watermark, bytes(message.payload)))
                if len([mark for mark in told if mark.stream.urgency is Urgency.URGENT]) > TIMES:
                    break
    assert all((mark.through, mark.resend) == (0, True) for mark in told)
