"""Wiegand: the bits of a card, their parity, and the number in them. Pure.

Two wires rest high; a pulse on D0 is a 0, one on D1 a 1. Pulses last some 50 µs and come about every 2 ms; a silence
ends the card (Security Industry Association, AC-01, the 26-bit format).
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

Layout = Annotated[str, Meta(pattern=r"^[EOFN.]{4,128}$")]
LAYOUTS = {
    "26": "E" + "F" * 8 + "N" * 16 + "O",
    "34": "E" + "F" * 16 + "N" * 16 + "O",
}
"""The usual two: even parity over the first half, facility, number, odd parity over the second half."""
MAX_BITS = 128


class ParityRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One parity bit: with it, the number of ones among the bits `first` to `last` is even or odd."""

    bit: Annotated[int, Meta(ge=0, lt=MAX_BITS)]
    """Where the parity bit stands, counted from 0."""
    kind: Literal["even", "odd"]
    """What the ones must be in number."""
    first: Annotated[int, Meta(ge=0, lt=MAX_BITS)]
    """The first bit that it covers."""
    last: Annotated[int, Meta(ge=0, lt=MAX_BITS)]
    """The last bit that it covers."""

    def holds(self, bits: str) -> bool:
        covered = bits[self.first : self.last + 1]
        ones = covered.count("1") + (0 if self.first <= self.bit <= self.last else bits[self.bit].count("1"))
        return ones % 2 == (self.kind == "odd")


class WiegandFormat(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many bits, what each means, and how the number is written."""

    format: Literal["26", "34", "custom"] = "26"
    """The bits of a card; `custom` takes `layout` and `parity`."""
    layout: Layout | None = None
    """One letter a bit: E even parity, O odd parity, F facility, N number, . of no use."""
    parity: tuple[ParityRule, ...] = ()
    """What each parity bit of `layout` covers; left out, E covers the first half and O the second."""
    number_as: Literal["decimal", "hex", "facility-number"] = "decimal"
    """Facility and number as one decimal figure, as hex digits, or apart as in `123-04567`."""

    def __post_init__(self) -> None:
        if (self.format == "custom") != (self.layout is not None):
            raise ValueError("`layout` belongs to format 'custom', which needs one")
        if "N" not in self.bits_layout:
            raise ValueError("`layout` has no number: expected at least one N")
        if self.parity and self.layout is None:
            raise ValueError("`parity` belongs to format 'custom'; 26 and 34 bits have their own")
        size = len(self.bits_layout)
        for rule in self.parity:
            if max(rule.bit, rule.first, rule.last) >= size or rule.first > rule.last:
                raise ValueError(f"`parity` of bit {rule.bit} reaches beyond the {size} bits of `layout`")
        ruled = {rule.bit: rule.kind[0].upper() for rule in self.rules}
        for bit, letter in enumerate(self.bits_layout):
            if ruled.get(bit, "-") != (letter if letter in "EO" else "-"):
                raise ValueError(
                    f"bit {bit} of `layout` is {letter}: `parity` must say what each E (even) and O (odd) covers"
                )

    @property
    def bits_layout(self) -> str:
        return self.layout or LAYOUTS[self.format]

    @property
    def rules(self) -> tuple[ParityRule, ...]:
        """The parity rules, written or usual."""
        return self.parity or _usual_rules(self.bits_layout)

    def number(self, bits: str) -> str | None:
        """The number in a card's bits ("0110…"); None where their count or a parity is wrong."""
        layout = self.bits_layout
        if len(bits) != len(layout) or not all(rule.holds(bits) for rule in self.rules):
            return None
        facility = "".join(bit for bit, letter in zip(bits, layout, strict=True) if letter == "F")
        number = "".join(bit for bit, letter in zip(bits, layout, strict=True) if letter == "N")
        if self.number_as == "facility-number":
            return f"{int(facility or '0', 2)}-{int(number, 2):0{_digits(number)}d}"
        whole = facility + number
        if self.number_as == "hex":
            return f"{int(whole, 2):0{-(-len(whole) // 4)}X}"
        return f"{int(whole, 2):0{_digits(whole)}d}"


def _digits(bits: str) -> int:
    """Decimal digits that every value of so many bits fits in: equal length for all cards of a format."""
    return len(str(2 ** len(bits) - 1))


def _usual_rules(layout: str) -> tuple[ParityRule, ...]:
    """A leading E covers the first half, a trailing O the second, each with itself; other parity bits need rules."""
    half = len(layout) // 2
    rules: list[ParityRule] = []
    if len(layout) % 2:
        return ()
    if layout.startswith("E"):
        rules.append(ParityRule(bit=0, kind="even", first=0, last=half - 1))
    if layout.endswith("O"):
        rules.append(ParityRule(bit=len(layout) - 1, kind="odd", first=half, last=len(layout) - 1))
    return tuple(rules)


class Card(NamedTuple):
    """The bits of one card, and the monotonic time of the last."""

    bits: str
    mono_ns: int


class Pulses:
    """Pulses become cards: a silence of `gap_ns` ends one."""

    def __init__(self, gap_ns: int) -> None:
        self._gap_ns = gap_ns
        self._bits: list[str] = []
        self._last_ns = 0

    def pulse(self, bit: int, mono_ns: int) -> Card | None:
        """One pulse; the card that it shows to be over, where it begins another."""
        over = self.end() if mono_ns - self._last_ns > self._gap_ns else None
        self._bits.append(str(bit))
        del self._bits[MAX_BITS + 1 :]
        self._last_ns = mono_ns
        return over

    def end(self) -> Card | None:
        """There has been a silence: the card that is over because of it."""
        if not self._bits:
            return None
        card = Card("".join(self._bits), self._last_ns)
        self._bits.clear()
        return card
