"""A gate whose people are screened for real: what it says is of the pictures, near the truth, and judged as such."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter

import pytest
from msgspec.structs import replace

from sim import chronicle
from sim.judge.bench import expect
from sim.judge.events import compare
from sim.judge.findings import Fault, JournalRow
from sim.live import Spot, from_now, known_now, site_of
from sim.plant import BUILT_IN, PERSON_LANE, Conduct, Faults, Health, Plant
from sim.truth import PersonTruth, VehicleTruth
from sim.witness import Witness, passages
from tests.support.servers import wait_until
from wire.errors import SettingsError
from wire.events import Outcome, PersonPassage, Reason, Refusal, Verdict, urgency_of
from wire.messages import decode_event

TINY = Plant(
    people=12,
    gates=2,
    vehicles=6,
    people_per_bus=0,
    visitors_per_day=0,
    shifts=(replace(BUILT_IN["small"].shifts[0], name="only"),),
    health=Health(other_fever_share=0.15),
    faults=Faults(camera_faults=0, reader_faults=0, power_cuts=0),
)
NOW_NS = 1_795_520_000 * 10**9
SUMMER = dt.date(2020, 7, 1)
"""Nobody comes from the cold."""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("screened") / "run"
    chronicle.write(folder, TINY, seed=4, days=1, screened=["gate-01"])
    return folder


def events_of(folder, gate: str):
    return [decode_event(line) for line in (folder / "events" / "sim" / f"{gate}.jsonl").read_bytes().splitlines()]


def journal(folder) -> list[JournalRow]:
    numbers: Counter[tuple[str, str]] = Counter()
    rows = []
    for gate in TINY.gate_names():
        for event in events_of(folder, gate):
            urgency = urgency_of(event).value
            numbers[gate, urgency] += 1
            seq = numbers[gate, urgency]
            rows.append(
                JournalRow(len(rows) + 1, "sim", gate, urgency, "e", seq, seq, event.time_ns, event.time_ns, event)
            )
    return rows


def test_its_events_come_of_devices_in_the_order_of_time_and_others_straight_from_the_truth(run):
    truths = list(chronicle.read_truth(run))
    screened, straight = events_of(run, "gate-01"), events_of(run, "gate-02")
    assert [event.time_ns for event in screened] == sorted(event.time_ns for event in screened)
    seen = [event for event in screened if isinstance(event, PersonPassage) and event.lane == PERSON_LANE]
    assert all(event.temperature is None or event.temperature.looks >= 3 for event in seen)
    assert any(event.temperature and event.temperature.u_c > 0 for event in seen)
    ideal = [event for event in straight if isinstance(event, PersonPassage) and event.temperature]
    assert all(event.temperature.u_c == 0 for event in ideal)
    vehicles = {truth.passage for truth in truths if isinstance(truth, VehicleTruth) and truth.gate == "gate-01"}
    assert vehicles <= {getattr(event, "passage", "") for event in screened}


def test_most_of_what_it_says_is_right_and_the_judge_finds_the_rest(run):
    truths = list(chronicle.read_truth(run))
    expected = list(expect(truths, [], ["gate-01"]))
    findings, matched = compare(expected, journal(run), 60.0)
    by_devices = [pair for pair in matched if not pair.expected.exact]
    wanted = [item for item in expected if not item.exact]
    assert len(by_devices) >= 0.9 * len(wanted) > 8
    right = [pair for pair in by_devices if pair.row.event.outcome == pair.expected.event.outcome]
    assert len(right) >= 0.6 * len(by_devices)
    assert not [finding for finding in findings if finding.gate == "gate-02"]
    rows = journal(run)
    at = next(i for i, row in enumerate(rows) if row.offset == right[0].row.offset)
    rows[at] = replace(rows[at], event=replace(rows[at].event, badge="somebody-else", verdict=Verdict.OTHER))
    worse = Counter(finding.fault for finding in compare(expected, rows, 60.0)[0])
    worse.subtract(Counter(finding.fault for finding in findings))
    assert worse[Fault.WRONG_PERSON] == worse[Fault.WRONG_VERDICT] == 1


def test_a_badge_that_is_handed_back_is_noticed_by_the_gate_and_asked_for_by_the_judge(tmp_path):
    handed_back = replace(
        TINY,
        gates=1,
        people=24,
        conduct=Conduct(passed_back_share=0.5, absent_share=0.0),
        faults=TINY.faults,
        begins=SUMMER,
    )
    chronicle.write(tmp_path / "run", handed_back, seed=6, screened=["gate-01"])
    truths = list(chronicle.read_truth(tmp_path / "run"))
    expected = [item for item in expect(truths, [], ["gate-01"]) if not item.exact]
    events = [event for event in events_of(tmp_path / "run", "gate-01") if isinstance(event, PersonPassage)]
    wanted = [item for item in expected if Reason.PASSED_BACK in item.event.reasons]
    noticed = [event for event in events if Reason.PASSED_BACK in event.reasons]
    assert len(wanted) >= 3
    assert len(noticed) >= 0.6 * len(wanted)
    assert {event.outcome for event in noticed} == {Outcome.DENY}
    rows = [
        JournalRow(n, "sim", "gate-01", urgency_of(event).value, "e", n, n, event.time_ns, event.time_ns, event)
        for n, event in enumerate(events, 1)
    ]
    forgets = [
        replace(row, event=replace(row.event, outcome=Outcome.ALLOW))
        if Reason.PASSED_BACK in row.event.reasons
        else row
        for row in rows
    ]
    wrong, worse = (
        sum(finding.fault is Fault.WRONG_DECISION for finding in compare(expected, some, 60.0, whole=False)[0])
        for some in (rows, forgets)
    )
    assert worse > wrong


def test_a_gate_without_a_camera_measures_nobody(tmp_path):
    blind = replace(TINY, faults=Faults(camera_faults=500, camera_min=60 * 24 * 7, reader_faults=0, power_cuts=0))
    chronicle.write(tmp_path / "run", blind, seed=4, screened=["gate-01"])
    seen = [event for event in events_of(tmp_path / "run", "gate-01") if isinstance(event, PersonPassage)]
    of_lane = [event for event in seen if event.lane == PERSON_LANE]
    assert of_lane
    assert {event.refusal for event in of_lane} == {Refusal.NO_CAMERA}
    assert Outcome.ALLOW not in {event.outcome for event in of_lane}


def test_a_gate_that_there_is_none_of_is_told(tmp_path):
    with pytest.raises(ValueError, match="gate-09"):
        chronicle.write(tmp_path / "run", TINY, seed=1, screened=["gate-09"])
    with pytest.raises(SettingsError, match="expected one of: north"):
        site_of(Spot("demo", 1, "demo", "south"), NOW_NS)


def test_the_witness_of_a_live_gate_tells_who_passed_once_it_is_past(tmp_path):
    site = site_of(Spot("demo", 1, "demo", "north"), NOW_NS)
    now_ns = [NOW_NS]
    witness = Witness(tmp_path, site, "north", 1, lambda: now_ns[0])
    asked = chronicle.read_run(tmp_path)
    assert (asked.gate, asked.since_ns) == ("north", NOW_NS + 10 * 10**9)
    wanted = list(itertools.islice(passages(from_now(site, "north", asked.since_ns)), 5))
    now_ns[0] = wanted[3].time_ns + 12 * 10**9
    witness.start()
    wait_until(lambda: len(list(chronicle.read_truth(tmp_path))) == 4, "four are past")
    witness.stop()
    assert list(chronicle.read_truth(tmp_path)) == wanted[:4]


def test_who_is_isolated_by_now_is_refused_by_the_registry_of_now():
    site = site_of(Spot("demo", 1, "demo", "north"), NOW_NS)
    known = known_now(site, NOW_NS)
    isolated = {entry.token for entry in known.entries if "isolation" in entry.flags}
    assert 50 < len(isolated) < 2000
    soon = itertools.islice(passages(from_now(site, "north", NOW_NS)), 200)
    people = [truth for truth in soon if isinstance(truth, PersonTruth) and truth.facts.registered]
    assert len(people) > 100
    assert all(truth.facts.isolated for truth in people if truth.badge in isolated)
