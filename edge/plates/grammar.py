"""What a number plate may say: patterns, each with the colours that it comes in and how common it is.

A pattern is written like a small regular expression: characters, classes `[A-HJ-NP-Z]`, and a count after either
(`{5}`, `{4,6}`, `?`). Each becomes a few templates of fixed length, so that reading can follow them character by
character. The Chinese patterns are those of GA 36-2018 and GA 36-2014, and the army's of 2012.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import cached_property

from msgspec import Struct

PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
"""The mainland's 31."""
ENDINGS = "警学港澳挂领"
"""Police, driving schools, Hong Kong and Macau, trailers, consulates; 使 (embassies) stands first instead."""

_MOST_TEMPLATES = 64
_PIECE = re.compile(r"(?:\[([^\]]+)\]|([^\[\]{}?]))(?:\{(\d)(?:,(\d))?\}|(\?))?")


class Colour(StrEnum):
    """The ground of a plate; `UNKNOWN` where light or dirt hide it."""

    BLUE = "blue"
    YELLOW = "yellow"
    GREEN = "green"
    WHITE = "white"
    BLACK = "black"
    UNKNOWN = "unknown"


class Pattern(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of plate: its text, its colours (none: any), and how rare it is against the others (1: not rare).

    `most_letters` bounds the Latin letters after the first two characters, beyond which a text is rarer still;
    `two_rows` says whether its plates may have two rows of characters.
    """

    text: str
    colours: tuple[Colour, ...] = ()
    rarity: float = 1.0
    most_letters: int = 9
    two_rows: bool = False


class Template(Struct, frozen=True):
    """A pattern of one length: the characters allowed at each place."""

    places: tuple[frozenset[str], ...]
    pattern: Pattern


_OFFICIAL = 10.0
"""The letter O, once of police and government, is nearly gone."""
MAINLAND = (
    Pattern(
        text=f"[{PROVINCES}][A-HJ-NP-Z][A-HJ-NP-Z0-9]{{5}}",
        colours=(Colour.BLUE, Colour.YELLOW, Colour.BLACK, Colour.WHITE),
        most_letters=2,
        two_rows=True,
    ),
    Pattern(
        text=f"[{PROVINCES}]O[A-HJ-NP-Z0-9]{{5}}",
        colours=(Colour.BLUE, Colour.WHITE),
        rarity=_OFFICIAL,
        most_letters=2,
    ),
    Pattern(text=f"[{PROVINCES}][A-HJ-NP-Z][A-HJK][A-HJ-NP-Z0-9][0-9]{{4}}", colours=(Colour.GREEN,), most_letters=2),
    Pattern(text=f"[{PROVINCES}][A-HJ-NP-Z][0-9]{{5}}[A-HJK]", colours=(Colour.GREEN, Colour.YELLOW)),
    Pattern(
        text=f"[{PROVINCES}][A-HJ-NP-Z][A-HJ-NP-Z0-9]{{4}}[学挂]",
        colours=(Colour.YELLOW,),
        rarity=10.0,
        most_letters=2,
        two_rows=True,
    ),
    Pattern(
        text=f"[{PROVINCES}][A-HJ-NP-Z][A-HJ-NP-Z0-9]{{4}}警", colours=(Colour.WHITE,), rarity=10.0, most_letters=2
    ),
    Pattern(text="粤Z[A-HJ-NP-Z0-9]{4}[港澳]", colours=(Colour.BLACK,), rarity=10.0, most_letters=2),
    Pattern(text=f"[{PROVINCES}][A-HJ-NP-Z][0-9]{{4}}领", colours=(Colour.BLACK,), rarity=30.0),
    Pattern(text="使[0-9]{6}", colours=(Colour.BLACK, Colour.GREEN), rarity=30.0),
    Pattern(text="[VKHBSLJNGCE][A-HJ-NP-Z][0-9]{5}", colours=(Colour.WHITE,), rarity=100.0),
)
"""Chinese plates of the mainland."""

_TOO_MANY_LETTERS = 100.0
_WRONG_COLOUR = 30.0
_WRONG_ROWS = 300.0


class Grammar:
    """All texts that a plate may bear. Raises `ValueError`, naming the pattern that is none."""

    def __init__(self, patterns: Sequence[Pattern] = MAINLAND) -> None:
        self.templates = [template for pattern in patterns for template in _templates(pattern)]
        if not self.templates:
            raise ValueError("no pattern: expected at least one")
        self.alphabet = "".join(sorted({char for one in self.templates for place in one.places for char in place}))

    @cached_property
    def _allowing(self) -> list[dict[str, int]]:
        """For each place and character the templates that allow it, as bits."""
        longest = max(len(template.places) for template in self.templates)
        table: list[dict[str, int]] = [{} for _ in range(longest)]
        for number, template in enumerate(self.templates):
            for at, place in enumerate(template.places):
                for char in place:
                    table[at][char] = table[at].get(char, 0) | 1 << number
        return table

    def alive(self, prefix: str) -> int:
        """The templates that a text with this beginning may still become, as bits."""
        bits = (1 << len(self.templates)) - 1
        for at, char in enumerate(prefix):
            bits &= self._allowing[at].get(char, 0) if at < len(self._allowing) else 0
        return bits

    def goes_on(self, alive: int, length: int, char: str) -> bool:
        """Whether a prefix of that length, with those templates alive, may be followed by `char`."""
        return length < len(self._allowing) and bool(alive & self._allowing[length].get(char, 0))

    def templates_of(self, text: str) -> Iterator[Template]:
        """The templates that the whole text fits."""
        bits = self.alive(text)
        for number, template in enumerate(self.templates):
            if bits >> number & 1 and len(template.places) == len(text):
                yield template

    def accepts(self, text: str) -> bool:
        return next(self.templates_of(text), None) is not None

    def log_prior(self, text: str, colour: Colour, *, two_rows: bool = False) -> float:
        """How likely the text is before any look: the natural logarithm, up to a constant; -inf for no plate at all."""
        rarest = (_rarity(one.pattern, text, colour, two_rows) for one in self.templates_of(text))
        return -math.log(min(rarest, default=math.inf))


def _rarity(pattern: Pattern, text: str, colour: Colour, two_rows: bool) -> float:
    rare = pattern.rarity * (_WRONG_ROWS if two_rows and not pattern.two_rows else 1.0)
    if sum("A" <= char <= "Z" for char in text[2:]) > pattern.most_letters:
        rare *= _TOO_MANY_LETTERS
    if colour is not Colour.UNKNOWN and pattern.colours and colour not in pattern.colours:
        rare *= _WRONG_COLOUR
    return rare


def _templates(pattern: Pattern) -> Iterator[Template]:
    pieces = list(_pieces(pattern.text))
    counts = [range(least, most + 1) for _, least, most in pieces]
    if math.prod(len(each) for each in counts) > _MOST_TEMPLATES:
        raise ValueError(f"pattern {pattern.text!r}: more than {_MOST_TEMPLATES} lengths; expected a few")
    for chosen in itertools.product(*counts):
        places = [chars for (chars, _, _), count in zip(pieces, chosen, strict=True) for _ in range(count)]
        if places:
            yield Template(tuple(places), pattern)


def _pieces(text: str) -> Iterator[tuple[frozenset[str], int, int]]:
    """The characters of each piece with the least and the most of them."""
    at = 0
    while at < len(text):
        found = _PIECE.match(text, at)
        if found is None:
            raise ValueError(
                f"pattern {text!r}: not understood at {text[at:]!r}; expected characters, [classes], {{n}}, ?"
            )
        members, char, least, most, maybe = found.groups()
        chars = frozenset(_members(members, text) if members else char)
        low = 0 if maybe else int(least or 1)
        high = 1 if maybe else int(most or low)
        if high < low:
            raise ValueError(f"pattern {text!r}: {{{low},{high}}} counts down; expected {{least,most}}")
        yield chars, low, high
        at = found.end()


def _members(members: str, text: str) -> Iterator[str]:
    """The characters of a class; `A-F` is a range."""
    at = 0
    while at < len(members):
        if members[at + 1 : at + 2] == "-" and at + 2 < len(members):
            first, last = members[at], members[at + 2]
            if first > last:
                raise ValueError(f"pattern {text!r}: the range {first}-{last} is empty; expected first to last")
            yield from map(chr, range(ord(first), ord(last) + 1))
            at += 3
        else:
            yield members[at]
            at += 1
