"""The dead man's switch: any link that breaks stops the beats, and nothing else does."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from hub.alerts.bundles import Allowance
from hub.alerts.chains import AllChannels, Contact, Receiver
from hub.alerts.heartbeat import HeartbeatSettings, Link, Sight, beat, broken
from hub.alerts.outbox import Outcome
from hub.alerts.rules import Rule, Signal
from hub.alerts.store import AlertStore
from tests.support.events import TIME_NS
from tests.support.servers import HttpSink, eventually
from wire.errors import JournalError

GOOD = Sight(
    broker=True, gates_known=3, gates_heard=2, journal_error="", alerts_error="", notifier_idle_s=1.0, untold_s=0.0
)
BROKEN = [
    (GOOD._replace(broker=False), [Link.BROKER]),
    (GOOD._replace(gates_heard=0), [Link.GATES]),
    (GOOD._replace(journal_error="disk full"), [Link.JOURNAL]),
    (GOOD._replace(alerts_error="disk full"), [Link.ALERTS]),
    (GOOD._replace(notifier_idle_s=61.0), [Link.NOTIFIER]),
    (GOOD._replace(untold_s=601.0), [Link.CHANNELS]),
    (Sight(False, 1, 0, "x", "x", 99.0, 999.0), list(Link)),
]
S_NS = 10**9


def test_all_is_well_with_one_gate_silent_and_before_the_first_gate_is_known():
    assert broken(GOOD, 600.0) == []
    assert broken(GOOD._replace(gates_known=0, gates_heard=0), 600.0) == []


@pytest.mark.parametrize(("sight", "links"), BROKEN)
def test_each_link_that_breaks_is_named(sight, links):
    assert broken(sight, 600.0) == links


@pytest.mark.parametrize("sight", [*(sight for sight, _ in BROKEN), None])
async def test_the_beats_stop_while_a_link_is_broken_and_go_on_after_it(http_sink: HttpSink, monkeypatch, sight):
    seen = [GOOD]

    async def look() -> Sight:
        if seen[0] is None:
            raise JournalError("cannot be read")
        return seen[0]

    settings = HeartbeatSettings(url=http_sink.url, every_s=1.0)
    from hub.alerts import heartbeat

    monkeypatch.setattr(heartbeat.asyncio, "sleep", quick(asyncio.sleep))
    task = asyncio.create_task(beat(settings, look))
    await eventually(lambda: len(http_sink.requests) >= 2, "it beats")
    http_sink.status = 500
    await eventually(lambda: len(http_sink.requests) >= 4, "a service that fails is asked again")
    seen[0] = sight
    await asyncio.sleep(0.2)
    count = len(http_sink.requests)
    await asyncio.sleep(0.2)
    assert len(http_sink.requests) == count
    seen[0] = GOOD
    await eventually(lambda: len(http_sink.requests) > count, "it beats again")
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def quick(sleep):
    """The module's waiting, made short; `asyncio.sleep` of the test stays as it is."""
    return lambda seconds: sleep(min(seconds, 0.02) if seconds == 1.0 else seconds)


def test_a_page_that_no_channel_takes_is_seen_and_one_that_waits_for_the_morning_is_not(tmp_path):
    class Sleeper(AllChannels):
        def receivers(self, tell: tuple[str, ...], severity: str, now_ns: int) -> list[Receiver]:
            morning_ns = 0 if severity == "critical" else TIME_NS + 3600 * S_NS
            return [Receiver("Li", (Contact("phone"),), None, morning_ns)]

    store = AlertStore(tmp_path / "alerts.db", Sleeper(("phone",)))
    store.open()
    gap = Signal(key="g", rule=Rule.GAP, site="s", gate="g", time_ns=TIME_NS)
    store.take(1, [(gap, TIME_NS)], TIME_NS)
    assert store.untold_s(TIME_NS + 60 * S_NS) == 0.0
    fever = Signal(key="f", rule=Rule.FEVER, site="s", gate="g", time_ns=TIME_NS)
    store.take(2, [(fever, TIME_NS)], TIME_NS)
    (message,) = store.due(TIME_NS, {"phone": Allowance(9, 9)})
    store.record(message, Outcome.LATER, "down", TIME_NS)
    assert store.untold_s(TIME_NS + 60 * S_NS) == 60.0
    store.record(message, Outcome.TAKEN, "ok", TIME_NS + 61 * S_NS)
    assert store.untold_s(TIME_NS + 62 * S_NS) == 0.0


def test_a_weekly_test_goes_to_every_channel_once_and_never_at_the_first_start(tmp_path):
    store = AlertStore(tmp_path / "alerts.db", AllChannels(("phone", "mail")))
    store.open()
    week_ns = 7 * 86_400 * S_NS
    assert not store.weekly_test(TIME_NS, "test", TIME_NS)
    assert store.weekly_test(TIME_NS + week_ns, "test", TIME_NS + week_ns)
    assert not store.weekly_test(TIME_NS + week_ns, "test", TIME_NS + week_ns + S_NS)
    room = {name: Allowance(9, 9) for name in ("phone", "mail")}
    assert sorted(message.channel for message in store.due(TIME_NS + week_ns, room)) == ["mail", "phone"]
