"""The guard's page over a real socket: nobody sees anything without the password, and nothing is kept."""

from __future__ import annotations

import asyncio
import io
import itertools
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import cv2
import httpx
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

import menshen
from edge import settings as gate_settings
from edge.agent import Agent
from edge.guard import passwords
from edge.guard.sessions import MOST_SESSIONS, PAUSE_S, TRIES, Sessions, Throttle
from edge.guard.stage import LaneStage
from tests.support.guard import GATE, PASSWORD, ServedGuard, frame, served_guard, view, write_gate
from tests.support.servers import eventually
from wire.errors import MenshenError, SettingsError
from wire.events import Refusal, Verdict

HTML = {"accept": "text/html"}


@pytest.fixture
def guard() -> Iterator[ServedGuard]:
    with served_guard("people", rate_hz=15.0) as guard:
        yield guard


@pytest.fixture
def stranger(guard) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=guard.url, headers={"origin": guard.url}) as client:
        yield client


@pytest.fixture
def known(stranger) -> httpx.Client:
    assert stranger.post("/login", data={"password": PASSWORD}).headers["location"] == "/"
    return stranger


PATHS = [
    "/",
    "/board/news",
    "/camera",
    "/measure",
    "/register",
    "/disinfect",
    "/override",
    "/lanes/people/now",
    "/lanes/people/picture.jpg",
    "/lanes/none/now",
    "/nowhere",
    "/logout",
]


@pytest.mark.parametrize("path", PATHS)
def test_without_a_session_nothing_is_shown(stranger, path):
    assert stranger.get(path).status_code == 401
    answer = stranger.get(path, headers=HTML)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


