"""Every channel against a double of its service: what is taken, and that no refusal ever passes for success."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from hub.alerts.channels import KINDS, Context
from hub.alerts.channels.aliyun import authorization
from hub.alerts.channels.base import Channel
from hub.alerts.channels.others import AppriseChannel, AppriseSettings
from hub.alerts.channels.pagerduty import MOST_EVENTS
from hub.alerts.outbox import Message
from hub.alerts.rules import Rule
from hub.board import AlertRow
from tests.support.events import TIME_NS
from tests.support.services import SERVICES, ServiceDouble
from wire.errors import DeliveryError

FEVER = AlertRow(
    7, "k", Rule.FEVER, "critical", "firing", TIME_NS, TIME_NS, 1, "baotou-1", "north", "a", "38.1 ± 0.3 °C"
)
LINK = "https://hub.example/ack/token"
PAGE = Message(id=1, key="menshen-7-firing", channel="c", receiver="Li", alerts=(FEVER,), link=LINK)
NOTE = Message(id=2, key="menshen-note-2", channel="c", receiver="Li", kind="note", text="first line\nsecond line")
REFUSALS = [(kind, n) for kind, service in SERVICES.items() for n in range(len(service.refusals))]


class Line(NamedTuple):
    """A channel and the service at its other end."""

    kind: str
    channel: Channel
    service: ServiceDouble


@pytest.fixture
def kind() -> str:
    return "webhook"


@pytest.fixture
def double(kind: str) -> Iterator[ServiceDouble]:
    double = ServiceDouble(SERVICES[kind].judge)
    double.start()
    yield double
    double.stop()


@pytest.fixture
async def line(kind: str, double: ServiceDouble, tmp_path: Path) -> AsyncIterator[Line]:
    channel = SERVICES[kind].make(double.base, tmp_path, Context("Asia/Shanghai", lambda: TIME_NS / 1e9))
    yield Line(kind, channel, double)
    await channel.close()


def test_each_kind_of_channel_has_its_double_or_a_real_server():
    assert set(SERVICES) | {"smtp"} == set(KINDS)


@pytest.mark.parametrize("kind", SERVICES)
async def test_a_page_is_taken_and_the_channel_says_what_the_service_said(line):
    assert await line.channel.send(PAGE)
    assert len(line.service.taken) == 1
    sent = line.service.requests[-1]
    text = (
        (sent.body.decode() + sent.path).encode().decode("unicode_escape", "replace")
        if not sent.body
        else sent.body.decode()
    )
    for part in ("north", "38.1"):
        assert part in text


@pytest.mark.parametrize("kind", SERVICES)
async def test_starts_ends_acknowledgements_storms_and_notes_are_all_taken(line):
    storm = tuple(replace(FEVER, id=n, gate=f"gate-{n % 7}", detail="x" * 300) for n in range(1, 300))
    held = replace(PAGE, kind="acknowledged", alerts=(replace(FEVER, held_by="李伟"),))
    for message in (
        PAGE,
        replace(PAGE, kind="resolved"),
        held,
        replace(PAGE, alerts=storm),
        NOTE,
        replace(PAGE, lang="en"),
    ):
        assert await line.channel.send(message)
    assert len(line.service.taken) == len(line.service.requests) >= 6


@pytest.mark.parametrize(("kind", "number"), REFUSALS)
async def test_a_refusal_is_never_taken_for_success_and_says_whether_to_try_again(line, number):
    line.service.refusal, retry = SERVICES[line.kind].refusals[number]
    with pytest.raises(DeliveryError) as caught:
        await line.channel.send(PAGE)
    assert caught.value.retry is retry
    line.service.refusal = None
    assert await line.channel.send(PAGE)


@pytest.mark.parametrize("kind", SERVICES)
@pytest.mark.parametrize("fault", ["drop", "status", "down"])
async def test_a_service_that_is_down_is_tried_again(line, fault):
    line.service.drop = fault == "drop"
    if fault == "status":
        line.service.refusal = (503, "unavailable")
    if fault == "down":
        line.service.stop()
    with pytest.raises(DeliveryError) as caught:
        await line.channel.send(PAGE)
    assert caught.value.retry
    assert "token-of-16-chars" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "number", "pause_s"), [("dingtalk", 1, 600.0), ("wecom", 1, 60.0), ("feishu", 2, 30.0)]
)
async def test_a_robot_that_was_asked_too_fast_is_left_alone_for_as_long_as_it_wants(line, number, pause_s):
    line.service.refusal = SERVICES[line.kind].refusals[number][0]
    with pytest.raises(DeliveryError) as caught:
        await line.channel.send(PAGE)
    assert caught.value.pause_s == pause_s


@pytest.mark.parametrize("kind", ["dingtalk", "wecom", "feishu"])
async def test_a_robots_text_says_what_where_when_what_to_do_and_mentions_who_is_on_call(line):
    await line.channel.send(replace(PAGE, to="13800000000"))
    text = json.dumps(line.service.taken[-1], ensure_ascii=False)
    for part in (
        "紧急",
        "发热人员",
        "baotou-1/north/a",
        "2020-02-09 06:13:20",
        "38.1 ± 0.3 °C",
        "接触式体温计",
        LINK,
        "13800000000",
    ):
        assert part in text
    await line.channel.send(replace(PAGE, lang="en", step=2))
    text = json.dumps(line.service.taken[-1], ensure_ascii=False)
    for part in ("critical", "Fever", "Isolate at once", "told for the 3. time"):
        assert part in text


@pytest.mark.parametrize("kind", ["pagerduty"])
async def test_pagerduty_hears_start_acknowledgement_and_end_of_each_alert_under_one_key(line):
    two = (FEVER, replace(FEVER, id=8))
    for told in ("firing", "acknowledged", "resolved"):
        await line.channel.send(replace(PAGE, kind=told, alerts=two))
    events = [(event["event_action"], event["dedup_key"]) for event in line.service.taken]
    keys = ("menshen-baotou-1-7", "menshen-baotou-1-8")
    assert events == [(action, key) for action in ("trigger", "acknowledge", "resolve") for key in keys]


@pytest.mark.parametrize("kind", ["pagerduty"])
async def test_a_storm_is_one_incident_at_pagerduty(line):
    await line.channel.send(replace(PAGE, alerts=(FEVER,) * (MOST_EVENTS + 1)))
    assert [event["dedup_key"] for event in line.service.taken] == ["menshen-7-firing"]


@pytest.mark.parametrize("kind", ["alertmanager"])
async def test_alertmanager_hears_of_the_end_as_a_time_that_has_come(line):
    await line.channel.send(PAGE)
    await line.channel.send(replace(PAGE, kind="resolved"))
    (begun,), (ended,) = line.service.taken
    assert begun["labels"] == ended["labels"]
    assert ended["endsAt"] == "2020-02-08T22:13:20.000+00:00" < begun["endsAt"]


def test_aliyuns_signature_is_that_of_its_documentation():
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com", "x-acs-action": "RunInstances", "x-acs-version": "2014-05-26",
        "x-acs-date": "2023-10-26T10:22:32Z", "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }  # fmt: skip
    query = {"RegionId": "cn-shanghai", "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"}
    signed = authorization("YourAccessKeyId", "YourAccessKeySecret", query, headers)
    assert signed.endswith("Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0")


@pytest.mark.parametrize(
    ("url", "said"),
    [("dingtalk://token", "its own kind"), ("Feishu://t", "its own kind"), ("nonsense", "not an address")],
)
async def test_apprise_is_not_trusted_with_what_it_takes_for_success(tmp_path, url, said):
    (tmp_path / "url").write_text(url)
    channel = AppriseChannel(AppriseSettings(name="a", url_file=str(tmp_path / "url")), Context())
    with pytest.raises(DeliveryError, match=said) as caught:
        await channel.send(PAGE)
    assert not caught.value.retry
