"""What the pages for telephones stand on: forms of people without an account, and whose telephone it is.

The pages work without JavaScript. A form carries a word that only this hub can say of the telephone's cookie, and a key
by which the same press is one deed.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from fastapi import Request, Response
from sqlalchemy.orm import Session

from hub.accounts.throttle import Throttle
from hub.forms import workers
from hub.forms.links import Signer
from hub.registry.models import Person
from hub.web.access import Access, Denied

COOKIE = "menshen-phone"
LASTS_S = 180 * 86400
MAX_BYTES = 64 * 1024
MAX_FIELDS = 60
_REMEMBERED = 5000


class Sent(NamedTuple):
    """A form that a telephone has sent; `is_new` is False for the same press once more."""

    fields: Mapping[str, str]
    is_new: bool

    def text(self, name: str, most: int = 200) -> str:
        """A field on one line, without the spaces around it; `Denied` when it is longer than it may be."""
        value = " ".join("".join(char if char.isprintable() else " " for char in self.fields.get(name, "")).split())
        if len(value) > most:
            raise Denied(400, "too-long-field", name=name, most=most)
        return value


class Phones:
    """The telephones of one hub."""

    def __init__(self, access: Access, signer: Signer, public_url: str | None) -> None:
        self.access = access
        self.signer = signer
        self.throttle = Throttle()
        self._public_url = public_url
        self._presses: OrderedDict[str, None] = OrderedDict()

    def address(self, request: Request, path: str) -> str:
        """Where a telephone finds a page: by the address that the settings name, else by the one that was asked."""
        base = self._public_url or str(request.base_url)
        return base.rstrip("/") + path

    def cookie(self, request: Request) -> str:
        return request.cookies.get(COOKIE, "")

    def whose(self, session: Session, request: Request) -> Person | None:
        """Whose telephone asks, None for one that is not known."""
        return workers.person_of(session, self.signer, request.cookies.get(COOKIE, ""), workers.PHONE)

    async def person(self, request: Request) -> Person | None:
        return await self.access.database.read(lambda session: self.whose(session, request))

    async def know(self, request: Request, response: Response, person_id: int) -> None:
        """From now on this telephone is that person's."""
        link = await self.access.database.read(
            lambda session: workers.link_of(session, self.signer, person_id, workers.PHONE)
        )
        secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
        response.set_cookie(COOKIE, link, max_age=LASTS_S, httponly=True, samesite="lax", secure=secure)

    def draw(self, request: Request, template: str, heading: str, status: int = 200, **values: object) -> Response:
        """A page for a telephone, with what its forms have to carry."""
        carried = {"proof": self._proof(request), "once": secrets.token_urlsafe(12)}
        return self.access.draw(request, None, template, heading, status, **carried, **values)

    async def form(self, request: Request) -> Sent:
        """The form of a request. Raises `Denied` when it is not from a page of ours."""
        length = request.headers.get("content-length", "")
        if "transfer-encoding" in request.headers or not length.isdigit() or int(length) > MAX_BYTES:
            raise Denied(413, "too-large", most=1)
        if not _is_ours(request):
            raise Denied(403, "csrf")
        async with request.form(max_files=0, max_fields=MAX_FIELDS) as sent:
            fields = {name: value for name, value in sent.items() if isinstance(value, str)}
        given = fields.pop("proof", "")
        if not secrets.compare_digest(given.encode(), self._proof(request).encode()):
            raise Denied(403, "csrf")
        return Sent(fields, self._press(fields.pop("once", "")))

    def _press(self, key: str) -> bool:
        if not key:
            return True
        is_new = key not in self._presses
        self._presses[key] = None
        while len(self._presses) > _REMEMBERED:
            self._presses.popitem(last=False)
        return is_new

    def _proof(self, request: Request) -> str:
        return self.signer.proof("form", self.cookie(request))


def _is_ours(request: Request) -> bool:
    """As far as the browser tells: an old one says nothing, and the word that the form carries has to do."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("origin", "")
    return origin in {"", "null"} or urlsplit(origin).netloc == request.headers.get("host", "")
