"""Spoken prompts: every decision has its words, and a real player process says them."""

from __future__ import annotations

import asyncio
import struct

import numpy as np
import pytest

from edge.drivers.prompt import Prompt
from edge.prompts import ANNOUNCEMENTS, FOLDER, REASONS, TEXTS, UNSAID, key_of
from edge.prompts.render import KEPT_HZ, SPOKEN_HZ, halved, mu_law, mu_law_wav, trimmed
from tests.support.clocks import HandClock
from tests.support.driver_contract import ActuatorBench, ActuatorContract
from wire.errors import DriverError
from wire.events import Outcome, Reason


class PromptBench(ActuatorBench):
    """The player is a script that writes down what it was given, and plays for a minute."""

    kind = Prompt
    gone = "is not installed|cannot be run"
    rests = False
    holds = False

    def __init__(self, folder, then: str = "exec sleep 60") -> None:
        self.player = folder / "player"
        self.said = folder / "said"
        self.said.touch()
        self._script = f'#!/bin/sh\necho "$@" >> {self.said}\n{then}\n'

    async def replug(self):
        self.player.write_text(self._script)
        self.player.chmod(0o755)

    async def unplug(self):
        self.player.unlink()

    def settings(self):
        return {"player": [str(self.player), "-q"]}

    def is_open(self):
        return False

    async def shows(self):
        """The last thing said; waits a moment for the script to write it down."""
        before = self.said.read_text()
        for _ in range(40):
            await asyncio.sleep(0.005)
            if self.said.read_text() != before:
                break
        return self.said.read_text().splitlines()[-1:]

    async def spoken(self, count: int) -> list[list[str]]:
        while len(lines := self.said.read_text().splitlines()) < count:
            await asyncio.sleep(0.005)
        return [[file.removeprefix(f"{FOLDER}/") for file in line.split()[1:]] for line in lines]


@pytest.fixture
async def case(tmp_path):
    bench = PromptBench(tmp_path)
    await bench.replug()
    return bench


class TestPrompt(ActuatorContract):
    """With a real process."""


async def test_each_language_is_spoken_in_its_turn(case):
    driver, _ = await case.started(languages=["en", "zh"])
    await driver.show(Outcome.DENY, (Reason.UNKNOWN_BADGE,))
    assert await case.spoken(1) == [["en/unknown-badge.wav", "zh/unknown-badge.wav"]]
    await driver.stop()


async def test_the_same_again_is_not_begun_anew_and_another_cuts_it_short(case):
    driver, _ = await case.started(languages=["zh"])
    await driver.show(Outcome.DENY, (Reason.UNKNOWN_BADGE,))
    await case.spoken(1)  # whoever is cut short before the script ran at all has written nothing down
    playing = driver._playing
    await driver.show(Outcome.DENY, (Reason.UNKNOWN_BADGE,))
    assert driver._playing is playing
    await driver.show(Outcome.ALLOW, (Reason.TEMPERATURE_NORMAL,))
    assert playing.cancelled()
    assert await case.spoken(2) == [["zh/unknown-badge.wav"], ["zh/allow.wav"]]
    await driver.show(Outcome.DENY, ())
    assert driver._playing is None
    await driver.stop()


async def test_a_player_that_fails_is_told_with_its_own_words_at_the_next_decision(tmp_path):
    bench = PromptBench(tmp_path, then="echo 'audio open error: No such device' >&2; exit 1")
    await bench.replug()
    driver, _ = await bench.started()
    await driver.show(Outcome.ALLOW, ())
    await bench.spoken(1)
    await asyncio.wait([driver._playing])
    with pytest.raises(DriverError, match="audio open error: No such device"):
        await driver.show(Outcome.ALLOW, ())
    await driver.stop()


async def test_a_folder_without_recordings_is_named(case, tmp_path):
    with pytest.raises(DriverError, match=r"no recordings zh/allow\.wav, .* missing"):
        await case.started(path=str(tmp_path))


