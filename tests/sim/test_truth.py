"""A plant's truth: the same seed gives the same bytes, and truth, events, registry and the edge's policy agree."""

from __future__ import annotations

import itertools
import tomllib
from collections import Counter, defaultdict
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from edge.policy import Circumstances, LaneRules, PersonSeen, VehicleLook, decide_person, decide_vehicle
from edge.rules import PolicySettings
from sim import chronicle
from sim.cli import main
from sim.illness import healthy_c
from sim.orders import PersonFacts, VehicleFacts, Warn, person_ought, vehicle_ought
from sim.people import FEVER_FROM_C
from sim.plant import BUILT_IN, PERSON_LANE, Conduct, Faults, Health, Plant, plant
from sim.roster import ISOLATION_DAYS, registry, sites, token_key
from sim.story import Story
from sim.traffic import VEHICLE_S
from sim.truth import (
    CrowdTruth,
    DeviceTruth,
    DisinfectionTruth,
    DutyTruth,
    FaultTruth,
    IsolationTruth,
    Misconduct,
    PersonTruth,
    SecondaryTruth,
    Truth,
    VehicleTruth,
    event_of,
    verdict_of,
)
from sim.ways import PERSON_S
from wire.errors import MenshenError, SettingsError
from wire.events import Direction, Outcome, Reason, Refusal
from wire.messages import decode_event
from wire.registry import RegistryCopy

BUSY = Plant(
    people=80,
    offices=1,
    canteen_seats=12,
    vehicles=20,
    people_per_bus=20,
    returnee_share=0.1,
    undisinfected_share=0.1,
    health=Health(brought_in_share=0.01, other_fever_share=0.03),
    conduct=Conduct(
        forgotten_badge_share=0.05,
        lent_badge_share=0.03,
        passed_back_share=0.03,
        tailgating_share=0.05,
        wrong_way_share=0.05,
        past_camera_share=0.05,
        skipped_second_share=0.05,
        out_of_slot_share=0.1,
        served_late_share=0.1,
        breach_share=0.5,
    ),
    faults=Faults(power_cuts=4, link_outages=4, camera_faults=6, reader_faults=4, unread_plate_share=0.1),
)
"""Everything goes wrong often."""
SEEDS = st.integers(0, 2**32)


def story_of(seed: int, which: Plant = BUSY, days: int = 2) -> list[Truth]:
    (site,) = sites(which, seed, token_key(seed))
    return list(itertools.chain.from_iterable(Story(site).days(days)))


def people_of(truths: list[Truth]) -> list[PersonTruth]:
    return [truth for truth in truths if isinstance(truth, PersonTruth)]


