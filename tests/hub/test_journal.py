"""The journal: each number once, in order, without holes, durable when `append` returns."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from msgspec import Raw

from hub.journal import UNREADABLE, Bad, Journal
from hub.lineage import run_at
from hub.transactions import for_rows
from tests.support.events import fever, routine
from tests.support.journals import ROUTINE, URGENT, InPostgres, batch
from wire.errors import DecodeError, JournalError, MenshenError
from wire.events import DeviceKind, DeviceState, Gap, GapCause, Health
from wire.messages import Numbered, batch_of, encode_event


def make(folder: Path) -> Journal:
    journal = Journal(folder / "journal.db")
    journal.open()
    return journal


@pytest.fixture(params=["sqlite", "postgresql"])
def any_journal(request):
    """Opens a journal of each kind in turn; opened again it is the same."""
    if request.param == "sqlite":
        return make
    return InPostgres(request.getfixturevalue("journal_url")).open


def test_events_are_taken_once_and_in_order(any_journal, tmp_path):
    journal = any_journal(tmp_path)
    taken = journal.append([batch([fever(1), fever(2)]), batch([routine(1)], stream=ROUTINE)], 10)
    assert (taken[URGENT].through, taken[URGENT].resend, taken[URGENT].new) == (2, False, 2)
    again = journal.append([batch([fever(1), fever(2), fever(3)])], 11)
    assert (again[URGENT].through, again[URGENT].new) == (3, 1)
    events = [entry.event() for entry in journal.reader().after(0, 100)]
    assert events == [fever(1), fever(2), routine(1), fever(3)]


def test_what_is_not_next_is_not_taken_and_asked_for_again(any_journal, tmp_path):
    journal = any_journal(tmp_path)
    taken = journal.append([batch([fever(5)], first=5)], 10)
    assert (taken[URGENT].through, taken[URGENT].resend, taken[URGENT].new) == (0, True, 0)
    assert journal.reader().count() == 0


def test_whoever_asks_while_it_is_written_hears_of_no_number_under_the_run_of_before(any_journal, tmp_path):
    """Births are answered on another thread; a gate that hears another run for its number begins its stream anew."""
    journal, said = any_journal(tmp_path), []

    class Watched(dict):
        def update(self, *new):
            super().update(*new)
            said.append(run_at(journal.laps(URGENT), journal.through(URGENT)))

    journal._tails = Watched(journal._tails)
    journal.append([batch_of(URGENT, [Numbered(1, Raw(encode_event(fever(1))))], "before", None)], 10)
    journal.append([batch_of(URGENT, [Numbered(2, Raw(encode_event(fever(2))))], "now", "before")], 11)
    assert said == ["before", "now"]


def test_a_gap_stands_for_its_numbers_and_only_for_those_that_are_missing(any_journal, tmp_path):
    journal = any_journal(tmp_path)
    journal.append([batch([fever(n) for n in range(1, 5)])], 10)
    gap = Gap(time_ns=1, cause=GapCause.SPOOL_FULL, lost=8)
    numbered = [Numbered(3, Raw(encode_event(gap)), 10), Numbered(11, Raw(encode_event(fever(11))))]
    taken = journal.append([batch_of(URGENT, numbered)], 11)
    assert (taken[URGENT].through, taken[URGENT].new) == (11, 2)
    rows = [(entry.seq, entry.last) for entry in journal.reader().after(4, 10)]
    assert rows == [(5, 10), (11, 11)]


@contextmanager
def reading_nothing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A hub that is too old for any event."""

    def cannot(body):
        raise DecodeError("event: too new")

    with monkeypatch.context() as old_hub:
        old_hub.setattr("hub.taking.decode_event", cannot)
        yield


def test_an_event_that_cannot_be_read_takes_its_place_and_becomes_a_dead_letter(any_journal, tmp_path):
    journal = any_journal(tmp_path)
    odd = Numbered(2, Raw(b'{"type":"from-the-future","time_ns":1}'))
    numbered = [Numbered(1, Raw(encode_event(fever(1)))), odd, Numbered(3, Raw(encode_event(fever(3))))]
    assert journal.append([batch_of(URGENT, numbered)], 10)[URGENT].through == 3
    reader = journal.reader()
    assert [entry.kind for entry in reader.after(0, 10)] == ["person-passage", UNREADABLE, "person-passage"]
    (letter,) = reader.dead_letters()
    assert "from-the-future" in letter.reason
    assert journal.exhume(letter.id, 11).startswith("still unreadable")


