"""HR's day: people and rotas from files, who is missing, a correction, sick leave; as a browser's forms send it."""

from __future__ import annotations

import asyncio
import html
import json
import re
import threading
from collections.abc import Iterator
from datetime import date, datetime
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace
from openpyxl import Workbook, load_workbook
from sqlalchemy import select

from hub.accounts.models import AuditEntry
from hub.board import AlertRow
from hub.duties.missing import missed
from hub.duties.standing import Off
from hub.registry.models import Badge, Shift
from hub.web import counting, view
from tests.support.console import ZONE
from tests.support.events import fever
from tests.support.journals import entry
from tests.support.office import PASSWORD, ServedOffice, served_office
from tests.support.servers import wait_until

pytestmark = pytest.mark.usefixtures("cheap_passwords")
DAY = date(2020, 2, 10)
"""A Monday."""


def at(hour: float, day: date = DAY) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp() + hour * 3600) * 10**9


class Clock:
    def __init__(self) -> None:
        self.now_ns = at(6)

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def office(tmp_path: Path, clock: Clock) -> Iterator[ServedOffice]:
    with served_office(tmp_path, now_ns=clock) as office:
        yield office


@pytest.fixture
def hr(office: ServedOffice) -> Iterator[httpx.Client]:
    yield from signed_in(office, "hr")


def signed_in(office: ServedOffice, login: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=office.url, trust_env=False, headers={"accept-language": "en"}) as client:
        client.post("/sign-in", data={"login": login, "password": PASSWORD})
        yield client


def csrf(client: httpx.Client) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/account").text)
    assert found
    return found.group(1)


