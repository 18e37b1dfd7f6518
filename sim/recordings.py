"""Recordings that the simulator renders: `.npz` files like a real camera's, and the truth about who is in them.

`write` makes one of people who pass a lane one after the other; `write_set` a whole folder of many places, with single
labelled frames, as real recordings are kept (`edge/thermal/README.md` has the columns).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from msgspec.structs import replace

from edge.drivers.replay import ZERO_C_IN_CENTIKELVIN
from sim.background import Background, random_background
from sim.frames import Pose, Posed, View, face_box, picture, plain_looks, reference_place
from sim.hair import LONG_HAIR, hair_of
from sim.looks import Looks
from sim.people import population, stream
from sim.scene import APPROACH_S, BREAK_S, LEAVE_S, STAND_S, Visit
from sim.sensor import Sensor

FPS = 9.0
COLUMNS = (
    "file",
    "recording",
    "kind",
    "tags",
    "face_x",
    "face_y",
    "face_w",
    "face_h",
    "second_face",
    "face_max_c",
    "blackbody_x_y_r_c",
)
"""Of `frames.csv`."""
_FAR_PX, _SMALL_PX, _CLOSE_PX = 20, 28, 46
_PROFILE_DEG, _QUARTER_DEG, _TILTED_DEG, _COLD = 50.0, 28.0, 12.0, 0.65
_SEEN = 0.85
"""A face is labelled when so much of its box is in the frame."""


def write(
    path: Path,
    *,
    seed: int,
    people: int,
    fevers: int,
    view: View | None = None,
    sensor: Sensor | None = None,
    labelled: Path | None = None,
) -> None:
    """Write a recording of so many people, `fevers` of them feverish, and beside it `.json` with the truth.

    Into the folder `labelled`, if any, go two single frames of each person and one with nobody, and their `frames.csv`.
    Raises `ValueError` when there are more fevers than people, or nobody.
    """
    if not 0 <= fevers <= people or people == 0:
        raise ValueError(
            f"{people} people, {fevers} fevers: expected at least one person, and no more fevers than people"
        )
    view, sensor = view or View(), sensor or Sensor(seed=seed)
    cast = _cast(seed, people, fevers)
    noise = stream(seed, "recording")
    film = _Film(view, Background(), sensor)
    times_s = np.arange(0, cast[-1].end_s + 1.0, 1 / FPS)
    frames = _shoot(film, [_posed(cast, float(t_s)) for t_s in times_s], times_s, noise)
    _save(path, frames, times_s)
    truth = [
        {
            "begin_s": visit.begin_s,
            "end_s": visit.end_s,
            "body_c": visit.person.body_c,
            "skin_c": visit.person.skin_c,
            "glasses": visit.person.glasses,
        }
        for visit in cast
    ]
    path.with_suffix(".json").write_text(json.dumps({"seed": seed, "people": truth}, indent=1))
    if labelled is not None:
        wanted = [0.2] + [visit.begin_s + APPROACH_S + part * STAND_S for visit in cast for part in (0.3, 0.7)]
        rows = []
        for t_s in wanted:
            number = round(t_s * FPS)
            rows.append(_label(labelled, path.stem, number, frames[number], film, _posed(cast, float(times_s[number]))))
        _add_rows(labelled, rows)


class _Film(NamedTuple):
    """Where and with what a recording is made."""

    view: View
    place: Background
    sensor: Sensor


def _posed(cast: list[Visit], t_s: float) -> list[Posed]:
    here = next((visit for visit in cast if visit.begin_s <= t_s < visit.end_s), None)
    return [] if here is None else [Posed(plain_looks(here.person), here.pose(t_s))]


def _shoot(
    film: _Film, stages: Sequence[Sequence[Posed]], times_s: np.ndarray, draw: np.random.Generator
) -> np.ndarray:
    """All frames in centikelvin, uint16 of shape (n, H, W). While the shutter is closed the last frame is repeated."""
    frames: list[np.ndarray] = []
    for posed, t_s in zip(stages, times_s, strict=True):
        if frames and film.sensor.is_frozen(float(t_s)):
            frames.append(frames[-1])
            continue
        image = picture(film.view, posed, draw, background=film.place, sensor=film.sensor, at_s=float(t_s))
        frames.append(np.clip(np.round(image * 100) + ZERO_C_IN_CENTIKELVIN, 0, 65535).astype(np.uint16))
    return np.stack(frames)


def _save(path: Path, frames: np.ndarray, times_s: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, frames=frames, t_s=times_s)


def _cast(seed: int, people: int, fevers: int) -> list[Visit]:
    """Who comes when: the feverish are spread among the others."""
    well, ill = population(seed, people), population(seed, people, fever_share=1.0)
    feverish = set(stream(seed, "cast").permutation(people)[:fevers].tolist())
    each_s = APPROACH_S + STAND_S + LEAVE_S + BREAK_S
    return [
        Visit(begin_s=1.0 + number * each_s, person=ill[number] if number in feverish else well[number])
        for number in range(people)
    ]


def _label(
    folder: Path, recording: str, number: int, frame: np.ndarray, film: _Film, posed: Sequence[Posed]
) -> dict[str, Any]:
    """Write one frame as a picture, and give its row of `frames.csv`."""
    name = f"frames/{recording}_f{number:03d}.png"
    (folder / "frames").mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / name), frame)
    celsius = (frame.astype(np.float32) - ZERO_C_IN_CENTIKELVIN) / np.float32(100)
    near = sorted(posed, key=lambda one: -one.pose.size * one.looks.head_px)
    row: dict[str, Any] = {"file": name, "recording": recording, "kind": _kind(film.view, near), "tags": ""}
    if row["kind"] == "face":
        left, top, width, height = _cut(film.view, face_box(film.view, near[0]))
        inside = np.sort(celsius[top : top + height, left : left + width], axis=None)
        row |= {"face_x": left, "face_y": top, "face_w": width, "face_h": height, "tags": _tags(near)}
        row["face_max_c"] = f"{float(inside[-4:].mean()):.2f}"
        row["second_face"] = " ".join(map(str, face_box(film.view, near[1]))) if len(near) > 1 else ""
    if film.view.reference_c is not None:
        x, y = reference_place(film.view, film.place)
        seen_c = float(celsius[int(np.clip(y, 0, film.view.height - 1)), int(np.clip(x, 0, film.view.width - 1))])
        row["blackbody_x_y_r_c"] = f"{x:.1f} {y:.1f} {film.place.disc_px * film.view.height / 160:.1f} {seen_c:.2f}"
    return row


def _cut(view: View, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """The part of a box that is in the frame."""
    left, top = max(0, box[0]), max(0, box[1])
    right, bottom = min(view.width, box[0] + box[2]), min(view.height, box[1] + box[3])
    return left, top, max(0, right - left), max(0, bottom - top)


def _kind(view: View, near: Sequence[Posed]) -> str:
    if not near:
        return "empty"
    box = face_box(view, near[0])
    _, _, width, height = _cut(view, box)
    scale = view.height / 160
    if width * height == 0:
        return "empty"
    if width * height < _SEEN * box[2] * box[3] or abs(near[0].pose.yaw_deg) >= _PROFILE_DEG:
        return "person-profile-or-back"
    return "person-far" if box[2] < _FAR_PX * scale else "face"


def _tags(near: Sequence[Posed]) -> str:
    looks, pose = near[0]
    wide = looks.head_px * pose.size
    tags = [name for name in ("glasses", "hat", "beard", "mask", "cosmetics") if getattr(looks, name)]
    more = {
        "hair": hair_of(looks) in LONG_HAIR,
        "fringe": hair_of(looks) == "fringe",
        "hot-drink": looks.hot_drink,
        "headlamp": looks.headlamp,
        "cold-skin": looks.chill >= _COLD,
        "three-quarter": abs(pose.yaw_deg) >= _QUARTER_DEG,
        "tilted": abs(pose.tilt_deg) >= _TILTED_DEG,
        "small": wide < _SMALL_PX,
        "close": wide >= _CLOSE_PX,
        "second-person": len(near) > 1,
    }
    return ",".join(tags + [name for name, so in more.items() if so]) or "-"


def _add_rows(folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    table = folder / "frames.csv"
    begun = table.exists()
    with table.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        if not begun:
            writer.writeheader()
        writer.writerows(rows)


def write_set(folder: Path, *, seed: int, recordings: int = 24, frames_each: int = 3) -> None:
    """Write a folder like that of real recordings: so many places with a person each, some with others behind.

    `recordings/*.npz`, each with its truth in `.json`; `frames/*.png` with `frames.csv`. The spread of temperatures,
    sizes, garments and places is that of people at building entrances, seen by Lepton 3.5 cameras.
    """
    table = folder / "frames.csv"
    table.unlink(missing_ok=True)
    for number in range(recordings):
        draw = stream(seed, "set", str(number))
        film = _film(draw)
        looks = [_at_place(one, film) for one in _looks(draw)]
        film = film._replace(place=replace(film.place, wall_c=looks[0].ambient_c))
        times_s = np.arange(0, float(draw.uniform(8, 15)), 1 / FPS)
        stages = _stages(looks, times_s, film.place.reference_x, draw)
        frames = _shoot(film, stages, times_s, draw)
        name = f"sim-{seed}-{number:03d}"
        _save(folder / "recordings" / f"{name}.npz", frames, times_s)
        truth = {"seed": seed, "people": [{**_told(one), "skin_c": one.skin_c} for one in looks]}
        (folder / "recordings" / f"{name}.json").write_text(json.dumps(truth, indent=1))
        picked = [round(len(frames) * part) for part in draw.uniform(0.25, 0.72, frames_each - 1)]
        picked.append(round(len(frames) * float(draw.choice([0.0, 0.0, 0.16, 0.86]))))
        rows = [_label(folder, name, index, frames[index], film, stages[index]) for index in sorted(set(picked))]
        _add_rows(folder, rows)


def _told(looks: Looks) -> dict[str, Any]:
    """What of a person stands in the truth."""
    return {
        **{name: getattr(looks, name) for name in ("seed", "head_px", *_GARMENTS)},
        "hair": hair_of(looks),
        "ambient_c": looks.ambient_c,
    }


_GARMENTS = ("glasses", "mask", "hat", "beard", "cosmetics", "hot_drink", "headlamp")
_GARMENT_SHARES = (0.35, 0.04, 0.10, 0.16, 0.08, 0.03, 0.02)
_REFERENCE_C = (35.1, 1.2)
"""What the reference reads in real recordings: mean and spread between cameras and days."""
_FACE_LEAST_ABOVE_C, _FACE_ABOVE_C = -1.6, (1.6, 0.46)
"""The face's maximum against the reference in the same recordings: more than that by a gamma's shape and scale."""
_FROM_THE_COLD_SHARE = 0.03
_WALL_BELOW_C = (5.95, 0.65)
"""The wall against the face in the same recordings, mean and spread."""
_FACE_PX = (41.0, 6.2)
"""A face's width in the same recordings."""


