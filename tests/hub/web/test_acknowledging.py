"""What is acknowledged without signing in: by a short code from an SMS, and by what WeCom and Feishu bring of what
people write and press. Forgeries, replays and strangers acknowledge nothing."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.alerts.channels import Context
from hub.alerts.channels.apps import FRESH_S
from hub.alerts.chats import Directory
from hub.alerts.desk import AlertDesk, Site
from hub.alerts.links import VALID_S, Links
from hub.alerts.notifier import Clocks
from hub.alerts.oncall import ContactSettings, EscalationSettings, OnCall, PersonSettings, StepSettings
from hub.alerts.replies import Marks
from hub.alerts.store import AlertStore
from hub.database import Database
from hub.web.acknowledging import CODES_AT_ONCE, CODES_PER_S
from hub.web.app import AlertPages, Office, create_app
from tests.hub.web.test_alerts import FEVER, KEY
from tests.support import robots
from tests.support.console import ZONE, WrittenBoard
from tests.support.events import TIME_NS
from tests.support.services import SERVICES, ServiceDouble
from tests.support.snapshots import board

WAYS = {"wecom": "LiWei", "feishu": "ou_li", "sms": "13800000000"}
"""Channels, and Li's address on each."""


class Hub:
    """A console whose alerts go to Li, on one channel, whose service is a double."""

    def __init__(self, folder: Path, way: str) -> None:
        self.now_ns, self.mono_s = TIME_NS + 60 * 10**9, 0.0
        judge = {
            "wecom": robots.judge_wecom_app,
            "feishu": robots.judge_feishu_app,
            "sms": SERVICES["aliyun-sms"].judge,
        }
        self.service = ServiceDouble(judge[way])
        self.service.start()
        context = Context("Asia/Shanghai", lambda: self.now_ns / 1e9, Marks(KEY))
        make = {
            "wecom": robots.make_wecom_app, "feishu": robots.make_feishu_app, "sms": SERVICES["aliyun-sms"].make
        }[way]  # fmt: skip
        channel = make(self.service.base, folder, context)
        people = [PersonSettings(name="Li", contacts=[ContactSettings(channel="c", to=WAYS[way])])]
        planner = OnCall(people, [], [EscalationSettings(steps=[StepSettings(tell=["person:Li"])])], ["c"], {}, "UTC")
        store = AlertStore(folder / "alerts.db", planner)
        accounts = {("c", WAYS[way].lower() if way == "wecom" else WAYS[way]): frozenset({"Li"})}
        links = Links(KEY, "https://hub.example")
        site = Site("baotou-1", links=links, directory=Directory(accounts))
        self.desk = AlertDesk(store, [channel], site, Clocks(lambda: self.now_ns, lambda: self.mono_s))
        self.database = Database(f"sqlite:///{folder / 'menshen.db'}")
        self.app = create_app(
            WrittenBoard(board()), site="baotou-1", version="0", zone=ZONE, alerts=AlertPages(self.desk, links),
            office=Office(self.database, lambda: self.now_ns),
        )  # fmt: skip

    async def open(self) -> None:
        await self.database.start()
        await self.desk.start()
        await self.tell(1)

    async def tell(self, number: int) -> None:
        signal = replace(FEVER, key=f"f{number}", gate=f"gate-{number}")
        await self.desk.ask(lambda store, now_ns: store.take(number, [(signal, now_ns)], now_ns))
        for message in await self.desk.notifier.turn():
            await self.desk.notifier.attempt(message, self.desk.refresh)
        assert self.desk.open[0].told == "delivered"

    async def close(self) -> None:
        await self.desk.stop()
        await self.database.stop()
        self.service.stop()

    async def state(self, alert: int = 1) -> tuple[str, str]:
        row = await self.desk.ask(lambda store, _: store.alert(alert))
        assert row is not None
        return row.state, row.held_by

    @property
    def at_s(self) -> int:
        return self.now_ns // 10**9


async def opened(folder: Path, way: str) -> AsyncIterator[Hub]:
    made = Hub(folder, way)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def wecom(tmp_path: Path) -> AsyncIterator[Hub]:
    async for made in opened(tmp_path, "wecom"):
        yield made


@pytest.fixture
async def feishu(tmp_path: Path) -> AsyncIterator[Hub]:
    async for made in opened(tmp_path, "feishu"):
        yield made


@pytest.fixture
async def sms(tmp_path: Path) -> AsyncIterator[Hub]:
    async for made in opened(tmp_path, "sms"):
        yield made


def browser(office: Hub) -> httpx.AsyncClient:
    """Where nobody is signed in."""
    transport = httpx.ASGITransport(office.app)
    return httpx.AsyncClient(transport=transport, base_url="https://hub.example", headers={"accept-language": "en"})


# -- a code in an SMS --------------------------------------------------------------------------------------------------


def code_in(office: Hub) -> str:
    query = httpx.URL(office.service.requests[-1].path).params
    return str(json.loads(query["TemplateParam"])["code"])


