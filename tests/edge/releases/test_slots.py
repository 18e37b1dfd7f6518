"""Which release runs: over any order of requests, starts, and power cuts between any two steps."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from edge.releases import loader, slots, staging
from edge.releases.loader import Loader
from edge.releases.slots import MOST_STARTS, WITHIN_S, Do, Request, Slots
from tests.support import releases
from tests.support.releases import envelope_of, manifest_of, wheel_file
from wire import signing
from wire.releases import ReleaseManifest

CONTENT = b"PK a wheel"
FILE = wheel_file("menshen-0.2.0-py3-none-any.whl", CONTENT)


def release(serial: int, **more: object) -> ReleaseManifest:
    return manifest_of([FILE], f"0.{serial}.0", serial, **more)


def tried(held: Slots, manifest: ReleaseManifest, boot: str = "boot", now_s: float = 0.0) -> Slots:
    found = slots.tried(slots.staged(held, manifest), manifest.slot, boot, now_s)
    assert isinstance(found, Slots)
    return found


def confirmed(held: Slots, manifest: ReleaseManifest) -> Slots:
    found = slots.confirmed(tried(held, manifest), manifest.slot)
    assert isinstance(found, Slots)
    return found


def test_a_release_that_works_is_confirmed_and_the_one_before_it_is_kept():
    held = confirmed(confirmed(Slots(), release(1)), release(2))
    assert (held.running, held.previous, held.serial) == ("0.2.0-2", "0.1.0-1", 2)
    assert held.kept() == {"0.2.0-2", "0.1.0-1"}


def test_one_that_ends_again_and_again_is_gone_back_from():
    held = tried(confirmed(Slots(), release(1)), release(2))
    for _ in range(MOST_STARTS):
        held = slots.started(held, "boot", 1.0)
        assert held.running == "0.2.0-2"
    held = slots.started(held, "boot", 2.0)
    assert (held.running, held.failed) == ("0.1.0-1", "0.2.0-2")


def test_a_trial_is_over_after_its_time_which_a_machine_that_was_off_does_not_count():
    held = tried(Slots(), release(1), now_s=100.0)
    assert not slots.is_overdue(held, "boot", 100.0 + WITHIN_S)
    assert slots.is_overdue(held, "boot", 101.0 + WITHIN_S)
    held = slots.started(held, "next boot", 5.0)
    assert not slots.is_overdue(held, "next boot", 5.0 + WITHIN_S)


def test_what_is_older_than_what_ran_here_is_refused_unless_it_is_signed_anew():
    held = confirmed(Slots(), release(5))
    assert "sign it anew" in slots.refusal(held, release(4), "0.1.0")
    assert slots.refusal(held, manifest_of([FILE], "0.4.0", 6), "0.1.0") == ""
    assert "older than 0.9.0" in slots.refusal(Slots(), release(5), "0.9.0")
    back = slots.gone_back(held, "0.5.0-5")
    assert isinstance(back, Slots)
    assert back.running == ""
    assert "sign it anew" in slots.refusal(back, release(4), "0.1.0")  # going back makes nothing older good again


class Life(RuleBasedStateMachine):
    """What runs was installed by hand, was confirmed, or is being tried; and no serial ever goes down."""

    @initialize()
    def begin(self) -> None:
        self.held, self.good, self.now_s, self.serial = Slots(), {""}, 0.0, 0

    def take(self, found: Slots | str) -> None:
        if isinstance(found, Slots):
            self.held = found

    @rule(serial=st.integers(1, 8))
    def stage(self, serial: int) -> None:
        if not slots.refusal(self.held, release(serial), "0.1.0"):
            assert serial >= self.serial
            self.held = slots.staged(self.held, release(serial))

    @rule(serial=st.integers(1, 8))
    def attempt(self, serial: int) -> None:
        self.take(slots.tried(self.held, release(serial).slot, "boot", self.now_s))

    @rule(serial=st.integers(1, 8))
    def confirm(self, serial: int) -> None:
        was = self.held.trying
        self.take(slots.confirmed(self.held, release(serial).slot))
        if was is not None and self.held.trying is None:
            self.good.add(was.name)
            self.serial = max(self.serial, was.serial)

    @rule()
    def fail(self) -> None:
        self.take(slots.failed(self.held, "why"))

    @rule(serial=st.integers(1, 8))
    def back(self, serial: int) -> None:
        self.take(slots.gone_back(self.held, release(serial).slot))

    @rule(passed_s=st.floats(0, 3000))
    def start(self, passed_s: float) -> None:
        self.now_s += passed_s
        self.held = slots.started(self.held, "boot", self.now_s)

    @invariant()
    def what_runs_is_good_or_on_trial(self) -> None:
        if not hasattr(self, "held"):
            return
        held = self.held
        assert held.confirmed in self.good
        assert held.running in self.good | {held.trying.name if held.trying else ""}
        assert held.starts <= MOST_STARTS
        assert held.serial >= self.serial
        assert {held.running, held.confirmed} - {""} <= held.kept()
        assert msgspec.json.decode(msgspec.json.encode(held), type=Slots) == held


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)


# -- the loader, with its folder on a real disk ------------------------------------------------------------------------


class Gate:
    """A loader's folder, and an agent that asks."""

    def __init__(self, folder: Path) -> None:
        self.installation = releases.installation(folder)
        self.folder = releases.folder_of(folder)
        self.inbox = self.folder / loader.INBOX
        self.now_s = 0.0
        self._asked = 0

    def loader(self) -> Loader:
        return Loader(self.folder, self.installation, "boot", lambda: self.now_s, make_quickly)

    def bring(self, manifest: ReleaseManifest, **more: object) -> None:
        (self.inbox / FILE.sha256).write_bytes(CONTENT)
        (self.inbox / loader.RELEASE_FILE).write_bytes(envelope_of(manifest, **more))  # type: ignore[arg-type]

    def ask(self, do: Do, slot: str, why: str = "") -> str:
        """The loader's answer; empty where it did it."""
        self._asked += 1
        request = Request(str(self._asked), do, slot, why)
        (self.inbox / loader.REQUEST_FILE).write_bytes(msgspec.json.encode(request))
        held = self.loader().work()
        assert held.answered == request.id
        return held.answer

    def install(self, manifest: ReleaseManifest) -> None:
        self.bring(manifest)
        assert [self.ask(do, manifest.slot) for do in (Do.STAGE, Do.TRY)] == ["", ""]
        self.loader().start()
        assert self.ask(Do.CONFIRM, manifest.slot) == ""

    @property
    def runs(self) -> Path:
        return (self.folder / loader.CURRENT).resolve()


