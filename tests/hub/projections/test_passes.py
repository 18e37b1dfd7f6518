"""Who was at which checkpoint: the same after any replay, and what is near is found exactly."""

from __future__ import annotations

import random
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.journal import Entry
from hub.projections.passes import Near, Passes
from tests.support.events import TIME_NS, fever, routine
from tests.support.journals import entry
from wire.events import Direction, Outcome

ANN, BOB, CAT = "person-ann", "person-bob", "person-cat"
SECOND = 10**9


def at(offset: int, badge: str | None, second: float, gate: str = "north", lane: str = "people") -> Entry:
    event = replace(fever(offset, TIME_NS + round(second * SECOND)), badge=badge, lane=lane, outcome=Outcome.ALLOW)
    return entry(event, offset, gate=gate)


async def opened(folder: Path) -> tuple[Passes, int]:
    passes = Passes(folder / "passes.db")
    return passes, await passes.start()


async def near(passes: Passes, badge: str, window_s: float = 60) -> list[Near]:
    return sorted(await passes.near([badge], TIME_NS, TIME_NS + 10**6 * SECOND, round(window_s * SECOND)))


async def test_who_was_at_the_same_lane_within_the_window_is_near_with_how_near_and_when_last(tmp_path):
    passes, _ = await opened(tmp_path)
    entries = [
        at(1, ANN, 100), at(2, BOB, 160), at(3, BOB, 40), at(4, CAT, 160.001), at(5, BOB, 100, lane="other"),
        at(6, BOB, 100, gate="south"), at(7, None, 100), entry(routine(), 8), at(9, ANN, 1000), at(10, CAT, 1010),
    ]  # fmt: skip
    await passes.apply(entries)
    assert await near(passes, ANN) == [
        Near(BOB, 1, 60 * SECOND, TIME_NS + 160 * SECOND, "north", "people"),
        Near(CAT, 9, 10 * SECOND, TIME_NS + 1010 * SECOND, "north", "people"),
    ]
    own = await passes.of([ANN], TIME_NS, TIME_NS + 1000 * SECOND + 1)
    assert [(one.time_ns - TIME_NS, one.direction) for one in own] == [
        (1000 * SECOND, Direction.IN),
        (100 * SECOND, Direction.IN),
    ]
    assert await passes.of(["nobody-known"], 0, 2**62) == []
    assert await near(passes, "nobody-known") == []
    await passes.stop()


async def test_somebody_with_two_badges_is_not_their_own_contact(tmp_path):
    passes, _ = await opened(tmp_path)
    await passes.apply([at(1, ANN, 0), at(2, BOB, 5), at(3, CAT, 7)])
    found = await passes.near([ANN, BOB], TIME_NS, TIME_NS + 100 * SECOND, 60 * SECOND)
    assert {one.token for one in found} == {CAT}
    await passes.stop()


_MOVES = st.lists(
    st.tuples(st.sampled_from([ANN, BOB, CAT, None]), st.integers(0, 50), st.sampled_from(["north", "south"])),
    min_size=1,
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(moves=_MOVES, again_from=st.integers(0, 25), window_s=st.integers(0, 20))
async def test_a_replay_from_anywhere_a_restart_and_a_rebuild_give_what_comparing_all_with_all_gives(
    tmp_path_factory, moves, again_from, window_s
):
    entries = [at(number, badge, second, gate) for number, (badge, second, gate) in enumerate(moves, 1)]
    folder = tmp_path_factory.mktemp("passes")
    passes, _ = await opened(folder)
    await passes.apply(entries)
    await passes.stop()
    passes, cursor = await opened(folder)
    assert cursor == len(entries)
    if entries[again_from:]:
        await passes.apply(entries[again_from:])
    found = await near(passes, ANN, window_s)
    await passes.stop()
    again, _ = await opened(tmp_path_factory.mktemp("again"))
    for one in entries:
        await again.apply([one])
    assert await near(again, ANN, window_s) == found
    await again.stop()
    wanted: dict[tuple[str, int], list[int]] = {}
    for own, (badge, second, gate) in enumerate(moves, 1):
        for other, there, where in moves:
            if badge == ANN and other not in (ANN, None) and where == gate and abs(there - second) <= window_s:
                wanted.setdefault((other, own), []).append(there)
    assert {(one.token, one.own): (one.apart_ns // SECOND, (one.last_ns - TIME_NS) // SECOND) for one in found} == {
        (other, own): (min(abs(there - moves[own - 1][1]) for there in times), max(times))
        for (other, own), times in wanted.items()
    }


async def test_many_people_at_many_checkpoints_are_kept_apart(tmp_path):
    draw = random.Random(1)
    rows = [at(n, f"person-{draw.randrange(40):03d}", draw.uniform(0, 5000), f"g{n % 3}") for n in range(1, 600)]
    passes, _ = await opened(tmp_path)
    await passes.apply(rows)
    mine = [row for row in rows if row.event().badge == "person-007"]
    for one in await near(passes, "person-007", 30):
        own = next(row for row in mine if row.offset == one.own)
        times = [
            row.time_ns
            for row in rows
            if row.event().badge == one.token and row.stream.gate == own.stream.gate
            and abs(row.time_ns - own.time_ns) <= 30 * SECOND
        ]  # fmt: skip
        assert (one.apart_ns, one.last_ns) == (min(abs(time - own.time_ns) for time in times), max(times))
    await passes.stop()
