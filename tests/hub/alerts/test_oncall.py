"""Who is on call at a moment: turns, zones, holidays, swaps, calendars, quiet hours; and names that nobody has."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.alerts.bundles import Allowance
from hub.alerts.calendars import CalendarFile
from hub.alerts.chains import Contact
from hub.alerts.course import StoreSettings
from hub.alerts.lifecycle import Why
from hub.alerts.oncall import (
    ContactSettings,
    EscalationSettings,
    OnCall,
    PersonSettings,
    RotaSettings,
    StepSettings,
    SwapSettings,
    end_of_quiet_ns,
    faults,
)
from hub.alerts.outbox import Outcome
from hub.alerts.rules import Rule, Severity, Signal
from hub.alerts.store import AlertStore
from wire.errors import SettingsError

CHINA = ZoneInfo("Asia/Shanghai")


def wall(*parts: int) -> dt.datetime:
    """A wall time, of whatever zone a rota has."""
    return dt.datetime(*parts)  # noqa: DTZ001 - that is what a rota's times are


START = wall(2020, 2, 1, 8, 0)


def ns(text: str, zone: str = "Asia/Shanghai") -> int:
    return round(dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 10**9


def person(name: str, **changes: object) -> PersonSettings:
    contacts = [ContactSettings(channel="phone", to=f"{name.lower()}@plant"), ContactSettings(channel="mail")]
    return PersonSettings(name=name, contacts=contacts, **changes)


PEOPLE = [person("Li"), person("Wang", quiet=["22:00", "07:00"], lang="en"), person("Zhao"),
          person("Chief", role="supervisor"), person("Bureau", role="district")]  # fmt: skip
ROTA = RotaSettings(name="gate", zone="Asia/Shanghai", people=["Li", "Wang", "Zhao"], start=START)
LADDER = EscalationSettings(
    severities=[Severity.CRITICAL],
    steps=[StepSettings(tell=["rota:gate"]), StepSettings(after_min=5, tell=["everybody"]),
           StepSettings(after_min=15, tell=["supervisor", "district"])],
)  # fmt: skip


def plan(rota: RotaSettings = ROTA, calendar: CalendarFile | None = None) -> OnCall:
    calendars = {"gate": calendar} if calendar else {}
    return OnCall(PEOPLE, [rota], [LADDER], ["phone", "mail"], calendars, "Asia/Shanghai")


def names(tell: str, at: str, severity: str = "critical", oncall: OnCall | None = None) -> list[str]:
    return [receiver.name for receiver in (oncall or plan()).receivers((tell,), severity, ns(at))]


@pytest.mark.parametrize(
    ("at", "who"),
    [("2020-01-31T12:00", []), ("2020-02-01T08:00", ["Li"]), ("2020-02-02T07:59", ["Li"]),
     ("2020-02-02T08:00", ["Wang"]), ("2020-02-04T08:00", ["Li"]), ("2020-03-01T09:00", ["Zhao"])],
)  # fmt: skip
def test_people_take_turns_from_the_start_on(at, who):
    assert names("rota:gate", at) == who


def test_a_shift_changes_at_the_same_hour_of_the_wall_clock_in_summer_and_winter():
    berlin = RotaSettings(name="gate", zone="Europe/Berlin", people=["Li", "Wang"], start=wall(2020, 3, 27, 8))
    oncall = plan(berlin)
    for day, who in ((28, "Wang"), (29, "Li"), (30, "Wang")):
        for minute, expected in (("07:59", {"Li": "Wang", "Wang": "Li"}[who]), ("08:00", who)):
            moment = ns(f"2020-03-{day}T{minute}", "Europe/Berlin")
            assert oncall.on_duty(berlin, moment) == [expected]


def test_a_holidays_shift_has_people_of_its_own_and_a_swap_goes_before_everything():
    rota = RotaSettings(
        name="gate", people=["Li", "Wang", "Zhao"], start=START,
        holidays=[dt.date(2020, 2, 8)], holiday_people=["Chief"],
        swaps=[SwapSettings(since=wall(2020, 2, 8, 20), until=wall(2020, 2, 9, 8), who="Chief", by="Li")],
    )  # fmt: skip
    at = {"2020-02-08T07:59": "Li", "2020-02-08T08:00": "Chief", "2020-02-08T20:00": "Li", "2020-02-09T08:00": "Zhao"}
    for moment, who in at.items():
        assert names("rota:gate", moment, oncall=plan(rota)) == [who]


def test_targets_name_people_by_role_and_everybody_once():
    at = "2020-02-01T12:00"
    assert names("everybody", at) == ["Li", "Wang", "Zhao"]
    assert names("supervisor", at) == ["Chief"]
    assert names("district", at) == ["Bureau"]
    assert names("person:Zhao", at) == ["Zhao"]
    both = plan().receivers(("rota:gate", "everybody", "channel:mail"), "critical", ns(at))
    assert [receiver.name for receiver in both] == ["Li", "Wang", "Zhao", "mail"]
    assert both[0].route == (Contact("phone", "li@plant"), Contact("mail"))
    assert both[1].lang == "en"


def test_quiet_hours_hold_back_only_what_is_not_critical():
    night = ns("2020-02-02T23:30")
    (critical,) = plan().receivers(("person:Wang",), "critical", night)
    (warning,) = plan().receivers(("person:Wang",), "warning", night)
    assert critical.not_before_ns == 0
    assert warning.not_before_ns == ns("2020-02-03T07:00")


@given(st.times(), st.times(), st.datetimes(wall(2020, 1, 1), wall(2021, 1, 1)))
def test_quiet_hours_end_within_a_day_and_never_begin_again_at_their_end(begins, ends, now):
    quiet = [begins.strftime("%H:%M"), ends.strftime("%H:%M")]
    until_ns = end_of_quiet_ns(quiet, now.replace(tzinfo=CHINA))
    if until_ns:
        assert 0 < until_ns / 1e9 - now.replace(tzinfo=CHINA).timestamp() <= 86_400
        assert end_of_quiet_ns(quiet, dt.datetime.fromtimestamp(until_ns / 1e9, CHINA)) == 0


def test_an_alert_that_no_escalation_names_goes_to_every_channel():
    assert plan().chain_for("gap", "warning").steps[0].tell == ("channel:phone", "channel:mail")
    assert [step.after_s for step in plan().chain_for("fever", "critical").steps] == [0, 300, 900]


ICS = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//
BEGIN:VEVENT
UID:1
DTSTART;TZID=Asia/Shanghai:20200201T080000
DTEND;TZID=Asia/Shanghai:20200201T200000
RRULE:FREQ=DAILY;COUNT=30
EXDATE;TZID=Asia/Shanghai:20200203T080000
SUMMARY:Li
END:VEVENT
BEGIN:VEVENT
UID:2
DTSTART;TZID=Asia/Shanghai:20200201T200000
DTEND;TZID=Asia/Shanghai:20200202T080000
RRULE:FREQ=DAILY
SUMMARY:night shift
ATTENDEE:mailto:Wang@plant
END:VEVENT
END:VCALENDAR
"""


