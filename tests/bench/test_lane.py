"""The bench of a lane measures what it says: a decision for each badge and each screened person."""

from __future__ import annotations

import json

from tests.bench import main


def test_each_badge_and_each_face_is_one_decision(capsys):
    assert main(["lane", "--badges", "3", "--people", "2", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["decisions"] == 5
    assert {"badge_p99_ms", "frame_p99_ms", "p99_ms"} <= set(figures)
