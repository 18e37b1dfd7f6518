"""Meals and crowds of a plant whose truth is known: every diner and every crowd, to the last person."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path

import msgspec
from msgspec.structs import replace

from hub.crowds.counting import LimitKind, crowds, limits_of, steps
from hub.crowds.desk import CrowdDesk
from hub.crowds.meals import Meal
from hub.crowds.record import meals
from hub.crowds.settings import CheckpointSettings, MealSettings
from hub.database import Database
from hub.projections.moves import Moves
from hub.registry.models import Badge, Person, Place, PlaceKind, Team
from sim.judge.findings import Fault
from sim.judge.meals import MealSeen, compare_meals
from sim.plant import ZONE, Conduct, Plant
from sim.roster import Site, sites, token_key
from sim.story import Story
from sim.truth import CrowdTruth, PersonTruth, Truth, event_of
from tests.support.journals import entry
from wire.events import Outcome

HUNGRY = Plant(
    people=400,
    canteens=2,
    canteen_seats=35,
    eaters_share=1.0,
    conduct=Conduct(out_of_slot_share=0.1, served_late_share=0.2),
)
CANTEENS = ("canteen-1", "canteen-2")
DAYS = 2


def register(session, site: Site) -> None:
    teams: dict[int, Team] = {}
    session.add_all([Place(name=name, title=name, kind=PlaceKind.CANTEEN) for name in CANTEENS])
    for number, member in enumerate(site.members):
        team = teams.setdefault(member.team, Team(name=f"team {member.team}", meal_slot=member.slot))
        person = Person(number=f"{number}", name="x", team=team, created_ns=1, changed_ns=1)
        person.badges = [Badge(number=f"{number}", token=member.badge)]
        session.add(person)


async def test_every_diner_and_every_crowd_of_a_simulated_plant_is_found_to_the_last_person(tmp_path: Path):
    (site,) = sites(HUNGRY, 1, token_key(1))
    story = list(itertools.chain.from_iterable(Story(site).days(DAYS)))
    told = [(truth, event) for truth in story if (event := event_of(truth)) is not None]
    moves, database = Moves(tmp_path / "moves.db"), Database(f"sqlite:///{tmp_path / 'menshen.db'}")
    await moves.start()
    await database.start()
    await database.write(lambda session: register(session, site))
    entries = [entry(event, offset, gate=truth.gate) for offset, (truth, event) in enumerate(told, 1)]
    await moves.apply(sorted(entries, key=lambda one: one.stream.urgency))  # urgent ones first, as after an outage
    limits = [CheckpointSettings(at=name, most_arriving=35, within_min=HUNGRY.sitting_min) for name in CANTEENS]
    desk = CrowdDesk(moves, database, limits, MealSettings(tolerance_min=0), ZONE)

    await diners_are_the_truth(desk, [truth for truth in story if isinstance(truth, PersonTruth) and truth.slot])
    await the_judge_says_so_and_finds_each_error(desk, site, story)
    await crowds_are_the_truth(desk, [truth for truth in story if isinstance(truth, CrowdTruth) and truth.crowded])
    await moves.stop()
    await database.stop()


async def diners_are_the_truth(desk: CrowdDesk, meals: list[PersonTruth]) -> None:
    own = {
        (truth.time_ns, truth.badge): truth.in_slot
        for truth in meals
        if truth.outcome is Outcome.ALLOW and truth.badge == truth.person
    }
    found = {}
    for place in await desk.canteens():
        for day in range(DAYS + 1):
            visits = await desk.visits(place, HUNGRY.begins + dt.timedelta(days=day))
            found |= {(visit.time_ns, visit.who): visit.meal for visit in visits}
    assert len(own) > 400
    assert {key: found[key] is Meal.IN_SLOT for key in own} == own
    kinds = {found[key] for key, in_slot in own.items() if not in_slot}
    assert kinds <= {Meal.OUT_OF_SLOT, Meal.BETWEEN}
    assert Meal.OUT_OF_SLOT in kinds


async def the_judge_says_so_and_finds_each_error(desk: CrowdDesk, site: Site, story: list[Truth]) -> None:
    slots = {member.badge: member.slot for member in site.members}
    days = [HUNGRY.begins + dt.timedelta(days=day) for day in range(DAYS + 1)]
    seen = [MealSeen(*msgspec.structs.astuple(one)) for day in days for one in await meals(desk, site.name, day)]
    findings, compared = compare_meals(story, slots, seen)
    assert (findings, compared > 400) == ([], True)
    out = next(one for one in seen if one.meal == Meal.OUT_OF_SLOT and one.badge)
    kept = next(one for one in seen if one.meal == Meal.IN_SLOT and one.badge)
    for planted, wrong in (
        (out, [replace(out, meal="in-slot")]),  # a meal out of slot that nobody hears of
        (kept, [replace(kept, meal="out-of-slot")]),
        (out, []),
        (out, [out, out]),
        (kept, [replace(kept, time_ns=kept.time_ns + 3600 * 10**9)]),
    ):
        others = [one for one in seen if one is not planted]
        wrongs = compare_meals(story, slots, [*others, *wrong])[0]
        assert {one.fault for one in wrongs} == {Fault.MEAL_WRONG}
        assert {one.passage for one in wrongs} == {planted.badge}


async def crowds_are_the_truth(desk: CrowdDesk, truths: list[CrowdTruth]) -> None:
    begins_ns = HUNGRY.begins_ns()
    found = []
    for name in CANTEENS:
        (limit,) = limits_of(desk.checkpoints[name])
        counted = steps(await desk.moves.between(name, begins_ns, begins_ns + DAYS * 86_400 * 10**9), limit)
        over = [step.people > limit.most for step in counted]
        found += [
            (step.time_ns, name) for step, now, was in zip(counted, over, [False, *over], strict=False) if now > was
        ]
        assert limit.kind is LimitKind.ARRIVING
        assert {crowd.since_ns for crowd in crowds(counted, limit, ZONE)} <= {time_ns for time_ns, _ in found}
    assert len(truths) > 5
    assert sorted(found) == sorted((truth.time_ns, truth.place) for truth in truths)
