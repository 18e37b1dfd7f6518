"""What somebody can do with a gate's key and certificate and a client of their own, in the dialect with the most words
(MQTT 5), at a real mosquitto with the hub's files; and what with a session that was open when the gate was revoked."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from tests.end_to_end.test_trust import Gate, Hub, enrolled
from tests.support.servers import wait_until
from tests.support.trust import SITE, TrustedMosquitto
from wire import topics
from wire.events import Urgency
from wire.topics import RegistryPart

OTHERS = [
    topics.events(SITE, "south", Urgency.URGENT),
    topics.status(SITE, "south"),
    topics.vitals(SITE, "south"),
    topics.ack(SITE, "south", Urgency.URGENT),
    topics.recalled(SITE, "south", "west"),
    topics.configuration(SITE, "south"),
    topics.token_key(SITE, "south"),
    topics.release(SITE, "south"),
    topics.piece(SITE, "south", "0" * 64, 0),
    topics.snapshot(SITE, "south"),
    topics.snapshot_held(SITE, "south"),
    topics.fetch(SITE, "south"),
    topics.sightings("other-site", "south"),
]
"""What a gate has no business with, to be read or written."""
COMMANDS = [
    topics.ack(SITE, "north", Urgency.URGENT),
    topics.configuration(SITE, "north"),
    topics.token_key(SITE, "north"),
    topics.release(SITE, "north"),
    topics.registry(SITE, RegistryPart.MANIFEST),
    topics.registry(SITE, RegistryPart.BEAT),
    topics.registry(SITE, 7),
    topics.notices(SITE),
    topics.sightings(SITE, "south"),
    topics.recall(SITE, "south"),
    topics.status(SITE, "hub"),
    "$SYS/broker/uptime",
]
"""What a gate may read some of, and may say none of, not even to itself."""


class Thief:
    """A client of one's own, with the files of a gate."""

    def __init__(
        self, gate: Gate | None, port: int, client_id: str = "", user: tuple[str, str] | None = None,
        will: str | None = None,
    ) -> None:  # fmt: skip
        self.heard: list[tuple[str, bytes]] = []
        self.refused, self.connected = threading.Event(), threading.Event()
        self._answers = 0
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5)
        if gate is not None:
            context = ssl.create_default_context(cafile=str(gate.folder / "site.pem"))
            context.load_cert_chain(gate.folder / "gate.pem")
            self.client.tls_set_context(context)
        if user is not None:
            self.client.username_pw_set(*user)
        if will is not None:
            self.client.will_set(will, b"a will", 1, retain=True)
        self.client.on_message = self._hear
        self.client.on_subscribe = self._answered
        self.client.on_disconnect = lambda *_: self.refused.set()
        self.client.on_connect = lambda *words: (self.refused if words[3].is_failure else self.connected).set()
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 0xFFFFFFFF
        try:
            self.client.connect("localhost", port, 30, clean_start=False, properties=properties)
        except OSError:
            self.refused.set()
            return
        self.client.loop_start()
        wait_until(lambda: self.refused.is_set() or self.connected.is_set(), "a word of the broker's")

    def ask(self, *patterns: str, **words: Any) -> None:
        """Subscribe, whatever comes of it."""
        had = self._answers
        for pattern in patterns:
            self.client.subscribe([(pattern, SubscribeOptions(1))], **words)
        wait_until(lambda: self._answers == had + len(patterns), "an answer to each subscription")

    def _answered(self, *_: Any) -> None:
        self._answers += 1

    def _hear(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        self.heard.append((message.topic, message.payload))

    def say(self, topic: str, payload: bytes, **words: Any) -> None:
        self.client.publish(topic, payload, 1, **words)

    def topics(self) -> set[str]:
        return {topic for topic, _ in self.heard}

    def end(self) -> None:
        """Without a word: the broker publishes the will."""
        self.client.loop_stop()
        sock = self.client.socket()
        if sock is not None:
            sock.close()


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


def ports(hub: Hub) -> tuple[int, int]:
    assert hub.settings.authority is not None
    return hub.settings.authority.port, hub.settings.broker.port


def as_hub(hub: Hub) -> Thief:
    """Who hears and may say everything."""
    made = Thief(None, ports(hub)[1], "witness", ("hub", "a long and random word"))
    made.ask("#")
    return made


def settled(witness: Thief, mark: bytes) -> None:
    """What was said before is heard by now."""
    witness.say("menshen/1/mark", mark)
    wait_until(lambda: ("menshen/1/mark", mark) in witness.heard, "the mark")


async def test_no_word_of_mqtt_5_reads_what_is_another_s(hub, mosquitto, tmp_path):
    """Wildcards, shared subscriptions, subscription identifiers, retained messages, sessions that last, `$SYS`."""
    gate = await enrolled(hub, mosquitto, tmp_path / "gate")
    witness, own = as_hub(hub), topics.ack(SITE, "north", Urgency.URGENT)
    for topic in OTHERS:
        witness.say(topic, b"retained", retain=True)
    settled(witness, b"1")
    thief = Thief(gate, ports(hub)[0], f"{SITE}:south", ("hub", "a long and random word"))
    asked = Properties(PacketTypes.SUBSCRIBE)
    asked.SubscriptionIdentifier = 7
    patterns = ["#", "+/#", "menshen/1/#", "$share/thieves/menshen/1/#", "$share/thieves/#", "$SYS/#", "$SYS/broker/#"]
    patterns += [f"menshen/1/{SITE}/+/{tail}" for tail in ("status", "events/+", "vitals", "snapshot")]
    patterns += [f"menshen/1/{SITE}/hub/gates/+/{tail}" for tail in ("settings", "token-key", "release")]
    thief.ask(*patterns, *OTHERS, *(f"$share/thieves/{topic}" for topic in OTHERS), properties=asked)
    for topic in OTHERS:
        witness.say(topic, b"live")
    witness.say(own, b"own")
    wait_until(lambda: own in thief.topics(), "what is its own")
    settled(witness, b"2")
    time.sleep(0.2)
    assert {topic for topic, _ in witness.heard} >= set(OTHERS), "they were there to be heard"
    assert thief.topics() <= {own}
    thief.end()
    witness.end()


async def test_no_word_of_mqtt_5_says_what_is_another_s(hub, mosquitto, tmp_path):
    """Wills, retained messages and their deleting, topic aliases, another's name, password and client id."""
    gate = await enrolled(hub, mosquitto, tmp_path / "gate")
    south = await enrolled(hub, mosquitto, tmp_path / "south", "south")
    witness = as_hub(hub)
    for topic in [*COMMANDS[:-1], *OTHERS]:
        witness.say(topic, b"as it was", retain=True)
    settled(witness, b"1")
    other = Thief(south, ports(hub)[0], "x")
    thief = Thief(gate, ports(hub)[0], f"{SITE}:south", (f"{SITE}:south", "guessed"))
    alias = Properties(PacketTypes.PUBLISH)
    alias.TopicAlias = 1
    thief.say(topics.status(SITE, "north"), b"its own", properties=alias)
    for topic in [*COMMANDS, *OTHERS]:
        for retain in (False, True):
            thief.say(topic, b"forged", retain=retain)
        thief.say(topic, b"", retain=True)
        thief.say(topic, b"forged", properties=alias)  # the alias changes its meaning
    thief.say(topics.events(SITE, "north", Urgency.ROUTINE), b"the last")
    for will in (COMMANDS[0], COMMANDS[4], OTHERS[0], "anything"):
        dying = Thief(gate, ports(hub)[0], will=will)
        dying.end()
    wait_until(lambda: any(payload == b"the last" for _, payload in witness.heard), "its own last word")
    settled(witness, b"2")
    late = as_hub(hub)
    settled(late, b"3")
    kept = {topic for topic, payload in late.heard if payload == b"as it was"}
    assert kept >= {*COMMANDS[:-1], *OTHERS}, "what is retained stays"
    said = [(topic, payload) for topic, payload in witness.heard if payload in (b"forged", b"a will")]
    assert said == []
    assert other.client.is_connected(), "nobody is thrown out by another's client id"
    for one in (thief, other, witness, late):
        one.end()


async def test_a_session_that_is_open_when_its_gate_is_revoked_reads_and_says_nothing_more(hub, mosquitto, tmp_path):
    """Nor is its will published, nor does a session that lasts give out what came meanwhile, nor can it come back."""
    gate = await enrolled(hub, mosquitto, tmp_path / "gate")
    witness, will = as_hub(hub), topics.status(SITE, "north")
    open_ = Thief(gate, ports(hub)[0], will=will)
    open_.ask("#", "$share/g/#")
    own, beat = topics.events(SITE, "north", Urgency.URGENT), topics.registry(SITE, RegistryPart.BEAT)
    open_.say(own, b"before")
    witness.say(beat, b"before")
    wait_until(lambda: (own, b"before") in witness.heard and (beat, b"before") in open_.heard, "both, before")
    south = await enrolled(hub, mosquitto, tmp_path / "south", "south")
    Thief(south, ports(hub)[0], will=topics.status(SITE, "south")).end()
    wait_until(lambda: (topics.status(SITE, "south"), b"a will") in witness.heard, "the will of one that may speak")
    revoked, reloads = time.monotonic(), (mosquitto.folder / "server.log").read_text().count("Reloading")
    await hub.trust.revoke("north", by="test")
    mosquitto.reload()
    log = mosquitto.folder / "server.log"
    wait_until(lambda: log.read_text().count("Reloading") > reloads, "the reload")
    settled(witness, b"1")
    for number in range(5):
        open_.say(own, b"after %d" % number)
        witness.say(beat, b"after")
        time.sleep(0.1)
    again = Thief(gate, ports(hub)[0])
    assert again.refused.is_set()
    assert not again.connected.is_set()
    assert time.monotonic() - revoked < 60.0
    open_.end()
    time.sleep(0.5)
    settled(witness, b"2")
    assert [payload for topic, payload in witness.heard if topic == own] == [b"before"]
    assert (will, b"a will") not in witness.heard
    assert {payload for topic, payload in open_.heard if topic == beat} == {b"before"}
    again.end()
    witness.end()
