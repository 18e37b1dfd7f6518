"""Invariant 1, the short form: killed at random, nothing is lost and nothing comes twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.plant import Size
from tests.chaos.run import run


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_every_event_is_stored_exactly_once_and_in_order_although_everything_is_killed_in_turn(tmp_path: Path):
    size = Size(gates=4, events_per_gate=400, rate_per_s=40.0, seed=20200209)
    findings, kills = run(tmp_path, size, kills=8, quiet_within_s=60)
    assert kills == 8
    assert findings.examples == []
    assert findings.clean
    assert findings.events == 1600
