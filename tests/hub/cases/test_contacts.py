"""Contacts of a case: ranked by why, each person once, and exactly those whom the truth of a simulated plant names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.cases import contacts
from hub.cases.contacts import Contact, Met
from hub.database import Database
from hub.journal import Entry
from hub.projections.passes import Near, Passes
from hub.registry.holdings import Holding
from hub.registry.models import Badge, Person, PersonKind, Team, Visit
from sim import contacts as truth_contacts
from sim.plant import Conduct, Plant
from sim.roster import Site, sites, token_key
from sim.story import Story
from sim.truth import PersonTruth, Truth, event_of
from wire.events import urgency_of
from wire.messages import StreamId, encode_event

SECOND = 10**9
DAY_NS = 86400 * SECOND


def near(token: str, own: int, apart_s: float, last_s: float = 0) -> Near:
    return Near(token, own, round(apart_s * SECOND), round(last_s * SECOND), "north", "people")


def test_the_passages_of_one_person_count_once_each_whatever_badge_was_shown():
    whose = {token: [Holding(person, token)] for token, person in (("card", 1), ("spare", 1), ("other", 2))}
    found = contacts.meetings(
        [
            near("card", 5, 9, 100),
            near("spare", 5, 3, 90),
            near("card", 6, 20, 200),
            near("other", 5, 1),
            near("?", 5, 0),
        ],
        whose,
    )  # fmt: skip
    assert found[1] == Met(2, 3 * SECOND, 200 * SECOND, "north", "people")
    assert set(found) == {1, 2}
    assert contacts.strangers([near("?", 5, 0), near("?", 6, 0), near("card", 5, 0)], whose) == 1


def test_a_card_that_was_handed_on_was_near_as_whose_it_was_then():
    whose = {"card": [Holding(1, "card", until_ns=150 * SECOND), Holding(2, "card", from_ns=180 * SECOND)]}
    met = [near("card", 5, 9, 100), near("card", 6, 9, 160), near("card", 7, 9, 200)]
    found = contacts.meetings(met, whose)
    assert {person: (one.times, one.last_ns) for person, one in found.items()} == {
        1: (1, 100 * SECOND), 2: (1, 200 * SECOND),
    }  # fmt: skip
    assert contacts.strangers(met, whose) == 1, "between the two it was nobody's that is known"


def test_team_and_host_come_before_a_few_passages_then_who_was_nearest():
    def met(times: int, nearest_s: float, last_s: float = 0) -> Met:
        return Met(times, round(nearest_s * SECOND), round(last_s * SECOND), "north", "people")

    found = contacts.rank({1: met(3, 5), 2: met(3, 2), 3: met(11, 60), 4: met(1, 1)}, team=[4, 5], host=[5, 6])
    assert [one.person_id for one in found] == [5, 4, 3, 6, 2, 1]
    assert found[0] == Contact(5, 20, None, same_team=True, same_host=True)
    assert [one.points for one in found] == [20, 11, 11, 10, 3, 3]


# -- a simulated plant -----------------------------------------------------------------------------------------------

PLANT = Plant(people=150, visitors_per_day=8, gates=2, conduct=Conduct(lent_badge_share=0.02))
DAYS = 4


class Traced:
    """The hub's answer about the people of a simulated plant, whose days it has heard."""

    def __init__(self, site: Site, truths: list[Truth], database: Database, passes: Passes) -> None:
        self.site, self.truths, self.database, self.passes = site, truths, database, passes

    async def of(self, badge: str, from_ns: int, until_ns: int, window_ns: int) -> dict[str, Contact]:
        """By badge."""
        found = await self.passes.near([badge], from_ns, until_ns, window_ns)

        def rank(session: Session) -> dict[str, Contact]:
            person = session.scalars(select(Person).join(Badge).where(Badge.token == badge)).one()
            group = contacts.group_of(session, person, {one.token for one in found}, from_ns, until_ns)
            ranked = contacts.rank(contacts.meetings(found, group.badges), group.team, group.host)
            tokens = {row.person_id: row.token for row in session.scalars(select(Badge))}
            return {tokens[one.person_id]: one for one in ranked}

        return await self.database.read(rank)


def add_people(session: Session, site: Site, truths: list[Truth]) -> None:
    """Everybody who is registered, and each visit as its host announced it."""
    teams = {number: Team(name=f"team {number}") for number in {member.team for member in site.members[: site.staff]}}
    people: dict[str, Person] = {}
    for number, member in enumerate(site.members):
        kind = PersonKind.VISITOR if number >= site.staff else PersonKind.EMPLOYEE
        badge = Badge(number=f"{number}", token=member.badge)
        people[member.badge] = Person(
            number=f"{number}",
            name="x",
            kind=kind,
            team=teams.get(member.team),
            badges=[badge],
            created_ns=1,
            changed_ns=1,
        )
    session.add_all([*teams.values(), *people.values()])
    session.flush()
    for truth in truths:
        if isinstance(truth, PersonTruth) and truth.host and truth.badge:
            host, at_ns = people[truth.host], truth.time_ns
            visit = Visit(
                host_id=host.id, host="x", reason="x", from_ns=at_ns, until_ns=at_ns, person=people[truth.badge]
            )
            session.add(visit)


def journal(truths: list[Truth]) -> list[Entry]:
    entries = []
    for truth in truths:
        event = event_of(truth)
        if event is not None:
            stream = StreamId(truth.site, truth.gate, urgency_of(event), "e")
            kind, offset = str(event.__struct_config__.tag), len(entries) + 1
            entries.append(
                Entry(offset, stream, offset, offset, kind, event.time_ns, event.time_ns, encode_event(event))
            )
    return entries


@pytest.fixture
async def traced(tmp_path: Path) -> AsyncIterator[Traced]:
    (site,) = sites(PLANT, 11, token_key(11))
    truths = [truth for day in Story(site).days(DAYS) for truth in day]
    database, passes = Database(f"sqlite:///{tmp_path / 'menshen.db'}"), Passes(tmp_path / "passes.db")
    await database.start()
    await passes.start()
    await database.write(lambda session: add_people(session, site, truths))
    await passes.apply(journal(truths))
    yield Traced(site, truths, database, passes)
    await passes.stop()
    await database.stop()


@pytest.mark.parametrize("window_s", [10, 60, 600])
async def test_exactly_those_are_found_whom_the_truth_of_the_plant_names(traced, window_s):
    begins_ns = PLANT.begins_ns()
    from_ns, until_ns, window_ns = begins_ns + DAY_NS // 2, begins_ns + 3 * DAY_NS, window_s * SECOND
    staff, visitors = traced.site.members[: traced.site.staff], traced.site.members[traced.site.staff :]
    compared = 0
    for member in [*staff[::13], *visitors[:6]]:
        found = await traced.of(member.badge, from_ns, until_ns, window_ns)
        near_truth = truth_contacts.near(traced.truths, member.badge, from_ns, until_ns, window_ns)
        assert {
            badge: (one.met.times, one.met.nearest_ns, one.met.last_ns) for badge, one in found.items() if one.met
        } == {badge: (one.times, one.nearest_ns, one.last_ns) for badge, one in near_truth.items()}
        hosts = truth_contacts.hosts(traced.truths, member.badge, from_ns, until_ns)
        assert {badge for badge, one in found.items() if one.same_host} == hosts
        team = {mate.badge for mate in staff if mate.team == member.team} - {member.badge}
        assert {badge for badge, one in found.items() if one.same_team} == (team if member in staff else set())
        compared += len(near_truth) + len(hosts)
    assert compared > 20
