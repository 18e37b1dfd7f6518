"""A picture of a vehicle in, its plate's text out, or None with the reason.

Find the plate, find its corners again close up, see it straight on, let two independent recognisers look, and judge
the texts that either may have seen by the grammar, the colour and the chance that each look gives them. The confidence
is calibrated: `README.md` tells on what, and how well it held on photographs that it was not fitted on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.plates.colour import colour_of
from edge.plates.ctc import Chances, candidates, log_chances
from edge.plates.find import Detect, find_plates, look_closer
from edge.plates.grammar import Colour, Grammar
from edge.plates.recognise import Recogniser
from edge.plates.settings import PlateSettings
from edge.plates.straighten import Margin, may_have_two_rows, one_row, straight, two_rows
from edge.plates.types import AnyPicture, Found, Picture, PlateReading, Why


class Models(NamedTuple):
    """The three networks (`edge.plates.models` loads them): one finds, two read, the better reader first."""

    detect: Detect
    first: Recogniser
    second: Recogniser


class _Glance(NamedTuple):
    """One look of one recogniser; `weight` is how much its word counts."""

    second: bool
    margin: Margin
    width_px: int
    weight: float


_PLAIN = Margin(0, 0)
_FIRST_PAIR = (_Glance(False, Margin(8, 6), 192, 1.0), _Glance(True, Margin(8, 6), 192, 0.5))
_SECOND_PAIR = (_Glance(False, Margin(20, 4), 160, 1.0), _Glance(True, Margin(14, 10), 160, 0.5))
_BEAM = 12
_LEAST = -8.0
"""A look says no less of a text (the logarithm of its chance): one alone cannot forbid it."""
_FINDER_SURE = 0.5
_RIVAL_WIDTH = 0.6
"""Another plate is read instead of the first only if it is at least so wide beside it: not the car in the queue."""
_DISAGREEING = 0.5
"""Taken from the score where the looks, each for itself, would have read different texts."""
_SCORES = (-8.0, -5.0, -3.5, -2.5, -1.9, -1.5, -1.2, -0.9, -0.5, 0.0)
_RIGHT = (0.05, 0.35, 0.58, 0.72, 0.9, 0.94, 0.985, 0.99, 0.995, 0.999)
"""The calibration: the share of texts that were right at a score, on photographs made worse on purpose (README.md)."""


class _Look(NamedTuple):
    chances: Chances
    weight: float


class _Judged(NamedTuple):
    text: str
    confidence: float
    agreed: bool


class PlateReader:
    """Reads plates in pictures, one by one; keeps nothing between them. Raises `ValueError` for impossible patterns."""

    def __init__(self, models: Models, settings: PlateSettings | None = None) -> None:
        self.settings = settings or PlateSettings()
        self._grammar = Grammar(self.settings.patterns)
        self._detect = models.detect
        self._readers = {
            False: models.first.narrowed(self._grammar.alphabet),
            True: models.second.narrowed(self._grammar.alphabet),
        }

    def read(self, image: AnyPicture) -> PlateReading:
        """The nearest vehicle's plate; any shape and type is taken, what is no picture is unread."""
        picture = as_picture(image)
        if picture is None:
            return PlateReading(None, reasons=(Why.NO_PICTURE,))
        found = self._find(picture)
        if not found:
            return PlateReading(None, reasons=(Why.NO_PLATE,))
        best = self._read(picture, found[0])
        for rival in found[1:2]:
            if best.confidence < self.settings.sure_confidence and rival.width_px >= _RIVAL_WIDTH * found[0].width_px:
                best = max(best, self._read(picture, rival), key=lambda reading: reading.confidence)
        return best

    def _find(self, picture: Picture) -> list[Found]:
        """Plates, the nearest of the sure ones first."""
        found = find_plates(picture, self._detect, self.settings.longest_px)
        larger = max(picture.shape) > self.settings.longest_px < self.settings.far_longest_px
        if larger and max((each.score for each in found), default=0.0) < _FINDER_SURE:
            found += find_plates(picture, self._detect, self.settings.far_longest_px)
        return sorted(found, key=lambda each: -each.score * each.width_px)

    def _read(self, picture: Picture, rough: Found) -> PlateReading:
        found = look_closer(picture, rough, self._detect)
        colour = colour_of(straight(picture, found.corners, _PLAIN))
        where = PlateReading(
            None, 0.0, colour, tuple((float(x), float(y)) for x, y in found.corners), round(found.width_px, 1)
        )
        if found.width_px < self.settings.least_width_px:
            return _unread(where, Why.TOO_SMALL)
        judged = self._judge(picture, found, colour)
        if judged is None:
            return _unread(where, Why.NO_TEXT)
        reasons = (() if judged.agreed else (Why.DISAGREEING,)) + (
            () if judged.confidence >= self.settings.sure_confidence else (Why.UNSURE,)
        )
        told = judged.text if judged.confidence >= self.settings.least_confidence else None
        return PlateReading(told, judged.confidence, colour, where.corners, where.width_px, reasons)

    def _judge(self, picture: Picture, found: Found, colour: Colour) -> _Judged | None:
        """As one row first; as two where the plate is so tall that it may have them."""
        judged = self._judge_rows(picture, found, colour, in_two=False)
        if may_have_two_rows(found) and (judged is None or judged.confidence < self.settings.sure_confidence):
            other = self._judge_rows(picture, found, colour, in_two=True)
            if judged is None or (other is not None and other.confidence > judged.confidence):
                return other
        return judged

    def _judge_rows(self, picture: Picture, found: Found, colour: Colour, *, in_two: bool) -> _Judged | None:
        looks: list[_Look] = []
        judged: _Judged | None = None
        for pair in (_FIRST_PAIR, _SECOND_PAIR):
            looks += [self._look(picture, found, glance, in_two) for glance in pair]
            judged = self._weigh(looks, colour, in_two)
            if judged is not None and judged.confidence >= self.settings.sure_confidence:
                break
        return judged

    def _look(self, picture: Picture, found: Found, glance: _Glance, in_two: bool) -> _Look:
        """What a recogniser sees of the rows, one behind the other."""
        if in_two:
            rows = two_rows(picture, found.corners, glance.margin)
        else:
            rows = one_row(picture, found.corners, glance.margin, glance.width_px)
        reader = self._readers[glance.second]
        return _Look(np.concatenate([reader.look(row.seen, row.width_px) for row in rows]), glance.weight)

    def _weigh(self, looks: Sequence[_Look], colour: Colour, in_two: bool) -> _Judged | None:
        """The text that all looks together make likeliest."""
        alphabet = self._grammar.alphabet
        found = (text for look in looks for text in candidates(look.chances, self._grammar, alphabet, _BEAM))
        texts = list(dict.fromkeys(found))
        if not texts:
            return None
        prior = np.array([self._grammar.log_prior(text, colour, two_rows=in_two) for text in texts])
        each = np.array([np.maximum(_LEAST, log_chances(look.chances, texts, alphabet)) for look in looks])
        weights = np.array([look.weight for look in looks])
        seen = weights @ each / weights.sum()
        best = int(np.argmax(seen + prior))
        agreed = bool(np.all(np.argmax(each + prior, axis=1) == best))
        score = _score(seen, prior, best) - (0.0 if agreed else _DISAGREEING)
        return _Judged(texts[best], float(np.interp(score, _SCORES, _RIGHT)), agreed)


def _score(seen: NDArray[np.float64], prior: NDArray[np.float64], best: int) -> float:
    """The logarithm of the looks' mean chance of the text times its share among all texts that they may have seen."""
    joint = seen + prior
    return float(seen[best] + joint[best] - np.logaddexp.reduce(joint))


def _unread(where: PlateReading, why: Why) -> PlateReading:
    return PlateReading(None, 0.0, where.colour, where.corners, where.width_px, (why,))


def as_picture(image: AnyPicture) -> Picture | None:
    """A picture as the networks want it (BGR, uint8, contiguous); None for what is none."""
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[2] not in {1, 3, 4} or min(image.shape[:2]) < _LEAST_SIDE_PX:
        return None
    if image.dtype == np.uint16:
        image = image >> 8
    elif image.dtype.kind == "f":
        known = np.nan_to_num(image)
        image = np.clip(known, 0, 1) * 255 if known.max() <= 1 else np.clip(known, 0, 255)
    elif image.dtype != np.uint8:
        return None
    three = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image[..., :3]
    return np.ascontiguousarray(three, np.uint8)


_LEAST_SIDE_PX = 32