def files_of(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# -- files -----------------------------------------------------------------------------------------------------------


def test_the_same_seed_is_the_same_bytes_at_any_speed_and_another_is_not(tmp_path):
    now_s = itertools.count(0.0, 30.0)
    for name, seed, speed in (("a", 5, 0.0), ("b", 5, 100.0), ("c", 6, 0.0)):
        chronicle.write(tmp_path / name, BUSY, seed=seed, days=2, speed=speed, clock=lambda: next(now_s), sleep=id)
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")
    assert files_of(tmp_path / "a")["truth.jsonl"] != files_of(tmp_path / "c")["truth.jsonl"]


def test_at_a_speed_nothing_is_written_before_its_time(tmp_path):
    slept_s = []

    def sleep(wait_s: float) -> None:
        slept_s.append(((tmp_path / "truth.jsonl").read_bytes().count(b"\n"), wait_s))

    chronicle.write(tmp_path, BUSY, seed=5, days=2, speed=60.0, clock=lambda: 0.0, sleep=sleep)
    rows = list(chronicle.read_truth(tmp_path))
    assert len(slept_s) > len(rows) / 2
    for done, wait_s in slept_s:
        assert wait_s == pytest.approx((rows[done].time_ns - rows[0].time_ns) / 1e9 / 60, abs=1e-6)


def test_every_record_that_a_gate_tells_is_one_event_of_that_gate_in_the_same_order(tmp_path):
    chronicle.write(tmp_path, BUSY, seed=7, days=2)
    told = defaultdict(list)
    for truth in chronicle.read_truth(tmp_path):
        event = event_of(truth)
        if event is not None:
            told[truth.gate].append(event)
    for gate in BUSY.gate_names():
        lines = (tmp_path / "events" / "sim" / f"{gate}.jsonl").read_bytes().splitlines()
        assert [decode_event(line) for line in lines] == told.pop(gate)
    assert not told


def test_records_are_in_the_order_of_time_and_days_end_at_midnight():
    (site,) = sites(BUSY, 3, token_key(3))
    end_ns = BUSY.begins_ns()
    for day in Story(site).days(3):
        begin_ns, end_ns = end_ns, end_ns + 86_400 * 10**9
        times = [truth.time_ns for truth in day]
        assert times == sorted(times)
        assert begin_ns <= times[0]
        assert times[-1] < end_ns


def test_a_run_that_was_interrupted_is_no_run_and_is_begun_anew_without_a_trace(tmp_path):
    def power_cut(day: int, _records: int) -> None:
        if day == 1:
            raise KeyboardInterrupt

    run, mine = tmp_path / "run", tmp_path / "run" / "notes.txt"
    larger = replace(BUSY, gates=4, sites=2)
    with pytest.raises(KeyboardInterrupt):
        chronicle.write(run, larger, seed=6, days=3, tell=power_cut)
    with pytest.raises(MenshenError, match="that was finished"):
        chronicle.read_run(run)
    mine.write_text("mine")
    chronicle.write(run, BUSY, seed=5)
    chronicle.write(tmp_path / "other", BUSY, seed=5)
    assert mine.read_text() == "mine"
    mine.unlink()
    assert files_of(run) == files_of(tmp_path / "other")
    with pytest.raises(MenshenError, match="another run is there already"):
        chronicle.write(run, BUSY, seed=5)


def test_a_run_that_was_interrupted_at_its_very_beginning_is_begun_anew(tmp_path):
    (tmp_path / "unfinished.json").write_text('{"plant":')
    chronicle.write(tmp_path, BUSY, seed=5)
    assert chronicle.read_run(tmp_path).seed == 5


def test_truth_of_unknown_origin_is_not_overwritten(tmp_path):
    (tmp_path / "truth.jsonl").write_text("somebody's")
    with pytest.raises(MenshenError, match="another run is there already"):
        chronicle.write(tmp_path, BUSY, seed=5)
    assert (tmp_path / "truth.jsonl").read_text() == "somebody's"


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MenshenError, match="expected a folder to write into"):
        chronicle.write(tmp_path / "file" / "run", BUSY, seed=5)


def test_a_folder_that_is_no_run_is_told(tmp_path):
    with pytest.raises(MenshenError, match=r"expected the folder of a `menshen sim run`"):
        chronicle.read_run(tmp_path)
    with pytest.raises(MenshenError, match="expected the truth"):
        list(chronicle.read_truth(tmp_path))
    (tmp_path / "truth.jsonl").write_text('{"kind":"person"}\n')
    with pytest.raises(MenshenError, match=r"truth.jsonl:1: .*expected a record of truth"):
        list(chronicle.read_truth(tmp_path))


def test_the_command_writes_a_run_once_and_says_what_came_of_it(tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["run", "--plant", "small", "--gates", "3", "--seed", "2", "--out", str(out)]) == 0
    assert "allow" in capsys.readouterr().out
    told = {path.stem for path in (out / "events" / "sim").iterdir()}
    assert told == {"gate-01", "gate-02", "gate-03", "office", "canteen"}
    copy = msgspec.json.decode((out / "sim.registry.json").read_bytes(), type=RegistryCopy)
    assert len(copy.entries) > 300
    with pytest.raises(MenshenError, match="is there already"):
        main(["run", "--plant", "small", "--out", str(out)])
    with pytest.raises(MenshenError, match="--plant"):
        main(["run", "--out", str(out)])


# -- decisions -------------------------------------------------------------------------------------------------------

