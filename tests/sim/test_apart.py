"""What is alike is not told apart, what differs is, and the sheet of the blind test does not tell."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from sim import blind
from sim.apart import Frame, auc, told_apart


def frames(seed: int, grain: float) -> list[Frame]:
    draw = np.random.default_rng(seed)
    return [
        Frame(
            cv2.GaussianBlur(draw.normal(25, 1, (80, 60)).astype(np.float32), (0, 0), grain),
            (15, 20, 30, 40),
            f"{seed}-{number // 2}",
        )
        for number in range(24)
    ]


def test_frames_of_one_source_are_not_told_apart_and_those_of_another_texture_are():
    alike = told_apart(frames(1, 1.0), frames(2, 1.0), np.random.default_rng(1))
    strange = told_apart(frames(1, 1.0), frames(2, 1.6), np.random.default_rng(1))
    assert alike.frame_auc < 0.75
    assert alike.face_auc < 0.75
    assert strange.frame_auc > 0.95
    assert strange.face_auc > 0.9
    assert 0.2 < strange.frame_floor_auc < 0.75


@pytest.mark.parametrize(
    ("low", "high", "expected"), [([0.0, 1.0], [2.0, 3.0], 1.0), ([2.0], [1.0], 0.0), ([1.0, 2.0], [1.0, 2.0], 0.5)]
)
def test_auc_is_the_chance_of_the_right_order(low, high, expected):
    assert auc(np.array(low), np.array(high)) == pytest.approx(expected)


def test_a_blind_sheet_holds_ten_of_each_and_its_key_is_in_a_file_of_its_own(tmp_path):
    folders = []
    for kind in blind.KINDS:
        rows = [{"file": f"{number}.png", "recording": str(number)} for number in range(12)]
        (tmp_path / kind).mkdir()
        for row in rows:
            cv2.imwrite(str(tmp_path / kind / row["file"]), np.full((160, 120), 30000, np.uint16))
        folders.append((tmp_path / kind, rows))
    blind.write(tmp_path, folders, seed=1)
    key = json.loads((tmp_path / "mixed-key.json").read_text())
    assert sorted(key.values()) == ["real"] * 10 + ["rendered"] * 10
    first = (tmp_path / "mixed.png").read_bytes()
    blind.write(tmp_path, folders, seed=1)
    assert (tmp_path / "mixed.png").read_bytes() == first
