"""The administrators' pages of gates: how they stand, a code that is shown once, revocation, settings from afar."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, expect

from edge import enrol as edge_enrol
from hub.board import GateRow, GateVitals, Snapshot
from hub.configurations.desk import Wanted
from hub.token_keys.desk import Current, Standing
from hub.trust.gates import GateRow as Enrolled
from hub.web import gate_view
from hub.web.gate_view import GateLine
from hub.web.view import Level
from tests.hub.web.test_people import Client
from tests.support.browser import chromium
from tests.support.office import ServedOffice, served_office
from tests.support.snapshots import NOON_NS, bad_day, gate
from tests.support.trust import hub_settings
from wire.machine import ClockQuality, Machine
from wire.messages import ConfigurationHeld
from wire.token_keys import TokenKeyHeld

pytestmark = pytest.mark.usefixtures("cheap_passwords")
DAY_NS = 86_400 * 10**9
TOML = 'site = "baotou-1"\ngate = "north"\ntoken_key_file = "token.key"\n\n[[lanes]]\nname = "people"\n'
SOUTH = TOML.replace("north", "south")
HOSTILE = "</textarea><script>document.title='taken'</script>"
HURT = GateVitals(
    time_ns=NOON_NS, uptime_s=7_300.0, memory_mb=141.0, disk_free_mb=212.0, clock_ahead_s=312.0, safe=True,
    machine=Machine(cpu_c=86.0, throttled=0x50001, memory_free_mb=3_100.0, wear_percent=90, written_gb=1_310.0,
                    storage="mmcblk0 (MMC, DG4016)", clock=ClockQuality(True, 0.0, 0.02), read_only_root=True),
    drift_c={"people": 0.31},
)  # fmt: skip
WELL = replace(
    HURT, safe=False, disk_free_mb=21_400.0, clock_ahead_s=0.0, drift_c={"people": -0.04},
    machine=replace(HURT.machine, cpu_c=51.0, throttled=0, wear_percent=None, storage="mmcblk0 (SD, SN64G)"),
)  # fmt: skip


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedOffice]:
    folder = tmp_path_factory.mktemp("office")
    with served_office(folder, authority=hub_settings(folder / "hub")) as office:
        yield office


@pytest.fixture
def admin(office: ServedOffice) -> Iterator[Client]:
    client = Client(office.url, "admin")
    yield client
    client.http.close()


def show(office: ServedOffice, *rows: GateRow) -> None:
    office.board.write(replace(bad_day(), gates=rows))


def code_on(page: str) -> str:
    found = re.search(r'data-code="([^"]+)"', page)
    assert found, page
    return found.group(1)


def test_a_gate_is_enrolled_by_the_code_that_the_page_shows_once_and_is_put_out_with_a_reason(office, admin, tmp_path):
    made = admin.post("/gates", gate="north")
    assert made.status_code == 200
    assert made.headers["cache-control"] == "no-store"
    code = code_on(made.text)
    assert f"sudo menshen edge enrol /etc/menshen/gate.toml {code}" in made.text
    assert "<svg" in made.text
    page = admin.get("/gates/north")
    assert code not in page
    assert code not in admin.get("/gates")
    assert "expected; its code is good until" in page
    file = tmp_path / "gate.toml"
    file.write_text(
        f'site = "baotou-1"\ngate = "north"\nhub = "{office.url}"\ntoken_key_file = "token.key"\n'
        '[broker]\nhost = "localhost"\n[broker.tls]\nca = "site.pem"\ncertificate = "gate.pem"\n'
        '[[lanes]]\nname = "people"\n[lanes.badge]\ndriver = "simulated"\nscene = "x"\n'
    )
    edge_enrol.enrol(file, code, None)
    assert (tmp_path / "gate.pem").exists()
    assert re.search(r'id="certificate">valid until 20\d\d', admin.get("/gates/north"))
    assert "Say why" in admin.post("/gates/north/revoke", why=" ").text
    assert admin.post("/gates/north/revoke", why=f"stolen {HOSTILE}").status_code == 303
    page = admin.get("/gates/north")
    assert "revoked on" in page
    assert "by admin: stolen" in page
    assert "<script>document" not in page
    assert "nothing to revoke" in admin.post("/gates/north/revoke", why="again").text
    record = admin.get("/audit")
    for act in ("gate expected", "gate enrolled", "gate revoked"):
        assert act in record, act
    assert "stolen" in record


def test_names_that_no_gate_can_have_get_no_code(admin):
    for name in ("", "Nord", "hub", "../x", "a b", HOSTILE):
        answer = admin.post("/gates", gate=name)
        assert answer.status_code == 400, name
        assert "data-code" not in answer.text
        assert "<script>document" not in answer.text
    assert admin.http.get("/gates/nowhere").status_code == 404


def test_settings_are_looked_at_before_they_are_sent_and_every_step_of_their_trial_shows(office, admin):
    show(office, gate("south", configuration=ConfigurationHeld()))
    page = admin.get("/gates/south")
    assert "runs its own file, which the hub does not have" in page
    assert 'value="send"' not in page
    for wrong, words in (("", "it is empty"), ("x =", "not TOML"), (TOML, "expected")):
        answer = admin.post("/gates/south/settings", act="send", text=wrong)
        assert answer.status_code == 400
        assert words in answer.text
    looked = admin.post("/gates/south/settings", act="check", text=SOUTH)
    assert '<span class="added">+site = &#34;baotou-1&#34;' in looked.text
    assert 'value="send"' in looked.text
    assert admin.post("/gates/south/settings", act="send", text=SOUTH.replace("\n", "\r\n")).status_code == 303
    version = int(re.search(r"version (\d+), sent", admin.get("/gates/south")).group(1))
    for held, words in (
        (ConfigurationHeld(), f"drift: runs its own file, is to run version {version}"),
        (ConfigurationHeld(running=version, trial=True), f"version {version}, on trial"),
        (ConfigurationHeld(running=version), f"version {version}, confirmed"),
        (ConfigurationHeld(turned_down=version, why="no frames from people"), "was rolled back or refused"),
    ):
        show(office, gate("south", configuration=held))
        assert words in admin.get("/gates/south")
        assert words in admin.get("/gates")
    assert "no frames from people" in admin.get("/gates/south")
    changed = admin.post("/gates/south/settings", act="check", text=SOUTH.replace('"people"', '"workers"'))
    assert '<span class="removed">-name = &#34;people&#34;' in changed.text
    assert "Nothing would change" in admin.post("/gates/south/settings", act="check", text=SOUTH).text
    assert admin.post("/gates/south/settings", act="own").status_code == 303
    assert "its own file, wanted since" in admin.get("/gates/south")
    assert admin.get("/audit").count("gate configured") >= 2


def test_only_an_administrator_goes_there(office):
    for login in ("officer", "hr", "oncall", "guard", "auditor"):
        client = Client(office.url, login)
        assert client.http.get("/gates").status_code == 403
        assert client.post("/gates", gate="north").status_code == 403
        assert client.post("/gates/north/settings", act="own").status_code == 403
        client.http.close()
    assert httpx.get(f"{office.url}/gates", trust_env=False).status_code in (303, 401)


def test_a_hub_that_gives_no_certificates_says_so_and_still_sends_settings(tmp_path):
    with served_office(tmp_path) as office:
        admin = Client(office.url, "admin")
        assert "This hub gives no certificates" in admin.get("/gates")
        assert admin.post("/gates", gate="north").status_code == 404
        assert admin.post("/gates/south/settings", act="send", text=SOUTH).status_code == 303
        admin.http.close()


def line(**known: object) -> GateLine:
    return GateLine("north", *(known.get(name) for name in ("row", "enrolled", "wanted")))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("enrolled", "level", "word"),
    [
        (None, Level.NOTE, "not enrolled"),
        (Enrolled("north", NOON_NS + 30 * DAY_NS, None, None), Level.CALM, "until DAY"),
        (Enrolled("north", NOON_NS + 3 * DAY_NS, None, None), Level.WARN, "until DAY"),
        (Enrolled("north", NOON_NS - 1, None, None), Level.GRAVE, "ran out on DAY"),
        (Enrolled("north", None, NOON_NS + 1, None), Level.NOTE, "expected"),
        (Enrolled("north", None, None, NOON_NS - DAY_NS, "li", "stolen"), Level.WARN, "revoked on DAY"),
        (Enrolled("north", None, None, None), Level.NOTE, "not used"),
    ],
)
def test_a_certificate_that_ends_is_seen_before_it_does(enrolled, level, word):
    fact = gate_view.certificate(line(enrolled=enrolled), NOON_NS, "en", "DAY")
    assert fact.level is level
    assert word in fact.text


KEYS = Standing(Current(7, "aaaa", NOON_NS, is_open=True), {"east": "aaaa", "north": "bbbb"}, ("east", "north", "west"))


@pytest.mark.parametrize(
    ("name", "held", "level", "words"),
    [
        ("east", None, Level.CALM, ("the site's newest", "已使用最新密钥")),
        ("north", TokenKeyHeld("bbbb"), Level.NOTE, ("not taken the new one yet", "尚未接收")),
        ("north", TokenKeyHeld("bbbb", "no room"), Level.WARN, ("cannot take the new one: no room", "无法接收新密钥")),
        ("west", None, Level.NOTE, ("not taken the new one yet", "尚未接收")),
    ],
)
def test_who_has_not_taken_a_changed_token_key_is_seen_and_why(name, held, level, words):
    row = gate(name, token_key=held)
    one = GateLine(name, row, None, None, KEYS)
    for lang, word in zip(("en", "zh"), words, strict=True):
        fact = gate_view.token_key(one, lang)
        assert fact is not None
        assert (fact.level, word in fact.text) == (level, True), fact
    assert "1 of 3" in gate_view.key_change([one], "en")
    done = KEYS._replace(current=Current(7, "aaaa", NOON_NS, is_open=False))
    assert gate_view.key_change([one._replace(keys=done)], "en") == ""
    assert gate_view.token_key(one._replace(keys=KEYS._replace(current=None)), "en") is None
    assert gate_view.token_key(GateLine("nowhere", None, None, None, KEYS), "en") is None


def test_a_gate_that_is_known_from_anywhere_is_in_the_list():
    snapshot: Snapshot = replace(bad_day(), gates=(gate("heard"), gate("other", site="elsewhere")))
    found = gate_view.lines_of(snapshot, "baotou-1", [Enrolled("enrolled", 1, None, None)], {"told": Wanted(1, "x")})
    assert [line.name for line in found] == ["enrolled", "heard", "told"]


def test_what_ails_a_machine_is_said_first_and_what_is_well_in_short():
    hurt = gate_view.brief(gate("north", vitals=HURT), "en")
    assert hurt is not None
    assert hurt.level is Level.GRAVE
    for words in ("safe mode", "86 °C", "undervoltage now", "212 MB free", "90 %", "ahead of the hub", "+0.31 K"):
        assert words in hurt.text, words
    well = gate_view.brief(gate("north", vitals=WELL), "en")
    assert well == gate_view.Fact("machine", "51 °C, 21.4 GB free, clock right within 0.02 s")
    assert gate_view.brief(gate("north"), "en") is None


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.mark.parametrize(("lang", "width"), [("zh", 400), ("en", 1280)])
def test_in_a_browser_a_gate_is_enrolled_and_told_what_to_run(office, browser, tmp_path, lang, width):
    name = f"{lang}-1"
    show(office, gate(name, vitals=HURT, configuration=ConfigurationHeld()), gate("south", vitals=WELL))
    page = browser.new_page(viewport={"width": width, "height": 900}, locale="zh-CN" if lang == "zh" else "en")
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type in {"error", "warning"} else None)
    page.goto(f"{office.url}/sign-in?lang={lang}")
    page.fill("[name=login]", "admin")
    page.fill("[name=password]", "correct horse battery")
    page.click("main button")
    page.goto(f"{office.url}/gates")
    page.screenshot(path=tmp_path / "gates.png", full_page=True)
    page.click(f"[data-gate={name}] h2 a")
    page.screenshot(path=tmp_path / "gate.png", full_page=True)
    page.fill("textarea[name=text]", TOML.replace("north", name))
    page.click("button[value=check]")
    page.screenshot(path=tmp_path / "checked.png", full_page=True)
    page.click("button[value=send]")
    expect(page.locator("#settings-state.warn")).to_be_visible()
    page.goto(f"{office.url}/gates")
    page.fill("[name=gate]", "west")
    page.click("form[action='/gates'] button")
    expect(page.locator("[data-code] svg")).to_be_visible()
    page.screenshot(path=tmp_path / "code.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not faults
    page.close()
