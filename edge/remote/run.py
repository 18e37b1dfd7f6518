"""Runs the gate, under one configuration after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from edge.agent import Agent
from edge.remote import verdict
from edge.remote.keeper import Configurations
from edge.remote.verdict import Seen
from edge.settings import Gate
from wire.errors import SettingsError

log = structlog.get_logger(__name__)


async def run_gate(configurations: Configurations, make: Callable[[Gate], Agent]) -> None:
    """Until cancelled. Raises `SettingsError` when not even the gate's own file can be used."""
    while True:
        agent = _made(configurations, make)
        if not await _until_another(agent, configurations):
            return


def _made(configurations: Configurations, make: Callable[[Gate], Agent]) -> Agent:
    """An agent; a trial that cannot even be made has failed."""
    while True:
        gate = configurations.begin()
        try:
            return make(gate)
        except SettingsError as error:
            if not configurations.is_trial:
                raise
            configurations.fail(str(error))


async def _until_another(agent: Agent, configurations: Configurations) -> bool:
    """Run the agent until it ends (false), or is to start anew under another configuration."""
    configurations.working = lambda: [name for name, works in agent.cameras.items() if works]
    work = asyncio.create_task(agent.run(), name="agent")
    another = asyncio.create_task(configurations.changed.wait(), name="another configuration")
    judging = asyncio.create_task(_judge(agent, configurations), name="trial")
    try:
        await asyncio.wait([work, another], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (work, another, judging):
            task.cancel()
        await asyncio.gather(work, another, judging, return_exceptions=True)
    if configurations.changed.is_set():
        return True
    work.result()
    return False


async def _judge(agent: Agent, configurations: Configurations) -> None:
    """Confirm a trial, or roll it back."""
    if not configurations.is_trial:
        return
    before = configurations.held.before

    def look() -> str:
        cameras = agent.cameras
        seen = Seen(agent.uplink.hub_answers, frozenset(name for name, works in cameras.items() if works))
        return verdict.missing(seen, before, cameras)

    wrong = await verdict.wait_for(look)
    if wrong:
        await asyncio.to_thread(configurations.fail, wrong)
        configurations.changed.set()
    else:
        await asyncio.to_thread(configurations.confirm)
