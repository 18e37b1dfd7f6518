"""Reading the recogniser's output under a grammar: prefix beam search, and the exact chance of a text (CTC).

Sources: Graves et al., "Connectionist Temporal Classification", ICML 2006 (the forward variables);
Hannun et al., "First-Pass Large Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent DNNs", 2014
(the prefix beam).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.plates.grammar import Grammar

Chances = NDArray[np.float32]
"""Softmax output, shape (T, 1 + characters): column 0 is the blank, column 1 + i the alphabet's character i."""

_FAINT = 1e-4
"""A character below this chance at a step starts no new prefix there."""
_FLOOR = 1e-9
"""Chances are not below this, so that one step cannot forbid a text for good."""


class _Ends(NamedTuple):
    """The chance of a prefix whose last step is the blank, and whose last step is its last character."""

    blank: float
    letter: float

    @property
    def total(self) -> float:
        return self.blank + self.letter


def candidates(chances: Chances, grammar: Grammar, alphabet: str, width: int) -> list[str]:
    """The likeliest texts of the grammar, best first, at most `width`; none where no text of it was seen at all."""
    beam: dict[str, _Ends] = {"": _Ends(1.0, 0.0)}
    for step in chances.astype(np.float64):
        grown = _grown(beam, step, grammar, alphabet)
        beam = dict(sorted(grown.items(), key=lambda item: -item[1].total)[:width])
    whole = [(text, ends.total) for text, ends in beam.items() if grammar.accepts(text)]
    return [text for text, _ in sorted(whole, key=lambda item: -item[1])]


def _grown(beam: dict[str, _Ends], step: NDArray[np.float64], grammar: Grammar, alphabet: str) -> dict[str, _Ends]:
    """The prefixes after one more step, those alive in the grammar only."""
    blank = float(step[0])
    seen = {alphabet[index - 1]: float(step[index]) for index in np.flatnonzero(step > _FAINT).tolist() if index}
    grown: dict[str, _Ends] = {}
    for prefix, ends in beam.items():
        last = prefix[-1:]
        _add(grown, prefix, _Ends(ends.total * blank, ends.letter * seen.get(last, 0.0)))
        alive = grammar.alive(prefix)
        for letter, chance in seen.items():
            if grammar.goes_on(alive, len(prefix), letter):
                _add(grown, prefix + letter, _Ends(0.0, (ends.blank if letter == last else ends.total) * chance))
    return grown


def _add(beam: dict[str, _Ends], prefix: str, more: _Ends) -> None:
    before = beam.get(prefix)
    beam[prefix] = more if before is None else _Ends(before.blank + more.blank, before.letter + more.letter)


def log_chances(chances: Chances, texts: Sequence[str], alphabet: str) -> NDArray[np.float64]:
    """The natural logarithm of each text's chance, all ways to spell it counted; shape (texts,)."""
    if not texts:
        return np.zeros(0)
    steps = np.log(np.maximum(chances.astype(np.float64), _FLOOR))
    labels = _labels(texts, alphabet)
    skips = np.zeros(labels.shape, bool)
    skips[:, 2:] = (labels[:, 2:] != 0) & (labels[:, 2:] != labels[:, :-2])
    reached = np.full(labels.shape, -np.inf)
    reached[:, :2] = steps[0][labels[:, :2]]
    for step in steps[1:]:
        reached = _advanced(reached, skips) + step[labels]
    rows, ends = np.arange(len(texts)), 2 * np.array([len(text) for text in texts])
    return np.asarray(np.logaddexp(reached[rows, ends], reached[rows, ends - 1]))


def _labels(texts: Sequence[str], alphabet: str) -> NDArray[np.int64]:
    """Each text with blanks around and between its characters, and after its end; shape (texts, 2 * longest + 1)."""
    labels = np.zeros((len(texts), 2 * max(map(len, texts)) + 1), np.int64)
    for row, text in zip(labels, texts, strict=True):
        row[1 : 2 * len(text) : 2] = [alphabet.index(char) + 1 for char in text]
    return labels


def _advanced(reached: NDArray[np.float64], skips: NDArray[np.bool_]) -> NDArray[np.float64]:
    """What may come before each label: itself, the one before, and the one before a blank that may be left out."""
    before = np.full_like(reached, -np.inf)
    before[:, 1:] = reached[:, :-1]
    skipped = np.full_like(reached, -np.inf)
    skipped[:, 2:] = np.where(skips[:, 2:], reached[:, :-2], -np.inf)
    return np.logaddexp(np.logaddexp(reached, before), skipped)
