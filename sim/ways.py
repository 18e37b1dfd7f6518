"""The ways of a site's people, day by day, as truth.

arrival ──► queue ──► lane ──┬─ let in ──► (office entrance) ──► work, (canteen) ──► queue ──► lane, out
              ▲              ├─ measured again, badge forgotten: waits in the warm ─┐
              └──────────────┼──────────────────────────────────────────────────────┘
                             ├─ fever: measured by a guard, then isolation for 14 days
                             └─ otherwise refused: goes home
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from sim.duty import Duty, Rolls
from sim.faults import Breakdown, Breakdowns
from sim.illness import Epidemic, is_fever
from sim.meals import Crowds, Tables
from sim.orders import PersonFacts, person_ought
from sim.people import SKIN_SLOPE, stream
from sim.plant import DAY_S, PERSON_LANE, Kind
from sim.queues import Queues, Served
from sim.roster import ISOLATION_DAYS, Site
from sim.truth import (
    CrowdTruth,
    IsolationCause,
    IsolationTruth,
    Misconduct,
    PersonTruth,
    SecondaryTruth,
    Truth,
)
from sim.weather import face_deficit_k, outside
from wire.events import Direction, Outcome, Reason, Refusal

PERSON_S = 5.8
"""How long one passage keeps a lane: the way of `sim.scene` with the break behind it."""
AGAIN_S = (300.0, 600.0)
"""A face from the cold needs 5 to 10 minutes in the warm before it can be measured (FACTS)."""
TOO_COLD_K = 0.2
"""A face further from balance than this would hide a fever."""
_SHORT_WALK_SHARE = 0.5
"""Of the cold of a walk from town, for those who live in the dormitory."""
_MAX_TRIES = 6
_PURPOSES = ("delivery papers", "repair", "inspection", "interview", "meeting")


class _Way(NamedTuple):
    """Somebody's wish to pass a lane. `inside_s` is when they came into the warm, `day` whose duty it is."""

    number: int
    direction: Direction
    day: int
    inside_s: float
    tries: int = 0
    breach: bool = False
    host: int | None = None
    purpose: str = ""
    strays: bool = False
    """Eats at another team's time."""