def test_a_dead_event_that_can_be_read_after_an_update_reaches_the_projections(any_journal, tmp_path, monkeypatch):
    journal = any_journal(tmp_path)
    with reading_nothing(monkeypatch):
        journal.append([batch([fever(1)])], 10)
    reader = journal.reader()
    seen = reader.last_offset()
    (letter,) = reader.dead_letters()
    assert journal.exhume(letter.id, 20) == "taken as person-passage"
    (entry,) = reader.after(seen, 10)
    assert (entry.seq, entry.event()) == (1, fever(1))
    assert reader.dead_letters() == []
    assert journal.append([batch([fever(1), fever(2)])], 30)[URGENT].new == 1


def test_a_dead_event_whose_place_is_forgotten_reaches_the_projections_all_the_same(any_journal, tmp_path, monkeypatch):
    journal = any_journal(tmp_path)
    with reading_nothing(monkeypatch):
        journal.append([batch([fever(1)])], 10)
    assert journal.forget(20, 1, 5) == 1
    (letter,) = journal.reader().dead_letters()
    assert journal.exhume(letter.id, 30) == "taken as person-passage"
    (entry,) = journal.reader().after(0, 10)
    assert (entry.seq, entry.last, entry.event(), journal.reader().count()) == (1, 1, fever(1), 1)


def test_nothing_is_taken_when_the_transaction_fails(tmp_path, monkeypatch):
    journal = make(tmp_path)
    journal.append([batch([fever(1)])], 10)
    with monkeypatch.context() as broken:
        broken.setattr(journal, "_insert", lambda *_: (_ for _ in ()).throw(JournalError("disk")))
        with pytest.raises(JournalError):
            journal.append([batch([fever(2)], first=2)], 11)
    assert journal.through(URGENT) == 1
    assert journal.append([batch([fever(2)], first=2)], 12)[URGENT].new == 1


def test_a_full_disk_takes_nothing_and_what_was_refused_is_taken_once_there_is_room(tmp_path):
    journal = make(tmp_path)
    assert journal._db is not None
    (pages,) = journal._db.execute("PRAGMA page_count").fetchone()
    journal._db.execute(f"PRAGMA max_page_count = {pages + 3}")
    big = [batch([fever(n) for n in range(1, 501)]), batch([routine(n) for n in range(1, 501)], stream=ROUTINE)]
    with pytest.raises(JournalError, match="full"):
        journal.append(big, 10)
    assert (journal.streams(), journal.reader().count(), journal.reader().dead_count()) == ({}, 0, 0)
    assert journal.append([batch([fever(1)])], 11)[URGENT] == (1, False, 1)
    journal._db.execute("PRAGMA max_page_count = 100000")
    taken = journal.append(big, 12)
    assert {stream: result.through for stream, result in taken.items()} == {URGENT: 500, ROUTINE: 500}
    assert journal.reader().count() == 1000


def test_a_file_that_is_no_journal_is_told_and_left_alone(tmp_path):
    (tmp_path / "journal.db").write_bytes(b"no database at all" * 300)
    with pytest.raises(JournalError, match="not a database"):
        make(tmp_path)
    assert (tmp_path / "journal.db").read_bytes() == b"no database at all" * 300


def test_an_exhumed_event_stays_in_its_place_over_a_restart_and_stops_no_number(any_journal, tmp_path, monkeypatch):
    journal = any_journal(tmp_path)
    with reading_nothing(monkeypatch):
        journal.append([batch([fever(1), fever(2)])], 10)
    for letter in journal.reader().dead_letters():
        journal.exhume(letter.id, 20)
    with pytest.raises(JournalError, match="no unreadable event"):
        journal.exhume(1, 21)
    journal.close()
    journal = any_journal(tmp_path)
    assert journal.append([batch([fever(2), fever(3)], first=2)], 30)[URGENT] == (3, False, 1)
    assert [entry.event() for entry in journal.reader().after(0, 9)] == [fever(1), fever(2), fever(3)]


