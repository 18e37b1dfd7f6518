"""Why an account or a token cannot be made or changed, in the language of whoever tries, and beside which field."""

from __future__ import annotations

from hub.accounts.desk import Refused
from hub.web.words import WORDS, Lang, say

_FIELDS = {
    "login": "login",
    "taken": "login",
    "short": "password",
    "token-name": "name",
    "token-taken": "name",
    "token-empty": "permissions",
    "token-more": "permissions",
}


def refusal(lang: Lang, error: Refused) -> str:
    """The error in words; its own text where the catalogue has none."""
    key = f"account-refused.{error.why}"
    return say(lang, key, **error.values) if key in WORDS else str(error)


def beside(lang: Lang, error: Refused) -> dict[str, str]:
    """The error in words by the field that it is about. Raises the error where it is about none."""
    field = _FIELDS.get(error.why)
    if field is None:
        raise error
    return {field: refusal(lang, error)}
