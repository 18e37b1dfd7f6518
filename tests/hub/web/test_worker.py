"""A worker's telephone: the personal link, the declaration and sick leave; and what the office sees of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from hub.cases import ward
from hub.cases.models import Cause
from hub.cases.ward import Opening
from hub.duties.models import Absence, AbsenceKind, DutyDay
from hub.registry.models import Person
from hub.registry.office import Touched
from tests.hub.rounds.test_plan import at
from tests.hub.web.test_people import Client
from tests.hub.web.test_rounds import PHONE, hidden, telephone
from tests.support.browser import chromium
from tests.support.office import KEY, PASSWORD, ServedOffice, served_office
from wire.events import HealthDeclared
from wire.registry import Flag, RegistryEntry
from wire.tokens import TokenKind, token

pytestmark = pytest.mark.usefixtures("cheap_passwords")
WELL = {"well": "yes", "travelled": "no", "gathered": "no", "contact": "no"}
ILL = WELL | {"well": "no", "symptom-cough": "yes", "temperature": "37.9"}


class Now:
    """A wall clock that a test moves."""

    def __init__(self) -> None:
        self.now_ns = at("2020-02-10 07:00")

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Now:
    return Now()


@pytest.fixture
def office(tmp_path: Path, clock: Now) -> Iterator[ServedOffice]:
    with served_office(tmp_path, now_ns=clock) as office:
        yield office


@pytest.fixture
def officer(office: ServedOffice) -> Iterator[Client]:
    client = Client(office.url, "officer")
    client.post("/people", number="A100-4711", name="赵敏", team="焊接一班", badges="B 1788", active="yes")
    client.post("/people", number="A100-0815", name="李雷", team="焊接一班", badges="B 2", active="yes")
    client.post("/people", number="7", name="韩梅梅", active="yes")
    yield client
    client.http.close()


def links(client: Client) -> dict[str, str]:
    """Personal links by name, of everybody."""
    teams = re.findall(r'<option value="(\d+)"', client.get("/links"))
    pages = [client.get(f"/links?team={team}") for team in (*teams, "none")]
    slips = r'data-address="[^"]*(/w/[^"]+)"><p class="tear"><b>([^<]+)</b>'
    return {name: path for page in pages for path, name in re.findall(slips, page)}


def opened(office: ServedOffice, client: Client, name: str = "赵敏", tail: str = "4711") -> httpx.Client:
    """A telephone that is known to be somebody's."""
    phone = telephone(office)
    path = links(client)[name]
    answer = phone.post(path, data={**hidden(phone.get(path).text), "tail": tail})
    assert answer.headers["location"] == "/w", answer.text
    return phone


def send(phone: httpx.Client, path: str, **fields: str) -> httpx.Response:
    return phone.post(path, data={**hidden(phone.get(path).text), **fields})


def entry_of(office: ServedOffice, badge: str) -> RegistryEntry:
    return office.entry(token(KEY, TokenKind.BADGE, badge))


def declared(office: ServedOffice) -> list[HealthDeclared]:
    work = office.telephones.archive.after(0, 100)
    entries = asyncio.run_coroutine_threadsafe(work, office.loop).result(10)
    return [event for one in entries if isinstance(event := one.event(), HealthDeclared)]


def test_a_link_that_a_stranger_finds_names_nobody_and_opens_nothing(office, officer):
    path = links(officer)["赵敏"]
    stranger = telephone(office)
    page = stranger.get(path).text
    assert "赵" not in page
    assert "焊接" not in page
    assert "This telephone is not known" in stranger.get("/w").text
    for guess in ("0000", "1", "", "A100-471"):
        assert "That is not right" in send(stranger, path, tail=guess).text
    assert send(stranger, path, tail="9999").status_code == 403
    blocked = send(stranger, path, tail="4711")
    assert blocked.status_code == 429, "guessing takes longer and longer"
    assert "not good" in stranger.get(path[:-1]).text
    assert stranger.get(path[:-1]).status_code == 404


