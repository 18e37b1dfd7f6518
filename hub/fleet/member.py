"""One process's part in the fleet: it says that it is alive, and takes and gives back shares as `plan` says.

What it holds it holds until its lease is over by its own clock, counted from before it renewed it: never longer than
the database thinks. Gates are told nothing by a process whose lease is over; what it would still write is refused.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog

from hub.fleet.archive import FleetArchive
from hub.fleet.leases import Leases, View
from hub.fleet.shares import LEADER, SHARES, plan, share_of
from wire.errors import JournalError

log = structlog.get_logger(__name__)
T = TypeVar("T")

BEATS_A_LEASE = 4
"""How often a lease is renewed within its time."""
CLOCKS_APART_S = 2.0
_NOTHING: Mapping[int, int] = {}


class Member:
    """Keeps this process's leases. `changed` is called after each change of what it holds."""

    def __init__(
        self,
        leases: Leases,
        lease_s: float,
        *,
        may_lead: Callable[[], bool] = lambda: True,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.changed: Callable[[], None] = lambda: None
        self.error = ""
        """Why the lease could not be renewed at the last beat; empty when it could."""
        self.beats = 0
        """Beats tried: its progress, for the watchdog."""
        self.lapses = 0
        """How often the lease was over before it was renewed: what came meanwhile was not taken."""
        self.alive: dict[int, str] = {}
        """The processes of the fleet, as last seen, with their names."""
        self._leases, self._lease_s, self._may_lead, self._now_s = leases, lease_s, may_lead, now_s
        self._held: Mapping[int, int] = _NOTHING
        self._until_s = 0.0
        self._clocks_apart = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="leases")

    def terms(self) -> Mapping[int, int]:
        """The shares that this process holds now, with their terms; for any thread."""
        return self._held if self._now_s() < self._until_s else _NOTHING

    def term_of(self, site: str, gate: str) -> int | None:
        """The term under which this process has the gate; None when it has it not."""
        return self.terms().get(share_of(site, gate))

    @property
    def leads(self) -> bool:
        return LEADER in self.terms()

    async def run(self, archive: FleetArchive) -> None:
        """Until cancelled; then everything is given back."""
        try:
            while True:
                await self._beat_and_tell(archive)
                await asyncio.sleep(self._lease_s / BEATS_A_LEASE)
        finally:
            self._hold({})
            await asyncio.shield(self._leave())

    async def beat(self, archive: FleetArchive) -> None:
        """One beat: renew, see, give back, take. Raises `JournalError`."""
        self.beats += 1
        began_s = self._now_s()
        view = await self._ask(self._leases.beat)
        lapsed = bool(self._held) and self._now_s() >= self._until_s
        self._until_s = began_s + self._lease_s
        self.alive = view.alive
        self._look_at_clock(view.clock_s)
        if lapsed:
            log.warning("the lease was over for a while")
            self.lapses += 1
            self.changed()
        self._hold({share: term for share, term in self._held.items() if view.terms.get(share) == term})
        todo = plan(view.me, list(view.alive), view.owners, may_lead=self._may_lead())
        if todo.why:
            log.info("shares", why=todo.why, give_back=len(todo.release), take=len(todo.claim))
        await self._release(archive, todo.release)
        await self._claim(archive, todo.claim, _forgotten(view, self._held, todo.release))

    async def give_up_leading(self, archive: FleetArchive) -> None:
        """Let somebody else lead. Raises `JournalError`."""
        await self._release(archive, [LEADER])

    async def _beat_and_tell(self, archive: FleetArchive) -> None:
        try:
            await self.beat(archive)
        except JournalError as error:
            if str(error) != self.error:  # the same fault is told once, not at every beat
                log.error("lease cannot be renewed", error=str(error))
            self.error = str(error)
            if not self.terms():
                self._hold({})
        else:
            self.error = ""

    async def _release(self, archive: FleetArchive, shares: Collection[int]) -> None:
        if shares:
            self._hold({share: term for share, term in self._held.items() if share not in shares})
            await archive.settle()  # an append that is under way ends first, under its term
            await self._ask(lambda: self._leases.release(shares))

    async def _claim(self, archive: FleetArchive, shares: Collection[int], own: Mapping[int, int]) -> None:
        """Take, then read how far the streams are, then answer for them; and for what is this process's `own` still."""
        got = {**own, **(await self._ask(lambda: self._leases.claim(shares)) if shares else {})}
        if got:
            await archive.refresh()
            self._hold({**self._held, **got})

    def _hold(self, held: Mapping[int, int]) -> None:
        if held != self._held:
            gates = sum(share < SHARES for share in held)
            log.info("shares held", gates=f"{gates}/{SHARES}", leads=LEADER in held)
            self._held = dict(held)
            self.changed()

    def _look_at_clock(self, clock_s: float) -> None:
        """Times of arrival and of alerts are by each machine's own clock: they should agree."""
        apart_s = time.time() - clock_s
        is_apart = abs(apart_s) > CLOCKS_APART_S
        if is_apart and not self._clocks_apart:
            log.warning("this machine's clock and the database's are apart", seconds=round(apart_s, 1))
        self._clocks_apart = is_apart

    async def _leave(self) -> None:
        try:
            await self._ask(self._leases.leave)
        except JournalError as error:
            log.warning("shares could not be given back; the others wait for the lease", error=str(error))
        await self._ask(self._leases.close)
        self._thread.shutdown()

    async def _ask(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _forgotten(view: View, held: Mapping[int, int], released: Collection[int]) -> dict[int, int]:
    """What the database still has as this process's own although the process took its lease for over."""
    return {share: term for share, term in view.terms.items() if share not in held and share not in released}