def test_one_unreadable_event_sent_twice_is_one_dead_letter_and_two_of_the_same_bytes_are_two(any_journal, tmp_path):
    journal = any_journal(tmp_path)
    odd = [Numbered(1, Raw(b"{}")), Numbered(2, Raw(b"{}"))]
    for now_ns in (10, 11):
        journal.append([batch_of(URGENT, odd)], now_ns)
    assert [letter.count for letter in journal.reader().dead_letters()] == [1, 1]


def test_the_same_dead_letter_again_only_counts(any_journal, tmp_path):
    journal = any_journal(tmp_path)
    for now_ns in (1, 2, 3):
        journal.bury([Bad("message", "topic", "no JSON", b"garbage")], now_ns)
    (letter,) = journal.reader().dead_letters()
    assert (letter.count, letter.first_ns, letter.last_ns) == (3, 1, 3)


def test_the_hubs_own_observations_have_a_stream_of_their_own(any_journal, tmp_path):
    journal = any_journal(tmp_path)
    state = DeviceState(time_ns=1, device="north", kind=DeviceKind.GATE, health=Health.FAILED)
    journal.append_own("site", [state], 10)
    journal.append_own("site", [state], 11)
    assert [entry.seq for entry in journal.reader().after(0, 10)] == [1, 2]
    assert [entry.seq for entry in journal.reader().own_states()] == [2], "the newest of each device and kind"


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=12).map(sorted), st.sets(st.integers(1, 12)), st.integers(0, 51)
)
def test_the_first_entry_since_a_time_is_found_whatever_offsets_are_missing(times, missing, since):
    with tempfile.TemporaryDirectory() as folder:
        journal = make(Path(folder))
        for number, received_ns in enumerate(times, start=1):
            journal.append([batch([fever(number)], first=number)], received_ns)
        assert journal._db is not None
        for offset in missing - {len(times)}:
            journal._db.execute('DELETE FROM entries WHERE "offset" = ?', (offset,))
        reader = journal.reader()
        left = reader.after(0, 100)
        expected = [entry.offset for entry in left if entry.received_ns >= since]
        found = reader.first_since(since)
        assert [entry.offset for entry in reader.after(found - 1, 100)] == expected
        journal.close()
        reader.close()


def test_the_first_entry_since_a_time_is_found(any_journal, tmp_path):
    journal = any_journal(tmp_path)
    for number in range(1, 21):
        journal.append([batch([fever(number)], first=number)], number * 100)
    reader = journal.reader()
    assert [reader.first_since(ns) for ns in (0, 100, 101, 2000, 2001)] == [1, 1, 2, 20, 21]


@pytest.mark.parametrize("lines", [1, 7, 50, 133])
def test_what_append_returned_for_survives_a_kill(tmp_path, lines):
    program = """
import sys
from pathlib import Path
from hub.journal import Journal
from tests.support.events import fever
from tests.support.journals import URGENT, batch
journal = Journal(Path(sys.argv[1]) / "journal.db")
journal.open()
for number in range(1, 10**6):
    print(journal.append([batch([fever(number)], first=number)], number)[URGENT].through, flush=True)
"""
    child = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    for _ in range(lines):
        returned = int(child.stdout.readline())
    os.kill(child.pid, signal.SIGKILL)
    rest = child.stdout.read().split()
    child.wait()
    child.stdout.close()
    returned = int(rest[-1]) if rest else returned
    journal = make(tmp_path)
    kept = [entry.seq for entry in journal.reader().after(0, 10**6)]
    assert kept == list(range(1, len(kept) + 1))
    assert journal.through(URGENT) == len(kept) >= returned