def test_a_telephone_opens_by_the_end_of_number_or_badge_and_shows_only_an_initial(office, officer):
    for tail in ("4711", "1788"):
        phone = opened(office, officer, tail=tail)
        home = phone.get("/w").text
        assert "赵＊" in home
        assert "赵敏" not in home
    assert telephone(office).get("/w/form/declare").status_code == 403
    assert phone.get(links(officer)["赵敏"]).headers["location"] == "/w"


def test_a_link_that_is_revoked_and_its_telephones_are_good_for_nothing(office, officer):
    phone, path = opened(office, officer), links(officer)["赵敏"]
    team = re.search(r'<option value="(\d+)"', officer.get("/links")).group(1)
    form = re.search(r'action="(/links/\d+/revoke)"', officer.get(f"/links?team={team}").partition("赵敏")[2]).group(1)
    assert officer.post(form, team=team).status_code == 303
    assert phone.get("/w").status_code == 403
    assert telephone(office).get(path).status_code == 404
    opened(office, officer)
    assert officer.post("/links/999/revoke").status_code == 404
    assert "worker-link-revoked" in Client(office.url, "auditor").get("/audit")


def test_who_is_well_declares_and_is_no_longer_missing(office, officer, clock):
    phone = opened(office, officer)
    assert "You have not declared" in phone.get("/w").text
    page = officer.get("/declarations")
    assert '<b data-count="missing">3</b>' in page
    assert "赵敏" in page
    team = re.search(r'href="/declarations\?team=(\d+)#missing">焊接一班', page).group(1)
    chosen = officer.get(f"/declarations?team={team}")
    assert "赵敏" in chosen
    assert "韩梅梅" not in chosen
    carried = {**hidden(phone.get("/w/form/declare").text), **WELL}
    for _ in range(2):
        assert "Declared today at 07:00" in phone.post("/w/form/declare", data=carried).text
    page = officer.get("/declarations")
    assert '<b data-count="declared">1</b>' in page
    assert "赵敏" not in page
    assert [(one.concern, one.settled) for one in declared(office)] == [("none", False)]
    clock.now_ns += 24 * 3600 * 10**9
    assert "You have not declared" in phone.get("/w").text
    assert '<b data-count="missing">3</b>' in Client(office.url, "officer").get("/declarations")


def test_who_is_ill_is_told_to_stay_at_home_and_the_gates_refuse_until_the_officer_settles_it(office, officer):
    phone = opened(office, officer)
    answer = send(phone, "/w/form/declare", **ILL)
    assert "Do not come to work" in answer.text
    assert "See a doctor soon" in answer.text
    assert entry_of(office, "B 1788").flags == (Flag.DECLARED_ILL,)
    assert entry_of(office, "B 2").flags == ()
    send(phone, "/w/form/declare", **WELL)
    assert entry_of(office, "B 1788").flags == (Flag.DECLARED_ILL,), "one cannot declare oneself well again"
    page = officer.get("/declarations")
    assert "cough" in page
    assert "37.9 °C" in page
    number = re.search(r'data-number="(\d+)"', page).group(1)
    assert officer.post(f"/declarations/{number}/settle").status_code == 400, "a word is asked for"
    assert officer.post(f"/declarations/{number}/settle", word="a cold, doctor's note").status_code == 303
    assert officer.post(f"/declarations/{number}/settle", word="again").status_code == 404
    assert entry_of(office, "B 1788").flags == ()
    assert "Nobody has declared to be ill" in officer.get("/declarations")
    told = [(one.concern, one.settled) for one in declared(office)]
    assert told == [("ill", False), ("none", False), ("ill", True)]
    assert all("赵" not in str(one) for one in declared(office))
    seen = Client(office.url, "auditor").get("/audit")
    assert "declaration-settled" in seen
    assert "declarations-seen" in seen
    assert "cough" not in seen


