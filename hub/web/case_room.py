"""What the pages about isolation stand on."""

from __future__ import annotations

from typing import NamedTuple

from hub.alerts.desk import AlertDesk
from hub.cases.signs import Rules
from hub.registry.office import PeopleOffice
from hub.web.access import Access


class CaseRoom(NamedTuple):
    """`desk` where alerts are kept, too."""

    access: Access
    office: PeopleOffice
    desk: AlertDesk | None = None

    @property
    def rules(self) -> Rules:
        return Rules(self.office.isolation, self.office.day_of)
