"""The life of an alert: what moves it, who is told, what explains it, and a log that only grows."""

from __future__ import annotations

import sqlite3
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from hub.alerts.bundles import Allowance
from hub.alerts.chains import CATCH_UP_S, AllChannels, Chain, Contact, Receiver, Step
from hub.alerts.course import StoreSettings
from hub.alerts.lifecycle import OPEN, UNHEARD, Change, State, Why, Word, on_muting, on_signal, on_word
from hub.alerts.outbox import Outcome, after_attempt
from hub.alerts.rules import Rule, Signal
from hub.alerts.store import AlertStore, Silence
from tests.support.events import TIME_NS
from wire.errors import JournalError

S_NS = 10**9
FEVER = Signal(key="f", rule=Rule.FEVER, site="s", gate="g", time_ns=TIME_NS, epoch="e", seq=1)
FAULT = replace(FEVER, key="device-fault/s/g/cam", rule=Rule.DEVICE_FAULT)
SILENT = replace(FEVER, key="gate-silent/s/g", rule=Rule.GATE_SILENT, epoch="hub")
ROOM = {name: Allowance(100, 100) for name in ("phone", "mail", "desk")}


class Ladder:
    """A plan of three people, each with a telephone and mail, five and fifteen minutes apart."""

    def chain_for(self, rule: str, severity: str) -> Chain:
        return Chain((Step(0.0, ("Li",)), Step(300.0, ("Wang", "Zhao")), Step(900.0, ("Chief",))))

    def receivers(self, tell: tuple[str, ...], severity: str, now_ns: int) -> list[Receiver]:
        route = (Contact("phone"), Contact("mail"))
        return [Receiver(name, route) for name in tell if name != "Nobody"]

    def every_channel(self) -> list[Receiver]:
        return [Receiver("mail", (Contact("mail"),))]


def make(folder, planner=None, **changes: object) -> AlertStore:
    store = AlertStore(folder / "alerts.db", planner or Ladder(), StoreSettings(**changes))
    store.open()
    return store


def say(store: AlertStore, signal: Signal, now_ns: int = TIME_NS) -> None:
    store.take(1, [(signal, signal.time_ns)], now_ns)


def sent(store: AlertStore, now_ns: int, outcome: Outcome = Outcome.TAKEN) -> list[str]:
    """Tick, and send what is due then."""
    store.tick(now_ns)
    messages = store.due(now_ns, ROOM)
    for message in messages:
        store.record(message, outcome, "said", now_ns)
    return [f"{message.receiver} {message.kind} by {message.channel}" for message in messages]


def whys(store: AlertStore, alert: int = 1) -> list[Why]:
    return [line.why for line in store.log(alert)]


def test_every_state_and_word_is_decided_and_only_an_open_alert_is_acknowledged():
    for state, word in product(State, Word):
        change = on_word(state, word)
        assert change is None or change.state in State
        assert (on_word(state, Word.ACKNOWLEDGE) is not None) == (state in UNHEARD)
        assert (on_word(state, Word.RESOLVE) is not None) == (state in OPEN)


@given(st.sampled_from(State), st.booleans(), st.booleans())
def test_what_is_muted_once_stays_so_until_something_changes(state, inhibited, silenced):
    change = on_muting(state, inhibited=inhibited, silenced=silenced)
    if change is None:
        return
    assert state in UNHEARD
    assert on_muting(change.state, inhibited=inhibited, silenced=silenced) is None


def test_a_signal_for_an_acknowledged_alert_wakes_nobody_anew():
    change = on_signal(State.ACKNOWLEDGED, firing=True, late=False, since_end_ns=0, reopen_within_ns=0)
    assert change == Change(State.ACKNOWLEDGED, Why.CAUSE_AGAIN)


def test_an_alert_that_nobody_acknowledges_goes_up_the_chain_to_its_end_over_restarts(tmp_path):
    store = make(tmp_path)
    say(store, FEVER)
    assert sent(store, TIME_NS) == ["Li firing by phone"]
    assert sent(store, TIME_NS + 299 * S_NS) == []
    store.close()
    store = make(tmp_path)
    assert sent(store, TIME_NS + 300 * S_NS) == ["Wang firing by phone", "Zhao firing by phone"]
    assert sent(store, TIME_NS + 900 * S_NS) == ["Chief firing by phone"]
    assert store.next_tick_ns() is None
    assert whys(store)[-3:] == [Why.STEP_DUE, Why.CHAIN_OVER, Why.DELIVERED]


