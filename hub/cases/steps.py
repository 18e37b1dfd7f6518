"""What the order asks to be done about a case, and what of it is done. Pure."""

from __future__ import annotations

from typing import NamedTuple

from hub.cases.models import Case, Cause, SignKind
from hub.cases.ward import READINGS_A_DAY


class Step(NamedTuple):
    """One thing to do, by the key of its words; `done` None where nothing here can tell."""

    key: str
    done: bool | None


ABNORMAL = frozenset({Cause.FEVER, Cause.SUSPECTED})


def steps(case: Case, *, readings_today: int, contacts: int) -> list[Step]:
    """The order's steps for a case, in the order in which they are taken."""
    in_care = bool(case.hospital)
    found = [Step("isolate", case.place_id is not None or in_care)]
    if case.cause in ABNORMAL:
        found.append(Step("confirm", any(sign.kind is not SignKind.FEVER for sign in case.signs)))
        found.append(Step("contacts", contacts > 0))
        found.append(Step("clinic", in_care))
    found.append(Step("report", case.reported_ns is not None))
    found.append(Step("grid", case.grid_ns is not None))
    if not in_care:
        found.append(Step("measure", readings_today >= READINGS_A_DAY))
    if case.cause in ABNORMAL:
        found.append(Step("disinfect", None))
    return found
