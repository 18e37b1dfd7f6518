"""What the pages about isolation stand on."""

from __future__ import annotations

from typing import NamedTuple

from hub.alerts.desk import AlertDesk
from hub.cases.signs import Rules
from hub.registry.office import PeopleOffice
from hub.web.access import Access, Form


class CaseRoom(NamedTuple):
    """`desk` where alerts are kept, too."""

    access: Access
    office: PeopleOffice
    desk: AlertDesk | None = None

    @property
    def rules(self) -> Rules:
        return Rules(self.office.isolation, self.office.day_of)


def chosen(form: Form, prefix: str) -> list[int]:
    """The numbers of the boxes that are ticked, of those whose names begin like that."""
    numbers = (name.removeprefix(prefix) for name in form.fields if name.startswith(prefix))
    return sorted({int(number) for number in numbers if number.isascii() and number.isdigit() and len(number) < 18})
