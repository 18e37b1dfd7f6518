"""What HR of a simulated site has in files, as a hub imports them: shifts, teams, people, and who rests on which day.

Without visitors, and without those whose badge is in no register: nobody at the office has them on file.
"""

from __future__ import annotations

from collections.abc import Iterable

from sim.plant import Shift
from sim.roster import Member, Site
from sim.truth import DutyTruth
from wire.registry import Holder

DAYS_HEAD = "day,number,shift\n"
REST = "rest"
GRIDS = 8


def is_on_file(member: Member) -> bool:
    """Whether HR has somebody on file: whose badge is registered, and who is no visitor."""
    return member.registered and member.holder is not Holder.VISITOR


def shifts_file(site: Site) -> str:
    """The working hours."""
    rows = [f"{shift.name},{_clock(shift.from_h)},{_clock(shift.to_h)}" for shift in site.plant.shifts]
    return _lines("shift,from,to", rows)


def teams_file(site: Site) -> str:
    """Each team's shift, and when it eats (错时用餐)."""
    teams = {member.team: member for member in site.members if is_on_file(member)}
    rows = [
        f"team {number},grid {number % GRIDS},{_shift(site, member).name},{member.slot}"
        for number, member in sorted(teams.items())
    ]
    return _lines("team,grid,shift,meals", rows)


def people_file(site: Site) -> str:
    """Everybody; who comes back from elsewhere has an origin and a day."""
    rows = []
    for person, member in zip(site.people, site.members, strict=True):
        if is_on_file(member):
            back = "" if member.returns_day is None else site.plant.date(member.returns_day).isoformat()
            number, kind, origin = person.badge, member.holder.value, "elsewhere" if back else ""
            shift = _shift(site, member).name
            rows.append(f"{number},Person {number},{kind},team {member.team},{shift},{number},{origin},{back}")
    return _lines("number,name,kind,team,shift,badge,origin,returned_on", rows)


def rests(site: Site, rolls: Iterable[DutyTruth]) -> str:
    """Who of a shift is not on its roll: rows of `day,number,shift`, behind `DAYS_HEAD`."""
    rows = []
    for roll in rolls:
        there = {*roll.twice, *roll.once, *roll.never}
        rows += [
            f"{roll.date},{person.badge},{REST}\n"
            for person, member in zip(site.people, site.members, strict=True)
            if is_on_file(member) and _shift(site, member).name == roll.shift and member.badge not in there
        ]
    return "".join(rows)


def _shift(site: Site, member: Member) -> Shift:
    return site.plant.shifts[member.shift]


def _clock(hour: float) -> str:
    minute = round(hour * 60) % 1440
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _lines(head: str, rows: Iterable[str]) -> str:
    return "".join(f"{row}\n" for row in (head, *rows))
