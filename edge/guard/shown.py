"""A gate's state in the words of its page: plain values for the templates, nothing of them HTML. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable

from msgspec import Struct

from edge import words as gate_words
from edge.guard.ledger import ByHand, Passage, Row
from edge.guard.said import Done
from edge.guard.station import DeviceNow, GateNow, LaneNow, is_open
from edge.guard.times import Times
from edge.guard.words import listed, name, say
from edge.words import Lang
from wire.events import (
    Basis,
    Direction,
    Health,
    LaneMode,
    Outcome,
    PersonPassage,
    SecondaryMeasurement,
    Temperature,
    VehiclePassage,
)
from wire.registry import Holder

LAMPS = {Outcome.ALLOW: "go", Outcome.DENY: "stop", Outcome.REMEASURE: "look"}
SHOWN_TOKEN = 6
HolderOf = Callable[[str | None], Holder | None]


class RowShown(Struct, frozen=True):
    """One passage; `lamp` names the shape beside its decision."""

    time: str
    lamp: str
    decision: str
    who: str
    why: str
    figures: list[str]
    again: str
    hands: list[str]
    passage: str
    """Its name, where the guard can still complete it."""
    can_measure: bool
    can_disinfect: bool
    can_override: bool = True


class LaneShown(Struct, frozen=True):
    name: str
    lamp: str
    word: str
    mode: str
    is_abnormal: bool
    is_for_vehicles: bool
    help: str
    rows: list[RowShown]


class FactShown(Struct, frozen=True):
    """One line of the gate's own state."""

    what: str
    words: str
    is_abnormal: bool = False


class NoticeShown(Struct, frozen=True):
    """One notice in the reader's language, or in the other where there is none in theirs."""

    text: str
    until: str
    picture: str
    """Its digest, empty where it has none."""


