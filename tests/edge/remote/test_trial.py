"""The life of a configuration that the hub sent, and what it takes to confirm one."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from edge.remote import keeper, trial, verdict
from edge.remote.keeper import ConfigurationEar, Configurations
from edge.remote.trial import MOST_STARTS, Answer, Held
from edge.remote.verdict import Seen, missing
from wire import topics
from wire.errors import DecodeError
from wire.link import Arrival
from wire.messages import SCHEMA_VERSION, GateConfiguration, encode

GATE = """site = "s"
gate = "north"
token_key_file = "token.key"
[[lanes]]
name = "{lane}"
[lanes.badge]
driver = "simulated"
scene = "x"
"""


def test_a_sound_version_is_tried_and_confirmed():
    held = trial.started(trial.tried(Held(), 5, ["cam"]))
    assert (held.running, held.trying, held.before) == (5, 5, ("cam",))
    assert trial.confirmed(held) == Held(confirmed=5)


def test_a_trial_that_fails_goes_back_to_what_was_confirmed_and_is_not_tried_again():
    held = trial.failed(trial.tried(Held(confirmed=3), 5, []), "no frames")
    assert (held.running, held.turned_down, held.why) == (3, 5, "no frames")
    assert trial.offered(held, 5) is Answer.NOTHING
    assert trial.offered(held, 6) is Answer.TRY


def test_a_trial_under_which_the_agent_ends_again_and_again_has_failed():
    held = trial.tried(Held(), 5, [])
    for _ in range(MOST_STARTS):
        held = trial.started(held)
        assert held.trying == 5
    held = trial.started(held)
    assert (held.running, held.turned_down) == (0, 5)


def test_only_what_is_newer_is_tried_and_the_own_file_comes_back_when_it_is_wanted():
    held = Held(confirmed=5)
    assert [trial.offered(held, version) for version in (4, 5, 6)] == [Answer.NOTHING, Answer.NOTHING, Answer.TRY]
    assert trial.offered(held, 0) is Answer.GIVE_UP
    assert trial.offered(Held(), 0) is Answer.NOTHING
    assert trial.given_up(held).running == 0


@pytest.mark.parametrize(
    ("seen", "before", "now", "why"),
    [
        (Seen(True, frozenset({"a"})), ["a"], ["a"], ""),
        (Seen(False, frozenset({"a"})), ["a"], ["a"], "the hub does not answer"),
        (Seen(True, frozenset()), ["a"], ["a"], "no frames from a"),
        (Seen(True, frozenset()), ["a"], ["b"], ""),
        (Seen(True, frozenset()), [], ["a"], ""),
    ],
)
def test_a_trial_works_when_the_hub_answers_and_the_cameras_that_worked_do_again(seen, before, now, why):
    assert missing(seen, before, now) == why


async def test_waiting_ends_when_it_works_or_when_the_time_is_over(monkeypatch):
    monkeypatch.setattr(verdict, "LOOK_EVERY_S", 0.01)
    answers = iter(["nothing", "nothing", ""])
    assert await verdict.wait_for(lambda: next(answers), 20.0) == ""
    assert "not in 0 s: nothing" in await verdict.wait_for(lambda: "nothing", 0.05)


class Life(RuleBasedStateMachine):
    """Any order of offers, starts and outcomes: what runs was sound once, or is the gate's own file."""

    @initialize()
    def begin(self) -> None:
        self.held = Held()
        self.good: set[int] = {0}
        self.down: set[int] = set()

    @rule(version=st.integers(0, 12), sound=st.booleans())
    def offer(self, version: int, sound: bool) -> None:
        answer = trial.offered(self.held, version)
        if answer is Answer.GIVE_UP:
            self.held = trial.given_up(self.held)
        elif answer is Answer.TRY:
            assert version > self.held.running
            assert version not in self.down
            if sound:
                self.held = trial.tried(self.held, version, ["cam"])
            else:
                self.held = trial.refused(self.held, version, "unsound")
                self.down.add(version)

    @rule()
    def start(self) -> None:
        trying = self.held.trying
        self.held = trial.started(self.held)
        if trying is not None and self.held.trying is None:
            self.down.add(trying)

    @rule()
    def confirm(self) -> None:
        if self.held.trying is not None:
            self.good.add(self.held.trying)
        self.held = trial.confirmed(self.held)

    @rule()
    def fail(self) -> None:
        if self.held.trying is not None:
            self.down.add(self.held.trying)
        self.held = trial.failed(self.held, "why")

    @invariant()
    def what_runs_was_confirmed_or_is_being_tried(self) -> None:
        if hasattr(self, "held"):
            assert self.held.confirmed in self.good
            assert self.held.running == self.held.trying or self.held.running in self.good
            assert self.held.running not in self.down
            assert msgspec.json.decode(msgspec.json.encode(self.held), type=Held) == self.held


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=300, stateful_step_count=30, deadline=None)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "token.key").write_bytes(b"k" * 32)
    (tmp_path / "gate.toml").write_text(GATE.format(lane="own"))
    return tmp_path / "gate.toml"


