"""Gates and hub under the site's own certificates, at a real mosquitto with the files that the hub wrote."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import menshen
from edge import enrol as edge_enrol
from edge import identity
from edge.agent import Agent
from edge.identity import Renewer
from edge.remote.keeper import Configurations
from edge.settings import GateSettings
from hub.database import Database
from hub.registry.office import PeopleOffice
from hub.registry.store import Registrar, RegistryStore
from hub.settings import HubSettings
from hub.trust.service import Trust
from hub.web.app import Office, create_app
from hub.web.serve import WebServer
from tests.support.console import ZONE, WrittenBoard
from tests.support.servers import eventually
from tests.support.snapshots import bad_day
from tests.support.trust import SITE, TOKEN_KEY, TrustedMosquitto, hub_settings
from wire import topics
from wire.errors import EnrolmentError, LinkError, SettingsError
from wire.events import Urgency
from wire.link import BrokerSettings, TlsSettings, connect


class Hub:
    """The hub's part: its trust behind its console's door."""

    def __init__(self, folder: Path, **authority: float) -> None:
        self.settings: HubSettings = hub_settings(folder, **authority)
        self.database = Database(self.settings.database_url)
        self.trust = Trust(self.settings, self.database)
        self._registrar = Registrar(RegistryStore(folder / "registry.db"))

    async def start(self) -> None:
        await self.database.start()
        await self._registrar.start()
        office = Office(
            self.database, people=PeopleOffice(self.database, self._registrar, TOKEN_KEY, ZONE), trust=self.trust
        )
        app = create_app(WrittenBoard(bad_day()), site=SITE, version="0", zone=ZONE, office=office)
        self.web = WebServer(app, host="127.0.0.1", port=0)
        await self.web.start()
        self.trust.prepare()
        await self.trust.tell_broker()

    async def stop(self) -> None:
        await self.web.stop()
        await self._registrar.stop()
        await self.database.stop()


class Gate:
    """A gate's settings file and what its broker settings come to."""

    def __init__(self, folder: Path, hub: Hub, name: str = "north") -> None:
        folder.mkdir()
        self.file = folder / "gate.toml"
        assert hub.settings.authority is not None
        self.file.write_text(
            f'site = "{SITE}"\ngate = "{name}"\nhub = "{hub.web.url}"\ntoken_key_file = "token.key"\n'
            f'[broker]\nhost = "localhost"\nport = {hub.settings.authority.port}\ntimeout_s = 3.0\n'
            '[broker.tls]\nca = "site.pem"\ncertificate = "gate.pem"\n'
            '[[lanes]]\nname = "people"\n[lanes.badge]\ndriver = "simulated"\nscene = "x"\n'
        )
        self.folder, self.name = folder, name

    @property
    def settings(self) -> GateSettings:
        from edge import settings

        return settings.read(self.file)

    @property
    def broker(self) -> BrokerSettings:
        return self.settings.broker


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    hub = Hub(tmp_path / "hub")
    await hub.start()
    yield hub
    await hub.stop()


@pytest.fixture
def mosquitto(hub: Hub) -> Iterator[TrustedMosquitto]:
    assert hub.settings.authority is not None
    broker = TrustedMosquitto(hub.trust.folder, hub.settings.authority.port)
    broker.start()
    yield broker
    broker.stop()


async def enrol(hub: Hub, gate: Gate) -> str:
    code = await hub.trust.expect(gate.name, by="test")
    return await asyncio.to_thread(edge_enrol.enrol, gate.file, code, None)


async def enrolled(hub: Hub, mosquitto: TrustedMosquitto, folder: Path, name: str = "north") -> Gate:
    gate = Gate(folder, hub, name)
    await enrol(hub, gate)
    mosquitto.reload()
    await eventually(lambda: f"user {SITE}:{name}" in (hub.trust.folder / "acl").read_text(), "the list of rights")
    return gate


