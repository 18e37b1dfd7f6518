"""The agent's part: loading over a link that breaks, and coming to an end whatever happens."""

from __future__ import annotations

import asyncio
import shutil
import threading
from pathlib import Path

import pytest

from edge.releases import care, download, loader, pursuit, slots
from edge.releases.care import ReleaseCare
from edge.releases.download import Download
from edge.releases.loader import Loader
from edge.releases.pursuit import Pursuit
from edge.releases.settings import UpdateSettings
from edge.releases.slots import Slot, Slots
from edge.remote import verdict
from tests.support import releases
from tests.support.releases import envelope_of, manifest_of, wheel_file
from tests.support.servers import eventually
from wire import topics
from wire.errors import LinkError, ReleaseError
from wire.link import Arrival
from wire.messages import SCHEMA_VERSION, decode, encode
from wire.releases import FetchPiece, Phase, ReleaseOffer, Wish

CONTENT = bytes(range(256)) * 1000
FILE = wheel_file("menshen-0.2.0-py3-none-any.whl", CONTENT)
PROGRAM = """#!/bin/sh
if [ "$1" = --version ]; then echo menshen {version}; else echo "checked $*"; fi
"""


class Line:
    """The hub's end of a connection: answers what is asked for from `content`, as `does` says for each time."""

    def __init__(self, hear: object, content: bytes = CONTENT) -> None:
        self.content, self._hear = content, hear
        self.asked: list[FetchPiece] = []
        self.does: dict[int, str] = {}

    async def publish(self, _topic: str, payload: bytes) -> None:
        piece = decode(FetchPiece, payload)
        self.asked.append(piece)
        match self.does.get(len(self.asked), ""):
            case "break":
                raise LinkError("gone")
            case "lose":
                return
            case "wrong":
                data = b"x" * piece.size
            case "none":
                data = b""
            case _:
                data = self.content[piece.offset : piece.offset + piece.size]
        topic = topics.piece("s", "north", piece.sha256, piece.offset)
        asyncio.get_running_loop().call_soon(self._hear, Arrival(topic, data))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(download, "ANSWER_WITHIN_S", 0.2)
    monkeypatch.setattr(download, "ABSENT_S", 0.01)
    monkeypatch.setattr(download, "AGAIN_S", 0.01)
    monkeypatch.setattr(care, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(care, "RESTART_WITHIN_S", 0.1)
    monkeypatch.setattr(verdict, "LOOK_EVERY_S", 0.01)


@pytest.fixture
def loading(tmp_path: Path) -> Download:
    return Download("s", "north", tmp_path, 1_000_000)


async def test_a_file_comes_whole_over_a_link_that_loses_breaks_and_has_nothing_for_a_while(loading, tmp_path):
    line, loaded = Line(loading.heard), []
    line.does = {2: "lose", 3: "break", 4: "none", 6: "lose"}
    with loading.link(line):  # type: ignore[arg-type]
        await loading.fetch(FILE, loaded.append)
    assert (tmp_path / FILE.sha256).read_bytes() == CONTENT
    assert sum(loaded) == FILE.size
    assert loading.is_there(FILE)
    sizes = [piece.size for piece in line.asked]
    assert min(sizes) < download.FIRST_BYTES < max(sizes)  # smaller after what was lost, larger on a good link


async def test_what_was_loaded_before_a_restart_is_not_loaded_again(loading, tmp_path):
    (tmp_path / f"{FILE.sha256}.part").write_bytes(CONTENT[:200_000])
    line = Line(loading.heard)
    with loading.link(line):  # type: ignore[arg-type]
        await loading.fetch(FILE, lambda _: None)
    assert line.asked[0].offset == 200_000
    assert sum(piece.size for piece in line.asked) == FILE.size - 200_000


async def test_wrong_bytes_are_thrown_away_and_a_hub_that_has_no_others_is_given_up(loading, tmp_path):
    line = Line(loading.heard)
    line.does = {2: "wrong"}
    with loading.link(line):  # type: ignore[arg-type]
        await loading.fetch(FILE, lambda _: None)
        assert (tmp_path / FILE.sha256).read_bytes() == CONTENT
        (tmp_path / FILE.sha256).write_bytes(bytes(FILE.size))  # power went before it was on the disk
        assert not loading.is_there(FILE)
        line.content = bytes(FILE.size)
        with pytest.raises(ReleaseError, match="3 times"):
            await loading.fetch(FILE, lambda _: None)
    assert not list(tmp_path.glob("*.part"))


async def test_a_download_waits_for_a_link_and_goes_no_faster_than_it_may(tmp_path):
    loading = Download("s", "north", tmp_path, 512)  # kB/s
    line = Line(loading.heard)
    task = asyncio.create_task(loading.fetch(FILE, lambda _: None))
    await asyncio.sleep(0.05)
    assert not line.asked
    began_s = asyncio.get_running_loop().time()
    with loading.link(line):  # type: ignore[arg-type]
        await task
    assert asyncio.get_running_loop().time() - began_s > 0.4 * FILE.size / 512_000


# -- what the agent remembers ------------------------------------------------------------------------------------------


def offered(number: int, wish: Wish = Wish.INSTALL) -> ReleaseOffer:
    return ReleaseOffer(SCHEMA_VERSION, number, wish)


def test_an_offer_is_worked_on_once_and_a_newer_one_takes_the_place_of_what_is_not_switched_to():
    now = pursuit.begun(Pursuit(), offered(5))
    assert (now.phase, pursuit.is_new(now, offered(5)), pursuit.is_new(now, offered(6))) == (Phase.LOADING, False, True)
    switching = pursuit.switching(now, "0.2.0-2", ["cam"])
    assert not pursuit.is_new(switching, offered(6))
    ended = pursuit.settled(switching, "no hub")
    assert [pursuit.is_new(ended, offered(number)) for number in (4, 5, 6)] == [False, False, True]
    halted = pursuit.begun(now, offered(6, Wish.NOTHING))
    assert (halted.phase, halted.settled) == (Phase.IDLE, 0)


@pytest.mark.parametrize(
    ("held", "phase", "works", "why"),
    [
        (Slots(trying=Slot("0.2.0-2", 2)), Phase.TRIAL, True, ""),
        (Slots(confirmed="0.2.0-2"), Phase.IDLE, True, ""),
        (Slots(failed="0.2.0-2", why="ended 3 times"), Phase.IDLE, False, "ended 3 times"),
        (Slots(answer="no room"), Phase.IDLE, False, "no room"),
        (Slots(), Phase.IDLE, False, "it was not switched to"),
    ],
)
def test_after_a_start_it_is_known_how_the_switch_went(held, phase, works, why):
    now = pursuit.resumed(pursuit.switching(pursuit.begun(Pursuit(), offered(5)), "0.2.0-2", []), held, held.running)
    assert (now.phase, now.works, now.why) == (phase, works, why)


def test_what_was_loading_before_a_restart_is_begun_again_when_the_offer_is_heard():
    now = pursuit.resumed(pursuit.begun(Pursuit(settled=3), offered(5)), Slots(), "")
    assert pursuit.is_new(now, offered(5))
    assert not pursuit.is_new(now, offered(3))


# -- the agent with a loader -------------------------------------------------------------------------------------------


class Gate:
    """An agent's care and a loader that answers; `starts` begins the agent anew under the same folder."""

    def __init__(self, folder: Path) -> None:
        self.installation = releases.installation(folder)
        self.folder = releases.folder_of(folder)
        self.settings = UpdateSettings(
            path=str(self.folder), keys_file=str(self.installation.keys_file), rate_kb_s=100_000
        )
        self.missing, self.told = "", []
        self.says = PROGRAM
        self._stopping, self.pause = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        self.begin()

    def begin(self) -> None:
        self.care = ReleaseCare("s", "north", self.settings, "0.1.0", ["edge", "check", "gate.toml"])
        self.care._runs = (self.folder / loader.CURRENT).resolve()
        self.line = Line(self.care._download.heard)
        self.tasks = [asyncio.create_task(self.care.run(lambda _: self.missing, list, self._tell))]
        self.tasks.append(asyncio.create_task(self.care.follow(self.line)))  # type: ignore[arg-type]

    async def restart(self) -> Slots:
        """As the service manager does it, once the loader wants it."""
        await eventually((self.folder / loader.RESTART).exists, "the loader's wish")
        await self.end()
        (self.folder / loader.RESTART).unlink()
        held = self.loader().start()
        self.begin()
        return held

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def stop(self) -> None:
        await self.end()
        self._stopping.set()
        self._thread.join(5)

    async def offer(self, number: int, **said: object) -> None:
        message = ReleaseOffer(SCHEMA_VERSION, number, **said)  # type: ignore[arg-type]
        await self.care.hear(None, Arrival(topics.release("s", "north"), encode(message)))  # type: ignore[arg-type]

    async def settled(self, number: int) -> str:
        """Why it does not work; empty where it does."""
        await eventually(lambda: self.care.told().settled == number, f"offer {number} settled", 20)
        return self.care.told().why

    async def phase(self, phase: Phase) -> None:
        await eventually(lambda: self.care.told().phase is phase, phase.value, 20)

    def loader(self) -> Loader:
        return Loader(self.folder, self.installation, "boot", lambda: 0.0, self._make)

    def _make(self, place: Path, _wheels: object) -> None:
        (place / "bin").mkdir(parents=True)
        program = place / "bin" / "menshen"
        program.write_text(self.says.format(version=place.name.split("-")[0]))
        program.chmod(0o755)

    async def _tell(self, works: bool, why: str) -> None:
        self.told.append((works, why))

    def _serve(self) -> None:
        while not self._stopping.wait(0.01):
            if not self.pause.is_set():
                self.loader().work()


@pytest.fixture
async def gate(tmp_path: Path):
    made = Gate(tmp_path)
    yield made
    await made.stop()


def release(serial: int, **more: object) -> bytes:
    return envelope_of(manifest_of([FILE], f"0.{serial}.0", serial, **more))


async def test_a_release_is_loaded_staged_tested_tried_confirmed_and_told(gate):
    await gate.offer(5, wish=Wish.INSTALL, envelope=release(2))
    await gate.phase(Phase.SWITCHING)
    assert (await gate.restart()).running == "0.2.0-2"
    assert await gate.settled(5) == ""
    held = gate.care.told()
    assert (held.serial, held.works, held.phase) == (2, True, Phase.IDLE)
    assert gate.told == [(True, "")]
    asked = len(gate.line.asked)
    await gate.offer(6, wish=Wish.INSTALL, envelope=release(3))  # the same wheel: nothing is loaded again
    await gate.phase(Phase.SWITCHING)
    assert len(gate.line.asked) == asked


async def test_a_trial_that_is_not_as_it_was_before_goes_back_and_the_next_offer_is_heard(gate, monkeypatch):
    monkeypatch.setattr(care, "TRIAL_S", 0.1)
    await gate.offer(5, wish=Wish.INSTALL, envelope=release(2))
    await gate.phase(Phase.SWITCHING)
    gate.missing = "the hub does not answer"
    assert (await gate.restart()).running == "0.2.0-2"
    assert "the hub does not answer" in await gate.settled(5)
    assert (await gate.restart()).running == ""
    gate.missing = ""
    await gate.offer(5, wish=Wish.INSTALL, envelope=release(2))  # heard again at the connection
    await gate.offer(7, wish=Wish.INSTALL, envelope=release(2))
    await gate.phase(Phase.SWITCHING)
    await gate.restart()
    assert await gate.settled(7) == ""
    assert [works for works, _ in gate.told] == [False, True]


async def test_what_is_confirmed_and_gone_from_the_card_is_installed_anew(gate):
    await gate.offer(5, wish=Wish.INSTALL, envelope=release(2))
    await gate.phase(Phase.SWITCHING)
    await gate.restart()
    assert await gate.settled(5) == ""
    gate.pause.set()  # the loader has not looked yet
    await asyncio.sleep(0.05)
    shutil.rmtree(gate.folder / loader.RELEASES / "0.2.0-2")
    await gate.offer(6, wish=Wish.INSTALL, envelope=release(2))
    await gate.phase(Phase.STAGING)
    gate.pause.clear()
    await gate.phase(Phase.SWITCHING)
    assert (await gate.restart()).running == "0.2.0-2"
    assert await gate.settled(6) == ""
    assert (gate.folder / loader.RELEASES / "0.2.0-2" / "bin" / "menshen").exists()


@pytest.mark.parametrize(
    ("envelope", "says", "why"),
    [
        (b"{}", PROGRAM, "missing required field"),
        (envelope_of(manifest_of([FILE]), releases.Ed25519PrivateKey.generate()), PROGRAM, "expected a good signature"),
        (release(2).replace(b'"manifest":"', b'"manifest":"AAAA'), PROGRAM, "expected a good signature"),
        (envelope_of(manifest_of([FILE], "0.0.9", 9)), PROGRAM, "older than 0.1.0"),
        (release(2), PROGRAM.replace("{version}", "0.9.9"), "says that it is 'menshen 0.9.9'"),
        (release(2), "#!/bin/sh\n[ $1 = --version ] && echo menshen 0.2.0 || exec false\n", "its own check fails"),
    ],
)
async def test_what_is_not_to_run_here_is_refused_with_its_reason_and_nothing_is_switched_to(gate, envelope, says, why):
    gate.says = says
    await gate.offer(5, wish=Wish.INSTALL, envelope=envelope)
    assert why in await gate.settled(5)
    assert slots.read_slots(gate.folder).running == ""
    assert gate.told
    assert not gate.told[0][0]


async def test_an_agent_that_ends_before_the_loader_comes_to_the_switch_waits_for_it(gate, tmp_path):
    busy, tested = gate.pause, tmp_path / "tested"
    gate.says = PROGRAM.replace("else ", f"else while [ ! -e {tested} ]; do sleep 0.01; done; ")
    await gate.offer(5, wish=Wish.INSTALL, envelope=release(2))
    await gate.phase(Phase.TESTING)
    busy.set()
    tested.touch()
    await gate.phase(Phase.SWITCHING)
    await gate.end()
    gate.begin()
    await asyncio.sleep(0.05)
    assert gate.care.told().settled == 0
    busy.clear()
    await gate.restart()
    assert await gate.settled(5) == ""


async def test_a_trial_that_nobody_remembers_is_judged_all_the_same(gate):
    await gate.offer(5, wish=Wish.INSTALL, envelope=release(2))
    await gate.phase(Phase.SWITCHING)
    await eventually((gate.folder / loader.RESTART).exists, "the loader's wish")
    await gate.end()
    (gate.folder / loader.INBOX / care.PURSUIT_FILE).write_bytes(b"torn")
    await gate.restart()
    await eventually(lambda: slots.read_slots(gate.folder).confirmed == "0.2.0-2", "confirmed")


async def test_a_halt_ends_what_is_loading_and_the_hub_may_send_a_gate_back_to_the_release_before(gate):
    gate.line.does = dict.fromkeys(range(3, 10_000), "lose")
    await gate.offer(5, wish=Wish.INSTALL, envelope=release(2))
    await eventually(lambda: gate.care.told().loaded > 0, "some of it")
    await gate.offer(6)
    await gate.phase(Phase.IDLE)
    gate.line.does = {}
    for number, serial in ((7, 2), (8, 3)):
        await gate.offer(number, wish=Wish.INSTALL, envelope=release(serial))
        await gate.phase(Phase.SWITCHING)
        await gate.restart()
        assert await gate.settled(number) == ""
    await gate.offer(9, wish=Wish.BACK, serial=2)
    assert "does not run here" in await gate.settled(9)
    await gate.offer(10, wish=Wish.BACK, serial=3)
    await gate.phase(Phase.SWITCHING)
    assert (await gate.restart()).running == "0.2.0-2"
    assert await gate.settled(10) == ""


async def test_a_loader_that_does_not_answer_is_told(gate, monkeypatch):
    monkeypatch.setattr(care, "STAGED_WITHIN_S", 0.1)
    gate._stopping.set()
    await gate.offer(5, wish=Wish.INSTALL, envelope=release(2))
    assert "is menshen-release.path enabled?" in await gate.settled(5)
