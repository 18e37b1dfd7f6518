"""Who answers a robot in a chat acknowledges what they were told of, and nothing else: nobody what they have not seen,
whatever comes to the hub's ears."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.alerts import desk as desks
from hub.alerts.bundles import Allowance
from hub.alerts.channels import Context
from hub.alerts.channels.apps import BEFORE_END_S, Token, to_each
from hub.alerts.channels.wecom import WeComAppSettings
from hub.alerts.chats import Choice, Directory, Outcome, Reply, Said, Waiting, choose
from hub.alerts.desk import AlertDesk, Site
from hub.alerts.notifier import Clocks
from hub.alerts.oncall import ContactSettings, EscalationSettings, OnCall, PersonSettings, StepSettings
from hub.alerts.outbox import Outcome as Came
from hub.alerts.replies import Wanted, wanted
from hub.alerts.rules import Rule, Signal
from hub.alerts.setup import directory_of, make_desk
from hub.alerts.store import AlertStore
from hub.settings import HubSettings
from tests.hub.alerts.test_replies import MARKS, Office
from tests.hub.alerts.test_services import NOTE, PAGE
from tests.support import robots
from tests.support.events import TIME_NS, fever
from tests.support.journals import entry
from tests.support.servers import eventually
from tests.support.services import ServiceDouble
from wire.errors import DeliveryError

MINUTE_NS = 60 * 10**9
CONTEXT = Context("Asia/Shanghai", lambda: TIME_NS / 1e9, MARKS)
FEVER = Signal(key="f", rule=Rule.FEVER, site="s", gate="g", time_ns=TIME_NS)
ACCOUNTS = {("c", "u1"): frozenset({"Li"}), ("c", "u2"): frozenset({"Wang"})}


# -- what words mean ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("收到", Wanted()), (" @门神 收到！", Wanted()), ("@_user_1 ok", Wanted()), ("1", Wanted()),
        ("收到 17", Wanted(alert=17)), ("17 收到", Wanted(alert=17)), ("ack #17", Wanted(alert=17)),
        ("OK 17.", Wanted(alert=17)), ("ok, alert 17", Wanted(alert=17)), ("全部收到", Wanted(everything=True)),
        ("收到全部。", Wanted(everything=True)), ("ok all", Wanted(everything=True)),
        ("all acknowledged", Wanted(everything=True)),
    ],
)  # fmt: skip
def test_a_yes_says_which_alert_is_meant(text, means):
    assert wanted(text) == means


@pytest.mark.parametrize("text", ["", "@门神", "17", "没收到", "not ok", "ok?? 17 18", "收到 17 吗，是哪个门", "who?"])
def test_anything_else_acknowledges_nothing(text):
    assert wanted(text) is None


def test_a_mere_yes_means_the_one_message_that_waits_and_where_several_do_it_is_asked():
    storm = [Waiting(1, 5), Waiting(2, 5)]
    assert choose(Wanted(), storm) == (Outcome.ACKNOWLEDGED, (1, 2))
    assert choose(Wanted(), [*storm, Waiting(3, 6)]) == (Outcome.WHICH, (1, 2, 3))
    assert choose(Wanted(everything=True), [*storm, Waiting(3, 6)]) == (Outcome.ACKNOWLEDGED, (1, 2, 3))
    assert choose(Wanted(alert=2), storm) == (Outcome.ACKNOWLEDGED, (2,))
    assert choose(Wanted(alert=9), storm) == (Outcome.NOT_YOURS, (9,))
    assert choose(Wanted(), []) == Choice(Outcome.NOTHING)
    assert choose(None, storm) == Choice(Outcome.NO_YES)


# -- who may -----------------------------------------------------------------------------------------------------------


class Room:
    """A store with two people on call, Li first and Wang after five minutes, both on channel `c`."""

    def __init__(self, folder: Path) -> None:
        people = [
            PersonSettings(name=name, contacts=[ContactSettings(channel="c", to=to)])
            for name, to in (("Li", "u1"), ("Wang", "u2"))
        ]
        steps = [StepSettings(tell=["person:Li"]), StepSettings(after_min=5, tell=["person:Wang"])]
        planner = OnCall(people, [], [EscalationSettings(steps=steps)], ["c"], {}, "UTC")
        self.store = AlertStore(folder / "alerts.db", planner)
        self.store.open()
        self.store._db.execute("PRAGMA synchronous = OFF")
        self.said = 0
        self.at_ns = TIME_NS

    def fever(self, n: int, came: Came = Came.TAKEN) -> None:
        self.store.take(n, [(replace(FEVER, key=f"f{n}", gate=f"g{n}"), TIME_NS)], self.at_ns)
        self.tell(came)

    def tell(self, came: Came = Came.TAKEN) -> None:
        self.store.tick(self.at_ns)
        for message in self.store.due(self.at_ns, {"c": Allowance(99, 99)}):
            self.store.record(message, came, "HTTP 200: ok", self.at_ns)

    def say(self, account: str, text: str = "收到", **more: Any) -> Reply | None:
        self.said += 1
        said = Said(f"m{self.said}", (account,), 0, "nick", text)._replace(**more)
        who = Directory(ACCOUNTS | {("c", "desk"): frozenset({"c"})}).who("c", said)
        return self.store.answer("c", who, said, self.at_ns)

    def held_by(self, alert: int) -> str:
        row = self.store.alert(alert)
        assert row is not None
        return row.held_by


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.store.close()


def said_of(reply: Reply | None) -> tuple[Outcome, list[int]]:
    assert reply is not None
    return reply.outcome, [row.id for row in reply.alerts]


def test_who_was_told_acknowledges_and_the_log_says_who_and_by_what(room):
    room.fever(1)
    assert said_of(room.say("u1")) == (Outcome.ACKNOWLEDGED, [1])
    assert room.held_by(1) == "Li"
    line = next(line for line in room.store.log(1) if line.why == "acknowledged")
    assert (line.by, line.text) == ("Li", "c: u1")


def test_who_was_not_told_cannot_and_learns_nothing(room):
    room.fever(1)
    assert said_of(room.say("u2")) == (Outcome.NOTHING, [])
    assert room.say("u2", "收到 1") == Reply(Outcome.NOT_YOURS, account="u2")
    assert room.say("stranger", "收到 1") == Reply(Outcome.STRANGER, account="stranger")
    assert room.say("desk", "全部收到") == Reply(Outcome.NOTHING, account="desk")
    assert room.held_by(1) == ""
    room.at_ns += 5 * MINUTE_NS
    room.tell()
    assert said_of(room.say("u2")) == (Outcome.ACKNOWLEDGED, [1])
    assert said_of(room.say("u1", "收到 1")) == (Outcome.HELD, [1])


def test_an_alert_that_was_told_twice_is_one_and_several_are_asked_for(room):
    room.fever(1)
    assert said_of(room.say("u1", "hello")) == (Outcome.NO_YES, [])
    room.at_ns += MINUTE_NS
    room.fever(2)
    assert said_of(room.say("u1")) == (Outcome.WHICH, [1, 2])
    assert said_of(room.say("u1", "收到 2")) == (Outcome.ACKNOWLEDGED, [2])
    assert said_of(room.say("u1")) == (Outcome.ACKNOWLEDGED, [1])
    assert said_of(room.say("u1", "全部收到")) == (Outcome.NOTHING, [])


def test_a_copy_is_heard_once_and_an_old_answer_takes_nothing_that_it_cannot_have_meant(room):
    room.fever(1)
    assert said_of(room.say("u1", id="same")) == (Outcome.ACKNOWLEDGED, [1])
    assert room.store.reopen(1, "Wang", room.at_ns)
    room.at_ns += 10 * MINUTE_NS
    room.tell()
    assert room.say("u1", id="same") is None
    assert said_of(room.say("u1", age_ns=5 * MINUTE_NS)) == (Outcome.NOTHING, [])
    assert room.held_by(1) == ""
    assert said_of(room.say("u1")) == (Outcome.ACKNOWLEDGED, [1])


def test_whose_account_is_whose_stands_in_the_settings(tmp_path):
    apps = [
        robots.make_dingtalk("http://x", tmp_path, CONTEXT)._settings,
        replace(robots.make_wecom_app("http://x", tmp_path, CONTEXT)._settings, name="w"),
    ]
    people = [
        PersonSettings(
            name="Li", contacts=[ContactSettings(channel="c", to="U1"), ContactSettings(channel="w", to="U1")]
        )
    ]
    directory = directory_of(HubSettings(site="s", channels=apps, people=people))
    assert directory.accounts == {
        ("c", "U1"): {"Li"}, ("c", "u1"): {"c"}, ("w", "u1"): {"Li"}, ("w", "liwei"): {"w"}
    }  # fmt: skip
    desk = make_desk(HubSettings(site="s", data=str(tmp_path), channels=apps, people=people))
    assert desk._site.directory == directory
    assert (desk.called("c"), desk.called("w") is not None) == (None, True)
    assert directory.who("c", Said("m", ("u1",), 0, "李雷")) == (frozenset({"c"}), "李雷 (u1)")
    assert directory.who("c", Said("m", ("on_1", "U1"), 0)) == (frozenset({"Li"}), "Li")


def test_what_was_not_delivered_was_not_read(room):
    room.fever(1, Came.LATER)
    assert said_of(room.say("u1")) == (Outcome.NOTHING, [])


def test_a_button_is_good_for_who_got_the_message(room):
    room.fever(1)
    number = next(line.message for line in room.store.log(1) if line.message)
    assert said_of(room.say("u2", message=number)) == (Outcome.NOT_YOURS, [])
    assert said_of(room.say("u1", message=number + 50)) == (Outcome.NOT_YOURS, [])
    assert said_of(room.say("u1", message=number)) == (Outcome.ACKNOWLEDGED, [1])
    assert said_of(room.say("u1", message=number)) == (Outcome.HELD, [1])
    assert room.store.resolve(1, "Li", room.at_ns)
    assert said_of(room.say("u1", message=number)) == (Outcome.NOTHING, [])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["fever", "u1", "u2", "u1 all", "u2 1", "minute", "resolve"]), max_size=12))
def test_whatever_is_said_nobody_acknowledges_what_they_were_not_told_of(tmp_path_factory, happenings):
    room = Room(tmp_path_factory.mktemp("room"))
    for n, what in enumerate(happenings, 1):
        if what == "fever":
            room.fever(n)
        elif what == "minute":
            room.at_ns += 3 * MINUTE_NS
            room.tell()
        elif what == "resolve":
            for row in room.store.open_alerts():
                room.store.resolve(row.id, "boss", room.at_ns)
        else:
            account, _, rest = what.partition(" ")
            room.say(account, f"收到 {rest}".replace(" all", "全部"))
    told = {(line.alert, line.by) for line in room.store.log() if line.why == "delivered"}
    taken = {(line.alert, line.by) for line in room.store.log() if line.why == "acknowledged"}
    room.store.close()
    assert taken <= told


# -- DingTalk ----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def gateway() -> AsyncIterator[robots.StreamGateway]:
    made = robots.StreamGateway()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def service(gateway: robots.StreamGateway) -> Iterator[ServiceDouble]:
    double = ServiceDouble(gateway.judge)
    double.start()
    yield double
    double.stop()


def thanks(service: ServiceDouble) -> list[tuple[list[str], str]]:
    return [
        (body["userIds"], json.loads(body["msgParam"])["content"])
        for body in service.taken
        if body.get("msgKey") == "sampleText"
    ]


class Talk(Office):
    """A desk whose one channel is DingTalk's app, with Li as u1."""

    def __init__(self, folder: Path, channel: Any) -> None:
        people = [PersonSettings(name="Li", contacts=[ContactSettings(channel="c", to="u1")])]
        planner = OnCall(people, [], [EscalationSettings(steps=[StepSettings(tell=["person:Li"])])], ["c"], {}, "UTC")
        store = AlertStore(folder / "alerts.db", planner)
        self.desk = AlertDesk(store, [channel], Site("s", directory=Directory(ACCOUNTS)), Clocks(lambda: TIME_NS))


