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
from wire.events import Outcome, PersonPassage, Reason, SecondaryMeasurement, Verdict

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


def test_a_board_without_a_gate_says_what_is_first_to_those_who_may_do_it(hub, officer):
    for login, steps in (("officer", ["/site", "/people"]), ("admin", ["/users", "/site", "/gates"]), ("guard", [])):
        board = Client(hub.url, login).get("/")
        assert re.findall(r'<li><a href="(/\w+)">', board.partition("First steps")[2].partition("</ul>")[0]) == steps


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


def passage(number: int, card: str, seconds_ago: float, lane: str = "people") -> PersonPassage:
    return PersonPassage(
        time_ns=time.time_ns() - round(seconds_ago * 1e9), passage=f"q-{number}", lane=lane, badge=badge(card),
        outcome=Outcome.ALLOW, verdict=Verdict.NORMAL, reasons=(Reason.TEMPERATURE_NORMAL,),
    )  # fmt: skip


def test_contacts_are_listed_by_exposure_isolated_with_one_click_and_lead_back(hub, officer):
    officer.add(number="3", name="王芳", badges="B3", team="装配班")
    officer.add(number="4", name="赵六", badges="B4", team="装配班")
    officer.add(number="5", name="钱七", badges="B5", team="装配班")
    told(hub, passage(1, "B1", 4000), passage(2, "B3", 4040), passage(3, "B4", 4290), passage(4, "B5", 5000))
    told(hub, hot(1, "B1"))
    hub.read("passes")
    case = officer.case_of("李雷")
    assert "1 passages" not in officer.get(case)
    page = officer.get(f"{case}/contacts")
    assert re.findall(r"<td>(\S+) <span", page) == ["韩梅梅", "王芳", "赵六"]
    for words in ("same team", "1 passages together", "nearest 40 s", "3 people, the most exposed first."):
        assert words in page
    assert "赵六" not in officer.get(f"{case}/contacts?minutes=2")
    assert "钱七" in officer.get(f"{case}/contacts?minutes=20")
    boxes = dict(re.findall(r'name="(person-\d+)" value="yes" aria-label="(\S+)"', page))
    assert "Tick somebody first." in officer.post(f"{case}/contacts", days="14").text
    assert "Days: expected" in officer.post(f"{case}/contacts", days="x", **dict.fromkeys(boxes, "yes")).text
    chosen = {name: "yes" for name, who in boxes.items() if who != "赵六"}
    assert officer.post(f"{case}/contacts", days="14", **chosen).status_code == 303
    assert {"韩梅梅", "王芳"} <= set(re.findall(r">(\S+?)</a> · isolated", officer.get(case)))
    assert f'href="{case}"' in officer.get(officer.case_of("王芳"))
    again = officer.get(f"{case}/contacts")
    assert again.count(">isolated<") == 2
    assert officer.post(f"{case}/contacts", days="14", **dict.fromkeys(boxes, "yes")).status_code == 303
    assert officer.get("/cases").count("contact</td>") == 3


def test_the_report_has_all_that_headquarters_ask_for_and_making_it_is_noted(hub, officer):
    told(hub, passage(1, "B1", 400), passage(2, "B2", 380), hot(1, "B1"))
    hub.read("passes")
    case = officer.case_of("李雷")
    report = officer.get(f"{case}/report?lang=zh")
    for words in (
        "报当地防疫指挥部",
        "李雷",
        "焊接一班",
        "38.1",
        "韩梅梅",
        "同班组",
        "密切接触者 1 人",
        "负责人（签字）",
    ):
        assert words in report, words
    assert "report made" in officer.get(f"{case}?lang=en")
    assert officer.http.get("/cases/99/report").status_code == 404


def test_whoever_may_not_see_health_sees_no_case_of_an_alert(hub, officer):
    told(hub, hot(1, "B1"))
    guard = Client(hub.url, "guard")
    for path in ("/alerts/1/case", "/cases/unnamed", "/cases/1", "/cases/1/contacts", "/cases/1/report"):
        assert guard.http.get(path).status_code == 403
    guard.http.close()


def test_there_is_nothing_behind_an_address_that_is_none(officer):
    for path in ("/cases/999", "/cases/99999999999999999999", "/alerts/99/case", "/cases/x"):
        answer = officer.http.get(path)
        assert answer.status_code == 404, path
        assert isinstance(answer, httpx.Response)