async def test_whoever_may_go_in_need_not_be_told(case):
    driver, _ = await case.started(silent_on_allow=True, languages=["en"])
    await driver.show(Outcome.ALLOW, (Reason.TEMPERATURE_NORMAL,))
    await driver.show(Outcome.ALLOW, ("fire-alarm",))
    assert await case.spoken(1) == [["en/fire-alarm.wav"]]
    await driver.stop()


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words_or_needs_none(reason):
    assert (reason in REASONS) is not (reason in UNSAID)
    assert key_of(Outcome.DENY, (reason,)) in TEXTS
    assert key_of(Outcome.REMEASURE, (reason,)) in TEXTS


def test_every_text_is_used_and_short():
    assert set(REASONS.values()) | {"allow", "allow-vehicle", "deny", "remeasure", "fire-alarm"} == set(TEXTS)
    assert all(len(text.zh) <= 24 and len(text.en) <= 70 for text in TEXTS.values())


def test_nothing_that_is_said_tells_of_anybodys_health():
    told = " ".join(
        " ".join(TEXTS[REASONS[reason]])
        for reason in ("fever", "suspect", "in-isolation", "in-quarantine", "declared-ill")
    )
    assert not any(word in told.lower() for word in ("fever", "isolation", "quarantine", "发热", "隔离"))


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("key", TEXTS)
def test_every_text_has_a_recording_that_is_heard(lang, key):
    sound = (FOLDER / lang / f"{key}.wav").read_bytes()
    form, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", sound, 20)
    assert (form, channels, rate, bits) == (7, 1, KEPT_HZ, 8)
    samples = np.frombuffer(sound[sound.index(b"data") + 8 :], np.uint8)
    assert KEPT_HZ * 0.3 < samples.size < KEPT_HZ * 8
    assert np.mean((samples & 0x7F) < 0x50) > 0.1


def test_no_recording_is_of_a_text_that_is_gone():
    assert {path.stem for path in FOLDER.glob("*/*.wav")} == set(TEXTS) | set(ANNOUNCEMENTS)


def test_silence_and_full_scale_are_written_as_g_711_says():
    assert mu_law(np.array([0.0, 1.0, -1.0])) == b"\xff\x80\x00"


def test_it_is_made_without_opening_anything():
    Prompt(Prompt.Settings(player=("no-such-player",)), HandClock())


@pytest.mark.parametrize(("tone_hz", "kept"), [(300, True), (3000, True), (7000, False), (10_000, False)])
def test_at_half_the_rate_speech_is_kept_and_what_would_fold_back_is_not(tone_hz, kept):
    tone = np.sin(2 * np.pi * tone_hz * np.arange(SPOKEN_HZ) / SPOKEN_HZ)
    strength = float(np.std(halved(tone)[200:-200]))
    assert strength == pytest.approx(np.sqrt(0.5), rel=0.02) if kept else strength < 0.02


def test_silence_around_is_cut_but_for_a_breath_and_the_file_says_how_long_it_is():
    sound = np.concatenate([np.zeros(SPOKEN_HZ), np.full(1000, 0.5), np.zeros(SPOKEN_HZ)])
    short = trimmed(sound)
    assert short.size == 1000 - 1 + 2 * (SPOKEN_HZ // 10)
    file = mu_law_wav(halved(short))
    assert len(file) == struct.unpack_from("<I", file, 4)[0] + 8


async def test_an_announcement_is_said_when_it_is_quiet_and_a_decision_cuts_it_short(case):
    driver, _ = await case.started(languages=["zh"])
    assert await driver.announce("say-mask")
    assert await case.spoken(1) == [["zh/say-mask.wav"]]
    assert not await driver.announce("say-mask"), "one at a time"
    assert not await driver.announce("allow"), "what decisions say is not announced"
    await driver.show(Outcome.ALLOW, (Reason.TEMPERATURE_NORMAL,))
    assert await case.spoken(2) == [["zh/say-mask.wav"], ["zh/allow.wav"]]
    await driver.stop()
    assert not await driver.announce("say-mask")


def test_every_announcement_has_its_recordings():
    assert all((FOLDER / lang / f"{key}.wav").is_file() for lang in ("zh", "en") for key in ANNOUNCEMENTS)
    assert not ANNOUNCEMENTS.keys() & TEXTS.keys()
