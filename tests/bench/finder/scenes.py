"""Frames to learn from: people in any pose at any place, with hot and cold things that are no faces, and their labels.

Wider than real life on purpose (domain randomisation, Tobin et al., arXiv 1703.06907): what is learnt must not hang on
how well one renderer draws.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from edge.drivers.base import CelsiusImage
from sim import garments
from sim.background import cloud, random_background
from sim.frames import Pose, Posed, View, picture
from sim.hair import hair
from sim.looks import Looks
from sim.sensor import Sensor
from sim.skull import Surface, grid, shape_of, surface

FACE, HEAD, UNSURE = 0, 1, 2
"""What a label is: a face towards the camera, a head that is not, or a case that nobody should learn from."""
_FRONTAL_DEG, _PROFILE_DEG = 36.0, 52.0
_BOWED_DEG = 24.0, 36.0
"""The nod up to which a face is one, and from which it is none."""
_NECK_Y = 0.7
"""Where a head nods about, as `sim.skull` has it."""
_WHOLE, _CUT = 0.90, 0.55
"""The share of a face within the frame from which on it is one, and below which it is not even a head."""
_SKIN_DEG = 78.0
"""Longitudes up to which the front's skin reaches; the ears are beyond."""
_LEAST_PX = 9.0
_POOL = 48
"""So many people are drawn from at a time: a head's texture costs more than a frame."""
_WORN = {"glasses": 0.4, "mask": 0.15, "hat": 0.2, "beard": 0.2, "cosmetics": 0.1, "hot_drink": 0.06, "headlamp": 0.05}
Rng = np.random.Generator


class Label(NamedTuple):
    """A box in pixels (left, top, right, bottom), and what is in it."""

    box: tuple[float, float, float, float]
    kind: int


class Scene(NamedTuple):
    """One frame in °C with its labels."""

    image: CelsiusImage
    labels: list[Label]


class Crowd:
    """People who are exchanged one by one."""

    def __init__(self, draw: Rng) -> None:
        self._people = [somebody(draw) for _ in range(_POOL)]

    def pick(self, draw: Rng) -> Looks:
        self._people[int(draw.integers(_POOL))] = somebody(draw)
        return self._people[int(draw.integers(_POOL))]


def somebody(draw: Rng) -> Looks:
    """Anybody, with anything on."""
    skin_c = float(draw.uniform(30, 38.5))
    apart_c = float(draw.choice([draw.uniform(1.5, 4), draw.uniform(4, 9), draw.uniform(9, 30)], p=[0.3, 0.55, 0.15]))
    shares = {
        "glasses": 0.4,
        "mask": 0.15,
        "hat": 0.2,
        "beard": 0.2,
        "cosmetics": 0.1,
        "hot_drink": 0.06,
        "headlamp": 0.05,
    }
    worn: dict[str, Any] = {name: bool(draw.random() < share) for name, share in shares.items()}
    return Looks(
        seed=int(draw.integers(2**31)),
        skin_c=skin_c,
        head_px=40.0,
        ambient_c=skin_c - apart_c,
        chill=float(draw.uniform(0, 1)),
        hair=str(draw.choice(["bald", "shaved", ""], p=[0.12, 0.18, 0.70])),
        **worn,
    )


def scene(draw: Rng, crowd: Crowd) -> Scene:
    """One frame of 160x120 with nobody, one or several in it."""
    people = [crowd.pick(draw) for _ in range(int(draw.choice(4, p=[0.10, 0.62, 0.2, 0.08])))]
    place = random_background(draw, people[0].ambient_c if people else float(draw.uniform(-5, 33)))
    if draw.random() < 0.5:
        place = replace(place, reference_x=float(draw.uniform(0.02, 0.98)), reference_y=float(draw.uniform(0.3, 1.05)))
    warm_c = people[0].skin_c if people else place.wall_c + float(draw.uniform(3, 10))
    view = View(reference_c=warm_c + float(draw.uniform(-2.5, 4)) if draw.random() < 0.75 else None)
    posed = [Posed(replace(one, ambient_c=place.wall_c), _pose(draw, n)) for n, one in enumerate(people)]
    posed = [one for one in posed if one.looks.skin_c > place.wall_c + 1]
    sensor = _sensor(draw)
    image = picture(view, posed, draw, background=place, sensor=sensor, at_s=float(draw.uniform(0, 60)))
    labels = _labels(view, posed)
    for _ in range(int(draw.choice(5, p=[0.35, 0.25, 0.2, 0.12, 0.08]))):
        _put_thing(image, labels, draw, place.wall_c, warm_c)
    if view.reference_c is not None:
        labels = [_behind_stand(label, place.reference_x, place.reference_y, below=place.below) for label in labels]
    return Scene(image, labels)


