"""One log that several processes write: whoever lost a share writes nothing, and readers miss nothing."""

from __future__ import annotations

import contextlib
import random
import threading
import time

import psycopg
import pytest

from hub.fleet.journal import PostgresJournal
from hub.fleet.leases import Leases
from hub.fleet.postgres import SCHEMA
from hub.fleet.shares import LEADER, SHARES, share_of
from hub.journal import Entry, JournalReader
from tests.support.events import fever
from tests.support.journals import InPostgres, batch
from wire.errors import JournalError
from wire.events import DeviceKind, DeviceState, Health, Urgency
from wire.messages import StreamId

LEASE_S = 0.5
NORTH = StreamId("site", "north", Urgency.URGENT, "e1")
SILENT = DeviceState(time_ns=1, device="north", kind=DeviceKind.GATE, health=Health.FAILED)


class Process:
    """What one process has of the database: its leases, and its way to the log."""

    def __init__(self, url: str, name: str) -> None:
        self.leases = Leases(url, name, LEASE_S)
        self.terms: dict[int, int] = {}
        self.journal = PostgresJournal(url, lambda: self.terms)
        self.journal.open()
        self.leases.beat()

    def take(self, *shares: int) -> dict[int, int]:
        got = self.leases.claim(shares)
        self.journal.refresh()
        self.terms |= got
        return got

    def say(self, stream: StreamId, *numbers: int) -> int:
        """Append events of those numbers; how far the journal then is."""
        return self.journal.append([batch([fever(n) for n in numbers], numbers[0], stream)], 1)[stream].through


@pytest.fixture
def processes(journal_url):
    InPostgres(journal_url)
    made = []

    def make(name: str) -> Process:
        made.append(Process(journal_url, name))
        return made[-1]

    yield make
    for process in made:
        process.journal.close()
        process.leases.close()


def test_who_has_lost_a_share_appends_nothing_and_whoever_took_it_goes_on(processes):
    old, new = processes("old"), processes("new")
    share = share_of("site", "north")
    old.take(share, LEADER)
    assert old.say(NORTH, 1, 2) == 2
    assert new.leases.claim([share]) == {}, "nobody takes what somebody has"
    time.sleep(LEASE_S + 0.1)
    assert new.leases.beat().owners[share] is None
    assert new.take(share, LEADER) == {share: 2, LEADER: 2}
    assert new.journal.through(NORTH) == 2
    with pytest.raises(JournalError, match="another process has taken over"):
        old.say(NORTH, 3)
    with pytest.raises(JournalError, match="another process has taken over"):
        old.journal.append_own("site", [SILENT], 1)
    assert new.say(NORTH, 3, 4) == 4
    assert [entry.seq for entry in new.journal.reader().after(0, 9)] == [1, 2, 3, 4]
    assert old.leases.beat().me > new.leases.beat().me, "who was taken for dead comes back as somebody new"


def test_a_log_that_somebody_else_went_on_with_is_read_anew_before_anything_is_added(processes):
    one, other = processes("one"), processes("other")
    one.take(share_of("site", "north"))
    one.say(NORTH, 1)
    other.terms = dict(one.terms)  # two that hold the same term, as no lease allows: the stream itself refuses
    other.journal.refresh()
    one.say(NORTH, 2)
    with pytest.raises(JournalError, match="not where this process left it"):
        other.say(NORTH, 2)
    assert other.say(NORTH, 2, 3) == 3
    assert [entry.seq for entry in one.journal.reader().after(0, 9)] == [1, 2, 3]


def test_a_database_that_ends_every_connection_only_makes_it_begin_again(processes, journal_url):
    process = processes("one")
    process.take(share_of("site", "north"))
    process.say(NORTH, 1)
    with psycopg.connect(journal_url, autocommit=True) as db:
        db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
        )
    with pytest.raises(JournalError):
        process.say(NORTH, 2)
    with pytest.raises(JournalError):
        process.leases.beat()
    assert process.say(NORTH, 2) == 2
    assert process.leases.beat().terms == process.terms


def test_whoever_is_stopped_in_the_midst_of_an_append_holds_up_nobody(processes, journal_url):
    """A whole append is one statement: there is no moment at which a process that hangs would hold the log's head."""
    process = processes("one")
    process.take(*range(SHARES))
    with psycopg.connect(journal_url) as hanging:
        hanging.execute("SET idle_in_transaction_session_timeout = '1s'")
        hanging.execute(f"UPDATE {SCHEMA}.head SET received_ns = received_ns")  # what an append cannot leave behind
        began_s = time.monotonic()
        assert process.say(NORTH, 1) == 1
        assert time.monotonic() - began_s < 5
        with pytest.raises(psycopg.Error):
            hanging.commit()


class Race:
    """Processes that append to the same gates as fast as they can, each taking a gate's share when it is free."""

    ENOUGH = 60

    def __init__(self, processes: list[Process]) -> None:
        self.gates = [StreamId("site", f"gate-{number}", Urgency.URGENT, "e") for number in range(8)]
        self.done = dict.fromkeys(self.gates, 0)
        self.seen: list[Entry] = []
        self._over = threading.Event()
        self._reading = threading.Thread(target=self._read, args=(processes[0].journal.reader(),))
        self._writing = [threading.Thread(target=self._write, args=each) for each in zip(processes, "abc", strict=True)]

    def run(self) -> None:
        for thread in (self._reading, *self._writing):
            thread.start()
        for thread in self._writing:
            thread.join(60)
        self._over.set()
        self._reading.join(60)

    def _write(self, process: Process, seed: str) -> None:
        draw = random.Random(seed)
        while min(self.done.values()) < self.ENOUGH:
            if draw.random() < 0.05:  # as seldom as this, leases are over now and then, and shares taken over
                process.terms = process.leases.beat().terms
                process.journal.refresh()
            with contextlib.suppress(JournalError):
                self._say(process, draw)

    def _say(self, process: Process, draw: random.Random) -> None:
        gate = draw.choice(self.gates)
        share = share_of(gate.site, gate.gate)
        if share not in process.terms and not process.take(share):
            return
        begin = process.journal.through(gate) + 1
        self.done[gate] = process.say(gate, *range(begin, begin + draw.randint(1, 5)))
        if draw.random() < 0.3:
            process.terms.pop(share)
            process.leases.release([share])

    def _read(self, reader: JournalReader) -> None:
        """Follow the places, as a projection does."""
        while True:
            was_over = self._over.is_set()
            entries = reader.after(self.seen[-1].offset if self.seen else 0, 50)
            self.seen += entries
            if was_over and not entries:
                break
        reader.close()


def test_a_reader_misses_nothing_that_processes_write_together_while_shares_change_hands(processes):
    race = Race([processes(f"writer-{number}") for number in range(3)])
    race.run()
    assert [entry.offset for entry in race.seen] == list(range(1, len(race.seen) + 1))
    for gate in race.gates:
        numbers = [entry.seq for entry in race.seen if entry.stream == gate]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) == race.done[gate] >= Race.ENOUGH
