"""What a guard does at the gate, in a real browser on a telephone and a tablet, in both languages, at real lanes."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from edge.guard.passwords import hashed
from edge.guard.words import say
from edge.words import LANGS, Lang
from tests.support.gates import KEY
from tests.support.guard import PASSWORD, ServedGuard, served_guard
from wire.events import (
    Disinfection,
    Guest,
    Outcome,
    Override,
    Registration,
    SecondaryMeasurement,
    VehiclePassage,
    Verdict,
)
from wire.registry import Holder, RegistryEntry
from wire.sealing import Details, new_key, public_of, unseal
from wire.tokens import TokenKind, token

PHONE, TABLET = (390, 844), (820, 1180)
PRIVATE = new_key()
NUMBERS = [str(number) for number in range(1001, 1041)]
PLATES = {"zh": "蒙B12345", "en": "蒙B54321"}
STAFF = [RegistryEntry(token(KEY, TokenKind.BADGE, number), Holder.EMPLOYEE) for number in NUMBERS]
LORRIES = [RegistryEntry(token(KEY, TokenKind.PLATE, plate), Holder.VEHICLE) for plate in PLATES.values()]
GUARDS = {"li": hashed(PASSWORD), "han": hashed(PASSWORD + " too")}
VISITOR = {
    "number": "V17", "name": "韩梅梅", "telephone": "138 0013 8000", "company": "北方泵业", "host": "李雷",
    "reason": "修泵", "hours": "3",
}  # fmt: skip


@pytest.fixture(scope="module")
def guard() -> Iterator[ServedGuard]:
    with served_guard(
        "people", "trucks", entries=(*STAFF, *LORRIES), guards=GUARDS, sealing_key=public_of(PRIVATE)
    ) as guard:
        yield guard


@pytest.fixture(params=[("zh", PHONE), ("en", TABLET)], ids=["zh-phone", "en-tablet"])
def screen(request, guard, new_page) -> Screen:
    lang, size = request.param
    return Screen(new_page(guard, *size), guard, lang)


@pytest.fixture(scope="module")
def staff() -> Iterator[str]:
    """Badges of employees that were not shown yet."""
    return iter(NUMBERS[1:])


class Screen:
    """A guard's own screen, logged in."""

    def __init__(self, page: Page, guard: ServedGuard, lang: Lang) -> None:
        self.page, self.guard, self.lang = page, guard, lang
        page.goto(f"{guard.url}/login?lang={lang}")
        page.locator("#user").fill("li")
        page.locator("#password").fill(PASSWORD)
        self.press("log-in")
        page.wait_for_url(f"{guard.url}/")

    def word(self, key: str, *values: str) -> str:
        return say(key, self.lang, *values)

    def press(self, key: str) -> None:
        self.page.locator("main").get_by_role("button", name=self.word(key), exact=True).click()

    def open(self, path: str) -> None:
        self.page.goto(self.guard.url + path)

    def fill(self, **fields: str) -> None:
        for field, value in fields.items():
            self.page.locator(f"#{field}").fill(value)

    def row_deed(self, lane: str, key: str) -> None:
        """A button of the newest passage of a lane."""
        row = self.page.locator(f"section[data-lane={lane}] .row").first
        row.get_by_role("link", name=self.word(key), exact=True).click()

    def lamp(self, lane: str) -> str:
        return self.page.locator(f"section[data-lane={lane}] .word").inner_text()

    def expect_lamp(self, lane: str, key: str) -> None:
        expect(self.page.locator(f"section[data-lane={lane}] .word")).to_have_text(self.word(f"lamp.{key}"))

    def expect_done(self, *words: str) -> None:
        for word in words:
            expect(self.page.locator(".done")).to_contain_text(word)

    def expect_problem(self, field: str, words: str) -> None:
        expect(self.page.locator(f"#{field}-problem")).to_contain_text(words)
        expect(self.page.locator(f"#{field}")).to_have_attribute("aria-invalid", "true")

    def shot(self, name: str) -> None:
        """Nothing scrolls sideways; a picture where one is asked for."""
        self.page.wait_for_load_state("load")
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if shots := os.environ.get("MENSHEN_SHOTS"):
            self.page.screenshot(path=f"{shots}/{name}-{self.lang}.png", full_page=True)


