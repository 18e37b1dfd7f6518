"""`menshen hub …` on a journal and alerts as a hub leaves them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import menshen
from hub.alerts.chains import AllChannels
from hub.alerts.rules import Rule, Signal
from hub.alerts.store import AlertStore
from hub.journal import Bad, Journal, JournalReader
from hub.projections.rollups import Rollups
from tests.support.events import TIME_NS, fever
from tests.support.journals import URGENT, batch
from wire import topics
from wire.errors import DecodeError
from wire.events import Urgency
from wire.messages import encode

TOPIC = topics.events("site", "north", Urgency.URGENT)


class Said(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def command(tmp_path, capsys) -> Command:
    (tmp_path / "hub.toml").write_text('site = "site"\n')

    def run(name: str, *arguments: str) -> Said:
        code = menshen.main(["hub", name, str(tmp_path / "hub.toml"), *arguments])
        return Said(code, *capsys.readouterr())

    return run


@pytest.fixture
def journal(tmp_path) -> Journal:
    journal = Journal(tmp_path / "var" / "journal.db")
    journal.open()
    return journal


def bury(journal: Journal, *payloads: bytes) -> None:
    journal.bury([Bad("message", TOPIC, "too new", payload) for payload in payloads], TIME_NS)
    journal.close()


def letters(folder: Path) -> list[int]:
    return [letter.id for letter in JournalReader(folder / "var" / "journal.db").dead_letters()]


def test_check_says_what_a_hub_would_do_and_touches_nothing(command, tmp_path):
    said = command("check")
    assert said.code == 0
    assert "Site site, time series: none, channels: none: nobody will be told" in said.out
    assert not (tmp_path / "var").exists()


def test_check_explains_a_fault_and_fails(command, tmp_path):
    (tmp_path / "hub.toml").write_text('sitee = "site"\n')
    said = command("check")
    assert said.code == 1
    assert "hub.toml:1: sitee = 'site': unknown key, did you mean 'site'?" in said.err


def test_dead_letters_are_listed_with_how_often_and_when(command, journal):
    journal.bury([Bad("message", TOPIC, "no JSON", b"?")], TIME_NS)
    bury(journal, b"?")
    said = command("dead-letters")
    assert said.out == f"1\tmessage\t×2\t2020-02-08 22:13:20Z\t{TOPIC}\ttoo new\n"
    assert said.err == "1 dead letters\n"


def test_dead_letters_of_a_hub_that_never_ran_are_explained(command):
    said = command("dead-letters")
    assert said.code == 1
    assert "there is none yet" in said.err


def test_replay_takes_what_can_be_read_now_and_keeps_the_rest(command, journal, tmp_path):
    bury(journal, encode(batch([fever(1), fever(2)])), b"?")
    said = command("replay")
    assert said.code == 1
    assert said.out.splitlines()[0] == "1\ttaken: 2 new events"
    assert said.out.splitlines()[1].startswith("2\tstill unreadable: ")
    assert letters(tmp_path) == [2]


def test_replay_of_one_letter_leaves_the_others_alone(command, journal, tmp_path):
    bury(journal, encode(batch([fever(1)])), encode(batch([fever(2)], first=2)))
    assert command("replay", "1") == (0, "1\ttaken: 1 new events\n", "")
    assert letters(tmp_path) == [2]


def test_replay_of_a_letter_that_is_not_there_fails(command, journal):
    bury(journal)
    assert command("replay", "99") == (1, "99\tstill not found: there is no such dead letter\n", "")


def test_replay_keeps_a_letter_that_comes_behind_a_hole_and_takes_it_once_the_hole_is_filled(
    command, journal, tmp_path
):
    bury(journal, encode(batch([fever(3)], first=3)))
    said = command("replay")
    assert said.code == 1
    assert "number 1 is missing" in said.out
    assert letters(tmp_path) == [1]
    journal.open()
    journal.append([batch([fever(1), fever(2)])], TIME_NS)
    journal.close()
    assert command("replay").out == "1\ttaken: 1 new events\n"
    assert letters(tmp_path) == []


def test_replay_of_an_event_that_was_too_new_makes_it_an_entry(command, journal, tmp_path, monkeypatch):
    with monkeypatch.context() as old_hub:

        def too_new(body: bytes) -> None:
            raise DecodeError("event: too new")

        old_hub.setattr("hub.taking.decode_event", too_new)
        journal.append([batch([fever(1)])], TIME_NS)
    journal.close()
    assert command("replay") == (0, "1\ttaken as person-passage\n", "")
    (entry,) = JournalReader(tmp_path / "var" / "journal.db").after(0, 10)
    assert (entry.stream, entry.event()) == (URGENT, fever(1))


def test_replay_beside_a_running_hub_is_refused(command, journal):
    said = command("replay")
    assert said.code == 1
    assert "another process works on it; stop that one first" in said.err
    journal.close()


def test_alerts_are_listed_and_end_once_by_name(command, tmp_path):
    store = AlertStore(tmp_path / "var" / "alerts.db", AllChannels(()))
    store.open()
    signal = Signal(key="k", rule=Rule.FEVER, site="site", gate="north", time_ns=TIME_NS, detail="38.1 °C")
    store.take(1, [(signal, TIME_NS)], TIME_NS)
    listed = "1\tcritical\tfever\tsite/north\t2020-02-08 22:13:20Z\tfiring\tno-channel\t38.1 °C\n"
    assert command("alerts") == (0, listed, "")
    assert command("resolve", "1", "--by", "Li") == (0, "alert 1: resolved by Li\n", "")
    assert command("alerts") == (0, "", "")
    assert command("resolve", "1", "--by", "Li") == (1, "", "menshen hub: alert 1: is resolved\n")


def test_an_alert_is_taken_in_hand_silenced_and_its_history_says_who_did_what(command, tmp_path):
    store = AlertStore(tmp_path / "var" / "alerts.db", AllChannels(("desk",)))
    store.open()
    store.take(1, [(Signal(key="k", rule=Rule.FEVER, site="site", gate="north", time_ns=TIME_NS), TIME_NS)], 1)
    assert command("ack", "1", "--by", "Li", "--note", "on my way").out == "alert 1: acknowledged by Li\n"
    assert "acknowledged by Li" in command("alerts").out
    assert command("reopen", "1", "--by", "Wang").code == 0
    assert command("silence", "--by", "Li", "--hours", "1", "--gate", "north").out.startswith(
        "silence 1: all rules at north"
    )
    assert "silenced" in command("alerts").out
    assert command("silences").out.startswith("1\tall rules\tnorth\tuntil ")
    assert command("unsilence", "1", "--by", "Wang").out == "silence 1: ended by Wang\n"
    assert "is not in force" in command("unsilence", "1", "--by", "Wang").err
    assert "firing" in command("alerts").out
    assert "there is none of that number" in command("ack", "9", "--by", "Li").err
    assert "expected one of" in command("silence", "--by", "Li", "--hours", "1", "--rule", "fevr").err
    lines = [line.split("\t") for line in command("history", "1").out.splitlines()]
    assert [line[1] for line in lines[:4]] == ["began", "step-due", "chain-over", "acknowledged"]
    assert lines[3][2:] == ["acknowledged", "Li", "on my way"]


def test_an_alert_is_not_ended_without_a_name(command):
    with pytest.raises(SystemExit) as caught:
        command("resolve", "1")
    assert caught.value.code == 2


def test_alerts_where_no_hub_ever_ran_are_explained_and_nothing_is_made(command, tmp_path):
    for said in (command("alerts"), command("resolve", "1", "--by", "Li")):
        assert said.code == 1
        assert "there are none yet" in said.err
    assert not (tmp_path / "var").exists()


def test_a_channel_is_tried_for_real_and_its_service_is_quoted(tmp_path, capsys, http_sink):
    file = tmp_path / "hub.toml"
    file.write_text(f'site = "site"\n[[channels]]\nkind = "webhook"\nname = "duty"\nurl = "{http_sink.url}"\n')

    def tried(name: str) -> Said:
        code = menshen.main(["hub", "notify", "test", str(file), name])
        return Said(code, *capsys.readouterr())

    assert tried("duty") == (0, "duty: HTTP 200: ok\n", "")
    assert b"A test of Menshen" in http_sink.requests[0].body or "门神测试".encode() in http_sink.requests[0].body
    http_sink.status, http_sink.body = 403, b"who are you?"
    refused = tried("duty")
    assert refused.code == 1
    assert "not taken (trying again will not help: see its settings): HTTP 403: who are you?" in refused.err
    assert "did you mean 'duty'?" in tried("dutty").err


def test_who_is_on_duty_is_told(tmp_path, capsys):
    file = tmp_path / "hub.toml"
    file.write_text("""site = "site"
