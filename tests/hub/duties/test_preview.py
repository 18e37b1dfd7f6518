"""A calendar sheet's preview is a calendar, and what is wrong with a whole row is told once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.duties.files import Done, Outcome
from hub.duties.preview import calendar_of, mistakes

DAYS = [f"2020-02-{day:02d}" for day in range(1, 6)]
sheet = st.dictionaries(st.tuples(st.integers(3, 7), st.sampled_from(DAYS)), st.sampled_from("早中夜休"), min_size=1)


def outcome(row: int, day: str, shift: str, **more: object) -> Outcome:
    cells = (day, "", f"47{row:02d}", shift, "")
    return Outcome(row, cells, Done(True, {row}), column=f"C · {day}")._replace(**more)


@given(sheet)
def test_each_change_stands_in_its_row_under_its_day_and_nothing_else_does(changes):
    found = calendar_of([outcome(row, day, shift) for (row, day), shift in sorted(changes.items())])
    assert found is not None
    shown = {
        (one.row, day): shift for one in found.rows for day, shift in zip(found.days, one.shifts, strict=True) if shift
    }
    assert shown == changes
    assert [one.number for one in found.rows] == [f"47{one.row:02d}" for one in found.rows]


def test_a_list_of_days_is_shown_as_a_list():
    assert calendar_of([]) is None
    assert calendar_of([outcome(3, DAYS[0], "早", column="")]) is None


def test_what_is_wrong_with_a_whole_row_is_told_once_and_with_a_cell_where_it_is():
    nobody = {"done": None, "why": "refused.no-number", "values": {"number": "9999"}}
    no_shift = {"done": None, "why": "refused.shift", "values": {"found": "早早"}}
    wrong = [outcome(3, DAYS[1], "早早", **no_shift), *(outcome(4, day, "早", **nobody) for day in DAYS)]
    assert [(one.first.row, one.first.column, one.last) for one in mistakes(wrong)] == [
        (3, f"C · {DAYS[1]}", ""),
        (4, f"C · {DAYS[0]}", f"C · {DAYS[-1]}"),
    ]
