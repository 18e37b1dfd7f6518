"""How the record's entries are read: what they are about and their details, in words. Pure.

The record itself is kept in no language: `case 3`, `{"contacts":119}`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from hub.accounts.roles import Permission
from hub.web.words import LANGS, WORDS, Lang, say

_PAGES = {
    "person": ("/people/", Permission.PEOPLE),
    "vehicle": ("/vehicles/", Permission.PEOPLE),
    "case": ("/cases/", Permission.HEALTH),
    "alert": ("/alerts/", Permission.BOARD),
}
_ABOUT = "about."


def about(lang: Lang, subject: str) -> str:
    """What an entry is about: `case 3` as 隔离 3."""
    kind, _, number = subject.partition(" ")
    return f"{say(lang, _ABOUT + kind)} {number}".strip() if _ABOUT + kind in WORDS else subject


def asked(text: str) -> str:
    """What somebody looks for, as the record has it, whichever language they write."""
    kind, _, number = " ".join(text.split()).rpartition(" ")
    for key in WORDS:
        if key.startswith(_ABOUT) and kind and kind in {say(lang, key) for lang in LANGS}:
            return f"{key.removeprefix(_ABOUT)} {number}"
    return text.strip()


def page_of(subject: str) -> tuple[str, Permission] | None:
    """Where what it is about is shown, and what that needs."""
    kind, _, number = subject.partition(" ")
    if kind not in _PAGES or not (number.isascii() and number.isdigit()):
        return None
    path, needs = _PAGES[kind]
    return path + number, needs


def detail(lang: Lang, text: str) -> str:
    """An entry's details, `{"contacts":119}` as 接触者 119; what cannot be read stays as it is."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return " · ".join(_parts(lang, found)) if isinstance(found, dict) else text


def _parts(lang: Lang, found: dict[str, object]) -> Iterator[str]:
    for key, value in found.items():
        if isinstance(value, dict):
            yield from _parts(lang, {name: one for name, one in value.items() if one})
        elif value not in ("", [], None):
            words = say(lang, f"detail.{key}") if f"detail.{key}" in WORDS else key
            yield f"{words} {_written(lang, value)}"


def _written(lang: Lang, value: object) -> str:
    match value:
        case bool():
            return say(lang, "detail-yes" if value else "detail-no")
        case list():
            return ", ".join(_written(lang, one) for one in value)
        case _:
            return str(value)
