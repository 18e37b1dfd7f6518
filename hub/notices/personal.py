"""The kind of personal data that reading a notice leaves."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Table

from hub.notices.models import Receipt
from hub.privacy.kinds import Kind, by

_RECEIPTS = cast("Table", Receipt.__table__)

KINDS = (Kind("notice_receipts", _RECEIPTS, owner=by(_RECEIPTS, "person_id"), deleted=True),)
