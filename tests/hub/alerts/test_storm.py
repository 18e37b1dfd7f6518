"""A storm is a handful of messages within what a service allows, and the fever in it is not delayed."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hub.alerts.bundles import WINDOW_S, Allowance, DuePage, Window, bundle
from hub.alerts.chains import AllChannels
from hub.alerts.desk import AlertDesk
from hub.alerts.notifier import Clocks
from hub.alerts.outbox import Message
from hub.alerts.rules import Rule, Signal
from hub.alerts.store import AlertStore
from hub.alerts.texts import headline
from tests.support.events import TIME_NS

S_NS = 10**9
RULES = (Rule.DEVICE_FAULT, Rule.GAP, Rule.UNREGISTERED_VEHICLE, Rule.TAILGATING)


class Group:
    """A robot as DingTalk's: 20 messages a minute."""

    name = "group"
    per_min = 18

    def __init__(self) -> None:
        self.sent: list[Message] = []

    async def send(self, message: Message) -> str:
        self.sent.append(message)
        return "ok"

    async def close(self) -> None:
        """Nothing is held open."""


class Hour:
    """A desk on a clock that is turned by hand."""

    def __init__(self, folder: Path) -> None:
        self.group = Group()
        self.at_s = 0.0
        self.arrived: list[tuple[float, Message]] = []
        store = AlertStore(folder / "alerts.db", AllChannels(("group",)))
        self.desk = AlertDesk(store, [self.group], clocks=Clocks(self.now_ns, lambda: self.at_s))

    def now_ns(self) -> int:
        return TIME_NS + round(self.at_s * 1e9)

    async def turn(self) -> None:
        """Send all that may be sent now."""
        while messages := await self.desk.notifier.turn():
            for message in messages:
                await self.desk.notifier.attempt(message, self.desk.refresh)
                self.arrived.append((self.at_s, message))

    async def hear(self, *signals: Signal) -> None:
        now_ns = self.now_ns()
        await self.desk.run(lambda: self.desk.store.take(1, [(signal, now_ns) for signal in signals], now_ns))


def trouble(number: int, at_ns: int) -> Signal:
    rule, gate = RULES[number % 4], f"gate-{number % 20}"
    return Signal(key=f"{rule}/{number}", rule=rule, site="site", gate=gate, time_ns=at_ns)


def fever(gate: str, at_ns: int) -> Signal:
    return Signal(key=f"fever/{gate}/{at_ns}", rule=Rule.FEVER, site="site", gate=gate, time_ns=at_ns)


async def test_5000_alerts_in_a_minute_are_a_handful_of_messages_and_each_fever_among_them_is_told_at_once(tmp_path):
    hour = Hour(tmp_path)
    await hour.desk.start()
    fevers = {7.0: "gate-3", 31.0: "gate-9", 58.0: "gate-3"}
    for second in range(120):
        hour.at_s = float(second)
        if second < 60:
            numbers = range(second * 5000 // 60, (second + 1) * 5000 // 60)
            await hour.hear(*(trouble(number, hour.now_ns()) for number in numbers))
        if hour.at_s in fevers:
            await hour.hear(fever(fevers[hour.at_s], hour.now_ns()))
        await hour.turn()
    told = [alert.key for _, message in hour.arrived for alert in message.alerts]
    assert len(told) == len(set(told)) == 5003
    assert len(hour.arrived) <= 20
    for start in range(60):
        assert sum(start <= at_s < start + 60 for at_s, _ in hour.arrived) <= hour.group.per_min
    alone = [(at_s, message.alerts[0].gate) for at_s, message in hour.arrived if message.alerts[0].rule == "fever"]
    assert alone == list(fevers.items())
    largest = max((message for _, message in hour.arrived), key=lambda message: len(message.alerts))
    assert len(largest.alerts) > 900
    assert "alerts at 5 places" in headline(largest, "en", "Asia/Shanghai")
    await hour.desk.stop()


async def test_a_storm_of_fevers_at_one_gate_is_told_with_counts_and_the_first_at_once(tmp_path):
    hour = Hour(tmp_path)
    await hour.desk.start()
    for second in range(180):
        hour.at_s = float(second)
        if second < 60:
            await hour.hear(*(fever("north", hour.now_ns() + n) for n in range(5)))
        await hour.turn()
    assert hour.arrived[0][0] == 0.0
    assert sum(len(message.alerts) for _, message in hour.arrived) == 300
    assert len(hour.arrived) <= 2 * hour.group.per_min
    await hour.desk.stop()


async def test_a_restart_in_a_storm_does_not_send_more_than_the_service_allows(tmp_path):
    hour = Hour(tmp_path)
    await hour.desk.start()
    for n in range(18):
        await hour.hear(fever(f"gate-{n}", hour.now_ns()))
        await hour.turn()
    assert len(hour.arrived) == 18
    await hour.desk.stop()
    again = Hour(tmp_path)
    again.at_s = 10.0
    await again.desk.start()
    await again.hear(fever("north", again.now_ns()))
    await again.turn()
    assert again.arrived == []
    again.at_s = WINDOW_S + 1.0
    await again.turn()
    assert len(again.arrived) == 1
    await again.desk.stop()


def test_a_service_that_wants_to_be_left_alone_is(tmp_path):
    window = Window(20)
    window.pause(100.0, 600.0)
    assert window.allowance(699.0) == Allowance(0, 0)
    assert window.free_in_s(100.0) == 600.0
    assert window.allowance(700.0).messages == 20


@given(st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=300), st.integers(1, 20))
def test_in_no_minute_more_is_sent_than_a_service_allows_nor_more_of_the_rest_than_its_share(asked, per_min):
    window, at_s, sent = Window(per_min), 0.0, []
    for pause_s, critical in asked:
        at_s += pause_s
        allowance = window.allowance(at_s)
        if (allowance.messages if critical else allowance.rest) > 0:
            window.sent(at_s, critical=critical)
            sent.append((at_s, critical))
    for start, _ in sent:
        minute = [critical for when, critical in sent if start <= when < start + WINDOW_S]
        assert len(minute) <= per_min
        assert minute.count(False) <= max(1, per_min // 4)


pages = st.builds(
    DuePage, st.integers(1, 10**6), st.integers(1, 99), st.sampled_from(["firing", "resolved"]), st.integers(0, 2),
    st.sampled_from(["Li", "Wang"]), st.just(""), st.none(), st.none() | st.integers(1, 3), st.just(""), st.just(0),
    st.booleans(), st.just("s"), st.sampled_from(["a", "b", "c"]), st.sampled_from(["fever", "gap"]),
)  # fmt: skip


@given(st.lists(pages, max_size=40, unique_by=lambda page: page.id), st.integers(0, 8), st.integers(0, 8))
def test_a_message_has_one_receiver_and_one_kind_and_no_page_is_in_two(due, messages, rest):
    together = bundle(due, Allowance(messages, rest))
    assert len(together) <= messages
    assert sum(not page.critical for group in together for page in group[:1]) <= rest
    for group in together:
        assert len({page.critical for page in group}) == 1
        if group[0].message is None:
            assert len({(page.receiver, page.to, page.kind) for page in group}) == 1
        else:
            assert len({page.message for page in group}) == 1
    ids = [page.id for group in together for page in group]
    assert len(set(ids)) == len(ids)
