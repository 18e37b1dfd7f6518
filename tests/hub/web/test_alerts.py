"""The pages of alerts: who may change what, what the record says after it, and links that acknowledge once, by POST
only."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from playwright.sync_api import Browser, expect, sync_playwright
from sqlalchemy import select

from hub.accounts.models import AuditEntry, Role
from hub.accounts.roles import Permission
from hub.alerts.bundles import Allowance
from hub.alerts.chains import AllChannels
from hub.alerts.desk import AlertDesk, Site
from hub.alerts.links import VALID_S, Claim, Links, read_key
from hub.alerts.notifier import Clocks
from hub.alerts.outbox import Message, Outcome
from hub.alerts.rules import Rule, Signal
from hub.alerts.store import AlertStore
from hub.database import Database
from hub.web.access import COOKIE
from hub.web.app import AlertPages, Office, create_app
from hub.web.serve import WebServer
from tests.hub.web.test_browser import PHONE
from tests.support.browser import ARGS, CHROMIUM
from tests.support.console import ZONE, WrittenBoard, bearer, signed_in, token_for
from tests.support.events import TIME_NS
from tests.support.snapshots import board
from wire.errors import DecodeError, MenshenError

KEY = b"k" * 32
FEVER = Signal(
    key="f", rule=Rule.FEVER, site="baotou-1", gate="north", lane="a", time_ns=TIME_NS, detail="38.1 ± 0.3 °C"
)
ON_MY_WAY = {"note": "on my way"}
HOSTILE = "<script>document.title='taken'</script>"


class Console:
    """A console over a desk with two alerts, the first of which was told on a telephone."""

    def __init__(self, folder: Path, public_url: str = "http://hub.example") -> None:
        self.now_ns = TIME_NS + 60 * 10**9
        self.links = Links(KEY, public_url)
        store = AlertStore(folder / "alerts.db", AllChannels(("phone",)))
        self.desk = AlertDesk(store, [], Site("baotou-1", links=self.links), Clocks(lambda: self.now_ns, lambda: 0.0))
        self.database = Database(f"sqlite:///{folder / 'menshen.db'}")
        pages, office = AlertPages(self.desk, self.links), Office(self.database, lambda: self.now_ns)
        board_ = WrittenBoard(board())
        self.app = create_app(board_, site="baotou-1", version="0", zone=ZONE, alerts=pages, office=office)

    async def open(self) -> Message:
        await self.database.start()
        await self.desk.start()
        other = replace(FEVER, key="d", rule=Rule.DEVICE_FAULT, detail=HOSTILE, gate="south", lane="", kind="thermal")
        return await self.desk.ask(lambda store, now_ns: _tell(store, [FEVER, other], now_ns))

    async def close(self) -> None:
        await self.desk.stop()
        await self.database.stop()


def _tell(store: AlertStore, signals: list[Signal], now_ns: int) -> Message:
    store.take(1, [(signal, TIME_NS) for signal in signals], now_ns)
    messages = store.due(now_ns, {"phone": Allowance(9, 9)})
    for message in messages:
        store.record(message, Outcome.TAKEN, "HTTP 200: ok", now_ns)
    return messages[0]


@pytest.fixture
async def console(tmp_path: Path) -> AsyncIterator[Console]:
    console = Console(tmp_path)
    console.message = await console.open()
    yield console
    await console.close()


@pytest.fixture
async def nobody(console: Console) -> AsyncIterator[httpx.AsyncClient]:
    """A browser where nobody is signed in."""
    transport = httpx.ASGITransport(console.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub.example") as client:
        client.headers["accept-language"] = "en"
        yield client


@pytest.fixture
async def client(nobody: httpx.AsyncClient, console: Console) -> httpx.AsyncClient:
    """A browser where a safety officer is."""
    nobody.cookies.update(await signed_in(console.database, now_ns=console.now_ns))
    return nobody


async def own(client: httpx.AsyncClient) -> dict[str, str]:
    """What our own pages send with a form."""
    found = re.search(r'name="csrf" value="([^"]+)"', (await client.get("/account")).text)
    assert found
    return {"x-csrf": found.group(1)}


async def state(console: Console, alert: int = 1) -> tuple[str, str]:
    row = await console.desk.ask(lambda store, now_ns: store.alert(alert))
    assert row is not None
    return row.state, row.held_by or row.ended_by


async def test_all_alerts_are_listed_and_one_has_its_history(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/alerts")).text
    assert "38.1 ± 0.3 °C" in listed
    assert HOSTILE not in listed
    one = (await client.get("/alerts/1?lang=zh")).text
    for words in ("警报产生", "按流程通知", "已送达", "phone: HTTP 200: ok", "受理"):
        assert words in one
    assert (await client.get("/alerts/99")).status_code == 404


async def test_a_person_takes_in_hand_silences_resolves_and_reopens_by_name(client, console) -> None:
    steps = [("acknowledge", "acknowledged"), ("reopen", "firing"), ("silence", "silenced"), ("resolve", "resolved")]
    headers = await own(client)
    for word, wanted in steps:
        answer = await client.post(f"/alerts/1/{word}", data=ON_MY_WAY | {"hours": "4"}, headers=headers)
        assert (answer.status_code, answer.headers["location"]) == (303, "/alerts/1")
        assert (await state(console))[0] == wanted
    assert await state(console) == ("resolved", "王芳")
    log = await console.desk.ask(lambda store, now_ns: store.log(1))
    assert ("acknowledged", "王芳", "on my way") in [(line.why, line.by, line.text) for line in log]
    noted = await console.database.read(lambda session: session.scalars(select(AuditEntry)).all())
    said = [entry.action for entry in noted if entry.subject == "alert 1" and entry.who == "officer"]
    assert said == [f"alert-{word}" for word, _ in steps]
    assert (await client.post("/alerts/1/acknowledge", headers=headers)).status_code == 409
    assert (await client.post("/alerts/99/acknowledge", headers=headers)).status_code == 404
    assert (await client.post("/alerts/1/shout", headers=headers)).status_code == 404


async def test_only_our_own_pages_and_roles_that_answer_for_alerts_change_anything(client, console) -> None:
    for headers in ({}, {"x-csrf": "guess"}):
        assert (await client.post("/alerts/1/acknowledge", headers=headers)).status_code == 403
    assert (
        await client.post("/alerts/1/acknowledge", data={"note": "x" * 501}, headers=await own(client))
    ).status_code == 400
    client.cookies.clear()
    assert (await client.post("/alerts/1/acknowledge")).headers["location"] == "/sign-in"
    for role in (Role.GUARD, Role.HR, Role.ADMIN, Role.AUDITOR):
        client.cookies.clear()
        client.cookies.update(await signed_in(console.database, role, now_ns=console.now_ns))
        assert (await client.post("/alerts/1/acknowledge", headers=await own(client))).status_code == 403
        assert "does not acknowledge" in (await client.get("/alerts/1")).text
    assert (await state(console))[0] == "firing"


async def test_a_program_with_a_token_says_the_same_over_the_api(nobody, console) -> None:
    weak = bearer(await token_for(console.database, Permission.BOARD, name="board"))
    strong = bearer(await token_for(console.database, Permission.ALERTS, name="alerts"))
    assert (await nobody.post("/api/alerts/1/acknowledge")).status_code == 401
    assert (await nobody.post("/api/alerts/1/acknowledge", headers=weak)).status_code == 403
    answer = await nobody.post("/api/alerts/1/acknowledge", json={"note": "by chat"}, headers=strong)
    assert (answer.status_code, answer.json()["state"], answer.json()["held_by"]) == (200, "acknowledged", "alerts")
    for path, sent, status in [
        ("/api/alerts/1/acknowledge", {}, 409),
        ("/api/alerts/99/resolve", {}, 404),
        ("/api/alerts/1/silence", {"hours": 0}, 400),
        ("/api/alerts/1/silence", {"note": "x" * 501}, 400),
        ("/api/alerts/1/silence", {"hours": "x"}, 400),
        ("/api/alerts/1/silence", {"hours": 2}, 200),
    ]:
        answer = await nobody.post(path, json=sent, headers=strong)
        assert answer.status_code == status, (path, sent, answer.text)
        if status >= 400:
            assert answer.headers["content-type"] == "application/problem+json"


async def test_a_browser_s_session_changes_nothing_over_the_api_without_the_token_of_its_pages(client, console) -> None:
    assert (await client.post("/api/alerts/1/acknowledge", json={})).status_code == 403
    assert (await state(console))[0] == "firing"
    assert (await client.post("/api/alerts/1/acknowledge", json={}, headers=await own(client))).status_code == 200


async def test_a_silence_is_listed_and_ended(client, console) -> None:
    headers = await own(client)
    await client.post("/alerts/1/silence", data={"hours": "4"}, headers=headers)
    assert "End the silence" in (await client.get("/alerts")).text
    assert (await client.post("/silences/1/end")).status_code == 403
    assert (await client.post("/silences/1/end", headers=headers)).status_code == 303
    assert (await client.post("/silences/1/end", headers=headers)).status_code == 409
    assert (await state(console))[0] == "firing"


@pytest.mark.parametrize("hours", ["", "0", "-1", "nan", "inf", "9999", "x"])
async def test_a_silence_without_an_end_is_refused(client, console, hours) -> None:
    answer = await client.post("/alerts/1/silence", data={"hours": hours}, headers=await own(client))
    assert answer.status_code == 400
    assert (await state(console))[0] == "firing"


async def test_a_link_asks_first_acknowledges_by_post_and_works_once(nobody, console) -> None:
    path = urlsplit(console.links.of(console.message, console.now_ns)).path
    for _ in range(3):  # previews fetch it
        asked = await nobody.get(path)
        assert (asked.status_code, "I see to it" in asked.text) == (200, True)
    assert (await state(console))[0] == "firing"
    done = await nobody.post(path, data={"by": "Li Wei"})
    assert "Acknowledged by Li Wei (phone): 1" in done.text
    assert await state(console) == ("acknowledged", "Li Wei (phone)")
    assert (await nobody.post(path)).status_code == 410
    await console.desk.ask(lambda store, now_ns: store.reopen(1, "Li", now_ns))
    assert (await nobody.post(path)).status_code == 410
    assert (await state(console))[0] == "firing"


async def test_a_link_that_is_too_old_or_forged_acknowledges_nothing(nobody, console) -> None:
    path = urlsplit(console.links.of(console.message, console.now_ns)).path
    forged = Links(b"x" * 32, "").of(console.message, console.now_ns)
    for bad in (forged, path[:-1], path + "A", "/ack/x", "/ack/."):
        assert (await nobody.post(bad)).status_code == 404
    console.now_ns += round(VALID_S * 1e9)
    assert (await nobody.get(path)).status_code == 410
    assert (await state(console))[0] == "firing"


@given(st.integers(1, 2**40), st.text(min_size=1, max_size=40), st.integers(0, 300), st.binary(max_size=8))
def test_only_an_untouched_token_is_read_and_it_says_what_was_signed(number, receiver, place, noise):
    links = Links(KEY, "http://hub.example")
    message = Message(id=number, key="k", channel="c", receiver=receiver)
    token = links.token(message, TIME_NS)
    assert links.read(token, TIME_NS) == Claim(number, receiver)
    touched = token[: place % len(token)] + noise.hex() + token[place % len(token) + 1 :]
    if touched != token:
        try:
            assert links.read(touched, TIME_NS) == Claim(number, receiver)  # other spellings of the same bytes
        except DecodeError as error:
            assert "link:" in str(error)


def test_the_key_is_made_once_for_its_owner_only_and_a_short_one_is_refused(tmp_path):
    key = read_key(tmp_path / "data" / "link.key")
    assert read_key(tmp_path / "data" / "link.key") == key
    assert (tmp_path / "data" / "link.key").stat().st_mode & 0o077 == 0
    (tmp_path / "short").write_bytes(b"short")
    with pytest.raises(MenshenError, match="5 bytes, expected 32"):
        read_key(tmp_path / "short")


# -- in a real browser ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing: the pages of alerts were NOT tried in a browser; install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), headless=True, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, str, str]]:
    """The address of a console, a link to acknowledge its first message, and the cookie of a safety officer."""
    ready, stop, found = threading.Event(), threading.Event(), []

    async def serve() -> None:
        console = Console(tmp_path, "")
        server = WebServer(console.app, host="127.0.0.1", port=0)
        message = await console.open()
        await server.start()
        cookies = await signed_in(console.database, now_ns=console.now_ns)
        found.extend([server.url, server.url + console.links.of(message, console.now_ns), cookies[COOKIE]])
        ready.set()
        await asyncio.to_thread(stop.wait)
        await server.stop()
        await console.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    yield found[0], found[1], found[2]
    stop.set()
    thread.join(10)


@pytest.mark.parametrize(("lang", "word", "held"), [("en", "Acknowledge", "acknowledged"), ("zh", "受理", "已受理")])
def test_on_a_telephone_an_alert_is_taken_in_hand_without_any_script(browser, served, lang, word, held) -> None:
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)
    context.add_cookies([{"name": COOKIE, "value": served[2], "url": served[0]}])
    page = context.new_page()
    page.goto(f"{served[0]}/alerts?lang={lang}")
    page.locator(".alert a").first.click()
    page.goto(f"{page.url}?lang={lang}")
    page.get_by_role("button", name=word, exact=True).click()
    expect(page.locator(".alert").first).to_contain_text("王芳")
    page.goto(f"{page.url}?lang={lang}")
    expect(page.locator(".alert").first).to_contain_text(held)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    context.close()


def test_behind_a_link_one_button_acknowledges(browser, served) -> None:
    page = browser.new_context(viewport=PHONE, locale="en").new_page()
    page.goto(served[1])
    page.get_by_role("button").click()
    expect(page.locator(".said")).to_contain_text("Nobody else is told")
    page.context.close()
