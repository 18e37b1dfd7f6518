"""Several fevers in one team: found whichever gates the team came in by, and the same in any order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.alerts.chains import AllChannels
from hub.alerts.desk import AlertDesk
from hub.alerts.desk import Site as AlertSite
from hub.alerts.notifier import Clocks
from hub.alerts.rules import Rule
from hub.alerts.store import AlertStore
from hub.cases.clusters import Feverish, clusters
from hub.cases.watch import IsolationWatch
from hub.registry.models import Team
from tests.hub.cases.test_keeper import HAN, LI, Ward, contact, hot
from tests.hub.registry.test_office import KEY
from wire.tokens import TokenKind, token

TODAY = date(2020, 2, 10)
WANG = token(KEY, TokenKind.BADGE, "B3")


def feverish(person: int, time_ns: int, team: int = 1, on: date = TODAY) -> Feverish:
    return Feverish(team, "甲班", person, on, time_ns)


def test_three_people_of_one_team_on_one_day_are_a_cluster_from_the_third_on():
    assert clusters("site", [feverish(1, 10), feverish(2, 20), feverish(2, 5)], 3) == []
    [told] = clusters("site", [feverish(n, 10 * n) for n in (4, 1, 3, 2)], 3)
    assert (told.time_ns, told.newest_ns, told.total, told.detail) == (30, 40, 4, "甲班: 4 × 2020-02-10")
    others = [feverish(1, 1), feverish(2, 2, team=2), feverish(3, 3, on=date(2020, 2, 11))]
    assert clusters("site", others, 3) == []


@given(st.lists(st.builds(feverish, st.integers(1, 6), st.integers(1, 99), st.integers(1, 2))), st.randoms())
def test_in_whatever_order_and_however_often_fevers_are_known_the_clusters_are_the_same(fevers, draw):
    shuffled = draw.sample(fevers, len(fevers)) + fevers[:2]
    assert clusters("site", shuffled, 3) == clusters("site", fevers, 3)


class Watched(Ward):
    """Three people of one team, and who is told."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(url, folder)
        store = AlertStore(folder / "alerts.db", AllChannels(()))
        self.desk = AlertDesk(store, [], AlertSite("site"), Clocks(lambda: self.now_ns, lambda: 0.0))
        self.watch = IsolationWatch(self.office, self.desk, "site")

    async def told(self) -> list[tuple[int, str]]:
        await self.watch.look()
        return [(row.count, row.detail) for row in self.desk.open if row.rule == Rule.FEVER_CLUSTER]


@pytest.fixture
async def site(database_url: str, tmp_path: Path) -> AsyncIterator[Watched]:
    site = Watched(database_url, tmp_path)
    await site.open()
    await site.desk.start()
    await site.database.write(lambda session: session.add(Team(name="甲班")))
    for number in ("1", "2", "3"):
        await site.put(number=number, name="x", team="甲班", badges=f"B{number}")
    yield site
    await site.desk.stop()
    await site.close()


async def test_a_team_whose_people_are_feverish_at_different_gates_is_an_alert_once(site):
    await site.hear(hot(1, LI), hot(2, HAN, minute=5))
    assert await site.told() == []
    await site.hear(hot(3, WANG, minute=9))
    for _ in range(2):
        assert await site.told() == [(3, "甲班: 3 × 2020-02-10")]


async def test_a_fever_that_a_contact_thermometer_took_back_makes_no_cluster(site):
    await site.hear(hot(1, LI), hot(2, HAN, minute=5))
    await site.hear(contact(36.5, "p-2", HAN, minute=6), hot(3, WANG, minute=9))
    assert await site.told() == []
