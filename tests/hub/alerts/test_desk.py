"""From an event to a person who was told: once, retried until delivered, over restarts and refusals."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from msgspec.structs import replace

from hub.alerts import notifier, outbox
from hub.alerts.bundles import Allowance
from hub.alerts.chains import AllChannels
from hub.alerts.channels import Mail, MailSettings, Webhook, WebhookSettings
from hub.alerts.course import StoreSettings
from hub.alerts.desk import AlertDesk
from hub.alerts.oncall import ContactSettings, EscalationSettings, OnCall, PersonSettings, StepSettings
from hub.alerts.store import AlertStore
from tests.support.events import TIME_NS, fever
from tests.support.journals import entry
from tests.support.servers import HttpSink, SmtpSink, eventually
from wire.events import DeviceKind, DeviceState, Health


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(outbox, "RETRY_FIRST_S", 0.05)


class Office:
    """A desk with its notifier at work."""

    def __init__(self, folder: Path, channels: list[Webhook | Mail], page_within_s: float = 3600.0) -> None:
        names = tuple(channel.name for channel in channels)
        store = AlertStore(folder / "alerts.db", AllChannels(names), StoreSettings(page_within_s=page_within_s))
        self.desk = AlertDesk(store, channels)
        self.task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> AlertDesk:
        self.cursor = await self.desk.start()
        self.task = asyncio.create_task(self.desk.notify())
        return self.desk

    async def __aexit__(self, *_: object) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.desk.stop()


def hook(sink: HttpSink, name: str = "hook", secret: Path | None = None) -> Webhook:
    settings = WebhookSettings(
        name=name, url=sink.url, secret_file=str(secret) if secret else None, timeout_s=1.0, per_min=1000
    )
    return Webhook(settings)


def mailbox(sink: SmtpSink) -> Mail:
    settings = MailSettings(name="mail", host="127.0.0.1", port=sink.port, sender="hub@plant", to=["officer@plant"])
    return Mail(replace(settings, per_min=1000))


def keys(sink: HttpSink) -> list[str]:
    return [json.loads(request.body)["dedup_key"] for request in sink.requests]


def json_of(sink: HttpSink, key: str) -> dict[str, object]:
    bodies = [json.loads(request.body) for request in sink.requests]
    return next(body for body in bodies if body["dedup_key"] == key)


async def test_a_fever_reaches_the_webhook_signed_and_the_mailbox(tmp_path, http_sink, smtp_sink):
    secret = tmp_path / "secret"
    secret.write_text("top secret\n")
    async with Office(tmp_path, [hook(http_sink, secret=secret), mailbox(smtp_sink)]) as desk:
        await desk.apply([entry(fever(1))])
        await eventually(lambda: bool(http_sink.requests and smtp_sink.mails), "both are told")
    request = http_sink.requests[0]
    signed = request.headers["x-menshen-timestamp"].encode() + b"." + request.body
    wanted = hmac.new(b"top secret", signed, hashlib.sha256).hexdigest()
    assert request.headers["x-menshen-signature"] == f"v1={wanted}"
    page = json.loads(request.body)
    assert (page["rule"], page["step"], page["severity"]) == ("fever", "firing", "critical")
    assert request.headers["idempotency-key"] == page["dedup_key"]
    mail = message_from_bytes(smtp_sink.mails[0], policy=default)
    assert "发热人员" in mail["Subject"]
    assert page["dedup_key"] in mail["Message-ID"]
    assert "接触式体温计" in mail.get_content()


@pytest.mark.parametrize("fault", ["status 500", "status 400", "drop", "delay"])
async def test_a_page_is_retried_under_the_same_key_until_it_is_taken(tmp_path, http_sink, fault):
    what, _, number = fault.partition(" ")
    http_sink.drop, http_sink.delay_s = what == "drop", 1.5 if what == "delay" else 0.0
    http_sink.status = int(number or 200)
    async with Office(tmp_path, [hook(http_sink)]) as desk:
        await desk.apply([entry(fever(1))])
        await eventually(lambda: sum("menshen-1-" in key for key in keys(http_sink)) >= 2, "it is tried again")
        assert desk.open[0].told in {"pending", "retrying"}
        http_sink.drop, http_sink.delay_s, http_sink.status = False, 0.0, 200
        await eventually(lambda: desk.open[0].told == "delivered", "it is delivered")
    about_the_fever = {key for key in keys(http_sink) if json_of(http_sink, key).get("rule") != "channel-fault"}
    assert about_the_fever == {"menshen-1-firing"}


@pytest.mark.parametrize("reply", ["451 try later", "550 no such user"])
async def test_a_mail_that_is_refused_is_tried_again(tmp_path, smtp_sink, reply):
    smtp_sink.reply = reply
    async with Office(tmp_path, [mailbox(smtp_sink)]) as desk:
        await desk.apply([entry(fever(1))])
        await eventually(lambda: bool(desk.open) and desk.open[0].told == "retrying", "it is refused")
        smtp_sink.reply = "250 OK"
        await eventually(lambda: any("menshen-1-firing" in str(mail) for mail in smtp_sink.mails), "it is delivered")


async def test_a_dead_channel_does_not_hold_up_another(tmp_path, http_sink, smtp_sink):
    http_sink.delay_s = 5.0
    async with Office(tmp_path, [hook(http_sink), mailbox(smtp_sink)]) as desk:
        await desk.apply([entry(fever(n), offset=n, gate=f"gate-{n}") for n in range(1, 11)])
        await eventually(lambda: len(smtp_sink.mails) == 10, "all mails are delivered", 5)


async def test_a_restart_delivers_what_is_missing_and_nothing_twice(tmp_path, http_sink):
    async with Office(tmp_path, [hook(http_sink)]) as desk:
        await desk.apply([entry(fever(1), offset=1)])
        await eventually(lambda: desk.open[0].told == "delivered", "the first is delivered")
        http_sink.status = 503
        await desk.apply([entry(fever(2), offset=2)])
        await eventually(lambda: len(http_sink.requests) >= 2, "the second is refused")
    http_sink.status = 200
    http_sink.requests.clear()
    office = Office(tmp_path, [hook(http_sink)])
    async with office as desk:
        assert office.cursor == 2
        await eventually(lambda: all(alert.told == "delivered" for alert in desk.open), "the second is delivered")
    assert keys(http_sink) == ["menshen-2-firing"]


async def test_a_backlog_opens_its_alerts_and_pages_nobody(tmp_path, http_sink):
    async with Office(tmp_path, [hook(http_sink)]) as desk:
        await desk.apply([entry(fever(1), late_s=7200), entry(fever(2), offset=2, late_s=1)])
        await eventually(lambda: len(http_sink.requests) == 1, "the fresh one is told")
        assert {alert.told for alert in desk.open} <= {"late", "delivered", "pending"}
        assert len(desk.open) == 2
    assert keys(http_sink) == ["menshen-2-firing"]


async def test_a_fault_is_one_alert_however_often_it_is_told_and_its_end_is_told_too(tmp_path, http_sink):
    fault = DeviceState(time_ns=TIME_NS, device="cam", kind=DeviceKind.THERMAL, health=Health.FAILED)
    async with Office(tmp_path, [hook(http_sink)]) as desk:
        await desk.apply([entry(replace(fault, time_ns=TIME_NS + n), offset=n, seq=n) for n in range(1, 4)])
        assert [(alert.rule, alert.count) for alert in desk.open] == [("device-fault", 3)]
        await desk.apply([entry(replace(fault, time_ns=TIME_NS + 9, health=Health.OK), offset=9, seq=9)])
        assert desk.open == []
        await eventually(lambda: len(http_sink.requests) == 2, "its end is told")
    assert keys(http_sink) == ["menshen-1-firing", "menshen-1-resolved"]


async def test_a_defect_of_one_channel_does_not_stop_another(tmp_path, http_sink, monkeypatch):
    broken = hook(http_sink, "broken")

    async def fails(page):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(broken, "send", fails)
    async with Office(tmp_path, [broken, hook(http_sink)]) as desk:
        await desk.apply([entry(fever(1))])
        await eventually(lambda: desk.open[0].told == "delivered", "the other delivers")


async def test_a_defect_in_a_persons_first_channel_hands_over_to_their_next_at_once(tmp_path, http_sink, monkeypatch):
    broken, good = hook(http_sink, "broken"), hook(http_sink)

    async def fails(_: object) -> str:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(broken, "send", fails)
    office = Office(tmp_path, [broken, good])
    people = [PersonSettings(name="Li", contacts=[ContactSettings(channel=name) for name in ("broken", "hook")])]
    steps = [StepSettings(tell=["person:Li"]), StepSettings(after_min=5, tell=["everybody"])]
    planner = OnCall(people, [], [EscalationSettings(steps=steps)], ["broken", "hook"], {}, "UTC")
    office.desk = AlertDesk(AlertStore(tmp_path / "alerts.db", planner), [broken, good])
    async with office as desk:
        await desk.apply([entry(fever(1))])
        await eventually(lambda: any("menshen-1-" in key for key in keys(http_sink)), "the next one delivers")
        log = await desk.ask(lambda store, _: store.log(1))
    whys = [line.why for line in log]
    assert whys[:3] == ["began", "step-due", "handed-over"]
    assert "step-now" not in whys


async def test_the_log_says_which_attempts_answer_was_lost_and_of_a_refusal_that_none_was(tmp_path, http_sink):
    async with Office(tmp_path, [hook(http_sink)]) as desk:
        http_sink.status = 503
        await desk.apply([entry(fever(1))])
        await eventually(lambda: len(http_sink.requests) >= 1, "it is refused")
        http_sink.drop = True
        refused = len(http_sink.requests)
        await eventually(lambda: len(http_sink.requests) > refused + 1, "its answer is lost")
        http_sink.drop, http_sink.status = False, 200
        await eventually(lambda: desk.open[0].told == "delivered", "it is delivered")
        log = await desk.ask(lambda store, _: store.log(1))
    attempts = [line.why for line in log if line.why in {"retry", "delivered"}]
    lost = [int(line.text.removeprefix("hook #")) for line in log if line.why == "answer-lost"]
    assert lost
    assert 1 not in lost
    assert lost == list(range(min(lost), max(lost) + 1))
    assert max(lost) < len(attempts)


async def test_after_a_hub_that_died_while_it_sent_the_log_says_so_and_it_is_sent_again(tmp_path, http_sink):
    async with Office(tmp_path, []) as desk:
        await desk.apply([entry(fever(1))])
    dead = AlertStore(tmp_path / "alerts.db", AllChannels(("hook",)))
    dead.open()
    dead.reopen(1, "Li", TIME_NS)
    dead.acknowledge(1, "Li", TIME_NS)
    dead.reopen(1, "Li", TIME_NS)
    assert len(dead.due(2**62, {"hook": Allowance(9, 9)})) == 1
    dead.close()
    async with Office(tmp_path, [hook(http_sink)]) as desk:
        await eventually(lambda: desk.open[0].told == "delivered", "it is sent again")
        log = await desk.ask(lambda store, _: store.log(1))
    (line,) = [line for line in log if line.why == "answer-lost"]
    assert line.text == "hook #1: the hub ended before the answer came"
    async with Office(tmp_path, [hook(http_sink)]) as desk:
        log = await desk.ask(lambda store, _: store.log(1))
    assert len([line for line in log if line.why == "answer-lost"]) == 1


async def test_an_alert_that_is_ended_from_the_command_line_leaves_the_board(tmp_path, monkeypatch):
    monkeypatch.setattr(notifier, "IDLE_S", 0.05)
    async with Office(tmp_path, []) as desk:
        await desk.apply([entry(fever(1))])
        other = AlertStore(tmp_path / "alerts.db", AllChannels(()))
        other.open()
        assert other.resolve(desk.open[0].id, "Li", 1)
        await eventually(lambda: desk.open == [], "the board knows")


async def test_a_channel_with_many_pages_and_no_answer_holds_up_no_other(tmp_path, http_sink, smtp_sink):
    http_sink.delay_s = 1.5
    async with Office(tmp_path, [hook(http_sink), mailbox(smtp_sink)]) as desk:
        await desk.apply([entry(fever(n), offset=n, gate=f"gate-{n}") for n in range(1, 151)])
        await eventually(lambda: len(smtp_sink.mails) == 150, "all mails are delivered", 15)


async def test_an_end_waits_until_its_start_was_taken(tmp_path, http_sink):
    http_sink.status = 503
    fault = DeviceState(time_ns=TIME_NS, device="cam", kind=DeviceKind.THERMAL, health=Health.FAILED)
    async with Office(tmp_path, [hook(http_sink)]) as desk:
        await desk.apply([entry(fault, offset=1, seq=1)])
        await desk.apply([entry(replace(fault, health=Health.OK), offset=2, seq=2)])
        await eventually(lambda: len(http_sink.requests) >= 3, "it is refused")
        http_sink.status = 200
        await eventually(lambda: "menshen-1-resolved" in keys(http_sink), "its end is told")
    said = keys(http_sink)
    assert said == ["menshen-1-firing"] * (len(said) - 1) + ["menshen-1-resolved"]


async def test_a_page_for_a_channel_that_is_no_longer_set_up_finds_another_and_that_is_an_alert(tmp_path, http_sink):
    gone = hook(http_sink, "gone")
    http_sink.status = 503
    async with Office(tmp_path, [gone]) as desk:
        await desk.apply([entry(fever(1))])
    http_sink.status = 200
    http_sink.requests.clear()
    async with Office(tmp_path, [hook(http_sink)]):
        await eventually(lambda: len(http_sink.requests) == 2, "the new channel is told")
    pages = {page["rule"]: page for page in map(json.loads, (request.body for request in http_sink.requests))}
    assert pages["fever"]["alert"] == 1
    assert pages["alert-stuck"]["detail"] == "alert 1: fever"


async def test_a_defect_in_what_the_time_of_day_brings_stops_no_page(tmp_path, http_sink, monkeypatch):
    monkeypatch.setattr(AlertStore, "hand_over", lambda store, now_ns: 1 // 0)
    async with Office(tmp_path, [hook(http_sink)]) as desk:
        await asyncio.sleep(0.1)
        await desk.apply([entry(fever(1))])
        await eventually(lambda: len(http_sink.requests) == 1, "it is told")


async def test_a_defect_in_a_turn_of_the_notifier_is_survived(tmp_path, http_sink, monkeypatch):
    monkeypatch.setattr(notifier, "UNWRITTEN_S", 0.01)
    broken = AlertStore.tick
    monkeypatch.setattr(AlertStore, "tick", lambda store, now_ns: 1 // 0)
    async with Office(tmp_path, [hook(http_sink)]) as desk:
        await desk.apply([entry(fever(1))])
        await asyncio.sleep(0.1)
        assert http_sink.requests == []
        monkeypatch.setattr(AlertStore, "tick", broken)
        await eventually(lambda: len(http_sink.requests) == 1, "it is told")
