"""The thermal picture of an alert: behind the right to see health data, and each look is on record."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import select

from hub.accounts.models import AuditEntry, Role
from hub.accounts.roles import MAY, Permission
from hub.alerts.chains import AllChannels
from hub.alerts.desk import AlertDesk, Site
from hub.alerts.rules import Rule, Signal
from hub.alerts.store import AlertStore
from hub.pictures.store import Pictures
from hub.web.app import AlertPages, Office, create_app
from tests.support.console import ZONE, WrittenBoard
from tests.support.snapshots import board
from tests.support.whole import NOW_NS, Clock, add, sign_in

pytestmark = pytest.mark.usefixtures("cheap_passwords")
JPEG = b"\xff\xd8 a thermal picture \xff\xd9"
FEVER = Signal(key="fever/baotou-1/north/p1", rule=Rule.FEVER, site="baotou-1", gate="north", lane="a", time_ns=NOW_NS)


@pytest.fixture
async def browser(database, clock: Clock, tmp_path) -> AsyncIterator[httpx.AsyncClient]:
    desk = AlertDesk(AlertStore(tmp_path / "alerts.db", AllChannels(("phone",))), [], Site("baotou-1"))
    await desk.start()
    await desk.ask(lambda store, now_ns: store.take(1, [(FEVER, NOW_NS)], NOW_NS))
    pictures = Pictures(tmp_path / "pictures", 3600)
    pictures.put("baotou-1", "north", "p1", JPEG)
    alerts = AlertPages(desk, pictures=pictures)
    office = Office(database, clock)
    app = create_app(WrittenBoard(board()), site="baotou-1", version="0", zone=ZONE, alerts=alerts, office=office)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client
    await desk.stop()


@pytest.mark.parametrize("role", Role)
async def test_who_may_see_health_data_sees_it_and_that_is_on_record_and_nobody_else(browser, database, role):
    assert (await browser.get("/alerts/1/picture")).headers["location"].startswith("/sign-in")
    await add(database, role)
    await sign_in(browser, role.value)
    answer = await browser.get("/alerts/1/picture")
    seen = await database.read(
        lambda session: session.scalars(select(AuditEntry.subject).where(AuditEntry.action == "picture-seen")).all()
    )
    if Permission.HEALTH in MAY[role]:
        assert (answer.content, answer.headers["content-type"]) == (JPEG, "image/jpeg")
        assert answer.headers["cache-control"] == "no-store"
        assert list(seen) == ["alert 1"]
        assert (await browser.get("/alerts/2/picture")).status_code == 404
    else:
        assert answer.status_code == 403
        assert list(seen) == []
