"""A month of a simulated plant as a hub hears it: some hours at a time, one gate cut off for a day and heard late."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from msgspec.structs import replace

from hub.journal import Entry
from sim.plant import Conduct, Faults, Health, Plant
from sim.roster import Site
from sim.story import Story
from sim.truth import DisinfectionTruth, Truth, event_of
from tests.support.journals import entry
from tests.support.plants import due_of
from wire.events import AnyEvent, Guest, Registration

HOUR_NS, DAY_NS = 3600 * 10**9, 86_400 * 10**9
AT_ONCE_H = 6
"""So many hours are heard at once; a day is told to its end before the next begins."""
CUT_OFF, LATE_DAYS = "gate-02", 3
"""The gate that is heard late, and by how many days."""
_NONE = dict.fromkeys(Conduct.__struct_fields__, 0.0)
PLANT = Plant(
    people=72, team_size=12, visitors_per_day=0, vehicles=8, canteen_seats=8, people_per_bus=30, returnee_share=0.06,
    undisinfected_share=0.08,
    health=Health(brought_in_share=0.0, other_fever_share=0.004),
    conduct=Conduct(**_NONE | {"skipped_second_share": 0.1, "past_camera_share": 0.05, "out_of_slot_share": 0.05,
                               "forgotten_badge_share": 0.01, "tailgating_share": 0.01, "breach_share": 0.05,
                               "served_late_share": 0.1}),
    faults=Faults(power_cuts=0, link_outages=0, camera_faults=0.5, reader_faults=0, unread_plate_share=0.05),
)  # fmt: skip
"""Something of everything on some day. Whose badge is shown is who stands there: it is known who was measured."""


class Heard(NamedTuple):
    """Events in the order in which the hub hears them, and when at the latest it has."""

    until_ns: int
    truths: list[Truth]
    entries: list[Entry]


class _Told(NamedTuple):
    at_ns: int
    gate: str
    event: AnyEvent | None
    truth: Truth | None


def heard_of(site: Site, days: int, seed: int) -> Iterator[list[Heard]]:
    """A plant's days as the hub hears them; what the gate that was cut off tells comes some days later."""
    draw = random.Random(seed)
    begins_ns, cut = site.plant.begins_ns(), days // 3
    kept_back: list[_Told] = []
    offset = 0
    for number, truths in enumerate(Story(site).days(days)):
        told = sorted([*_told(truths, draw), *_registered(site, draw, number)], key=lambda one: one.at_ns)
        first_ns = begins_ns + number * DAY_NS
        if number == cut:
            kept_back = [one for one in told if one.gate == CUT_OFF]
            told = [one for one in told if one.gate != CUT_OFF]
        day = []
        for hour in range(0, 24, AT_ONCE_H):
            from_ns, until_ns = first_ns + hour * HOUR_NS, first_ns + (hour + AT_ONCE_H) * HOUR_NS
            now = [one for one in told if from_ns <= one.at_ns < until_ns]
            if number == cut + LATE_DAYS and hour == 0:
                now = kept_back + now
            entries = []
            for one in now:
                if one.event is not None:
                    offset += 1
                    late_s = 0.1 if one.at_ns >= from_ns else (from_ns - one.at_ns) / 1e9
                    entries.append(entry(one.event, offset, offset, one.gate, late_s, site=site.name))
            day.append(Heard(until_ns, [one.truth for one in now if one.truth is not None], entries))
        yield day


def is_round(truth: DisinfectionTruth) -> bool:
    """Whether it had to be done by a time; else a vehicle was washed that came to a gate."""
    return truth.time_ns <= truth.due_ns


def _told(truths: Iterable[Truth], draw: random.Random) -> Iterator[_Told]:
    """Of the rounds that were left out some are done an hour late."""
    for truth in truths:
        told = truth
        if isinstance(truth, DisinfectionTruth) and not truth.done and draw.random() < 0.5:
            told = replace(truth, done=True, time_ns=truth.due_ns + HOUR_NS)
        yield _Told(told.time_ns, told.gate, event_of(told), told)
        if isinstance(truth, DisinfectionTruth) and is_round(truth):
            due = due_of(truth)
            yield _Told(due.time_ns, "hub", due, None)


def _registered(site: Site, draw: random.Random, number: int) -> Iterator[_Told]:
    """What guards register: a few visitors and vehicles a day."""
    for guest in draw.choices([Guest.VISITOR, Guest.VEHICLE], [2, 1], k=draw.randrange(4)):
        at_ns = site.plant.begins_ns() + number * DAY_NS + draw.randrange(8 * HOUR_NS, 17 * HOUR_NS)
        token = f"walk-in-{draw.getrandbits(64):016x}"
        event = Registration(time_ns=at_ns, token=token, guest=guest, until_ns=at_ns + 8 * HOUR_NS, reason_stated=True)
        yield _Told(at_ns, site.plant.entrance_names()[0], event, None)