_OF_CONTACTS = {Reason.WRONG_DIRECTION}
"""A crossing's, not a decision's."""
HARD = PolicySettings(antipassback="hard")


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_the_edges_policy_decides_what_the_order_asks_when_its_registry_and_devices_are_right(seed):
    (site,) = sites(BUSY, seed, token_key(seed))
    isolated = {number for number, member in enumerate(site.members) if member.returns_day == 0}
    entries = {entry.token: entry for entry in registry(site, isolated).entries}
    fallen_ill = set()
    for truth in next(iter(Story(site).days(1))):
        rules = LaneRules(truth.gate, reads_badges=True, measures=True)
        at = Circumstances(truth.time_ns)
        if isinstance(truth, IsolationTruth):
            fallen_ill.add(truth.person)
        elif isinstance(truth, PersonTruth) and truth.seen and not _OF_CONTACTS & set(truth.reasons):
            if truth.badge in fallen_ill:
                continue  # the registry of the morning does not know it
            entry = entries.get(truth.badge or "")
            facts = truth.facts
            seen = PersonSeen(verdict_of(facts), truth.badge, alone=facts.alone, passed_back=facts.badge_inside)
            decision = decide_person(HARD, rules, replace(seen, direction=truth.direction), entry, at)
            assert (decision.outcome, set(decision.reasons)) == (truth.outcome, set(truth.reasons)), truth
        elif isinstance(truth, VehicleTruth):
            plate = truth.vehicle if truth.facts.plate_read else None
            entry = entries.get(plate or "")
            if entry is not None and not truth.facts.disinfected:
                entry = replace(entry, disinfected_until_ns=truth.time_ns)
            look = VehicleLook(None, plate, truth.direction)
            rules = LaneRules(truth.gate, reads_badges=False, measures=False)
            decision = decide_vehicle(HARD, rules, look, entry, at)
            assert (decision.outcome, set(decision.reasons)) == (truth.outcome, set(truth.reasons)), truth


@given(st.builds(PersonFacts, *[st.booleans()] * 8))
def test_nobody_is_let_in_unmeasured_feverish_unknown_isolated_in_company_or_on_anothers_turn(facts):
    right = facts.measured and facts.badge_shown and facts.registered and facts.alone and facts.right_way
    fine = right and not facts.feverish and not facts.isolated and not facts.badge_inside
    assert (person_ought(facts).outcome is Outcome.ALLOW) == fine


@given(st.builds(PersonFacts, *[st.booleans()] * 8))
def test_a_fever_that_was_measured_and_a_breach_are_always_told(facts):
    warn = person_ought(facts).warn
    assert (Warn.FEVER in warn) == (facts.measured and facts.feverish)
    assert (Warn.BREACH in warn) == (facts.badge_shown and facts.registered and facts.isolated)


@given(st.builds(VehicleFacts, st.booleans(), st.booleans(), st.booleans()))
def test_no_vehicle_is_let_in_unread_unregistered_or_undisinfected(facts):
    fine = facts.plate_read and facts.registered and facts.disinfected
    assert (vehicle_ought(facts).outcome is Outcome.ALLOW) == fine


# -- people ----------------------------------------------------------------------------------------------------------


@settings(max_examples=10, deadline=None)
@given(SEEDS)
@example(215)  # a body temperature that rounds up to a fever
def test_temperatures_are_those_of_people(seed):
    for truth in people_of(story_of(seed)):
        assert 35.2 < truth.body_c < 40.0
        assert 31.0 < truth.skin_c < 39.5
        assert truth.facts.feverish == (truth.body_c >= FEVER_FROM_C)
        assert truth.facts.measured == (truth.refusal is None and truth.seen)


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_a_lane_has_one_at_a_time_and_nobody_passes_without_power(seed):
    last_ns: dict[tuple[str, str], int] = {}
    dark: list[FaultTruth] = []
    for truth in story_of(seed):
        if isinstance(truth, FaultTruth) and truth.fault == "power":
            dark.append(truth)
        if not isinstance(truth, PersonTruth | VehicleTruth):
            continue
        service_s = PERSON_S if isinstance(truth, PersonTruth) else VEHICLE_S
        assert truth.time_ns - last_ns.get((truth.gate, truth.lane), 0) >= service_s * 1e9 - 2000
        last_ns[truth.gate, truth.lane] = truth.time_ns
        assert not any(cut.gate == truth.gate and cut.time_ns <= truth.time_ns < cut.until_ns for cut in dark)


def test_who_leaves_was_let_in_before():
    inside: set[str] = set()
    by_hand: set[str] = set()
    for truth in story_of(11, days=4):
        if isinstance(truth, SecondaryTruth):
            by_hand.add(truth.person)
        if not isinstance(truth, PersonTruth) or truth.place is not None:
            continue
        if truth.direction is Direction.OUT:
            assert truth.person in inside | by_hand
        if truth.outcome is Outcome.ALLOW:
            (inside.add if truth.direction is Direction.IN else inside.discard)(truth.person)


