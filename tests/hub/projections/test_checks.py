"""Who was measured when: each measurement once, whatever is replayed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.projections.checks import Checks
from tests.support.events import TIME_NS, fever, routine
from tests.support.journals import entry
from wire.events import SecondaryMeasurement, Verdict

ANN, BOB = "person-ann", "person-bob"


def passage(offset: int, badge: str | None, *, measured: bool = True, time_ns: int = TIME_NS):
    event = replace(fever(offset, time_ns), badge=badge)
    if not measured:
        event = replace(event, temperature=None, verdict=Verdict.UNMEASURED)
    return entry(event, offset)


async def started(folder) -> tuple[Checks, int]:
    checks = Checks(folder / "checks.db")
    return checks, await checks.start()


async def counts(checks: Checks, until_ns: int = TIME_NS + 1) -> dict[str, int]:
    return {row.badge: row.measured for row in await checks.between(0, until_ns)}


async def test_passages_with_a_temperature_and_contact_thermometers_count_for_a_badge(tmp_path):
    checks, cursor = await started(tmp_path)
    second = SecondaryMeasurement(time_ns=TIME_NS, body_c=36.5, lane="people", badge=BOB)
    entries = [
        passage(1, ANN),
        passage(2, ANN, time_ns=TIME_NS - 5),
        passage(3, BOB, measured=False),
        passage(4, None),
        entry(second, 5),
        entry(routine(), 6),
    ]
    await checks.apply(entries)
    found = await checks.between(0, TIME_NS + 1)
    assert (cursor, [(row.badge, row.measured) for row in found]) == (0, [(ANN, 2), (BOB, 1)])
    assert (found[0].first_ns, found[0].last_ns) == (TIME_NS - 5, TIME_NS)
    assert await checks.between(TIME_NS + 1, TIME_NS + 2) == []
    await checks.stop()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([ANN, BOB, None]), min_size=1, max_size=12), st.integers(0, 12))
async def test_a_replay_from_anywhere_and_a_restart_change_nothing(tmp_path_factory, badges, again_from):
    folder = tmp_path_factory.mktemp("checks")
    entries = [passage(number, badge) for number, badge in enumerate(badges, 1)]
    checks, _ = await started(folder)
    await checks.apply(entries)
    before = await counts(checks)
    await checks.stop()
    checks, cursor = await started(folder)
    assert cursor == len(entries)
    if entries[again_from:]:
        await checks.apply(entries[again_from:])
    assert await counts(checks) == before == {who: badges.count(who) for who in set(badges) - {None}}
    await checks.stop()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([ANN, BOB, "person-cleo"]), max_size=12), st.integers(1, 3), st.integers(0, 12))
async def test_page_by_page_everybody_is_read_once_as_at_once(tmp_path_factory, badges, most, until):
    checks, _ = await started(tmp_path_factory.mktemp("checks"))
    await checks.apply(
        [passage(n, badge, time_ns=TIME_NS + n) for n, badge in enumerate(badges, 1)] or [passage(1, None)]
    )
    times = (TIME_NS, TIME_NS + until)
    whole, pages, after = await checks.between(*times), [], ("", "")
    while page := await checks.between(*times, after, most):
        assert len(page) <= most
        pages += page
        after = page[-1].site, page[-1].badge
    assert pages == whole
    assert sum(row.measured for row in whole) == len(badges[: max(0, until - 1)])
    await checks.stop()
