"""A month of alerts with faults, the short form: whoever must know is told or the chain goes to its end, once, with
reasons."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.month import Size, live
from tests.chaos.witness import judge


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
async def test_every_alert_that_the_truth_demands_reaches_somebody_once_or_goes_to_the_end_of_its_chain(
    tmp_path: Path, seed: int
):
    world = await live(tmp_path, Size(seed=seed))
    findings = await judge(world)
    assert world.desk is not None
    await world.desk.stop()
    assert sum(findings.faults.values()) == 200
    assert findings.wrong == []
    assert findings.acknowledged > 50
    assert findings.to_the_end > 20
