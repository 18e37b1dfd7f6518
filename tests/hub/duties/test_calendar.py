"""A rota as HR keeps it, people down and days across, becomes single days; what is wrong is told by row and column."""

from __future__ import annotations

from datetime import date, datetime, time
from io import BytesIO

import pytest
from openpyxl import Workbook

from hub.duties.files import DAYS, read
from hub.registry.fields import Unfit
from hub.registry.sheets import write_csv

TODAY = date(2020, 2, 10)


def sheet(rows: list[list[object]]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def said(data: bytes) -> list[tuple[int, str, date, object, object]]:
    """Row, column, day, who and what."""
    found = read(data, DAYS, TODAY)
    names = [field.name for field in DAYS.fields]
    rows = [(row, dict(zip(names, row.cells, strict=True))) for row in found.rows]
    return [
        (row.number, row.column.split()[0], cells["day"], cells["number"] or cells["team"], cells["shift"])
        for row, cells in rows
    ]


@pytest.mark.parametrize(
    "days",
    [
        [28, 29, 1],
        ["28日", "29日", "1日"],
        ["2/28", "2月29日", "3/1"],
        ["2020-02-28", "2020.2.29", "2020年3月1日"],
        [datetime.combine(day, time()) for day in (date(2020, 2, 28), date(2020, 2, 29), date(2020, 3, 1))],
    ],
)
def test_days_are_read_as_people_write_them_over_the_end_of_a_month_and_the_row_of_weekdays_is_none(days):
    found = said(
        sheet(
            [
                ["焊接车间 2020年2月排班表"],
                ["姓名", "工号", *days, "备注"],
                ["", "", "五", "六", "日", ""],
                ["赵敏", "A100-4711", "早", "", "休", "新人"],
                ["李雷", 815, "夜班", "夜班", None, ""],
                ["合计", "", "", "", "", ""],
            ]
        )
    )
    assert found == [
        (4, "C", date(2020, 2, 28), "A100-4711", "早"),
        (4, "E", date(2020, 3, 1), "A100-4711", "休"),
        (5, "C", date(2020, 2, 28), 815, "夜班"),
        (5, "D", date(2020, 2, 29), 815, "夜班"),
    ]


def test_teams_may_stand_in_place_of_people_and_a_csv_file_is_the_same():
    data = write_csv(["班组", "2/10", "2/11", "2/12"], [["一班", "早", "休", "中"]])
    assert said(data) == [
        (2, "B", date(2020, 2, 10), "一班", "早"),
        (2, "C", date(2020, 2, 11), "一班", "休"),
        (2, "D", date(2020, 2, 12), "一班", "中"),
    ]


def test_the_other_form_of_the_file_is_read_as_before():
    data = write_csv(["日期", "班组", "工号", "班次"], [["2020-02-10", "一班", "", "白班"]])
    [row] = read(data, DAYS, TODAY).rows
    assert row.cells == ["2020-02-10", "一班", "", "白班"]


@pytest.mark.parametrize(
    ("rows", "key", "where"),
    [
        ([["工号", 1, 2, 3], ["1", "早", "早", "早"]], "calendar-month", "B1"),
        ([["2020年2月"], ["工号", 28, 29, 30], ["1", "早", "早", "早"]], "calendar-day", "D2"),
        ([["工号", "2/1", "2/2", "2月1日"], ["1", "早", "早", "早"]], "calendar-twice", "D1"),
        ([["工号", "2/1", "2/2", "2/3"], ["", "早", "早", "早"]], "calendar-nobody", "2"),
    ],
)
def test_a_sheet_that_says_no_day_or_nobody_is_refused_with_its_cell(rows, key, where):
    with pytest.raises(Unfit) as refused:
        read(sheet(rows), DAYS, TODAY)
    [fault] = refused.value.faults
    assert (fault.key, list(fault.values.values())[-1]) == (key, where)
