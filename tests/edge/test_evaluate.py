"""Evaluations print figures that follow from the data, and name data that is not as described."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import menshen
from edge.drivers.replay import ZERO_C_IN_CENTIKELVIN
from sim.frames import Pose, View, reference_place
from sim.people import population
from sim.plates import Kind, Taken, draw, photograph
from sim.recordings import write
from tests.support.pictures import render


def test_faces_are_counted_against_what_was_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    person = population(1, 1)[0]
    x, y = reference_place(View())
    rows = ["file,kind,face_x,face_y,face_w,face_h,face_max_c,blackbody_x_y_r_c"]
    for number, who in enumerate((person, None, person)):
        image = render(View(), who, Pose(0.48, 0.41, 1.0), np.random.default_rng(number))
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.round(image * 100 + ZERO_C_IN_CENTIKELVIN).astype(np.uint16))
        drawn = "40,42,36,48" if number == 0 else "2,2,9,9"
        kind = "face" if who else "empty"
        rows.append(f"{number}.png,{kind},{drawn},{person.skin_c:.2f},{x} {y} 5 35")
    (tmp_path / "frames.csv").write_text("\n".join(rows))
    assert menshen.main(["evaluate", "faces", str(tmp_path), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["faces"], figures["found"], figures["false_positives"]) == (2, 0.5, 0.0)
    assert figures["reference_found"] == 1.0


def test_recordings_are_read_through(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path / "a.npz", seed=1, people=2, fevers=0)
    assert menshen.main(["evaluate", "recordings", str(tmp_path), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["recordings"], figures["people"], figures["measured"]) == (1, 2, 2)
    (tmp_path / "recordings").mkdir()
    (tmp_path / "a.npz").rename(tmp_path / "recordings" / "a.npz")
    assert menshen.main(["evaluate", "recordings", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == figures


def test_a_folder_without_recordings_is_told_instead_of_counted_as_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert menshen.main(["evaluate", "recordings", str(tmp_path), "--json"]) != 0
    assert "no recordings there; expected" in capsys.readouterr().err


def test_plates_are_counted_by_what_was_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for number, (text, width_px) in enumerate((("京A88731", 160), ("沪B683J8", 160), ("川R35779", 66))):
        taken = Taken(width_px=width_px, size=(360, 480))
        photo = photograph(draw(text, Kind.BLUE), np.random.default_rng(number), taken)
        cv2.imwrite(str(tmp_path / f"{number}.png"), photo.image)
    cv2.imwrite(str(tmp_path / "3.png"), np.full((360, 480, 3), 90, np.uint8))
    rows = ["file,plate,kind,colour,all_plates", "0.png,京A88731,photos,blue,京A88731"]
    rows += ["1.png,苏A9YP07,photos,blue,苏A9YP07", "2.png,川R35779,photos,blue,", "3.png,京A88731,photos,yellow,"]
    (tmp_path / "plates.csv").write_text("\n".join([*rows, "9.png,京A88731,crops,blue,"]), "utf-8")
    assert menshen.main(["evaluate", "plates", str(tmp_path), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["photos"], figures["narrower_than_80_px"]) == (3, 1)
    assert (figures["exact"], figures["confident"], figures["confident_wrong"]) == (0.3333, 0.6667, 0.5)
    assert figures["failures"] == {"misread": 1, "no_plate": 1}
    assert figures["by_colour"]["yellow"] == {"photos": 1, "exact": 0.0, "no_plate": 1}
    assert figures["median_ms"] > 0
    assert menshen.main(["evaluate", "plates", str(tmp_path)]) == 0
    assert "1.png: 苏A9YP07 read as 沪B683J8" in capsys.readouterr().out


def test_plates_without_photographs_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "plates.csv").write_text("file,plate,kind,colour,all_plates\n", "utf-8")
    assert menshen.main(["evaluate", "plates", str(tmp_path)]) == 1
    assert "edge/plates/README.md" in capsys.readouterr().err


def test_data_that_is_not_as_described_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert menshen.main(["evaluate", "faces", str(tmp_path)]) == 1
    assert "not as described" in capsys.readouterr().err