def test_from_the_cold_one_is_measured_again_after_a_while_in_the_warm():
    cold = replace(BUSY, climate=replace(BUSY.climate, winter_c=-30.0, warm_passage_min=1.0))
    told = people_of(story_of(3, cold, days=1))
    refused = [truth for truth in told if truth.refusal is Refusal.TOO_COLD]
    assert len(refused) > 20
    for truth in refused:
        assert truth.minutes_inside < 20
        assert truth.outcome is not Outcome.ALLOW
    later = {truth.person: truth for truth in told if truth.facts.measured and truth.direction is Direction.IN}
    again = [later[truth.person] for truth in refused if truth.person in later]
    assert len(again) > 20
    assert all(truth.minutes_inside > 5 for truth in again)


def test_in_summer_nobody_is_too_cold():
    summer = replace(BUSY, begins=BUSY.begins.replace(month=7))
    assert not [truth for truth in people_of(story_of(3, summer)) if truth.refusal is Refusal.TOO_COLD]


def test_a_fever_is_measured_by_a_guard_and_isolated_for_fourteen_days():
    truths = story_of(4, days=4)
    fevers = {truth.passage: truth for truth in people_of(truths) if Reason.FEVER in truth.reasons}
    seconds = {truth.passage: truth for truth in truths if isinstance(truth, SecondaryTruth)}
    isolated = {truth.person: truth for truth in truths if isinstance(truth, IsolationTruth) and truth.cause == "fever"}
    assert len(fevers) > 3
    for passage, fever in fevers.items():
        assert fever.outcome is Outcome.DENY
        if passage not in seconds:
            continue  # after midnight of the last day
        assert seconds[passage].body_c >= FEVER_FROM_C
        case = isolated[fever.person]
        assert case.until_ns - case.time_ns == pytest.approx(ISOLATION_DAYS * 86_400e9, abs=2000)


def test_who_is_isolated_is_refused_and_told_at_every_gate():
    truths = story_of(4, days=6)
    until: dict[str, IsolationTruth] = {}
    breaches = 0
    for truth in truths:
        if isinstance(truth, IsolationTruth):
            until[truth.person] = truth
        elif isinstance(truth, PersonTruth) and truth.badge in until:
            breaches += 1
            assert truth.facts.isolated
            assert truth.outcome is Outcome.DENY or not truth.facts.registered
            assert Warn.BREACH in truth.warn or not truth.facts.registered
    assert breaches > 5


def test_illness_spreads_in_teams_and_not_without_contact():
    catching = Health(brought_in_share=0.004, other_fever_share=0.0, team_spread=0.1, canteen_spread=0.05)
    lonely = replace(catching, team_spread=0.0, canteen_spread=0.0)
    crowd = replace(BUSY, people=400)

    def feverish(health: Health) -> int:
        told = people_of(story_of(5, replace(crowd, health=health), days=16))
        return len({truth.person for truth in told if truth.facts.feverish})

    assert feverish(catching) > 2 * feverish(lonely) > 0


def test_the_well_have_the_rhythm_of_the_day():
    (site,) = sites(BUSY, 1, token_key(1))
    person = site.people[0]
    hours = [healthy_c(person, hour * 3600) for hour in range(24)]
    assert max(hours) - min(hours) == pytest.approx(0.5, abs=0.15)
    assert hours.index(min(hours)) == 5


def test_the_rolls_say_who_was_not_measured_twice():
    truths = story_of(6, days=3)
    measured: Counter[str] = Counter()
    for truth in truths:
        if isinstance(truth, PersonTruth) and truth.facts.measured:
            measured[truth.person] += 1
        if isinstance(truth, SecondaryTruth):
            measured[truth.person] += 1
    rolls = [truth for truth in truths if isinstance(truth, DutyTruth)]
    first = [roll for roll in rolls if roll.date == "2020-02-10"]
    assert {roll.shift for roll in first} >= {"day", "late"}
    for roll in first:
        assert roll.on_duty == len(roll.twice) + len(roll.once) + len(roll.never)
    day_shift = next(roll for roll in first if roll.shift == "day")
    of_first_day = [t for t in truths if t.time_ns < day_shift.time_ns and isinstance(t, PersonTruth | SecondaryTruth)]
    once = Counter(t.person for t in of_first_day if isinstance(t, SecondaryTruth) or t.facts.measured)
    assert {person for person in day_shift.once if once[person] != 1} == set()
    assert {person for person in day_shift.never if once[person] != 0} == set()