@asynccontextmanager
async def listening(settings: BrokerSettings, client_id: str, topic: str) -> AsyncIterator[list[str]]:
    """What arrives under a topic, as `topic payload`."""
    heard: list[str] = []
    async with connect(settings, client_id) as session:
        await session.subscribe([topic])

        async def hear() -> None:
            async for arrival in session.arrivals():
                heard.append(f"{arrival.topic} {arrival.payload.decode()}")  # noqa: PERF401 - as they come, not at the end

        task = asyncio.create_task(hear())
        try:
            yield heard
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_gate_with_a_code_gets_all_that_it_needs_and_its_key_never_leaves_it(hub, tmp_path):
    gate = Gate(tmp_path / "gate", hub)
    said = await enrol(hub, gate)
    assert f"{SITE}/north is enrolled" in said
    assert (gate.folder / "token.key").read_bytes() == TOKEN_KEY
    for name in ("gate.pem", "token.key"):
        assert (gate.folder / name).stat().st_mode & 0o777 == 0o600
    have = identity.read(gate.folder / "gate.pem")
    assert have.certificate.public_key() == have.key.public_key()
    assert sorted(path.name for path in gate.folder.iterdir()) == ["gate.pem", "gate.toml", "site.pem", "token.key"]


async def test_an_answer_that_was_lost_is_asked_for_again_with_the_same_code(hub, tmp_path, monkeypatch):
    gate = Gate(tmp_path / "gate", hub)
    code = await hub.trust.expect("north", by="test")

    def lost(*_: object) -> None:
        raise EnrolmentError("the link broke")

    with monkeypatch.context() as patch:
        patch.setattr("edge.identity.enrolment.unseal", lost)
        with pytest.raises(EnrolmentError, match="link broke"):
            await asyncio.to_thread(edge_enrol.enrol, gate.file, code, None)
    assert "enrolled" in await asyncio.to_thread(edge_enrol.enrol, gate.file, code, None)


async def test_what_goes_wrong_at_enrolling_says_what_to_do(hub, tmp_path):
    gate = Gate(tmp_path / "gate", hub)
    code = await hub.trust.expect("north", by="test")
    (gate.folder / "token.key").write_bytes(b"another site's key, long enough")
    with pytest.raises(EnrolmentError, match="another token key"):
        await asyncio.to_thread(edge_enrol.enrol, gate.file, code, None)
    # The site's was changed: the same code is good still.
    await asyncio.to_thread(lambda: edge_enrol.enrol(gate.file, code, None, new_token_key=True))
    assert (gate.folder / "token.key").read_bytes() == TOKEN_KEY
    code = await hub.trust.expect("north", by="test")
    with pytest.raises(EnrolmentError, match="expected http"):
        await asyncio.to_thread(edge_enrol.enrol, gate.file, code, "ftp://hub")
    with pytest.raises(EnrolmentError, match="refused"):
        await asyncio.to_thread(edge_enrol.enrol, gate.file, code, "http://127.0.0.1:9")
    gate.file.write_text(gate.file.read_text().replace("[broker.tls]", "[broker.tls]\nkey = 'x.key'"))
    with pytest.raises(SettingsError, match="the key comes into the certificate's file"):
        await asyncio.to_thread(edge_enrol.enrol, gate.file, code, None)


async def test_the_hub_speaks_by_its_password_and_nobody_without_one(hub, mosquitto):
    async with connect(hub.settings.broker, "hub-1") as session:
        await session.publish(topics.ack(SITE, "north", Urgency.URGENT), b"1")
    for other in (
        msgspec.structs.replace(hub.settings.broker, username=None, password_file=None),
        msgspec.structs.replace(hub.settings.broker, username="north"),
    ):
        with pytest.raises(LinkError, match="ot authori"):
            async with connect(other, "stranger"):
                pass


async def test_a_gate_publishes_its_own_topics_and_nothing_else(hub, mosquitto, tmp_path):
    gate = await enrolled(hub, mosquitto, tmp_path / "gate")
    own = topics.events(SITE, "north", Urgency.URGENT)
    forbidden = [
        topics.events(SITE, "south", Urgency.URGENT),
        topics.status(SITE, "south"),
        topics.ack(SITE, "south", Urgency.URGENT),
        topics.ack(SITE, "north", Urgency.URGENT),
        topics.registry(SITE, 7),
        topics.registry(SITE, topics.RegistryPart.MANIFEST),
        topics.token_key(SITE, "north"),
        topics.sightings(SITE, "south"),
        topics.events("other-site", "north", Urgency.URGENT),
        "anything/else",
    ]
    async with (
        listening(hub.settings.broker, "hub-1", f"{topics.ROOT}/#") as heard,
        connect(gate.broker, "whatever") as session,
    ):
        for topic in forbidden:
            await session.publish(topic, b"forged")
        for topic in topics.of_gate(SITE, "north"):
            await session.publish(topic.replace("+", "urgent"), b"own")
        await session.publish(own, b"last")
        await eventually(lambda: f"{own} last" in heard, "the gate's own event")
    assert not [line for line in heard if "forged" in line]
    assert len([line for line in heard if line.endswith(" own")]) == len(topics.of_gate(SITE, "north"))


