"""Asks an InfluxDB of any version by InfluxQL over HTTP, and reads its answers as frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from dashboards.evaluate import Cell, Frame
from dashboards.query import Query, Rows
from wire.errors import StoreError


class Influx:
    """One server and database. With a token for 2.x and 3.x, with a user and password for 1.x."""

    def __init__(
        self, url: str, database: str, *, token: str = "", user: str = "", password: str = "", timeout_s: float = 10.0
    ) -> None:
        self._database = database
        self.client = httpx.AsyncClient(
            base_url=url,
            timeout=timeout_s,
            headers={"Authorization": f"Token {token}"} if token else {},
            auth=(user, password) if user else None,
        )

    async def close(self) -> None:
        await self.client.aclose()

    async def ask(self, statement: str) -> list[dict[str, Any]]:
        """The series of an answer to one statement, times in nanoseconds. Raises `StoreError`."""
        form = {"q": statement, "db": self._database, "epoch": "ns"}
        try:
            answer = await self.client.post("/query", data=form)
            body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise StoreError(f"{self.client.base_url}: {str(error) or type(error).__name__}", retry=True) from error
        result = (body.get("results") or [{}])[0] if isinstance(body, dict) else {}
        wrong = (body.get("error") if isinstance(body, dict) else "no answer") or result.get("error")
        if wrong or answer.status_code != 200:
            raise StoreError(f"{self.client.base_url}: {answer.status_code} {wrong}: {statement}", retry=True)
        return list(result.get("series") or [])


def frames_of(query: Query, series: list[dict[str, Any]]) -> list[Frame]:
    """An answer as `dashboards.evaluate` gives it."""
    frames = [_frame(query, one) for one in series]
    return sorted((frame for frame in frames if frame.times_ns), key=lambda frame: tuple(frame.tags.values()))


def _frame(query: Query, series: Mapping[str, Any]) -> Frame:
    names: list[str] = series["columns"]
    tags = {} if isinstance(query, Rows) else {tag: series.get("tags", {}).get(tag, "") for tag in query.by}
    at = names.index("time")
    rows = [row for row in series["values"] if any(cell is not None for place, cell in enumerate(row) if place != at)]
    columns: dict[str, list[Cell]] = {
        name: [row[place] for row in rows] for place, name in enumerate(names) if place != at
    }
    return Frame(tags, [row[at] for row in rows], columns)