class People:
    """The people of one site."""

    def __init__(self, site: Site, breakdowns: Breakdowns) -> None:
        self._site, self._plant = site, site.plant
        self._breakdowns = breakdowns
        self._epidemic = Epidemic(site)
        self._queues: Queues[_Way] = Queues(PERSON_S, breakdowns)
        self._checkpoints = site.plant.checkpoints()
        self._tables = Tables(site.plant, site.seed)
        self._crowds = Crowds(site.plant)
        self._begins_ns = site.plant.begins_ns()
        self._isolated_until_s: dict[int, float] = {}
        self._inside: set[int] = set()
        """Whose badge is inside."""
        self._borrowed: dict[int, int] = {}
        self._absent: dict[tuple[int, int], list[int]] = {}
        """By day and team."""
        self._rolls = Rolls(site)
        self._last_in: dict[int, int] = {}
        self._drawn = 0

    def day(self, number: int) -> Iterator[Truth]:
        """What happens on a day; some of it may be after midnight."""
        yield from self._returnees(number)
        self._epidemic.day(number, self.isolated(number * DAY_S))
        while self._drawn <= number + 1:  # who comes before midnight may belong to a shift after it
            self._arrivals(self._drawn)
            self._drawn += 1
        draw = stream(self._site.seed, "day", str(number), "people")
        count = 0
        while (turn := self._queues.served((number + 1) * DAY_S)) is not None:
            if self._stays_away(turn):
                continue
            count += 1
            yield from self._pass(draw, turn, f"{self._site.name}-{number}-p{count}")
        yield from self._crowded((number + 1) * DAY_S)
        yield from self._rolls.over(number)

    def isolated(self, at_s: float) -> set[int]:
        """Who has to be in isolation at a moment, as far as the days that were told go."""
        length_s = ISOLATION_DAYS * DAY_S
        return {number for number, until_s in self._isolated_until_s.items() if until_s - length_s <= at_s < until_s}

    # -- coming ------------------------------------------------------------------------------------------------------

    def _returnees(self, number: int) -> Iterator[Truth]:
        for person, member in enumerate(self._site.members):
            if member.returns_day == number:
                yield self._isolate(person, number * DAY_S, IsolationCause.RETURNEE)

    def _arrivals(self, day: int) -> None:
        draw = stream(self._site.seed, "day", str(day), "arrivals")
        conduct, members = self._plant.conduct, self._site.members
        chances = draw.random((len(members), 2))
        early_s = draw.normal(1080.0, 600.0, len(members)).tolist()
        self._absent = {key: absent for key, absent in self._absent.items() if key[0] >= day - 2}
        for number in range(self._site.staff):
            member = members[number]
            if member.returns_day is not None and day < member.returns_day:
                continue
            if chances[number, 0] < conduct.absent_share:
                self._absent.setdefault((day, member.team), []).append(number)
                continue
            shift = self._plant.shifts[member.shift]
            wanted_s = max(0.0, day * DAY_S + shift.from_h * 3600 - max(60.0, early_s[number]))
            way = _Way(number, Direction.IN, day, wanted_s - self._plant.climate.warm_passage_min * 60)
            way = way._replace(breach=bool(chances[number, 1] < conduct.breach_share))
            self._queues.push(wanted_s, member.gate, PERSON_LANE, way)
        self._visitors(draw, day)

    def _visitors(self, draw: np.random.Generator, day: int) -> None:
        visitors = range(self._site.staff, len(self._site.members))
        for number in sorted(draw.permutation(len(visitors))[: self._plant.visitors_per_day].tolist()):
            wanted_s = day * DAY_S + float(draw.uniform(9, 15)) * 3600
            inside_s = wanted_s - self._plant.climate.warm_passage_min * 60
            host, purpose = int(draw.integers(self._site.staff)), str(draw.choice(_PURPOSES))
            way = _Way(visitors[number], Direction.IN, day, inside_s, host=host, purpose=purpose)
            self._queues.push(wanted_s, self._site.members[visitors[number]].gate, PERSON_LANE, way)

    def _stays_away(self, turn: Served[_Way]) -> bool:
        """Those in isolation mostly do; and nobody leaves who was isolated within."""
        way = turn.what
        if not self._is_isolated(way.number, turn.at_s):
            return False
        return way.direction is Direction.OUT or not way.breach

    def _is_isolated(self, number: int, at_s: float) -> bool:
        return at_s < self._isolated_until_s.get(number, -1.0)

    # -- at the lane -------------------------------------------------------------------------------------------------

    def _pass(self, draw: np.random.Generator, turn: Served[_Way], passage: str) -> Iterator[Truth]:
        way = turn.what
        truth = self._truth(draw, turn, passage)
        yield truth
        duty = self._duty(way)
        if duty is not None and not self._is_isolated(way.number, turn.at_s):
            self._rolls.there(duty, truth.seen and truth.facts.measured)
        if Reason.FEVER in truth.reasons:
            yield from self._by_hand(draw, turn, truth, 180.0)
        elif truth.refusal is Refusal.NO_CAMERA and truth.outcome is Outcome.REMEASURE:
            yield from self._by_hand(draw, turn, truth, 60.0)
        elif truth.outcome is Outcome.ALLOW:
            self._passed(draw, turn)
        elif self._comes_again(truth) and way.tries < _MAX_TRIES:
            again = way._replace(tries=way.tries + 1)
            self._queues.push(turn.at_s + float(draw.uniform(*AGAIN_S)), turn.gate, turn.lane, again)

    @staticmethod
    def _comes_again(truth: PersonTruth) -> bool:
        """Whoever can do it better; not who is unknown or ought to be in isolation."""
        return not {Reason.UNKNOWN_BADGE, Reason.IN_ISOLATION} & set(truth.reasons)

    def _truth(self, draw: np.random.Generator, turn: Served[_Way], passage: str) -> PersonTruth:
        site, way, at_s = self._site, turn.what, turn.at_s
        person, member = site.people[way.number], site.members[way.number]
        eats = self._kind(turn) is Kind.CANTEEN
        conduct = self._misconduct(float(draw.random()), turn)
        shown = self._shown(draw, turn, conduct)
        body_c = self._epidemic.body_c(way.number, at_s)
        air_c, deficit_k, minutes = self._cold(turn)
        refusal = self._refusal(turn, conduct, deficit_k)
        seen = conduct is not Misconduct.SKIPPED_SECOND
        facts = PersonFacts(
            feverish=is_fever(body_c),
            measured=refusal is None and seen,
            badge_shown=shown is not None,
            registered=shown is not None and site.members[shown].registered,
            isolated=shown is not None and self._is_isolated(shown, at_s),
            alone=conduct is not Misconduct.TAILGATING,
            right_way=conduct is not Misconduct.WRONG_WAY,
            badge_inside=conduct is Misconduct.PASSED_BACK,
        )
        ought = person_ought(facts)
        did = [] if conduct is None else [conduct]
        if way.strays:
            did.append(Misconduct.OUT_OF_SLOT)
        if way.breach and self._is_isolated(way.number, at_s):
            did.append(Misconduct.BREACH)
        followers = self._teammates(way.number) if conduct is Misconduct.TAILGATING else []
        return PersonTruth(
            time_ns=self._ns(at_s),
            site=site.name,
            gate=self._checkpoints[turn.gate].gate,
            lane=turn.lane,
            place=self._checkpoints[turn.gate].place,
            slot=member.slot if eats else "",
            in_slot=not eats or self._tables.is_in_slot(way.day, member.shift, member.seat, at_s),
            passage=passage,
            direction=way.direction,
            person=member.badge,
            badge=None if shown is None else site.members[shown].badge,
            misconduct=tuple(did),
            follower=followers[0] if followers else None,
            host=None if way.host is None else site.members[way.host].badge,
            purpose=way.purpose,
            seen=seen,
            air_c=round(air_c, 1),
            minutes_inside=round(minutes, 1),
            body_c=body_c,
            skin_c=round(person.skin_c + SKIN_SLOPE * (body_c - person.body_c) - deficit_k, 3),
            facts=facts,
            refusal=refusal,
            outcome=ought.outcome if seen else Outcome.ALLOW,
            reasons=tuple(sorted(ought.reasons)) if seen else (),
            warn=tuple(sorted(ought.warn)) if seen else (),
        )

    def _misconduct(self, chance: float, turn: Served[_Way]) -> Misconduct | None:
        """What somebody does wrong, if anything; never twice in a row."""
        way, conduct = turn.what, self._plant.conduct
        if way.tries:
            return None
        comes, kind_of = way.direction is Direction.IN, self._kind(turn)
        at_gate, by_another_way = kind_of is Kind.ENTRANCE, (Kind.OFFICE if comes else Kind.ENTRANCE)
        for share, kind, possible in (
            (conduct.forgotten_badge_share, Misconduct.FORGOTTEN_BADGE, True),
            (conduct.tailgating_share, Misconduct.TAILGATING, bool(self._teammates(way.number))),
            (conduct.wrong_way_share, Misconduct.WRONG_WAY, True),
            (conduct.past_camera_share, Misconduct.PAST_CAMERA, True),
            (conduct.lent_badge_share, Misconduct.LENT_BADGE, comes and at_gate and bool(self._lenders(way))),
            (conduct.passed_back_share, Misconduct.PASSED_BACK, comes and at_gate and self._may_get(turn)),
            (conduct.skipped_second_share, Misconduct.SKIPPED_SECOND, kind_of is by_another_way),
        ):
            if chance < share:
                return kind if possible else None
            chance -= share
        return None

    def _teammates(self, number: int) -> list[str]:
        team, size = self._site.members[number].team, self._plant.team_size
        if number >= self._site.staff:
            return []
        of_team = range(team * size, min((team + 1) * size, self._site.staff))
        return [self._site.members[other].badge for other in of_team if other != number][:1]

    def _lenders(self, way: _Way) -> list[int]:
        return self._absent.get((way.day, self._site.members[way.number].team), [])

    def _may_get(self, turn: Served[_Way]) -> bool:
        last = self._last_in.get(turn.gate)
        return last is not None and last in self._inside and last != turn.what.number

    def _shown(self, draw: np.random.Generator, turn: Served[_Way], conduct: Misconduct | None) -> int | None:
        """Whose badge is shown, if any is."""
        number = turn.what.number
        if conduct is Misconduct.FORGOTTEN_BADGE or conduct is Misconduct.SKIPPED_SECOND:
            return None
        if self._breakdowns.at(Breakdown.READER, turn.gate, turn.at_s):
            return None
        if conduct is Misconduct.PASSED_BACK:
            return self._last_in[turn.gate]
        if conduct is Misconduct.LENT_BADGE:
            lenders = self._lenders(turn.what)
            self._borrowed[number] = lenders[int(draw.integers(len(lenders)))]
        return self._borrowed.get(number, number)

    def _cold(self, turn: Served[_Way]) -> tuple[float, float, float]:
        """The air outside in °C, how much too cold the face is in K, and minutes since somebody came in."""
        way = turn.what
        day = int(turn.at_s // DAY_S)
        weather = outside(self._plant.climate, self._site.seed, self._plant.date(day), turn.at_s / 3600 % 24)
        minutes = max(0.0, (turn.at_s - way.inside_s) / 60)
        if way.direction is Direction.OUT or minutes > 60:
            return weather.air_c, 0.0, minutes
        walk = _SHORT_WALK_SHARE if self._site.members[way.number].dormitory else 1.0
        return weather.air_c, walk * face_deficit_k(weather, minutes), minutes

    def _refusal(self, turn: Served[_Way], conduct: Misconduct | None, deficit_k: float) -> Refusal | None:
        """Why no temperature is given, if none is."""
        if self._breakdowns.at(Breakdown.CAMERA, turn.gate, turn.at_s):
            return Refusal.NO_CAMERA
        if conduct is Misconduct.PAST_CAMERA:
            return Refusal.NO_FACE
        return Refusal.TOO_COLD if deficit_k > TOO_COLD_K else None

    # -- what comes of it --------------------------------------------------------------------------------------------

    def _by_hand(
        self, draw: np.random.Generator, turn: Served[_Way], truth: PersonTruth, after_s: float
    ) -> Iterator[Truth]:
        """A guard measures somebody; who has a fever is isolated, others may go on."""
        at_s = turn.at_s + after_s * float(draw.uniform(1, 3))
        number = turn.what.number
        body_c = self._epidemic.body_c(number, at_s)
        yield SecondaryTruth(
            time_ns=self._ns(at_s),
            site=self._site.name,
            gate=truth.gate,
            lane=truth.lane,
            passage=truth.passage,
            person=truth.person,
            badge=truth.badge,
            body_c=body_c,
            fever=is_fever(body_c),
        )
        if (duty := self._duty(turn.what)) is not None:
            self._rolls.again(duty)
        if is_fever(body_c):
            yield self._isolate(number, at_s, IsolationCause.FEVER)
        else:
            self._passed(draw, turn._replace(at_s=at_s))

    def _isolate(self, number: int, at_s: float, cause: IsolationCause) -> IsolationTruth:
        until_s = at_s + ISOLATION_DAYS * DAY_S
        self._isolated_until_s[number] = until_s
        self._inside.discard(self._borrowed.pop(number, number))
        return IsolationTruth(
            time_ns=self._ns(at_s),
            site=self._site.name,
            person=self._site.members[number].badge,
            cause=cause,
            until_ns=self._ns(until_s),
        )

    def _passed(self, draw: np.random.Generator, turn: Served[_Way]) -> None:
        """Somebody went through a lane; where they go next."""
        way, member = turn.what, self._site.members[turn.what.number]
        kind = self._kind(turn)
        if kind is Kind.CANTEEN:
            self._crowds.came(turn.gate - self._plant.canteen(0), turn.at_s)
        if kind is not Kind.ENTRANCE:
            return
        if way.direction is Direction.OUT:
            self._inside.discard(self._borrowed.pop(way.number, way.number))
            return
        shown = self._borrowed.get(way.number, way.number)
        self._inside.add(shown)
        self._last_in[turn.gate] = shown
        if way.number >= self._site.staff:
            home_s = turn.at_s + float(draw.uniform(1, 3)) * 3600
        else:
            shift = self._plant.shifts[member.shift]
            over_s = way.day * DAY_S + (shift.from_h + shift.hours) * 3600
            home_s = max(turn.at_s + 3600, over_s + abs(float(draw.normal(300, 400))))
        leaves = way._replace(direction=Direction.OUT, tries=0)
        self._queues.push(home_s, turn.gate, PERSON_LANE, leaves)
        if member.office:
            office = self._plant.office(turn.gate % self._plant.offices)
            self._queues.push(turn.at_s + float(draw.uniform(120, 420)), office, PERSON_LANE, way._replace(tries=0))
            self._queues.push(home_s - 240, office, PERSON_LANE, leaves)
        if member.slot:
            self._to_table(draw, turn, home_s)

    def _to_table(self, draw: np.random.Generator, turn: Served[_Way], home_s: float) -> None:
        """Who eats in the canteen goes there."""
        way, member = turn.what, self._site.members[turn.what.number]
        meal = self._tables.meal(draw, way.day, member.shift, member.seat)
        if meal is not None and turn.at_s + 300 < meal.wanted_s < home_s:
            at_table = way._replace(tries=0, strays=meal.strays)
            self._queues.push(meal.wanted_s, self._plant.canteen(member.seat.canteen), PERSON_LANE, at_table)

    def _kind(self, turn: Served[_Way]) -> Kind:
        return self._checkpoints[turn.gate].kind

    def _crowded(self, until_s: float) -> Iterator[CrowdTruth]:
        for served in self._crowds.until(until_s):
            door = self._checkpoints[self._plant.canteen(served.canteen)]
            yield CrowdTruth(
                time_ns=self._ns(served.at_s),
                site=self._site.name,
                place=door.gate,
                crowded=served.crowded,
                people=served.people,
                seats=self._plant.canteen_seats,
            )

    # -- duty --------------------------------------------------------------------------------------------------------

    def _duty(self, way: _Way) -> Duty | None:
        """Whose duty on which day and shift; visitors have none."""
        number = way.number
        return None if number >= self._site.staff else Duty(way.day, self._site.members[number].shift, number)

    def _ns(self, at_s: float) -> int:
        return self._begins_ns + int(at_s * 1e6) * 1000