def _film(draw: np.random.Generator) -> _Film:
    reference_c = float(draw.normal(*_REFERENCE_C))
    sensor = Sensor(
        seed=int(draw.integers(2**31)),
        shading_sd_c=0.08,
        vignette_c=float(draw.uniform(0, 0.2)),
        housing_c=float(draw.uniform(0.4, 1.4)),
        blur_px=float(draw.uniform(0.34, 0.44)),
        halo_share=float(draw.uniform(0.18, 0.3)),
        halo_px=float(draw.uniform(1.3, 2.0)),
        veil_share=float(draw.uniform(0.04, 0.09)),
        slow_s=float(0.55 * 4.5 ** draw.random()),
        slow_sd_c=float(draw.uniform(0.04, 0.06)),
        fixed_sd_c=float(draw.uniform(0.048, 0.07)),
        gain_sd=float(draw.uniform(0.005, 0.012)),
        swim_sd_c=float(draw.uniform(0.03, 0.07)),
        white_sd_c=float(draw.uniform(0.0005, 0.004)),
        step_c=float(draw.uniform(0.0188, 0.0199)),
        shutter_every_s=None if draw.random() < 0.8 else float(draw.uniform(4, 9)),
        between_shutters_c=float(draw.normal(0, 0.1)),
    )
    return _Film(View(reference_c=reference_c), random_background(draw), sensor)


