"""From a telephone to whoever answers for it, through a whole hub: what is told becomes alerts, and ends them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.hub.web.test_people import Client
from tests.hub.web.test_rounds import codes, hidden
from tests.hub.web.test_worker import ILL, links
from tests.support.hubs import SITE, RunningHub, running_hub
from wire.events import RoundDue

pytestmark = pytest.mark.usefixtures("cheap_passwords")
HOUR_NS = 3600 * 10**9


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    with running_hub(tmp_path) as hub:
        yield hub


@pytest.fixture
def officer(hub: RunningHub) -> Iterator[Client]:
    client = Client(hub.url, "officer")
    client.post("/people", number="A100-4711", name="赵敏", team="焊接一班", badges="B 1788", active="yes")
    client.post("/site/place", name="canteen-1", title="第一食堂", kind="canteen", capacity="0", active="yes")
    yield client
    client.http.close()


def telephone(hub: RunningHub) -> httpx.Client:
    return httpx.Client(base_url=hub.url, trust_env=False, headers={"accept-language": "en"}, timeout=20)


def alerts(hub: RunningHub) -> dict[str, str]:
    """The state of the newest alert of each rule, once all events are read."""
    hub.read("alerts")
    rows = hub.do(lambda hub: hub.desk.alerts_after(0, 100))
    return {row.rule: row.state for row in rows}


def test_a_worker_declares_symptoms_the_officer_is_told_and_settling_it_ends_the_alert(hub, officer):
    phone, link = telephone(hub), links(officer)["赵敏"]
    phone.post(link, data={**hidden(phone.get(link).text), "tail": "4711"})
    answer = phone.post("/w/form/declare", data={**hidden(phone.get("/w/form/declare").text), **ILL})
    assert "Do not come to work" in answer.text
    assert alerts(hub)["declared-ill"] == "firing"
    assert "declared ill" in officer.get("/alerts")
    assert "赵敏" not in officer.get("/alerts"), "an alert goes to telephones of its own: it names nobody"
    number = re.search(r'data-number="(\d+)"', officer.get("/declarations")).group(1)
    officer.post(f"/declarations/{number}/settle", word="a cold")
    assert alerts(hub)["declared-ill"] == "resolved"


def test_a_place_that_is_overdue_is_an_alert_until_a_cleaner_s_telephone_tells_that_it_is_done(hub, officer):
    now_ns = time.time_ns()
    due = RoundDue(
        time_ns=now_ns - HOUR_NS // 2, kind="canteen", place="canteen-1", from_ns=now_ns - HOUR_NS,
        until_ns=now_ns + HOUR_NS,
    )  # fmt: skip
    hub.do(lambda hub: hub.archive.append_own(SITE, [due]))
    assert alerts(hub)["disinfection-overdue"] == "firing"
    assert "disinfection overdue" in officer.get("/alerts")
    [picture] = codes(officer)
    phone = telephone(hub)
    told = phone.post(picture, data={**hidden(phone.get(picture).text), "number": "A100-4711", "agent": "84"})
    assert "Stored, " in told.text
    assert alerts(hub)["disinfection-overdue"] == "resolved"
    hub.read("rounds")
    found = hub.do(lambda hub: hub.rounds.between(now_ns - HOUR_NS, now_ns))
    assert [one.state.value for one in found] == ["late"]
