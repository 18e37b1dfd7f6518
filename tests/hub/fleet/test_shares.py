"""Who takes which gates, decided by each process for itself."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.fleet.shares import LEADER, SHARES, Plan, plan, share_of

ROUNDS = 3
"""After a change all is settled within so many beats of everybody."""


def test_a_gate_belongs_to_one_share_for_ever_and_gates_spread_over_all():
    assert (share_of("site", "north"), share_of("site", "hub")) == (6, LEADER)
    of_share = [share_of("site", f"gate-{number}") for number in range(5000)]
    counts = [of_share.count(share) for share in range(SHARES)]
    assert min(counts) > 0.6 * 5000 / SHARES
    assert max(counts) < 1.4 * 5000 / SHARES


class Table:
    """The table of shares, and processes that come, go and look at it."""

    def __init__(self) -> None:
        self.owners: dict[int, int | None] = dict.fromkeys(range(LEADER + 1))
        self.alive: list[int] = []
        self.moved = 0

    def seen(self) -> dict[int, int | None]:
        return {share: owner if owner in self.alive else None for share, owner in self.owners.items()}

    def beat(self, me: int, seen: dict[int, int | None]) -> None:
        """One process decides on what it saw, and does it where that is still so."""
        todo = plan(me, self.alive, seen, may_lead=me % 3 != 0)
        for share in todo.release:
            assert self.owners[share] == me, "only what is its own is given back"
            self.owners[share] = None
        for share in todo.claim:
            if self.seen()[share] is None:
                self.owners[share] = me
                self.moved += 1


@settings(max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 7), st.booleans()), min_size=1, max_size=12), st.randoms())
def test_whoever_comes_and_goes_all_gates_are_soon_taken_in_equal_parts_and_then_stay(changes, random):
    table = Table()
    for comes, who, settles in changes:
        if comes and who not in table.alive:
            table.alive.append(who)
        elif not comes and who in table.alive:
            table.alive.remove(who)
        for _ in range(ROUNDS if settles else 1):
            together = table.seen()
            for me in random.sample(table.alive, len(table.alive)):
                table.beat(me, together if random.random() < 0.5 else table.seen())
    if not table.alive:
        return
    for _ in range(ROUNDS):
        for me in random.sample(table.alive, len(table.alive)):
            table.beat(me, table.seen())
    parts = [sum(table.owners[share] == me for share in range(SHARES)) for me in table.alive]
    assert (sum(parts), max(parts) - min(parts) <= 1) == (SHARES, True)
    assert (table.seen()[LEADER] is not None) == any(me % 3 for me in table.alive)
    for me in table.alive:
        assert plan(me, table.alive, table.seen(), may_lead=False) == Plan()


def test_a_process_that_dies_leaves_its_part_only_and_nobody_elses_moves():
    table = Table()
    table.alive = [1, 2, 4]
    for _ in range(ROUNDS):
        for me in table.alive:
            table.beat(me, table.seen())
    before = dict(table.owners)
    table.alive, table.moved = [1, 4], 0
    for me in table.alive:
        table.beat(me, table.seen())
    assert table.moved == sum(owner == 2 for owner in before.values())
    assert all(table.owners[share] == owner for share, owner in before.items() if owner != 2)
