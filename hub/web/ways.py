"""The office's navigation: its areas, the pages of each, and who may go there. Pure."""

from __future__ import annotations

from typing import NamedTuple

from hub.accounts.desk import Who
from hub.accounts.roles import Permission


class Way(NamedTuple):
    """A page of the navigation: where, the key of its words, who may go; and other addresses that belong to it."""

    path: str
    key: str
    permission: Permission
    also: tuple[str, ...] = ()

    def covers(self, path: str) -> int:
        """How much of an address is this page's: 0 when it is another's."""
        return max(
            (len(own) for own in (self.path, *self.also) if path == own or path.startswith(f"{own}/")), default=0
        )


class Area(NamedTuple):
    """Pages that belong together, under one word."""

    key: str
    ways: tuple[Way, ...]


_P = Permission
AREAS: tuple[Area, ...] = (
    Area("area.now", (
        Way("/", "board", _P.BOARD),
        Way("/alerts", "alerts-all", _P.BOARD),
        Way("/boards", "boards", _P.BOARD),
        Way("/search", "find", _P.BOARD),
    )),
    Area("area.people", (
        Way("/people", "registered.people", _P.PEOPLE, ("/links",)),
        Way("/vehicles", "registered.vehicles", _P.PEOPLE),
        Way("/visitors", "visitors", _P.VISITORS_EDIT, ("/pass",)),
        Way("/invitations", "invitations", _P.VISITORS_EDIT),
    )),
    Area("area.duties", (
        Way("/duties", "duties", _P.PEOPLE),
        Way("/declarations", "declarations", _P.HEALTH),
        Way("/absences", "absences", _P.HEALTH),
        Way("/rotas", "rotas", _P.PEOPLE),
    )),
    Area("area.isolation", (
        Way("/cases", "cases", _P.HEALTH),
    )),
    Area("area.site", (
        Way("/rounds", "rounds", _P.PEOPLE),
        Way("/crowds", "crowds", _P.BOARD),
        Way("/notices", "notices", _P.MESSAGES),
        Way("/resumption", "resumption", _P.SITE_EDIT),
        Way("/site", "site", _P.SITE_EDIT),
    )),
    Area("area.reports", (
        Way("/reports", "reports", _P.REPORTS, ("/city",)),
    )),
    Area("area.system", (
        Way("/gates", "gates-page", _P.GATES_EDIT),
        Way("/updates", "updates-page", _P.GATES_EDIT),
        Way("/users", "users", _P.USERS_EDIT),
        Way("/privacy", "privacy", _P.PRIVACY),
        Way("/audit", "audit", _P.AUDIT),
    )),
)  # fmt: skip
"""From what stands now to what is looked at least often."""

_ACTS = {
    "fever-cluster": "/cases",
    "isolation-breach": "/cases",
    "isolation-full": "/cases",
    "returnee-not-isolated": "/cases",
    "declared-ill": "/declarations",
    "report-unsent": "/reports",
    "disinfection-overdue": "/rounds",
    "crowding": "/crowds",
    "out-of-slot": "/crowds",
    "unregistered-vehicle": "/vehicles",
    "vehicle-not-disinfected": "/vehicles",
}


class Here(NamedTuple):
    """The navigation of one page: the areas that are open to whoever asks, and which area and page one is in."""

    areas: tuple[Area, ...]
    area: Area | None = None
    way: Way | None = None
    is_it: bool = False
    """Whether the page is `way` itself, not one below it."""


NOWHERE = Here(())


def here(who: Who | None, path: str) -> Here:
    """The navigation for whoever asks for an address."""
    if who is None:
        return NOWHERE
    areas = tuple(
        Area(area.key, ways) for area in AREAS if (ways := tuple(way for way in area.ways if who.may(way.permission)))
    )
    covering = [(way.covers(path), area, way) for area in areas for way in area.ways if way.covers(path)]
    if not covering:
        return Here(areas)
    _, area, way = max(covering, key=lambda one: one[0])
    return Here(areas, area, way, way.path == path)


def act(who: Who, rule: str) -> Way | None:
    """The page where something is done about alerts of a rule; None where there is none, or not for whoever asks."""
    found = (way for area in AREAS for way in area.ways if way.path == _ACTS.get(rule) and who.may(way.permission))
    return next(found, None)
