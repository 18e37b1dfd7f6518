"""Excel and CSV files of people and vehicles: read, planned and written; whatever is in them."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from hub.registry import sheets
from hub.registry.fields import PEOPLE, VEHICLES, Number, Unfit, written
from hub.registry.plans import Plan, Register, Site, plan, plan_rows

TODAY = date(2020, 2, 10)
OPEN = Site(("湖北",), isolation_place=True, today=TODAY)
NOBODY = Register({}, {})
HEADER = ("工号", "姓名", "班组", "卡号", "电话", "来源地", "返回日期")


def excel(*rows: tuple[object, ...], merge: str = "") -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    if merge:
        book.active.merge_cells(merge)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def planned(data: bytes, register: Register = NOBODY, site: Site = OPEN) -> Plan:
    return plan(PEOPLE, sheets.read(data, PEOPLE), register, site)


def told(made: Plan) -> list[tuple[int, str, str]]:
    return [(found.row, found.fault.field, found.fault.key) for found in made.faults]


def refused(data: bytes) -> str:
    with pytest.raises(Unfit) as caught:
        sheets.read(data, PEOPLE)
    return caught.value.faults[0].key


def test_an_excel_file_of_hr_is_understood_with_titles_numbers_dates_and_empty_rows():
    made = planned(
        excel(
            ("包头一厂 员工花名册",), (), HEADER,
            (1001, "李雷", "焊接一班", 4711, 13800138000, "湖北省武汉市", datetime(2020, 2, 8)),  # noqa: DTZ001 - as openpyxl gives it
            (), ("A002 ", " 韩 梅梅", None, "0012; 0013", None, None, 43864),
        )
    )  # fmt: skip
    assert told(made) == []
    first, second = [change.new for change in made.new]
    assert (first["number"], first["badges"], first["telephone"]) == ("1001", ("4711",), "13800138000")
    assert first["returned_on"] == date(2020, 2, 8)
    assert (second["number"], second["name"], second["badges"]) == ("A002", "韩 梅梅", ("0012", "0013"))
    assert second["returned_on"] == date(2020, 2, 3)
    assert made.teams == ["焊接一班"]


@pytest.mark.parametrize("text", ["2020-02-08", "2020/2/8", "2020年2月8日", "20200208", "43869", "2020.02.08"])
def test_a_day_is_understood_however_it_is_written(text):
    made = planned(f"number,name,returned on\n1,Li,{text}\n".encode())
    assert made.changes[0].new["returned_on"] == date(2020, 2, 8)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_is_read_as_excel_writes_it_in_china_and_elsewhere(encoding, delimiter):
    text = "\r\n".join(delimiter.join(row) for row in [("工号", "姓名", "备注"), ("1", "李雷", "x")])
    sheet = sheets.read(text.encode(encoding), PEOPLE)
    assert sheet.ignored == ("备注",)
    assert [row.cells[:2] for row in sheet.rows] == [["1", "李雷"]]


def test_errors_are_told_by_row_and_column():
    made = planned(
        excel(
            HEADER,
            (None, "无号", None, None, None, None, None),
            (2, None, None, None, None, None, "下周一"),
            (3, "甲", None, 12345678901234567, None, None, None),
            (4, "乙", None, "B1", None, None, None),
            (4, "丙", None, None, None, None, None),
            (5, "丁", None, "b 1", None, None, None),
            (6, "戊", None, None, None, "湖北省", None),
            (7, "己", "x" * 61, None, None, None, None),
        )
    )
    assert told(made) == [
        (2, "number", "required"), (3, "name", "required"), (3, "returned_on", "date"), (4, "badges", "digits"),
        (6, "number", "twice"), (7, "badges", "number-twice"), (8, "returned_on", "listed-without-date"),
        (9, "team", "long"),
    ]  # fmt: skip


def test_a_site_without_an_isolation_place_takes_nobody_new_from_a_listed_area():
    data = excel(HEADER, (1, "李雷", None, None, None, "湖北武汉", date(2020, 2, 8)))
    site = Site(("湖北",), isolation_place=False, today=TODAY)
    assert told(planned(data, site=site)) == [(2, "origin", "no-isolation-place")]
    assert told(planned(data)) == []
    after = excel(HEADER, (1, "李雷", None, None, None, "湖北武汉", date(2020, 1, 20)))
    assert told(planned(after, site=site)) == []


def test_what_changes_is_shown_field_by_field_and_what_has_no_column_stays():
    old = {**PEOPLE.empty(), "number": "1", "name": "李雷", "team": "一班", "badges": ("4711",), "telephone": "1"}
    register = Register({"1": old}, {Number("badges", "4711"): "1"}, frozenset({"一班"}))
    made = planned("工号,姓名,卡号,班组\n1,李雷,4712,一班\n".encode(), register)
    assert [change.fields() for change in made.changed] == [{"badges": (("4711",), ("4712",))}]
    assert made.changed[0].new["telephone"] == "1"
    assert planned("工号,姓名\n1,李雷\n".encode(), register).unchanged == 1


def test_a_badge_may_go_from_one_to_another_in_one_file_but_not_be_taken_from_who_keeps_it():
    records = {key: {**PEOPLE.empty(), "number": key, "name": "x"} for key in "12"}
    records["1"]["badges"] = ("B1",)
    register = Register(records, {Number("badges", "B1"): "1"})
    assert told(planned(b"number,name,badge\n2,x,B1\n", register)) == [(2, "badges", "number-taken")]
    assert told(planned(b"number,name,badge\n2,x,B1\n1,x,\n", register)) == []


def test_a_shift_is_one_of_the_site_s_by_its_name_there_and_an_error_says_what_was_found_and_which_there_are():
    register = NOBODY._replace(shifts=("早班", "Night 2"))
    made = planned("工号,姓名,班次\n1,a,早班\n2,b,ＮＩＧＨＴ２\n3,c,\n4,d,中班\n5,e,早\n".encode(), register)
    assert [change.new["shift"] for change in made.new][:3] == ["早班", "Night 2", ""]
    assert told(made) == [(5, "shift", "shift-unknown"), (6, "shift", "shift-unknown")]
    assert made.faults[0].fault.values == {"found": "中班", "known": "早班、Night 2"}
    assert told(planned(b"number,name,shift\n1,a,x\n2,b,y\n")) == [(2, "shift", "no-shifts-yet")]


texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12).map(lambda text: " ".join(text.split()))
line = st.sampled_from(["=1+1", "'=x", "''@a", "+86 139", "-", "@SUM(A1)"]) | texts


@settings(max_examples=60)
@given(
    st.lists(st.tuples(line, line, line, st.sampled_from(["", "早班", "=1"]), st.booleans()), max_size=6),
    st.sampled_from(["csv", "xlsx"]),
    st.booleans(),
)
def test_what_is_exported_imports_again_unchanged(rows, ending, chinese):
    cells = [
        (n, {"number": f"{n}", "name": name or "x", "team": team, "company": company, "shift": shift, "active": active})
        for n, (name, team, company, shift, active) in enumerate(rows)
    ]
    register = NOBODY._replace(shifts=("早班", "=1"))
    first = plan_rows(PEOPLE, cells, register, OPEN)
    records = {str(change.new["number"]): change.new for change in first.changes}
    headers = [field.zh if chinese else field.en for field in PEOPLE.fields]
    table = [
        [written(record[field.name], "zh" if chinese else "en") for field in PEOPLE.fields]
        for record in records.values()
    ]
    data = sheets.write_csv(headers, table) if ending == "csv" else sheets.write_excel("x", headers, table)
    again = planned(data, register._replace(records=records))
    assert (again.changes, told(again), again.unchanged) == ([], [], len(records))


def test_no_exported_cell_is_a_formula():
    for text in ("=HYPERLINK()", "+1", "-1", "@x"):
        assert f"'{text}" in sheets.write_csv(["a"], [[text]]).decode("utf-8-sig")


def bomb(name: str, megabytes: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, b"\0" * (megabytes * 2**20))
    return file.getvalue()


def test_hostile_and_mistaken_files_are_answered_in_words():
    assert refused(bomb("xl/worksheets/sheet1.xml", 101)) == "file-unpacked"
    assert refused(bomb("xl/sharedStrings.xml", 33)) == "file-unpacked"
    assert refused(b"x" * (sheets.MAX_BYTES + 1)) == "file-large"
    assert refused(b"PK\x03\x04nonsense") == "file-broken"
    assert refused(b"\xd0\xcf\x11\xe0rest") == "file-old-excel"
    assert refused(b"\xff\xff\xff") == "file-unreadable"
    assert refused(b"a\0b") == "file-unreadable"
    assert refused(b"") == "file-header"
    assert refused("产品,价格\n1,2\n".encode()) == "file-header"
    assert refused(excel(("工号", "姓名", "班组"), (1, "a", "一班"), (2, "b", None), merge="C2:C3")) == "file-merged"


def test_a_merged_title_is_no_harm():
    assert len(planned(excel(("花名册", None), ("工号", "姓名"), (1, "a"), merge="A1:B1")).new) == 1


@pytest.fixture(scope="module")
def good() -> bytes:
    return excel(HEADER, *((n, f"名{n}", "一班", f"B{n}", None, None, None) for n in range(5)))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_workbook_is_read_or_refused_in_words(good, data):
    damaged = bytearray(good)
    for at in data.draw(st.lists(st.integers(0, len(good) - 1), min_size=1, max_size=12)):
        damaged[at] ^= data.draw(st.integers(1, 255))
    try:
        planned(bytes(damaged))
    except Unfit as error:
        assert error.faults[0].key.startswith("file-")


@settings(max_examples=150)
@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: f"工号,姓名,卡号,返回日期\n{text}".encode()))
@example('工号,姓名\n"'.encode())
def test_any_bytes_are_read_or_refused_in_words(data):
    try:
        made = planned(data)
    except Unfit as error:
        assert error.faults[0].key.startswith("file-")
    else:
        assert made.unchanged == 0


cells = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.dates() | st.datetimes()


@given(
    st.lists(st.dictionaries(st.sampled_from([f.name for f in PEOPLE.fields]), cells)),
    st.sampled_from([PEOPLE, VEHICLES]),
)
def test_any_cells_become_a_plan(rows, kind):
    made = plan_rows(kind, list(enumerate(rows)), NOBODY, OPEN)
    for change in made.new:
        for field in kind.fields:
            if not made.faults and field.name in change.new:
                assert field.value(written(change.new[field.name])) == change.new[field.name]
