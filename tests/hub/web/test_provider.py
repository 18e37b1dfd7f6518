"""Signing in at the company's own provider: a real one on this machine, and one that lies."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from oidc_provider_mock import User as Known
from oidc_provider_mock import run_server_in_thread
from playwright.sync_api import Page, expect
from sqlalchemy import select

from hub import settings as hub_settings
from hub.accounts import desk
from hub.accounts.models import AuditEntry, Role, User
from hub.accounts.oidc import WAIT_NS, OidcError, OidcSettings, Provider, challenge_of
from hub.database import Database
from hub.web.app import Office, create_app
from hub.web.serve import WebServer
from hub.web.sign_in import Ways
from tests.hub.web.test_browser import PHONE
from tests.support.browser import chromium
from tests.support.console import ZONE, WrittenBoard, make_database
from tests.support.snapshots import bad_day
from wire.errors import SettingsError

ROLES = {"it": Role.ADMIN, "safety": Role.OFFICER, "personnel": Role.HR}
PEOPLE = [
    Known(sub="1", claims={"name": "王芳", "preferred_username": "wang.fang", "groups": ["staff", "safety"]}),
    Known(sub="2", claims={"name": "李雷", "preferred_username": "li.lei", "groups": ["staff"]}),
]
ISSUER = "https://sso.example"
NOW_NS = 1_600_000_000_000_000_000


# -- a real provider, in a real browser --------------------------------------------------------------------------------


@pytest.fixture
def provider() -> Iterator[str]:
    with run_server_in_thread(user_claims=PEOPLE, require_nonce=True) as server:
        yield f"http://localhost:{server.server_port}"


class Served:
    """A console where people sign in at the provider only."""

    url = ""
    database: Database
    loop: asyncio.AbstractEventLoop

    def ask(self, work: Any, *, write: bool = False) -> Any:
        method = self.database.write if write else self.database.read
        return asyncio.run_coroutine_threadsafe(method(work), self.loop).result(10)


@pytest.fixture
def console(provider: str, tmp_path: Path) -> Iterator[Served]:
    found, ready, stop = Served(), threading.Event(), threading.Event()

    async def serve() -> None:
        found.loop, found.database = asyncio.get_running_loop(), await make_database(tmp_path)
        (tmp_path / "secret").write_text("s3cret")
        settings = OidcSettings(
            issuer=provider, client_id="menshen", roles=ROLES, client_secret_file=str(tmp_path / "secret")
        )
        office = Office(found.database, ways=Ways(passwords=False, provider=True), provider=Provider(settings))
        app = create_app(WrittenBoard(bad_day()), site="baotou-1", version="0", zone=ZONE, office=office)
        server = WebServer(app, host="127.0.0.1", port=0)
        await server.start()
        found.url = server.url
        ready.set()
        await asyncio.to_thread(stop.wait)
        await server.stop()
        await found.database.stop()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(20)
    yield found
    stop.set()
    thread.join(10)


def come_in(page: Page, console: Served, sub: str, at: str = "/account?lang=en") -> None:
    page.goto(f"{console.url}{at}")
    page.get_by_role("link", name="Sign in with the company's account").click()
    page.get_by_role("button", name=sub, exact=True).click()


@pytest.fixture
def page() -> Iterator[Page]:
    with chromium() as browser:
        yield browser.new_context(viewport=PHONE, locale="en-GB").new_page()


def test_somebody_signs_in_at_the_provider_and_has_the_role_of_their_group(page: Page, console: Served) -> None:
    page.goto(f"{console.url}/account?lang=en")
    assert page.get_by_label("Password").count() == 0
    come_in(page, console, "1")
    expect(page).to_have_url(f"{console.url}/account?lang=en")
    expect(page.locator("main")).to_contain_text("王芳 · wang.fang · safety officer")
    user = console.ask(lambda session: session.scalars(select(User)).one())
    assert (user.role, user.password, user.subject.endswith("#1")) == (Role.OFFICER, "", True)

    def demote(session) -> None:
        session.scalars(select(User)).one().role = Role.ADMIN

    console.ask(demote, write=True)
    page.get_by_role("button", name="Sign out").click()
    come_in(page, console, "1")
    expect(page.locator("main")).to_contain_text("safety officer")
    actions = console.ask(lambda session: session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all())
    assert actions == ["user-added", "signed-in", "signed-out", "role-changed", "signed-in"]


def test_who_is_in_no_group_or_kept_out_is_told_so(page: Page, console: Served) -> None:
    come_in(page, console, "2")
    expect(page.get_by_role("alert")).to_contain_text("in no group that may use this console")
    come_in(page, console, "1")
    console.ask(lambda session: desk.disable(session, "wang.fang", by="test", now_ns=1), write=True)
    come_in(page, console, "1")
    expect(page.get_by_role("alert")).to_contain_text("kept out")


def test_who_says_no_at_the_provider_is_told_so(page: Page, console: Served) -> None:
    page.goto(f"{console.url}/sign-in?lang=zh")
    page.get_by_role("link", name="使用企业账号登录").click()
    page.get_by_role("button", name="Deny").click()
    expect(page.get_by_role("alert")).to_contain_text("企业登录服务拒绝了登录")


def test_passwords_that_are_switched_off_let_nobody_in(console: Served) -> None:
    answer = httpx.post(
        f"{console.url}/sign-in", data={"login": "a", "password": "b"}, headers={"accept-language": "en"}
    )
    assert (answer.status_code, "Passwords are switched off" in answer.text) == (403, True)
    assert httpx.get(f"{console.url}/first/None").status_code == 404


# -- one that lies -----------------------------------------------------------------------------------------------------


class Liar:
    """A provider whose answers a test makes up; `claims` go over true ones."""

    key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})
    other = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {}
        self.document: dict[str, Any] = {}
        self.signed_with: RSAKey | OctKey = self.key
        self.algorithm = "RS256"
        self.status = 200
        self.nonce = ""
        self.sent: dict[str, list[str]] = {}
        self.authorization = ""

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        match request.url.path:
            case "/.well-known/openid-configuration":
                names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
                known = {name: f"{ISSUER}/{name}" for name in names} | {"issuer": ISSUER}
                return httpx.Response(200, json=known | self.document)
            case "/jwks_uri":
                return httpx.Response(200, json={"keys": [self.key.as_dict(private=False)]})
            case "/token_endpoint":
                self.sent = parse_qs(request.content.decode())
                self.authorization = request.headers.get("authorization", "")
                return httpx.Response(self.status, json={"id_token": self._token(), "access_token": "a"})
        return httpx.Response(404)

    def _token(self) -> str:
        now_s = NOW_NS // 10**9
        true = {
            "iss": ISSUER, "aud": "menshen", "sub": "1", "exp": now_s + 60, "iat": now_s, "nonce": self.nonce,
            "groups": ["safety"], "preferred_username": "wang", "name": "王芳",
        }  # fmt: skip
        claims = {name: value for name, value in (true | self.claims).items() if value is not None}
        header = {"alg": self.algorithm, "kid": "k1"}
        return jwt.encode(header, claims, self.signed_with, algorithms=[self.algorithm])


class Signing:
    """One sign-in at a liar's."""

    def __init__(self, liar: Liar, settings: OidcSettings | None = None) -> None:
        self.liar, self.now_ns = liar, NOW_NS
        settings = settings or OidcSettings(issuer=ISSUER, client_id="menshen", roles=ROLES)
        self.provider = Provider(settings, lambda: self.now_ns, liar.client)

    async def go(self) -> dict[str, str]:
        going = await self.provider.go("https://hub.example/back", "/people")
        self.cookie = going.cookie
        self.asked = {name: values[0] for name, values in parse_qs(urlsplit(going.url).query).items()}
        self.liar.nonce = self.asked["nonce"]
        return {"state": self.asked["state"], "code": "c"}


