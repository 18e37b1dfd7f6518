"""Rendered recordings are like real ones, and the comparison notices when they are not."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from sim.realism import LEAST_OVERLAP, compare, main, overlap
from sim.recordings import write_set
from wire.errors import MenshenError


def test_overlap_is_one_for_the_same_and_nothing_for_strangers():
    draw, edges = np.random.default_rng(1), np.arange(-4.0, 12.0, 0.5)
    one, far = draw.normal(0, 1, 500), draw.normal(8, 1, 500)
    assert overlap(one, one, edges) == pytest.approx(1.0)
    assert overlap(one, far, edges) < 0.02


def test_a_rendered_set_is_like_another_one_and_the_files_are_written(tmp_path, capsys):
    write_set(tmp_path / "set", seed=8, recordings=4, frames_each=3)
    code = main([str(tmp_path / "set"), "--out", str(tmp_path / "out"), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert code == (0 if report["reached"] else 1)
    assert report["frames_rendered"] >= 8
    assert report["overlaps"]["gradient_log10_c_per_px"] > 0.7
    key = json.loads((tmp_path / "out" / "mixed-key.json").read_text())
    assert set(key.values()) == {"real", "rendered"}
    for name in ("realism.png", "mixed.png"):
        assert cv2.imread(str(tmp_path / "out" / name)) is not None


def test_a_folder_that_holds_no_recordings_is_named(tmp_path):
    with pytest.raises(MenshenError, match="expected"):
        compare(tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_rendered_frames_are_like_real_ones(real_data):
    report = compare(real_data / "thermal")
    assert min(report.overlaps.values()) >= LEAST_OVERLAP, report
    assert report.reached, report
