"""Signing in at the site's own provider: OpenID Connect, authorization code with PKCE (RFC 7636).

browser ─ /sign-in/oidc ─► provider ─ code, state ─► /sign-in/oidc/callback ─ code, verifier ─► token endpoint ─► who

What comes back is believed only when its state was given to this browser, its nonce to this sign-in, its signature is
by the provider's keys, and it is for us. Which role somebody has is said by their groups, anew at each sign-in.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlencode

import httpx
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from msgspec import Meta, Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounts import desk
from hub.accounts.audit import note
from hub.accounts.models import Role, User
from wire.errors import MenshenError

WAIT_NS = 10 * 60 * 10**9
"""How long somebody may take at the provider."""
MOST_WAITING = 1000
_DISCOVERED_FOR_S = 3600.0
_TIMEOUT_S = 10.0
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures by a key that only the provider has; never a shared one, never none."""
_LEEWAY_S = 60
_ERRORS = {"access_denied", "server_error", "temporarily_unavailable", "login_required", "consent_required"}
"""Of RFC 6749 and OpenID Connect: what anybody may put into our page's address is no more than these words."""


class OidcSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The provider. `roles` says which role whoever is in a group has: the first line that fits counts, and who fits
    none does not get in. Groups are in the claim `groups_claim`, the login in `login_claim`."""

    issuer: Annotated[str, Meta(pattern=r"^(https://|http://(localhost|127\.0\.0\.1)(:\d+)?)")]
    client_id: Annotated[str, Meta(min_length=1)]
    roles: Annotated[dict[str, Role], Meta(min_length=1)]
    client_secret_file: str | None = None
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    groups_claim: str = "groups"
    login_claim: str = "preferred_username"


class OidcError(Exception):
    """Nobody is signed in; `why` is the key of the words that say so."""

    def __init__(self, why: str, **values: object) -> None:
        super().__init__(why)
        self.why = why
        self.values = values


class Going(NamedTuple):
    """Somebody on their way to the provider: where they go, and what their browser keeps until they are back."""

    url: str
    cookie: str


class Claimed(NamedTuple):
    """What the provider says of somebody, and where they wanted to go."""

    subject: str
    login: str
    name: str
    role: Role
    after: str


class _Waiting(NamedTuple):
    cookie: str
    nonce: str
    verifier: str
    back: str
    after: str
    at_ns: int


class Provider:
    """One provider. `go` and `back` raise `OidcError`."""

    def __init__(
        self,
        settings: OidcSettings,
        now_ns: Callable[[], int] = time.time_ns,
        client: Callable[[], httpx.AsyncClient] = lambda: httpx.AsyncClient(timeout=_TIMEOUT_S),
    ) -> None:
        """Raises `MenshenError` where the secret cannot be read."""
        self._settings = settings
        self._now_ns = now_ns
        self._client = client
        self._secret = _secret(settings)
        self._known: tuple[float, dict[str, Any], KeySet] | None = None
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()

    async def go(self, back: str, after: str) -> Going:
        """Where to send somebody who wants to sign in; `back` is our own address."""
        document, _ = await self._discovered()
        state, cookie, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(4))
        self._waiting[state] = _Waiting(cookie, nonce, verifier, back, after, self._now_ns())
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popitem(last=False)
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": back,
            "scope": " ".join(self._settings.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        address = str(document["authorization_endpoint"])
        return Going(f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}", cookie)

    async def back(self, answer: Mapping[str, str], cookie: str) -> Claimed:
        """Who came back with this answer."""
        waiting = self._waiting.pop(answer.get("state", ""), None)
        if waiting is None and answer.get("error") in _ERRORS:  # some providers forget the state of who says no
            raise OidcError("refused", what=answer["error"])
        if waiting is None or not secrets.compare_digest(waiting.cookie.encode(), cookie.encode()):
            raise OidcError("state")
        if self._now_ns() - waiting.at_ns > WAIT_NS:
            raise OidcError("state")
        if "error" in answer:
            raise OidcError("refused", what=answer.get("error_description") or answer["error"])
        tokens = await self._exchange(answer.get("code", ""), waiting)
        claims = await self._claims(str(tokens.get("id_token", "")), waiting.nonce)
        if self._settings.groups_claim not in claims or self._settings.login_claim not in claims:
            claims = {**await self._user_info(str(tokens.get("access_token", "")), str(claims["sub"])), **claims}
        return self._claimed(claims, waiting.after)

    def _claimed(self, claims: Mapping[str, Any], after: str) -> Claimed:
        groups = claims.get(self._settings.groups_claim, [])
        theirs = {groups} if isinstance(groups, str) else {str(group) for group in groups}
        role = next((role for group, role in self._settings.roles.items() if group in theirs), None)
        if role is None:
            raise OidcError("no-role", claim=self._settings.groups_claim)
        login = str(claims.get(self._settings.login_claim) or claims.get("email") or claims["sub"])
        name = str(claims.get("name") or login)
        return Claimed(f"{self._settings.issuer}#{claims['sub']}"[:200], login, name[:80], role, after)

    # -- at the provider -----------------------------------------------------------------------------------------------

    async def _exchange(self, code: str, waiting: _Waiting) -> dict[str, Any]:
        document, _ = await self._discovered()
        sent = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": waiting.back,
            "code_verifier": waiting.verifier,
            "client_id": self._settings.client_id,
        }
        auth = None if self._secret is None else httpx.BasicAuth(self._settings.client_id, self._secret)
        async with self._client() as client:
            try:
                answer = await client.post(
                    str(document["token_endpoint"]), data=sent, auth=auth or httpx.USE_CLIENT_DEFAULT
                )
            except httpx.HTTPError as error:
                raise OidcError("unreachable", what=str(error) or type(error).__name__) from error
        if answer.status_code != httpx.codes.OK:
            raise OidcError("refused", what=_error_of(answer))
        return _object(answer)

    async def _claims(self, token: str, nonce: str) -> dict[str, Any]:
        document, keys = await self._discovered()
        try:
            try:
                decoded = jwt.decode(token, keys, algorithms=_ALGORITHMS)
            except (JoseError, ValueError):
                document, keys = await self._discovered(anew=True)  # the provider may have new keys
                decoded = jwt.decode(token, keys, algorithms=_ALGORITHMS)
            registry = jwt.JWTClaimsRegistry(
                now=self._now_ns() // 10**9,
                leeway=_LEEWAY_S,
                iss={"essential": True, "value": document["issuer"]},
                aud={"essential": True, "value": self._settings.client_id},
                sub={"essential": True},
                exp={"essential": True},
                nonce={"essential": True, "value": nonce},
            )
            registry.validate(decoded.claims)
        except (JoseError, ValueError) as error:
            raise OidcError("untrue", what=str(error)) from error
        if decoded.claims.get("azp", self._settings.client_id) != self._settings.client_id:
            raise OidcError("untrue", what="azp")
        return dict(decoded.claims)

    async def _user_info(self, token: str, subject: str) -> dict[str, Any]:
        """More of somebody, where the provider has more to say."""
        document, _ = await self._discovered()
        if "userinfo_endpoint" not in document:
            return {}
        found = await self._get(str(document["userinfo_endpoint"]), {"Authorization": f"Bearer {token}"})
        if found.get("sub") != subject:
            raise OidcError("untrue", what="sub")
        return found

    async def _discovered(self, *, anew: bool = False) -> tuple[dict[str, Any], KeySet]:
        if self._known is not None and not anew and time.monotonic() - self._known[0] < _DISCOVERED_FOR_S:
            return self._known[1], self._known[2]
        document = await self._get(f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration")
        missing = [
            name for name in ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri") if name not in document
        ]
        if missing:
            raise OidcError("unreachable", what=f"{', '.join(missing)}?")
        if str(document["issuer"]).rstrip("/") != self._settings.issuer.rstrip("/"):
            raise OidcError("untrue", what=f"issuer {document['issuer']}")
        try:
            keys = KeySet.import_key_set(await self._get(str(document["jwks_uri"])))  # type: ignore[arg-type]
        except (JoseError, ValueError, KeyError) as error:
            raise OidcError("unreachable", what=str(error)) from error
        self._known = (time.monotonic(), document, keys)
        return document, keys

    async def _get(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        async with self._client() as client:
            try:
                answer = await client.get(url, headers=dict(headers or {}))
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise OidcError("unreachable", what=str(error) or type(error).__name__) from error
        if answer.status_code != httpx.codes.OK:
            raise OidcError("unreachable", what=f"HTTP {answer.status_code}")
        return _object(answer)


def sign_in(session: Session, claimed: Claimed, *, old: str | None, now_ns: int) -> str:
    """The cookie of a new session of whom the provider vouches for, if need be of a new user. Raises `OidcError`."""
    user = session.scalar(select(User).where(User.subject == claimed.subject))
    if user is None:
        user = _new(session, claimed, now_ns)
    if user.disabled:
        note(session, now_ns, user.login, "sign-in-refused", why="kept out")
        raise OidcError("kept-out")
    if user.role is not claimed.role:
        note(session, now_ns, "provider", "role-changed", f"user {user.id}", role=claimed.role.value)
    user.role, user.name = claimed.role, claimed.name
    desk.end(session, old)
    return desk.begin(session, user, now_ns=now_ns)


def _new(session: Session, claimed: Claimed, now_ns: int) -> User:
    login = "".join(char for char in claimed.login.lower() if char.isalnum() or char in "-._@")[:60]
    if not login or session.scalar(select(User.id).where(User.login == login)) is not None:
        raise OidcError("login-taken", login=login)
    user = User(login=login, name=claimed.name, role=claimed.role, subject=claimed.subject, created_ns=now_ns)
    session.add(user)
    session.flush()
    note(session, now_ns, "provider", "user-added", f"user {user.id}", login=login, role=claimed.role.value)
    return user


def challenge_of(verifier: str) -> str:
    """S256 of RFC 7636."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _secret(settings: OidcSettings) -> str | None:
    if settings.client_secret_file is None:
        return None
    path = Path(settings.client_secret_file)
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise MenshenError(f"[oidc] client_secret_file {path}: cannot be read: {error}") from error


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(answer.content)
    except msgspec.DecodeError as error:
        raise OidcError("unreachable", what=str(error)) from error
    if not isinstance(found, dict):
        raise OidcError("unreachable", what="no JSON object")
    return found


def _error_of(answer: httpx.Response) -> str:
    try:
        found = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        return f"HTTP {answer.status_code}"
    said = found.get("error_description") or found.get("error") if isinstance(found, dict) else None
    return str(said or f"HTTP {answer.status_code}")[:200]