async def test_a_gate_reads_what_it_needs_and_nothing_else(hub, mosquitto, tmp_path):
    """mosquitto takes any subscription and asks for the right at each message."""
    gate = await enrolled(hub, mosquitto, tmp_path / "gate")
    needed = [
        topics.ack(SITE, "north", Urgency.URGENT),
        topics.registry(SITE, 7),
        topics.registry(SITE, topics.RegistryPart.MANIFEST),
        topics.sightings(SITE, "south"),
        topics.recall(SITE, "south"),
        topics.recalled(SITE, "south", "north"),
        topics.configuration(SITE, "north"),
        topics.token_key(SITE, "north"),
        topics.notices(SITE),
        topics.notices(SITE, "digest"),
        topics.snapshot_held(SITE, "north"),
    ]
    others = [
        topics.events(SITE, "south", Urgency.URGENT),
        topics.status(SITE, "south"),
        topics.vitals(SITE, "south"),
        topics.ack(SITE, "south", Urgency.URGENT),
        topics.recalled(SITE, "south", "west"),
        topics.configuration(SITE, "south"),
        topics.token_key(SITE, "south"),
        topics.snapshot_held(SITE, "south"),
        topics.sightings("other-site", "south"),
        "anything/else",
    ]
    async with listening(gate.broker, "x", "#") as heard, connect(hub.settings.broker, "hub-1") as session:
        for topic in others + needed:
            await session.publish(topic, b"x")
        await eventually(lambda: len(heard) >= len(needed), "what the gate needs")
    assert sorted(heard) == sorted(f"{topic} x" for topic in needed)


async def test_all_that_an_agent_asks_for_is_allowed(tmp_path):
    """What a companion of the uplink subscribes to later is a part of what its topics say."""
    (tmp_path / "token.key").write_bytes(TOKEN_KEY)
    (tmp_path / "gate.toml").write_text(
        f'site = "{SITE}"\ngate = "north"\ntoken_key_file = "token.key"\nfever_pictures = true\n'
        '[[lanes]]\nname = "people"\n[lanes.badge]\ndriver = "simulated"\nscene = "x"\n'
    )
    configurations = Configurations(tmp_path / "gate.toml", tmp_path / "var")
    agent = Agent(configurations.begin(), "0", configurations=configurations)
    asked = [topic for companion in agent.uplink.companions for topic in companion.topics]
    asked += [topics.acks_for(SITE, "north"), topics.registry(SITE, 7), topics.notices(SITE, "digest")]
    allowed = topics.for_gate(SITE, "north")
    assert [topic for topic in asked if not any(_covers(pattern, topic) for pattern in allowed)] == []
    assert len(agent.uplink.companions) >= 4


def _covers(pattern: str, topic: str) -> bool:
    """Whether a subscription to `topic`, which may be a pattern itself, is within `pattern`."""
    wanted, have = topic.split("/"), pattern.split("/")
    if have[-1] == "#":
        wanted, have = wanted[: len(have) - 1], have[:-1]
    return len(wanted) == len(have) and all(one in ("+", other) for one, other in zip(have, wanted, strict=True))


async def test_no_gate_can_throw_another_out(hub, mosquitto, tmp_path):
    north = await enrolled(hub, mosquitto, tmp_path / "n", "north")
    south = await enrolled(hub, mosquitto, tmp_path / "s", "south")
    async with listening(north.broker, "one", topics.acks_for(SITE, "north")) as heard:
        async with connect(south.broker, f"{SITE}:north") as session:  # the id under which the other is there
            await session.publish(topics.status(SITE, "south"), b"x")
        async with connect(hub.settings.broker, "hub-1") as session:
            await session.publish(topics.ack(SITE, "north", Urgency.URGENT), b"still there")
        await eventually(lambda: bool(heard), "the acknowledgement")


