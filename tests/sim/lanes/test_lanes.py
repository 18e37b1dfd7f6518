"""Situations with known truth: the lane decides them as the order asks, and the judge finds what is planted."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache

import pytest
from msgspec.structs import replace

from edge import policy
from edge.passage import fusion, turns
from edge.policy import Decision
from edge.porter import people as people_porter
from sim.cli import main
from sim.lanes.command import as_json, count, faults
from sim.lanes.judge import Fault, judge
from sim.lanes.kinds import ALL_KINDS, situation
from sim.lanes.play import play
from sim.lanes.situation import Situation, What
from sim.lanes.whole import Whole, virtual_time
from wire.errors import MenshenError
from wire.events import LaneMode, LaneState, Outcome, PersonPassage, Reason

_OF_SCREENING_OR_SITE = {Reason.SUSPECT, Reason.OTHER, Reason.FIRE_ALARM, Reason.FAIL_SAFE}
"""A screening's doubt, a newer hub's flag, fire and the agent's end have tests of their own."""


def test_six_rounds_of_all_kinds_are_decided_as_the_order_asks_whatever_is_late_lost_or_doubled():
    tally = count(seed=11, situations=6 * len(ALL_KINDS), whole_every=12)
    assert tally.wrong == []
    assert set(tally.by_kind) == set(ALL_KINDS)
    assert set(Reason) - _OF_SCREENING_OR_SITE <= set(tally.by_reason)


def test_a_situation_is_the_same_at_each_call_and_another_seed_is_another():
    assert situation(1, 77) == situation(1, 77)
    assert situation(1, 77) != situation(2, 77)


@cache
def some() -> list[Situation]:
    return [situation(3, number) for number in range(15 * len(ALL_KINDS))]


def errors(about: Reason | None = None) -> Counter[str]:
    """The faults of some situations, or of the first few in which a reason is expected."""
    chosen = [one for one in some() if about is None or any(about in it.reasons for it in one.expected)]
    return Counter(
        wrong.fault.value
        for one in (chosen[:5] if about else chosen[: 3 * len(ALL_KINDS)])
        for wrong in faults(one, whole=False)
    )


def test_a_lane_that_pairs_too_widely_is_found_out(monkeypatch):
    monkeypatch.setattr(fusion.Fusion, "_is_near", lambda _self, at, first, last: abs(at.seconds_since(first)) < 6.0)
    many = (situation(seed, number) for seed in range(3, 9) for number in range(6 * len(ALL_KINDS)))
    assert any(wrong.fault is Fault.WRONG_PAIRING for one in many for wrong in faults(one, whole=False))


def test_a_lane_that_uses_a_reading_twice_is_found_out(monkeypatch):
    monkeypatch.setattr(fusion.Fusion, "_is_repeat", lambda *_: False)
    assert errors()[Fault.WRONG_DECISION]


def test_a_lane_that_does_not_count_the_second_body_is_found_out(monkeypatch):
    monkeypatch.setattr(turns, "BODY_S", 4.0)
    assert errors()[Fault.UNREPORTED_ENTRY]


def test_a_lane_that_gives_everybody_a_turn_is_found_out(monkeypatch):
    whole = turns.Turns.decided
    monkeypatch.setattr(turns.Turns, "decided", lambda self, *given, allowed: whole(self, *given, allowed=True))
    assert errors()[Fault.UNREPORTED_ENTRY]


@pytest.mark.parametrize(
    "reason", sorted(set(Reason) - _OF_SCREENING_OR_SITE - {Reason.UNSCREENED_ENTRY, Reason.ENTERED_REFUSED})
)
def test_a_lane_that_forgets_one_rule_is_found_out(reason, monkeypatch):
    decide = policy._decide

    def forgetful(reasons: list[Reason], *rest: object) -> Decision:
        return decide([it for it in reasons if it is not reason], *rest)

    monkeypatch.setattr(policy, "_decide", forgetful)
    if reason is Reason.WRONG_DIRECTION:
        monkeypatch.setattr(people_porter.PeoplePorter, "_went_through", lambda *_: [])
    assert errors(reason).total()


