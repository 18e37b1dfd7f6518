"""A kind of personal data: where it is, whose it is, when it is old, and what is left when it is erased.

Each room declares the kinds in its own tables (`personal.py`); `hub.privacy.register` collects them. What is erased
keeps its row, so that figures stay right, but nothing that says who it was or what they told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, ColumnElement, Table

Owner = Callable[[int], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind in one table. Every column is either in `blank` or in `kept`; a test holds that.

    `owner` says which rows are about a person of the register; None where nothing does. `moment` is from when a row's
    age counts (None: it lives as long as its person), `over` which rows may age at all. `deleted`: nothing is left.
    """

    name: str
    """Of its words (`data.NAME`) and of its setting (`[privacy] NAME_days`), where it ages."""
    table: Table
    owner: Owner | None = None
    moment: ColumnElement[Any] | None = None
    over: ColumnElement[bool] | None = None
    blank: Mapping[str, object] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
    deleted: bool = False


def column(table: Table, name: str) -> Column[Any]:
    """A column by its name."""
    found: Column[Any] = table.c[name]
    return found


def by(table: Table, name: str) -> Owner:
    """Rows whose column of this name is the person's id."""
    return lambda person_id: column(table, name) == person_id
