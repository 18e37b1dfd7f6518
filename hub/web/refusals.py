"""Why an account or a token cannot be made or changed, in the language of whoever tries."""

from __future__ import annotations

from hub.accounts.desk import Refused
from hub.web.words import WORDS, Lang, say


def refusal(lang: Lang, error: Refused) -> str:
    """The error in words; its own text where the catalogue has none."""
    key = f"account-refused.{error.why}"
    return say(lang, key, **error.values) if key in WORDS else str(error)