def test_two_people_on_one_channel_have_messages_of_their_own_keys_that_stay_when_handed_over(tmp_path):
    store = make(tmp_path)
    say(store, FEVER)
    sent(store, TIME_NS)
    store.tick(TIME_NS + 300 * S_NS)
    wang, zhao = store.due(TIME_NS + 300 * S_NS, ROOM)
    assert wang.key != zhao.key
    store.record(zhao, Outcome.NEVER, "no", TIME_NS + 300 * S_NS)
    (again,) = [message for message in store.due(2**62, ROOM) if message.receiver == "Zhao"]
    assert (again.channel, again.key) == ("mail", zhao.key)


def test_after_a_long_outage_of_the_hub_the_steps_are_made_up_one_by_one(tmp_path):
    store = make(tmp_path)
    say(store, FEVER)
    hour_ns = TIME_NS + 3600 * S_NS
    assert sent(store, TIME_NS) == ["Li firing by phone"]
    assert sent(store, hour_ns) == ["Wang firing by phone", "Zhao firing by phone"]
    assert sent(store, hour_ns + S_NS) == []
    assert sent(store, hour_ns + round(CATCH_UP_S) * S_NS) == ["Chief firing by phone"]


def test_acknowledging_ends_the_chain_and_withdraws_what_is_not_sent(tmp_path):
    store = make(tmp_path)
    say(store, FEVER)
    store.due(TIME_NS, ROOM)
    assert store.acknowledge(1, "Li", TIME_NS)
    assert not store.acknowledge(1, "Wang", TIME_NS)
    assert sent(store, TIME_NS + 3600 * S_NS) == []
    assert whys(store) == [Why.BEGAN, Why.STEP_DUE, Why.ACKNOWLEDGED, Why.WITHDRAWN]
    (row,) = store.open_alerts()
    assert (row.state, row.held_by, row.next_why) == ("acknowledged", "Li", "held")


def test_the_answer_to_a_message_that_was_under_way_at_the_acknowledgement_is_kept(tmp_path):
    store = make(tmp_path)
    say(store, FEVER)
    (message,) = store.due(TIME_NS, ROOM)
    store.acknowledge(1, "Li", TIME_NS)
    store.record(message, Outcome.LATER, "refused", TIME_NS)
    assert store.due(2**62, ROOM) == []
    store.record(message, Outcome.TAKEN, "ok", TIME_NS)
    store.resolve(1, "Li", TIME_NS)
    assert sent(store, TIME_NS) == ["Li resolved by phone"]


def test_a_channel_that_is_down_hands_over_to_the_next_and_comes_round_again(tmp_path):
    store = make(tmp_path)
    say(store, FEVER)
    tried = [sent(store, TIME_NS + n * 10 * S_NS, Outcome.LATER) for n in range(4)]
    assert [one[0].rpartition(" ")[2] for one in tried] == ["phone", "phone", "mail", "mail"]
    assert sent(store, TIME_NS + 60 * S_NS) == ["Li firing by phone"]
    assert whys(store)[2:] == [Why.RETRY, Why.HANDED_OVER, Why.RETRY, Why.HANDED_OVER, Why.DELIVERED]


def test_a_message_keeps_its_key_when_one_of_its_alerts_needs_no_telling_any_more(tmp_path):
    store = make(tmp_path)
    say(store, FEVER)
    say(store, replace(FEVER, key="other"))
    (first,) = store.due(TIME_NS, ROOM)
    assert [alert.id for alert in first.alerts] == [1, 2]
    store.record(first, Outcome.LATER, "refused", TIME_NS)
    store.acknowledge(1, "Li", TIME_NS)
    (again,) = store.due(TIME_NS + 10 * S_NS, ROOM)
    assert (again.key, [alert.id for alert in again.alerts]) == (first.key, [2])


