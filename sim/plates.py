"""Number plates as a gate's camera sees them: any plate of the mainland, drawn flat, then photographed.

Sizes and gaps in millimetres are those of GA 36-2018 (440x140 mm, 480x140 mm for new energy, 440x220 mm in two rows).
"""

from __future__ import annotations

import csv
import re
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from sim.glyphs import DIGITS, ENDINGS, LETTERS, PROVINCES, glyph
from sim.people import stream

Picture = NDArray[np.uint8]
"""BGR, uint8, shape (H, W, 3)."""
_EDGE_MM, _BOLT_MM = 15.5, 6
_WHITE, _BLACK, _RED = (245, 245, 245), (25, 25, 25), (40, 30, 200)
_COLUMNS = ("file", "plate", "kind", "colour", "all_plates", "source_repo", "licence")


class Kind(StrEnum):
    BLUE = "blue"
    YELLOW = "yellow"
    YELLOW_TWO_ROWS = "yellow-two-rows"
    WHITE = "white"
    BLACK = "black"
    GREEN = "green"
    GREEN_LARGE = "green-large"


class _Style(NamedTuple):
    ground: tuple[int, int, int]
    paint: tuple[int, int, int]
    size_mm: tuple[int, int]


_STYLES = {
    Kind.BLUE: _Style((150, 62, 20), _WHITE, (440, 140)),
    Kind.YELLOW: _Style((20, 185, 240), _BLACK, (440, 140)),
    Kind.YELLOW_TWO_ROWS: _Style((20, 185, 240), _BLACK, (440, 220)),
    Kind.WHITE: _Style(_WHITE, _BLACK, (440, 140)),
    Kind.BLACK: _Style(_BLACK, _WHITE, (440, 140)),
    Kind.GREEN: _Style((120, 200, 90), _BLACK, (480, 140)),
    Kind.GREEN_LARGE: _Style((120, 200, 90), _BLACK, (480, 140)),
}
_SEVEN = re.compile(f"[{PROVINCES}][{LETTERS}][{LETTERS}{DIGITS}]{{4}}[{LETTERS}{DIGITS}{ENDINGS}]")
_EIGHT = re.compile(f"[{PROVINCES}][{LETTERS}](?:[{LETTERS}][{LETTERS}{DIGITS}][0-9]{{4}}|[0-9]{{5}}[{LETTERS}])")


class Box(NamedTuple):
    """Where a character is, in mm."""

    x: float
    y: float
    width: int
    height: int


class Taken(Struct, frozen=True, kw_only=True):
    """How a picture is taken. Angles in degrees; blur in px; `dirt` and `night` from 0 to 1."""

    width_px: float = 180.0
    """Of the plate."""
    tilt_deg: float = 0.0
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    blur_px: float = 0.6
    motion_px: float = 0.0
    dirt: float = 0.0
    night: float = 0.0
    size: tuple[int, int] = (480, 640)
    """(H, W) of the picture."""


class Photo(NamedTuple):
    """A picture, and where the plate's corners are in it: float32 (4, 2), clockwise from the top left."""

    image: Picture
    corners: NDArray[np.float32]


def draw(text: str, kind: Kind = Kind.BLUE) -> Picture:
    """A plate seen straight, one pixel a millimetre. Raises `ValueError` for a text that is no plate of that kind."""
    pattern = _EIGHT if kind in {Kind.GREEN, Kind.GREEN_LARGE} else _SEVEN
    if not pattern.fullmatch(text):
        length = 8 if pattern is _EIGHT else 7
        raise ValueError(f"plate {text!r}: expected {length} characters of a {kind} plate, like {_EXAMPLES[kind]}")
    style = _STYLES[kind]
    width, height = style.size_mm
    image = np.full((height, width, 3), style.ground, np.uint8)
    if kind is Kind.GREEN:
        down = np.linspace(1, 0, height)[:, None, None] ** 1.2
        image = (image * (1 - 0.9 * down) + np.array(_WHITE) * 0.9 * down).astype(np.uint8)
    elif kind is Kind.GREEN_LARGE:
        image[:, :110] = (20, 185, 240)
    cv2.rectangle(image, (4, 4), (width - 5, height - 5), style.paint, 3)
    for character, box in zip(text, boxes(kind), strict=True):
        red = kind is Kind.WHITE and character in ENDINGS
        _stamp(image, character, box, _RED if red else style.paint)
    if kind not in {Kind.YELLOW_TWO_ROWS, Kind.GREEN, Kind.GREEN_LARGE}:
        cv2.circle(image, (134, 70), 5, style.paint, -1, cv2.LINE_AA)
    for x in (110, width - 110):
        for y in (12, height - 12):
            cv2.circle(image, (x, y), _BOLT_MM, (170, 170, 170), -1, cv2.LINE_AA)
            cv2.circle(image, (x, y), _BOLT_MM, (90, 90, 90), 1, cv2.LINE_AA)
    return image


_EXAMPLES = dict.fromkeys(Kind, "京A12345") | {
    Kind.GREEN: "京AD12345",
    Kind.GREEN_LARGE: "京A12345D",
    Kind.WHITE: "京A1234警",
}