def _looks(draw: np.random.Generator) -> list[Looks]:
    """One person, sometimes a second; temperatures still as differences to the reference.

    Who has long hair has no beard.
    """
    people = 2 if draw.random() < 0.1 else 1
    found = []
    for _ in range(people):
        above_c = float(min(_FACE_LEAST_ABOVE_C + draw.gamma(*_FACE_ABOVE_C), 0.1))
        above_c -= float(draw.uniform(0.4, 1.2)) if draw.random() < _FROM_THE_COLD_SHARE else 0.0
        worn: dict[str, Any] = {
            name: bool(draw.random() < share) for name, share in zip(_GARMENTS, _GARMENT_SHARES, strict=True)
        }
        found.append(
            Looks(
                seed=int(draw.integers(2**31)),
                skin_c=above_c,
                head_px=float(np.clip(draw.normal(*_FACE_PX), 24, 54)),
                ambient_c=above_c - float(np.clip(draw.normal(*_WALL_BELOW_C), 4.0, 8.5)),
                chill=float(np.clip((-0.5 - above_c) / 1.6 + draw.normal(0, 0.15), 0, 1)),
                **worn,
            )
        )
    return [replace(one, beard=one.beard and hair_of(one) not in LONG_HAIR) for one in found]


def _at_place(looks: Looks, film: _Film) -> Looks:
    """With temperatures of that reference; the place's wall is around everybody."""
    reference_c = film.view.reference_c or 35.0
    return replace(looks, skin_c=looks.skin_c + reference_c, ambient_c=looks.ambient_c + reference_c)