def test_the_login_sets_a_cookie_that_scripts_and_other_sites_cannot_use(stranger):
    answer = stranger.post("/login", data={"password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert PASSWORD not in cookie
    assert stranger.get("/", headers=HTML).status_code == 200


def test_after_the_logout_the_session_is_over_for_whoever_kept_its_cookie(known, guard):
    cookie = dict(known.cookies)
    known.post("/logout")
    with httpx.Client(base_url=guard.url, cookies=cookie) as thief:
        assert thief.get("/lanes/people/picture.jpg").status_code == 401


def test_a_wrong_password_is_refused_and_after_a_few_even_the_right_one_must_wait(stranger):
    for _ in range(TRIES):
        assert stranger.post("/login", data={"password": "wrong"}).status_code == 403
    answer = stranger.post("/login", data={"password": PASSWORD})
    assert answer.status_code == 429
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", ""])
def test_a_post_from_another_site_s_page_is_refused(known, origin):
    assert known.post("/logout", headers={"origin": origin}).status_code == 403
    assert known.get("/", headers=HTML).status_code == 200


def test_a_post_that_does_not_say_where_it_comes_from_is_refused(guard):
    with httpx.Client(base_url=guard.url) as client:
        assert client.post("/login", data={"password": PASSWORD}).status_code == 403
        good = client.post("/login", data={"password": PASSWORD}, headers={"sec-fetch-site": "same-origin"})
        assert good.status_code == 303


def test_a_body_that_is_too_large_is_not_read(stranger):
    assert stranger.post("/login", content=b"password=" + b"x" * 20_000).status_code == 413
    assert stranger.post("/login", content=iter([b"x"])).status_code == 413


def test_every_answer_forbids_being_kept_and_framed(known, guard):
    guard.show("people", frame(), view())
    for path in ("/", "/login", "/lanes/people/now", "/lanes/people/picture.jpg"):
        headers = known.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_a_picture_and_its_words_come_together(known, guard):
    guard.show("people", frame(), view(Verdict.FEVER, 37.94))
    told = known.get("/lanes/people/now?lang=zh").json()
    assert told["picture"].startswith("data:image/jpeg;base64,")
    assert told["now"] == {
        "verdict": "fever",
        "words": "发热",
        "skin": "37.9",
        "detail": "± 0.4 °C · 36.4 °C 起判为发热",
    }
    assert told["last"]["age"] == "刚刚"
    assert told["reference"] == "示值 34.7 °C"
    picture = cv2.imdecode(np.frombuffer(known.get("/lanes/people/picture.jpg").content, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (640, 480, 3)


def test_what_the_camera_cannot_do_now_is_said(known, guard):
    guard.show("people", frame(), view(refusal=Refusal.WARMING_UP))
    assert known.get("/lanes/people/now?lang=en").json()["now"]["words"] == "camera warming up"


def test_a_frame_that_is_no_picture_is_shown_as_none(known, guard):
    for broken in (np.full((3, 4, 3), np.nan, np.float32), np.empty((0, 0), np.float32)):
        guard.show("people", broken, view(refusal=Refusal.BAD_FRAME))
        assert known.get("/lanes/people/picture.jpg").status_code == 200


def test_of_a_camera_that_gives_no_pictures_the_readings_are_shown(known, guard, monkeypatch):
    monkeypatch.setattr("edge.guard.app.PATIENCE_S", 0.1)
    guard.tell("people", view(Verdict.FEVER, 38.1).readings[0])
    first = known.get("/lanes/people/now?lang=en").json()
    assert (first["picture"], first["now"]["words"]) == ("", "this camera gives no pictures")
    assert (first["last"]["skin"], first["last"]["words"]) == ("38.1", "fever")
    again = known.get(f"/lanes/people/now?after={first['number']}")
    assert (again.status_code, again.json()["number"]) == (200, first["number"])
    assert known.get("/lanes/people/picture.jpg").status_code == 503


def test_with_a_certificate_the_page_is_served_encrypted_and_its_cookie_stays_there(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gate")])
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 1, datetime.now(UTC), datetime.now(UTC) + timedelta(1)
    )
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = builder.add_extension(address, critical=False).sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    (tmp_path / "c.pem").write_bytes(certificate)
    (tmp_path / "k.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with served_guard("people", certificate=str(tmp_path / "c.pem"), key=str(tmp_path / "k.pem")) as guard:
        trust = ssl.create_default_context(cadata=certificate.decode())
        with httpx.Client(base_url=guard.url, headers={"origin": guard.url}, verify=trust) as client:
            assert "secure" in client.post("/login", data={"password": PASSWORD}).headers["set-cookie"].lower()
            assert client.get("/", headers=HTML).status_code == 200


def test_without_a_new_frame_the_page_is_told_so(known, guard, monkeypatch):
    monkeypatch.setattr("edge.guard.app.PATIENCE_S", 0.1)
    assert known.get("/lanes/people/now").status_code == 204
    guard.show("people", frame(), view())
    number = known.get("/lanes/people/now").json()["number"]
    assert known.get(f"/lanes/people/now?after={number}").status_code == 204
    assert known.get("/lanes/none/now").status_code == 404


async def test_however_many_look_pictures_are_made_no_faster_than_the_rate(monkeypatch):
    time_s = 0.0
    stage, made = LaneStage(2.0, lambda: time_s), []
    monkeypatch.setattr(stage, "_drawn", lambda *_: made.append(time_s) or b"jpeg")
    slept = []

    async def sleep(seconds: float) -> None:
        nonlocal time_s
        slept.append(seconds)
        time_s += seconds

    monkeypatch.setattr("edge.guard.stage.asyncio.sleep", sleep)
    for _ in range(5):
        stage.show(frame(), view())
        await asyncio.gather(*(stage.shot(0, 5) for _ in range(10)))
    assert len(made) >= 2
    assert all(later - earlier >= 0.5 for earlier, later in itertools.pairwise(made))


# -- the password ----------------------------------------------------------------------------------------------------


def test_the_command_writes_a_password_that_only_its_owner_can_read(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO(PASSWORD + "\n"))
    assert menshen.main(["edge", "password", str(tmp_path / "p")]) == 0
    assert stat.S_IMODE((tmp_path / "p").stat().st_mode) == 0o600
    assert PASSWORD not in (tmp_path / "p").read_text()
    found = passwords.read(tmp_path / "p")
    assert passwords.fitting(found, "", PASSWORD) == passwords.UNNAMED
    assert passwords.fitting(found, "", PASSWORD + "x") is None
    monkeypatch.setattr(sys, "stdin", io.StringIO("short\n"))
    assert menshen.main(["edge", "password", str(tmp_path / "q")]) == 1
    assert "expected at least 10" in capsys.readouterr().err
    assert not (tmp_path / "q").exists()


def test_guards_have_a_password_each_and_an_old_file_without_names_is_still_good(tmp_path):
    path = tmp_path / "p"
    passwords.write(path, PASSWORD)
    path.write_text(path.read_text().partition(":")[2])  # as it was written before guards had names
    passwords.write(path, PASSWORD + " li", "li")
    passwords.write(path, PASSWORD + " new", "li")
    found = passwords.read(path)
    assert sorted(found) == ["guard", "li"]
    assert passwords.fitting(found, " LI ", PASSWORD + " new") == "li"
    assert [passwords.fitting(found, name, PASSWORD) for name in ("", "guard", "li", "han")] == [
        "guard", "guard", None, None,
    ]  # fmt: skip
    for name in ("Li Wei", "li:x", "-", "x" * 33, ""):
        with pytest.raises(MenshenError, match="expected lower-case letters"):
            passwords.write(path, PASSWORD, name)


@pytest.mark.parametrize(
    ("content", "mode", "fault"),
    [
        (None, 0o600, "No such file"),
        ("scrypt$1$1$1$AAAA$AAAA", 0o600, "holds no password"),
        ("password", 0o600, "holds no password"),
        ("", 0o600, "holds no password"),
        ("x", 0o640, "chmod 600"),
        ("x", 0o604, "chmod 600"),
    ],
)
def test_a_password_file_that_cannot_be_trusted_is_refused_with_what_to_do(tmp_path, content, mode, fault):
    if content is not None:
        (tmp_path / "p").write_text(content)
        (tmp_path / "p").chmod(mode)
    with pytest.raises(SettingsError, match=fault):
        passwords.read(tmp_path / "p")


@given(st.binary(max_size=120))
def test_no_content_of_a_password_file_does_more_than_be_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("p") / "p"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SettingsError):
        passwords.read(path)


def test_a_password_cannot_be_written_where_there_is_no_folder(tmp_path):
    with pytest.raises(MenshenError, match="cannot be written"):
        passwords.write(tmp_path / "no" / "p", PASSWORD)


def test_sessions_end_by_time_by_themselves_and_by_number():
    now_s = 0.0
    sessions = Sessions(100.0, lambda: now_s)
    first = sessions.begin("li")
    assert sessions.whose(first) == "li"
    for _ in range(MOST_SESSIONS):
        last = sessions.begin("han")
    assert sessions.whose(first) is None
    now_s = 101.0
    assert sessions.whose(last) is None
    assert sessions.whose("") is None


def test_a_pause_is_for_one_address_and_passes():
    now_s = 0.0
    throttle = Throttle(lambda: now_s)
    for _ in range(TRIES):
        assert throttle.wait_s("a") == 0
        throttle.wrong("a")
    assert throttle.wait_s("a") == PAUSE_S
    assert throttle.wait_s("b") == 0
    now_s = PAUSE_S
    assert throttle.wait_s("a") == 0


# -- in the gate -----------------------------------------------------------------------------------------------------

SIMULATED = GATE + 'driver = "simulated"\nscene = "guard"\nrate_per_min = 60.0\n'


def test_a_gate_without_the_password_file_says_how_to_make_it(tmp_path, capsys):
    path = write_gate(tmp_path, SIMULATED)
    (tmp_path / "guard.password").unlink()
    assert menshen.main(["edge", "check", str(path)]) == 1
    assert f"menshen edge password {tmp_path / 'guard.password'}" in capsys.readouterr().err


def test_a_gate_without_the_page_needs_none_of_its_packages_and_one_with_it_says_which(tmp_path):
    path = write_gate(tmp_path, SIMULATED)
    missing = ("starlette", "uvicorn", "jinja2", "cryptography", "PIL", "httpx", "flyr")
    program = f"import sys\nfor name in {missing}: sys.modules[name] = None\n"
    program += "import menshen; raise SystemExit(menshen.main(['edge', 'check', sys.argv[1]]))"
    with_page = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=False)
    assert with_page.returncode == 1
    assert 'pip install "menshen[guard]"' in with_page.stderr
    (tmp_path / "gate.toml").write_text(SIMULATED.replace('[guard]\npassword_file = "guard.password"\nport = 0\n', ""))
    without = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=False)
    assert without.returncode == 0, without.stderr


async def test_a_running_gate_shows_its_camera_to_who_is_logged_in(tmp_path):
    agent = Agent(gate_settings.load(write_gate(tmp_path, SIMULATED)), "test")
    task = asyncio.create_task(agent.run())
    assert agent.guard is not None
    await eventually(lambda: agent.guard.url is not None, "it listens")
    async with httpx.AsyncClient(base_url=agent.guard.url, headers={"origin": agent.guard.url}, timeout=20) as client:
        await client.post("/login", data={"password": PASSWORD})
        told = (await client.get("/lanes/people/now")).json()
        assert told["number"] >= 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_address_that_is_taken_is_no_fault_of_the_gate(tmp_path, capsys):
    with served_guard("people") as other:
        port = other.url.rpartition(":")[2]
        path = write_gate(tmp_path, SIMULATED.replace("port = 0", f"port = {port}"))
        agent = Agent(gate_settings.load(path), "test")
        task = asyncio.create_task(agent.run())
        await eventually(lambda: agent.lanes[0].frames > 0, "the lane works")
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert (tmp_path / "var").exists()