channels = [{ kind = "webhook", name = "duty", url = "http://127.0.0.1/" }]
[[people]]
name = "Li"
contacts = [{ channel = "duty" }]
[[rotas]]
name = "gate"
people = ["Li"]
start = 2020-01-01T08:00:00
[[rotas]]
name = "later"
people = ["Li"]
start = 2199-01-01T08:00:00
[[escalations]]
steps = [{ tell = ["rota:gate"] }]
""")
    assert menshen.main(["hub", "rota", str(file)]) == 0
    assert capsys.readouterr().out == "gate\tLi\nlater\tnobody\n"


async def test_time_series_and_figures_are_written_anew_from_the_journal(command, journal, tmp_path):
    journal.append([batch([fever(1), fever(2)])], TIME_NS)
    journal.set_cursor("timeseries", 2)
    journal.close()
    figures = Rollups(tmp_path / "var" / "rollups.db", None)
    await figures.start()
    await figures.apply(JournalReader(tmp_path / "var" / "journal.db").after(0, 10))
    await figures.settle(await figures.changed())
    await figures.stop()
    said = await asyncio.to_thread(command, "rebuild", "timeseries")
    assert (said.code, "anew" in said.out) == (0, True)
    assert JournalReader(tmp_path / "var" / "journal.db").cursor("timeseries") == 0
    figures = Rollups(tmp_path / "var" / "rollups.db", None)
    assert await figures.start() == 2
    assert await figures.changed()
    await figures.stop()
    assert (await asyncio.to_thread(command, "rebuild", "figures")).code == 0
    assert not (tmp_path / "var" / "rollups.db").exists()


@pytest.mark.parametrize("form", ["text", "json", "pdf", "xlsx"])
def test_the_daily_report_is_written_as_a_file_beside_the_hub(command, tmp_path, form):
    out = tmp_path / f"report.{form}"
    asked = ("--date", "2020-02-10", "--format", form, "--out", str(out))
    said = command("report", *asked)
    assert (said.code, out.exists()) == (1, False)
    assert "no hub has run here yet" in said.err
    journal = Journal(tmp_path / "var" / "journal.db")
    journal.open()
    journal.close()
    said = command("report", *asked)
    assert said.code == 0, said.err
    assert "the report of 2020-02-10" in said.out
    assert out.stat().st_size > 100
