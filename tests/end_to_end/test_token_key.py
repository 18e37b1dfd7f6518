"""The site changes its token key: each gate gets the new one over its own way, at a mosquitto with the hub's files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import menshen
from edge import enrol as edge_enrol
from edge import identity, token_key
from edge.agent import Agent
from edge.remote.keeper import Configurations
from edge.remote.run import run_gate
from edge.settings import Gate as Chosen
from hub.database import Database
from hub.registry.fields import PEOPLE
from hub.server import Hub
from hub.settings import HubSettings, load
from hub.token_keys import desk, giver
from hub.token_keys.desk import Standing
from hub.trust.service import Trust
from tests.end_to_end.test_trust import listening
from tests.support.servers import eventually, free_port
from tests.support.trust import SITE, TOKEN_KEY, TrustedMosquitto
from wire import key_transport, topics
from wire.errors import SealError
from wire.messages import decode
from wire.token_keys import TokenKeyOffer
from wire.tokens import TokenKind, read_key, token

NAME, TELEPHONE = "李雷", "13800138000"


class Gate:
    """An enrolled gate's files, and its agent while it runs."""

    def __init__(self, folder: Path, name: str, settings: HubSettings) -> None:
        folder.mkdir()
        self.folder, self.file, self.name = folder, folder / "gate.toml", name
        assert settings.authority is not None
        self.file.write_text(
            f'site = "{SITE}"\ngate = "{name}"\nhub = "http://127.0.0.1:{settings.web.port}"\n'
            f'token_key_file = "token.key"\nvitals_every_s = 0.3\n'
            f'[broker]\nhost = "localhost"\nport = {settings.authority.port}\n'
            "backoff_min_s = 0.05\nbackoff_max_s = 0.3\n"
            '[broker.tls]\nca = "site.pem"\ncertificate = "gate.pem"\n'
            '[[lanes]]\nname = "people"\n[lanes.badge]\ndriver = "simulated"\nscene = "x"\n'
        )
        self.agents: list[Agent] = []

    @property
    def key(self) -> bytes:
        return read_key(self.folder / "token.key")

    def knows(self, key: bytes) -> bool:
        """Whether its copy of the registry has the badge B1 under that key."""
        return self.agents[-1].house.registry.find(token(key, TokenKind.BADGE, "B1")) is not None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        configurations = Configurations(self.file, self.folder / "var")

        def make(chosen: Chosen) -> Agent:
            self.agents.append(Agent(chosen, "0", configurations=configurations))
            return self.agents[-1]

        task = asyncio.create_task(run_gate(configurations, make))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class Site:
    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "token.key").write_bytes(TOKEN_KEY)
        (folder / "mqtt.password").write_text("a long and random word\n")
        for name in ("token.key", "mqtt.password"):
            (folder / name).chmod(0o600)
        self.file = folder / "hub.toml"
        self.file.write_text(
            f'site = "{SITE}"\ndata = "data"\ntoken_key_file = "token.key"\n'
            f'[broker]\nport = {free_port()}\nusername = "hub"\npassword_file = "mqtt.password"\n'
            "backoff_min_s = 0.05\nbackoff_max_s = 0.3\n"
            f'[authority]\nnames = ["localhost"]\nport = {free_port()}\n'
            f"[embedded_broker]\nenabled = false\n[web]\nport = {free_port()}\n"
        )
        self.settings = load(self.file)
        self.key_file = folder / "token.key"

    @property
    def key(self) -> bytes:
        return read_key(self.key_file)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Hub]:
        hub, ready = Hub(self.settings, "0"), asyncio.Event()
        task = asyncio.create_task(hub.run(ready))
        await ready.wait()
        try:
            yield hub
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def say(self, *words: str) -> int:
        """A command beside the hub."""
        return await asyncio.to_thread(menshen.main, ["hub", "registry", words[0], str(self.file), *words[1:]])


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[tuple[Site, TrustedMosquitto]]:
    site = Site(tmp_path / "hub")
    trust = Trust(site.settings, Database(site.settings.database_url))
    trust.prepare()
    (trust.folder / "acl").write_text("")
    (trust.folder / "revoked.pem").write_text(trust._authority.revocations([], trust._now()))
    assert site.settings.authority is not None
    mosquitto = TrustedMosquitto(trust.folder, site.settings.authority.port)
    mosquitto.start()
    yield site, mosquitto
    mosquitto.stop()


