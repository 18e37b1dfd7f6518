"""What a guard typed, as values or as sentences of what is wrong with it. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping

from msgspec import Struct

from edge.guard.said import Refused, Said
from edge.porter.types import BODY_C
from wire.events import Guest, Outcome
from wire.sealing import Details
from wire.tokens import TokenKind

Form = Mapping[str, str]
MOST_H = 7 * 24
"""A visit is registered for a week at most; who comes longer is registered at the hub."""
SHOWN = 40
"""Of what was typed an answer repeats so many characters."""
_FIGURE = re.compile(r"\d{1,3}(?:\.\d{1,2})?", re.ASCII)
_BADGE = re.compile(r"[0-9A-Z](?:[0-9A-Z:_-]{0,38}[0-9A-Z])?")
_TAG = re.compile(r"[0-9A-Z]{4,64}")
_PLATE = re.compile(r"[0-9A-Z\u3400-\u9fff]{4,10}")
_TELEPHONE = re.compile(r"\+?[0-9][0-9 ()/-]{3,22}[0-9]")
_PASSAGE = re.compile(r"[A-Za-z0-9_-]{1,64}")
OUTCOMES = (Outcome.ALLOW, Outcome.DENY)


class Measured(Struct, frozen=True):
    """A contact thermometer's reading: of a passage in the list, or of a badge's number."""

    lane: str
    body_c: float
    passage: str | None = None
    badge: str | None = None


class WalkIn(Struct, frozen=True):
    """Somebody who was not announced; `number` is the badge that was handed out, or the plate; `tag` a vehicle's."""

    guest: Guest
    details: Details
    hours: float
    tag: str | None = None

    @property
    def kind(self) -> TokenKind:
        return TokenKind.PLATE if self.guest is Guest.VEHICLE else TokenKind.BADGE


class Disinfected(Struct, frozen=True):
    """A vehicle, by a passage in the list or by its plate, at a lane for vehicles."""

    lane: str
    passage: str | None = None
    plate: str | None = None
    agent: str = ""


class Overridden(Struct, frozen=True):
    """A guard's own decision."""

    lane: str
    outcome: Outcome
    why: str
    passage: str | None = None


class _Reader:
    """Takes fields out of a form, and gathers what is wrong with them."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self.problems: dict[str, Said] = {}

    def line(self, field: str, most: int = 200, *, needed: bool = True) -> str:
        """One line of text without what steers a screen."""
        text = " ".join(self._form.get(field, "").split())
        if not text and needed:
            self.problems[field] = Said("needed")
        elif len(text) > most:
            self.problems[field] = Said("too-long", (str(len(text)), str(most)))
        elif any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn"} for char in text):
            self.problems[field] = Said("odd-characters")
        return text

    def matching(
        self, field: str, pattern: re.Pattern[str], wrong: str, plain: Callable[[str], str], *, needed: bool = True
    ) -> str:
        """A line that, made plain, is of the pattern; else the sentence `wrong` says what was expected."""
        text = self.line(field, needed=needed)
        found = plain(text)
        if text and field not in self.problems and not pattern.fullmatch(found):
            self.problems[field] = Said(wrong, (text[:SHOWN],))
        return found

    def figure(self, field: str, least: float, most: float, wrong: str) -> float:
        text = self.matching(field, _FIGURE, wrong, _plain_figure)
        if field in self.problems:
            return 0.0
        value = float(text)
        if not least <= value <= most:
            self.problems[field] = Said(wrong, (text,))
        return value

    def place(self) -> tuple[str, str | None]:
        """The lane and, where one was chosen, the passage: `LANE/PASSAGE`, or `LANE/`."""
        lane, _, passage = self._form.get("of", "").partition("/")
        if passage and not _PASSAGE.fullmatch(passage):
            self.problems["of"] = Said("passage-gone")
        return lane, passage or None

    def done(self) -> None:
        if self.problems:
            raise Refused(**self.problems)


def measured(form: Form) -> Measured:
    """Raises `Refused`."""
    read = _Reader(form)
    body_c = read.figure("body_c", *BODY_C, "no-body")
    lane, passage = read.place()
    badge = read.matching("badge", _BADGE, "no-badge-number", _plain_number, needed=False)
    if passage is None and not badge:
        read.problems.setdefault("badge", Said("whom"))
    read.done()
    return Measured(lane, body_c, passage, badge or None)


def walk_in(form: Form) -> WalkIn:
    """Raises `Refused`."""
    read = _Reader(form)
    is_vehicle = form.get("guest") == Guest.VEHICLE
    if is_vehicle:
        number = read.matching("number", _PLATE, "no-plate", plain_plate)
        tag = read.matching("tag", _TAG, "no-tag", _plain_number, needed=False)
    else:
        tag = ""
        number = read.matching("number", _BADGE, "no-badge-number", _plain_number)
    details = Details(
        name=read.line("name"),
        telephone=read.matching("telephone", _TELEPHONE, "no-telephone", _folded),
        company=read.line("company"),
        host=read.line("host", needed=not is_vehicle),
        reason=read.line("reason"),
        number=number,
    )
    hours = read.figure("hours", 0.25, MOST_H, "no-hours")
    read.done()
    return WalkIn(Guest.VEHICLE if is_vehicle else Guest.VISITOR, details, hours, tag or None)


def disinfected(form: Form) -> Disinfected:
    """Raises `Refused`."""
    read = _Reader(form)
    lane, passage = read.place()
    plate = read.matching("plate", _PLATE, "no-plate", plain_plate, needed=passage is None)
    agent = read.line("agent", needed=False)
    read.done()
    return Disinfected(lane, passage, plate or None, agent)


def overridden(form: Form) -> Overridden:
    """Raises `Refused`."""
    read = _Reader(form)
    outcome = next((one for one in OUTCOMES if one == form.get("outcome")), None)
    if outcome is None:
        read.problems["outcome"] = Said("choose")
    why = read.line("why", 500)
    lane, passage = read.place()
    read.done()
    assert outcome is not None, "an outcome that is missing was refused"
    return Overridden(lane, outcome, why, passage)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def plain_plate(text: str) -> str:
    """A plate as cameras give it: no dot, hyphen or space (`蒙B·12345`)."""
    return re.sub(r"[\s.·•・-]", "", _folded(text).upper())


def _plain_number(text: str) -> str:
    return "".join(_folded(text).upper().split())


def _plain_figure(text: str) -> str:
    """`36.5` of `36,5 °C`, `３６．５`, `36.5度`."""
    return re.sub(r"\s*(?:°C|℃|度|°|C|h|小时)?$", "", _folded(text)).replace(",", ".").replace("。", ".")
