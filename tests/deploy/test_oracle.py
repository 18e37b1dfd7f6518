"""The soak's oracle finds what is wrong in a record, and nothing where nothing is."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location(
    "oracle", Path(__file__).parents[2] / "deploy" / "try" / "oracle.py"
)  # the scripts of deploy/ are no package
assert _SPEC is not None
assert _SPEC.loader is not None
oracle = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(oracle)

LOG = [
    "timestamp=2026-11-26T00:48:27Z level=info event=decision lane=people outcome=deny reasons=\n",  # at the start
    *(f"event=decision lane=people outcome=allow reasons=temperature-normal n={n}\n" for n in range(4)),
]


def row(seq: int, passage: str = "", last: int | None = None, **event: object) -> dict:
    told = {"type": "person-passage", "passage": passage} if passage else event or {"type": "lane-state"}
    return {"urgency": "routine", "epoch": "e", "seq": seq, "last": last or seq, "event": told}


WHOLE = [row(n + 1, f"p{n}") for n in range(4)]


def test_a_whole_record_is_clean():
    verdict = oracle.judge(WHOLE, LOG)
    assert verdict == oracle.Verdict(4, 4, 0, 0, 0, 0, {})
    assert verdict.is_clean(0)


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ([WHOLE[0], *WHOLE[2:]], "holes"),
        ([*WHOLE, WHOLE[3]], "doubled"),
        ([*WHOLE, row(5, "p3")], "doubled"),
        (WHOLE[:3], "unsaid"),
    ],
)
def test_what_is_lost_doubled_or_out_of_order_is_found(rows, wrong):
    verdict = oracle.judge(rows, LOG)
    assert getattr(verdict, wrong) >= 1
    assert not verdict.is_clean(0)


def test_what_is_lost_and_said_is_no_fault_and_a_cut_may_cost_the_decision_of_its_instant():
    said = [*WHOLE[:2], row(3, last=4, type="gap", cause="write-failed", lost=2)]
    assert oracle.judge(said, LOG).is_clean(0)
    assert not oracle.judge(WHOLE[:3], LOG).is_clean(0)
    assert oracle.judge(WHOLE[:3], LOG).is_clean(1)


def test_faults_that_were_told_are_counted_by_kind():
    told = row(1, type="device-state", kind="spool", health="failed")
    well = row(2, type="device-state", kind="spool", health="ok")
    assert oracle.judge([told, well], []).faults_told == {"spool": 1}