_OF_A_PLANT = {
    *(Reason.TEMPERATURE_NORMAL, Reason.FEVER, Reason.UNMEASURED, Reason.NO_BADGE, Reason.UNKNOWN_BADGE),
    *(Reason.IN_ISOLATION, Reason.SEVERAL_PEOPLE, Reason.PASSED_BACK, Reason.WRONG_DIRECTION),
    *(Reason.VEHICLE_REGISTERED, Reason.VEHICLE_UNREGISTERED, Reason.VEHICLE_UNREAD, Reason.NOT_DISINFECTED),
}
"""What a simulated plant's people and vehicles do; the rest is `tests/sim/lanes`."""


def test_everything_that_can_go_wrong_does_in_a_large_plant():
    truths = story_of(1, replace(BUSY, gates=4, offices=2, people=1500, vehicles=100, people_per_bus=60), days=3)
    reasons = {reason for truth in truths for reason in getattr(truth, "reasons", ())}
    assert reasons == _OF_A_PLANT
    assert {kind for truth in people_of(truths) for kind in truth.misconduct} == set(Misconduct)
    assert {truth.refusal for truth in people_of(truths)} >= {Refusal.NO_CAMERA, Refusal.NO_FACE, Refusal.TOO_COLD}
    assert {warn for truth in truths for warn in truth.warn} == set(Warn)
    assert {truth.lane for truth in people_of(truths)} == {PERSON_LANE}
    assert {truth.place for truth in people_of(truths)} == {None, "office-1", "office-2", "canteen"}
    assert {truth.crowded for truth in truths if isinstance(truth, CrowdTruth)} == {True, False}
    assert {truth.fault for truth in truths if isinstance(truth, FaultTruth)} >= {"power", "link", "clock"}
    assert any(isinstance(truth, DeviceTruth) and truth.well for truth in truths)
    assert any(isinstance(truth, DisinfectionTruth) and not truth.done for truth in truths)
    assert any(truth.host and truth.purpose for truth in people_of(truths)) == bool(BUSY.visitors_per_day)


def test_a_badge_that_is_lent_is_anothers_and_counts_for_them():
    lent = [t for t in people_of(story_of(1, replace(BUSY, people=400))) if Misconduct.LENT_BADGE in t.misconduct]
    assert lent
    assert all(truth.badge not in {truth.person, None} for truth in lent)


# -- plants ----------------------------------------------------------------------------------------------------------


def test_a_city_has_as_many_sites_of_different_people():
    places = sites(replace(BUILT_IN["city"], sites=3, people=5), 1, token_key(1))
    assert [site.name for site in places] == ["city-001", "city-002", "city-003"]
    assert len({str(site.people) for site in places}) == 3


def test_the_example_is_the_default_plant_but_for_its_gates_names_and_names_every_key():
    example = Path(__file__).parents[2] / "deploy" / "examples" / "plant.toml"
    assert replace(plant(str(example)), named=()) == Plant()
    given = tomllib.loads(example.read_text("utf-8"))
    assert set(given) == set(Plant.__struct_fields__)
    for part in ("health", "conduct", "climate", "faults"):
        assert set(given[part]) == set(getattr(Plant(), part).__struct_fields__)


def test_a_plant_is_built_in_or_a_file_and_everything_else_is_explained(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        "people = 12\nbegins = 2020-02-11\n[conduct]\ntailgating_share = 0.5\n"
        '[[shifts]]\nname = "only"\nfrom_h = 22\nto_h = 6\n'
    )
    mine = plant(str(file), gates=3)
    assert (mine.people, mine.gates, mine.conduct.tailgating_share, mine.shifts[0].hours) == (12, 3, 0.5, 8)
    with pytest.raises(SettingsError, match="did you mean 'small'"):
        plant("smal")
    with pytest.raises(SettingsError, match="0 gates"):
        plant("small", gates=0)
    for text, told in (
        ("[conduct]\ntailgating = 0.5", "tailgating_share"),
        ("shifts = []", "expected at least one"),
        ('[[shifts]]\nname = "x"\nfrom_h = 8\nto_h = 8', "expected 1 to 14 hours"),
        ('named = ["canteen"]', "a name of its own"),
        ('named = ["a", "a"]', "a name of its own"),
        ("[climate]\nwinter_c = 30", "less than summer_c"),
    ):
        file.write_text(text)
        with pytest.raises(SettingsError, match=told):
            plant(str(file))