def test_who_does_not_come_today_is_not_asked_and_the_page_says_how_many_that_are(office, officer):
    """Resting by the rota, on leave, and in isolation; who has no shift that anybody knows of is asked."""
    for number in ("rests", "away", "isolated", "comes"):
        officer.post("/people", number=number, name=f"名{number}", team="焊接二班", active="yes")

    def said(session) -> tuple[None, Touched]:
        people = {one.number: one.id for one in session.scalars(select(Person))}
        today, whole = date(2020, 2, 10), {"said_ns": 1, "said_by": "hr"}
        session.add(DutyDay(day=today, person_id=people["rests"], shift_id=None, **whole))
        session.add(
            Absence(person_id=people["away"], kind=AbsenceKind.BUSINESS, from_on=today, until_on=today, **whole)
        )
        opening = Opening(people["isolated"], Cause.RETURNEE, 14, None, "")
        ward.open_case(session, opening, today, by="officer", now_ns=at("2020-02-10 06:00"))
        return None, Touched(people=list(people.values()))

    asyncio.run_coroutine_threadsafe(office.people.change(said), office.loop).result(10)
    page = officer.get("/declarations")
    assert '<b data-count="missing">4</b>' in page, "three of before, and who comes"
    missing = page.partition('id="missing"')[2]
    assert "名comes" in missing
    assert not any(name in missing for name in ("名rests", "名away", "名isolated"))
    assert "3 do not come today and are not asked: 1 off by the rota · 1 on leave or away · 1 in isolation<" in page
    assert "今日不到岗、不要求申报的 3 人： 轮休 1 人 · 请假或外出 1 人 · 隔离 1 人<" in officer.get(
        "/declarations?lang=zh"
    )


def test_a_site_may_let_gates_know_who_declared_and_not_hold_anybody(tmp_path, clock):
    with served_office(tmp_path, now_ns=clock, hold_ill=False, tell_gates=True) as office:
        officer = Client(office.url, "officer")
        officer.post("/people", number="4711", name="赵敏", badges="B 1788", active="yes")
        phone = opened(office, officer)
        assert entry_of(office, "B 1788").declared_until_ns is None
        send(phone, "/w/form/declare", **WELL)
        assert entry_of(office, "B 1788").declared_until_ns == at("2020-02-11")
        send(phone, "/w/form/declare", **ILL)
        assert entry_of(office, "B 1788").flags == ()


def test_a_form_that_is_not_whole_says_what_is_missing_and_keeps_what_was_typed(office, officer):
    phone = opened(office, officer)
    answer = send(phone, "/w/form/declare", well="no", contact="yes", travelled="yes", **{"travelled-what": "<b>包头"})
    assert answer.status_code == 400
    assert "NOT STORED" in answer.text
    for words in ("Choose what you have.", "Say a word about it.", "Choose one."):
        assert words in answer.text
    assert "&lt;b&gt;包头" in answer.text
    assert declared(office) == []
    assert phone.post("/w/form/declare", data=WELL).status_code == 403


def test_sick_leave_is_asked_for_on_the_telephone_and_confirmed_by_hr(office, officer):
    phone = opened(office, officer)
    leave = {"from": "2020-02-10", "until": "2020-02-12", "symptoms": "cough", "note": "hospital"}
    assert "Stored: HR will see it" in send(phone, "/w/form/leave", **leave).text
    again = send(phone, "/w/form/leave", **leave)
    assert "You are away already from 2020-02-10 to 2020-02-12" in again.text
    assert "before the first" in send(phone, "/w/form/leave", **{**leave, "until": "2020-02-01"}).text
    assert "Expected a day" in send(phone, "/w/form/leave", **{**leave, "from": "soon"}).text
    assert "waits for HR" in phone.get("/w").text
    hr = Client(office.url, "hr")
    page = hr.get("/declarations")
    assert '<b data-count="missing">2</b>' in page, "who is away is not asked to declare"
    form = re.search(r'action="(/declarations/leave/\d+/confirm)"', page).group(1)
    assert hr.post(form).status_code == 303
    assert hr.post(form).status_code == 404
    assert "Nobody waits" in hr.get("/declarations")
    assert "confirmed" in phone.get("/w").text


