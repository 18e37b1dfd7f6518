"""Reads what a hub kept, over its HTTP API, and what its time-series server has, over InfluxDB's (v1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import httpx
import msgspec
from msgspec import Struct

from sim.judge.duties import DutySeen
from sim.judge.effects import day_ns
from sim.judge.findings import AlertSeen, CheckSeen, IsolationSeen, JournalRow, Point
from sim.judge.meals import MealSeen
from wire.errors import MenshenError


class _OnDuty(Struct, frozen=True):
    number: str
    shift: str
    measured: int
    standing: str


class _Duties(Struct, frozen=True):
    """`GET /api/duties?people=true`, as far as it is asked for."""

    site: str
    day: str
    time_ns: int
    people: list[_OnDuty]


T = TypeVar("T", bound=Struct)
_PAGE = 5000
_NOT_LET_IN = (
    "asks for a token: make one on the hub's machine with `menshen hub token add hub.toml judge --may board "
    "--may records --may people`, and give it by --token-file or in MENSHEN_TOKEN"
)
_TIMEOUT_S = 60.0
_VALUES = {
    "person_passage": "skin_c",
    "vehicle_passage": "registered",
    "device_state": "health",
    "disinfection": "place",
    "secondary_measurement": "body_c",
}
"""What of each measurement is compared, beside its time."""


class HubRecord:
    """One hub. Every method raises `MenshenError` when it does not answer as a hub does."""

    def __init__(self, url: str, token: str = "") -> None:
        self._url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(timeout=_TIMEOUT_S, headers=headers)

    def events(self) -> Iterator[JournalRow]:
        """The whole journal, in its order."""
        after = 0
        while rows := self._get("events", JournalRow, after=after, limit=_PAGE):
            yield from rows
            after = rows[-1].offset

    def alerts(self) -> Iterator[AlertSeen]:
        after = 0
        while alerts := self._get("alerts", AlertSeen, after=after, limit=_PAGE):
            yield from alerts
            after = alerts[-1].id

    def checks(self, date: str) -> list[CheckSeen]:
        """Who was measured how often on a date of China."""
        from_ns, until_ns = day_ns(date)
        found: list[CheckSeen] = []
        after = ""
        while rows := self._get("checks", CheckSeen, from_ns=from_ns, until_ns=until_ns, after=after, limit=_PAGE):
            found += rows
            after = f"{rows[-1].site}/{rows[-1].badge}"
        return found

    def isolations(self) -> list[IsolationSeen]:
        """All cases, and fevers of strangers."""
        return self._get("isolations", IsolationSeen)

    def duties(self, date: str, badges: Mapping[str, str], over_ns: Mapping[str, int]) -> list[DutySeen]:
        """Who is on duty on a date and how often each was measured. `badges` are tokens by HR's numbers, `over_ns` when
        each shift of the date is over."""
        url = f"{self._url}/api/duties"
        answer = _answer(self._client, url, {"day": date, "people": "true"}).content
        try:
            told = msgspec.json.decode(answer, type=_Duties)
        except msgspec.DecodeError as error:
            raise MenshenError(f"{url}: {error}; expected the address of a Menshen hub's console") from error
        return [
            DutySeen(
                told.site, date, one.shift, badges.get(one.number, one.number), one.measured, one.standing,
                over=told.time_ns >= over_ns.get(one.shift, told.time_ns + 1),
            )
            for one in told.people
            if one.standing
        ]  # fmt: skip

    def meals(self, date: str) -> list[MealSeen]:
        """Who came to a canteen on a date of China, and how."""
        return self._get("meals", MealSeen, day=date)

    def _get(self, what: str, kind: type[T], **asked: int | str) -> list[T]:
        url = f"{self._url}/api/{what}"
        lines = _answer(self._client, url, asked).content.splitlines()
        decoder = msgspec.json.Decoder(kind)
        try:
            return [decoder.decode(line) for line in lines]
        except msgspec.DecodeError as error:
            raise MenshenError(f"{url}: {error}; expected the address of a Menshen hub's console") from error


class SeriesRecord:
    """One database of an InfluxDB 1.x, or of what speaks its query API."""

    def __init__(self, url: str, database: str) -> None:
        self._url, self._database = url.rstrip("/"), database
        self._client = httpx.Client(timeout=_TIMEOUT_S)

    def points(self, site: str, gates: Sequence[str]) -> Counter[Point]:
        """All points of the gates of a site."""
        return Counter(
            Point(measurement, gate, time_ns // 1000, _word(value))
            for gate in gates
            for measurement, field in _VALUES.items()
            for time_ns, value in self._select(measurement, field, site, gate)
        )

    def _select(self, measurement: str, field: str, site: str, gate: str) -> Iterator[tuple[int, Any]]:
        where = f"\"site\" = '{site}' AND \"gate\" = '{gate}'"
        query = f'SELECT "{field}" AS "value", "seq" AS "number" FROM "{measurement}" WHERE {where}'  # noqa: S608 - names are checked words
        url = f"{self._url}/query"
        answer = _answer(self._client, url, {"db": self._database, "q": query, "epoch": "ns"})
        try:
            result = answer.json()["results"][0]
        except (ValueError, LookupError) as error:
            raise MenshenError(f"{url}: no answer to a query; expected an InfluxDB 1.x") from error
        if "error" in result:
            raise MenshenError(f"{url}: {result['error']}")
        for series in result.get("series", ()):
            for time_ns, value, _ in series["values"]:
                yield time_ns, value


def _answer(client: httpx.Client, url: str, asked: dict[str, Any]) -> httpx.Response:
    try:
        answer = client.get(url, params=asked)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise MenshenError(f"{url}: {str(error) or type(error).__name__}") from error
    if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        raise MenshenError(f"{url}: {_NOT_LET_IN}")
    if answer.status_code != httpx.codes.OK:
        raise MenshenError(f"{url}: answered {answer.status_code}: {answer.text[:200]}")
    return answer


def _word(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case int() | float():
            return f"{value:.3f}"
        case _:
            return str(value)
