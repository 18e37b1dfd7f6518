"""The administrators' page of updates: a release is offered, watched and halted there, in both languages."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.releases import desk, waves
from hub.releases.waves import Outcome, State
from tests.hub.web.test_people import Client
from tests.support.office import ServedOffice, served_office
from tests.support.releases import envelope_of, manifest_of, wheel_file

pytestmark = pytest.mark.usefixtures("cheap_passwords")
FILE = wheel_file("menshen-0.2.0-py3-none-any.whl", b"PK a wheel")
HOSTILE = "</dd><script>document.title='taken'</script>"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedOffice]:
    with served_office(tmp_path_factory.mktemp("office")) as office:
        yield office


@pytest.fixture
def admin(office: ServedOffice) -> Iterator[Client]:
    client = Client(office.url, "admin")
    yield client
    client.http.close()


def write(office: ServedOffice, work: object) -> object:
    return asyncio.run_coroutine_threadsafe(office.people.database.write(work), office.loop).result(10)  # type: ignore[arg-type]


def test_a_release_is_offered_in_waves_shown_gate_by_gate_and_halted(office, admin, tmp_path_factory):
    assert "menshen hub releases add" in admin.get("/updates")
    assert 'href="/updates"' in admin.get("/gates")
    for serial in (1, 2):
        manifest = manifest_of([FILE], f"0.{serial}.0", serial)
        write(office, lambda session, m=manifest: desk.add(session, envelope_of(m), by="chief", now_ns=10**18))
    assert "1 of its files are missing" in admin.get("/updates")
    shelf = Path(office._folder) / "releases"
    shelf.mkdir()
    (shelf / FILE.sha256).write_bytes(b"PK a wheel")
    page = admin.get("/updates")
    assert "files are missing" not in page
    assert page.index("0.2.0") < page.index("0.1.0")  # the newest first
    good = {"release": "2", "gates": "", "waves": "1,10%,100%", "watch": "60"}
    for wrong, said in (
        ({"waves": "x"}, "as in 1,10%"), ({"gates": "North"}, "lower-case letters"), ({"release": "9"}, "no release"),
        ({"watch": "-1"}, "expected minutes"), ({"watch": HOSTILE}, "expected minutes"),
    ):  # fmt: skip
        answer = admin.post("/updates", **{**good, **wrong})
        assert answer.status_code == 400
        assert said in answer.text
        assert "<script>document" not in answer.text
    assert admin.post("/updates", **good).status_code == 303
    assert "under way: wave 1 of 3 (1)" in admin.get("/updates")
    now = write(office, desk.now)
    words = {
        "east": Outcome("works"),
        "north": Outcome("failed", f"no frames {HOSTILE}"),
        "west": Outcome("loading", "40%"),
    }
    for found in ({}, words):
        step = waves.Step(tuple(words) if not found else (), 0, State.RUNNING)
        write(office, lambda session, s=step, f=found: desk.carry_out(session, now.rollout, s, f, 10**18))
    page = admin.get("/updates")
    for said in ("runs, and works", "does not work there: no frames", "is loaded: 40%"):
        assert said in page
    assert "<script>document" not in page
    assert "正在" not in page
    assert "下载中：40%" in admin.http.get("/updates", headers={"Accept-Language": "zh"}).text
    assert admin.post("/updates/halt").status_code == 303
    assert "halted: no other gate begins" in admin.get("/updates")
    assert admin.post("/updates/back", release="2").status_code == 303
    assert "Go back from 0.2.0" in admin.get("/updates")
    record = admin.get("/audit")
    for act in ("release offered to gates", "update of gates halted", "gates sent back"):
        assert act in record


def test_only_administrators_see_and_change_what_gates_are_to_run(office):
    for login in ("guard", "hr", "officer", "oncall", "auditor"):
        client = Client(office.url, login)
        assert client.http.get("/updates").status_code == 403, login
        client.http.close()