def _pose(draw: Rng, number: int) -> Pose:
    """Where and how somebody stands; the first is near more often than not."""
    near = float(np.exp(draw.uniform(math.log(0.45), math.log(1.75))))
    far = float(np.exp(draw.uniform(math.log(0.12), math.log(0.8))))
    kind = draw.choice(["frontal", "turned", "back", "down"], p=[0.56, 0.29, 0.09, 0.06])
    yaw = float(draw.uniform(-32, 32))
    tilt = float(draw.normal(0, 11))
    if kind == "turned":
        yaw = float(draw.choice([-1, 1]) * draw.uniform(40, 130))
    elif kind == "back":
        yaw = float(180 + draw.normal(0, 30))
    elif kind == "down":  # a profile that leans forward
        side = float(draw.choice([-1, 1]))
        yaw, tilt = side * float(draw.uniform(60, 110)), side * float(draw.uniform(15, 60))
    size = far if number and draw.random() < 0.7 else near
    moves = 0.0 if draw.random() < 0.7 else float(draw.uniform(0, 6))
    x = float(draw.uniform(-0.05, 1.05)) if draw.random() < 0.25 else float(draw.uniform(0.18, 0.82))
    nod = float(draw.choice([draw.normal(0, 7), draw.uniform(-25, 60)], p=[0.8, 0.2]))
    return Pose(x, float(draw.normal(0.45, 0.2)), size, yaw, tilt, moves, nod)


def _sensor(draw: Rng) -> Sensor:
    return Sensor(
        seed=int(draw.integers(2**31)),
        shading_sd_c=float(draw.uniform(0, 0.4)),
        vignette_c=float(draw.uniform(0, 1.0)),
        blur_px=float(draw.uniform(0.35, 1.2)),
        gain_sd=float(draw.uniform(0, 0.01)),
        slow_sd_c=float(draw.uniform(0.02, 0.12)),
        fixed_sd_c=float(draw.uniform(0.02, 0.15)),
        swim_sd_c=float(draw.uniform(0, 0.12)),
        white_sd_c=float(draw.uniform(0.001, 0.08)),
        line_sd_c=float(draw.uniform(0.0, 0.05)),
        offset_c=float(draw.normal(0, 2)),
        bad_pixels=int(draw.choice([0, 0, 0, 3])),
    )


def _labels(view: View, posed: list[Posed]) -> list[Label]:
    """Of everybody who is seen; whose face another's head or body hides is nothing to learn from."""
    found: list[Label] = []
    before: list[tuple[float, ...]] = []
    for one in sorted(posed, key=lambda one: -one.pose.size):
        label = _label(view, one)
        unit = one.looks.head_px * view.height / 160 * one.pose.size / 2
        x, y = one.pose.x * view.width, one.pose.y * view.height
        if label is not None:
            hidden = any(covered(label.box, cover) > 0.08 for cover in before)
            found.append(Label(label.box, UNSURE) if hidden else label)
        before += [
            (x - unit, y - 1.4 * unit, x + unit, y + 1.4 * unit),
            (x - 2.5 * unit, y + 1.4 * unit, x + 2.5 * unit, 1e6),
        ]
    return found


def _label(view: View, posed: Posed) -> Label | None:
    """Where the face's skin is, from the hairline to the chin without the ears; of a head that is turned, the head."""
    looks, pose = posed
    yaw = (pose.yaw_deg + 180) % 360 - 180
    frontal = abs(yaw) <= _FRONTAL_DEG and abs(pose.tilt_deg) <= 32
    points = _points(looks, pose, skin=abs(yaw) <= _PROFILE_DEG)
    unit = looks.head_px * view.height / 160 * pose.size / 2
    turn = math.radians(pose.tilt_deg)
    x = unit * (points[:, 0] * math.cos(turn) - points[:, 1] * math.sin(turn)) + pose.x * view.width
    y = unit * (points[:, 0] * math.sin(turn) + points[:, 1] * math.cos(turn)) + pose.y * view.height
    (left, right), (top, bottom) = np.percentile(x, (1.0, 99.0)), np.percentile(y, (0.5, 99.5))
    inside = (x > 0) & (x < view.width) & (y > 0) & (y < view.height)
    seen = float(inside.mean())
    box = (max(0.0, left), max(0.0, top), min(float(view.width), right), min(float(view.height), bottom))
    if seen < 0.15 or right - left < 3:
        return None
    if right - left < _LEAST_PX or seen < _CUT:
        return Label(box, UNSURE)
    if seen < _WHOLE or not frontal or pose.nod_deg > _BOWED_DEG[0]:
        sure = abs(yaw) > _PROFILE_DEG or seen < 0.8 or pose.nod_deg > _BOWED_DEG[1]
        return Label(box, HEAD if sure else UNSURE)
    return Label(box, FACE)


def _points(looks: Looks, pose: Pose, *, skin: bool) -> NDArray[np.float64]:
    """Points of the visible head, in units from its centre, shape (n, 2); with `skin` only of the front's skin."""
    head, is_skin, longitude = _head(looks)
    yaw, nod = math.radians(pose.yaw_deg), math.radians(pose.nod_deg)
    x = head.x * math.cos(yaw) + head.z * math.sin(yaw)
    ahead = head.z * math.cos(yaw) - head.x * math.sin(yaw)
    y = (head.y - _NECK_Y) * math.cos(nod) + ahead * math.sin(nod) + _NECK_Y
    keep = np.cos(np.radians(longitude + pose.yaw_deg)) > 0
    if skin and np.count_nonzero(keep & is_skin) > 20:
        keep = keep & is_skin
    return np.stack([x[keep], y[keep]], axis=1)