def test_sick_leave_that_hr_refuses_is_none_and_the_telephone_says_so(office, officer):
    phone = opened(office, officer)
    leave = {"from": "2020-02-10", "until": "2020-02-12", "symptoms": "cough"}
    send(phone, "/w/form/leave", **leave)
    hr = Client(office.url, "hr")
    form = re.search(r'action="(/declarations/leave/\d+/refuse)"', hr.get("/declarations")).group(1)
    assert hr.post(form).status_code == 303
    assert hr.post(form).status_code == 404
    assert hr.post(form.replace("refuse", "confirm")).status_code == 404
    page = hr.get("/declarations")
    assert "Nobody waits" in page
    assert '<b data-count="missing">3</b>' in page, "they are asked to declare again"
    assert "Your leave from 2020-02-10 to 2020-02-12 was not taken" in phone.get("/w").text
    assert "Stored: HR will see it" in send(phone, "/w/form/leave", **leave).text


# -- in a real browser -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def sign_in(page: Page, url: str, lang: str) -> None:
    page.goto(f"{url}/sign-in?after=/declarations&lang={lang}")
    page.locator("[name=login]").fill("officer")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url("**/declarations")


@pytest.mark.parametrize(("lang", "javascript"), [("zh", False), ("en", True)])
def test_a_worker_scans_the_slip_declares_symptoms_and_the_officer_sees_it(browser, office, officer, lang, javascript):
    desk = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    said: list[str] = []
    desk.on("console", lambda message: said.append(message.text))
    sign_in(desk, office.url, lang)
    desk.locator("a[href='/links']").click()
    desk.locator("[name=team]").select_option(label="焊接一班")
    desk.locator("main form button.first").click()
    slip = desk.locator(".slip", has_text="赵敏")
    picture = cv2.imdecode(np.frombuffer(slip.locator("> svg").screenshot(), np.uint8), cv2.IMREAD_COLOR)
    address, _, _ = cv2.QRCodeDetector().detectAndDecode(picture)
    locale = "zh-CN" if lang == "zh" else "en-GB"
    phone = browser.new_context(viewport=PHONE, locale=locale, java_script_enabled=javascript).new_page()
    phone.on("console", lambda message: said.append(message.text))
    phone.goto(address)
    phone.locator("[name=tail]").fill("4711")
    phone.locator("button").click()
    phone.locator("a[href='/w/form/declare']").click()
    phone.locator("[name=well][value=no]").check()
    phone.locator("[name=symptom-fever]").check()
    phone.locator("[name=temperature]").fill("38,1")
    for name in ("travelled", "gathered", "contact"):
        phone.locator(f"[name={name}][value=no]").check()
    phone.locator("button").click()
    expect(phone.locator(".big.stop")).to_contain_text("请不要来上班" if lang == "zh" else "Do not come to work")
    desk.goto(f"{office.url}/declarations")
    row = desk.locator("[data-number]")
    expect(row).to_contain_text("赵敏")
    expect(row).to_contain_text("38.1 °C")
    row.locator("[name=word]").fill("流感，已就诊")
    row.locator("button").click()
    expect(desk.locator("[data-number]")).to_have_count(0)
    phone.context.close()
    desk.context.close()
    assert said == []


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_page_of_declarations_scrolls_sideways_on_a_small_telephone(browser, office, officer, lang):
    officer.post("/people", number="9" * 40, name="很长的名字" * 10, team="x" * 60, telephone="1" * 40, active="yes")
    context = browser.new_context(viewport={"width": 320, "height": 700}, locale="zh-CN" if lang == "zh" else "en-GB")
    page = context.new_page()
    page.goto(office.url + links(officer)["赵敏"])
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.locator("[name=tail]").fill("4711")
    page.locator("button").click()
    page.wait_for_url("**/w")
    send(opened(office, officer), "/w/form/declare", **ILL, told="w" * 200)
    for path in ("/w", "/w/form/declare", "/w/form/leave"):
        page.goto(office.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
    sign_in(page, office.url, lang)
    for path in ("/declarations", "/links", "/links?team=1"):
        page.goto(office.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
    context.close()
