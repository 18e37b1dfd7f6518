"""The site's token key on its way to a gate, after it was changed.

    hub → gate  TokenKeyOffer   retained, one a gate: the key, sealed to its own certificate, signed by the authority
    gate → hub  TokenKeyHeld    in its pulse: by which key it works, and what keeps it from the newest

Who may read the topic learns nothing: not the broker, not a stolen gate that was revoked, not who had the gate's
certificate before its last renewal. Who may write it can put nothing in its place, for only the authority signs. A gate
takes an offer once its copy of the registry has the tokens under the new key, so that nobody is stopped in between.
How it is sealed: `wire.key_transport`.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from wire.events import Count, Text

Short = Annotated[str, Meta(max_length=1000)]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class TokenKeyOffer(Struct, frozen=True, kw_only=True):
    """The newest key. `version` grows with each change: an old offer that is played again is not taken."""

    v: Annotated[int, Meta(ge=1)]
    version: Count
    fingerprint: Short
    registry: Count
    """The version of the registry from which on the key's tokens are in it."""
    recipient: Sha256
    """SHA-256 of the public key of the certificate that it is sealed to."""
    sealed: Short
    signature: Short
    """The authority's, over everything else, the site and the gate."""


class TokenKeyHeld(Struct, frozen=True, omit_defaults=True):
    """By which key a gate works; `why` is what keeps it from taking the one that it was offered."""

    fingerprint: Short
    why: Text = ""