class Showing:
    """One gate for one reader."""

    def __init__(self, gate: GateNow, times: Times, holder_of: HolderOf, lang: Lang) -> None:
        self._gate = gate
        self._times = times
        self._holder_of = holder_of
        self._lang = lang

    def lanes(self) -> list[LaneShown]:
        return [self._lane(lane) for lane in self._gate.lanes]

    def facts(self) -> list[FactShown]:
        return [self._hub(), self._waiting(), self._registry(), *map(self._device, self._devices())]

    def notices(self) -> list[NoticeShown]:
        return [
            NoticeShown(
                (one.zh or one.en) if self._lang == "zh" else (one.en or one.zh),
                self._say("notice-until", self.clock(one.until_ns)),
                one.picture or "",
            )
            for one in self._gate.notices
        ]

    def clock(self, time_ns: int) -> str:
        return self._times.clock(time_ns, self._gate.at.time_ns)

    def _say(self, key: str, *values: str) -> str:
        return say(key, self._lang, *values)

    # -- lanes ------------------------------------------------------------------------------------------------------

    def _lane(self, lane: LaneNow) -> LaneShown:
        lamp = _lamp(lane)
        return LaneShown(
            name=lane.name,
            lamp=lamp,
            word=self._say(f"lamp.{lamp}"),
            mode=self._say("starting") if lane.mode is None else name(lane.mode, self._lang),
            is_abnormal=lane.mode is not LaneMode.SCREENING,
            is_for_vehicles=lane.is_for_vehicles,
            help=self._say("by-hand-help") if lane.mode is LaneMode.MANUAL else "",
            rows=[self._row(row, lane) for row in lane.rows],
        )

    def _row(self, row: Row, lane: LaneNow) -> RowShown:
        passage, last = row.passage, row.last
        can = passage is not None and is_open(passage.time_ns, self._gate.at)
        return RowShown(
            time=self.clock((passage or last).time_ns),
            lamp=LAMPS.get(row.outcome, "rest") if row.outcome else "rest",
            decision=name(row.outcome, self._lang) if row.outcome else "",
            who=self._who(passage) if passage else self._say("badge-measured"),
            why=listed([name(reason, self._lang) for reason in getattr(last, "reasons", ())], self._lang),
            figures=self._figures(passage),
            again=self._again(row),
            hands=[self._hand(hand) for hand in row.hands],
            passage=passage.passage if can and passage else "",
            can_measure=isinstance(passage, VehiclePassage) is lane.is_for_vehicles,
            can_disinfect=isinstance(passage, VehiclePassage) and passage.vehicle is not None,
        )

    def _who(self, passage: Passage) -> str:
        token = passage.badge if isinstance(passage, PersonPassage) else passage.vehicle
        kind = self._say("person" if isinstance(passage, PersonPassage) else "vehicle")
        if token is None:
            parts = [kind, *([self._say("no-badge-shown")] if isinstance(passage, PersonPassage) else [])]
        else:
            holder = self._holder_of(token)
            parts = [self._say(f"holder.{holder.value if holder else 'none'}"), token[:SHOWN_TOKEN]]
        if passage.direction is not Direction.IN:
            parts.append(name(passage.direction, self._lang))
        return " · ".join(parts)

    def _figures(self, passage: Passage | None) -> list[str]:
        if not isinstance(passage, PersonPassage):
            return []
        if passage.temperature is not None:
            return list(self._temperature(passage.temperature))
        return [gate_words.refusal(passage.refusal, self._lang)] if passage.refusal is not None else []

    def _temperature(self, measured: Temperature) -> list[str]:
        said = [self._say("skin", gate_words.skin_text(measured), f"{measured.u_c:.1f}")]
        if measured.body_c is not None and measured.body_u_c is not None:
            said.append(self._say("body", f"{measured.body_c:.1f}", f"{measured.body_u_c:.1f}"))
        elif measured.body_c is not None:
            said.append(self._say("body-alone", f"{measured.body_c:.1f}"))
        return [*said, *([self._say("glasses")] if measured.basis is Basis.GLASSES else [])]

    def _again(self, row: Row) -> str:
        """From when on it helps to measure again; of no interest once a guard's thermometer has decided."""
        passage = row.passage
        if not isinstance(passage, PersonPassage) or passage.again_after_s is None or row.last is not passage:
            return ""
        from_ns = passage.time_ns + int(passage.again_after_s * 1e9)
        left_s = (from_ns - self._gate.at.time_ns) / 1e9
        if left_s <= 0:
            return self._say("again-now")
        return self._say("again-at", self.clock(from_ns), str(math.ceil(left_s / 60)))

    def _hand(self, hand: ByHand) -> str:
        time, by = self.clock(hand.time_ns), hand.by or self._say("who-none")
        if isinstance(hand, SecondaryMeasurement):
            return self._say("hand-measured", time, f"{hand.body_c:.1f}", by)
        return self._say("hand-overridden", time, name(hand.outcome, self._lang), by, hand.why)

    # -- the gate ---------------------------------------------------------------------------------------------------

    def _hub(self) -> FactShown:
        if self._gate.hub_is_heard:
            return FactShown(self._say("hub"), self._say("hub-heard"))
        return FactShown(self._say("hub"), self._say("hub-silent" if self._gate.connected else "hub-away"), True)

    def _waiting(self) -> FactShown:
        what, waiting = self._say("waiting"), self._gate.waiting
        if self._gate.spool_fault:
            return FactShown(what, self._say("spool-fault", self._gate.spool_fault), True)
        if waiting is None:
            return FactShown(what, self._say("waiting-unknown"), True)
        n = waiting.urgent + waiting.routine
        return FactShown(
            what, self._say("waiting-some", str(n), str(waiting.urgent)) if n else self._say("waiting-none")
        )

    def _registry(self) -> FactShown:
        held = self._gate.registry
        n = str(held.entries)
        if held.age_s is None:
            return FactShown(self._say("registry"), self._say("registry-never", n), True)
        said = [self._say("registry-held", n, self._ago(held.age_s))]
        if held.waiting:
            said.append(self._say("registry-waiting", str(held.waiting)))
        return FactShown(self._say("registry"), listed(said, self._lang), bool(held.waiting) or held.age_s > 3600)

    def _devices(self) -> list[DeviceNow]:
        return [device for lane in self._gate.lanes for device in lane.devices]

    def _device(self, device: DeviceNow) -> FactShown:
        health = self._say("starting") if device.health is None else name(device.health, self._lang)
        what = f"{device.name} · {name(device.kind, self._lang)}"
        return FactShown(what, health, device.health not in {None, Health.OK})

    def _ago(self, age_s: float) -> str:
        for unit, seconds in (("d", 86_400), ("h", 3600), ("min", 60)):
            if age_s >= seconds:
                return self._say(f"ago-{unit}", str(int(age_s // seconds)))
        return self._say("ago-s", str(int(age_s)))


def _lamp(lane: LaneNow) -> str:
    """What the guard does now. A fire alarm is above every decision, a lane by hand wants a look when nobody came."""
    if lane.mode is LaneMode.OPEN:
        return "go"
    if lane.decided is not None:
        return LAMPS.get(lane.decided, "look")
    return "rest" if lane.mode is LaneMode.SCREENING else "look"


class DoneShown(Struct, frozen=True):
    """What a guard's deed came to."""

    lamp: str
    word: str
    sentences: list[str]


def done_in_words(done: Done, lang: Lang) -> DoneShown:
    lamp = LAMPS.get(done.outcome, "look") if done.outcome else ""
    word = name(done.outcome, lang) if done.outcome else say("done", lang)
    why = listed([name(reason, lang) for reason in done.reasons], lang)
    return DoneShown(lamp, word, [*([why] if why else []), *(say(one.key, lang, *one.values) for one in done.said)])
