"""The judge asks who is isolated, and finds each planted error, to the last person."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sim.judge.findings import Fault, IsolationSeen
from sim.judge.isolations import Ground, Wanted, compare_isolations, wanted_of
from sim.plant import Conduct, Faults, Health, Plant
from sim.roster import sites, token_key
from sim.story import Story
from sim.truth import IsolationCause, IsolationTruth, PersonTruth, SecondaryTruth, Truth

HONEST = Conduct(lent_badge_share=0.0, passed_back_share=0.0, forgotten_badge_share=0.0, breach_share=0.0)
ILL = Health(other_fever_share=0.004)
PLANT = Plant(people=600, faults=Faults(reader_faults=0.0), conduct=HONEST, visitors_per_day=0, health=ILL)
TODAY = dt.date(2020, 2, 15)


def story(plant: Plant, seed: int = 5, days: int = 6) -> tuple[list[Truth], set[str], dict[str, dt.date]]:
    (site,) = sites(plant, seed, token_key(seed))
    members = [member for member in site.members[: site.staff] if member.registered]
    returns = {one.badge: plant.date(one.returns_day) for one in members if one.returns_day is not None}
    return [one for day in Story(site).days(days) for one in day], {one.badge for one in members}, returns


TRUTHS, KNOWN, RETURNS = story(PLANT)
WANTED = wanted_of(TRUTHS, KNOWN, RETURNS, TODAY, fever_c=37.5)


def perfect(wanted: list[Wanted]) -> list[IsolationSeen]:
    return [
        IsolationSeen(number, (one.who,), one.ground.value, one.since_ns, "", "")
        for number, one in enumerate(wanted, 1)
    ]


def test_where_everybody_shows_their_own_badge_those_are_isolated_whom_the_truth_isolates():
    isolated = {one.person for one in TRUTHS if isinstance(one, IsolationTruth) and one.cause is IsolationCause.FEVER}
    returned = {badge for badge, day in RETURNS.items() if day <= TODAY}
    grounds = {one.who: one.ground for one in WANTED}
    assert {who for who, ground in grounds.items() if ground is Ground.RETURNEE} == returned
    assert {who for who, ground in grounds.items() if ground is Ground.FEVER} == (isolated & KNOWN) - returned
    assert {who for who, ground in grounds.items() if ground is Ground.UNNAMED} == isolated - KNOWN
    assert len(isolated & KNOWN) > 3


def test_a_perfect_hub_has_no_error_and_cases_that_ended_count_for_nothing():
    assert compare_isolations(WANTED, perfect(WANTED)) == []
    ended = IsolationSeen(99, ("somebody",), "fever", 1, "", "cleared")
    assert compare_isolations(WANTED, [*perfect(WANTED), ended]) == []


@given(st.integers(0, 10**6))
def test_one_error_is_one_finding_of_its_kind(number):
    seen = perfect(WANTED)
    at = number % len(seen)
    fever = next(index for index, line in enumerate(seen) if line.cause == "fever")
    line = seen[at]
    for changed, fault in (
        (seen[:at] + seen[at + 1 :], Fault.ISOLATION_MISSED),
        ([*seen[:at], replace(line, end="mistake"), *seen[at + 1 :]], Fault.ISOLATION_MISSED),
        ([*seen, replace(line, case=0)], Fault.ISOLATION_TWICE),
        ([*seen[:at], replace(line, cause="contact"), *seen[at + 1 :]], Fault.ISOLATION_WRONG),
        (
            [*seen[:fever], replace(seen[fever], since_ns=seen[fever].since_ns + 1), *seen[fever + 1 :]],
            Fault.ISOLATION_WRONG,
        ),
        ([*seen, IsolationSeen(0, ("nobody-at-all",), "fever", 1, "", "")], Fault.ISOLATION_INVENTED),
        ([*seen, IsolationSeen(0, (), "unnamed", 1, "p-nobody", "")], Fault.ISOLATION_INVENTED),
    ):
        findings = compare_isolations(WANTED, changed)
        assert [one.fault for one in findings] == [fault]


@pytest.mark.parametrize("at", [0, -1])
def test_a_hub_that_never_heard_of_one_fever_is_found_out(at):
    """The truth without a passage is what a hub would make that had not heard of it."""
    fevers = [one for one in TRUTHS if isinstance(one, SecondaryTruth) and one.body_c >= 37.5 and one.badge in KNOWN]
    gone = fevers[at].badge
    heard = [one for one in TRUTHS if getattr(one, "badge", None) != gone]
    seen = perfect(wanted_of(heard, KNOWN, RETURNS, TODAY, fever_c=37.5))
    [missed] = compare_isolations(WANTED, seen)
    assert (missed.fault, missed.passage) == (Fault.ISOLATION_MISSED, gone)


def test_a_contact_thermometer_takes_back_a_camera_s_word_and_never_a_thermometer_s():
    fever = next(one for one in TRUTHS if isinstance(one, SecondaryTruth) and one.body_c >= 37.5 and one.badge in KNOWN)
    camera = next(one for one in TRUTHS if isinstance(one, PersonTruth) and one.passage == fever.passage)
    normal = replace(fever, body_c=36.6, time_ns=fever.time_ns + 1)

    def grounds(*truths: Truth) -> list[Ground]:
        return [one.ground for one in wanted_of(truths, KNOWN, {}, TODAY)]

    assert grounds(camera) == [Ground.FEVER]
    assert grounds(camera, normal) == []
    assert grounds(camera, fever, normal) == [Ground.FEVER]
    assert grounds(normal) == []
    assert grounds(replace(camera, badge=None)) == [Ground.UNNAMED]


def test_somebody_without_a_known_badge_is_to_be_named_by_passage_or_badge():
    truths, known, returns = story(
        Plant(people=600, faults=Faults(reader_faults=3.0), health=Health(other_fever_share=0.03)), seed=8
    )
    wanted = wanted_of(truths, known, returns, TODAY)
    passages = {one.passage for one in truths if isinstance(one, PersonTruth) and one.badge is None}
    unnamed = {one.who for one in wanted if one.ground is Ground.UNNAMED}
    assert unnamed
    assert all(who in passages or who not in known for who in unnamed)