def test_the_board_follows_the_lanes_by_itself(screen, guard, staff):
    screen.open("/")
    guard.do(guard.gate.passes("people", next(staff)))
    screen.expect_lamp("people", "go")
    newest = screen.page.locator("section[data-lane=people] .row").first
    expect(newest).to_contain_text(screen.word("skin", "35.1", "0.4"))
    expect(newest).to_contain_text(screen.word("body", "36.6", "0.5"))
    expect(newest).to_contain_text(screen.word("holder.employee"))
    guard.do(guard.gate.passes("people", next(staff), verdict=Verdict.FEVER, skin_c=37.9))
    screen.expect_lamp("people", "stop")
    expect(newest).to_contain_text(screen.word("reason.fever"))
    guard.do(guard.gate.passes("people", next(staff), verdict=Verdict.SUSPECT, skin_c=36.3, again_after_s=240.0))
    screen.expect_lamp("people", "look")
    expect(newest.locator(".again")).to_contain_text("4")
    state = screen.page.locator(".state")
    expect(state).to_contain_text(screen.word("hub-away"))
    expect(state).to_contain_text("people-badge")
    screen.shot("board")


def test_a_contact_thermometer_decides_at_once_and_a_figure_that_no_body_has_is_refused(screen, guard, staff):
    badge = next(staff)
    refused = guard.do(guard.gate.passes("people", badge, verdict=Verdict.UNMEASURED))
    screen.open("/")
    screen.row_deed("people", "measure")
    for wrong in ("365", "28", "abc", ""):
        screen.fill(body_c=wrong)
        screen.press("save")
        screen.expect_problem("body_c", wrong or screen.word("needed"))
    screen.shot("measure-wrong")
    assert [one for one in guard.events(SecondaryMeasurement) if one.passage == refused.passage] == []
    screen.fill(body_c="36,5 ℃")
    screen.press("save")
    screen.expect_done(screen.word("outcome.allow"), screen.word("measured", "36.5"))
    screen.expect_lamp("people", "go")
    screen.shot("measured")
    [measured] = [one for one in guard.events(SecondaryMeasurement) if one.passage == refused.passage]
    assert (measured.body_c, measured.by, measured.badge, measured.outcome) == (
        36.5,
        "li",
        token(KEY, TokenKind.BADGE, badge),
        Outcome.ALLOW,
    )


def test_a_badge_that_was_typed_is_measured_and_one_that_is_nobodys_is_told(screen, guard):
    screen.open("/measure")
    screen.fill(body_c="38.2")
    screen.press("save")
    screen.expect_problem("badge", screen.word("whom"))
    screen.fill(badge="9999")
    screen.press("save")
    screen.expect_problem("badge", "9999")
    screen.fill(badge=" 1001 ")
    screen.press("save")
    screen.expect_done(screen.word("outcome.deny"), screen.word("reason.fever"))
    screen.expect_lamp("people", "stop")
    assert guard.events(SecondaryMeasurement)[-1].badge == STAFF[0].token


def test_a_visitor_who_was_registered_gets_in_at_once_and_their_name_stays_sealed(screen, guard):
    badge = {"zh": "V17", "en": "V18"}[screen.lang]
    screen.open("/register?guest=visitor")
    screen.fill(**VISITOR | {"number": badge, "telephone": "call me", "hours": "900", "host": ""})
    screen.press("register")
    screen.expect_problem("telephone", "call me")
    screen.expect_problem("hours", "900")
    screen.expect_problem("host", screen.word("needed"))
    expect(screen.page.locator("#name")).to_have_value("韩梅梅")
    screen.shot("visitor-wrong")
    screen.fill(**VISITOR | {"number": badge})
    screen.press("register")
    screen.expect_done(badge)
    screen.shot("visitor")
    registered = guard.events(Registration)[-1]
    assert (registered.guest, registered.by, registered.reason_stated) == (Guest.VISITOR, "li", True)
    assert registered.host is not None
    assert unseal(PRIVATE, registered.token, registered.sealed) == Details(
        **{key: value for key, value in VISITOR.items() if key != "hours"} | {"number": badge}
    )
    assert "韩梅梅" not in str(guard.gate.heard.events)
    passage = guard.do(guard.gate.passes("people", badge))
    assert passage.outcome is Outcome.ALLOW
    screen.open("/register?guest=visitor")
    screen.fill(**VISITOR | {"number": badge})
    screen.press("register")
    screen.expect_problem("number", badge)


def test_a_staff_badge_cannot_be_given_to_a_visitor(screen, guard):
    screen.open("/register?guest=visitor")
    screen.fill(**VISITOR | {"number": "1001"})
    screen.press("register")
    screen.expect_problem("number", screen.word("taken-employee", "1001"))


def test_a_vehicle_is_registered_and_disinfected_and_then_let_in(screen, guard):
    plate = {"zh": "京A·88888", "en": "京A-99999"}[screen.lang]
    read = plate.replace("·", "").replace("-", "")
    assert guard.do(guard.gate.drives_up(read)).outcome is Outcome.DENY
    screen.open("/register?guest=vehicle")
    screen.fill(**VISITOR | {"number": "88", "host": ""})
    screen.press("register")
    screen.expect_problem("number", "88")
    screen.fill(number=plate, tag=f"E280 {read[-5:]}")
    screen.shot("vehicle")
    screen.press("register")
    screen.expect_done(read, screen.word("disinfect-next"))
    screen.open("/disinfect")
    screen.press("save")
    screen.expect_problem("plate", screen.word("needed"))
    screen.fill(plate=plate)
    screen.press("save")
    screen.expect_done(screen.word("outcome.allow"))
    screen.expect_lamp("trucks", "go")
    screen.shot("disinfected")
    assert guard.events(VehiclePassage)[-1].outcome is Outcome.ALLOW
    assert guard.events(Disinfection)[-1].by == "li"


