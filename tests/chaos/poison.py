"""Messages that nobody should ever send, on the topics where others are awaited."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Iterator

from wire import topics
from wire.errors import LinkError
from wire.events import Urgency
from wire.link import BrokerSettings, connect

EPOCH = "poison"
"""What a made-up stream is numbered under: it may be in the journal, and is nobody's."""


async def spread(port: int, site: str, gates: list[str], draw: random.Random, for_s: float) -> None:
    """For so long, if there is a broker."""
    settings = BrokerSettings(port=port, timeout_s=2.0)
    with contextlib.suppress(LinkError, TimeoutError):
        async with asyncio.timeout(for_s + 2.0), connect(settings, f"poison-{draw.random()}") as session:
            for topic, payload in _messages(site, draw.choice(gates), gates, draw):
                await session.publish(topic, payload, retain=draw.random() < 0.1)
                await asyncio.sleep(for_s / 12)


def _messages(site: str, gate: str, gates: list[str], draw: random.Random) -> Iterator[tuple[str, bytes]]:
    urgency = draw.choice(list(Urgency))
    events, ack = topics.events(site, gate, urgency), topics.ack(site, gate, urgency)
    yield events, draw.randbytes(draw.randint(1, 4000))
    yield events, b"{" * 50_000
    yield events, b"[" + b"0," * 400_000 + b"0]"
    yield events, _batch(site, gate, urgency, v=99)
    yield events, _batch(site, draw.choice(gates) + "-else", urgency)
    yield events, _batch(site, gate, Urgency.URGENT if urgency is Urgency.ROUTINE else Urgency.ROUTINE)
    yield events, _batch(site, gate, urgency, first=draw.randint(2, 10**6))
    yield events, _batch(site, gate, urgency, event={"type": "person-passage", "time_ns": -5})
    yield topics.events(site, "hub", urgency), _batch(site, "hub", urgency)
    yield ack, draw.randbytes(200)
    yield ack, json.dumps({"v": 1, "stream": _stream(site, gate, urgency), "through": 2**60, "resend": True}).encode()
    yield topics.status(site, gate), json.dumps({"v": 1, "online": "perhaps"}).encode()
    yield topics.vitals(site, gate), b"\x00" * 100


def _stream(site: str, gate: str, urgency: Urgency) -> dict[str, str]:
    return {"site": site, "gate": gate, "urgency": urgency.value, "epoch": EPOCH}


def _batch(
    site: str, gate: str, urgency: Urgency, v: int = 1, first: int = 1, event: dict[str, object] | None = None
) -> bytes:
    made = event or {"type": "disinfection", "time_ns": 1, "agent": "poison"}
    return json.dumps(
        {"v": v, "stream": _stream(site, gate, urgency), "events": [{"seq": first, "event": made}]}
    ).encode()