def make_quickly(place: Path, wheels: Sequence[tuple[Path, str]]) -> None:
    """In place of an environment, for which `tests/end_to_end/test_updates.py` has pip."""
    (place / "bin").mkdir(parents=True)
    (place / "bin" / "menshen").write_bytes(wheels[0][0].read_bytes())


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


def test_releases_come_one_after_the_other_and_only_the_last_two_stay(gate):
    gate.loader().start()
    assert gate.runs == gate.installation.path
    for serial in (1, 2, 3):
        gate.install(release(serial))
        assert gate.runs == gate.folder / "releases" / release(serial).slot
    assert {path.name for path in (gate.folder / "releases").iterdir()} == {"0.3.0-3", "0.2.0-2"}
    assert gate.ask(Do.BACK, "0.3.0-3") == ""
    assert gate.runs.name == "0.2.0-2"
    assert "no release before it" in gate.ask(Do.BACK, "0.2.0-2")


OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
OTHER_PUBLIC = signing.public_text(OTHER.public_key())


def test_nothing_is_staged_that_no_trusted_key_signed_or_whose_bytes_are_others(gate):
    gate.bring(release(1), key=OTHER)
    assert "expected a good signature" in gate.ask(Do.STAGE, "0.1.0-1")
    gate.bring(release(1))
    (gate.inbox / FILE.sha256).write_bytes(b"PX a wheel")
    assert "not the bytes that were signed" in gate.ask(Do.STAGE, "0.1.0-1")
    (gate.inbox / FILE.sha256).unlink()
    (gate.inbox / FILE.sha256).symlink_to("/etc/passwd")
    assert "symbolic links" in gate.ask(Do.STAGE, "0.1.0-1")
    (gate.inbox / FILE.sha256).unlink()
    os.mkfifo(gate.inbox / FILE.sha256)
    assert "expected 10" in gate.ask(Do.STAGE, "0.1.0-1")
    (gate.inbox / loader.RELEASE_FILE).write_bytes(b"{" * 300_000)
    assert "at most" in gate.ask(Do.STAGE, "0.1.0-1")
    assert "is not staged" in gate.ask(Do.TRY, "0.1.0-1")
    assert not list((gate.folder / "releases").glob("0*"))
    assert gate.runs == gate.installation.path


def test_a_release_for_another_kind_of_machine_is_refused_and_says_what_this_one_is(gate):
    manifest = release(1)
    other = msgspec.structs.replace(manifest.targets[0], machine="armv7l")
    gate.bring(msgspec.structs.replace(manifest, targets=(other,)))
    answer = gate.ask(Do.STAGE, "0.1.0-1")
    assert "armv7l" in answer
    assert staging.here()[1] in answer


def test_keys_change_with_a_release_that_has_proved_itself_and_not_before(gate):
    gate.bring(release(1, keys=(OTHER_PUBLIC,)))
    assert [gate.ask(do, "0.1.0-1") for do in (Do.STAGE, Do.TRY)] == ["", ""]
    assert gate.ask(Do.FAIL, "0.1.0-1", "no hub") == ""
    gate.install(release(2, keys=(OTHER_PUBLIC,)))
    gate.bring(release(3))
    assert "expected a good signature" in gate.ask(Do.STAGE, "0.3.0-3")
    gate.bring(release(3), key=OTHER)
    assert gate.ask(Do.STAGE, "0.3.0-3") == ""
    gate.installation.keys_file.write_text(f"{releases.KEYS_LINE}# brought to the gate: it counts again\n")
    assert "expected a good signature" in gate.ask(Do.STAGE, "0.3.0-3")