def test_a_lane_that_lets_in_whom_it_should_not_is_found_out_for_each_decision():
    one = next(one for number in range(400) if (one := situation(5, number)).kind == "fever")
    events = play(one)
    assert judge(one, events) == []
    for index, event in enumerate(events):
        if isinstance(event, PersonPassage) and event.outcome is not Outcome.ALLOW:
            changed = [*events[:index], replace(event, outcome=Outcome.ALLOW), *events[index + 1 :]]
            assert [wrong.fault for wrong in judge(one, changed)] == [Fault.WRONG_DECISION]
    assert len(judge(one, events[1:])) == 1
    assert len(judge(one, [*events, events[0]])) == 1


def test_each_entry_that_is_not_told_is_counted():
    for number in range(3 * len(ALL_KINDS)):
        one = situation(6, number)
        entries = [expected for expected in one.expected if expected.entry]
        others = [event for event in play(one) if not isinstance(event, PersonPassage)]
        found = Counter(wrong.fault for wrong in judge(one, others))
        assert found[Fault.UNREPORTED_ENTRY] == len(entries)


def _whole_passages(one: Situation) -> list[PersonPassage]:
    """Of whom both temperature and badge are known."""
    return [event for event in play(one) if isinstance(event, PersonPassage) and event.temperature and event.badge]


def test_one_persons_temperature_with_anothers_badge_is_found():
    crowds = (one for number in range(900) if (one := situation(5, number)).kind == "crowd")
    one, (first, second) = next((one, whole[:2]) for one in crowds if len(whole := _whole_passages(one)) > 1)
    swapped = [replace(first, temperature=second.temperature), replace(second, temperature=first.temperature)]
    assert Counter(wrong.fault for wrong in judge(one, swapped))[Fault.WRONG_PAIRING] == 2


def test_a_whole_lane_whose_camera_is_unplugged_says_so_measures_by_hand_and_comes_back_by_itself():
    one = next(one for number in range(400) if (one := situation(5, number)).kind == "camera-gone")
    whole = Whole(one)
    with virtual_time() as runner:
        runner.run(whole.run())
    modes = [event.mode for event in whole.ledger.events if isinstance(event, LaneState)]
    assert modes == [LaneMode.SCREENING, LaneMode.MANUAL, LaneMode.SCREENING]
    assert judge(one, whole.ledger.events) == []
    by_hand = [expected for expected in one.expected if expected.what is What.BY_HAND]
    assert {expected.outcome for expected in by_hand} <= {shown.outcome for shown in whole.barrier.shown}


def test_the_command_prints_its_figures_and_each_situation_by_its_number(capsys):
    assert main(["lanes", "--seed", "4", "--situations", "120", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["situations"], told["seed"], told["wrong"]) == (120, 4, [])
    assert (told["wrong_decisions"], told["unreported_entries"], told["wrong_pairings"]) == (0, 0, 0)
    assert sum(told["by_kind"].values()) == 120
    assert main(["lanes", "--seed", "4", "--number", "31"]) == 0
    assert "expected" in capsys.readouterr().out
    with pytest.raises(MenshenError, match="expected at least 1"):
        main(["lanes", "--situations", "0"])


def test_a_fault_makes_the_command_fail_and_is_told_with_its_number(monkeypatch, capsys):
    monkeypatch.setattr(fusion.Fusion, "_is_repeat", lambda *_: False)
    assert main(["lanes", "--seed", "3", "--situations", "300", "--whole-every", "1000"]) == 1
    assert "#" in capsys.readouterr().out
    tally = count(3, 300, 1000)
    assert as_json(3, tally)["wrong_decisions"] == tally.faults[Fault.WRONG_DECISION] > 0
