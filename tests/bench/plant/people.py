"""The relational store of a large plant: who is registered, what was said and done about them, and who saw it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert
from sqlalchemy.orm import Session

from hub.accounts import desk
from hub.accounts.audit import note_all
from hub.accounts.models import Role
from hub.cases.models import Case, CaseReading, Cause, End, Sign, SignKind
from hub.database import engine, upgrade
from hub.duties.models import Absence, AbsenceKind, Correction, DutyDay, Rota
from hub.forms.models import Concern, Declaration, Invitation
from hub.notices.models import Audience, NoticeRow
from hub.registry.models import Badge, ListedArea, Person, PersonKind, Place, PlaceKind, Shift, Team, Vehicle, Visit
from hub.rounds.models import RoundStop
from tests.bench.plant.size import DAY_NS, HOUR_NS, SHIFTS_H, TEAM, Size, badge, badge_token, plate, plate_token, works

PASSWORD = "correct horse battery"
CLOSED_CASES, DECLARED_DAYS, VISITORS_A_DAY, VEHICLES, NOTES = 2000, 21, 60, 3000, 200_000
_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡"
_GIVEN = "伟芳娜敏静强磊洋艳勇军杰娟涛超明霞平刚桂英华玉兰红梅玲建国志文辉力海燕鹏飞宇浩然子轩"
Rows = Iterator[dict[str, Any]]


def fill(data: Path, size: Size) -> None:
    made = engine(f"sqlite:///{data / 'menshen.db'}")
    upgrade(made)
    draw = random.Random(7)
    with made.execution_options(menshen_writes=True).connect() as db:
        with Session(db) as session:
            _accounts(session, size)
            session.commit()
        for model, rows in (
            (Shift, _shifts()), (Team, _teams(size)), (Person, _people(size, draw)), (Badge, _badges(size)),
            (Place, _places(size)), (ListedArea, iter([{"name": "湖北"}, {"name": "温州"}])),
            (Vehicle, _vehicles(size)), (RoundStop, _stops(size)), (Rota, _rotas(size)),
            (DutyDay, _duty_days(size, draw)),
            (Absence, _absences(size, draw)), (Case, _cases(size, draw)), (CaseReading, _readings(size, draw)),
            (Sign, _signs(size)), (Declaration, _declarations(size, draw)), (Correction, _corrections(size, draw)),
            (Visit, _visits(size)), (Invitation, _invitations(size, draw)), (NoticeRow, _notices(size)),
        ):  # fmt: skip
            _insert(db, model, rows)
        with Session(db) as session:
            note_all(session, size.now_ns, "officer", _notes(size))
            session.commit()
    made.dispose()


def open_cases(size: Size) -> int:
    """As many as there are people for them."""
    return min(400, size.people // 40)


def _insert(db: Connection, model: Any, rows: Rows) -> None:
    while batch := list(islice(rows, 20_000)):
        db.execute(insert(model), batch)
    db.commit()


def _accounts(session: Session, size: Size) -> None:
    for role in Role:
        desk.add_user(session, role.value, "王芳", role, PASSWORD, by="bench", now_ns=size.now_ns)


def _shifts() -> Rows:
    for number, (begins, ends) in enumerate(SHIFTS_H, 1):
        yield {"id": number, "name": "早中夜"[number - 1] + "班", "from_min": begins * 60, "to_min": ends % 24 * 60}


def _teams(size: Size) -> Rows:
    for n in range(size.teams):
        slot = f"{11 + n % 2}:{n % 3 * 20:02d}-{11 + n % 2}:{n % 3 * 20 + 20:02d}"
        yield {
            "id": n + 1, "name": f"{n // 40 + 1}车间{n % 40 + 1}班", "grid": f"网格{n % 60 + 1}", "leader": "赵班长",
            "shift_id": n % len(SHIFTS_H) + 1, "meal_slot": slot,
        }  # fmt: skip


def _people(size: Size, draw: random.Random) -> Rows:
    """Staff first, then a visitor for each visit."""
    began_ns = size.now_ns - 200 * DAY_NS
    for n in range(1, size.people + 1):
        name = draw.choice(_SURNAMES) + "".join(draw.choices(_GIVEN, k=2))
        back = size.today - timedelta(days=n % 30) if n % 400 == 0 else None
        yield {
            "id": n, "number": f"{n:06d}", "name": name, "telephone": f"139{n:08d}",
            "team_id": n // TEAM % size.teams + 1,
            "kind": PersonKind.CONTRACTOR if n % 9 == 0 else PersonKind.EMPLOYEE, "origin": "河北保定" if back else "",
            "returned_on": back, "created_ns": began_ns, "changed_ns": began_ns,
        }  # fmt: skip
    for n in range(size.days * VISITORS_A_DAY):
        yield {
            "id": size.people + 1 + n, "number": f"v-{n:08x}", "name": draw.choice(_SURNAMES) + "访客",
            "company": "物流",
            "kind": PersonKind.VISITOR, "telephone": f"138{n:08d}", "team_id": None, "origin": "", "returned_on": None,
            "created_ns": size.now_ns, "changed_ns": size.now_ns,
        }  # fmt: skip


def _badges(size: Size) -> Rows:
    for n in range(1, size.people + 1):
        yield {"id": n, "person_id": n, "number": badge(n), "token": badge_token(n)}


def _places(size: Size) -> Rows:
    counts = {
        PlaceKind.WORKSHOP: 40, PlaceKind.OFFICE: 20, PlaceKind.DORMITORY: 20, PlaceKind.CANTEEN: size.canteens,
        PlaceKind.ISOLATION: 5,
    }  # fmt: skip
    for kind, count in counts.items():
        for n in range(count):
            title, room = f"{kind.value} {n}", 120 if kind is PlaceKind.ISOLATION else 0
            yield {"name": f"{kind.value}-{n}", "title": title, "kind": kind, "capacity": room}


def _vehicles(size: Size) -> Rows:
    for n in range(1, VEHICLES + 1):
        yield {
            "id": n, "plate": plate(n), "plate_token": plate_token(n), "owner": f"运输{n % 90}队",
            "telephone": f"137{n:08d}",
            "purpose": "送货", "commuter": n % 60 == 0, "created_ns": size.now_ns, "changed_ns": size.now_ns,
        }  # fmt: skip


def _stops(size: Size) -> Rows:
    for n in range(1, 86 + size.canteens):
        if n <= 85 + size.canteens - 5:
            yield {"place_id": n, "code": f"stop{n:028d}"}


def _rotas(size: Size) -> Rows:
    began = size.today - timedelta(days=size.days + 7)
    monday = began - timedelta(days=began.weekday())
    for n in range(size.teams):
        shift = n % len(SHIFTS_H) + 1
        cycle = ",".join(str(shift if works(n * TEAM, day) else 0) for day in range(7))
        yield {"team_id": n + 1, "from_on": monday, "cycle": cycle, "said_ns": 1, "said_by": "hr"}


def _duty_days(size: Size, draw: random.Random) -> Rows:
    for n in range(3000):
        day = size.today + timedelta(days=n % (size.days + 14) - size.days)
        yield {
            "day": day,
            "person_id": draw.randint(1, size.people),
            "shift_id": n % 4 or None,
            "said_ns": 1,
            "said_by": "hr",
        }


def _absences(size: Size, draw: random.Random) -> Rows:
    kinds = list(AbsenceKind)
    for n in range(size.people // 2):
        first = size.today - timedelta(days=n % (size.days + 1))
        yield {
            "person_id": 1 + n * 2, "kind": kinds[n % 4], "from_on": first,
            "until_on": first + timedelta(days=draw.randint(0, 4)), "note": "家事", "said_ns": 1, "said_by": "hr",
        }  # fmt: skip


def _cases(size: Size, draw: random.Random) -> Rows:
    """The open ones last, of people whom no other case is of."""
    causes = [Cause.FEVER, Cause.RETURNEE, Cause.CONTACT]
    for n in range(1, CLOSED_CASES + open_cases(size) + 1):
        is_open = n > CLOSED_CASES
        age = n % 13 if is_open else 15 + n % max(1, size.days - 14)
        opened_ns = size.midnight_ns(age) + 9 * HOUR_NS
        yield {
            "id": n, "person_id": n * 20 % size.people + 1, "cause": causes[n % 3],
            "place_id": 85 + size.canteens - n % 5,
            "placed_ns": opened_ns, "opened_on": size.today - timedelta(days=age), "opened_ns": opened_ns,
            "opened_by": "officer", "reported_ns": opened_ns if n % 5 else None,
            "closed_ns": None if is_open else opened_ns + 14 * DAY_NS, "closed_by": "" if is_open else "officer",
            "end": None if is_open else End.RELEASED, "note": "",
        }  # fmt: skip


def _readings(size: Size, draw: random.Random) -> Rows:
    for case in range(1, CLOSED_CASES + open_cases(size) + 1):
        age = case % 13 if case > CLOSED_CASES else 14
        last = size.midnight_ns() if case > CLOSED_CASES else size.midnight_ns(15)
        for day in range(age + 1):
            for hour in (8, 16):
                at_ns = last - day * DAY_NS + hour * HOUR_NS
                yield {"case_id": case, "at_ns": at_ns, "body_c": round(draw.gauss(36.6, 0.3), 1), "by": "officer"}


def _signs(size: Size) -> Rows:
    for n in range(1, CLOSED_CASES + open_cases(size) + 1):
        at_ns = size.midnight_ns(n % 13 if n > CLOSED_CASES else 15 + n % max(1, size.days - 14)) + 8 * HOUR_NS
        yield {
            "source": f"bench {n}", "kind": SignKind.FEVER, "time_ns": at_ns, "received_ns": at_ns,
            "gate": f"g{n % 80:02d}",
            "lane": "people", "measured_c": 38.2, "alert_key": f"fever {n}", "case_id": n,
            "person_id": n * 20 % size.people + 1, "settled_ns": None,
        }  # fmt: skip
    for n in range(150):
        yield {
            "source": f"bench stranger {n}", "kind": SignKind.FEVER, "time_ns": size.midnight_ns(n % 20),
            "received_ns": size.midnight_ns(n % 20), "gate": "g01", "lane": "people", "measured_c": 38.0,
            "alert_key": f"fever s{n}", "case_id": None, "person_id": None,
            "settled_ns": None if n < 30 else size.now_ns,
        }  # fmt: skip


def _declarations(size: Size, draw: random.Random) -> Rows:
    """Nine in ten, of those who work that day."""
    for ago in reversed(range(DECLARED_DAYS)):
        day, at_ns = size.today - timedelta(days=ago), size.midnight_ns(ago) + 7 * HOUR_NS
        for person in range(1, size.people + 1):
            if works(person, day.weekday()) and draw.random() < 0.9:
                yield _declaration(person, day, at_ns, draw)


def _declaration(person: int, day: date, at_ns: int, draw: random.Random) -> dict[str, Any]:
    luck = draw.random()
    concern = (
        Concern.ILL if luck < 2e-4 else Concern.CALL if luck < 4e-4 else Concern.NOTE if luck < 0.01 else Concern.NONE
    )
    is_open = concern in {Concern.ILL, Concern.CALL} and luck * 1e5 % 1 < 0.1
    return {
        "person_id": person, "day": day, "at_ns": at_ns, "temperature_c": 36.5, "concern": concern, "by": "phone",
        "symptoms": "cough" if concern is Concern.ILL else "", "travelled": "",
        "settled_ns": None if is_open else at_ns,
    }  # fmt: skip


def _corrections(size: Size, draw: random.Random) -> Rows:
    for n in range(4000):
        ago = n % size.days
        yield {
            "person_id": draw.randint(1, size.people), "day": size.today - timedelta(days=ago),
            "at_ns": size.midnight_ns(ago) + 9 * HOUR_NS, "body_c": 36.5, "where": "办公楼", "why": "补测",
            "said_ns": 1,
            "said_by": "officer",
        }  # fmt: skip


def _visits(size: Size) -> Rows:
    for n in range(size.days * VISITORS_A_DAY):
        from_ns = size.midnight_ns(size.days - 1 - n // VISITORS_A_DAY) + 9 * HOUR_NS
        yield {
            "person_id": size.people + 1 + n, "host_id": 1 + n * 7 % size.people, "host": "王芳", "reason": "送货",
            "by": "guard", "from_ns": from_ns, "until_ns": from_ns + 14 * HOUR_NS,
        }  # fmt: skip


def _invitations(size: Size, draw: random.Random) -> Rows:
    for n in range(600):
        from_ns = size.midnight_ns(n % 30 - 5)
        filled_ns = size.now_ns if n % 3 else None
        yield {
            "host_id": draw.randint(1, size.people), "from_ns": from_ns, "until_ns": from_ns + DAY_NS,
            "made_ns": size.now_ns,
            "made_by": "guard", "name": "访客", "telephone": f"136{n:08d}", "filled_ns": filled_ns,
        }  # fmt: skip


def _notices(size: Size) -> Rows:
    for n in range(60):
        from_ns = size.midnight_ns(n)
        yield {
            "audience": Audience.SITE, "zh": "进厂请戴口罩", "en": "Masks on", "from_ns": from_ns, "by": "officer",
            "until_ns": from_ns + 3 * DAY_NS, "made_ns": from_ns,
        }  # fmt: skip


def _notes(size: Size) -> list[tuple[str, str, dict[str, Any]]]:
    actions = ("person-seen", "case-seen", "duties-seen", "absence-said")
    return [(actions[n % 4], f"person {n % size.people + 1}", {}) for n in range(NOTES)]
