"""The outbox: numbered without holes, durable, bounded, and never stopped by a bad disk."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge.spool import Mark, Spool, SpoolSettings
from tests.chaos.corruption import corrupt
from tests.support.clocks import HandClock
from tests.support.events import fever, routine
from wire.errors import DecodeError, MenshenError, SpoolError
from wire.events import Disinfection, Gap, GapCause, SecondaryMeasurement, Urgency
from wire.messages import Numbered, decode_event


def make(path: Path, clock: HandClock | None = None, **bounds) -> Spool:
    epochs = iter(f"epoch-{n}" for n in range(1, 100))
    spool = Spool("s", "g", SpoolSettings(path=str(path), **bounds), clock or HandClock(), lambda: next(epochs))
    spool.open()
    return spool


def everything(spool: Spool, urgency: Urgency = Urgency.ROUTINE) -> list[Numbered]:
    return spool.read(urgency, 0, 10**6, 10**9)


def agents(spool: Spool) -> list[str]:
    """The numbers that routine events carry."""
    found = [decode_event(numbered.event) for numbered in everything(spool)]
    return [event.agent for event in found if isinstance(event, Disinfection)]


def events(spool: Spool, urgency: Urgency) -> list[object]:
    return [decode_event(numbered.event) for numbered in everything(spool, urgency)]


def name_of(event) -> str:
    return event.agent if isinstance(event, Disinfection) else event.passage


def test_each_stream_is_numbered_from_one_without_holes(tmp_path):
    spool = make(tmp_path / "spool.db")
    spool.append([routine(1), fever(1), routine(2)])
    spool.append([fever(2)])
    assert [n.seq for n in everything(spool)] == [1, 2]
    assert [n.seq for n in everything(spool, Urgency.URGENT)] == [1, 2]
    assert spool.depth().routine == spool.depth().urgent == 2


def test_a_reopened_spool_goes_on_where_it_was(tmp_path):
    spool = make(tmp_path / "spool.db")
    spool.append([routine(1), routine(2)], Mark("reader", 7))
    spool.trim(Urgency.ROUTINE, 2)
    session, epoch = spool.next_session(), spool.epoch
    spool.close()
    again = make(tmp_path / "spool.db")
    again.append([routine(3)])
    assert (again.epoch, again.next_session(), again.mark("reader")) == (epoch, session + 1, 7)
    assert [n.seq for n in everything(again)] == [3]


def test_what_append_returned_for_survives_a_kill(tmp_path):
    program = """
import sys
from tests.chaos.corruption import corrupt
from tests.support.clocks import HandClock
from tests.support.events import routine
from edge.spool import Spool, SpoolSettings
spool = Spool("s", "g", SpoolSettings(path=sys.argv[1]), HandClock())
spool.open()
for number in range(1, 10**6):
    spool.append([routine(number)])
    print(number, flush=True)
