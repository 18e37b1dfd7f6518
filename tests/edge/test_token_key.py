"""When a gate takes the site's new token key: what an offer means, and that power may go at any time."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import identity, token_key
from edge import settings as edge_settings
from edge.token_key import KeyCare, Step, judge
from hub.trust.authority import Authority
from wire import key_transport, topics
from wire.link import Arrival
from wire.messages import RegistryHeld, encode
from wire.token_keys import TokenKeyOffer
from wire.tokens import fingerprint, read_key

OLD, NEW = b"the old key of the site", b"the new key of the site"
SITE = "s"


def plain(version: int = 7, registry: int = 3, key: bytes = NEW) -> TokenKeyOffer:
    return TokenKeyOffer(
        v=1, version=version, fingerprint=fingerprint(key), registry=registry, recipient="0" * 64, sealed="",
        signature="",
    )  # fmt: skip


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20), st.integers(0, 3))
def test_a_key_is_taken_only_when_it_is_newer_and_the_registry_has_its_tokens(version, taken, held, waiting):
    step = judge(plain(version, registry=10), fingerprint(OLD), taken, RegistryHeld(held, 1, waiting=waiting))
    assert (step is Step.TAKE) == (version > taken and held >= 10 and waiting == 0)
    if version <= taken:
        assert step is Step.NOTHING
    assert judge(plain(version), fingerprint(NEW), taken, RegistryHeld(held, 1)) is Step.NOTHING


class Gate:
    """An enrolled gate's files, and what of it takes keys."""

    def __init__(self, folder: Path) -> None:
        now = datetime.now(UTC)
        self.folder, self.restarts, self.busy = folder, 0, False
        self.authority = Authority.load_or_make(folder / "authority", SITE, now)
        key = identity.new_key()
        request = identity.signing_request(key, SITE, "north")
        made = self.authority.sign_gate(request, f"{SITE}:north", timedelta(days=9), now)
        identity.write(folder / "gate.pem", key, made.public_bytes(identity.serialization.Encoding.PEM).decode())
        (folder / "site.pem").write_text(self.authority.pem)
        (folder / "token.key").write_bytes(OLD)
        (folder / "gate.toml").write_text(
            f'site = "{SITE}"\ngate = "north"\ntoken_key_file = "token.key"\n'
            '[broker.tls]\nca = "site.pem"\ncertificate = "gate.pem"\n'
            '[[lanes]]\nname = "people"\n[lanes.badge]\ndriver = "simulated"\nscene = "x"\n'
        )
        self.settings = edge_settings.read(folder / "gate.toml")
        self.held = RegistryHeld(3, 1)
        self.public = key.public_key()

    def care(self) -> KeyCare:
        """As of an agent that starts now."""
        follower = cast("Any", SimpleNamespace(held=lambda: self.held))

        def restart() -> None:
            self.restarts += 1

        return KeyCare(
            self.settings, self.folder, read_key(self.folder / "token.key"), follower, lambda: self.busy, restart
        )

    def offer(self, key: bytes = NEW, version: int = 7, authority: Authority | None = None) -> TokenKeyOffer:
        sign = (authority or self.authority).sign_word
        return key_transport.seal(key, self.public, sign, site=SITE, gate="north", version=version, registry=3)


@contextlib.asynccontextmanager
async def following(care: KeyCare, *offers: TokenKeyOffer):
    """While the gate is connected and was offered these."""
    for offer in offers:
        await care.hear(cast("Any", None), Arrival(topics.token_key(SITE, "north"), encode(offer)))
    task = asyncio.create_task(care.follow(cast("Any", None)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: functools.partial[bool] | Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    monkeypatch.setattr(token_key, "LOOK_S", 0.02)
    monkeypatch.setattr(token_key, "AGAIN_S", 0.02)
    return Gate(tmp_path)


async def test_it_is_taken_once_when_the_registry_has_it_and_an_older_offer_never_again(gate):
    gate.held, gate.busy = RegistryHeld(2, 1), True
    care = gate.care()
    async with following(care, gate.offer()):
        await asyncio.sleep(0.1)
        gate.held = RegistryHeld(3, 1, waiting=1)
        await asyncio.sleep(0.1)
        gate.held = RegistryHeld(3, 1)
        await asyncio.sleep(0.1)  # a trial of its settings is under way
        assert (read_key(gate.folder / "token.key"), gate.restarts) == (OLD, 0)
        gate.busy = False
        await until(lambda: gate.restarts == 1)
    assert read_key(gate.folder / "token.key") == NEW
    assert (gate.folder / "token.key").stat().st_mode & 0o777 == 0o600
    care = gate.care()
    assert care.told().fingerprint == fingerprint(NEW)
    async with following(care, gate.offer(), gate.offer(OLD, version=6)):
        await asyncio.sleep(0.2)
    assert (read_key(gate.folder / "token.key"), gate.restarts) == (NEW, 1)


async def test_what_the_authority_did_not_sign_is_told_and_changes_nothing_and_the_right_one_is_taken_after(
    gate, tmp_path
):
    stranger = Authority.load_or_make(tmp_path / "stranger", SITE, datetime.now(UTC))
    care = gate.care()
    async with following(care, gate.offer(version=9, authority=stranger)):
        await until(lambda: "not signed by the site's authority" in care.told().why)
        assert (read_key(gate.folder / "token.key"), gate.restarts) == (OLD, 0)
        await care.hear(cast("Any", None), Arrival(topics.token_key(SITE, "north"), encode(gate.offer())))
        await until(lambda: gate.restarts == 1)
    assert read_key(gate.folder / "token.key") == NEW
    assert care.told().why == ""


async def test_a_disk_that_keeps_nothing_is_told_and_tried_again(gate, monkeypatch):
    care, put = gate.care(), identity.put

    def full(path: Path, content: bytes) -> None:
        raise identity.EnrolmentError(f"{path}: cannot be written: No space left on device")

    monkeypatch.setattr(identity, "put", full)
    async with following(care, gate.offer()):
        await until(lambda: "No space left" in care.told().why)
        assert gate.restarts == 0
        monkeypatch.setattr(identity, "put", put)
        await until(lambda: gate.restarts == 1)


async def test_power_that_went_after_the_key_was_written_costs_nothing(gate, monkeypatch):
    """The note of which change it was is not there yet: the key says by itself that it was taken."""
    put = identity.put

    def only_the_key(path: Path, content: bytes) -> None:
        if path.name != "token.key":
            raise identity.EnrolmentError("power went")
        put(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(identity, "put", only_the_key)
        async with following(gate.care(), gate.offer()):
            await until(lambda: read_key(gate.folder / "token.key") == NEW)
            await asyncio.sleep(0.05)
    care = gate.care()
    async with following(care, gate.offer()):
        await asyncio.sleep(0.1)
    assert (care.told().fingerprint, care.told().why) == (fingerprint(NEW), "")
