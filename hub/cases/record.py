"""Who is isolated, by the tokens of their badges, for other programs. Work on a session."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from hub.cases.models import Case, SignKind
from hub.cases.signs import Rules, unnamed
from hub.registry.models import Person

UNNAMED = "unnamed"


class IsolationLine(Struct, frozen=True):
    """One case, or a fever of somebody whom nobody has named yet (`cause` is `unnamed`, `case` 0).

    `since_ns` is the first abnormal temperature that belongs to it, else when it was opened; `passage` that
    temperature's. `end` is empty while it is open.
    """

    case: int
    badges: tuple[str, ...]
    cause: str
    on: str
    since_ns: int
    passage: str
    closed_ns: int | None
    end: str


def isolations(session: Session, rules: Rules) -> list[IsolationLine]:
    """All cases in the order in which they were opened, then the fevers that nobody is named for."""
    person = selectinload(Case.person).selectinload(Person.badges)
    query = select(Case).options(person, selectinload(Case.signs)).order_by(Case.id)
    found = [_of(case) for case in session.scalars(query)]
    for one in unnamed(session, rules):
        sign, day = one.first, rules.day_of(one.first.time_ns)
        badges = (sign.badge,) if sign.badge else ()
        found.append(IsolationLine(0, badges, UNNAMED, day.isoformat(), sign.time_ns, sign.passage, None, ""))
    return found


def _of(case: Case) -> IsolationLine:
    abnormal = [sign for sign in case.signs if sign.kind is not SignKind.NORMAL]
    first = min(abnormal, key=lambda sign: sign.time_ns, default=None)
    return IsolationLine(
        case=case.id,
        badges=tuple(sorted(badge.token for badge in case.person.badges)),
        cause=case.cause.value,
        on=case.opened_on.isoformat(),
        since_ns=case.opened_ns if first is None else first.time_ns,
        passage="" if first is None else first.passage,
        closed_ns=case.closed_ns,
        end="" if case.end is None else case.end.value,
    )
