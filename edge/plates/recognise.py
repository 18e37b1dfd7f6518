"""A text recogniser's output, narrowed to what a plate may say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from edge.plates.ctc import Chances
from edge.plates.straighten import strip
from edge.plates.types import Picture

Recognise = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""The network: (1, 3, H, W) BGR from -1 to 1 → softmax over its characters, shape (1, T, characters); 0 is blank."""

_BETWEEN = "·.•-:・。 "
"""What stands between characters and says nothing."""


class Recogniser:
    """A network, its characters in order (the blank's place first), and the height of its input in px."""

    def __init__(self, recognise: Recognise, characters: Sequence[str], height_px: int) -> None:
        self._recognise = recognise
        self._characters = list(characters)
        self._height_px = height_px

    def narrowed(self, alphabet: str) -> Reader:
        """The same for an alphabet. Raises `ValueError` for characters that the network does not know."""
        unknown = [char for char in alphabet if char not in self._characters]
        if unknown:
            raise ValueError(f"the recogniser does not know {''.join(unknown)!r}: expected patterns without them")
        columns = [self._characters.index(char) for char in alphabet]
        silent = [0, *(at for at, char in enumerate(self._characters) if char in _BETWEEN and at)]
        return Reader(self._recognise, np.array(columns), np.array(silent), self._height_px)


class Reader:
    """Reads strips: the chance of each character of an alphabet at each step."""

    def __init__(
        self, recognise: Recognise, columns: NDArray[np.int64], silent: NDArray[np.int64], height_px: int
    ) -> None:
        self._recognise = recognise
        self._columns = columns
        self._silent = silent
        self._height_px = height_px

    def look(self, plate: Picture, width_px: int) -> Chances:
        """Shape (T, 1 + alphabet). Rows sum to less than 1 where the network sees characters outside the alphabet."""
        every = self._recognise(strip(plate, self._height_px, width_px))[0]
        blank = every[:, self._silent].sum(axis=1, keepdims=True)
        return np.concatenate([blank, every[:, self._columns]], axis=1).astype(np.float32)
