"""What gates may know of who and what is registered: derived, whatever the record says."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hub.registry.entries import OBSERVATION_DAYS, of_person, of_vehicle
from hub.registry.models import Badge, Person, PersonKind, Vehicle
from wire.events import MAX_TIME_NS
from wire.registry import Flag

TODAY = date(2020, 2, 10)
AREAS = ("湖北", "温州")
moments = st.none() | st.integers(0, MAX_TIME_NS)
badges = st.builds(
    Badge, number=st.text(max_size=8), token=st.from_regex(r"[A-Za-z0-9_-]{22}", fullmatch=True), from_ns=moments,
    until_ns=moments,
)  # fmt: skip
people = st.builds(
    Person,
    kind=st.sampled_from(PersonKind),
    origin=st.sampled_from(["", "湖北省武汉市", "浙江温州", "内蒙古呼和浩特", "北京"]),
    returned_on=st.none() | st.dates(date(2020, 1, 1), date(2020, 3, 1)),
    exempt=st.sampled_from(["", "锅炉工"]),
    gates=st.sampled_from(["", "north", "north,south"]),
    active=st.booleans(),
    erased_ns=st.none() | st.just(1),
    badges=st.lists(badges, max_size=3, unique_by=lambda badge: badge.token),
)
vehicles = st.builds(
    Vehicle,
    plate_token=st.just("p" * 22),
    tag_token=st.none() | st.just("t" * 22),
    must_disinfect=st.booleans(),
    disinfected_until_ns=moments,
    from_ns=moments,
    until_ns=moments,
)


def flags(person: Person, *, isolated: bool = False, areas: tuple[str, ...] = AREAS, today: date = TODAY) -> set[Flag]:
    (entry,) = of_person(person, isolated=isolated, areas=areas, today=today)
    return set(entry.flags)


def somebody(origin: str = "", returned_on: date | None = None) -> Person:
    badge = Badge(number="1", token="t" * 22)
    return Person(
        kind=PersonKind.EMPLOYEE,
        origin=origin,
        returned_on=returned_on,
        exempt="",
        gates="",
        active=True,
        badges=[badge],
    )


@given(people, st.booleans(), st.lists(st.sampled_from(AREAS)))
def test_each_badge_of_somebody_active_is_an_entry_and_of_nobody_else(person, isolated, areas):
    entries = of_person(person, isolated=isolated, areas=areas, today=TODAY)
    if not person.active or person.erased_ns is not None:
        assert entries == []
        return
    assert [(one.token, one.from_ns, one.until_ns) for one in entries] == [
        (badge.token, badge.from_ns, badge.until_ns) for badge in person.badges
    ]
    for entry in entries:
        assert entry.holder.value == person.kind.value
        assert ",".join(entry.gates) == person.gates
        assert (Flag.ISOLATION in entry.flags) is isolated
        assert (Flag.EXEMPT in entry.flags) is bool(person.exempt)
        assert (Flag.LISTED_AREA not in entry.flags) or Flag.QUARANTINE in entry.flags


@given(st.integers(-3, 40))
def test_a_returnee_is_under_observation_for_fourteen_days_and_free_on_the_next(days):
    today = TODAY + timedelta(days=days)
    elsewhere, listed = flags(somebody("北京", TODAY), today=today), flags(somebody("湖北武汉", TODAY), today=today)
    observed = days < OBSERVATION_DAYS
    assert (Flag.QUARANTINE in elsewhere) is (Flag.QUARANTINE in listed) is observed
    assert (Flag.LISTED_AREA in listed) is observed
    assert Flag.LISTED_AREA not in elsewhere
    assert Flag.RETURNEE in elsewhere & listed


def test_from_a_listed_area_without_a_day_of_return_is_refused_from_elsewhere_is_not():
    assert flags(somebody("湖北武汉")) == {Flag.QUARANTINE, Flag.LISTED_AREA}
    assert flags(somebody("北京")) == set()
    assert flags(somebody("", TODAY)) == set()


@given(vehicles, st.integers(0, MAX_TIME_NS))
def test_a_vehicle_is_known_by_plate_and_tag_until_its_time_is_over(vehicle, now_ns):
    entries = of_vehicle(vehicle, now_ns=now_ns)
    if vehicle.until_ns is not None and vehicle.until_ns <= now_ns:
        assert entries == []
        return
    assert [one.token for one in entries] == ["p" * 22, *([vehicle.tag_token] if vehicle.tag_token else [])]
    for entry in entries:
        assert entry.disinfected_until_ns == (vehicle.disinfected_until_ns if vehicle.must_disinfect else MAX_TIME_NS)
        is_plate = entry.token == "p" * 22
        assert (entry.plate, entry.tag) == ((None, vehicle.tag_token) if is_plate else ("p" * 22, None))
