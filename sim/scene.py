"""Who is where at a lane at which moment: a pure schedule from a seed, in seconds since the scene began."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from sim.frames import Pose, Posed, plain_looks
from sim.looks import Looks
from sim.people import SimPerson, SimVehicle, population, stream, vehicles

APPROACH_S, STAND_S, LEAVE_S = 1.2, 2.2, 0.8
BREAK_S = 1.6
"""Between two people, at least: longer than the screening needs to forget the one before."""
FORGOTTEN_BADGE_SHARE = 0.02
REPEATED_READ_SHARE = 0.3


class Visit(Struct, frozen=True, kw_only=True):
    """One person at a lane. `badge` is the number that is read at `badge_s`, None when no badge is shown.

    `past_camera`: goes by outside of the picture; `follower` comes in at the heels.
    """

    begin_s: float
    person: SimPerson
    badge: str | None = None
    badge_s: float = 0.0
    repeats: bool = False
    past_camera: bool = False
    follower: SimPerson | None = None

    def posed(self, at_s: float) -> list[Posed]:
        """Who is in the picture at a moment, and where."""
        if self.past_camera or not self.begin_s <= at_s < self.end_s:
            return []
        own = self.pose(at_s)
        found = [Posed(looks(self.person), _at_height(own, self.person))]
        if self.follower is not None:
            behind = Pose(own.x + 0.24, own.y - 0.03, own.size * 0.8)
            found.append(Posed(looks(self.follower), _at_height(behind, self.follower)))
        return found

    @property
    def end_s(self) -> float:
        return self.begin_s + APPROACH_S + STAND_S + LEAVE_S

    def pose(self, at_s: float) -> Pose:
        """Where the head is: coming nearer, standing with a little sway, going out of the picture to the side."""
        t_s = at_s - self.begin_s
        if t_s < APPROACH_S:
            done = t_s / APPROACH_S
            return Pose(0.42 + 0.06 * done, 0.46 - 0.05 * done, 0.55 + 0.45 * done)
        if t_s < APPROACH_S + STAND_S:
            sway = ((t_s * 0.9) % 1.0 - 0.5) * 0.02
            return Pose(0.48 + sway, 0.41, 1.0)
        done = (t_s - APPROACH_S - STAND_S) / LEAVE_S
        return Pose(0.48 - 0.9 * done, 0.41 - 0.02 * done, 1.0 + 0.05 * done)


def looks(person: SimPerson) -> Looks:
    """How somebody looks to a thermal camera, with what is worn."""
    return replace(
        plain_looks(person),
        mask=person.mask,
        hat=person.hat,
        beard=person.beard,
        cosmetics=person.cosmetics,
        hot_drink=person.hot_drink,
    )


def _at_height(pose: Pose, person: SimPerson) -> Pose:
    """The camera hangs at the height of most; the short and the tall stoop or stretch, or step nearer, half of it."""
    return pose._replace(y=min(0.6, max(0.24, pose.y - 0.7 * (person.height_m - 1.65))))


class Drive(Struct, frozen=True):
    """One vehicle at a lane; `plate` None when the camera could not read it."""

    at_s: float
    vehicle: SimVehicle
    plate: str | None
    confidence: float


def visits(seed: int, people: int, rate_per_min: float, fever_share: float) -> Iterator[Visit]:
    """People one after the other, for ever: Poisson arrivals that wait for their turn.

    Who has a fever is drawn at each visit, so that a share of visits is feverish whatever the plant's size.
    """
    crowd = population(seed, people)
    feverish = population(seed, people, fever_share=1.0)
    draw = stream(seed, "visits")
    free_s = 0.0
    arrival_s = 1.0
    while True:
        number = int(draw.integers(len(crowd)))
        person = feverish[number] if draw.random() < fever_share else crowd[number]
        begin_s = max(arrival_s, free_s)
        badge_s = begin_s + APPROACH_S + draw.uniform(0.2, 1.6)
        forgotten = draw.random() < FORGOTTEN_BADGE_SHARE
        yield Visit(
            begin_s=begin_s,
            person=person,
            badge=None if forgotten else person.badge,
            badge_s=badge_s,
            repeats=bool(draw.random() < REPEATED_READ_SHARE),
        )
        free_s = begin_s + APPROACH_S + STAND_S + LEAVE_S + BREAK_S
        arrival_s += float(draw.exponential(60.0 / rate_per_min))


def drives(seed: int, count: int, rate_per_min: float, unread_share: float) -> Iterator[Drive]:
    """Vehicles one after the other, for ever."""
    fleet = vehicles(seed, count)
    draw = stream(seed, "drives")
    at_s = 2.0
    while True:
        vehicle = fleet[int(draw.integers(len(fleet)))]
        unread = draw.random() < unread_share
        yield Drive(at_s, vehicle, None if unread else vehicle.plate, float(draw.uniform(0.3 if unread else 0.9, 1.0)))
        at_s += float(draw.exponential(60.0 / rate_per_min)) + 2.0