def test_what_would_never_be_taken_is_handed_over_at_once(tmp_path):
    store = make(tmp_path)
    say(store, FEVER)
    assert sent(store, TIME_NS, Outcome.NEVER) == ["Li firing by phone"]
    assert "Li firing by mail" in sent(store, TIME_NS)


@given(st.sampled_from(Outcome), st.integers(1, 5), st.data())
def test_a_page_always_has_a_next_attempt_until_it_is_taken(outcome, route_len, data):
    place = data.draw(st.integers(0, route_len - 1))
    verdict = after_attempt(outcome, place, route_len, data.draw(st.integers(1, 50)), data.draw(st.integers(1, 99)))
    assert 0 <= verdict.place < route_len
    assert (verdict.wait_s is None) == (outcome is Outcome.TAKEN)


def test_a_silence_has_a_name_and_an_end_at_which_the_chain_begins(tmp_path):
    store = make(tmp_path)
    until_ns = TIME_NS + 3600 * S_NS
    quiet = Silence(0, "s", "g", "fever", 0, until_ns, "Li", "drill")
    for wrong in (replace(quiet, by=" "), replace(quiet, until_ns=TIME_NS)):
        with pytest.raises(JournalError, match="a name and an end"):
            store.silence(wrong, TIME_NS)
    store.silence(quiet, TIME_NS)
    say(store, FEVER)
    say(store, replace(FEVER, key="other", gate="h"))
    assert {row.gate: row.state for row in store.open_alerts()} == {"g": "silenced", "h": "firing"}
    assert sent(store, TIME_NS) == ["Li firing by phone"]
    assert "Li firing by phone" in sent(store, until_ns)
    silenced = store.log(1)[1]
    assert (silenced.why, silenced.by, silenced.text, silenced.next_ns) == (Why.SILENCED, "Li", "drill", until_ns)
    assert whys(store)[:4] == [Why.BEGAN, Why.SILENCED, Why.SILENCE_OVER, Why.STEP_DUE]


def test_a_silence_of_what_is_told_already_withdraws_it_and_can_be_ended_early(tmp_path):
    store = make(tmp_path)
    say(store, FEVER)
    number = store.silence(Silence(0, "", "", "", 0, TIME_NS + 10 * S_NS, "Li", ""), TIME_NS)
    assert sent(store, TIME_NS) == []
    assert store.end_silence(number, "Wang", TIME_NS + S_NS)
    assert not store.end_silence(number, "Wang", TIME_NS + S_NS)
    assert sent(store, TIME_NS + S_NS) == ["Li firing by phone"]


def test_a_silent_gate_explains_its_devices_faults_and_no_other_gates(tmp_path):
    store = make(tmp_path)
    say(store, SILENT)
    say(store, FAULT)
    say(store, replace(FAULT, key="device-fault/s/h/cam", gate="h"))
    assert {row.key: row.state for row in store.open_alerts()} == {
        "gate-silent/s/g": "firing", "device-fault/s/g/cam": "inhibited", "device-fault/s/h/cam": "firing"
    }  # fmt: skip
    say(store, replace(SILENT, firing=False, seq=2))
    assert whys(store, 2) == [Why.BEGAN, Why.INHIBITED, Why.INHIBITION_OVER, Why.STEP_DUE]


def test_a_fault_that_was_told_before_the_gate_fell_silent_goes_up_no_further(tmp_path):
    store = make(tmp_path)
    say(store, FAULT)
    sent(store, TIME_NS)
    say(store, SILENT)
    assert sent(store, TIME_NS + 300 * S_NS) == ["Li firing by phone", "Wang firing by phone", "Zhao firing by phone"]
    assert whys(store).count(Why.STEP_DUE) == 1
    say(store, replace(FAULT, firing=False, seq=2))
    assert sent(store, TIME_NS + 301 * S_NS) == ["Li resolved by phone"]


