"""A notice from the office to gates and telephones, over a real broker: shown, kept, withdrawn, seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.clock import SystemTime
from edge.notices import NoticeBoard
from hub.database import Database
from hub.notices import words
from hub.notices.herald import Herald
from hub.notices.models import Audience
from hub.notices.words import Written
from tests.support.servers import Mosquitto, eventually
from wire.link import Arrival, BrokerSettings, Session, hold
from wire.registry import digest_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(5000)
HOUR_NS = 3600 * 10**9


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'menshen.db'}")
    await database.start()
    yield database
    await database.stop()


class Listener:
    """A gate's connection with nothing but its notices."""

    def __init__(self, folder: Path, gate: str, broker: BrokerSettings) -> None:
        self.board = NoticeBoard("s", gate, folder / gate, SystemTime())
        self._broker, self._gate = broker, gate

    async def run(self) -> None:
        await self.board.start()
        await hold(self._broker, f"test-{self._gate}", self._use)

    async def _use(self, session: Session) -> None:
        await session.subscribe(self.board.topics)
        following = asyncio.create_task(self.board.follow(session))
        try:
            async for arrival in session.arrivals():
                await self._hear(session, arrival)
        finally:
            following.cancel()

    async def _hear(self, session: Session, arrival: Arrival) -> None:
        if self.board.takes(arrival.topic):
            await self.board.hear(session, arrival)

    def shown(self) -> list[str]:
        return [one.zh for one in self.board.current()]


async def test_a_notice_reaches_the_gates_that_it_is_for_over_a_broker_that_forgets_everything(
    mosquitto: Mosquitto, tmp_path, database
):
    broker = BrokerSettings(port=mosquitto.port, backoff_min_s=0.05, backoff_max_s=0.2)
    now_ns = SystemTime().now().time_ns
    herald = Herald("s", database, broker, "herald")
    north, south = (Listener(tmp_path, gate, broker) for gate in ("north", "south"))
    tasks = [asyncio.create_task(work()) for work in (herald.run, north.run, south.run)]

    async def write(audience: Audience, text: str, **more: object) -> int:
        usual = Written(audience, None, (), text, "", "", 0, None, now_ns, now_ns + HOUR_NS)
        row = await database.write(lambda db: words.make(db, usual._replace(**more), by="wang", now_ns=now_ns))
        herald.tell()
        return row.id

    try:
        await write(Audience.SITE, "全厂", picture=PNG)
        only_north = await write(Audience.GATES, "北门", gates=("north",))
        await eventually(lambda: sorted(north.shown()) == ["全厂", "北门"], "the north gate shows both")
        await eventually(lambda: south.shown() == ["全厂"], "the south gate shows the site's")
        await eventually(lambda: north.board.picture(digest_of(PNG)) == PNG, "the picture is there")
        mosquitto.restart()
        await database.write(lambda db: words.withdraw(db, only_north, by="wang", now_ns=now_ns))
        herald.tell()
        await eventually(lambda: north.shown() == ["全厂"], "what was withdrawn is gone")
        late = Listener(tmp_path, "east", broker)
        tasks.append(asyncio.create_task(late.run()))
        await eventually(lambda: late.board.picture(digest_of(PNG)) == PNG, "a gate that comes later has it all")
        assert late.shown() == ["全厂"]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