async def test_a_gate_without_a_certificate_of_the_site_does_not_get_in(hub, mosquitto, tmp_path):
    gate = await enrolled(hub, mosquitto, tmp_path / "gate")
    stranger = Hub(tmp_path / "stranger")
    await stranger.start()
    try:
        other = Gate(tmp_path / "other", stranger)
        await enrol(stranger, other)
    finally:
        await stranger.stop()
    authority = str(gate.folder / "site.pem")
    tls = TlsSettings(ca=authority)
    for settings in (
        msgspec.structs.replace(gate.broker, tls=tls),
        msgspec.structs.replace(gate.broker, tls=TlsSettings(authority, str(other.folder / "gate.pem"))),
    ):
        with pytest.raises(LinkError):
            async with connect(settings, "x") as session:
                await session.publish("x", b"x")


async def test_a_gate_does_not_talk_to_a_broker_that_is_not_the_sites(hub, mosquitto, tmp_path):
    """Not even to one that has a gate's certificate."""
    gate = await enrolled(hub, mosquitto, tmp_path / "gate")
    stolen = await enrolled(hub, mosquitto, tmp_path / "stolen", "south")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(stolen.folder / "gate.pem")

    def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(greet, "localhost", 0, family=socket.AF_INET, ssl=context)
    port = server.sockets[0].getsockname()[1]
    try:
        with pytest.raises(LinkError, match="certificate"):
            async with connect(msgspec.structs.replace(gate.broker, port=port), "x"):
                pass
    finally:
        server.close()
        await server.wait_closed()


async def test_a_gate_that_was_revoked_is_refused_and_loses_what_it_has_at_once(hub, mosquitto, tmp_path):
    gate = await enrolled(hub, mosquitto, tmp_path / "gate")
    own = topics.events(SITE, "north", Urgency.URGENT)
    async with (
        listening(hub.settings.broker, "hub-1", f"{topics.ROOT}/#") as heard,
        connect(gate.broker, "x") as session,
    ):
        await session.publish(own, b"before")
        await eventually(lambda: f"{own} before" in heard, "the event before")
        assert await hub.trust.revoke("north", by="test") == 1
        mosquitto.reload()
        await eventually(lambda: "Reloading" in (mosquitto.folder / "server.log").read_text(), "the reload")
        for _ in range(20):
            try:
                await session.publish(own, b"after")
            except LinkError:
                break
            await asyncio.sleep(0.05)
        async with connect(hub.settings.broker, "hub-2") as other:
            await other.publish(topics.status(SITE, "x"), b"mark")
        await eventually(lambda: any(line.endswith("mark") for line in heard), "what came later")
    assert len([line for line in heard if line.endswith("after")]) <= 1  # one may have been under way
    with pytest.raises(LinkError):
        async with connect(gate.broker, "x") as again:
            await again.publish(own, b"after")
    with pytest.raises(EnrolmentError, match="revoked"):
        await asyncio.to_thread(renew_as_due, gate)


def renew_as_due(gate: Gate) -> identity.Identity | None:
    """Renew as a gate would near the end of its certificate's life."""
    later = datetime.now(UTC) + timedelta(days=80)
    settings = gate.settings
    files = gate.folder / "gate.pem", gate.folder / "site.pem"
    assert settings.hub is not None
    return Renewer(settings.hub, SITE, gate.name, *files, lambda: later).renew_if_due()


async def test_a_certificate_is_renewed_without_a_gap(hub, mosquitto, tmp_path):
    gate = await enrolled(hub, mosquitto, tmp_path / "gate")
    before = identity.read(gate.folder / "gate.pem")
    own = topics.events(SITE, "north", Urgency.URGENT)
    async with connect(gate.broker, "x") as session:
        renewed = await asyncio.to_thread(renew_as_due, gate)
        assert renewed is not None
        mosquitto.reload()
        await session.publish(own, b"on the old connection")
    after = identity.read(gate.folder / "gate.pem")
    assert after.certificate.serial_number != before.certificate.serial_number
    assert after.key.public_key() != before.key.public_key()
    async with connect(gate.broker, "x") as session:
        await session.publish(own, b"under the new certificate")


async def test_a_certificate_is_renewed_by_itself_when_two_thirds_of_its_life_are_over(tmp_path):
    hub = Hub(tmp_path / "hub", days=1 / 24)  # begins an hour earlier: half of its life is over at once
    await hub.start()
    try:
        gate = Gate(tmp_path / "gate", hub)
        await enrol(hub, gate)
        before = identity.read(gate.folder / "gate.pem").certificate.serial_number
        files = gate.folder / "gate.pem", gate.folder / "site.pem"
        renewer = Renewer(hub.web.url, SITE, "north", *files, lambda: datetime.now(UTC) + timedelta(minutes=30))
        task = asyncio.create_task(renewer.run())
        await eventually(
            lambda: identity.read(gate.folder / "gate.pem").certificate.serial_number != before, "the renewal"
        )
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    finally:
        await hub.stop()