def test_a_cause_that_is_back_within_a_minute_opens_the_same_alert_and_later_a_new_one(tmp_path):
    store = make(tmp_path, reopen_within_s=60.0)
    say(store, FAULT)
    say(store, replace(FAULT, firing=False, seq=2, time_ns=TIME_NS + 10 * S_NS))
    say(store, replace(FAULT, seq=3, time_ns=TIME_NS + 70 * S_NS))
    assert [(row.id, row.count) for row in store.open_alerts()] == [(1, 2)]
    assert Why.CAUSE_BACK in whys(store)
    say(store, replace(FAULT, firing=False, seq=4, time_ns=TIME_NS + 80 * S_NS))
    say(store, replace(FAULT, seq=5, time_ns=TIME_NS + 141 * S_NS))
    assert [row.id for row in store.open_alerts()] == [2]


def test_a_person_can_take_back_an_end_and_the_chain_begins_anew(tmp_path):
    store = make(tmp_path)
    say(store, FEVER)
    sent(store, TIME_NS)
    assert store.resolve(1, "Li", TIME_NS)
    sent(store, TIME_NS)
    assert store.reopen(1, "Wang", TIME_NS + S_NS)
    assert sent(store, TIME_NS + S_NS) == ["Li firing by phone"]
    store.resolve(1, "Wang", TIME_NS + 2 * S_NS)
    assert sent(store, TIME_NS + 2 * S_NS) == ["Li resolved by phone"]


def test_a_step_that_names_nobody_is_passed_over_at_once_and_the_log_says_so(tmp_path):
    class Holes(Ladder):
        def chain_for(self, rule: str, severity: str) -> Chain:
            return Chain((Step(0.0, ("Nobody",)), Step(300.0, ("Wang",)), Step(900.0, ("Nobody",))))

    store = make(tmp_path, Holes())
    say(store, FEVER)
    assert sent(store, TIME_NS) == ["Wang firing by phone"]
    assert whys(store)[:3] == [Why.BEGAN, Why.NOBODY_ON_DUTY, Why.STEP_DUE]
    store.tick(TIME_NS + 900 * S_NS)
    assert whys(store)[-2:] == [Why.NOBODY_ON_DUTY, Why.CHAIN_OVER]


def test_a_chain_that_names_nobody_to_its_end_tells_every_channel(tmp_path):
    class Empty(Ladder):
        def chain_for(self, rule: str, severity: str) -> Chain:
            return Chain((Step(0.0, ("Nobody",)), Step(300.0, ("Nobody",))))

    store = make(tmp_path, Empty())
    say(store, FEVER)
    assert sent(store, TIME_NS) == ["mail firing by mail"]
    assert whys(store) == [
        Why.BEGAN, Why.NOBODY_ON_DUTY, Why.NOBODY_ON_DUTY, Why.STEP_DUE, Why.CHAIN_OVER, Why.DELIVERED
    ]  # fmt: skip
    assert store.audit(frozenset({"phone", "mail"}), TIME_NS) == 0


def test_an_alert_keeps_the_chain_that_it_began_with(tmp_path):
    store = make(tmp_path)
    say(store, FEVER)
    store.close()
    store = make(tmp_path, AllChannels(("desk",)))
    store.tick(TIME_NS + 900 * S_NS)
    assert store.open_alerts()[0].step == 2


def test_a_clock_that_is_set_moves_no_step_nearer_or_farther(tmp_path):
    store = make(tmp_path)
    say(store, FEVER)
    sent(store, TIME_NS)
    back_ns = -7200 * S_NS
    store.clock_was_set(back_ns, TIME_NS + back_ns)
    assert sent(store, TIME_NS + back_ns + 299 * S_NS) == []
    assert len(sent(store, TIME_NS + back_ns + 300 * S_NS)) == 2


def test_a_fault_of_long_ago_that_is_said_once_more_now_is_told(tmp_path):
    store = make(tmp_path)
    late_ns = TIME_NS + 7200 * S_NS
    store.take(1, [(FAULT, late_ns)], late_ns)
    assert sent(store, late_ns) == []
    store.take(2, [(replace(FAULT, seq=2), late_ns)], late_ns)
    assert sent(store, late_ns) == []
    store.take(3, [(replace(FAULT, seq=3, time_ns=late_ns), late_ns)], late_ns)
    assert sent(store, late_ns) == ["Li firing by phone"]
    assert whys(store)[:3] == [Why.BEGAN_LATE, Why.CAUSE_AGAIN, Why.STEP_DUE]