async def test_a_code_asks_first_acknowledges_by_post_and_works_once(sms):
    code = code_in(sms)
    assert re.fullmatch(r"[a-z2-7]{16}", code)
    async with browser(sms) as client:
        for _ in range(3):  # previews fetch it
            asked = await client.get(f"/k/{code.upper()}")
            assert (asked.status_code, "I see to it" in asked.text) == (200, True)
        assert await sms.state() == ("firing", "")
        assert (await client.post(f"/k/{code}", data={"by": "Li Wei"})).status_code == 200
        assert await sms.state() == ("acknowledged", "Li Wei (Li)")
        assert (await client.post(f"/k/{code}")).status_code == 410
        assert (await client.get("/k/0")).headers["location"] == "/alerts"


async def test_a_code_is_good_for_a_day_and_nowhere_in_the_file(sms, tmp_path):
    code = code_in(sms)
    assert code.encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("alerts.db*"))
    sms.now_ns += round(VALID_S * 1e9)
    async with browser(sms) as client:
        assert (await client.post(f"/k/{code}")).status_code == 404
    assert (await sms.state())[0] == "firing"


async def test_who_tries_codes_must_wait_and_then_may_again(sms):
    code = code_in(sms)
    async with browser(sms) as client:
        tried = [(await client.get(f"/k/{'a' * 15}{letter}")).status_code for letter in "bcdefghijk"]
        assert tried == [404] * round(CODES_AT_ONCE)
        assert (await client.get(f"/k/{code}")).status_code == 429
        sms.mono_s += 1 / CODES_PER_S
        assert (await client.get(f"/k/{code}")).status_code == 200


# -- WeCom -------------------------------------------------------------------------------------------------------------


async def wecom_call(office: Hub, xml: str, *, at_s: int | None = None, **touch: Any) -> httpx.Response:
    sealed = robots.wecom_sealed(xml, touch.get("corp", robots.CORP), touch.get("key", robots.AES_KEY))
    query = robots.wecom_query(sealed, at_s or office.at_s, touch.get("token", robots.CALLBACK_TOKEN))
    async with browser(office) as client:
        return await client.post("/in/c", params=query, content=robots.wecom_envelope(sealed))


def wecom_answer(answer: httpx.Response) -> str:
    """The text that whoever wrote is answered, if WeCom takes it for ours."""
    sealed = {child.tag: child.text or "" for child in ET.fromstring(answer.text)}
    query = robots.wecom_query(sealed["Encrypt"], int(sealed["TimeStamp"]), nonce=sealed["Nonce"])
    assert query["msg_signature"] == sealed["MsgSignature"]
    inner = {child.tag: child.text or "" for child in ET.fromstring(robots.wecom_opened(sealed["Encrypt"]))}
    assert (inner["MsgType"], inner["FromUserName"]) == ("text", robots.CORP)
    return inner["Content"]


async def test_wecom_finds_that_the_address_is_ours(wecom):
    sealed = robots.wecom_sealed("1616140317555161061")
    query = robots.wecom_query(sealed, wecom.at_s)
    async with browser(wecom) as client:
        assert (await client.get("/in/c", params=query | {"echostr": sealed})).text == "1616140317555161061"
        assert (await client.get("/in/c", params=query | {"echostr": sealed, "nonce": "1"})).status_code == 403
        assert (await client.get("/in/c")).status_code == 403
        assert (await client.get("/in/other")).status_code == 404


async def test_a_page_by_wecom_is_acknowledged_by_an_answer_and_said_so_once(wecom):
    assert "收到 1" in wecom.service.taken[-1]["text"]["content"]
    xml = robots.wecom_words("liwei", "收到", wecom.at_s, "7001")
    assert wecom_answer(await wecom_call(wecom, xml)).startswith("已由您受理 1 条:\n1 发热人员")
    assert await wecom.state() == ("acknowledged", "Li")
    again = await wecom_call(wecom, xml)
    assert (again.status_code, again.content) == (200, b"")
    log = await wecom.desk.ask(lambda store, _: store.log(1))
    assert [line.text for line in log if line.why == "acknowledged"] == ["c: liwei"]


async def test_a_hub_whose_clock_is_wrong_by_hours_is_not_deaf(wecom):
    at_s = wecom.at_s
    wecom.now_ns -= 5 * 3600 * 10**9
    await wecom.tell(2)
    wecom.now_ns += 60 * 10**9
    await wecom_call(wecom, robots.wecom_words("LiWei", "收到 2", at_s + 60, "7001"), at_s=at_s + 61)
    assert await wecom.state(2) == ("acknowledged", "Li")


