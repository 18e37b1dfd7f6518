"""Days for tests of reports."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st
from msgspec.structs import replace

from hub.city.view import CityView, Site, city_view
from hub.reports.figures import MARKS, Alike, CaseDay, DayReport, Equipment, Gathered, Mark, RoundDay, day_report

NOW_NS = 1_581_332_400_000_000_000
"""2020-02-10 19:00 in China."""
COUNTS = {
    "returnees": ("registered", "observed", "listed", "returned"),
    "visitors": ("announced", "registered", "unaccounted", "unknown"),
    "vehicles": ("passages", "allowed", "denied", "registered", "unregistered", "undisinfected", "disinfected"),
    "gates": ("passages", "allowed", "denied", "again", "unmeasured", "by_hand", "fevers", "unscreened",
              "entered_refused", "tailgating", "faults", "gaps", "lost"),
    "meals": ("diners", "out_of_slot", "crowds"),
}  # fmt: skip
_offs = st.sampled_from([None, None, "sick", "holiday", "isolated", "rest", "unknown", "closed"])
people = st.lists(
    st.builds(
        Alike, st.sampled_from(["", "焊接一班", "装配二班", "=SUM(A1)"]), st.sampled_from(["", "东河3", "昆区1"]),
        _offs,
        st.integers(0, 4), st.integers(1, 30),
    ),
    max_size=30,
)  # fmt: skip
cases = st.lists(
    st.builds(
        CaseDay, st.integers(1, 99), st.just("1001"), st.sampled_from(["王芳", "<b>&"]), st.just("焊接一班"),
        st.just("东河3"), st.sampled_from(["fever", "returnee", "contact", "suspected", "other"]),
        st.sampled_from(["隔离点", "市第三医院", ""]), st.booleans(), st.integers(1, 30), st.just(14), st.booleans(),
        st.booleans(), st.booleans(), st.booleans(),
    ),
    max_size=8,
)  # fmt: skip
rounds = st.lists(
    st.builds(
        RoundDay, st.sampled_from(["workshop", "canteen", "isolation"]), st.sampled_from(["一车间", "食堂"]),
        st.sampled_from(["done", "late", "overdue"]),
    ),
    max_size=9,
)  # fmt: skip
equipment = st.lists(
    st.builds(
        Equipment, st.sampled_from(["device-fault", "gap", "gate-silent"]), st.just("north"),
        st.sampled_from(["热像仪", "", "x" * 90]), st.just(NOW_NS - 10**12), st.sampled_from([None, NOW_NS]),
    ),
    max_size=4,
)  # fmt: skip


def counts(name: str) -> st.SearchStrategy[dict[str, int]]:
    return st.fixed_dictionaries({key: st.integers(0, 99_999) for key in COUNTS[name]})


@st.composite
def gathered(draw: st.DrawFn) -> Gathered:
    found = draw(people)
    groups = [(one.team, one.grid) for one in found]
    marks = st.builds(lambda group, count: Mark(*group, count), st.sampled_from(groups), st.sampled_from(MARKS))
    concerns = st.sampled_from(["none", "note", "call", "ill"])
    return Gathered(
        site="baotou-1",
        day=date(2020, 2, 10),
        made_ns=NOW_NS,
        people=found,
        marks=draw(st.dictionaries(marks, st.integers(1, 9), max_size=9)) if groups else {},
        feverish=draw(st.integers(0, 9)),
        confirmed=draw(st.integers(0, 9)),
        feverish_unnamed=draw(st.integers(0, 3)),
        declared=draw(st.dictionaries(concerns, st.integers(1, 99))),
        cases=draw(cases),
        rounds=draw(rounds),
        equipment=draw(equipment),
        alerts=draw(st.dictionaries(st.sampled_from(["fever", "gap"]), st.integers(1, 9))),
        resumption={"opens_on": "2020-02-10", "missing": draw(st.integers(0, 13))},
        audit_head="ab" * 32,
        **{name: draw(counts(name)) for name in COUNTS},
    )


reports: st.SearchStrategy[DayReport] = gathered().map(day_report)


def usual() -> Gathered:
    """A small day with something of everything."""
    people = [
        Alike(["焊接一班", "装配二班", "包装班", ""][n % 4], "东河3" if n % 2 else "昆区1",
              [None, None, None, None, None, "sick", "isolated", "rest"][n % 8], n % 3, 1)
        for n in range(1, 61)
    ]  # fmt: skip
    marks = {
        Mark("装配二班", "东河3", "feverish"): 1, Mark("包装班", "昆区1", "feverish"): 1,
        Mark("装配二班", "东河3", "declared"): 2, Mark("装配二班", "东河3", "concerned"): 1,
        Mark("包装班", "昆区1", "declared"): 1, Mark("", "东河3", "declared"): 1, Mark("", "昆区1", "declared"): 1,
        Mark("", "昆区1", "concerned"): 1,
    }  # fmt: skip
    return Gathered(
        site="baotou-1", day=date(2020, 2, 10), made_ns=NOW_NS, people=people, marks=marks,
        feverish=2, confirmed=1, feverish_unnamed=1, declared={"ill": 1, "none": 2, "note": 1, "call": 1},
        cases=[
            CaseDay(6, "1006", "李雷6", "包装班", "昆区1", "returnee", "隔离点一", False, 9, 14,
                    True, True, False, False),
            CaseDay(2, "1002", "李雷2", "包装班", "昆区1", "fever", "市第三医院", True, 1, 14,
                    True, False, True, False),
            CaseDay(7, "1007", "王芳", "焊接一班", "东河3", "suspected", "", False, 3, 14, False, False, False, False),
        ],
        returnees={"registered": 5, "observed": 2, "listed": 1, "returned": 0},
        visitors={"announced": 4, "registered": 3, "unaccounted": 1, "unknown": 6},
        vehicles=dict(zip(COUNTS["vehicles"], (31, 24, 7, 5, 4, 3, 22), strict=True)),
        gates=dict(zip(COUNTS["gates"], (208, 190, 9, 9, 9, 8, 3, 1, 0, 2, 1, 0, 0), strict=True)),
        rounds=[RoundDay("workshop", "一车间", "done"), RoundDay("workshop", "一车间", "late"),
                RoundDay("canteen", "一食堂", "overdue"), RoundDay("commuter", "蒙B12345", "done")],
        equipment=[Equipment("device-fault", "north/people", "people-thermal: no frames", NOW_NS - 10**13, None)],
        alerts={"fever": 2, "device-fault": 1}, meals={"diners": 44, "out_of_slot": 3, "crowds": 1},
        resumption={"opens_on": "2020-02-10", "missing": 2}, audit_head="5d" * 32,
    )  # fmt: skip


async def usual_report(day: date) -> DayReport:
    """The small day, under another date."""
    return day_report(replace(usual(), day=day))


async def usual_city() -> CityView:
    """Three sites: one that is read, one of yesterday that cannot be reached, one that was never read."""
    report = day_report(usual())
    yesterday = replace(report, day="2020-02-09", site="baotou-2")
    found = [
        Site(site="baotou-1", title="一厂", report=report, read_ns=NOW_NS - 3 * 60 * 10**9),
        Site(site="baotou-2", title="二厂", report=yesterday, read_ns=NOW_NS - 9 * 3600 * 10**9, error="ConnectError"),
        Site(site="baotou-3", title="三厂 <b>", error="HTTP 401, expected 200"),
    ]
    return city_view(found, "2020-02-10", NOW_NS)