@lru_cache(maxsize=2 * _POOL)
def _head(looks: Looks) -> tuple[Surface, NDArray[np.bool_], NDArray[Any]]:
    """A bare head's points, each sixth; whether it is the front's skin, under no hair nor hat; and the longitude."""
    v, a = grid()
    skin = (np.abs(a) <= _SKIN_DEG) & (hair(looks, v, a).share < 0.5)
    if looks.hat:
        skin &= garments.hat(looks, v, a).share < 0.5
    head = surface(shape_of(looks), np.zeros_like(v))
    return Surface(*(axis[::6, ::6] for axis in head)), skin[::6, ::6], a[::6, ::6]


def _behind_stand(label: Label, x: float, y: float, *, below: bool) -> Label:
    """A face that the reference's housing covers is nothing to learn from."""
    up, down = (13.0, 41.0) if not below else (41.0, 13.0)
    stand = (x * 120 - 16.5, y * 160 - up, x * 120 + 16.5, y * 160 + down)
    hidden = covered(label.box, stand)
    if hidden < 0.12:
        return label
    return Label(label.box, UNSURE)


def covered(box: tuple[float, ...], by: tuple[float, ...]) -> float:
    """The share of a box that another covers."""
    wide = min(box[2], by[2]) - max(box[0], by[0])
    high = min(box[3], by[3]) - max(box[1], by[1])
    if wide <= 0 or high <= 0:
        return 0.0
    return wide * high / max(1e-6, (box[2] - box[0]) * (box[3] - box[1]))


def _put_thing(image: CelsiusImage, labels: list[Label], draw: Rng, wall_c: float, skin_c: float) -> None:
    """Something that is no face, in front: a lamp, a cup, a radiator, a screen, a hand, an arm, a cold bottle."""
    height, width = image.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    cx, cy = float(draw.uniform(0, width)), float(draw.uniform(0, height))
    wide, high = float(np.exp(draw.uniform(0.6, 3.6))), float(np.exp(draw.uniform(0.6, 3.6)))
    if draw.random() < 0.4:
        high = wide * float(draw.uniform(1.0, 1.6))  # as a head is
    lean = float(draw.normal(0, 0.4))
    u, v = x - cx + lean * (y - cy), y - cy
    kind = draw.choice(["ellipse", "box", "ball", "cloud", "arm", "hand", "hole"])
    hot = float(draw.choice([draw.uniform(-4, 4), draw.uniform(2, 40)], p=[0.7, 0.3]))
    value: Any = skin_c + hot
    edge = float(draw.uniform(0.8, 3))
    match kind:
        case "box":
            inside = np.minimum(wide - np.abs(u), high - np.abs(v))
            value = value - float(draw.uniform(0, 2)) * (np.sin(v * float(draw.uniform(0.4, 1.5))) > 0)
        case "arm":
            inside = wide / 3 - np.abs(u) + 0 * v
            inside = np.where((v > 0) == bool(draw.random() < 0.8), inside, -9)
        case "hand":
            inside = _hand(draw, u, v, max(4.0, wide))
        case "hole":
            inside = np.minimum(wide, high) * (1 - np.hypot(u / wide, v / high))
            value = wall_c - float(draw.uniform(0, 6))
        case _:
            inside = np.minimum(wide, high) * (1 - np.hypot(u / wide, v / high))
    if kind == "ball":
        value = value - float(draw.uniform(0.5, 5)) * np.hypot(u / wide, v / high) ** 2
    if kind == "cloud" or draw.random() < 0.4:
        value = value + float(draw.uniform(0.3, 1.5)) * cloud(draw, height, width, float(draw.uniform(0.03, 0.3)))
    share = np.clip(inside / edge + 0.5, 0, 1)
    hit = [label for label in labels if _share_hidden(share, label.box) > 0.04]
    if any(label.kind != UNSURE for label in hit) and draw.random() < 0.85:
        return  # most things are beside faces, not before them
    for label in hit:
        labels[labels.index(label)] = Label(label.box, UNSURE)
    image *= 1 - share
    image += (share * value).astype(np.float32)


def _hand(draw: Rng, u: NDArray[np.float32], v: NDArray[np.float32], size: float) -> NDArray[np.float32]:
    palm = size / 2 - np.hypot(u, v * 0.8)
    for number in range(4):
        turn = float(draw.normal(-0.5 + 0.33 * number, 0.1))
        along = -v * math.cos(turn) + u * math.sin(turn)
        across = np.abs(u * math.cos(turn) + v * math.sin(turn))
        palm = np.maximum(palm, np.minimum(size / 7 - across, np.minimum(along, size * 1.1 - along)))
    return np.asarray(palm, np.float32)


def _share_hidden(share: NDArray[Any], box: tuple[float, float, float, float]) -> float:
    left, top, right, bottom = (round(value) for value in box)
    inside = share[max(0, top) : bottom, max(0, left) : right]
    return float(inside.mean()) if inside.size else 0.0
