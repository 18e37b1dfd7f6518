"""Which temperatures isolate somebody: the rule by itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.cases.models import SignKind
from hub.cases.rule import Seen, Why, standing, told_by
from tests.support.events import TIME_NS, fever, routine
from tests.support.journals import entry
from wire.events import Clock, SecondaryMeasurement, Verdict

MIN_NS = 60 * 10**9
RECHECK_NS = 120 * MIN_NS
F, C, N = SignKind.FEVER, SignKind.CONFIRMED, SignKind.NORMAL


def say(*signs: tuple[SignKind, float], ended_min: float | None = None, clears: bool = True):
    seen = [Seen(round(at * MIN_NS), round(at * MIN_NS), kind, f"{number}") for number, (kind, at) in enumerate(signs)]
    ended_ns = None if ended_min is None else round(ended_min * MIN_NS)
    return standing(seen, ended_ns=ended_ns, recheck_ns=RECHECK_NS, contact_clears=clears)


@pytest.mark.parametrize(
    ("signs", "isolate", "why"),
    [
        ([], False, Why.NOTHING),
        ([(F, 1)], True, Why.SCREENED),
        ([(C, 1)], True, Why.CONFIRMED),
        ([(N, 1)], False, Why.NOTHING),
        ([(F, 1), (N, 5)], False, Why.MEASURED_NORMAL),
        ([(F, 1), (N, 121)], False, Why.MEASURED_NORMAL),
        ([(F, 1), (N, 122)], True, Why.SCREENED),
        ([(N, 1), (F, 5)], True, Why.SCREENED),
        ([(F, 1), (C, 5)], True, Why.CONFIRMED),
        ([(F, 1), (C, 5), (N, 9)], True, Why.CONFIRMED),
        ([(F, 1), (N, 5), (F, 9)], True, Why.SCREENED),
        ([(F, 1), (N, 5), (F, 9), (N, 12)], False, Why.MEASURED_NORMAL),
    ],
)
def test_a_camera_s_fever_isolates_until_a_contact_thermometer_says_otherwise_soon_after(signs, isolate, why):
    assert (say(*signs).isolate, say(*signs).why) == (isolate, why)


def test_where_a_person_is_to_decide_a_normal_reading_is_only_told():
    found = say((F, 1), (N, 5), clears=False)
    assert (found.isolate, found.why, found.normal_ns) == (True, Why.SCREENED, 5 * MIN_NS)


def test_who_ended_an_isolation_knew_what_was_before_but_not_what_a_thermometer_told_later():
    assert say((F, 1), ended_min=3).isolate is False
    assert say((F, 4), ended_min=3).since_ns == 4 * MIN_NS
    late = Seen(1 * MIN_NS, 9 * MIN_NS, C)
    assert standing([late], ended_ns=3 * MIN_NS, recheck_ns=RECHECK_NS).isolate
    assert not standing([late._replace(kind=F)], ended_ns=3 * MIN_NS, recheck_ns=RECHECK_NS).isolate


_SIGNS = st.lists(st.tuples(st.sampled_from([F, C, N]), st.integers(0, 400)), max_size=8)


@given(_SIGNS, st.randoms(use_true_random=False))
def test_the_order_in_which_they_are_heard_and_hearing_them_twice_change_nothing(signs, random):
    seen = [Seen(at * MIN_NS, at * MIN_NS, kind, f"{number}") for number, (kind, at) in enumerate(signs)]
    mixed = random.sample(seen, len(seen))
    one, other = (standing(which, recheck_ns=RECHECK_NS) for which in (seen, mixed))
    assert one == other


@given(_SIGNS)
def test_whoever_a_thermometer_found_feverish_stays_isolated_until_a_person_decides(signs):
    assert say(*signs, (C, 200)).isolate


@given(_SIGNS)
def test_a_fever_is_never_without_an_answer(signs):
    """After the last abnormal temperature there is isolation, or a thermometer's word against a camera's."""
    abnormal = [at for kind, at in signs if kind is not N]
    if abnormal and not say(*signs).isolate:
        assert C not in {kind for kind, _ in signs}
        assert any(kind is N and max(abnormal) <= at <= max(abnormal) + 120 for kind, at in signs)


def test_an_event_tells_kind_person_and_the_key_of_its_alert():
    told = told_by(entry(replace(fever(7), badge="person-ann"), seq=3), 37.3)
    assert (told.kind, told.badge, told.measured_c) == (F, "person-ann", 38.1)
    assert (told.source, told.alert_key) == ("site/north/urgent/e1/3", "fever/site/north/p-7")
    contact = SecondaryMeasurement(time_ns=TIME_NS, body_c=37.3, lane="people", passage="p-7", by="guard-li")
    told = told_by(entry(contact), 37.3)
    assert (told.kind, told.alert_key, told.by) == (C, "fever-confirmed/site/north/p-7", "guard-li")
    assert told_by(entry(replace(contact, body_c=37.2)), 37.3).kind is N
    assert told_by(entry(routine()), 37.3) is None
    for verdict in set(Verdict) - {Verdict.FEVER}:
        assert told_by(entry(replace(fever(1), verdict=verdict)), 37.3) is None


def test_a_clock_that_is_not_set_or_runs_ahead_dates_a_fever_when_it_is_heard_of():
    free = entry(replace(fever(1, TIME_NS), clock=Clock.FREE), late_s=9e6)
    assert told_by(free, 37.3).time_ns == free.received_ns
    ahead = entry(fever(1, TIME_NS), late_s=-60)
    assert told_by(ahead, 37.3).time_ns == ahead.received_ns
