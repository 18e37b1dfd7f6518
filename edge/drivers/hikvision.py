"""Hikvision body-temperature cameras and face terminals: they measure by themselves and report people (ISAPI).

Terminals number their events and keep them: after an outage, whatever is missing is asked for (`AcsEvent`) and given
as not live. Cameras (`faceCapture`) do neither.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import uuid4

import msgspec
import structlog
from msgspec import Meta, Struct

from edge.clock import Instant, Timekeeper
from edge.drivers.base import ThermalReport
from edge.drivers.isapi import Alert, Isapi, IsapiSettings, moment_of
from edge.drivers.ledger import Ledger
from wire.errors import DriverError
from wire.events import Clock

log = structlog.get_logger(__name__)

TERMINAL = frozenset({"AccessControllerEvent", "FaceTemperatureMeasurementEvent"})
CAMERA = frozenset({"faceCapture", "FaceThermDetectionInfo"})
PLAUSIBLE_C = (20.0, 50.0)
"""What such a camera may read on a person; beyond it the number is none (they send 0 for "not measured")."""
LATE_S = 5.0
"""An event that took so much longer than the quickest of the last ones was held up on its way: not live."""
SAME_FACE_S = 10.0
"""A camera reports a face again while it stays; within so long it is the same person."""
BODY_LIMIT_C = 37.3
"""The usual limit in China for a body temperature at a gate (forehead or armpit, 2020)."""
_SEARCH = "/ISAPI/AccessControl/AcsEvent"
_PAGE = 30
_MOST_PAGES = 2000
_LAST_SERIAL = 2**31 - 1
_OLDEST_S = 90 * 86_400.0
_ledgers: dict[str, Ledger] = {}
"""Which events of each device were taken: the driver is made anew after every fault."""


class Told(Struct, frozen=True):
    """What one event says of one person, in °C, with the device's clock; nothing of our own yet."""

    celsius: float
    abnormal: bool
    mask: bool | None
    at: datetime | None
    alone: bool = True
    serial: int | None = None
    card: str | None = None
    employee: str | None = None
    face: str | None = None