def lane_of(configurations: Configurations) -> str:
    return configurations.begin().settings.lanes[0].name


def test_what_the_hub_sends_runs_at_the_next_start_and_survives_restarts(own, tmp_path):
    configurations = Configurations(own, tmp_path / "var")
    assert lane_of(configurations) == "own"
    assert configurations.offer(5, GATE.format(lane="new"))
    again = Configurations(own, tmp_path / "var")
    assert lane_of(again) == "new"
    assert again.is_trial
    again.confirm()
    assert lane_of(Configurations(own, tmp_path / "var")) == "new"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("garbage = = x", "not TOML"),
        (GATE.format(lane="x").replace("north", "south"), "changes gate"),
        (GATE.format(lane="x").replace('"token.key"', '"other.key"'), "changes token_key_file"),
        (GATE.format(lane="x").replace("[[lanes]]", "[broker]\nport = 1\n[[lanes]]"), "changes broker"),
        (GATE.format(lane="x").replace("simulated", "nonsense"), "no such badge driver"),
        (GATE.format(lane="x") + "colour = 1\n", "colour"),
    ],
)
def test_what_cannot_run_here_is_refused_with_its_reason_and_nothing_changes(own, tmp_path, text, why):
    configurations = Configurations(own, tmp_path / "var")
    configurations.begin()
    assert not configurations.offer(5, text)
    told = configurations.told()
    assert (told.running, told.trial, told.turned_down) == (0, False, 5)
    assert why in told.why
    assert lane_of(configurations) == "own"


def test_a_file_that_is_broken_on_the_disk_falls_back(own, tmp_path):
    configurations = Configurations(own, tmp_path / "var")
    configurations.begin()
    configurations.offer(5, GATE.format(lane="new"))
    configurations.confirm()
    (tmp_path / "var" / "configuration-5.toml").write_bytes(b"\xff\xfe")
    assert lane_of(Configurations(own, tmp_path / "var")) == "own"
    (tmp_path / "var" / "configuration.json").write_text("garbage")
    assert lane_of(Configurations(own, tmp_path / "var")) == "own"


def test_old_files_go_and_those_in_use_stay(own, tmp_path):
    configurations = Configurations(own, tmp_path / "var")
    for version in (5, 6):
        configurations.begin()
        configurations.offer(version, GATE.format(lane=f"v{version}"))
        configurations.confirm()
    configurations.offer(7, GATE.format(lane="v7"))
    assert sorted(path.name for path in (tmp_path / "var").glob("*.toml")) == [
        "configuration-6.toml",
        "configuration-7.toml",
    ]


async def test_a_version_that_is_heard_starts_the_agent_anew_and_a_disk_that_does_not_keep_it_starts_nothing(
    own, tmp_path, monkeypatch
):
    configurations = Configurations(own, tmp_path / "var")
    configurations.begin()
    whole = keeper._write

    def full(path: Path, content: bytes) -> None:
        if path.name == "configuration.json":
            raise OSError(28, "No space left on device")
        whole(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(keeper, "_write", full)
        for _ in range(3):  # it is heard at each connection
            await configurations.hear(5, GATE.format(lane="new"))
            assert not configurations.changed.is_set()
        assert (configurations.told().running, configurations.told().why) == (0, "the disk does not keep it")
    await configurations.hear(6, GATE.format(lane="new"))
    assert configurations.changed.is_set()
    assert lane_of(configurations) == "new"


async def test_the_ear_takes_its_own_gate_s_settings_and_nothing_that_was_changed_on_the_way():
    heard: list[tuple[int, str]] = []

    async def hear(version: int, text: str) -> None:
        heard.append((version, text))

    ear = ConfigurationEar("s", "north", hear)
    topic = topics.configuration("s", "north")
    assert ear.topics == [topic]
    assert ear.takes(topic)
    assert not ear.takes(topics.configuration("s", "south"))
    sent = GateConfiguration(SCHEMA_VERSION, 5, "text", GateConfiguration.digest_of("text"))
    session: object = None
    await ear.hear(session, Arrival(topic, encode(sent)))  # type: ignore[arg-type]
    await ear.hear(session, Arrival(topic, b""))  # type: ignore[arg-type]
    assert heard == [(5, "text")]
    with pytest.raises(DecodeError, match="not the one of its digest"):
        await ear.hear(session, Arrival(topic, encode(msgspec.structs.replace(sent, text="other"))))  # type: ignore[arg-type]


@given(st.binary(max_size=200))
async def test_garbage_is_a_decode_error(payload):
    async def hear(_version: int, _text: str) -> None: ...

    ear = ConfigurationEar("s", "north", hear)
    if payload:
        with pytest.raises(DecodeError):
            await ear.hear(None, Arrival(topics.configuration("s", "north"), payload))  # type: ignore[arg-type]
