"""A plant's truth: the same seed gives the same bytes, and truth, events, registry and the edge's policy agree."""

from __future__ import annotations

import itertools
from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.policy import LaneRules, decide_person, decide_vehicle
from sim import chronicle
from sim.cli import main
from sim.orders import PersonFacts, VehicleFacts, person_ought, vehicle_ought
from sim.people import FEVER_FROM_C
from sim.plant import BUILT_IN, Plant, plant
from sim.registry import registry
from sim.truth import PERSON_S, VEHICLE_S, PersonTruth, Truth, VehicleTruth, day, event_of, sites, verdict_of
from wire.errors import MenshenError, SettingsError
from wire.events import Direction, Outcome, Reason
from wire.messages import decode_event
from wire.registry import RegistryCopy
from wire.settings import load

ILL = Plant(people=80, vehicles=20, fever_share=0.2, unmeasured_share=0.2, forgotten_badge_share=0.1, unread_share=0.3)
SEEDS = st.integers(0, 2**32)


def rows_of(folder) -> list[Truth]:
    lines = (folder / "truth.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line, type=PersonTruth | VehicleTruth) for line in lines]


def files_of(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def a_day(seed: int, which: Plant = ILL) -> list[Truth]:
    (site,) = sites(which, seed, chronicle.token_key(seed))
    return day(site, 0)


def test_the_same_seed_is_the_same_bytes_at_any_speed_and_another_is_not(tmp_path):
    now_s = itertools.count(0.0, 30.0)
    for name, seed, speed in (("a", 5, 0.0), ("b", 5, 100.0), ("c", 6, 0.0)):
        chronicle.write(
            tmp_path / name, ILL, seed=seed, days=2, speed=speed, tell=str, clock=lambda: next(now_s), sleep=id
        )
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")
    assert files_of(tmp_path / "a")["truth.jsonl"] != files_of(tmp_path / "c")["truth.jsonl"]


def test_at_a_speed_nothing_is_written_before_its_time(tmp_path):
    slept_s = []
    clock = itertools.accumulate(itertools.repeat(0.0))

    def sleep(wait_s: float) -> None:
        done = (tmp_path / "truth.jsonl").read_bytes().count(b"\n") if (tmp_path / "truth.jsonl").exists() else 0
        slept_s.append((done, wait_s))

    chronicle.write(tmp_path, ILL, seed=5, speed=60.0, tell=str, clock=lambda: next(clock), sleep=sleep)
    rows = rows_of(tmp_path)
    assert len(slept_s) > len(rows) / 2
    for done, wait_s in slept_s:
        assert wait_s == pytest.approx((rows[done].time_ns - rows[0].time_ns) / 1e9 / 60, abs=1e-6)


def test_truth_and_events_agree_and_every_passage_has_exactly_one_event(tmp_path):
    chronicle.write(tmp_path, ILL, seed=7, days=2, tell=str)
    truths = {truth.passage: truth for truth in rows_of(tmp_path)}
    events = {}
    for gate in ILL.gate_names():
        lines = (tmp_path / "events" / "sim" / f"{gate}.jsonl").read_bytes().splitlines()
        found = [decode_event(line) for line in lines]
        assert [event.time_ns for event in found] == sorted(event.time_ns for event in found)
        assert all(truths[event.passage].gate == gate for event in found)
        events |= {event.passage: event for event in found}
        assert len({event.passage for event in found}) == len(found)
    assert events == {passage: event_of(truth) for passage, truth in truths.items()}
    assert len(truths) == len(rows_of(tmp_path))


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_the_edges_policy_decides_what_the_order_asks_when_its_registry_and_devices_are_right(seed):
    (site,) = sites(ILL, seed, chronicle.token_key(seed))
    entries = {
        entry.token: entry for entry in registry(seed, ILL.people, ILL.vehicles, chronicle.token_key(seed)).entries
    }
    for truth in day(site, 0):
        rules = LaneRules(truth.gate, reads_badges=True, measures=True)
        if isinstance(truth, PersonTruth):
            shown = truth.person if truth.facts.badge_shown else None
            decision = decide_person(
                rules,
                verdict_of(truth.facts),
                shown,
                entries.get(shown or ""),
                truth.time_ns,
                alone=truth.facts.alone,
            )
        else:
            plate = truth.vehicle if truth.facts.plate_read else None
            decision = decide_vehicle(rules, plate, entries.get(plate or ""), truth.time_ns)
        assert (decision.outcome, set(decision.reasons)) == (truth.outcome, set(truth.reasons)), truth


@given(st.builds(PersonFacts, *[st.booleans()] * 6))
def test_nobody_is_let_in_unmeasured_feverish_unknown_isolated_or_in_company(facts):
    right = facts.measured and facts.badge_shown and facts.registered and facts.alone
    fine = right and not facts.feverish and not facts.isolated
    assert (person_ought(facts).outcome is Outcome.ALLOW) == fine


@given(st.builds(VehicleFacts, st.booleans(), st.booleans()))
def test_no_vehicle_is_let_in_unread_or_unregistered(facts):
    assert (vehicle_ought(facts).outcome is Outcome.ALLOW) == (facts.plate_read and facts.registered)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_temperatures_are_those_of_people_and_only_the_ill_have_a_fever(seed):
    for truth in a_day(seed):
        if isinstance(truth, PersonTruth):
            assert 35.2 < truth.body_c < 40.0
            assert 33.0 < truth.skin_c < 39.5
            assert truth.facts.feverish == (truth.body_c >= FEVER_FROM_C)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_a_lane_has_one_at_a_time_and_who_leaves_was_let_in(seed):
    inside: set[str] = set()
    last_ns: dict[tuple[str, type], int] = {}
    for truth in a_day(seed):
        lane = truth.gate, type(truth)
        service_s = PERSON_S if isinstance(truth, PersonTruth) else VEHICLE_S
        assert truth.time_ns - last_ns.get(lane, 0) >= service_s * 1e9 - 2000
        last_ns[lane] = truth.time_ns
        who = truth.person if isinstance(truth, PersonTruth) else truth.vehicle
        assert (truth.direction is Direction.OUT) == (who in inside)
        if truth.outcome is Outcome.ALLOW:
            inside ^= {who}


def test_whoever_could_not_be_measured_comes_again_and_is():
    tries: dict[tuple[str, Direction], list[PersonTruth]] = {}
    for truth in a_day(3):
        if isinstance(truth, PersonTruth):
            tries.setdefault((truth.person, truth.direction), []).append(truth)
    again = [story for story in tries.values() if story[0].outcome is Outcome.REMEASURE]
    assert len(again) > 5
    assert all(len(story) == 2 and story[1].facts.measured for story in again)


def test_every_kind_of_fault_of_people_happens_in_a_large_plant():
    reasons = Counter(
        reason for truth in a_day(1, Plant(gates=8, people=3000, vehicles=200)) for reason in truth.reasons
    )
    asked = set(Reason) - {Reason.SUSPECT, Reason.NOT_VALID_NOW, Reason.NOT_DISINFECTED, Reason.OTHER}
    assert asked <= set(reasons)


def test_a_city_has_as_many_sites_of_different_people():
    places = sites(msgspec.structs.replace(BUILT_IN["city"], sites=3, people=5), 1, chronicle.token_key(1))
    assert [site.name for site in places] == ["city-001", "city-002", "city-003"]
    assert len({str(site.people) for site in places}) == 3


def test_too_many_people_for_the_gates_are_told_and_not_dated_to_tomorrow():
    with pytest.raises(ValueError, match="expected more gates"):
        a_day(1, Plant(gates=1, people=12_000, vehicles=0))


def test_a_plant_is_built_in_or_a_file_and_everything_else_is_explained(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("people = 12\nbegins = 2020-02-11\n")
    assert plant(str(file), gates=3) == Plant(people=12, gates=3, begins=load(file, Plant).begins)
    with pytest.raises(SettingsError, match="did you mean 'small'"):
        plant("smal")
    file.write_text("work_from_h = 9\nwork_to_h = 8")
    with pytest.raises(SettingsError, match="expected more than work_from_h"):
        plant(str(file))
    with pytest.raises(SettingsError, match="0 gates"):
        plant("small", gates=0)


def test_the_command_writes_a_run_once_and_says_what_came_of_it(tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["run", "--plant", "small", "--gates", "3", "--seed", "2", "--out", str(out)]) == 0
    assert "allow" in capsys.readouterr().out
    assert len(list((out / "events" / "sim").iterdir())) == 3
    copy = msgspec.json.decode((out / "sim.registry.json").read_bytes(), type=RegistryCopy)
    assert len(copy.entries) > 300
    with pytest.raises(MenshenError, match="is there already"):
        main(["run", "--plant", "small", "--out", str(out)])
    with pytest.raises(MenshenError, match="--out"):
        main(["run", "--plant", "small"])