def boxes(kind: Kind) -> list[Box]:
    """Where each character of a plate is."""
    if kind in {Kind.GREEN, Kind.GREEN_LARGE}:
        xs = [_EDGE_MM, _EDGE_MM + 54, *(_EDGE_MM + 146 + 52 * number for number in range(6))]
        return [Box(x, 25, 45 if number == 0 else 43, 90) for number, x in enumerate(xs)]
    if kind is Kind.YELLOW_TWO_ROWS:
        upper = [Box(110, 15, 80, 60), Box(250, 15, 80, 60)]
        return upper + [Box(27.5 + 80 * number, 90, 65, 110) for number in range(5)]
    xs = [_EDGE_MM, _EDGE_MM + 57, *(_EDGE_MM + 136 + 57 * number for number in range(5))]
    return [Box(x, 25, 45, 90) for x in xs]


def _stamp(image: Picture, character: str, box: Box, paint: tuple[int, int, int]) -> None:
    left, top = round(box.x), round(box.y)
    mask = glyph(character, box.height, box.width)[..., None] / 255.0
    part = image[top : top + box.height, left : left + box.width]
    part[:] = (part * (1 - mask) + np.array(paint) * mask).astype(np.uint8)


def photograph(plate: Picture, noise: np.random.Generator, taken: Taken) -> Photo:
    """The plate on a car, as a camera takes it. The same generator's state and arguments give the same picture."""
    height, width = taken.size
    corners = _corners(plate, noise, taken)
    scene = _car(noise, corners, height, width)
    worn = _soil(plate, noise, taken.dirt)
    matrix = cv2.getPerspectiveTransform(_flat(plate), corners)
    small = taken.width_px < plate.shape[1]
    if small:  # a warp that shrinks would leave out lines
        worn = np.asarray(cv2.GaussianBlur(worn, (0, 0), 0.35 * plate.shape[1] / taken.width_px), np.uint8)
    shown = cv2.warpPerspective(worn, matrix, (width, height), flags=cv2.INTER_LINEAR)
    mask = cv2.warpPerspective(np.full(plate.shape[:2], 255, np.uint8), matrix, (width, height))[..., None] / 255.0
    lit = scene * (1 - mask) + shown * mask
    return Photo(_expose(lit, noise, taken, corners), corners)


def _flat(plate: Picture) -> NDArray[np.float32]:
    height, width = plate.shape[:2]
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)


def _corners(plate: Picture, noise: np.random.Generator, taken: Taken) -> NDArray[np.float32]:
    """The plate's corners in the picture: turned about its three axes, seen from ten plates' widths away."""
    around = _flat(plate) - np.array(plate.shape[1::-1], np.float32) / 2
    points = np.column_stack([around / plate.shape[1], np.zeros(4)])
    yaw, pitch, roll = np.radians([taken.yaw_deg, taken.pitch_deg, taken.tilt_deg])
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    nod = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    lean = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    x, y, z = (points @ (lean @ nod @ turn).T).T
    away = 10.0
    flat = np.column_stack([x, y]) * (away / (away + z))[:, None] * taken.width_px
    size = np.array(taken.size[::-1], float)
    middle = size * noise.uniform([0.42, 0.5], [0.58, 0.66])
    return np.asarray(flat + middle, np.float32)