class JournalMachine(RuleBasedStateMachine):
    """Any mix of doubled, reordered and overlapping batches of two streams."""

    def maker(self):
        return make

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.make = self.maker()
        self.journal = self.make(Path(self.folder.name))
        self.model = {URGENT: 0, ROUTINE: 0}

    @rule(
        parts=st.lists(
            st.tuples(st.sampled_from([URGENT, ROUTINE]), st.integers(-3, 2), st.integers(1, 5), st.integers(0, 3)),
            min_size=1,
            max_size=4,
        )
    )
    def append(self, parts):
        batches, holes, before = [], {}, dict(self.model)
        for stream, shift, count, covers in parts:
            first = max(1, self.model[stream] + 1 + shift)
            events = [Numbered(first + n, Raw(encode_event(fever(first + n)))) for n in range(count)]
            if covers:
                gap = Gap(time_ns=1, cause=GapCause.SPOOL_FULL, lost=covers)
                last = events[-1].last
                events.append(Numbered(last + 1, Raw(encode_event(gap)), last + 1 + covers))
            batches.append(batch_of(stream, events))
            hole = first > self.model[stream] + 1
            holes[stream] = holes.get(stream, False) or hole
            if not hole:
                self.model[stream] = max(self.model[stream], events[-1].last)
        taken = self.journal.append(batches, 1)
        for stream, result in taken.items():
            assert result.through == self.model[stream] >= before[stream]
            assert result.resend == holes[stream]

    @rule()
    def reopen(self):
        self.journal.close()
        self.journal = self.make(Path(self.folder.name))

    @invariant()
    def each_stream_is_whole_and_in_order(self):
        expected = {URGENT: 1, ROUTINE: 1}
        reader = self.journal.reader()
        entries = reader.after(0, 10**6)
        reader.close()
        for entry in entries:
            assert entry.seq == expected[entry.stream]
            expected[entry.stream] = entry.last + 1
        assert {stream: number - 1 for stream, number in expected.items()} == self.model

    def teardown(self):
        self.journal.close()
        self.folder.cleanup()


TestJournalMachine = JournalMachine.TestCase
TestJournalMachine.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)


def test_the_same_holds_in_postgresql(journal_url):
    class InPostgresMachine(JournalMachine):
        def maker(self):
            return InPostgres(journal_url).open

    few = settings(max_examples=6, stateful_step_count=8, deadline=None)
    run_state_machine_as_test(InPostgresMachine, settings=few)


def test_a_second_hub_on_the_same_journal_is_refused(tmp_path):
    journal = make(tmp_path)
    with pytest.raises(MenshenError, match="another process works on it"):
        make(tmp_path)
    journal.close()
    make(tmp_path).close()


def test_the_number_of_entries_is_right_after_whatever_happens_to_them(tmp_path):
    journal = make(tmp_path)
    odd = [Numbered(1, Raw(b'{"type":"?"}')), *batch([fever(n) for n in range(2, 700)], first=2).events]
    journal.append([batch_of(URGENT, odd)], 10)
    journal.append_own("site", [routine(1)], 20)
    assert journal.reader().count() == 700
    (letter,) = journal.reader().dead_letters()
    journal.exhume(letter.id, 30)  # still unreadable
    assert journal.forget(15, 700, 5) == 5
    assert (journal.reader().count(), journal.reader().count_through(699)) == (695, 694)


def test_a_journal_of_an_earlier_hub_is_counted_and_what_it_observed_is_found(tmp_path):
    journal = make(tmp_path)
    journal.append([batch([fever(1), fever(2)])], 10)
    for health in (Health.FAILED, Health.OK):
        state = DeviceState(time_ns=1, device="north", kind=DeviceKind.GATE, health=health)
        journal.append_own(
            "site", [state, DeviceState(time_ns=1, device="south", kind=DeviceKind.GATE, health=health)], 10
        )
    assert journal._db is not None
    journal._db.executescript("DROP TABLE totals; DROP TABLE own_states;")
    journal.close()
    again = make(tmp_path)
    assert again.reader().count() == 6
    found = [entry.event() for entry in again.reader().own_states()]
    assert [(one.device, one.health) for one in found if isinstance(one, DeviceState)] == [
        ("north", Health.OK),
        ("south", Health.OK),
    ]


@pytest.mark.parametrize("count", [0, 1, 3, 31, 32, 255, 256, 257, 600])
def test_rows_by_the_hundreds_are_the_same_as_one_by_one(count):
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.execute("CREATE TABLE pairs (a, b)")
    rows = [(number, str(number)) for number in range(count)]
    for_rows(db, "INSERT INTO pairs VALUES ", rows)
    assert db.execute("SELECT a, b FROM pairs ORDER BY rowid").fetchall() == rows