async def test_a_page_by_dingtalk_is_acknowledged_by_an_answer_over_its_stream(tmp_path, gateway, service, monkeypatch):
    monkeypatch.setattr(desks, "LISTEN_AGAIN_S", 0.05)
    gateway.refuses = True
    async with Talk(tmp_path, robots.make_dingtalk(service.base, tmp_path, CONTEXT)) as desk:
        await desk.apply([entry(fever(1))])
        await eventually(lambda: desk.open[0].told == "delivered", "the page is sent")
        assert "收到 1" in json.loads(service.taken[0]["msgParam"])["text"]
        gateway.refuses = False
        await eventually(lambda: len(gateway.connections) == 1, "the stream is open")
        at_ms = TIME_NS // 10**6
        await gateway.push("SYSTEM", "ping", {"opaque": "0a1b"}, "p1")
        await gateway.say("u9", "收到", at_ms, "1")
        await gateway.say("", "收到", at_ms, "2")  # from outside of the organisation
        await gateway.connections[-1].send("no json")
        await gateway.say("u1", "收到", at_ms, "old", late_ms=600_000)  # given before the page was sent
        await gateway.say("u1", " 收到 ", at_ms, "3")
        await eventually(lambda: desk.open[0].state == "acknowledged", "it is acknowledged")
        await gateway.say("u1", " 收到 ", at_ms, "3")
        await eventually(lambda: {"p1", "1", "2", "3"} <= set(gateway.acks), "all is said to be taken")
        assert json.loads(gateway.acks["p1"]["data"]) == {"opaque": "0a1b"}
        await gateway.push("SYSTEM", "disconnect", {"reason": "connection is expired"}, "d1")
        await eventually(lambda: len(gateway.connections) == 2, "it connects anew, with a new ticket")
        await eventually(lambda: len(thanks(service)) == 3, "all are answered, and the copy is not")
    assert desk.open[0].held_by == "Li"
    said = sorted(text.partition("\n")[0] for _, text in thanks(service))
    stranger = "值班名单中没有账号 u9，不能受理。请管理员把它填入设置。"
    assert said == sorted([stranger, "已由您受理 1 条:", "没有待受理的警报。"])
    assert {to[0] for to, _ in thanks(service)} == {"u1", "u9"}


