"""What a hub's file says about the forms on workers' telephones (`[forms]`)."""

from __future__ import annotations

from msgspec import Struct


class FormSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`hold_ill`: gates refuse whoever declared to be ill, or to have met somebody who is, until somebody settled it.
    `tell_gates`: gates are told who declared today; for gates whose policy has `declaration_required`."""

    hold_ill: bool = True
    tell_gates: bool = False