def _car(noise: np.random.Generator, corners: NDArray[np.float32], height: int, width: int) -> NDArray[np.float64]:
    """Body and bumper, a dark grille above, the road below; lights at both sides."""
    rows = np.linspace(0, 1, height)[:, None, None]
    body = np.array(_BODIES[int(noise.integers(len(_BODIES)))], float)
    top, bottom = float(corners[:, 1].min()), float(corners[:, 1].max())
    tall = bottom - top
    image = body * (1.1 - 0.5 * rows) * np.ones((height, width, 1))
    road = int(min(height, bottom + 3.2 * tall))
    image[road:] = np.array([95, 98, 100]) + noise.normal(0, 9, (height - road, width, 1))
    grille_top, grille_low = int(max(0, top - 2.4 * tall)), int(max(1, top - 0.5 * tall))
    left, right = int(width * 0.22), int(width * 0.78)
    image[grille_top:grille_low, left:right] = 28
    for row in range(grille_top, grille_low, max(3, int(tall / 5))):
        image[row : row + 2, left:right] = 110
    holder = [int(v) for v in (corners[:, 0].min() - 5, top - 5, corners[:, 0].max() + 5, bottom + 5)]
    image[max(0, holder[1]) : holder[3], max(0, holder[0]) : holder[2]] *= 0.55
    for x in (0.1, 0.9):
        cv2.ellipse(
            image,
            (int(width * x), int(top - tall)),
            (int(width * 0.09), int(tall * 0.9)),
            0,
            0,
            360,
            (215, 222, 225),
            -1,
        )
    grain = cv2.resize(noise.normal(0, 1, (12, 16)), (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
    return np.clip(cv2.GaussianBlur(image, (0, 0), 2.0) + 9 * grain, 0, 255)


_BODIES = ((40, 38, 36), (205, 205, 208), (120, 122, 125), (110, 60, 35), (45, 40, 130), (150, 135, 110))


def _soil(plate: Picture, noise: np.random.Generator, dirt: float) -> Picture:
    """Mud and snow over part of a plate, more towards its lower edge."""
    if dirt <= 0:
        return plate
    height, width = plate.shape[:2]
    patches = cv2.resize(noise.normal(0, 1, (7, 20)), (width, height), interpolation=cv2.INTER_CUBIC)
    lower = np.linspace(-0.6, 0.6, height)[:, None]
    cover = np.clip((patches + lower - 2.2 + 2.6 * dirt) * 0.9, 0, 0.85)[..., None]
    colour = np.array((235, 235, 232) if noise.random() < 0.4 else (70, 88, 104))
    return (plate * (1 - cover) + colour * cover).astype(np.uint8)


def _expose(
    lit: NDArray[np.float64], noise: np.random.Generator, taken: Taken, corners: NDArray[np.float32]
) -> Picture:
    height, width = lit.shape[:2]
    if taken.night:
        lit = lit * (1 - 0.8 * taken.night)
        x, y = np.meshgrid(np.arange(width), np.arange(height))
        for side in (0.1, 0.9):
            away = np.hypot(x - width * side, y - (corners[:, 1].min() - 20))
            lit = lit + (190 * taken.night * np.exp(-away / (0.09 * width)))[..., None]
        lit = (
            lit
            + 70 * taken.night * np.exp(-np.hypot(*(np.stack([x, y]) - corners.mean(0)[:, None, None])) / 90)[..., None]
        )
    if taken.motion_px >= 1:
        length = round(taken.motion_px)
        lit = np.asarray(cv2.filter2D(lit, -1, np.full((1, length), 1 / length)), float)
    if taken.blur_px > 0:
        lit = np.asarray(cv2.GaussianBlur(lit, (0, 0), taken.blur_px), float)
    gain = noise.uniform(0.85, 1.15)
    lit = lit * gain + noise.normal(0, 2.5 + 9 * taken.night, lit.shape)
    image = np.clip(lit, 0, 255).astype(np.uint8)
    _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(noise.integers(55, 92))])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def anyhow(noise: np.random.Generator) -> Taken:
    """A picture as gates have them: mostly by day and straight enough, some at night, dirty, slanted or moving."""
    return Taken(
        width_px=float(noise.uniform(90, 240)),
        tilt_deg=float(noise.normal(0, 4)),
        yaw_deg=float(noise.normal(0, 16)),
        pitch_deg=float(noise.normal(0, 8)),
        blur_px=float(noise.uniform(0.4, 1.4)),
        motion_px=float(noise.uniform(0, 6)) if noise.random() < 0.3 else 0.0,
        dirt=float(noise.uniform(0.1, 0.7)) if noise.random() < 0.3 else 0.0,
        night=float(noise.uniform(0.5, 1.0)) if noise.random() < 0.25 else 0.0,
    )


def any_plate(noise: np.random.Generator) -> tuple[str, Kind]:
    """A plate of some kind, the common ones more often."""
    kind = Kind(noise.choice(list(Kind), p=(0.6, 0.1, 0.05, 0.04, 0.03, 0.12, 0.06)))
    head = str(noise.choice(list(PROVINCES))) + str(noise.choice(list(LETTERS)))
    five = "".join(noise.choice(list(DIGITS * 3 + LETTERS), 5))
    digits = "".join(noise.choice(list(DIGITS), 5))
    if kind is Kind.GREEN:
        return f"{head}{noise.choice(['D', 'F'])}{digits}", kind
    if kind is Kind.GREEN_LARGE:
        return f"{head}{digits}{noise.choice(['D', 'F'])}", kind
    return head + (five[:4] + "警" if kind is Kind.WHITE else five), kind


def write(folder: Path, *, seed: int, count: int) -> None:
    """Write `photos/*.jpg`, `crops/*.png` (94x24) and `plates.csv` with the text of each. Raises `ValueError`."""
    if count < 1:
        raise ValueError(f"{count} plates: expected at least 1")
    noise = stream(seed, "plates")
    for name in ("photos", "crops"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with (folder / "plates.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(_COLUMNS)
        for number in range(count):
            text, kind = any_plate(noise)
            photo = photograph(draw(text, kind), noise, anyhow(noise))
            for name, image in ((f"photos/{number:04d}.jpg", photo.image), (f"crops/{number:04d}.png", crop(photo))):
                cv2.imwrite(str(folder / name), image)
                colour = kind.partition("-")[0]
                table.writerow((name, text, name.partition("/")[0], colour, text, "menshen sim render", "Apache-2.0"))


def crop(photo: Photo, size: tuple[int, int] = (94, 24)) -> Picture:
    """The plate straightened, (width, height) px."""
    target = np.array([[0, 0], [size[0], 0], size, [0, size[1]]], np.float32)
    matrix = cv2.getPerspectiveTransform(photo.corners, target)
    return np.asarray(cv2.warpPerspective(photo.image, matrix, size, flags=cv2.INTER_AREA), np.uint8)