"""
    child = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "spool.db")], stdout=subprocess.PIPE)
    assert child.stdout is not None
    for _ in range(50):
        returned = int(child.stdout.readline())
    os.kill(child.pid, signal.SIGKILL)
    rest = child.stdout.read().split()
    child.wait()
    child.stdout.close()
    returned = int(rest[-1]) if rest else returned
    kept = agents(make(tmp_path / "spool.db"))
    assert kept == [str(n) for n in range(1, len(kept) + 1)]
    assert len(kept) in {returned, returned + 1}


def test_a_full_spool_drops_the_oldest_routine_events_and_a_gap_takes_their_numbers(tmp_path):
    spool = make(tmp_path / "spool.db", max_bytes=64 * 1024)
    spool.append([fever(1)])
    for number in range(1, 1500):
        spool.append([routine(number)])
    rows = everything(spool)
    gap = decode_event(rows[0].event)
    assert isinstance(gap, Gap)
    assert gap.cause is GapCause.SPOOL_FULL
    assert (rows[0].seq, rows[0].last) == (1, gap.lost)
    assert rows[1].seq == rows[0].last + 1
    assert agents(spool) == [str(n) for n in range(rows[1].seq, 1500)]
    assert spool.depth().bytes <= 64 * 1024
    assert len(everything(spool, Urgency.URGENT)) == 1


def test_what_is_too_old_is_dropped_behind_a_gap_and_the_rest_stays(tmp_path):
    clock = HandClock()
    spool = make(tmp_path / "spool.db", clock, max_age_s=3600)
    spool.append([routine(1), routine(2)])
    clock.pass_s(3000)
    spool.append([routine(3)])
    clock.pass_s(1000)
    spool.append([routine(4)])
    gap = decode_event(everything(spool)[0].event)
    assert isinstance(gap, Gap)
    assert (gap.cause, gap.lost) == (GapCause.SPOOL_AGED, 2)
    assert agents(spool) == ["3", "4"]


def test_an_event_that_nobody_could_read_is_refused_before_anything_is_written(tmp_path):
    spool = make(tmp_path / "spool.db")
    with pytest.raises(DecodeError):
        spool.append([routine(1), SecondaryMeasurement(time_ns=1, body_c=float("nan"), lane="a")])
    spool.append([routine(2)])
    assert agents(spool) == ["2"]


def test_a_full_disk_fails_the_append_and_loses_nothing_of_before(tmp_path):
    spool = make(tmp_path / "spool.db")
    spool.append([routine(1)])
    db = spool._db
    assert db is not None
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(SpoolError, match="full"):
        spool.append([routine(number) for number in range(2, 2000)])
    assert agents(spool) == ["1"]
    db.execute("PRAGMA max_page_count = 1000000")
    spool.append([routine(2)])
    assert [n.seq for n in everything(spool)] == [1, 2]


@pytest.mark.parametrize("damage", ["no-database", "cut", "header"])
def test_a_corrupt_file_is_put_aside_and_a_gap_tells(tmp_path, damage):
    path = tmp_path / "spool.db"
    spool = make(path)
    spool.append([routine(n) for n in range(1, 200)])
    spool.close()
    content = path.read_bytes()
    ruined = {
        "no-database": b"nothing" * 1000,
        "cut": content[: len(content) // 3],
        "header": b"\0" * 100 + content[100:],
    }
    path.write_bytes(ruined[damage])
    again = make(path)
    again.append([routine(1000)])
    causes = [event.cause for n in everything(again, Urgency.URGENT) if isinstance(event := decode_event(n.event), Gap)]
    assert causes == [GapCause.SPOOL_CORRUPT]
    assert agents(again)[-1] == "1000"
    assert list(tmp_path.glob("spool.db.corrupt-*"))


def test_only_rows_whose_own_bytes_were_hit_are_lost_and_each_number_of_theirs_has_a_gap(tmp_path):
    """Wherever the card is damaged, in the file or in its log, while nobody looks."""
    lost = 0
    for seed in range(24):
        folder = tmp_path / str(seed)
        folder.mkdir()
        spool = make(folder / "whole.db")
        for start in range(0, 120, 20):
            spool.append([routine(n) for n in range(start, start + 20)] + [fever(start)])
            if start == 60:
                spool.trim(Urgency.ROUTINE, 30)
                spool._db.execute("PRAGMA wal_checkpoint")
        for suffix in ("", "-wal"):  # as after a kill
            (folder / f"spool.db{suffix}").write_bytes((folder / f"whole.db{suffix}").read_bytes())
        spool.close()
        _, destroyed = corrupt(folder, random.Random(seed), wounds=1 if seed < 12 else 20)
        again = make(folder / "spool.db")
        again.append([routine(5000)])
        kept = [name_of(event) for u in Urgency for event in events(again, u) if not isinstance(event, Gap)]
        gone = {decode_event(row.body) for row in destroyed}
        whole = [routine(n) for n in range(30, 120)] + [fever(n) for n in range(0, 120, 20)]
        names = [name_of(event) for event in whole if event not in gone]
        assert [name for name in names if name not in kept] == [], seed
        for urgency in Urgency:
            numbers = everything(again, urgency)
            assert [n.seq for n in numbers[1:]] == [n.last + 1 for n in numbers[:-1]], seed
        if any(name not in kept for name in map(name_of, gone)):
            lost += 1
            causes = [event.cause for event in events(again, Urgency.URGENT) if isinstance(event, Gap)]
            assert GapCause.SPOOL_CORRUPT in causes, seed
        again.close()
    assert lost > 5, "some damage was done"


def test_a_bit_that_flips_in_an_event_is_found_before_it_is_sent(tmp_path):
    spool = make(tmp_path / "spool.db")
    spool.append([routine(n) for n in range(1, 4)])
    body = bytes(everything(spool)[1].event)
    spool.close()
    content = (tmp_path / "spool.db").read_bytes()
    (tmp_path / "spool.db").write_bytes(content.replace(body, body.replace(b"2", b"7")))
    again = make(tmp_path / "spool.db")
    told = events(again, Urgency.ROUTINE)
    assert agents(again) == ["1", "3"]
    assert isinstance(told[1], Gap)
    assert told[1].lost == 1


@pytest.mark.parametrize("left", [0, 1, 511])
def test_a_file_that_was_cut_to_nothing_is_told_and_what_the_log_has_is_saved(tmp_path, left):
    path = tmp_path / "spool.db"
    spool = make(path)
    spool.append([routine(1)])
    log = path.with_name("spool.db-wal").read_bytes()
    spool.close()
    path.write_bytes(path.read_bytes()[:left])
    path.with_name("spool.db-wal").write_bytes(log)
    again = make(path)
    assert agents(again) == ["1"]
    again.close()
    path.unlink()
    told = events(make(path), Urgency.URGENT)
    assert [event.cause for event in told] == [GapCause.SPOOL_CORRUPT]


def test_a_file_that_becomes_corrupt_while_it_is_open_is_replaced(tmp_path):
    spool = make(tmp_path / "spool.db")
    spool.append([routine(1)])
    error = sqlite3.DatabaseError("database disk image is malformed")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    with pytest.raises(SpoolError), spool._transaction():
        raise error
    spool.append([routine(2)])
    assert agents(spool)[-1] == "2"


def test_a_new_epoch_keeps_every_waiting_event_behind_a_gap(tmp_path):
    spool = make(tmp_path / "spool.db")
    spool.append([routine(n) for n in range(1, 6)] + [fever(1)])
    spool.trim(Urgency.ROUTINE, 3)
    before = spool.epoch
    spool.renumber(Urgency.ROUTINE, "the hub has more")
    assert spool.stream(Urgency.ROUTINE).epoch != before == spool.epoch
    assert [n.seq for n in everything(spool)] == [1, 2]
    assert agents(spool) == ["4", "5"]
    spool.renumber(Urgency.URGENT, "there, too", in_common=0)
    urgent = [decode_event(n.event) for n in everything(spool, Urgency.URGENT)]
    assert [type(event) for event in urgent] == [Gap, type(fever(1)), Gap]
    assert urgent[1] == fever(1)


def test_no_stream_begins_anew_without_a_gap_that_tells(tmp_path, monkeypatch):
    spool = make(tmp_path / "spool.db")
    spool.append([routine(1)])
    before = spool.stream(Urgency.ROUTINE)
    with monkeypatch.context() as card:
        card.setattr(spool, "append", mock.Mock(side_effect=SpoolError("database or disk is full")))
        with pytest.raises(SpoolError):
            spool.renumber(Urgency.ROUTINE, "another card of one origin")
    assert spool.stream(Urgency.ROUTINE) == before
    spool.renumber(Urgency.ROUTINE, "another card of one origin")
    assert spool.stream(Urgency.ROUTINE) != before
    assert [event.cause for event in events(spool, Urgency.URGENT)] == [GapCause.SPOOL_CORRUPT]


def test_an_empty_stream_that_began_anew_goes_on_after_a_restart(tmp_path):
    spool = make(tmp_path / "spool.db")
    spool.renumber(Urgency.ROUTINE, "another card of one origin")
    spool.close()
    again = make(tmp_path / "spool.db")
    again.append([routine(1)])
    assert [(run.first, run.before) for run in again.runs(Urgency.ROUTINE)] == [(1, "")]
    again.close()
    assert agents(make(tmp_path / "spool.db")) == ["1"]


def test_what_the_hub_has_of_both_cards_is_not_numbered_anew(tmp_path):
    spool = make(tmp_path / "spool.db")
    spool.append([routine(n) for n in range(1, 6)])
    spool.renumber(Urgency.ROUTINE, "another card of one origin", in_common=3)
    assert agents(spool) == ["4", "5"]
    spool.close()
    assert agents(make(tmp_path / "spool.db")) == ["4", "5"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match="spool folder"):
        make(tmp_path / "file" / "spool.db")


class SpoolMachine(RuleBasedStateMachine):
    """The spool against a list."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "spool.db"
        self.spool = make(self.path)
        self.model: list[tuple[int, str | None]] = []
        """(number, agent); None for numbers that a gap stands for."""
        self.next = 1

    @rule(count=st.integers(1, 20))
    def append(self, count):
        self.spool.append([routine(self.next + n) for n in range(count)])
        self.model += [(self.next + n, str(self.next + n)) for n in range(count)]
        self.next += count

    @rule(part=st.floats(0, 1))
    def trim(self, part):
        through = int(part * (self.next - 1))
        self.spool.trim(Urgency.ROUTINE, through)
        heads = [n for n in everything_numbers(self.model) if n[1] > through]
        self.model = [entry for entry in self.model if any(low <= entry[0] <= high for low, high in heads)]

    @precondition(lambda self: self.model)
    @rule(part=st.floats(0, 1))
    def drop(self, part):
        self.spool.drop_oldest(GapCause.SPOOL_FULL, int(self.spool.depth().bytes * part))
        rows = everything(self.spool)
        gap_last = rows[0].last if isinstance(decode_event(rows[0].event), Gap) else 0
        self.model = [(n, None if n <= gap_last else agent) for n, agent in self.model]

    @rule()
    def renumber(self):
        self.spool.renumber(Urgency.ROUTINE, "another gave numbers, too")
        heads = [dict(self.model)[first] for first, _ in everything_numbers(self.model)]
        self.model = list(enumerate(heads, start=1))
        self.next = len(heads) + 1

    @rule()
    def reopen(self):
        self.spool.close()
        self.spool = make(self.path)

    @invariant()
    def holds_the_same_numbers(self):
        numbers = [n for row in everything(self.spool) for n in range(row.seq, row.last + 1)]
        assert numbers == [n for n, _ in self.model]
        assert agents(self.spool) == [agent for _, agent in self.model if agent is not None]
        assert self.spool.last_number(Urgency.ROUTINE) == self.next - 1

    def teardown(self):
        self.spool.close()
        self.folder.cleanup()


def everything_numbers(model: list[tuple[int, str | None]]) -> list[tuple[int, int]]:
    """The model's rows as (first, last): each event by itself, the leading gap as one."""
    gap = [n for n, agent in model if agent is None]
    rows = [(gap[0], gap[-1])] if gap else []
    return rows + [(n, n) for n, agent in model if agent is not None]


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(
    max_examples=25, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_a_second_process_on_the_same_spool_is_refused_and_the_first_goes_on(tmp_path):
    spool = make(tmp_path / "spool.db")
    with pytest.raises(MenshenError, match="another process works on it"):
        make(tmp_path / "spool.db")
    spool.append([routine(1)])
    spool.close()
    assert agents(make(tmp_path / "spool.db")) == ["1"]
