"""Reads the figures of other sites from their hubs, again and again, and keeps the last of each over a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from time import time_ns

import httpx
import msgspec
import structlog

from hub.city.settings import CitySiteSettings
from hub.city.view import FIGURES, Site
from hub.reports.figures import DayReport
from wire.errors import MenshenError

log = structlog.get_logger(__name__)

EVERY_S = 60.0
TIMEOUT_S = 15.0
MOST_BYTES = 8 * 2**20
_decoder, _known = msgspec.json.Decoder(DayReport), msgspec.json.Decoder(list[Site])


class CityDesk:
    """The other sites of one city."""

    def __init__(self, settings: Sequence[CitySiteSettings], path: Path, now_ns: Callable[[], int] = time_ns) -> None:
        """`path` is where the last figures are kept. Raises `MenshenError` for a token that cannot be read."""
        self._settings = settings
        self._tokens = {one.site: _token(Path(one.token_file)) for one in settings}
        self._path = path
        self._now_ns = now_ns
        self._sites = {one.site: Site(site=one.site, title=one.title) for one in settings}

    def sites(self) -> list[Site]:
        """What is known of each, in the order of the settings."""
        return [self._sites[one.site] for one in self._settings]

    async def keep(self) -> None:
        """Ask all sites each minute, until cancelled."""
        await asyncio.to_thread(self._remember)
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Ask all sites once, each for itself: one that hangs holds up nobody."""
        async with httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False) as client:
            await asyncio.gather(*(self._ask(client, one) for one in self._settings))
        await asyncio.to_thread(self._write)

    async def _ask(self, client: httpx.AsyncClient, settings: CitySiteSettings) -> None:
        known = self._sites[settings.site]
        try:
            async with asyncio.timeout(TIMEOUT_S):
                report = await _fetch(client, settings, self._tokens[settings.site])
        except (MenshenError, httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            why = str(error) or type(error).__name__
            if not known.error:
                log.warning("a site of the city cannot be read", site=settings.site, error=why)
            self._sites[settings.site] = msgspec.structs.replace(known, error=why[:200])
            return
        new = Site(site=settings.site, title=settings.title, report=report, read_ns=self._now_ns())
        self._sites[settings.site] = new

    def _remember(self) -> None:
        """What was known before a restart; a file that cannot be read is nothing."""
        try:
            found = _known.decode(self._path.read_bytes())
        except (OSError, msgspec.DecodeError):
            return
        for site in found:
            if site.site in self._sites and site.report is not None and _is_whole(site.report):
                self._sites[site.site] = msgspec.structs.replace(site, title=self._sites[site.site].title)

    def _write(self) -> None:
        try:
            new = self._path.with_suffix(".new")
            new.write_bytes(msgspec.json.encode(self.sites()))
            new.replace(self._path)
        except OSError as error:
            log.error("figures of the city cannot be kept", error=str(error))


async def _fetch(client: httpx.AsyncClient, settings: CitySiteSettings, token: str) -> DayReport:
    """The figures of the site's day. Raises `MenshenError` for an answer that is none, `httpx.HTTPError`."""
    url = f"{settings.url.rstrip('/')}/api/report"
    async with client.stream("GET", url, headers={"authorization": f"Bearer {token}"}) as answer:
        if answer.status_code != 200:
            raise MenshenError(f"HTTP {answer.status_code}, expected 200: see address and token of the site")
        body = bytearray()
        async for chunk in answer.aiter_bytes():
            body += chunk
            if len(body) > MOST_BYTES:
                raise MenshenError(f"more than {MOST_BYTES // 2**20} MB, expected a day's figures")
    try:
        report = _decoder.decode(bytes(body))
    except msgspec.DecodeError as error:
        raise MenshenError(f"no day's figures: {error}") from error
    if report.site != settings.site:
        raise MenshenError(f"these are figures of {report.site!r}, expected {settings.site!r}")
    if not _is_whole(report):
        raise MenshenError("figures are missing: the site's hub is of another version")
    return report


def _is_whole(report: DayReport) -> bool:
    try:
        return all(figure(report) >= 0 for figure in FIGURES.values())
    except KeyError:
        return False


def _token(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise MenshenError(f"token of a site of the city, {path}: {error}") from error