async def test_a_gate_whose_clock_is_wrong_reaches_the_broker_and_one_whose_clock_is_right_checks_the_time(
    hub, mosquitto, tmp_path, monkeypatch
):
    """The broker's certificate is over, as it seems to a clock that is years ahead."""
    gate = await enrolled(hub, mosquitto, tmp_path / "gate")
    mosquitto.stop()
    long_ago = datetime.now(UTC) - timedelta(days=500)
    monkeypatch.setattr(hub.trust, "_now", lambda: long_ago)
    (hub.trust.folder / "server.pem").unlink()
    hub.trust.prepare()
    mosquitto.start()
    with pytest.raises(LinkError, match="expired"):
        async with connect(gate.broker, "x"):
            pass
    async with connect(gate.broker, "x", knows_time=False) as session:
        await session.publish(topics.status(SITE, "north"), b"x")


async def test_a_hub_that_is_brought_back_into_another_installation_s_files_lets_its_gates_in(hub, tmp_path):
    """The installer has made an authority of its own there, with a list of revocations that is empty, too."""
    gate = Gate(tmp_path / "gate", hub)
    await enrol(hub, gate)
    stranger = Hub(tmp_path / "stranger")
    await stranger.start()
    await stranger.stop()
    for path in stranger.trust.folder.iterdir():
        if path.is_file() and path.name not in ("mosquitto.conf", "users"):
            (hub.trust.folder / path.name).write_bytes(path.read_bytes())
    hub.trust.prepare()
    await hub.trust.tell_broker()
    assert hub.settings.authority is not None
    mosquitto = TrustedMosquitto(hub.trust.folder, hub.settings.authority.port)
    mosquitto.start()
    try:
        async with connect(gate.broker, "x") as session:
            await session.publish(topics.status(SITE, "north"), b"x")
    finally:
        mosquitto.stop()


async def test_power_that_went_between_the_broker_s_key_and_certificate_is_mended_and_the_broker_told(hub):
    folder = hub.trust.folder
    before = (folder / "acl").stat().st_ino
    hub.trust.prepare()
    await hub.trust.tell_broker()
    assert (folder / "acl").stat().st_ino == before  # nothing is new, nobody is told
    (folder / "server.key").write_bytes(identity.private_pem(identity.new_key()))
    hub.trust.prepare()
    key = serialization.load_pem_private_key((folder / "server.key").read_bytes(), None)
    certificate = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())
    assert key.public_key() == certificate.public_key()
    assert (folder / "acl").stat().st_ino != before


async def test_the_command_line_writes_a_broker_expects_a_gate_and_revokes_it(tmp_path, capsys, hub, monkeypatch):
    folder = tmp_path / "other"
    folder.mkdir()
    file = folder / "hub.toml"
    (folder / "token.key").write_bytes(TOKEN_KEY)
    file.write_text(
        'site = "baotou-1"\ntoken_key_file = "token.key"\n[broker]\nusername = "hub"\npassword_file = "hub.password"\n'
        '[authority]\nnames = ["localhost"]\n'
    )

    async def say(*words: str) -> str:
        code = await asyncio.to_thread(menshen.main, ["hub", words[0], str(file), *words[1:]])
        out = capsys.readouterr()
        return out.out if code == 0 else out.err

    assert "mosquitto -c" in await say("broker")
    password = (folder / "hub.password").read_text()
    assert (folder / "hub.password").stat().st_mode & 0o777 == 0o600
    assert "mosquitto -c" in await say("broker")
    assert (folder / "hub.password").read_text() == password
    assert "menshen edge enrol gate.toml" in await say("enrol", "north")
    assert "expected, its code is valid until" in await say("gates")
    assert "refused from now on" in await say("revoke", "north")
    assert "not enrolled" in await say("revoke", "north")
    file.write_text('site = "baotou-1"\n')
    assert "no table [authority]" in await say("gates")


def test_a_broken_identity_says_what_to_do(tmp_path):
    with pytest.raises(EnrolmentError, match="menshen edge enrol"):
        identity.read(tmp_path / "none.pem")
    (tmp_path / "bad.pem").write_text("garbage")
    with pytest.raises(EnrolmentError, match="PEM form"):
        identity.read(tmp_path / "bad.pem")