def test_the_log_is_only_added_to(tmp_path):
    store = make(tmp_path)
    say(store, FEVER)
    db = sqlite3.connect(tmp_path / "alerts.db")
    for change in ("UPDATE log SET why = 'began'", "DELETE FROM log"):
        with pytest.raises(sqlite3.IntegrityError, match="only added to"):
            db.execute(change)
    db.close()


def test_a_file_of_the_first_version_keeps_its_alerts_and_the_auditor_gives_them_a_next_step(tmp_path):
    db = sqlite3.connect(tmp_path / "alerts.db")
    db.executescript("""
        CREATE TABLE alerts (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, rule TEXT NOT NULL,
            severity TEXT NOT NULL, state TEXT NOT NULL, since_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL,
            count INTEGER NOT NULL, site TEXT NOT NULL, gate TEXT NOT NULL, lane TEXT NOT NULL, detail TEXT NOT NULL,
            ended_by TEXT NOT NULL DEFAULT '');
        CREATE UNIQUE INDEX one_open_alert ON alerts (key) WHERE state = 'firing';
        CREATE TABLE outbox (id INTEGER PRIMARY KEY);
        CREATE TABLE heard (key TEXT PRIMARY KEY, epoch TEXT NOT NULL, seq INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE cursors (name TEXT PRIMARY KEY, "offset" INTEGER NOT NULL) WITHOUT ROWID;
        INSERT INTO alerts VALUES (7, 'f', 'fever', 'critical', 'firing', 1, 1, 1, 's', 'g', '', '', '');
        INSERT INTO cursors VALUES ('alerts', 9);
    """)
    db.close()
    store = make(tmp_path)
    assert store.cursor() == 9
    assert store.audit(frozenset({"phone", "mail"}), TIME_NS) == 1
    assert store.audit(frozenset({"phone", "mail"}), TIME_NS) == 0
    assert [(row.id, row.rule, row.next_why) for row in store.open_alerts()] == [
        (8, "alert-stuck", "step"), (7, "fever", "step")
    ]  # fmt: skip
    assert whys(store, 7) == [Why.FOUND_STUCK, Why.STEP_DUE]


def test_a_file_of_a_later_version_is_refused_and_not_touched(tmp_path):
    db = sqlite3.connect(tmp_path / "alerts.db")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(JournalError, match="version 99, this program reads up to 3"):
        make(tmp_path)


def test_an_older_alert_that_somebody_reopened_is_the_one_that_counts(tmp_path):
    store = make(tmp_path)
    for seq, (firing, after_s) in enumerate([(True, 0), (False, 1), (True, 100), (False, 101)], 1):
        say(store, replace(FEVER, seq=seq, firing=firing, time_ns=TIME_NS + after_s * S_NS))
    assert [row.id for row in store.newest(9)] == [2, 1]
    assert store.reopen(1, "Li", TIME_NS + 110 * S_NS)
    again = replace(FEVER, seq=5, time_ns=TIME_NS + 120 * S_NS)
    say(store, again)
    assert [(row.id, row.count) for row in store.open_alerts()] == [(1, 2)]
    assert store.newest_of([FEVER.key])[FEVER.key].id == 1
    say(store, replace(again, seq=6, firing=False, time_ns=TIME_NS + 130 * S_NS))
    assert store.open_alerts() == []


class LifeMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order, every open alert has a next step and every page its reason in the log."""

    @initialize()
    def begin(self) -> None:
        import tempfile
        from pathlib import Path

        self._folder = tempfile.TemporaryDirectory()
        self.store = make(Path(self._folder.name))
        self.now_ns = TIME_NS
        self.seq = 1

    @rule(signal=st.sampled_from([FEVER, FAULT, SILENT]), firing=st.booleans())
    def hear(self, signal: Signal, firing: bool) -> None:
        self.seq += 1
        say(self.store, replace(signal, firing=firing, seq=self.seq, time_ns=self.now_ns), self.now_ns)

    @rule(alert=st.integers(1, 4), word=st.sampled_from(["acknowledge", "resolve", "reopen"]))
    def word(self, alert: int, word: str) -> None:
        getattr(self.store, word)(alert, "Li", self.now_ns)

    @rule(gate=st.sampled_from(["", "g"]), minutes=st.integers(1, 20))
    def silence(self, gate: str, minutes: int) -> None:
        until_ns = self.now_ns + minutes * 60 * S_NS
        self.store.silence(Silence(0, "", gate, "", 0, until_ns, "Li", ""), self.now_ns)

    @rule(seconds=st.integers(0, 900), outcome=st.sampled_from(Outcome))
    def time_passes(self, seconds: int, outcome: Outcome) -> None:
        self.now_ns += seconds * S_NS
        sent(self.store, self.now_ns, outcome)

    @invariant()
    def nothing_is_stuck(self) -> None:
        assert self.store.audit(frozenset({"phone", "mail"}), self.now_ns) == 0

    @invariant()
    def every_page_has_its_reason(self) -> None:
        reasons = {Why.STEP_DUE, Why.END_TOLD, Why.ACKNOWLEDGEMENT_TOLD}
        with self.store.transaction() as db:
            pages = [page for (page,) in db.execute("SELECT id FROM pages")]
        told = [line.page for line in self.store.log(limit=10**6) if line.why in reasons]
        assert sorted(told) == sorted(pages)  # type: ignore[type-var]

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self._folder.cleanup()


TestLife = LifeMachine.TestCase
TestLife.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


class Telephones(Ladder):
    """The same people with a telephone each and nothing else; mail is for whoever looks after the hub."""

    def receivers(self, tell: tuple[str, ...], severity: str, now_ns: int) -> list[Receiver]:
        return [Receiver(name, (Contact("phone"),)) for name in tell]

    def chain_for(self, rule: str, severity: str) -> Chain:
        chain = super().chain_for(rule, severity)
        return Chain((Step(0.0, ("mail",)),)) if rule == Rule.CHANNEL_FAULT else chain


@pytest.mark.parametrize("outcome", [Outcome.NEVER, Outcome.DEFECT])
def test_where_no_channel_would_take_a_page_the_next_step_is_taken_now_and_the_channel_is_an_alert(tmp_path, outcome):
    store = make(tmp_path, Telephones())
    say(store, FEVER)
    assert sent(store, TIME_NS, outcome) == ["Li firing by phone"]
    assert "Wang firing by phone" in sent(store, TIME_NS)
    assert Why.STEP_NOW in whys(store)
    faults = [row for row in store.open_alerts() if row.rule == Rule.CHANNEL_FAULT]
    assert [row.detail for row in faults] == ["phone → Li: said"]
    sent(store, TIME_NS + 10 * S_NS)
    assert not [row for row in store.open_alerts() if row.rule == Rule.CHANNEL_FAULT]


def test_a_step_that_somebody_else_was_told_of_hastens_nothing_nor_does_what_trying_again_may_help(tmp_path):
    store = make(tmp_path, Telephones())
    say(store, FEVER)
    sent(store, TIME_NS)
    store.tick(TIME_NS + 300 * S_NS)
    wang, zhao = store.due(TIME_NS + 300 * S_NS, ROOM)
    store.record(wang, Outcome.TAKEN, "yes", TIME_NS + 300 * S_NS)
    store.record(zhao, Outcome.NEVER, "no", TIME_NS + 300 * S_NS)
    other = make(tmp_path / "other", Telephones())
    say(other, FEVER)
    sent(other, TIME_NS, Outcome.LATER)
    assert Why.STEP_NOW not in {*whys(store), *whys(other)}


def test_a_channel_that_fails_for_ever_raises_one_alert_and_no_storm_about_itself(tmp_path):
    store = make(tmp_path, AllChannels(("phone",)))
    say(store, FEVER)
    for minute in range(60):
        sent(store, TIME_NS + minute * 60 * S_NS, Outcome.DEFECT)
    assert sorted(row.rule for row in store.open_alerts()) == ["channel-fault", "fever"]
