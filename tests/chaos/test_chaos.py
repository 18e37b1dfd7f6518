"""Invariant 1, the short form: whatever fails, and several things at once, nothing is lost and nothing comes twice."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import pytest

from tests.chaos import faults
from tests.chaos.command import Wanted, run
from tests.chaos.faults import Kind

QUICK = tuple(kind for kind in Kind if not kind.startswith(("freeze", "half-open")))
"""What ends by itself within seconds; the others wait for time-outs."""


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_every_event_is_stored_exactly_once_and_in_order_whatever_fails(tmp_path: Path):
    wanted = Wanted(0.16, 20200209, gates=2, rate_per_s=8.0, every_s=9.6 / len(QUICK), kinds=QUICK, at_most_s=4.0)
    report = await run(tmp_path, wanted, print)
    assert report.findings.examples == []
    assert report.is_clean
    assert report.figures["faults"] == len(QUICK) == len(report.figures["faults_by_kind"])
    assert report.findings.events > 40


def test_an_hour_has_more_than_a_thousand_faults_of_every_kind_and_a_seed_always_the_same():
    plan = faults.plan(1, 3600, gates=3)
    assert len(plan) > 1000
    counts = Counter(fault.kind for fault in plan)
    assert set(counts) == set(Kind)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert plan == faults.plan(1, 3600, gates=3) != faults.plan(2, 3600, gates=3)
    overlapping = sum(one.at_s + one.lasts_s > other.at_s for one, other in itertools.pairwise(plan))
    assert overlapping > len(plan) // 2, "several at once"