def _stages(
    looks: Sequence[Looks], times_s: np.ndarray, reference_x: float, draw: np.random.Generator
) -> list[list[Posed]]:
    """Who is where in each frame: coming from the side or from afar, standing, turning away; a second person behind."""
    first = _walk(times_s, reference_x, draw)
    stages = [[Posed(looks[0], pose)] if pose is not None else [] for pose in first]
    for other in looks[1:]:
        x0, x1, y, size = (float(v) for v in draw.uniform((-0.3, 0.7, 0.36, 0.16), (0.2, 1.3, 0.46, 0.55)))
        for stage, t_s in zip(stages, times_s, strict=True):
            part = float(t_s / times_s[-1])
            stage.append(Posed(other, Pose(x0 + (x1 - x0) * part, y, size, 70.0)))
    return stages


def _walk(times_s: np.ndarray, reference_x: float, draw: np.random.Generator) -> list[Pose | None]:
    """One person's way, None while away: in for a fifth, near for a half, and out to a side."""
    end_s = float(times_s[-1])
    aside = 0.16 if reference_x < 0.5 else -0.16  # nobody stands behind the reference
    x, y = (
        float(np.clip(0.47 + aside + draw.normal(0, 0.10), 0.25, 0.75)),
        float(np.clip(draw.normal(0.50, 0.13), 0.24, 0.74)),
    )
    side, afar = float(draw.choice([-1, 1])), bool(draw.random() < 0.6)
    knots = np.array([0.06, 0.22, 0.5, 0.76, 0.92]) * end_s
    near = float(draw.uniform(0.55, 1.0))
    xs = [x + (0.12 if afar else 0.75) * side, x, x + float(draw.normal(0, 0.03)), x, x - 0.9 * side]
    ys = [y - (0.1 if afar else 0.0), y, y + float(draw.normal(0, 0.02)), y, y]
    sizes = [float(draw.uniform(0.3, 0.5)) if afar else 0.9, near, 1.0, near, 0.95]
    restless = 30.0 if draw.random() < 0.3 else 9.0
    yaws = [0.0 if afar else -60.0 * side, *draw.normal(0, restless, 3), -75.0 * side]
    tilts = np.append(draw.normal(0, 0.45 * restless, 4), 0.0)
    nods = draw.normal(26.0 if draw.random() < 0.12 else -5.0, 0.4 * restless, 5)  # some look at their phone
    poses: list[Pose | None] = []
    for t_s in times_s:
        if not knots[0] <= t_s <= knots[-1]:
            poses.append(None)
            continue
        at = [float(np.interp(t_s, knots, row)) for row in (xs, ys, sizes, yaws, tilts, nods)]
        sway = 0.006 * np.sin(t_s * 1.9) + 0.004 * np.sin(t_s * 3.1)
        before = float(np.interp(t_s - 1 / FPS, knots, xs))
        poses.append(Pose(at[0] + float(sway), at[1], at[2], at[3], at[4], abs(at[0] - before) * 60, at[5]))
    return poses
