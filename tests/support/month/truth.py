"""What is true of a day of the month, by the order and the simulator's records; nothing of it comes from the hub."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from sim.plant import ZONE
from sim.roster import ISOLATION_DAYS, Member, Site
from sim.truth import CrowdTruth, DeviceTruth, DisinfectionTruth, PersonTruth, SecondaryTruth, Truth, VehicleTruth
from tests.support.month.script import HOSPITAL, Evening, Script, Standing, told_of
from wire.events import Direction, Guest, Outcome, Reason, Registration

HOUR_NS = 3600 * 10**9
AROUND_NS = 3 * HOUR_NS
"""So long before and after a shift a measurement counts for it."""
_WENT = frozenset({Reason.TAILGATING, Reason.UNSCREENED_ENTRY, Reason.ENTERED_REFUSED})
Counts = dict[str, int]


class DayTruth(NamedTuple):
    """One day. Groups by name; `measured` is how often each person on duty was, by badge."""

    day: date
    measured: dict[str, int]
    off: set[str]
    teams: dict[str, Counter[str]]
    declared_of_teams: dict[str, Counter[str]]
    health: Counts
    returnees: Counts
    visitors: Counts
    vehicles: Counts
    gates: Counts
    meals: Counts
    rounds: dict[str, Counter[str]]
    alerts: Counter[str]
    evening: Evening
    isolated: list[Standing]
    """As it is known in the end."""


class Month:
    """Everything that is true of a site's days."""

    def __init__(self, site: Site, script: Script) -> None:
        self.site, self.script = site, script
        self.truths: list[Truth] = []
        self.registered: list[Registration] = []
        self._staff = {member.badge: member for member in script.staff}

    def numbers(self) -> dict[str, str]:
        """The number of everybody in the register, by badge (`tests.support.plants.register`)."""
        return {member.badge: f"{number:05d}" for number, member in enumerate(self.site.members[: self.site.staff])}

    def of(self, day: date) -> DayTruth:
        """One day, as everybody knows it in the end."""
        from_ns, until_ns = span_of(day)
        today = [truth for truth in self.truths if from_ns <= truth.time_ns < until_ns]
        evening, isolated = self.script.evenings[day], self.script.isolated_on(day)
        off = {one.badge for one in isolated}
        measured = self._measured(day, off)
        people = [truth for truth in today if isinstance(truth, PersonTruth) and truth.seen]
        return DayTruth(
            day, measured, off, self._teams(measured, off, evening, today), self._declared(evening),
            self._health(today, evening, isolated), self._returnees(day),
            self._visitors(people, evening, from_ns, until_ns),
            self._vehicles(today, from_ns, until_ns), _gates(people, today), self._meals(today, from_ns, until_ns),
            _rounds(self.truths, from_ns, until_ns), _alerts(today), evening, isolated,
        )  # fmt: skip

    def measurements(self, day: date) -> Counter[str]:
        """How often each badge was measured within a day, whosever it is."""
        from_ns, until_ns = span_of(day)
        today = (truth for truth in self.truths if from_ns <= truth.time_ns < until_ns)
        return Counter(badge for truth in today if (badge := _measured_badge(truth)) is not None)

    def meals(self, day: date) -> Counter[str]:
        """How often each badge came to a canteen on a day; "" for who had none."""
        from_ns, until_ns = span_of(day)
        return Counter(truth.badge or "" for at_ns, truth in _came(self.truths) if from_ns <= at_ns < until_ns)

    # -- people ------------------------------------------------------------------------------------------------------

    def _measured(self, day: date, off: set[str]) -> dict[str, int]:
        """双测: of everybody on duty how often, at the gates or on paper."""
        found = {badge: self.script.paper.get(day, []).count(badge) for badge in self._staff if badge not in off}
        for truth in self.truths:
            badge = _measured_badge(truth)
            if badge in found:
                from_ns, until_ns = self._shift(self._staff[badge], day)
                found[badge] += from_ns - AROUND_NS <= truth.time_ns < until_ns + AROUND_NS
        return found

    def _shift(self, member: Member, day: date) -> tuple[int, int]:
        shift, (from_ns, _) = self.site.plant.shifts[member.shift], span_of(day)
        begins_ns = from_ns + round(shift.from_h * HOUR_NS)
        return begins_ns, begins_ns + round(shift.hours * HOUR_NS)

    def _teams(
        self, measured: dict[str, int], off: set[str], evening: Evening, today: list[Truth]
    ) -> dict[str, Counter[str]]:
        feverish = self._feverish(today, {"fever", "confirmed"})
        found: dict[str, Counter[str]] = {}
        for badge, member in self._staff.items():
            counts = found.setdefault(team_of(member), Counter())
            counts["registered"] += 1
            if badge in off:
                counts["isolated"] += 1
            else:
                counts.update(["on_duty", ("never", "once", "twice")[min(measured[badge], 2)]])
            counts["feverish"] += badge in feverish
            counts["declared"] += badge in evening.declared
            counts["concerned"] += evening.declared.get(badge) in {"call", "ill"}
        return found

    def _declared(self, evening: Evening) -> dict[str, Counter[str]]:
        """Who was asked: everybody who was not isolated, as far as anybody knew that evening."""
        off = {one.badge for one in evening.isolated}
        found: dict[str, Counter[str]] = {}
        for badge, member in self._staff.items():
            if badge not in off:
                counts = found.setdefault(team_of(member), Counter())
                counts.update(["due"], declared=badge in evening.declared)
        return found

    def _feverish(self, today: Iterable[Truth], kinds: set[str]) -> set[str]:
        return {told.badge for told in told_of(today) if told.kind in kinds and told.badge in self._staff}

    def _health(self, today: list[Truth], evening: Evening, open_: list[Standing]) -> Counts:
        told = told_of(today)
        concerns = Counter(evening.declared.values())
        return {
            "feverish": len(self._feverish(today, {"fever", "confirmed"})),
            "feverish_unnamed": sum(one.kind == "fever" and one.badge not in self._staff for one in told),
            "confirmed": len(self._feverish(today, {"confirmed"})),
            "isolated": len(open_),
            "suspected": 0,
            "in_hospital": sum(one.where == HOSPITAL for one in open_),
            "opened": evening.opened,
            "ended": evening.ended,
            "unreported": sum(not one.reported for one in open_),
            "not_in_grid": sum(not one.in_grid for one in open_),
            "without_place": sum(not one.where for one in open_),
            "declared": len(evening.declared),
            **{f"declared_{concern}": concerns[concern] for concern in ("note", "call", "ill")},
        }

    def _returnees(self, day: date) -> Counts:
        back = [self.site.plant.date(m.returns_day) for m in self.script.staff if m.returns_day is not None]
        here = [one for one in back if one <= day]
        return {
            "registered": len(here),
            "observed": sum(day < one + timedelta(days=ISOLATION_DAYS) for one in here),
            "listed": 0,
            "returned": sum(one == day for one in here),
        }

    def _visitors(self, people: list[PersonTruth], evening: Evening, from_ns: int, until_ns: int) -> Counts:
        return {
            "announced": evening.announced,
            "registered": self._walk_ins(Guest.VISITOR, from_ns, until_ns),
            "unaccounted": _reasons(people, Reason.NO_STATED_REASON, Reason.NO_HOST),
            "unknown": _reasons(people, Reason.NO_BADGE, Reason.UNKNOWN_BADGE),
        }

    def _walk_ins(self, guest: Guest, from_ns: int, until_ns: int) -> int:
        return sum(one.guest is guest and from_ns <= one.time_ns < until_ns for one in self.registered)

    # -- vehicles, meals ---------------------------------------------------------------------------------------------

    def _vehicles(self, today: list[Truth], from_ns: int, until_ns: int) -> Counts:
        vehicles = [truth for truth in today if isinstance(truth, VehicleTruth)]
        done = [truth for truth in today if isinstance(truth, DisinfectionTruth) and truth.done and truth.vehicle]
        return {
            "passages": len(vehicles),
            "allowed": sum(truth.outcome is Outcome.ALLOW for truth in vehicles),
            "denied": sum(truth.outcome is Outcome.DENY for truth in vehicles),
            "registered": self._walk_ins(Guest.VEHICLE, from_ns, until_ns),
            "unregistered": _reasons(vehicles, Reason.VEHICLE_UNREGISTERED),
            "undisinfected": _reasons(vehicles, Reason.NOT_DISINFECTED),
            "disinfected": len(done),
        }

    def _meals(self, today: list[Truth], from_ns: int, until_ns: int) -> Counts:
        diners: set[str] = set()
        out: set[str] = set()
        for at_ns, truth in _came(self.truths):
            if from_ns <= at_ns < until_ns:
                who = truth.badge or truth.passage
                diners.add(who)
                if self._is_out_of_slot(truth.badge, at_ns):
                    out.add(who)
        crowds = [truth for truth in today if isinstance(truth, CrowdTruth) and truth.crowded]
        return {
            "diners": len(diners),
            "out_of_slot": len(out),
            "crowds": len({(truth.place, truth.time_ns // HOUR_NS) for truth in crowds}),
        }

    def _is_out_of_slot(self, badge: str | None, at_ns: int) -> bool:
        """In another team's time, and not in one's own."""
        member = self._staff.get(badge or "")
        if member is None or not member.slot:
            return False
        minute = (at_ns - span_of(day_of(at_ns))[0]) // 10**9 / 60
        others = {one.slot for one in self.script.staff if one.slot}
        return not _in_slot(member.slot, minute) and any(_in_slot(slot, minute) for slot in others)


def _came(truths: Iterable[Truth]) -> Iterator[tuple[int, PersonTruth]]:
    """Who went into a canteen, and when: let in, or measured by hand and then let in, or past the barrier."""
    stopped: dict[str, PersonTruth] = {}
    for truth in sorted(truths, key=lambda truth: truth.time_ns):
        match truth:
            case PersonTruth(seen=True, place=str(place), direction=Direction.IN) if place.startswith("canteen"):
                if truth.outcome is Outcome.ALLOW or _WENT.intersection(truth.reasons):
                    yield truth.time_ns, truth
                else:
                    stopped[truth.passage] = truth
            case SecondaryTruth(passage=passage, fever=False) if passage in stopped:
                yield truth.time_ns, stopped[passage]


def _in_slot(slot: str, minute: float) -> bool:
    """Slots over midnight hold what is behind their beginning or before their end."""
    for one in slot.split(","):
        begins, ends = ((int(text[:2]) * 60 + int(text[3:])) for text in one.split("-"))
        if (begins <= minute <= ends) if begins <= ends else (minute >= begins or minute <= ends):
            return True
    return False


def _gates(people: Sequence[PersonTruth], today: Iterable[Truth]) -> Counts:
    outcomes = Counter(truth.outcome for truth in people)
    return {
        "passages": len(people),
        "allowed": outcomes[Outcome.ALLOW],
        "denied": outcomes[Outcome.DENY],
        "again": outcomes[Outcome.REMEASURE],
        "unmeasured": sum(not truth.facts.measured for truth in people),
        "by_hand": sum(isinstance(truth, SecondaryTruth) for truth in today),
        "fevers": sum(truth.facts.measured and truth.facts.feverish for truth in people),
        "unscreened": _reasons(people, Reason.UNSCREENED_ENTRY),
        "entered_refused": _reasons(people, Reason.ENTERED_REFUSED),
        "tailgating": _reasons(people, Reason.TAILGATING, Reason.SEVERAL_PEOPLE),
        "faults": sum(isinstance(truth, DeviceTruth) and not truth.well for truth in today),
        "gaps": 0,
        "lost": 0,
    }


def _reasons(truths: Iterable[PersonTruth | VehicleTruth], *reasons: Reason) -> int:
    return sum(reason in truth.reasons for truth in truths for reason in reasons)


def _rounds(truths: Iterable[Truth], from_ns: int, until_ns: int) -> dict[str, Counter[str]]:
    """By the name of the place; vehicles together. What is disinfected within four hours counts, late or not."""
    disinfections = [truth for truth in truths if isinstance(truth, DisinfectionTruth)]
    times: dict[str | None, list[int]] = {}
    for truth in disinfections:
        if truth.done:
            times.setdefault(truth.place or truth.vehicle, []).append(truth.time_ns)
    found: dict[str, Counter[str]] = {}
    for truth in disinfections:
        if _is_round(truth) and from_ns <= truth.due_ns < until_ns:
            at_ns = times.get(truth.place or truth.vehicle, [])
            near = [one - truth.due_ns for one in at_ns if -4 * HOUR_NS < one - truth.due_ns <= 4 * HOUR_NS]
            state = "overdue" if not near else "done" if min(near) <= 0 else "late"
            found.setdefault(truth.place or "vehicle", Counter()).update(["due", state])
    return found


def _is_round(truth: DisinfectionTruth) -> bool:
    """Places are disinfected by a time; of vehicles also those that are washed at a gate, which is no round."""
    return truth.place is not None or truth.time_ns <= truth.due_ns or truth.due_ns % (60 * 10**9) == 0


def _alerts(today: Iterable[Truth]) -> Counter[str]:
    """What somebody has to be told of, by the names that the hub's rules have too."""
    found = Counter(str(warn) for truth in today for warn in truth.warn)
    confirmed = sum(isinstance(truth, SecondaryTruth) and truth.fever for truth in today)
    return +(found + Counter({"fever-confirmed": confirmed}))


def _measured_badge(truth: Truth) -> str | None:
    match truth:
        case PersonTruth(seen=True, badge=badge) if truth.facts.measured:
            return badge
        case SecondaryTruth(badge=badge):
            return badge
        case _:
            return None


def team_of(member: Member) -> str:
    """As the register names it (`tests.support.plants.register`)."""
    return f"班组{member.team:03d}"


def grid_of(team: str) -> str:
    """As the register names it."""
    return f"网格{int(team.removeprefix('班组')) % 3}"


def kind_of(place: str) -> str:
    """The kind of a place by its name; vehicles are commuters' buses."""
    return "commuter" if place == "vehicle" else place.split("-", maxsplit=1)[0]


def summed(rows: Iterable[tuple[str, Counter[str]]]) -> dict[str, Counter[str]]:
    """What there is of each name together."""
    found: dict[str, Counter[str]] = {}
    for name, counts in rows:
        found[name] = found.get(name, Counter()) + counts
    return found


def span_of(day: date) -> tuple[int, int]:
    """A day in China, in nanoseconds."""
    first, after = (datetime.combine(one, time(), ZONE) for one in (day, day + timedelta(days=1)))
    return int(first.timestamp()) * 10**9, int(after.timestamp()) * 10**9


def day_of(time_ns: int) -> date:
    """The day in China."""
    return datetime.fromtimestamp(time_ns // 10**9, ZONE).date()