class HikvisionCamera:
    """Reports of one device. It guards its silence itself: nobody may come for hours."""

    silence_s: float | None = None

    class Settings(IsapiSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """The device and its account, and what its temperatures are."""

        measures: Literal["skin", "body"] = "skin"
        """What the device is set to show: the skin's temperature, or its own estimate of the body's."""
        u_c: Annotated[float, Meta(gt=0, le=5)] = 0.5
        """Standard uncertainty to be told: such cameras promise ±0.3 °C with a blackbody and ±0.5 °C without."""
        body_limit_c: float = BODY_LIMIT_C
        """Fever from here on where the device shows the body's temperature; skin is judged as everywhere."""
        identity: Literal["none", "card", "employee"] = "none"
        """What a terminal knows a person by; it then reads the lane's badges too."""
        serial_file: str | None = None
        """Keeps the number of the last event over restarts of the gate, so that what was missed is asked for."""

    def __init__(self, settings: Settings, timekeeper: Timekeeper) -> None:
        self._settings = settings
        self._timekeeper = timekeeper
        self._device: Isapi | None = None
        self._stopped = asyncio.Event()
        self._ledger = Ledger(None)
        self._kept: int | None = None
        self._gap = asyncio.Event()
        self._search_fault: str | None = None
        self._faces: dict[str, Instant] = {}
        self._delays_s: deque[float] = deque(maxlen=20)

    async def start(self) -> None:
        self._stopped.clear()
        if self._settings.url not in _ledgers:
            done = await asyncio.to_thread(_read_serial, self._settings.serial_file)
            _ledgers[self._settings.url] = Ledger(done)
        self._ledger = _ledgers[self._settings.url]
        device = await Isapi(self._settings).__aenter__()
        self._device = device
        await device.reach()

    async def stop(self) -> None:
        self._stopped.set()
        device, self._device = self._device, None
        if device is not None:
            await device.__aexit__()

    async def frames(self) -> AsyncIterator[ThermalReport]:
        """Reports as they come; in between, as not live, what was missed since the last time."""
        if self._device is None:
            raise DriverError(f"{self._settings.url}: was not started")
        sources = self._live(self._device), self._missed(self._device)
        async with aclosing(merged(sources, self._stopped)) as reports:
            async for report in reports:
                if report.serial is None or self._ledger.is_new(report.serial, live=report.live):
                    yield report
                    await self._took(report.serial, live=report.live)

    async def _live(self, device: Isapi) -> AsyncGenerator[ThermalReport, None]:
        async with aclosing(device.alerts()) as alerts:
            async for alert in alerts:
                late, serial = self._is_late(alert), serial_of(alert)
                is_live = is_current(alert)
                people = [told for told in told_by(alert) if not self._is_same_face(told)]
                for told in people:
                    yield self._report(told, live=is_live and not late)
                if not people:
                    await self._took(serial, live=is_live)
                if self._ledger.missing() is not None:
                    self._gap.set()

    async def _missed(self, device: Isapi) -> AsyncGenerator[ThermalReport, None]:
        """What the device kept while nobody listened, oldest first: once from the last number on, then each gap."""
        done = self._ledger.done
        span: tuple[int, int] | None = None if done is None else (done + 1, _LAST_SERIAL)
        while True:
            if span is None:
                await self._gap.wait()
            else:
                async with aclosing(self._found(device, span)) as found:
                    async for report in found:
                        yield report
            self._gap.clear()
            span = None if span is not None and self._search_fault is not None else self._ledger.missing()

    async def _found(self, device: Isapi, span: tuple[int, int]) -> AsyncGenerator[ThermalReport, None]:
        """The people in the device's record of these numbers; when all of it was seen, none of them is missing."""
        highest = 0
        async for entry in self._search(device, span):
            serial = _whole(entry.get("serialNo"))
            told = _person(entry, moment_of(entry.get("time")), terminal=True)
            if told is not None and serial is not None and self._ledger.is_new(serial):
                yield self._report(told, live=False)
            else:
                await self._took(serial, live=False)
            highest = max(highest, serial or 0)
        if self._search_fault is None:
            self._ledger.filled(highest if span[1] == _LAST_SERIAL else span[1])
            await self._keep()

    async def _search(self, device: Isapi, span: tuple[int, int]) -> AsyncIterator[Mapping[str, Any]]:
        """The device's record of events with these numbers. One that will not say is asked again at the next event."""
        search, position = uuid4().hex, 0
        known, self._search_fault = self._search_fault, None
        for _ in range(_MOST_PAGES):
            wanted: dict[str, Any] = {
                "searchID": search,
                "searchResultPosition": position,
                "maxResults": _PAGE,
                "major": 0,
                "minor": 0,
            }
            wanted |= {"beginSerialNo": span[0], "endSerialNo": span[1], "timeReverseOrder": False}
            try:
                answer = await device.post(_SEARCH, {"AcsEventCond": wanted}, format="json")
            except DriverError as error:
                self._search_fault = str(error)
                if self._search_fault != known:
                    log.warning("cannot ask for what was missed", device=self._settings.url, error=str(error))
                return
            page, more = found_by(answer)
            for entry in page:
                yield entry
            position += len(page)
            if not more or not page:
                return
        self._search_fault = f"more than {_MOST_PAGES} pages"

    async def _took(self, serial: int | None, *, live: bool) -> None:
        """An event was used, whatever it was about; only then is it remembered."""
        if serial is not None:
            self._ledger.take(serial, live=live)
            await self._keep()

    async def _keep(self) -> None:
        """Remember over a restart how far events were taken."""
        done = self._ledger.done
        if done is not None and done != self._kept:
            self._kept = done
            await asyncio.to_thread(_write_serial, self._settings.serial_file, done)

    def _is_same_face(self, told: Told) -> bool:
        """Whether a camera reports somebody again who still stands there."""
        if told.face is None:
            return False
        now = self._timekeeper.now()
        self._faces = {face: at for face, at in self._faces.items() if now.seconds_since(at) < SAME_FACE_S}
        again = told.face in self._faces
        self._faces[told.face] = now
        return again

    def _is_late(self, alert: Alert) -> bool:
        """Whether the event was held up, by the device's own clock, whatever that shows: only differences count."""
        if alert.at is None or not is_current(alert):
            return False
        delay_s = self._timekeeper.now().time_ns / 1e9 - alert.at.timestamp()
        self._delays_s.append(delay_s)
        return delay_s - min(self._delays_s) > LATE_S

    def _report(self, told: Told, *, live: bool) -> ThermalReport:
        settings = self._settings
        numbers = {"card": told.card, "employee": told.employee}
        is_body = settings.measures == "body"
        now = self._timekeeper.now()
        return ThermalReport(
            temperature_c=told.celsius,
            u_c=settings.u_c,
            at=now if live else _then(told.at, now),
            is_body=is_body,
            limit_c=settings.body_limit_c if is_body else None,
            abnormal=told.abnormal,
            mask=told.mask,
            alone=told.alone,
            live=live,
            serial=told.serial,
            reads_badges=settings.identity != "none",
            badge=numbers.get(settings.identity),
        )


async def merged(
    sources: Sequence[AsyncGenerator[ThermalReport, None]], stopped: asyncio.Event
) -> AsyncGenerator[ThermalReport, None]:
    """What any of the sources gives, the first one's first, until one ends or fails or `stopped` is set."""
    ending = asyncio.ensure_future(stopped.wait())
    following = [asyncio.ensure_future(anext(source, None)) for source in sources]
    try:
        while not stopped.is_set():
            await asyncio.wait({ending, *following}, return_when=asyncio.FIRST_COMPLETED)
            for index, source in enumerate(sources):
                if following[index].done() and not stopped.is_set():
                    report = following[index].result()
                    if report is None:
                        return
                    yield report
                    following[index] = asyncio.ensure_future(anext(source, None))
                    break
    finally:
        for task in (ending, *following):
            task.cancel()
        await asyncio.gather(ending, *following, return_exceptions=True)
        for source in sources:
            await source.aclose()


# -- what the device's words mean: pure functions -------------------------------------------------------------------


def serial_of(alert: Alert) -> int | None:
    """The number of a terminal's event, whatever the event is about."""
    inner = alert.fields.get(alert.kind)
    return _whole(inner.get("serialNo")) if isinstance(inner, Mapping) and alert.kind in TERMINAL else None


def is_current(alert: Alert) -> bool:
    """Whether an event happens now: a terminal says of one that it sends belatedly that it does not."""
    inner = alert.fields.get(alert.kind)
    return not isinstance(inner, Mapping) or _yes(inner.get("currentEvent", True)) is not False


def told_by(alert: Alert) -> list[Told]:
    """The people that an event says were measured: none for most events. Never raises."""
    if not alert.active or alert.kind not in TERMINAL | CAMERA:
        return []
    terminal = alert.kind in TERMINAL
    found = [_person(one, alert.at, terminal=terminal) for one in _measured(alert.fields.get(alert.kind), 0)]
    people = [person for person in found if person is not None]
    return [msgspec.structs.replace(person, alone=len(people) == 1) for person in people]


def found_by(answer: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], bool]:
    """The entries of a search's page, and whether there are more."""
    inner = answer.get("AcsEvent")
    if not isinstance(inner, Mapping) or not isinstance(inner.get("InfoList", []), list):
        return [], False
    entries = [entry for entry in inner.get("InfoList", []) if isinstance(entry, Mapping)]
    return entries, inner.get("responseStatusStrg") == "MORE"