async def test_what_wecom_did_not_send_or_not_to_us_or_long_ago_acknowledges_nothing(wecom):
    xml = robots.wecom_words("LiWei", "收到", wecom.at_s, "7001")
    other_key = "b" * 42 + "A"
    for answer in (
        await wecom_call(wecom, xml, token="guessed"),
        await wecom_call(wecom, xml, corp="ww-other"),
        await wecom_call(wecom, xml, key=other_key),
        await wecom_call(wecom, xml, at_s=round(wecom.at_s - FRESH_S - 1)),
        await wecom_call(wecom, xml, at_s=round(wecom.at_s + FRESH_S + 2)),
    ):
        assert (answer.status_code, answer.text) == (403, "refused")
    stranger = await wecom_call(wecom, robots.wecom_words("Nobody", "收到", wecom.at_s, "7002"))
    assert "nobody" in wecom_answer(stranger)
    event = "<xml><FromUserName>LiWei</FromUserName><MsgType>event</MsgType><Event>enter_agent</Event></xml>"
    assert (await wecom_call(wecom, event)).content == b""
    assert (await wecom.state())[0] == "firing"


# -- Feishu ------------------------------------------------------------------------------------------------------------


async def feishu_call(office: Hub, value: Any, *, at_s: int | None = None, **touch: Any) -> httpx.Response:
    body = robots.feishu_body(value, touch.get("key", robots.ENCRYPT_KEY))
    headers = robots.feishu_headers(body, at_s or office.at_s, touch.get("signing", robots.ENCRYPT_KEY))
    async with browser(office) as client:
        return await client.post("/in/c", content=body, headers=headers)


async def test_feishu_finds_that_the_address_is_ours(feishu):
    challenge = {"challenge": "ajls384kdjx98XX", "token": robots.CALLBACK_TOKEN, "type": "url_verification"}
    assert (await feishu_call(feishu, challenge)).json() == {"challenge": "ajls384kdjx98XX"}
    assert (await feishu_call(feishu, challenge | {"token": "guessed"})).status_code == 403
    async with browser(feishu) as client:  # in the open: anybody could
        assert (await client.post("/in/c", json=challenge)).status_code == 403


async def test_a_page_by_feishu_is_acknowledged_by_an_answer_and_said_so_once(feishu):
    event = robots.feishu_words("ou_li", "@_user_1 收到", feishu.at_s, "e1")
    assert (await feishu_call(feishu, event)).status_code == 200
    assert await feishu.state() == ("acknowledged", "Li")
    assert (await feishu_call(feishu, event)).status_code == 200
    replies = [request for request in feishu.service.requests if request.path.endswith("/om_e1/reply")]
    assert [json.loads(json.loads(one.body)["content"])["text"].partition(":")[0] for one in replies] == [
        "已由您受理 1 条"
    ]


async def test_the_button_of_a_feishu_card_acknowledges_for_whom_it_was_sent_to(feishu):
    card = json.loads(feishu.service.taken[-1]["content"])
    assert card["header"]["template"] == "red"
    mark = card["elements"][-1]["actions"][0]["value"]["mark"]
    stranger = await feishu_call(feishu, robots.feishu_press("ou_other", mark, feishu.at_s, "e1"))
    assert stranger.json()["toast"]["type"] == "warning"
    forged = await feishu_call(feishu, robots.feishu_press("ou_li", "1-forged", feishu.at_s, "e2"))
    assert forged.json()["toast"]["type"] == "info"
    assert (await feishu.state())[0] == "firing"
    pressed = await feishu_call(feishu, robots.feishu_press("ou_li", mark, feishu.at_s, "e3"))
    assert pressed.json()["toast"]["type"] == "success"
    assert await feishu.state() == ("acknowledged", "Li")
    log = await feishu.desk.ask(lambda store, _: store.log(1))
    assert [line.text for line in log if line.why == "acknowledged"] == ["c: ou_li, message 1"]


async def test_what_feishu_did_not_send_or_not_to_us_or_long_ago_acknowledges_nothing(feishu):
    event = robots.feishu_words("ou_li", "收到", feishu.at_s, "e1")
    for answer in (
        await feishu_call(feishu, event, key="guessed"),
        await feishu_call(feishu, event, signing="guessed"),
        await feishu_call(feishu, event, at_s=round(feishu.at_s - FRESH_S - 1)),
        await feishu_call(feishu, event | {"header": event["header"] | {"token": "guessed"}}),
        await feishu_call(feishu, event | {"header": event["header"] | {"app_id": "other"}}),
    ):
        assert (answer.status_code, answer.text) == (403, "refused")
    assert (await feishu.state())[0] == "firing"


async def test_whatever_is_sent_to_an_address_for_services_is_refused(wecom, feishu):
    @settings(max_examples=30, deadline=None)
    @given(st.binary(max_size=200), st.dictionaries(st.sampled_from(["timestamp", "nonce", "echostr", "msg_signature"]),
           st.text(max_size=20)))  # fmt: skip
    def sends(body: bytes, query: dict[str, str]) -> None:
        asked.append((body, query))

    asked: list[tuple[bytes, dict[str, str]]] = []
    sends()
    for office in (wecom, feishu):
        async with browser(office) as client:
            for body, query in asked:
                answer = await client.post("/in/c", params=query, content=body)
                assert answer.status_code == 403
        assert (await office.state())[0] == "firing"