@pytest.fixture
def signing() -> Signing:
    return Signing(Liar())


async def test_a_sign_in_goes_there_with_a_challenge_and_comes_back_with_its_verifier(signing: Signing) -> None:
    answer = await signing.go()
    claimed = await signing.provider.back(answer, signing.cookie)
    assert (claimed.login, claimed.name, claimed.role, claimed.after) == ("wang", "王芳", Role.OFFICER, "/people")
    assert signing.asked["code_challenge_method"] == "S256"
    assert challenge_of(signing.liar.sent["code_verifier"][0]) == signing.asked["code_challenge"]
    assert signing.liar.sent["redirect_uri"] == ["https://hub.example/back"]
    assert signing.liar.authorization == ""


async def test_a_confidential_client_proves_itself_with_its_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    settings = OidcSettings(
        issuer=ISSUER, client_id="menshen", roles=ROLES, client_secret_file=str(tmp_path / "secret")
    )
    signing = Signing(Liar(), settings)
    await signing.provider.back(await signing.go(), signing.cookie)
    assert signing.liar.authorization == httpx.BasicAuth("menshen", "s3cret")._auth_header


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"}, {"nonce": None}, {"aud": "another"}, {"aud": None}, {"iss": "https://evil.example"},
        {"exp": NOW_NS // 10**9 - 3600}, {"exp": None}, {"sub": None}, {"azp": "another"},
    ],
    ids=str,
)  # fmt: skip
async def test_a_token_that_is_not_for_this_sign_in_is_not_believed(signing: Signing, claims: dict[str, Any]) -> None:
    signing.liar.claims = claims
    with pytest.raises(OidcError) as caught:
        await signing.provider.back(await signing.go(), signing.cookie)
    assert caught.value.why == "untrue"


