"""The kinds of personal data about who uses the console."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Table

from hub.accounts.models import SignIn
from hub.privacy.kinds import Kind

_SIGN_INS = cast("Table", SignIn.__table__)

KINDS = (Kind("sign_ins", _SIGN_INS, moment=_SIGN_INS.c.seen_ns, deleted=True),)
