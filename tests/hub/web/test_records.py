"""The record over HTTP: everything once, in pages, and a clear word when it cannot be read or asked."""

from __future__ import annotations

import httpx
import msgspec
import pytest
from msgspec import Raw
from msgspec.structs import replace

from hub.accounts.roles import Permission
from hub.board import AlertRow
from hub.cases.record import IsolationLine
from hub.projections.checks import CheckRow
from hub.web.app import Office, create_app
from tests.support.console import WrittenBoard, bearer, make_database, token_for
from tests.support.events import TIME_NS, fever
from tests.support.journals import entry
from tests.support.snapshots import board
from wire.errors import JournalError
from wire.messages import encode_event

ALERT = AlertRow(7, "fever/site/north/p-1", "fever", "critical", "firing", TIME_NS, TIME_NS, 1, "site", "north")


class Written:
    """A record of three events, the second of which nobody can read."""

    broken = False

    async def events(self, after, limit):
        if self.broken:
            raise JournalError("journal: disk I/O error")
        rows = [entry(fever(number), number, number) for number in (1, 2, 3)]
        rows[1] = replace(rows[1], body=b'{"type":"person-passage"}')
        return [row for row in rows if row.offset > after][:limit]

    async def alerts(self, after, _limit):
        return [ALERT] if after < ALERT.id else []

    async def isolations(self):
        return [IsolationLine(3, ("badge",), "fever", "2020-02-10", TIME_NS, "p-1", None, "")]

    async def checks(self, from_ns, until_ns, after, limit):
        rows = [CheckRow("site", f"badge{n}", 2, from_ns, until_ns) for n in (1, 2, 3)]
        return [row for row in rows if (row.site, row.badge) > after][:limit]


@pytest.fixture
async def asked(tmp_path):
    database, written = await make_database(tmp_path), Written()
    app = create_app(WrittenBoard(board()), site="site", version="0", records=written, office=Office(database))
    headers = bearer(await token_for(database)) | {"accept-language": "en"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub", headers=headers) as client:
        yield client, written
    await database.stop()


async def test_events_come_in_pages_with_their_bytes_as_they_are_and_null_for_what_cannot_be_read(asked):
    client, _ = asked
    first = (await client.get("/api/events", params={"limit": 2})).content.splitlines()
    rest = (await client.get("/api/events", params={"after": 2})).content.splitlines()
    rows = [msgspec.json.decode(line) for line in first + rest]
    assert [row["offset"] for row in rows] == [1, 2, 3]
    assert rows[1]["event"] is None
    line = msgspec.json.decode(rest[0], type=dict[str, Raw])
    assert bytes(line["event"]) == encode_event(fever(3))
    assert (rows[0]["site"], rows[0]["gate"], rows[0]["urgency"], rows[0]["seq"]) == ("site", "north", "urgent", 1)


async def test_alerts_and_checks_are_lines_too(asked):
    client, _ = asked
    assert msgspec.json.decode((await client.get("/api/alerts")).content, type=AlertRow) == ALERT
    assert (await client.get("/api/alerts", params={"after": 7})).content == b""
    case = msgspec.json.decode((await client.get("/api/isolations")).content)
    assert (case["badges"], case["cause"], case["end"]) == (["badge"], "fever", "")
    asked_for = {"from_ns": 3, "until_ns": 9, "limit": 2}
    first = (await client.get("/api/checks", params=asked_for)).content.splitlines()
    found = msgspec.json.decode(first[-1])
    assert (found["first_ns"], found["last_ns"], found["measured"]) == (3, 9, 2)
    behind = f"{found['site']}/{found['badge']}"
    (rest,) = (await client.get("/api/checks", params=asked_for | {"after": behind})).content.splitlines()
    assert [len(first), msgspec.json.decode(rest)["badge"]] == [2, "badge3"]


@pytest.mark.parametrize("query", ["after=-1", "limit=0", "limit=10001", "after=x"])
async def test_a_question_that_makes_no_sense_is_told(asked, query):
    client, _ = asked
    answer = await client.get(f"/api/events?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert query.partition("=")[0] in answer.text


async def test_a_record_that_cannot_be_read_is_told(asked):
    client, written = asked
    written.broken = True
    answer = await client.get("/api/events")
    assert (answer.status_code, answer.json()["detail"]) == (503, "journal: disk I/O error")


async def test_the_record_is_for_tokens_that_are_good_for_it_only(tmp_path):
    database = await make_database(tmp_path)
    app = create_app(WrittenBoard(board()), site="site", version="0", records=Written(), office=Office(database))
    weak = bearer(await token_for(database, Permission.BOARD))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        assert (await client.get("/api/events")).status_code == 401
        assert (await client.get("/api/alerts", headers=weak)).status_code == 200
        for path in ("/api/events", "/api/checks"):
            refused = await client.get(path, headers=weak | {"accept-language": "en"})
            assert (refused.status_code, refused.json()["detail"]) == (403, "The token is not good for this.")
    await database.stop()
