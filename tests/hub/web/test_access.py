"""Signing in and staying in: that nobody gets in by a trick."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest
from sqlalchemy import select

from hub.accounts import desk
from hub.accounts.audit import note
from hub.accounts.models import AuditEntry, Role
from hub.accounts.roles import Permission
from hub.web import boards
from hub.web.access import COOKIE
from hub.web.accounts import LISTED
from tests.support.console import bearer, signed_in, token_for
from tests.support.whole import NOW_NS, PASSWORD, add, csrf, sign_in

pytestmark = pytest.mark.usefixtures("cheap_passwords")


async def test_a_page_for_some_asks_to_sign_in_and_then_goes_where_it_was_asked_for(browser, database):
    await add(database, Role.ADMIN)
    asked = await browser.get("/users?lang=zh")
    assert asked.status_code == 303
    assert asked.headers["location"] == "/sign-in?after=%2Fusers%3Flang%3Dzh"
    signed = await browser.post(asked.headers["location"], data={"login": "admin", "password": PASSWORD})
    assert signed.headers["location"] == "/users?lang=zh"
    assert (await browser.get("/users")).status_code == 200
    cookie = signed.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


@pytest.mark.parametrize("after", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1", ""])
async def test_nobody_is_sent_to_another_site_after_signing_in(browser, database, after):
    await add(database, Role.ADMIN)
    signed = await browser.post("/sign-in", params={"after": after}, data={"login": "admin", "password": PASSWORD})
    assert signed.headers["location"] == "/"


async def test_who_guesses_waits_longer_and_longer_also_with_the_right_password(browser, database, clock):
    await add(database, Role.HR)
    for _ in range(5):
        assert (await sign_in(browser, "hr", "guess")).status_code == 401
    waiting = await sign_in(browser, "hr")
    assert waiting.status_code == 429
    assert "try again in 2 s" in waiting.text
    clock.now_ns += 2 * 10**9
    assert (await sign_in(browser, "hr")).status_code == 303


async def test_a_change_without_the_pages_own_token_is_not_made(browser, database):
    await add(database, Role.ADMIN)
    await sign_in(browser, "admin")
    user = {"login": "mallory", "role": "admin", "password": PASSWORD}
    for forged in ({}, {"csrf": "guess"}):
        refused = await browser.post("/users", data=user | forged)
        assert refused.status_code == 403
        assert "not sent from our own page" in refused.text
    assert "mallory" not in (await browser.get("/users")).text
    token = await csrf(browser)
    assert (await browser.post("/users", data=user | {"csrf": token})).status_code == 303
    assert "mallory" in (await browser.get("/users")).text


async def test_a_sign_in_form_of_another_site_is_not_taken(browser, database):
    await add(database, Role.ADMIN)
    forged = await browser.post(
        "/sign-in", data={"login": "admin", "password": PASSWORD}, headers={"sec-fetch-site": "cross-site"}
    )
    assert forged.status_code == 403


async def test_signing_out_ends_the_session_and_a_new_password_ends_all(browser, server, database):
    await add(database, Role.HR)
    await sign_in(browser, "hr")
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as other:
        await sign_in(other, "hr")
        token = await csrf(other)
        assert (await other.post("/account", data={"csrf": token, "old": "x", "new": "y" * 10})).status_code == 403
        changed = await other.post("/account", data={"csrf": token, "old": PASSWORD, "new": "another good one"})
        assert changed.status_code == 303
        assert (await other.get("/account")).status_code == 303
    assert (await browser.get("/account")).status_code == 303
    assert (await sign_in(browser, "hr", "another good one")).status_code == 303
    assert (await browser.post("/sign-out", data={"csrf": await csrf(browser)})).status_code == 303
    assert (await browser.get("/account")).status_code == 303


async def test_a_program_comes_to_the_api_with_a_token_and_to_no_page(browser, database):
    headers = bearer(await token_for(database, Permission.BOARD))
    assert (await browser.get("/api/state", headers=headers)).status_code == 200
    for page in ("/", "/users", "/account"):
        assert (await browser.get(page, headers=headers)).status_code == 303
    refused = await browser.get("/api/state", headers=bearer("nonsense"))
    assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
    assert refused.headers["www-authenticate"] == "Bearer"


async def test_an_unknown_page_and_a_wrong_method_are_answered_in_words(browser):
    assert "There is no such page." in (await browser.get("/nowhere")).text
    assert (await browser.delete("/sign-in")).status_code == 405
    problem = await browser.get("/api/nowhere")
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json() == {"title": "Not Found", "status": 404, "detail": "There is no such page."}


async def test_a_language_once_chosen_stays(browser):
    assert "没有这个页面" in (await browser.get("/nowhere?lang=zh")).text
    assert "没有这个页面" in (await browser.get("/nowhere")).text


async def test_the_record_shows_who_did_what_and_says_when_it_was_tampered_with(browser, database):
    await add(database, Role.AUDITOR)
    await sign_in(browser, "auditor")
    page = await browser.get("/audit")
    assert "All 2 entries are as they were written." in page.text
    assert "signed-in" in page.text
    assert "signed-in" not in (await browser.get("/audit", params={"who": "nobody"})).text

    def much(session) -> None:
        for _ in range(LISTED):
            note(session, NOW_NS, "hub", "retention")

    assert "校验全部记录" not in (await browser.get("/audit?lang=zh")).text
    await database.write(much)
    page = (await browser.get("/audit?lang=en")).text
    assert "The newest 200 entries are as they were written." in page
    assert "All 202 entries" in (await browser.get(re.search(r'href="(/audit\?whole=1)"', page).group(1))).text

    def tamper(session) -> None:
        session.scalars(select(AuditEntry).order_by(AuditEntry.id)).first().who = "nobody"

    await database.write(tamper)
    assert "Entry 1 is not as it was written" in (await browser.get("/audit?whole=1")).text


async def test_signing_in_ends_the_session_that_the_browser_had(browser, database):
    await add(database, Role.HR)
    await sign_in(browser, "hr")
    old = browser.cookies[COOKIE]
    await sign_in(browser, "hr")
    new = browser.cookies[COOKIE]
    browser.cookies.clear()
    assert (await browser.get("/account", headers={"cookie": f"{COOKIE}={old}"})).status_code == 303
    assert (await browser.get("/account", headers={"cookie": f"{COOKIE}={new}"})).status_code == 200


async def test_many_guesses_at_once_are_many(browser, database):
    await add(database, Role.HR)
    answers = await asyncio.gather(*(sign_in(browser, "hr", f"guess {number}") for number in range(20)))
    assert sum(answer.status_code == 401 for answer in answers) <= 6
    assert {answer.status_code for answer in answers} == {401, 429}


async def test_a_stream_ends_when_its_reader_is_kept_out(browser, database, monkeypatch):
    monkeypatch.setattr(boards, "CHECK_EVERY", 2)
    browser.cookies.update(await signed_in(database, Role.HR, now_ns=NOW_NS))
    async with asyncio.timeout(20), browser.stream("GET", "/live") as response:
        chunks = response.aiter_bytes()
        await anext(chunks)
        await database.write(lambda session: desk.disable(session, "hr", by="test", now_ns=NOW_NS))
        async for _ in chunks:
            pass


async def test_whoever_asks_too_fast_waits(browser, database, clock, pace):
    browser.cookies.update(await signed_in(database, Role.HR, now_ns=NOW_NS))
    while pace.left("hr") > 3:  # five hundred real requests say no more than the last three of them
        pace.wait_s("hr", clock.now_ns)
    answers = [(await browser.get("/api/state")).status_code for _ in range(5)]
    assert answers == [200, 200, 200, 429, 429]
    clock.now_ns += 10**9
    assert (await browser.get("/api/state")).status_code == 200
