"""Pages of isolation over a whole hub: a fever is a case, alert and case lead to each other, strangers are named."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from tests.hub.web.test_people import Client
from tests.support.events import fever
from tests.support.hubs import RunningHub, badge, running_hub
from wire.events import PersonPassage, SecondaryMeasurement

pytestmark = pytest.mark.usefixtures("cheap_passwords")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    with running_hub(tmp_path) as hub:
        yield hub


@pytest.fixture
def officer(hub: RunningHub) -> Iterator[Client]:
    client = Client(hub.url, "officer")
    client.add(number="1", name="李雷", badges="B1", team="焊接一班")
    client.add(number="2", name="韩梅梅", badges="B2", team="焊接一班")
    yield client
    client.http.close()


def hot(number: int, card: str | None) -> PersonPassage:
    return replace(fever(number, time.time_ns()), badge=card and badge(card))


def told(hub: RunningHub, *events) -> None:
    for event in events:
        hub.say(event)
    hub.read("cases")
    hub.read("alerts")


def test_a_fever_is_a_case_and_alert_and_case_lead_to_each_other(hub, officer):
    told(hub, hot(1, "B1"))
    page = officer.get(officer.case_of("李雷"))
    for words in ("What to do", "camera: fever", "38.1", "by rule", "refused at every gate", "Report to the district"):
        assert words in page
    alert = re.search(r'href="(/alerts/\d+)"', page).group(1)
    assert f'href="{alert}/case"' in officer.get(alert)
    back = officer.http.get(f"{alert}/case")
    assert (back.status_code, back.headers["location"]) == (303, officer.case_of("李雷"))


def test_a_contact_thermometer_that_shows_no_fever_ends_it_and_the_page_says_who_measured(hub, officer):
    told(hub, hot(1, "B1"))
    case = officer.case_of("李雷")
    contact = SecondaryMeasurement(
        time_ns=time.time_ns(), body_c=36.6, lane="people", passage="p-1", badge=badge("B1"), by="guard-li"
    )
    told(hub, contact)
    page = officer.get(case)
    assert "contact thermometer: no fever" in page
    assert "guard-li" in page
    assert "Nobody is isolated." in officer.get("/cases")


def test_a_fever_without_a_known_badge_is_named_by_hand_or_registered_or_answered_for(hub, officer):
    told(hub, hot(1, None), hot(2, "B9"), hot(3, None))
    assert "Fevers of nobody that we know: 3" in officer.get("/cases")
    forms = re.findall(r'action="(/cases/unnamed/\d+)/name"', officer.get("/cases/unnamed"))
    third, second, first = forms
    wrong = officer.post(f"{first}/name", person="99")
    assert (wrong.status_code, "Nobody is registered under number 99." in wrong.text) == (409, True)
    assert officer.post(f"{first}/name", person="2").headers["location"] == officer.case_of("韩梅梅")
    assert officer.post(f"{second}/register", name="王访", telephone="139").status_code == 303
    assert "王访" in officer.get("/cases")
    assert officer.post(f"{third}/dismiss", why="").status_code == 409
    assert officer.post(f"{third}/dismiss", why="a hot kettle").status_code == 303
    assert "Nobody waits to be named." in officer.get("/cases/unnamed")
    assert "a hot kettle" in officer.get("/cases/unnamed")
    alerts = sorted(set(re.findall(r'href="(/alerts/\d+)"', officer.get("/alerts"))))
    answers = {officer.http.get(f"{alert}/case").headers.get("location", "") for alert in alerts}
    assert {"/cases/1", "/cases/2"} <= answers
    assert any(path.startswith("/cases/unnamed#sign-") for path in answers)


def test_somebody_is_moved_to_a_place_to_hospital_and_released_only_when_all_days_are_over(hub, officer):
    officer.post("/site/place", title="隔离楼", name="ward", kind="isolation", capacity="1", active="yes")
    told(hub, hot(1, "B1"))
    case = officer.case_of("李雷")
    assert "no place yet" in officer.get(case)
    place = re.search(r'<option value="(\d+)">隔离楼', officer.get(case)).group(1)
    assert officer.post(f"{case}/move", place=place).status_code == 303
    assert "there already" in officer.post(f"{case}/move", place=place).text
    assert "not both" in officer.post(f"{case}/move", place=place, hospital="Third Hospital").text
    assert officer.post(f"{case}/move", hospital="Third Hospital").status_code == 303
    page = officer.get(case)
    assert "in hospital: Third Hospital" in page
    assert "still missing today" not in page
    assert "is not over" in officer.post(f"{case}/close", end="released").text
    assert officer.post(f"{case}/close", end="cleared", note="x").status_code == 409
    assert officer.post(f"{case}/close", end="early", note="two tests").status_code == 303


def test_whoever_may_not_see_health_sees_no_case_of_an_alert(hub, officer):
    told(hub, hot(1, "B1"))
    guard = Client(hub.url, "guard")
    for path in ("/alerts/1/case", "/cases/unnamed", "/cases/1"):
        assert guard.http.get(path).status_code == 403
    guard.http.close()


def test_there_is_nothing_behind_an_address_that_is_none(officer):
    for path in ("/cases/999", "/cases/99999999999999999999", "/alerts/99/case", "/cases/x"):
        answer = officer.http.get(path)
        assert answer.status_code == 404, path
        assert isinstance(answer, httpx.Response)
