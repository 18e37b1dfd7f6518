"""All kinds of personal data, in the order in which they are erased; and the tables that hold none, with the reason.

Every table of the relational store is in one or the other: a test fails for one that is not.
"""

from __future__ import annotations

from hub.accounts.personal import KINDS as ACCOUNTS
from hub.cases.personal import KINDS as CASES
from hub.duties.personal import KINDS as DUTIES
from hub.forms.personal import KINDS as FORMS
from hub.notices.personal import KINDS as NOTICES
from hub.privacy.kinds import Kind
from hub.registry.personal import KINDS as REGISTER

KINDS: tuple[Kind, ...] = (*ACCOUNTS, *CASES, *DUTIES, *FORMS, *NOTICES, *REGISTER)
"""People last: other kinds find their rows through them."""

WITHOUT: dict[str, str] = {
    "api_tokens": "programs; who made one answers for it as long as the record is kept",
    "audit": "who saw and changed what: names no value, is chained, and is what everybody is answered from",
    "closed_days": "days",
    "cursors": "how far projections have read",
    "enrolments": "gates, and which user let them in",
    "gate_certificates": "gates, and which user put them out",
    "gate_offers": "what gates are to install, and how that ended",
    "gate_token_keys": "gates, and by which of the site's keys they work",
    "gate_settings": "what gates are to run, and which user said so",
    "leave_confirmed": "which user confirmed an absence",
    "listed_areas": "areas",
    "notices": "what the site says to its people, and which user wrote it",
    "openings": "when the site works, and the office that approved it",
    "places": "places",
    "readiness": "who answers for what, by office: named by the site itself and changed on its page",
    "releases": "versions of the program, and which user brought them",
    "report_mails": "a day in figures, which name nobody",
    "rollouts": "which gates are to install what, and which user said so",
    "round_stops": "places and vehicles",
    "shifts": "hours",
    "teams": "teams and who leads them: named by the site itself and changed on its page",
    "token_keys": "by which key the register goes, and which user changed it",
    "users": "accounts: one is kept out, not erased, for the record goes by its login",
}
