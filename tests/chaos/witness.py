"""What must be true after the month: the truth, what reached people, and the log, held against each other."""

from __future__ import annotations

from collections import Counter, defaultdict

from msgspec import Struct

from hub.alerts.lifecycle import Why
from hub.alerts.tables import LogLine
from hub.board import AlertRow
from tests.chaos.month import World

_TOLD = {Why.STEP_DUE, Why.END_TOLD}
_PLANNED_S = (0.0, 300.0, 900.0)
_SLACK_S = 1200.0
"""All three channels may be down together for a while, and are tried every five minutes then; steps overdue after a
restart are made up a minute apart. A clock that is wrong by 25 minutes would show."""
_CLOCK_SET_NS = 10**18
"""What is dated before 2001 is of a gate whose clock was not set."""
_ATTEMPTS = {Why.DELIVERED, Why.RETRY, Why.HANDED_OVER}


class Findings(Struct):
    """How much was looked at, and each thing that is wrong in words."""

    alerts: int = 0
    faults: dict[str, int] = {}
    arrivals: int = 0
    acknowledged: int = 0
    to_the_end: int = 0
    """Alerts that nobody acknowledged, whose chain went to its end."""
    doubled: int = 0
    """Messages that came twice because the hub could not know that they had arrived; each under one key."""
    wrong: list[str] = []


async def judge(world: World) -> Findings:
    """Everything that the promises of alerting say of this month."""
    desk = world.desk
    assert desk is not None, "the month ends with the hub running"
    rows = await desk.alerts_after(0, 10**6)
    log = await desk.ask(lambda store, now_ns: store.log(limit=10**9))
    stuck = await desk.ask(lambda store, now_ns: store.audit(frozenset(world.lines), now_ns))
    found = Findings(len(world.wanted), dict(world.faults), len(world.arrivals), len(world.acknowledged))
    by_alert: dict[int, list[LogLine]] = defaultdict(list)
    for line in log:
        if line.alert is not None:
            by_alert[line.alert].append(line)
    if world.heard_twice:
        found.wrong.append(f"{world.heard_twice} answers were heard twice")
    if stuck or any(row.rule == "alert-stuck" for row in rows):
        found.wrong.append("an open alert had no next step")
    _judge_truth(world, rows, by_alert, found)
    _judge_pages(world, found)
    hastened = {line.alert for line in log if line.why is Why.STEP_NOW}
    _judge_times(world, {row.id: row for row in rows if row.id not in hastened}, found)
    _judge_log(world, log, found)
    return found


def _judge_truth(world: World, rows: list[AlertRow], log: dict[int, list[LogLine]], found: Findings) -> None:
    """Every alert that the truth demands is there once, and reached somebody or went up to the end; no late one did."""
    told = {alert.id for arrival in world.arrivals for alert in arrival.message.alerts}
    left = Counter((row.key, row.since_ns) for row in rows)
    ids = {(row.key, row.since_ns): row for row in rows}
    for wanted in world.wanted:
        matching = [key for key in left if _is_it(key, wanted.key, wanted.since_ns) and left[key]]
        if not matching:
            found.wrong.append(f"{wanted.key} at {wanted.since_ns}: no alert")
            continue
        left[matching[0]] -= 1
        row = ids[matching[0]]
        if wanted.late and row.id in told:
            found.wrong.append(f"{row.key}: was too old, and somebody was told")
        if not wanted.late and row.id not in told:
            found.wrong.append(f"{row.key}: reached nobody; {[line.why for line in log[row.id]]}")
        whys = {line.why for line in log[row.id]}
        over = Why.CHAIN_OVER in whys or Why.CAUSE_GONE in whys
        if not wanted.late and row.id not in world.acknowledged:
            found.to_the_end += Why.CHAIN_OVER in whys
            if not over:
                found.wrong.append(f"{row.key}: nobody acknowledged, and its chain stopped")
    besides = ("fever-cluster/", *(["channel-fault/"] if found.faults.get("refuses") else []))
    extra = [key for key, count in left.items() if count and not key[0].startswith(besides)]
    found.wrong += [f"{key}: an alert that nothing demands" for key in extra]


def _is_it(have: tuple[str, int], wanted: str, since_ns: int) -> bool:
    key, at_ns = have
    if at_ns != since_ns:
        return False
    return key == wanted or key.startswith(wanted) or key.endswith(f"/{wanted}")


def _judge_pages(world: World, found: Findings) -> None:
    """Nobody is told of one step twice but where the hub could not know; nobody of a start after the
    acknowledgement."""
    came: Counter[tuple[int, str, int, str]] = Counter()
    keys: dict[tuple[int, str, int, str], set[str]] = defaultdict(set)
    for arrival in world.arrivals:
        message = arrival.message
        for alert in message.alerts:
            what = alert.id, message.kind, message.step, message.receiver
            came[what] += 1
            keys[what].add(message.key)
            at_s = world.acknowledged.get(alert.id)
            if message.kind == "firing" and at_s is not None and arrival.at_s > at_s:
                found.wrong.append(f"alert {alert.id}: {message.receiver} was paged after it was acknowledged")
    for what, times in came.items():
        if times > 1 + world.doubtful[what]:
            found.wrong.append(f"{what}: came {times} times")
        found.doubled += times - 1


def _judge_times(world: World, rows: dict[int, AlertRow], found: Findings) -> None:
    """Steps of what is critical are taken when they are due, whatever the wall clock says or channels do."""
    for arrival in world.arrivals:
        for alert in arrival.message.alerts:
            row, kind, step = rows.get(alert.id), arrival.message.kind, arrival.message.step
            heard_s = world.heard.get(row.since_ns) if row else None
            if row is None or kind != "firing" or row.rule not in {"fever", "gate-silent"} or heard_s is None:
                continue
            if row.since_ns < _CLOCK_SET_NS:
                continue
            took_s = arrival.at_s - heard_s
            down_s = sum(max(0.0, min(until, arrival.at_s) - max(since, heard_s)) for since, until in world.down)
            if took_s > _PLANNED_S[step] + down_s + _SLACK_S:
                found.wrong.append(
                    f"alert {alert.id}: step {step} came after {took_s:.0f} s, {down_s:.0f} of them down"
                )
            if took_s < _PLANNED_S[step] - 1.0 and not down_s:
                found.wrong.append(f"alert {alert.id}: step {step} came after {took_s:.0f} s already")


def _judge_log(world: World, log: list[LogLine], found: Findings) -> None:
    """Every page that reached somebody has its reason in the log, and each attempt what was answered."""
    came = {arrival.message.id for arrival in world.arrivals}
    found.wrong += [
        f"message {line.message}: is delivered by the log, and never came"
        for line in log
        if line.why is Why.DELIVERED and line.message not in came
    ]
    lost = Counter(line.message for line in log if line.why is Why.ANSWER_LOST)
    found.wrong += [
        f"message {message}: {times} answers were lost, and the log says so of {lost[message]}"
        for message, times in world.lost.items()
        if lost[message] < times
    ]
    reasons = {line.page for line in log if line.why in _TOLD}
    attempts = {line.message for line in log if line.why in _ATTEMPTS}
    unsure = {alert for alert, *_ in world.doubtful}
    for arrival in world.arrivals:
        message = arrival.message
        if message.kind != "note" and not set(message.pages) <= reasons:
            found.wrong.append(f"message {message.id}: the log does not say why")
        if message.id not in attempts and not {alert.id for alert in message.alerts} & unsure:
            found.wrong.append(f"message {message.id}: the log does not say what was answered")