def excel(*rows: tuple[object, ...]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(list(row))
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def bring(client: httpx.Client, path: str, data: bytes) -> httpx.Response:
    """Upload a file and, where its preview has no fault, say that it is to be done."""
    token = csrf(client)
    seen = client.post(f"{path}/import", data={"csrf": token}, files={"file": ("a.xlsx", data)})
    number = re.search(rf'action="{path}/import/([^"]+)"', seen.text)
    if seen.status_code != 200 or number is None:
        return seen
    hidden = dict(re.findall(r'name="(digest|count)" value="([^"]*)"', seen.text))
    return client.post(f"{path}/import/{number.group(1)}", data={"csrf": token, **hidden})


def ask(office: ServedOffice, work):
    """Something of the office, in its own loop."""
    return asyncio.run_coroutine_threadsafe(work, office.loop).result(20)


def measured(office: ServedOffice, number: str, *hours: float) -> None:
    token = ask(
        office, office.people.database.read(lambda s: s.scalar(select(Badge.token).where(Badge.number == number)))
    )
    for hour in hours:
        office.offset += 1
        told = entry(replace(fever(office.offset, at(hour)), badge=token), office.offset)
        ask(office, office.checks.apply([told]))


@pytest.fixture
def staffed(office: ServedOffice, hr: httpx.Client) -> httpx.Client:
    """Six people in two teams; shifts 白班 8-16 and 夜班 22-6."""

    def shifts(session) -> None:
        session.add_all(
            Shift(name=name, from_min=begins * 60, to_min=ends * 60)
            for name, begins, ends in (("白班", 8, 16), ("夜班", 22, 6))
        )

    office.offset = 0
    ask(office, office.people.database.write(shifts))
    people = [
        (f"{n:03d}", name, "焊接一班" if n < 4 else "涂装二班", f"C{n}")
        for n, name in enumerate(["李雷", "韩梅梅", "林涛", "王刚", "赵敏", "周芷若"], 1)
    ]
    assert bring(hr, "/people", excel(("工号", "姓名", "班组", "卡号"), *people)).status_code == 303
    rotas = excel(
        ("班组", "起始日期", "循环"),
        ("焊接一班", "2020-02-10", "周一至周五 白班"),
        ("涂装二班", "2020-02-10", "夜班*2 休*2"),
    )
    assert bring(hr, "/rotas", rotas).status_code == 303
    ask(office, office.duties.renew())
    return hr


def tile(text: str, name: str) -> int:
    found = re.search(rf'<span class="count[^"]*">(\d+)</span> <span>{re.escape(name)}</span>', html.unescape(text))
    return int(found.group(1)) if found else 0


def test_hr_imports_people_and_rotas_and_sees_who_is_missing_now(office, clock, staffed):
    clock.now_ns = at(9)
    measured(office, "C1", 7.8)
    page = staffed.get("/duties").text
    assert [tile(page, name) for name in ("On duty", "Once", "Not measured", "First is missing")] == [6, 1, 5, 2]
    missing = staffed.get("/duties?show=first_missing").text
    assert "韩梅梅" in missing
    assert "林涛" in missing
    assert "李雷" not in missing.split("<h2>")[1]
    clock.now_ns = at(16.5)
    measured(office, "C2", 7.9, 16.1)
    page = staffed.get("/duties").text
    assert [tile(page, name) for name in ("Measured twice", "Second is missing", "First is missing")] == [1, 1, 1]
    by_shift = staffed.get("/duties?by=shift").text
    assert "白班" in by_shift
    assert "north · people" in staffed.get("/duties?show=twice").text


def test_a_measurement_on_paper_is_entered_with_a_reason_and_one_of_somebody_else_struck_out(office, clock, staffed):
    clock.now_ns = at(17)
    measured(office, "C1", 7.8)
    person = re.search(r"/duties/(\d+)\?", staffed.get("/duties?show=once").text).group(1)
    address, token = f"/duties/{person}", csrf(staffed)
    late = staffed.post(f"{address}/corrections", data={"csrf": token, "at": "2020-02-10T20:00", "why": "paper"})
    assert late.status_code == 409
    assert "does not belong to the shift of 2020-02-10: expected 02-10 05:00 to 02-10 19:00" in late.text
    empty = staffed.post(f"{address}/corrections", data={"csrf": token, "at": "2020-02-10T15:30", "why": " "})
    assert "Say why." in empty.text
    given = {
        "csrf": token,
        "at": "2020-02-10T15:30",
        "where": "canteen",
        "body_c": "36,4",
        "why": "no power at the gate",
    }
    assert staffed.post(f"{address}/corrections", data=given).status_code == 303
    page = staffed.get(address).text
    assert "measured twice" in page
    assert "no power at the gate" in page
    assert "36.4" in page
    number = re.search(r'name="check" value="(\d+)"', page).group(1)
    assert (
        staffed.post(f"{address}/strike", data={"csrf": token, "check": number, "why": "lent badge"}).status_code == 303
    )
    page = staffed.get(address).text
    assert "second is missing" in page
    assert "struck out" in page
    assert staffed.post(f"{address}/strike", data={"csrf": token, "check": number, "why": "again"}).status_code == 409
    correction = re.findall(r'name="correction" value="(\d+)"', page)[1]
    assert staffed.post(f"{address}/withdraw", data={"csrf": token, "correction": correction}).status_code == 303
    assert "measured twice" in staffed.get(address).text
    entries = ask(office, office.people.database.read(lambda s: s.scalars(select(AuditEntry.action)).all()))
    assert {"measurement-added", "measurement-struck", "correction-withdrawn", "duty-seen"} <= set(entries)


def test_who_is_sick_is_off_duty_at_once_and_only_who_may_know_sees_why(office, clock, staffed):
    clock.now_ns = at(9)
    token = csrf(staffed)
    wrong = staffed.post("/absences", data={"csrf": token, "person": "099", "kind": "sick", "from": "2020-02-10"})
    assert "Nobody is registered under number 099." in wrong.text
    said = {"csrf": token, "person": "003", "kind": "sick", "from": "2020-02-10", "symptoms": "咳嗽"}
    assert staffed.post("/absences", data=said).status_code == 303
    assert "咳嗽" in staffed.get("/absences").text
    page = staffed.get("/duties?show=away").text
    assert tile(page, "On duty") == 5
    assert "sick" in page
    for guard in signed_in(office, "guard"):
        seen = guard.get("/duties?show=away").text
        assert "林涛" in seen
        assert "sick" not in seen
        assert guard.get("/absences").status_code == 403
    again = staffed.post("/absences", data=said | {"from": "2020-02-12"})
    assert "away already" in again.text
    number = re.search(r"/absences/(\d+)/end", staffed.get("/absences").text).group(1)
    assert staffed.post(f"/absences/{number}/end", data={"csrf": token, "until": "2020-02-10"}).status_code == 303
    assert tile(staffed.get("/duties?day=2020-02-11").text, "On duty") == 6


def test_a_file_with_one_wrong_row_changes_nothing_and_says_which_row_and_why(office, staffed):
    rows = [
        ("工号", "类别", "开始日期", "结束日期"),
        ("001", "病假", "2020-02-10", "2020-02-12"),
        ("077", "病假", "2020-02-10", ""),
    ]
    seen = bring(staffed, "/absences", excel(*rows))
    assert seen.status_code == 400
    assert "Nobody is registered under number 077." in seen.text
    assert "Nobody is away." in staffed.get("/absences").text
    seen = bring(staffed, "/absences", excel(rows[0], ("001", "放假", "2020-02-10", "")))
    assert "expected sick, holiday, business or other" in seen.text
    assert bring(staffed, "/absences", excel(*rows[:2])).headers["location"] == "/absences/import?done=1"
    unchanged = bring(staffed, "/absences", excel(*rows[:2]))
    assert "0 rows change something, 1 change nothing." in unchanged.text


def test_a_calendar_sheet_is_taken_as_hr_has_it_and_what_is_wrong_is_told_by_row_and_column(office, staffed):
    head = [("2020年2月排班表",), ("工号", "姓名", *range(10, 15)), ("", "", "一", "二", "三", "四", "五")]
    assert "Or a calendar:" in staffed.get("/rotas/days/import").text
    wrong = bring(
        staffed, "/rotas/days", excel(*head, ("001", "李雷", "夜", "休", "早", "", "班"), ("078", "谁", "夜"))
    )
    assert wrong.status_code == 400
    for told in ("E · 2020-02-12", "“早” is no shift; expected one of: 白班、夜班、休", "G · 2020-02-14", "number 078"):
        assert told in html.unescape(wrong.text), told
    done = bring(staffed, "/rotas/days", excel(*head, ("001", "李雷", "夜", "休", "白", "", "夜班")))
    assert done.headers["location"] == "/rotas/days/import?done=4"
    ask(office, office.duties.renew())
    assert ask(office, office.duties.off(date(2020, 2, 11)))[1] is Off.REST
    [tuesday] = [row for row in staffed.get("/rotas/days/export?form=csv").text.splitlines() if "2020-02-11" in row]
    assert tuesday.startswith("2020-02-11,,001,休")


@pytest.mark.parametrize("path", ["/rotas", "/rotas/days", "/absences"])
def test_what_is_exported_imports_again_unchanged(office, staffed, path):
    token = csrf(staffed)
    staffed.post("/rotas/days", data={"csrf": token, "day": "2020-02-14", "note": "停产"})
    staffed.post("/rotas/days", data={"csrf": token, "day": "2020-02-15", "number": "001", "shift": "夜班"})
    staffed.post("/absences", data={"csrf": token, "person": "002", "kind": "business", "from": "2020-02-10"})
    for form in ("xlsx", "csv"):
        data = staffed.get(f"{path}/export?form={form}").content
        seen = bring(staffed, path, data)
        assert seen.status_code == 200, html.unescape(seen.text)
        assert "0 rows change something" in seen.text
        assert "0 change nothing" not in seen.text


def test_a_rota_says_what_is_wrong_and_shows_the_next_days(office, staffed):
    token = csrf(staffed)
    wrong = staffed.post("/rotas", data={"csrf": token, "team": "焊接一班", "from": "2020-02-10", "cycle": "早班"})
    assert wrong.status_code == 409
    assert "“早班” is no shift; expected one of: 白班、夜班、休" in html.unescape(wrong.text)
    assert 'value="早班"' in wrong.text
    spread = {"csrf": token, "teams": "焊接一班，涂装二班", "from": "2020-02-10", "cycle": "白班*2 休*2"}
    assert staffed.post("/rotas/spread", data=spread).status_code == 303
    page = staffed.get("/rotas").text
    assert "白班*2 off*2" in page
    assert "off*2 白班*2" in page


def test_the_list_as_a_file_holds_everybody_with_where_and_when(office, clock, staffed):
    clock.now_ns = at(17)
    measured(office, "C1", 7.8, 16.2)
    book = load_workbook(BytesIO(staffed.get("/duties/export?form=xlsx").content))
    rows = list(book.active.iter_rows(values_only=True))
    assert len(rows) == 7
    assert rows[1] == (
        "2020-02-10", "001", "李雷", "焊接一班", None, "白班", "2", "2020-02-10 07:48", "north · people", "gate",
        "2020-02-10 16:12", "north · people", "gate", "measured twice",
    )  # fmt: skip
    text = staffed.get("/duties/export?form=csv&show=first_missing").content.decode("utf-8-sig")
    assert [line.split(",")[1] for line in text.splitlines()[1:]] == ["002", "003"]


def test_programs_get_the_figures_and_names_only_with_the_right_to_them(office, clock, staffed):
    clock.now_ns = at(9)
    measured(office, "C1", 7.8)
    found = json.loads(staffed.get("/api/duties").text)
    assert found["day"] == "2020-02-10"
    assert found["total"]["on_duty"] == 6
    teams = {row["team"]: (row["on_duty"], row["once"], row["first_missing"]) for row in found["by_team"]}
    assert teams == {"焊接一班": (3, 1, 2), "涂装二班": (3, 0, 0)}
    assert "李雷" not in staffed.get("/api/duties").text
    people = json.loads(staffed.get("/api/duties?people=true").text)["people"]
    assert people[0] == {
        "number": "001", "name": "李雷", "team": "焊接一班", "grid": "", "shift": "白班", "measured": 1,
        "standing": "second-to-come", "off": "",
    }  # fmt: skip
    for admin in signed_in(office, "admin"):
        assert admin.get("/api/duties").status_code == 200
        assert admin.get("/api/duties?people=true").status_code == 403
    actions = ask(office, office.people.database.read(lambda s: s.scalars(select(AuditEntry.action)).all()))
    assert actions.count("duties-seen") == 1


@pytest.mark.parametrize("query", ["day=2020-13-01", "day=x"])
def test_a_day_that_is_none_is_no_page(staffed, query):
    assert staffed.get(f"/duties?{query}").status_code == 404


@pytest.mark.parametrize(
    "query", ["team=x&show=nonsense&by=nobody", "team=999&shift=7", "words=%00%ff", "after=zzz&show=on_duty"]
)
def test_an_address_that_somebody_changed_breaks_nothing(staffed, query):
    assert staffed.get(f"/duties?{query}").status_code == 200


def test_an_alert_of_missed_checks_leads_to_the_list_of_its_team_and_shift(office, clock, staffed):
    clock.now_ns = at(15.5)
    measured(office, "C1", 7.8)
    book = ask(office, office.duties.book(DAY))
    (signal,) = missed(book, office.duties.rules, "baotou-1", clock.now_ns)
    row = AlertRow(
        id=1, key=signal.key, rule=signal.rule, severity="warning", state="firing", site=signal.site, gate=signal.gate,
        lane=signal.lane, detail=signal.detail, since_ns=signal.time_ns, last_ns=signal.time_ns, count=2,
    )  # fmt: skip
    address = view.missing_list(row)
    listed = staffed.get(address).text.split("<h2>")[1]
    assert [name in listed for name in ("韩梅梅", "林涛", "李雷", "王刚")] == [True, True, False, False]


def test_a_large_plants_day_that_nobody_has_counted_is_said_to_be_counted_and_comes_by_itself(office, hr, monkeypatch):
    monkeypatch.setattr(counting, "LARGE", 0)
    release = threading.Event()
    counted = office.duties.book

    async def slow(day: date) -> object:
        await asyncio.to_thread(release.wait, 20)
        return await counted(day)

    monkeypatch.setattr(office.duties, "book", slow)
    waiting = hr.get("/duties?day=2020-01-20")
    assert (waiting.status_code, waiting.headers["retry-after"]) == (202, "1")
    assert '<meta http-equiv="refresh" content="1">' in waiting.text
    assert "2020-01-20" in waiting.text
    release.set()
    wait_until(lambda: hr.get("/duties?day=2020-01-20").status_code == 200, "the day is counted")
