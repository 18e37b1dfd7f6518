"""All tables of the relational store, whichever room declares them: what migrations are held against."""

from __future__ import annotations

from hub.accounts import models as accounts
from hub.cases import models as cases
from hub.configurations import models as configurations
from hub.database import Base
from hub.duties import models as duties
from hub.forms import models as forms
from hub.notices import models as notices
from hub.registry import models as registry
from hub.releases import models as releases
from hub.reports import models as reports
from hub.resumption import models as resumption
from hub.rounds import models as rounds
from hub.token_keys import models as token_keys
from hub.trust import models as trust

ROOMS = (
    accounts, cases, configurations, duties, forms, notices, registry, releases, reports, resumption, rounds,
    token_keys, trust,
)  # fmt: skip
METADATA = Base.metadata
