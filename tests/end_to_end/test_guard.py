"""A visitor whom a guard registers while the hub is away: let in at once, sealed for the hub, known at all gates."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

import menshen
from edge import settings as gate_settings
from edge.agent import Agent
from hub.journal import JournalReader
from tests.chaos.plant import SITE, HubProcess
from tests.support.guard import PASSWORD, write_gate
from tests.support.servers import Mosquitto, eventually
from wire.events import Registration

KEY = "k" * 32
NAME = "韩梅梅"
VISITOR = {
    "guest": "visitor", "number": "V17", "name": NAME, "telephone": "13800138000", "company": "北方泵业",
    "host": "李雷", "reason": "修泵", "hours": "3",
}  # fmt: skip


class Hub(HubProcess):
    """A hub that knows the site's token key."""

    def __init__(self, folder: Path, broker_port: int) -> None:
        super().__init__(folder, broker_port, None)
        (folder / "token.key").write_text(KEY)
        self.settings = folder / "hub.toml"
        self.settings.write_text('token_key_file = "token.key"\n' + self.settings.read_text())


@pytest.fixture
def hub(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[Hub]:
    hub = Hub(tmp_path / "hub", mosquitto.port)
    yield hub
    hub.stop()


@asynccontextmanager
async def running(folder: Path, name: str, broker_port: int) -> AsyncIterator[Guard]:
    """A real gate agent of one lane, and a guard who is logged in at its page."""
    folder.mkdir()
    path = write_gate(
        folder,
        f"""site = "{SITE}"
gate = "{name}"
token_key_file = "key"
vitals_every_s = 0.5
[broker]
port = {broker_port}
backoff_max_s = 0.5
[guard]
password_file = "guard.password"
port = 0
[[lanes]]
name = "people"
[lanes.camera]
driver = "simulated"
scene = "{name}"
rate_per_min = 1.0
""",
    )
    agent = Agent(gate_settings.load(path), "test")
    task = asyncio.create_task(agent.run())
    assert agent.guard is not None
    await eventually(lambda: agent.guard.url is not None, "the page is there")
    async with httpx.AsyncClient(base_url=agent.guard.url, headers={"origin": agent.guard.url}, timeout=20) as client:
        await client.post("/login", data={"password": PASSWORD})
        yield Guard(agent, client)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class Guard:
    """What a guard does at the page, by HTTP."""

    def __init__(self, agent: Agent, client: httpx.AsyncClient) -> None:
        self.agent = agent
        self._client = client

    async def sends(self, path: str, **fields: str) -> str:
        """Fills in a form; the page that comes of it, in English."""
        page = (await self._client.get(f"{path}?lang=en")).text
        found = re.search(r'name="once" value="([^"]+)"', page)
        assert found is not None
        answer = await self._client.post(path, data={"once": found[1], **fields})
        return (await self._client.get(answer.headers["location"])).text if answer.is_redirect else answer.text

    async def lets_in(self, badge: str) -> bool:
        """Measures the holder of a badge, whose temperature is normal."""
        said = await self.sends("/measure", of="people/", badge=badge, body_c="36.5")
        return "<strong>let in</strong>" in said


@pytest.mark.slow
async def test_a_visitor_registered_while_the_hub_is_away_is_let_in_at_once_and_known_to_all_gates_later(
    tmp_path: Path, hub: Hub, mosquitto: Mosquitto, capsys: pytest.CaptureFixture[str]
):
    await asyncio.to_thread(hub.start)
    async with running(tmp_path / "north", "north", mosquitto.port) as north:
        await eventually(lambda: bool(north.agent.follower.sealing_key), "the hub's key is here")
        await asyncio.to_thread(hub.stop)
        assert not await north.lets_in("V17")
        assert "V17" in await north.sends("/register", **VISITOR)
        assert await north.lets_in("V17")
        await asyncio.to_thread(hub.start)
        async with running(tmp_path / "south", "south", mosquitto.port) as south:
            token = north.agent.house.token_of(KEY.encode(), "badge", "V17")
            await eventually(lambda: south.agent.house.registry.find(token) is not None, "the other gate knows")
            assert await south.lets_in("V17")
            assert menshen.main(["hub", "registry", "add", str(hub.settings), "--badge", "V99", "--holder", "visitor",
                                 "--hours", "8"]) == 0  # fmt: skip
            announced = north.agent.house.token_of(KEY.encode(), "badge", "V99")
            await eventually(lambda: south.agent.house.registry.find(announced) is not None, "it arrives")
            assert await south.lets_in("V99")
    capsys.readouterr()
    assert menshen.main(["hub", "registry", "visits", str(hub.settings)]) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert line.endswith("guard\t韩梅梅, V17, 13800138000, 北方泵业, 李雷, 修泵")
    await asyncio.to_thread(hub.stop)
    assert [event.sealed != "" for event in _registrations(hub)] == [True]
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in kept if NAME.encode() in path.read_bytes()] == []


def _registrations(hub: Hub) -> list[Registration]:
    entries = JournalReader(hub.journal).after(0, 10_000)
    return [event for entry in entries if isinstance(event := entry.event(), Registration)]
