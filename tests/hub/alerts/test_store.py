"""The store of alerts: one open alert a key, each page once, effect and cursor together, by numbers, not clocks."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.alerts.bundles import Allowance
from hub.alerts.chains import AllChannels
from hub.alerts.course import StoreSettings
from hub.alerts.outbox import Message, Outcome
from hub.alerts.rules import Rule, Severity, Signal
from hub.alerts.store import AlertStore
from tests.support.events import TIME_NS
from wire.errors import JournalError

HOUR_NS = 3600 * 10**9
FAULT = Signal(key="k", rule=Rule.DEVICE_FAULT, site="s", gate="g", time_ns=TIME_NS, epoch="e", seq=1)


def make(folder: Path, channels: tuple[str, ...] = ("hook",)) -> AlertStore:
    store = AlertStore(folder / "alerts.db", AllChannels(channels))
    store.open()
    return store


def say(store: AlertStore, seq: int, *, firing: bool = True, late_ns: int = 0, **changes: object) -> None:
    """The gate's word number `seq` reaches the store."""
    signal = replace(FAULT, seq=seq, firing=firing, **changes)
    store.take(seq, [(signal, signal.time_ns + late_ns)], signal.time_ns + late_ns)


def due(store: AlertStore, now_ns: int = 2**62, limit: int = 1000) -> list[Message]:
    """What is sent now; both channels may send so many."""
    return store.due(now_ns, {name: Allowance(limit, limit) for name in ("hook", "dead")})


def waiting(store: AlertStore, now_ns: int = 2**62, limit: int = 1000) -> list[str]:
    return sorted(f"{message.channel}:{message.key}" for message in due(store, now_ns, limit))


def refuse(store: AlertStore, message: Message, now_ns: int = TIME_NS) -> None:
    store.record(message, Outcome.LATER, "refused", now_ns)


def deliver(store: AlertStore) -> list[Message]:
    """Take the messages that are due as delivered."""
    messages = due(store)
    for message in messages:
        store.record(message, Outcome.TAKEN, "ok", TIME_NS)
    return messages


def test_one_key_has_one_open_alert_and_one_page_however_often_it_is_told(tmp_path):
    store = make(tmp_path)
    for seq in range(1, 6):
        say(store, seq)
    (alert,) = store.open_alerts()
    assert alert.count == 5
    assert waiting(store) == ["hook:menshen-1-firing"]


def test_a_cause_that_returns_is_a_new_alert_with_a_page_of_its_own(tmp_path):
    store = make(tmp_path)
    say(store, 1)
    deliver(store)
    say(store, 2, firing=False)
    say(store, 3, time_ns=TIME_NS + HOUR_NS)
    assert waiting(store) == ["hook:menshen-1-resolved", "hook:menshen-2-firing"]


def test_an_end_without_a_start_says_nothing(tmp_path):
    store = make(tmp_path)
    say(store, 1, firing=False)
    assert store.open_alerts() == []
    assert waiting(store) == []


def test_a_word_from_before_what_is_known_changes_nothing(tmp_path):
    store = make(tmp_path)
    say(store, 5)
    say(store, 3, firing=False)
    assert len(store.open_alerts()) == 1
    assert store.cursor() == 3


def test_a_clock_that_was_set_back_hides_no_fault_and_no_recovery(tmp_path):
    store = make(tmp_path)
    say(store, 1)
    say(store, 2, firing=False, time_ns=TIME_NS - HOUR_NS)
    assert store.open_alerts() == []
    say(store, 3, time_ns=TIME_NS - HOUR_NS)
    assert len(store.open_alerts()) == 1


def test_a_fault_after_somebody_ended_the_last_is_told_though_the_gates_clock_is_behind(tmp_path):
    store = make(tmp_path)
    say(store, 1)
    assert store.resolve(1, "Li", TIME_NS + 120 * 10**9)
    say(store, 2, time_ns=TIME_NS + 60 * 10**9)
    assert [alert.id for alert in store.open_alerts()] == [2]


def test_a_new_spool_counts_from_one_and_is_believed(tmp_path):
    store = make(tmp_path)
    say(store, 900)
    say(store, 1, epoch="e2", firing=False)
    assert store.open_alerts() == []


def test_a_late_backlog_is_recorded_and_pages_nobody(tmp_path):
    store = make(tmp_path)
    say(store, 1, late_ns=HOUR_NS + 1)
    assert [alert.told for alert in store.open_alerts()] == ["late"]
    say(store, 2, firing=False, late_ns=HOUR_NS + 1)
    assert waiting(store) == []


def test_a_site_says_how_bad_a_rule_is_and_how_late_it_still_wakes_somebody(tmp_path):
    settings = StoreSettings(page_within={Rule.FEVER: 60.0}, severity={Rule.DEVICE_FAULT: Severity.CRITICAL})
    store = AlertStore(tmp_path / "alerts.db", AllChannels(("hook",)), settings)
    store.open()
    fever = replace(FAULT, key="fever", rule=Rule.FEVER)
    late_ns = TIME_NS + 90 * 10**9
    store.take(1, [(signal, late_ns) for signal in (fever, FAULT)], late_ns)
    assert [(row.rule, row.severity, row.told) for row in store.newest(9)] == [
        (Rule.DEVICE_FAULT, Severity.CRITICAL, "pending"), (Rule.FEVER, Severity.CRITICAL, "late")
    ]  # fmt: skip


def test_just_within_the_time_is_paged(tmp_path):
    store = make(tmp_path)
    say(store, 1, late_ns=HOUR_NS)
    assert waiting(store) == ["hook:menshen-1-firing"]


