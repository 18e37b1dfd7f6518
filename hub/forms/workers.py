"""Workers' personal links: whose they are, and who may use them. Work on a session of the database.

A link alone opens nothing and names nobody: whoever has it must know the last characters of the person's number or
badge once; then the telephone is known (a cookie that is a link of another kind).
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from hub.accounts.audit import note
from hub.forms.links import Signer
from hub.forms.models import WorkerLink
from hub.registry.models import Person, PersonKind, Team
from wire.tokens import normal

LINK, PHONE = "worker", "phone"
ASKED = 4
"""Characters of the number or badge."""


def link_of(session: Session, signer: Signer, person_id: int, kind: str = LINK) -> str:
    """The link that is good now."""
    return signer.link(kind, person_id, _version(session, person_id))


def person_of(session: Session, signer: Signer, text: str, kind: str = LINK) -> Person | None:
    """Whose link it is; None for one that is not ours, was revoked, or is of somebody who is no longer there."""
    claim = signer.read(kind, text)
    if claim is None or claim.version != _version(session, claim.number):
        return None
    query = select(Person).where(Person.id == claim.number).options(selectinload(Person.badges))
    person = session.scalars(query.options(joinedload(Person.team))).one_or_none()
    return person if person is not None and is_worker(person) else None


def is_worker(person: Person) -> bool:
    return person.active and person.erased_ns is None and person.kind is not PersonKind.VISITOR


def knows(person: Person, typed: str) -> bool:
    """Whether somebody knows the end of the person's number, or of one of the badges."""
    tail = normal(typed)
    numbers = [normal(person.number), *(normal(badge.number) for badge in person.badges)]
    return bool(tail) and any(tail == number[-ASKED:] for number in numbers)


def by_number(session: Session, number: str) -> Person | None:
    """The worker with this number."""
    found = session.scalars(select(Person).where(Person.number == number)).one_or_none()
    return found if found is not None and is_worker(found) else None


def revoke(session: Session, person_id: int, *, by: str, now_ns: int) -> bool:
    """Links and telephones of a person are good for nothing any more. False for nobody."""
    person = session.get(Person, person_id)
    if person is None:
        return False
    row = session.get(WorkerLink, person_id)
    if row is None:
        row = WorkerLink(person_id=person_id, version=1)
        session.add(row)
    row.version += 1
    note(session, now_ns, by, "worker-link-revoked", f"person {person_id}")
    return True


def members(session: Session, team_id: int | None) -> Sequence[Person]:
    """The workers of a team (None: of none), by number."""
    query = select(Person).where(
        Person.active, Person.erased_ns.is_(None), Person.kind != PersonKind.VISITOR, Person.team_id == team_id
    )
    return session.scalars(query.order_by(Person.number)).all()


def teams(session: Session) -> Sequence[Team]:
    return session.scalars(select(Team).order_by(Team.name)).all()


def shown(name: str) -> str:
    """Who a telephone says it is of: the first character, for whoever looks over a shoulder."""
    return f"{name[:1]}＊" if name else ""


def _version(session: Session, person_id: int) -> int:
    row = session.get(WorkerLink, person_id)
    return row.version if row is not None else 1