@pytest.mark.timeout(120)
async def test_a_new_key_is_at_every_gate_by_itself_and_the_old_one_ends_when_the_last_has_it(
    broker, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(giver, "LOOK_EVERY_S", 0.1)
    monkeypatch.setattr(token_key, "LOOK_S", 0.1)
    site, mosquitto = broker
    north, south = (Gate(tmp_path / name, name, site.settings) for name in ("north", "south"))
    async with site.running() as hub:
        assert hub._trust is not None
        mosquitto.reload()  # the hub has written its own rights
        for gate in (north, south):
            code = await hub._trust.expect(gate.name, by="test")
            await asyncio.to_thread(edge_enrol.enrol, gate.file, code, None)
        mosquitto.reload()
        person = {"number": "1", "name": NAME, "telephone": TELEPHONE, "badges": "B1"}
        await hub.office.put(PEOPLE, person, by="hr", known=None)
    async with north.running():
        assert await site.say("rekey") == 0
        assert site.key != TOKEN_KEY
        assert await site.say("rekey", "--finish") == 1  # nobody has it yet
        assert "north, south: not known to have the new key" in capsys.readouterr().err
        async with site.running() as hub:
            # What a gate can read at all, by its own certificate; and nobody's name is in it.
            async with listening(south_settings(south), "x", "#") as heard:
                await eventually(lambda: north.key == site.key, "the new key at north", 30)
                await eventually(lambda: hub._giver.standing.missing == ["south"], "north's word", 30)
                await eventually(lambda: any(topics.token_key(SITE, "south") in one for one in heard), "its offer")
            assert not [one for one in heard if topics.token_key(SITE, "north") in one]
            assert not [one for one in heard if NAME in one or TELEPHONE in one or site.key.decode() in one]
            assert len(north.agents) == 2  # it started anew by the new key, and knows everybody by both
            await eventually(lambda: north.knows(site.key) and north.knows(TOKEN_KEY), "both keys' tokens", 20)
            await stranger_reads_nothing(hub, site, north, south)
            assert (await standing(hub)).current.is_open
            async with south.running():
                await eventually(lambda: south.key == site.key, "the new key at south", 30)
                async with asyncio.timeout(30):
                    while (await standing(hub)).current.is_open:
                        await asyncio.sleep(0.1)
                await eventually(lambda: not north.knows(TOKEN_KEY), "the old tokens gone", 20)
                assert north.knows(site.key)


def south_settings(gate: Gate):
    from edge import settings

    return settings.read(gate.file).broker


async def standing(hub: Hub) -> Standing:
    return await hub.database.read(desk.standing)


async def stranger_reads_nothing(hub: Hub, site: Site, north: Gate, south: Gate) -> None:
    """Not even who gets at the bytes that are for another gate."""
    topic = topics.token_key(SITE, "north")
    async with listening(hub_broker(site), "spy", topic) as heard:
        await eventually(lambda: bool(heard), "what is retained for north")
    offer = decode(TokenKeyOffer, heard[0].partition(" ")[2].encode())
    authority = token_key._authority(south.folder / "site.pem")
    for gate, of in (("north", south), ("south", south)):
        own = identity.read(of.folder / "gate.pem").key
        with pytest.raises(SealError):
            key_transport.unseal(offer, own, authority, site=SITE, gate=gate)
    own = identity.read(north.folder / "gate.pem").key
    assert key_transport.unseal(offer, own, authority, site=SITE, gate="north") == site.key


def hub_broker(site: Site):
    return site.settings.broker
