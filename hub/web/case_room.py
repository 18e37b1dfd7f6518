"""What the pages about isolation stand on."""

from __future__ import annotations

from typing import NamedTuple

from hub.alerts.desk import AlertDesk
from hub.cases.models import Case
from hub.cases.signs import Rules
from hub.projections.passes import Pass, Passes
from hub.registry.holdings import of_person
from hub.registry.office import PeopleOffice
from hub.web.access import Access, Form

_DAY_NS = 86_400 * 10**9


class CaseRoom(NamedTuple):
    """`desk` where alerts are kept too, `passes` where passages are."""

    access: Access
    office: PeopleOffice
    desk: AlertDesk | None = None
    passes: Passes | None = None

    @property
    def rules(self) -> Rules:
        return Rules(self.office.isolation, self.office.day_of)

    async def movements(self, case: Case, days: int) -> list[Pass]:
        """Where the person was, from so many days before the case began until now or its end; the last first."""
        if self.passes is None:
            return []
        from_ns, until_ns = span_of(case, days, self.access.now_ns())
        found: list[Pass] = []
        for (since_ns, before_ns), tokens in (await self.cards(case, from_ns, until_ns)).items():
            found += await self.passes.of(tokens, since_ns, before_ns)
        return sorted(found, key=lambda one: -one.time_ns)

    async def cards(self, case: Case, from_ns: int, until_ns: int) -> dict[tuple[int, int], list[str]]:
        """The cards that the person had within a time, by when they were theirs of it."""
        held = await self.access.database.read(lambda session: of_person(session, case.person_id))
        found: dict[tuple[int, int], list[str]] = {}
        for one in held:
            span = max(from_ns, one.from_ns), min(until_ns, one.until_ns)
            if span[0] < span[1]:
                found.setdefault(span, []).append(one.token)
        return found


def span_of(case: Case, days: int, now_ns: int) -> tuple[int, int]:
    """From so many days before a case began until now, or its end."""
    began_ns = min([case.opened_ns, *(sign.time_ns for sign in case.signs)])
    return began_ns - days * _DAY_NS, now_ns if case.closed_ns is None else case.closed_ns


def chosen(form: Form, prefix: str) -> list[int]:
    """The numbers of the boxes that are ticked, of those whose names begin like that."""
    numbers = (name.removeprefix(prefix) for name in form.fields if name.startswith(prefix))
    return sorted({int(number) for number in numbers if number.isascii() and number.isdigit() and len(number) < 18})
