"""All pages that telephones open without an account, and the office's pages about what they tell."""

from __future__ import annotations

from typing import NamedTuple

from fastapi import FastAPI

from hub.duties.desk import DutyDesk
from hub.forms.links import Signer
from hub.registry.office import PeopleOffice
from hub.web.access import Access
from hub.web.declarations import add_declarations
from hub.web.invitations import add_invitations
from hub.web.notices import NoticePages, add_notices
from hub.web.phone import Phones
from hub.web.rounds import RoundPages, add_rounds
from hub.web.worker import Desk, add_worker


class Telephones(NamedTuple):
    """What these pages stand on. `public_url` is where telephones reach the console, None: where they ask."""

    signer: Signer
    public_url: str | None
    rounds: RoundPages
    notices: NoticePages


def add_telephones(app: FastAPI, access: Access, office: PeopleOffice, on: Telephones, duties: DutyDesk) -> None:
    phones = Phones(access, on.signer, on.public_url)
    add_rounds(app, access, office, phones, on.rounds)
    desk = Desk(access, office, phones, on.rounds.tell, duties)
    add_worker(app, desk)
    add_declarations(app, desk)
    add_notices(app, desk, on.notices)
    add_invitations(app, desk)