async def test_what_the_hub_could_not_write_down_comes_again_over_the_next_connection(
    tmp_path, gateway, service, monkeypatch
):
    monkeypatch.setattr(desks, "LISTEN_AGAIN_S", 0.05)
    broken = AlertStore.answer
    monkeypatch.setattr(AlertStore, "answer", lambda *_: 1 // 0)
    async with Talk(tmp_path, robots.make_dingtalk(service.base, tmp_path, CONTEXT)) as desk:
        await desk.apply([entry(fever(1))])
        await eventually(lambda: desk.open[0].told == "delivered" and bool(gateway.connections), "all is there")
        await gateway.say("u1", "ok", TIME_NS // 10**6, "1")
        await eventually(lambda: len(gateway.connections) > 1, "it connects anew")
        assert "1" not in gateway.acks
        monkeypatch.setattr(AlertStore, "answer", broken)
        await eventually(lambda: desk.open[0].state == "acknowledged", "it is acknowledged")


async def test_a_card_has_a_button_and_whose_message_it_is_may_press_it(tmp_path, gateway, service):
    channel = robots.make_dingtalk(service.base, tmp_path, CONTEXT, cards=True)
    async with Talk(tmp_path, channel) as desk:
        await desk.apply([entry(fever(1))])
        await eventually(lambda: desk.open[0].told == "delivered" and bool(gateway.connections), "all is there")
        card = json.loads(service.taken[0]["cardData"])
        mark = card["contents"][-1]["actions"][0]["id"]
        await gateway.press("u1", "1-forged", "1")
        await gateway.press("u2", mark, "2")
        await eventually(lambda: len(thanks(service)) == 2, "both are answered")
        assert desk.open[0].state == "firing"
        await gateway.press("u1", mark, "3")
        await eventually(lambda: desk.open[0].state == "acknowledged", "it is acknowledged")


@pytest.mark.parametrize("answer", [(200, {}), (200, "<html>captive portal</html>"), (500, {"code": "system"})])
async def test_a_card_that_was_not_taken_is_no_success(tmp_path, service, answer):
    channel = robots.make_dingtalk(service.base, tmp_path, CONTEXT, cards=True)
    service.refusal = answer
    with pytest.raises(DeliveryError) as caught:
        await channel.send(PAGE)
    assert caught.value.retry
    await channel.close()


async def test_an_app_asks_for_its_token_once_and_anew_when_it_is_refused(tmp_path, service):
    channel = robots.make_dingtalk(service.base, tmp_path, CONTEXT)
    await channel.send(PAGE)
    await channel.send(NOTE)
    assert len(service.requests) == 2
    channel._token._token = "expired"
    await channel.send(PAGE)
    assert [request.headers["x-acs-dingtalk-access-token"] for request in service.requests[2:]] == [
        "expired",
        robots.GOOD,
    ]
    await channel.close()


async def test_a_token_is_renewed_before_it_ends_and_one_that_could_not_be_had_lost_no_message():
    asked, at_s = [], [0.0]

    async def ask() -> tuple[str, float]:
        asked.append(1)
        if len(asked) == 3:
            raise DeliveryError("ReadTimeout", retry=True, lost=True)
        return f"t{len(asked)}", 7200.0

    token = Token(ask, lambda: at_s[0])
    assert [await token.get(), await token.get()] == ["t1", "t1"]
    at_s[0] = 7200.0 - BEFORE_END_S
    assert await token.get() == "t2"
    at_s[0] *= 2
    with pytest.raises(DeliveryError) as caught:
        await token.get()
    assert not caught.value.lost


async def test_whom_the_service_knows_no_more_keeps_a_page_from_nobody_else():
    told: list[str] = []

    async def tell(one: str) -> str:
        if one.startswith("left"):
            raise DeliveryError(f"{one} is unknown", retry=one == "left-later")
        told.append(one)
        return f"taken for {one}"

    assert await to_each(["left", "b", "c"], tell) == "taken for c; not to left: left is unknown"
    assert told == ["b", "c"]
    with pytest.raises(DeliveryError, match="left is unknown; left-later is unknown") as refused:
        await to_each(["left", "left-later"], tell)
    assert refused.value.retry


def test_a_person_without_an_account_of_their_own_is_whoever_the_channel_tells(tmp_path):
    settings = HubSettings(
        site="s",
        data=str(tmp_path),
        channels=[
            WeComAppSettings(
                name="wecom", corp_id="c", agent_id=1, secret_file="s", callback_token_file="t", aes_key_file="k",
                to=["Anna"],
            )
        ],
        people=[PersonSettings(name="anna-w", contacts=[ContactSettings(channel="wecom")])],
    )  # fmt: skip
    assert directory_of(settings).accounts["wecom", "anna"] == {"anna-w", "wecom"}
