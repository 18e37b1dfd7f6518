"""What can be wrong with people, and the kinds of situations that are made of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

from msgspec.structs import replace as changed

from edge.rules import PersonEffects, PolicySettings
from sim.lanes import vehicles
from sim.lanes.people import Crowd, Person
from sim.lanes.situation import GATE, ZERO_NS, DeviceWord, Expected, LaneFacts, Overridden, Situation, Told, What
from sim.orders import PersonFacts, SiteFacts
from wire.events import Direction, Outcome
from wire.registry import Flag, Holder, Hours, RegistryEntry
from wire.sightings import Sighting

OTHER_GATE, WALK_S = "south", 240.0
H = 3600 * 10**9
_FINE = PersonFacts(feverish=False, measured=True, badge_shown=True, registered=True, isolated=False)
_NOW = datetime.fromtimestamp(ZERO_NS // 10**9, timezone(timedelta(hours=8)))


@dataclass
class Scene:
    """One situation in the making."""

    draw: random.Random
    policy: PolicySettings
    lane: LaneFacts
    crowd: Crowd
    entries: list[RegistryEntry] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    age_s: float = 60.0

    def person(self, **entry: object) -> Person:
        """Somebody registered, with nothing wrong; `entry` changes what is registered."""
        token = f"person-{len(self.entries):04d}"
        known = RegistryEntry(token, Holder.EMPLOYEE, declared_until_ns=ZERO_NS + H)
        self.entries.append(changed(known, **entry))
        return Person(token, changed(_FINE, leaves=self.lane.direction is Direction.OUT))

    def visitor(self, **entry: object) -> Person:
        announced = {"until_ns": ZERO_NS + H, "reason_stated": True, "hosted": True}
        return self.person(holder=Holder.VISITOR, **{**announced, **entry})

    def seen(self, token: str, ago_s: float, gate: str = GATE, lane: str = "other", *, way: Direction) -> None:
        at_ns = ZERO_NS - int(ago_s * 1e9)
        self.sightings.append(Sighting(token, gate, lane, way, at_ns, entered=True))


def _with(person: Person, **facts: bool) -> Person:
    return replace(person, facts=changed(person.facts, **facts))


def _unknown(scene: Scene) -> Person:
    person = scene.person()
    scene.entries[-1] = RegistryEntry(f"nobody-{len(scene.entries):04d}", Holder.EMPLOYEE)
    return _with(person, registered=False)


def _elsewhere(scene: Scene) -> Person:
    person = scene.person()
    ago_s = scene.draw.choice([scene.draw.uniform(1, 150), scene.draw.uniform(400, 4000)])
    assert person.token is not None
    scene.seen(person.token, ago_s, OTHER_GATE, "people", way=Direction.OUT)
    return _with(person, elsewhere=ago_s < 200)


VARIANTS: dict[str, Callable[[Scene], Person]] = {
    "normal": lambda scene: scene.person(),
    "fever": lambda scene: _with(scene.person(), feverish=True),
    "turned-away": lambda scene: _with(scene.person(), measured=False),
    "past-camera": lambda scene: replace(scene.person(), face=False),
    "forgotten-badge": lambda scene: replace(scene.person(), token=None),
    "forgotten-badge-fever": lambda scene: replace(_with(scene.person(), feverish=True), token=None),
    "unknown-badge": _unknown,
    "isolated": lambda scene: _with(scene.person(flags=(Flag.ISOLATION,)), isolated=True),
    "quarantined": lambda scene: _with(scene.person(flags=(Flag.QUARANTINE, Flag.RETURNEE)), quarantined=True),
    "listed-area": lambda scene: _with(scene.person(flags=(Flag.LISTED_AREA,)), listed_area=True),
    "visitor": lambda scene: scene.visitor(),
    "visitor-over": lambda scene: _with(scene.visitor(until_ns=ZERO_NS), valid=False),
    "visitor-too-early": lambda scene: _with(scene.visitor(from_ns=ZERO_NS + H), valid=False),
    "visitor-open-end": lambda scene: _with(scene.visitor(until_ns=None), valid=False),
    "visitor-no-reason": lambda scene: _with(scene.visitor(reason_stated=False), accounted=False),
    "visitor-no-host": lambda scene: _with(scene.visitor(hosted=False), hosted=False),
    "other-gate": lambda scene: _with(scene.person(gates=(OTHER_GATE,)), here=False),
    "this-gate": lambda scene: scene.person(gates=(OTHER_GATE, GATE)),
    "other-hour": lambda scene: _with(scene.person(hours=(Hours(10 * 60, 18 * 60),)), in_time=False),
    "other-day": lambda scene: _with(scene.person(hours=(Hours(0, 1440, (2, 6)),)), in_time=False),
    "night-shift": lambda scene: scene.person(hours=(Hours(22 * 60, 10 * 60, (7,)),)),
    "no-mask": lambda scene: _with(scene.person(), masked=False),
    "undeclared": lambda scene: _with(scene.person(declared_until_ns=ZERO_NS), declared=False),
    "declared-ill": lambda scene: _with(scene.person(flags=(Flag.DECLARED_ILL,)), declared_ill=True),
    "two-gates": _elsewhere,
}
"""One thing wrong with somebody, or one that looks so."""


def _several(scene: Scene) -> None:
    """A few people in a row, anything wrong with any of them."""
    scene.crowd.hurry = scene.draw.random() < 0.7
    for _ in range(scene.draw.randint(3, 6)):
        scene.crowd.come(VARIANTS[scene.draw.choice(list(VARIANTS))](scene))


def _one(name: str) -> Callable[[Scene], None]:
    def make(scene: Scene) -> None:
        people = ["normal"] * scene.draw.randint(0, 2) + [name] + ["normal"] * scene.draw.randint(0, 1)
        for variant in people:
            scene.crowd.come(VARIANTS[variant](scene))

    return make


def _passed_back(scene: Scene) -> None:
    """A badge again, by somebody else: after its holder, after an exit, or after a long time."""
    scene.policy = changed(scene.policy, antipassback="hard")
    first = scene.person()
    assert first.token is not None
    how = scene.draw.choice(["again", "out", "memory", "forgotten"])
    inside = False
    if how in ("memory", "forgotten"):
        scene.seen(
            first.token, scene.draw.uniform(1, 13) * 3600 + (54_000 if how == "forgotten" else 0), way=Direction.IN
        )
        inside = how == "memory"
    elif how == "out":
        scene.seen(first.token, 7200, way=Direction.IN)
        scene.seen(first.token, 3600, way=Direction.OUT)
    else:
        inside = scene.crowd.come(first) and scene.lane.direction is Direction.IN
    scene.crowd.now_s += 3.0
    scene.crowd.come(_with(first, badge_inside=inside and scene.lane.direction is Direction.IN))


def _two_faces(scene: Scene) -> None:
    scene.crowd.come(scene.person())
    scene.crowd.together(scene.person())
    scene.crowd.come(scene.person())


def _heels(scene: Scene) -> None:
    """Somebody without a badge behind somebody with one."""
    scene.crowd.noise = False
    scene.crowd.come(scene.person())
    scene.crowd.come(replace(scene.person(), token=None))


def _second_body(scene: Scene) -> None:
    _count(scene, noise=False)
    scene.crowd.come(scene.person())
    scene.crowd.slip()
    scene.crowd.now_s += 10.0
    scene.crowd.come(scene.person())


def _unscreened(scene: Scene) -> None:
    _count(scene)
    scene.crowd.come(scene.person())
    scene.crowd.now_s += 1.0
    scene.crowd.slip()
    scene.crowd.come(scene.person())


def _wrong_way(scene: Scene) -> None:
    _count(scene)
    scene.crowd.come(scene.person())
    scene.crowd.wrong_way()
    scene.crowd.come(scene.person())


def _enters_refused(scene: Scene) -> None:
    _count(scene)
    scene.crowd.come(scene.person())
    name = scene.draw.choice(["fever", "isolated", "past-camera", "forgotten-badge", "unknown-badge", "turned-away"])
    scene.crowd.come(replace(VARIANTS[name](scene), goes=True))


def _count(scene: Scene, *, noise: bool = True) -> None:
    scene.lane = changed(scene.lane, counts=True)
    scene.crowd.counts, scene.crowd.noise = True, scene.crowd.noise and noise


def _camera_gone(scene: Scene) -> None:
    """The camera is unplugged: a guard measures everybody."""
    scene.crowd.camera = scene.crowd.noise = False
    scene.crowd.told.append(Told(0.5, DeviceWord("camera", works=False)))
    for body_c in (36.6, 37.8):
        person = scene.person()
        scene.crowd.come(replace(_with(person, feverish=body_c > 37.3), body_c=body_c))
    scene.crowd.told.append(Told(scene.crowd.now_s + 1, DeviceWord("camera", works=True)))
    scene.crowd.camera = True
    scene.crowd.now_s += 45.0  # a gate looks for a device that is gone every half minute
    scene.crowd.come(scene.person())


def _reader_gone(scene: Scene) -> None:
    scene.crowd.reader = scene.crowd.noise = False
    scene.crowd.told.append(Told(0.5, DeviceWord("badge", works=False)))
    scene.crowd.come(replace(scene.person(), body_c=36.5))
    scene.crowd.come(replace(VARIANTS["isolated"](scene), body_c=36.5))


def _fail_safe(scene: Scene) -> None:
    """The camera is unplugged at a lane that the site wants open then."""
    scene.lane = changed(scene.lane, fail_safe=True)
    scene.crowd.camera = scene.crowd.noise = False
    scene.crowd.told.append(Told(0.5, DeviceWord("camera", works=False)))
    for name in ("normal", "isolated", "unknown-badge"):
        scene.crowd.come(_with(VARIANTS[name](scene), excused=True))


def _old_registry(scene: Scene) -> None:
    old = scene.draw.random() < 0.5
    scene.policy = changed(scene.policy, registry_max_age_h=1.0, person=PersonEffects(registry_old="remeasure"))
    scene.age_s = scene.draw.uniform(4000, 90_000) if old else scene.draw.uniform(0, 3000)
    scene.crowd.site = changed(scene.crowd.site, stale=old)
    for name in ("normal", "fever", "normal"):
        scene.crowd.come(VARIANTS[name](scene))


def _not_resumed(scene: Scene) -> None:
    scene.policy = changed(scene.policy, resumes=_NOW + timedelta(days=1))
    scene.crowd.come(_with(scene.person(), open_to=False))
    scene.crowd.come(scene.person(flags=(Flag.EXEMPT,)))


def _resumed(scene: Scene) -> None:
    scene.policy = changed(scene.policy, resumes=_NOW - timedelta(seconds=1))
    scene.crowd.come(scene.person())


def _override(scene: Scene) -> None:
    """A guard lets in whom the lane refused, by name."""
    scene.crowd.noise = False
    crowd = scene.crowd
    person = _unknown(scene)
    crowd.come(person)
    assert person.token is not None
    at_s = crowd.now_s + 4.0
    crowd.told.append(Told(at_s, Overridden(person.token)))
    crowd.expected.append(Expected(What.OVERRIDE, at_s, Outcome.ALLOW, frozenset()))
    if crowd.counts:
        crowd.enters(at_s + 2.0)
    crowd.now_s = at_s + 10.0
    crowd.come(scene.person())


KINDS: dict[str, Callable[[Scene], None]] = {
    **{name: _one(name) for name in VARIANTS},
    "crowd": _several,
    "passed-back": _passed_back,
    "two-faces": _two_faces,
    "at-the-heels": _heels,
    "second-body": _second_body,
    "unscreened": _unscreened,
    "wrong-way": _wrong_way,
    "enters-refused": _enters_refused,
    "camera-gone": _camera_gone,
    "reader-gone": _reader_gone,
    "fail-safe": _fail_safe,
    "old-registry": _old_registry,
    "not-resumed": _not_resumed,
    "resumed": _resumed,
    "override": _override,
}
ALL_KINDS = (*KINDS, *vehicles.KINDS, "crowd", "crowd", "crowd")
"""In turn; rows of people come more often."""


def situation(seed: int, number: int) -> Situation:
    """The situation of that number: the same at each call."""
    draw = random.Random(f"lanes/{seed}/{number}")
    kind = ALL_KINDS[number % len(ALL_KINDS)]
    if kind in vehicles.KINDS:
        return vehicles.situation(draw, number, kind)
    policy = PolicySettings(
        isolation_place=draw.random() < 0.5,
        mask_required=draw.random() < 0.7,
        declaration_required=draw.random() < 0.5,
        walk_s={OTHER_GATE: WALK_S},
    )
    way = Direction.OUT if draw.random() < 0.2 else Direction.IN
    lane = LaneFacts(direction=way, counts=draw.random() < 0.4)
    site = SiteFacts(policy.isolation_place, policy.mask_required, policy.declaration_required)
    scene = Scene(draw, policy, lane, Crowd(draw, site, way, counts=lane.counts))
    KINDS[kind](scene)
    crowd = scene.crowd
    return Situation(
        number,
        kind,
        scene.lane,
        scene.policy,
        tuple(scene.entries),
        tuple(scene.sightings),
        scene.age_s,
        tuple(sorted(crowd.told, key=lambda told: told.at_s)),
        tuple(crowd.expected),
        crowd.faces,
    )