def _measured(value: object, depth: int) -> Iterator[Mapping[str, Any]]:
    """Every mapping in an event that holds a temperature, wherever this firmware puts it."""
    if depth > 8:
        return
    if isinstance(value, list):
        for item in value:
            yield from _measured(item, depth + 1)
    elif isinstance(value, Mapping):
        if _TEMPERATURES & value.keys():
            yield value
            return
        for item in value.values():
            yield from _measured(item, depth + 1)


_TEMPERATURES = frozenset({"currTemperature", "faceTemperature"})


def _person(one: Mapping[str, Any], at: datetime | None, *, terminal: bool) -> Told | None:
    celsius = _celsius(next((one[key] for key in _TEMPERATURES if key in one), None), one.get("thermometryUnit"))
    if celsius is None:
        return None
    face = one.get("faceId", one.get("faceID"))
    return Told(
        celsius=celsius,
        abnormal=_yes(one.get("isAbnomalTemperature")) is True,  # the device's own spelling
        mask=_yes(one.get("mask")),
        at=at,
        serial=_whole(one.get("serialNo")) if terminal else None,
        card=_text(one.get("cardNo")),
        employee=_text(one.get("employeeNoString", one.get("employeeNo"))),
        face=None if face is None else str(face)[:64],
    )


def _celsius(value: object, unit: object) -> float | None:
    """A temperature as the device gives it, in °C; None for none, and for what no person's can be."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if unit == "fahrenheit":
        number = (number - 32) / 1.8
    elif unit == "kelvin":
        number -= 273.15
    return number if math.isfinite(number) and PLAUSIBLE_C[0] <= number <= PLAUSIBLE_C[1] else None


def _yes(value: object) -> bool | None:
    """True, "true", "yes", {"value": "yes"} and their opposites; None for "unknown" and the like."""
    if isinstance(value, Mapping):
        value = value.get("value")
    return {"true": True, "yes": True, "false": False, "no": False}.get(str(value).lower())


def _whole(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None


def _text(value: object) -> str | None:
    text = str(value).strip()[:64] if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if text.strip("0") else None  # "0" is how a terminal says that there was no card


def _then(told: datetime | None, now: Instant) -> Instant:
    """When a late event happened, by the device's clock; where that says nothing of sense, now, by a clock not set."""
    ago_s = -1.0 if told is None else now.time_ns / 1e9 - told.timestamp()
    if not 0 <= ago_s <= _OLDEST_S:
        return Instant(now.time_ns, now.mono_ns, Clock.FREE)
    return Instant(now.time_ns - int(ago_s * 1e9), now.mono_ns - int(ago_s * 1e9), now.clock)


def _read_serial(path: str | None) -> int | None:
    try:
        return _whole(Path(path).read_text("ascii").strip()) if path else None
    except (OSError, UnicodeDecodeError):
        return None


def _write_serial(path: str | None, serial: int) -> None:
    """Keep the number; a card that cannot be written costs only that old events are asked for again."""
    if path is None:
        return
    target = Path(path)
    try:
        new = target.with_name(target.name + ".new")
        new.write_text(str(serial), "ascii")
        new.replace(target)
    except OSError as error:
        log.warning("the last event's number was not kept", path=path, error=str(error))