def test_a_vehicle_of_the_list_is_disinfected_by_one_button(screen, guard):
    guard.do(guard.gate.drives_up(PLATES[screen.lang]))
    screen.open("/")
    screen.row_deed("trucks", "disinfect")
    screen.press("save")
    screen.expect_done(screen.word("outcome.allow"), screen.word("reason.vehicle-registered"))
    assert guard.events(Disinfection)[-1].vehicle == token(KEY, TokenKind.PLATE, PLATES[screen.lang])


def test_a_guard_decides_otherwise_by_name_and_with_a_reason(screen, guard):
    refused = guard.do(guard.gate.passes("people", None))
    screen.open("/")
    screen.row_deed("people", "override")
    screen.press("save")
    expect(screen.page.locator("#outcome-problem")).to_have_text(screen.word("choose"))
    screen.expect_problem("why", screen.word("needed"))
    screen.page.get_by_label(screen.word("choose-allow"), exact=True).check()
    screen.fill(why="badge forgotten, known to me")
    screen.shot("override")
    screen.press("save")
    screen.expect_done(screen.word("outcome.allow"), "li")
    screen.expect_lamp("people", "go")
    said = guard.events(Override)[-1]
    assert (said.by, said.passage, said.outcome) == ("li", refused.passage, Outcome.ALLOW)
    row = screen.page.locator("section[data-lane=people] .row").first
    expect(row.locator(".hand")).to_contain_text("badge forgotten")


def test_one_press_is_one_event_however_often_it_is_sent(screen, guard):
    before = len(guard.events(SecondaryMeasurement))
    screen.open("/measure")
    screen.fill(badge="1001", body_c="36.4")
    form = {
        one["name"]: one["value"]
        for one in screen.page.eval_on_selector_all(
            "form.deed [name]", "all => all.map(one => ({name: one.name, value: one.value}))"
        )
    }
    headers = {"origin": guard.url}
    for _ in range(3):
        answer = screen.page.request.post(guard.url + "/measure", form=form, headers=headers, max_redirects=0)
        assert answer.status == 303
    screen.page.locator("button[type=submit]").last.dblclick()
    screen.expect_done(screen.word("measured", "36.4"))
    assert len(guard.events(SecondaryMeasurement)) == before + 1


def test_a_gate_without_a_key_says_that_the_details_belong_on_paper(new_page):
    with served_guard("people", guards=GUARDS) as guard:
        screen = Screen(new_page(guard, *PHONE), guard, "zh")
        screen.open("/register?guest=visitor")
        expect(screen.page.get_by_role("note")).to_contain_text("纸")
        screen.shot("paper")
        screen.fill(**VISITOR)
        screen.press("register")
        screen.expect_done(screen.word("on-paper"))
        [registered] = guard.events(Registration)
        assert registered.sealed == ""
        assert guard.do(guard.gate.passes("people", "V17")).outcome is Outcome.ALLOW


def test_a_pulled_device_and_a_gate_that_is_gone_are_said(new_page):
    with served_guard("people", "trucks", guards=GUARDS) as guard:
        screen = Screen(new_page(guard, *PHONE), guard, "en")
        guard.do(_pull(guard))
        screen.expect_lamp("people", "look")
        lane = screen.page.locator("section[data-lane=people]")
        expect(lane).to_contain_text("measured by hand")
        expect(screen.page.locator(".state .abnormal").filter(has_text="people-thermal")).to_contain_text("failed")
        screen.shot("by-hand")
        screen.page.route("**/board/news*", lambda route: route.abort())
        expect(screen.page.locator("#trouble")).to_contain_text("No connection to the gate", timeout=15_000)


async def _pull(guard: ServedGuard) -> None:
    guard.gate.sockets["people"]["thermal"].pull()


@pytest.mark.parametrize("lang", LANGS)
def test_the_wrong_name_or_password_is_refused_in_words(new_page, guard, lang):
    page = new_page(guard, *PHONE)
    page.goto(f"{guard.url}/login?lang={lang}")
    page.locator("#user").fill("li")
    page.locator("#password").fill(PASSWORD + " too")
    page.locator("main button").click()
    expect(page.get_by_role("alert")).to_have_text(say("wrong-login", lang))
    if shots := os.environ.get("MENSHEN_SHOTS"):
        page.screenshot(path=f"{shots}/login-{lang}.png")