def test_a_clock_that_is_not_set_cannot_make_a_fever_late(tmp_path):
    store = make(tmp_path)
    store.take(1, [(replace(FAULT, rule=Rule.FEVER, time_ns=5, dated=False), TIME_NS)], TIME_NS)
    assert waiting(store) == ["hook:menshen-1-firing"]


def test_who_was_told_of_the_start_is_told_of_the_end_even_if_it_is_heard_of_late(tmp_path):
    store = make(tmp_path)
    say(store, 1)
    deliver(store)
    say(store, 2, firing=False, late_ns=5 * HOUR_NS)
    assert waiting(store) == ["hook:menshen-1-resolved"]


def test_the_end_never_overtakes_the_start_on_the_same_channel(tmp_path):
    store = make(tmp_path, ("dead", "hook"))
    say(store, 1)
    hook, dead = due(store)
    store.record(hook, Outcome.TAKEN, "ok", TIME_NS)
    refuse(store, dead, TIME_NS + HOUR_NS)
    say(store, 2, firing=False)
    assert waiting(store, TIME_NS + 1) == ["hook:menshen-1-resolved"]
    assert waiting(store, TIME_NS + 2 * HOUR_NS) == ["dead:menshen-1-firing", "hook:menshen-1-resolved"]
    deliver(store)
    assert waiting(store) == ["dead:menshen-1-resolved"]


def test_many_pages_for_a_dead_channel_leave_room_for_the_others(tmp_path):
    store = make(tmp_path, ("dead", "hook"))
    for seq in range(1, 301):
        say(store, seq, key=f"k{seq}", gate=f"g{seq}")
    for message in due(store):
        if message.channel == "hook":
            store.record(message, Outcome.TAKEN, "ok", TIME_NS)
    say(store, 301, key="k301")
    assert "hook:menshen-301-firing" in waiting(store, limit=8)


def test_the_worst_is_sent_first(tmp_path):
    store = make(tmp_path)
    for seq in range(1, 20):
        say(store, seq, key=f"k{seq}")
    say(store, 20, key="fever", rule=Rule.FEVER)
    assert [message.key for message in due(store, limit=2)] == ["menshen-20-firing", "menshen-1-firing"]
    assert [len(message.alerts) for message in due(store, limit=2)] == [1, 19]


def test_the_next_time_to_look_is_that_of_a_page_that_waits_and_not_of_one_under_way(tmp_path):
    store = make(tmp_path)
    say(store, 1)
    say(store, 2, key="k2", gate="g2")
    first, _ = due(store, TIME_NS)
    refuse(store, first)
    assert store.next_due_ns(TIME_NS) == TIME_NS + 10**9
    assert store.next_due_ns(TIME_NS + 10**9) is None


def test_effect_and_cursor_are_written_together_or_not_at_all(tmp_path):
    store = make(tmp_path)
    say(store, 1)
    impossible = replace(FAULT, key="k2", seq=2, time_ns=2**63)
    with pytest.raises((JournalError, OverflowError)):
        store.take(2, [(replace(FAULT, key="k3", seq=2), TIME_NS), (impossible, TIME_NS)], TIME_NS)
    assert store.cursor() == 1
    assert [alert.key for alert in store.open_alerts()] == ["k"]
    say(store, 2, key="k3")
    assert len(store.open_alerts()) == 2


def test_a_kill_between_two_batches_leaves_effect_and_cursor_agreeing(tmp_path):
    program = """
import sys
from pathlib import Path
from tests.hub.alerts.test_store import make, say
store = make(Path(sys.argv[1]))
for seq in range(1, 10**6):
    say(store, seq, key=f"k{seq}", gate=f"g{seq}")
    print(seq, flush=True)
"""
    child = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    for _ in range(30):
        told = int(child.stdout.readline())
    child.kill()
    rest = child.stdout.read().split(b"\n")[:-1]
    child.wait()
    child.stdout.close()
    store = make(tmp_path)
    assert store.cursor() == len(store.open_alerts(10**6)) == len(waiting(store, limit=10**6))
    assert store.cursor() >= (int(rest[-1]) if rest else told)


words = st.tuples(st.sampled_from(["a", "b"]), st.booleans(), st.sampled_from([0, 2 * HOUR_NS]))


@settings(max_examples=40, deadline=None)
@given(st.lists(words, max_size=12), st.integers(0, 12), st.booleans())
def test_each_start_and_each_end_is_told_once_and_in_turn(story, ended, on_time):
    with tempfile.TemporaryDirectory() as folder:
        store = make(Path(folder))
        firing: dict[str, bool] = {}
        """Which keys have an open alert, and whether its start was told."""
        expected: list[str] = []
        for seq, (key, is_firing, late_ns) in enumerate(story, start=1):
            when_ns = TIME_NS + seq * HOUR_NS  # far enough from each other to be alerts of their own
            say(store, seq, key=key, gate=key, firing=is_firing, late_ns=0 if on_time else late_ns, time_ns=when_ns)
            told = on_time or late_ns == 0
            if is_firing and key not in firing:
                firing[key] = told
                expected += ["firing"] * told
            elif is_firing and told and not firing[key]:  # of long ago, and said once more now
                firing[key] = True
                expected += ["firing"]
            elif not is_firing and key in firing:
                expected += ["resolved"] * firing.pop(key)
            if seq == ended:
                store.close()
                store = make(Path(folder))
        assert {alert.key for alert in store.open_alerts()} == set(firing)
        sent: list[tuple[int, str]] = []
        while messages := deliver(store):
            sent += [(alert.id, message.kind) for message in messages for alert in message.alerts]
        assert sorted(kind for _, kind in sent) == sorted(expected)
        assert len(set(sent)) == len(sent)
        for alert, kind in sent:
            if kind == "resolved":
                assert sent.index((alert, "firing")) < sent.index((alert, "resolved"))
        store.close()
