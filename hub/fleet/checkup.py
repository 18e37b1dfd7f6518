"""Who of a fleet is there, looked at from beside it: nothing is changed, no lease is taken."""

from __future__ import annotations

from contextlib import closing
from typing import NamedTuple

import psycopg

from hub.fleet.postgres import connect, said, shown
from hub.fleet.shares import LEADER
from wire.errors import JournalError
from wire.findings import Finding, Level, Words

_STATEMENT_S = 3.0
_RUN = Words("menshen hub run, or systemctl start menshen-hub", "menshen hub run，或 systemctl start menshen-hub")


class Crew(NamedTuple):
    """The processes whose lease is not over, by name, how many gates' shares nobody has, and which process leads."""

    alive: tuple[str, ...]
    unowned: int
    leader: str | None


def look(url: str) -> Crew:
    """Raises `JournalError`; a database in which no fleet ever was has nobody."""
    with closing(connect(url, _STATEMENT_S)) as db:
        try:
            if db.execute("SELECT to_regclass('members')").fetchone() == (None,):
                return Crew((), 0, None)
            alive = dict(db.execute("SELECT id, name FROM members WHERE until >= clock_timestamp()").fetchall())
            owners = dict(db.execute("SELECT share, owner FROM shares").fetchall())
        except psycopg.Error as error:
            raise JournalError(f"leases {shown(url)}: {said(error)}") from error
    unowned = sum(owner not in alive for share, owner in owners.items() if share != LEADER)
    return Crew(tuple(sorted(alive.values())), unowned, alive.get(owners.get(LEADER, 0)))


def judge(crew: Crew, name: str) -> list[Finding]:
    """What is wrong with a fleet as the process of that name is to be in it."""
    others = ", ".join(crew.alive) or "–"
    found = []
    if name not in crew.alive:
        text = Words(f"{name} is not among those that work: {others}", f"{name} 不在运行的进程之列：{others}")
        found.append(Finding(Level.FAULT, "fleet", text, _RUN))
    if crew.leader is None:
        text = Words(
            "nobody leads: no console, no alerts, no time series", "没有主进程：控制台、报警与时序数据均未运行"
        )
        do = Words(
            "a process with may_lead must run and be able to lock its data: its log says why it does not",
            "需有 may_lead 的进程在运行并能锁定其数据目录：原因见其日志",
        )
        found.append(Finding(Level.FAULT, "fleet", text, do))
    if crew.unowned and crew.alive:
        text = Words(f"{crew.unowned} shares of gates are nobody's", f"有 {crew.unowned} 份门岗无人负责")
        do = Words("taken within seconds; look again", "数秒内会被接管，请稍后再查")
        found.append(Finding(Level.WARNING, "fleet", text, do))
    if not found:
        text = Words(f"{others} work, {crew.leader} leads", f"运行中：{others}，主进程：{crew.leader}")
        found.append(Finding(Level.GOOD, "fleet", text))
    return found
