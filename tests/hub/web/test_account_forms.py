"""Forms about accounts and programs' tokens: what is wrong stands beside its field, and what was typed is kept."""

from __future__ import annotations

import re

import pytest

from hub.accounts.models import Role
from tests.support.whole import PASSWORD, add, csrf, sign_in

pytestmark = pytest.mark.usefixtures("cheap_passwords")


async def test_the_first_administrator_is_made_by_a_link_that_works_once(browser, database):
    new = {"login": "wang", "name": "王芳", "password": PASSWORD, "again": PASSWORD}
    assert (await browser.get("/first/guess")).status_code == 404
    assert (await browser.post("/first/guess", data=new)).status_code == 404
    assert "becomes the administrator" in (await browser.get("/first/code")).text
    assert "differ" in (await browser.post("/first/code", data=new | {"again": "other"})).text
    short = await browser.post("/first/code", data=new | {"password": "x", "again": "x"})
    assert (short.status_code, "expected at least 10" in short.text) == (400, True)
    forged = await browser.post("/first/code", data=new, headers={"origin": "http://evil.example"})
    assert forged.status_code == 403
    made = await browser.post("/first/code", data=new)
    assert (made.status_code, made.headers["location"]) == (303, "/users")
    assert "wang" in (await browser.get("/users")).text
    assert (await browser.get("/first/code")).status_code == 404
    assert (await browser.post("/first/code", data=new | {"login": "mallory"})).status_code == 404


async def test_a_new_hub_says_how_its_first_user_is_made(browser):
    page = await browser.get("/sign-in")
    assert "menshen hub user add" in page.text


def beside(page: str, field: str) -> str:
    """What a page says is wrong with a field, within the field's own label."""
    found = re.search(
        rf'<label class="bad">(?:(?!</label>).)*name="{field}"(?:(?!</label>).)*</label>', page, re.DOTALL
    )
    assert found, f"nothing is wrong with {field}"
    return re.search(r'<span class="wrong" role="alert">([^<]+)</span>', found[0]).group(1)


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"login": "hr", "password": PASSWORD}, "login", "用户名“hr”已存在。"),
        ({"login": "李 雷", "password": PASSWORD}, "login", "应为 1 至 60 个字母"),
        ({"login": "new", "password": "short"}, "password", "密码只有 5 个字符，至少需要 10 个。"),
        ({"login": "new", "password": PASSWORD, "role": "king"}, "role", "没有这个角色。"),
    ],
)
async def test_why_a_user_cannot_be_made_stands_beside_the_field_in_the_language_of_whoever_tries(
    browser, database, fields, field, words
):
    await add(database, Role.ADMIN)
    await add(database, Role.HR)
    await sign_in(browser, "admin")
    sent = {"csrf": await csrf(browser), "name": "韩梅梅", "role": "auditor", **fields}
    answer = await browser.post("/users?lang=zh", data=sent)
    assert answer.status_code in {400, 409}
    assert words in beside(answer.text, field)
    assert 'value="韩梅梅"' in answer.text, "what was typed is kept"
    assert f'value="{fields["login"]}"' in answer.text
    assert PASSWORD not in answer.text, "but never a password"
    if "role" not in fields:
        assert '<option value="auditor" selected>' in answer.text


async def test_the_last_administrator_stays_and_the_row_says_why(browser, database):
    await add(database, Role.ADMIN)
    await sign_in(browser, "admin")
    [action] = re.findall(r"/users/\d+/disable", (await browser.get("/users")).text)
    refused = await browser.post(action, data={"csrf": await csrf(browser)})
    assert refused.status_code == 409
    row = next(one for one in refused.text.split("<tr>") if action in one)
    assert "is the last administrator" in row


async def test_what_is_wrong_with_a_password_or_a_token_stands_beside_its_field(browser, database):
    await add(database, Role.OFFICER)
    await sign_in(browser, "officer")
    form = {"csrf": await csrf(browser)}
    wrong = await browser.post("/account", data=form | {"old": "x", "new": "y" * 10})
    assert "The present password is wrong" in beside(wrong.text, "old")
    short = await browser.post("/account", data=form | {"old": PASSWORD, "new": "y"})
    assert "expected at least 10" in beside(short.text, "new")

    token = form | {"name": "网关大屏", "days": "365", "may-board": "yes"}
    assert (await browser.post("/tokens", data=token)).status_code == 200
    again = await browser.post("/tokens", data=token)
    assert (again.status_code, "one of that name already" in beside(again.text, "name")) == (400, True)
    assert '<option value="365" selected>' in again.text
    assert re.search(r'name="may-board" value="yes" checked', again.text)
    none = await browser.post("/tokens", data=form | {"name": "空", "days": "30"})
    assert "expected at least one permission" in none.text.partition('class="wide bad"')[2][:300]
    assert 'value="空"' in none.text
    assert "Choose for how long" in beside((await browser.post("/tokens", data=token | {"days": "7"})).text, "days")