@pytest.mark.parametrize("forged", ["another key", "shared key"])
async def test_a_token_that_the_provider_did_not_sign_is_not_believed(signing: Signing, forged: str) -> None:
    if forged == "another key":
        signing.liar.signed_with = Liar.other
    else:  # the public key taken for a shared one: the oldest trick
        signing.liar.signed_with = OctKey.import_key(json.dumps(Liar.key.as_dict(private=False)).encode())
        signing.liar.algorithm = "HS256"
    with pytest.raises(OidcError) as caught:
        await signing.provider.back(await signing.go(), signing.cookie)
    assert caught.value.why == "untrue"


async def test_an_answer_is_taken_once_from_the_same_browser_and_in_time(signing: Signing) -> None:
    async def why(answer: dict[str, str], cookie: str) -> str:
        with pytest.raises(OidcError) as caught:
            await signing.provider.back(answer, cookie)
        return caught.value.why

    assert await why(await signing.go(), "another browser's") == "state"
    assert await why({"code": "c"}, signing.cookie) == "state"
    answer = await signing.go()
    await signing.provider.back(answer, signing.cookie)
    assert await why(answer, signing.cookie) == "state"
    answer = await signing.go()
    signing.now_ns += WAIT_NS + 1
    assert await why(answer, signing.cookie) == "state"


@pytest.mark.parametrize(
    ("document", "status", "why"),
    [
        ({"issuer": "https://evil.example"}, 200, "untrue"),
        ({"jwks_uri": f"{ISSUER}/none"}, 200, "unreachable"),
        ({}, 400, "refused"),
    ],
)
async def test_a_provider_that_answers_wrongly_is_told(document: dict[str, Any], status: int, why: str) -> None:
    signing = Signing(Liar())
    signing.liar.document, signing.liar.status = document, status
    with pytest.raises(OidcError) as caught:
        await signing.provider.back(await signing.go(), signing.cookie)
    assert caught.value.why == why


@given(st.dictionaries(st.sampled_from(["state", "code", "error", "error_description"]), st.text(max_size=20)))
def test_no_answer_from_nowhere_is_taken(answer: dict[str, str]) -> None:
    signing = Signing(Liar())
    with pytest.raises(OidcError) as caught:
        asyncio.run(signing.provider.back(answer, ""))
    assert caught.value.why == "state"


def test_a_site_where_nobody_could_sign_in_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_text('site = "s"\n[console]\npasswords = false\n')
    with pytest.raises(SettingsError, match="there is no \\[oidc\\]: nobody could sign in"):
        hub_settings.load(tmp_path / "hub.toml")