def calendar(folder: Path, text: str = ICS) -> CalendarFile:
    (folder / "duty.ics").write_text(text.replace("\n", "\r\n"))
    addresses = {f"{name.lower()}@plant": name for name in ("Li", "Wang")}
    return CalendarFile(folder / "duty.ics", addresses, frozenset({"Li", "Wang"}))


@pytest.mark.parametrize(
    ("at", "who"),
    [("2020-02-01T07:59", ["Li"]), ("2020-02-02T12:00", ["Li"]), ("2020-02-02T20:00", ["Wang"]),
     ("2020-02-03T07:59", ["Wang"]), ("2020-02-03T12:00", ["Zhao"])],
)  # fmt: skip
def test_a_calendar_goes_before_the_turns_and_the_turns_fill_its_holes(tmp_path, at, who):
    rota = RotaSettings(name="gate", people=["Zhao"], start=wall(2020, 2, 2))
    found = names("rota:gate", at, oncall=plan(rota, calendar(tmp_path)))
    assert found == ([] if at.startswith("2020-02-01") else who)


SHIFT = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSUMMARY:Li\n{}\nEND:VEVENT\nEND:VCALENDAR\n"


@pytest.mark.parametrize("text", [
    "", "no calendar", "BEGIN:VCALENDAR\nBEGIN:VEVENT\n", "\x00\xff",
    SHIFT.format("RRULE:FREQ=DAILY"), SHIFT.format("RRULE:INTERVAL=2\nDTSTART:20200101T000000"),
    SHIFT.format("DTSTART:20200101T000000\nDTEND:-PT5H"),
])  # fmt: skip
def test_a_file_that_is_no_calendar_is_told_or_names_nobody(tmp_path, text):
    try:
        assert calendar(tmp_path, text).on_duty(dt.datetime(2020, 2, 2, tzinfo=CHINA)) == []
    except SettingsError as error:
        assert "duty.ics: not an iCalendar file" in str(error)
    with pytest.raises(SettingsError, match="cannot be read"):
        CalendarFile(tmp_path / "none.ics", {}, frozenset())


def test_names_that_nobody_has_are_told_where_they_stand():
    nobody = PersonSettings(name="Qian", contacts=[ContactSettings(channel="pigeon")])
    rota = RotaSettings(name="gate", people=["Sun"], start=START)
    steps = [StepSettings(tell=["rota:gat", "person:Li", "channel:phone", "everybodi", "supervisor"])]
    told = faults([nobody], [rota, RotaSettings(name="empty")], [EscalationSettings(steps=steps)], ["phone"])
    assert [where[:2] for where, _ in told] == [
        ("people", 0), ("rotas", 0), ("rotas", 1), ("escalations", 0), ("escalations", 0), ("escalations", 0)
    ]  # fmt: skip
    assert "'pigeon' is not the name of a channel, expected one of: phone" in told[0][1]
    assert "expected people and start, or a calendar_file" in told[2][1]
    assert faults(PEOPLE, [ROTA], [], ["phone", "mail"])[0][0] == ("people",)
    assert faults(PEOPLE, [ROTA], [LADDER], ["phone", "mail"]) == []


def test_who_comes_on_duty_gets_a_note_of_what_is_open_once(tmp_path):
    store = AlertStore(tmp_path / "alerts.db", plan(), StoreSettings(zone="Asia/Shanghai"))
    store.open()
    before, change = ns("2020-02-02T07:59"), ns("2020-02-02T08:00")
    fever = Signal(key="f", rule=Rule.FEVER, site="s", gate="g", time_ns=before)
    store.take(1, [(fever, before)], before)
    store.acknowledge(1, "Li", before)
    assert store.hand_over(before) == 0
    assert store.hand_over(change) == 1
    assert store.hand_over(change) == 0
    room = {"phone": Allowance(9, 9)}
    (note,) = store.due(change, room)
    assert (note.receiver, note.kind, note.alerts) == ("Wang", "note", ())
    assert note.text.split("\n") == [
        "Handover of gate: Wang on duty from now on.", "1 alerts are open", "Fever s/g 2020-02-02 07:59:00 (by Li)"
    ]  # fmt: skip
    store.record(note, Outcome.TAKEN, "ok", change)
    assert store.due(2**62, room) == []
    assert [line.why for line in store.log() if line.alert is None] == [Why.NOTE, Why.DELIVERED]