def test_a_trial_without_a_word_ends_and_the_agent_is_started_anew(gate):
    gate.bring(release(1))
    assert [gate.ask(do, "0.1.0-1") for do in (Do.STAGE, Do.TRY)] == ["", ""]
    (gate.folder / loader.RESTART).unlink()
    gate.now_s = WITHIN_S + 1
    assert gate.loader().work().running == ""
    assert gate.runs == gate.installation.path
    assert (gate.folder / loader.RESTART).exists()


def test_what_is_remembered_may_be_torn_and_a_release_may_be_gone_then_what_was_installed_runs(gate):
    gate.install(release(1))
    (gate.folder / "releases" / "0.1.0-1" / "bin" / "menshen").unlink()
    gate.loader().start()
    assert gate.runs == gate.installation.path
    (gate.folder / slots.SLOTS_FILE).write_bytes(b'{"confi')
    gate.loader().start()
    assert gate.runs == gate.installation.path


def test_a_release_whose_folder_is_gone_is_none_any_more_and_comes_anew(gate):
    gate.install(release(1))
    gate.install(release(2))
    for serial in (1, 2):
        shutil.rmtree(gate.folder / "releases" / release(serial).slot)
    held = gate.loader().start()
    assert (held.running, held.confirmed_serial, held.serial, held.why) == ("", 0, 2, slots.GONE)
    gate.install(release(2))
    assert gate.runs == gate.folder / "releases" / "0.2.0-2"
    assert gate.ask(Do.BACK, "0.2.0-2") == ""
    assert gate.runs == gate.installation.path
    gate.bring(release(2))
    assert [gate.ask(do, "0.2.0-2") for do in (Do.STAGE, Do.TRY)] == ["", ""]
    shutil.rmtree(gate.folder / "releases" / "0.2.0-2")
    assert gate.loader().start().running == ""
    assert slots.read_slots(gate.folder).why == slots.GONE


class PowerCut(BaseException):
    """Nothing after it happens, not even what is meant to happen whatever comes."""


class Power:
    """Cuts at the n-th step that changes the disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        for owner, name in (
            (Path, "replace"), (Path, "symlink_to"), (Path, "unlink"), (Path, "mkdir"), (Path, "chmod"),
            (Path, "write_bytes"), (Path, "write_text"), (os, "fsync"), (os, "sync"), (staging.shutil, "rmtree"),
        ):  # fmt: skip
            does = getattr(owner, name) if "sync" not in name else lambda *_: None
            monkeypatch.setattr(owner, name, self._guarded(does))

    def _guarded(self, do: Callable[..., object]) -> Callable[..., object]:
        def step(*arguments: object, **words: object) -> object:
            if self.left is not None:
                self.left -= 1
                if self.left < 0:
                    raise PowerCut
            return do(*arguments, **words)

        return step


def test_power_may_go_between_any_two_steps(tmp_path, monkeypatch):
    """At each start what runs is whole, and was confirmed or is being tried; and in the end the update is there."""
    power = Power(monkeypatch)
    cuts, is_done = 0, False
    while not is_done:
        gate = Gate(tmp_path / str(cuts))
        gate.install(release(1))
        gate.bring(release(2))
        asked = [Request(do.value, do, "0.2.0-2") for do in (Do.STAGE, Do.TRY, Do.CONFIRM)]
        power.left, is_done = cuts, True
        for request in asked:
            for _ in range(2):  # once more, where power went
                (gate.inbox / "request.json").open("wb").write(msgspec.json.encode(request))
                try:
                    gate.loader().work()
                    break
                except PowerCut:
                    power.left, is_done = None, False
                    held = gate.loader().start()
                    assert (gate.runs / "bin" / "menshen").read_bytes() == CONTENT
                    assert gate.runs.name in {held.confirmed, held.running}
                    assert gate.runs.name in {"0.1.0-1", "0.2.0-2"}
        power.left = None
        held = slots.read_slots(gate.folder)
        assert (held.confirmed, held.previous, held.answer) == ("0.2.0-2", "0.1.0-1", "")
        assert gate.runs.name == "0.2.0-2"
        with contextlib.suppress(FileNotFoundError):
            assert not list((gate.folder / "releases").glob(".wheels*"))
        cuts += 1
    assert cuts > 15


def test_a_card_that_cannot_be_read_just_now_decides_nothing(tmp_path):
    (tmp_path / slots.SLOTS_FILE).mkdir()  # as any error of reading, whoever runs this
    with pytest.raises(OSError, match="directory"):
        slots.load_slots(tmp_path)
    assert slots.read_slots(tmp_path) == slots.Slots()
