"""A release, from whoever signs it to a gate that runs it: a real broker, real wheels, a real environment."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest

import menshen
from hub.releases import desk, publisher
from hub.releases.waves import State
from hub.server import Hub
from hub.settings import load
from tests.support import releases
from tests.support.servers import Mosquitto, eventually, free_port
from wire.messages import ReleaseHeld

GATE = """site = "s"
gate = "north"
token_key_file = "token.key"
vitals_every_s = 0.2
[broker]
port = {port}
backoff_min_s = 0.05
backoff_max_s = 0.2
[updates]
path = "release"
keys_file = "release-keys"
rate_kb_s = 100000
[[lanes]]
name = "people"
[lanes.badge]
driver = "simulated"
scene = "x"
"""
BROKEN = """
import sys
if sys.argv[1:3] == ["edge", "run"]:
    raise SystemExit("broken")
"""


class Site:
    """A hub, and a gate that was installed by hand."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        (folder / "token.key").write_bytes(b"k" * 32)
        (folder / "gate.toml").write_text(GATE.format(port=broker.port))
        (folder / "hub.toml").write_text(
            f'site = "s"\ndata = "hub"\n[broker]\nport = {broker.port}\nbackoff_min_s = 0.05\nbackoff_max_s = 0.2\n'
            f"[web]\nport = {free_port()}\n"
        )
        self.folder = folder
        self.hub = Hub(load(folder / "hub.toml"), "0")
        installed = releases.installation(folder)
        self.services = releases.Services(releases.folder_of(folder), installed, folder / "gate.toml")

    async def say(self, *words: str) -> None:
        assert await asyncio.to_thread(menshen.main, [*words]) == 0

    async def have(self, wheel: Path) -> None:
        """Make, sign and take in a release, by the commands that people use."""
        kind = "-".join(releases.staging.here())
        wheels = wheel.parent / f"wheels-{wheel.name}"
        wheels.mkdir()
        (wheels / wheel.name).symlink_to(wheel)
        (wheels / "needs-1-py3-none-any.whl").symlink_to(wheel.parent / "needs-1-py3-none-any.whl")
        file = str(self.folder / f"{wheel.name}.release")
        await self.say("release", "build", file, "--wheels", f"{kind}={wheels}")
        await self.say("release", "sign", file, str(self.folder / "secret.key"))
        await self.say("release", "check", file, "--keys", str(self.folder / "release-keys"))
        await self.say("hub", "releases", "add", str(self.folder / "hub.toml"), file)

    async def until_state(self, state: State) -> None:
        async with asyncio.timeout(30):
            while (await self.hub.database.read(desk.now)).course.state is not state:
                await asyncio.sleep(0.05)

    def held(self) -> ReleaseHeld | None:
        gates = self.hub.board.snapshot().gates
        return gates[0].release if gates else None

    def says(self, version: str, *, works: bool) -> bool:
        held = self.held()
        return held is not None and held.settled > 0 and (held.version, held.works) == (version, works)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    releases.needs_wheel(folder)
    return releases.build_wheel(folder, "0.2.0")


@pytest.mark.slow
async def test_a_signed_release_is_loaded_tried_and_kept_and_one_that_breaks_goes_back_by_itself(
    tmp_path, mosquitto, wheel, monkeypatch, capsys
):
    monkeypatch.setattr(publisher, "LOOK_EVERY_S", 0.1)
    site = Site(tmp_path, mosquitto)
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    await site.say("release", "key", str(tmp_path / "secret.key"))
    (tmp_path / "release-keys").write_text(capsys.readouterr().out)
    ready = asyncio.Event()
    running = asyncio.create_task(site.hub.run(ready))
    await ready.wait()
    site.services.start()
    try:
        await eventually(lambda: site.held() is not None, "the gate's pulse", 60)
        await site.have(wheel)
        await site.say("hub", "releases", "offer", str(tmp_path / "hub.toml"), "0.2.0", "--watch-min", "0")
        await eventually(lambda: site.says("0.2.0", works=True), "the release runs and is confirmed", 90)
        await site.until_state(State.DONE)
        await site.have(releases.changed_wheel(wheel, "0.3.0", BROKEN))
        await site.say("hub", "releases", "offer", str(tmp_path / "hub.toml"), "0.3.0", "--watch-min", "0")
        await eventually(lambda: site.says("0.2.0", works=False), "the broken one is gone back from", 90)
        assert "ended 3 times" in site.held().why
        await site.until_state(State.HALTED)
        await site.say("hub", "releases", "list", str(tmp_path / "hub.toml"))
        assert "north\tfailed: ended 3 times" in capsys.readouterr().out
        (alert,) = [alert for alert in site.hub.desk.open if "release" in alert.detail]
        assert "ended 3 times" in alert.detail
    finally:
        await asyncio.to_thread(site.services.stop)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    ran = [name.split("-")[0] for name in site.services.starts]
    assert ran == ["", "0.2.0", "0.3.0", "0.3.0", "0.3.0", "0.2.0"]
