"""Who is on call: people, rotas with time zones, holidays and swaps, and the chains that name them. Pure, but for
calendars.

A rota counts its shifts in the wall time of its zone, so that they change at the same hour all year. A calendar file,
where there is one, goes before the rota's own order; swaps go before both.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Protocol
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from hub.alerts.chains import Chain, Contact, Receiver, Step, channels_alone
from hub.alerts.rules import Rule, Severity
from hub.alerts.texts import Lang

PersonName = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^:]+$")]
DayTime = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
LocalTime = Annotated[dt.datetime, Meta(tz=False)]
"""A wall time of the rota's zone, such as 2026-02-01T08:00:00."""


class ContactSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A channel, and the person's address on it: a telephone number, a mail address; a robot mentions who has that
    number."""

    channel: str
    to: str = ""


class PersonSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who can be told. `quiet` are hours at which only what is critical wakes them, in `zone`."""

    name: PersonName
    role: Literal["officer", "supervisor", "district"] = "officer"
    lang: Lang | None = None
    zone: str | None = None
    quiet: Annotated[list[DayTime], Meta(min_length=2, max_length=2)] | None = None
    contacts: Annotated[list[ContactSettings], Meta(min_length=1)]


class SwapSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From `since` to before `until`, `by` stands in for `who`."""

    since: LocalTime
    until: LocalTime
    who: str
    by: str


class RotaSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """People who take turns, the first from `start` on, each for `every_h` hours; on holidays those for holidays do."""

    name: PersonName
    zone: str | None = None
    people: list[str] = []
    start: LocalTime | None = None
    every_h: Annotated[float, Meta(ge=0.25)] = 24.0
    holidays: list[dt.date] = []
    holiday_people: list[str] = []
    swaps: list[SwapSettings] = []
    calendar_file: str | None = None


class StepSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """After so many minutes without an acknowledgement: `person:NAME`, `rota:NAME`, `channel:NAME`, `everybody`,
    `supervisor`, `district`."""

    after_min: Annotated[float, Meta(ge=0)] = 0.0
    tell: Annotated[list[str], Meta(min_length=1)]


class EscalationSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The chain of alerts of these severities and rules (all where none are named); the first that fits counts."""

    severities: list[Severity] = []
    rules: list[Rule] = []
    steps: Annotated[list[StepSettings], Meta(min_length=1)]
    repeat_min: Annotated[float, Meta(ge=1)] | None = None


class Calendar(Protocol):
    """A duty calendar: the names of those whose shift a moment is in."""

    def on_duty(self, moment: dt.datetime) -> list[str]: ...


class OnCall:
    """The plan of a site with people on call (`hub.alerts.chains.Planner`)."""

    def __init__(
        self,
        people: Sequence[PersonSettings],
        rotas: Sequence[RotaSettings],
        escalations: Sequence[EscalationSettings],
        channels: Sequence[str],
        calendars: Mapping[str, Calendar],
        zone: str | None = None,
    ) -> None:
        self._people = {person.name: person for person in people}
        self._rotas = {rota.name: rota for rota in rotas}
        self._escalations = escalations
        self._channels = tuple(channels)
        self._calendars = calendars
        self._zone = zone

    def chain_for(self, rule: str, severity: str) -> Chain:
        """The first escalation that fits; where none does, every channel at once: nothing is told to nobody."""
        for escalation in self._escalations:
            of_severity = not escalation.severities or severity in escalation.severities
            if of_severity and (not escalation.rules or rule in escalation.rules):
                return chain_of(escalation)
        return Chain((Step(0.0, tuple(f"channel:{name}" for name in self._channels)),))

    def receivers(self, tell: tuple[str, ...], severity: str, now_ns: int) -> list[Receiver]:
        found: dict[str, Receiver] = {}
        for target in tell:
            kind, _, name = target.partition(":")
            if kind == "channel":
                found.setdefault(target, channels_alone([name])[0])
                continue
            for person in self._named(kind, name, now_ns):
                found.setdefault(person.name, self._receiver(person, severity, now_ns))
        return list(found.values())

    def duties(self, now_ns: int) -> dict[str, list[Receiver]]:
        """Who is on duty in each rota."""
        return {
            rota: [self._receiver(person, Severity.CRITICAL, now_ns) for person in self._named("rota", rota, now_ns)]
            for rota in self._rotas
        }

    def every_channel(self) -> list[Receiver]:
        return channels_alone(self._channels)

    def _named(self, kind: str, name: str, now_ns: int) -> list[PersonSettings]:
        match kind:
            case "person":
                names = [name]
            case "rota" if name in self._rotas:
                names = self.on_duty(self._rotas[name], now_ns)
            case "everybody":
                names = [person.name for person in self._people.values() if person.role == "officer"]
            case _:
                names = [person.name for person in self._people.values() if person.role == kind]
        return [self._people[each] for each in names if each in self._people]

    def on_duty(self, rota: RotaSettings, now_ns: int) -> list[str]:
        """The names of those on duty at a moment."""
        moment = _moment(now_ns, rota.zone or self._zone)
        local = moment.replace(tzinfo=None)
        calendar = self._calendars.get(rota.name)
        names = calendar.on_duty(moment) if calendar else []
        names = names or _of_turn(rota, local)
        stands_in = {swap.who: swap.by for swap in rota.swaps if swap.since <= local < swap.until}
        return list(dict.fromkeys(stands_in.get(name, name) for name in names))

    def _receiver(self, person: PersonSettings, severity: str, now_ns: int) -> Receiver:
        route = tuple(Contact(contact.channel, contact.to) for contact in person.contacts)
        not_before_ns = 0
        if severity != Severity.CRITICAL and person.quiet is not None:
            not_before_ns = end_of_quiet_ns(person.quiet, _moment(now_ns, person.zone or self._zone))
        return Receiver(person.name, route, person.lang, not_before_ns)


def chain_of(escalation: EscalationSettings) -> Chain:
    steps = tuple(Step(step.after_min * 60.0, tuple(step.tell)) for step in escalation.steps)
    return Chain(steps, None if escalation.repeat_min is None else escalation.repeat_min * 60.0)


def _of_turn(rota: RotaSettings, local: dt.datetime) -> list[str]:
    """By the rota's own order. A shift that begins on a holiday is a holiday's."""
    if rota.start is None or not rota.people or local < rota.start:
        return []
    turn = int((local - rota.start) / dt.timedelta(hours=rota.every_h))
    began = rota.start + turn * dt.timedelta(hours=rota.every_h)
    if rota.holiday_people and began.date() in rota.holidays:
        return [rota.holiday_people[sorted(rota.holidays).index(began.date()) % len(rota.holiday_people)]]
    return [rota.people[turn % len(rota.people)]]


def end_of_quiet_ns(quiet: Sequence[str], now: dt.datetime) -> int:
    """When the quiet hours that a moment is in are over; 0 where it is in none."""
    begins, ends = (dt.time.fromisoformat(text) for text in quiet)
    at = now.time()
    inside = begins <= at < ends if begins <= ends else at >= begins or at < ends
    if not inside:
        return 0
    end = dt.datetime.combine(now.date(), ends, tzinfo=now.tzinfo)
    end += dt.timedelta(days=1) if end <= now else dt.timedelta()
    return round(end.timestamp()) * 10**9


def _moment(now_ns: int, zone: str | None) -> dt.datetime:
    return dt.datetime.fromtimestamp(now_ns / 1e9, dt.UTC).astimezone(ZoneInfo(zone) if zone else None)


Fault = tuple[tuple[str | int, ...], str]


def faults(
    people: Sequence[PersonSettings],
    rotas: Sequence[RotaSettings],
    escalations: Sequence[EscalationSettings],
    channels: Sequence[str],
) -> list[Fault]:
    """Names that nobody and nothing has: where they stand in the settings, and what was expected."""
    names, rota_names = [person.name for person in people], [rota.name for rota in rotas]
    found: list[Fault] = []
    for n, person in enumerate(people):
        for m, contact in enumerate(person.contacts):
            found += _unknown(("people", n, "contacts", m, "channel"), contact.channel, channels, "a channel")
    for n, rota in enumerate(rotas):
        who = [*rota.people, *rota.holiday_people, *(name for swap in rota.swaps for name in (swap.who, swap.by))]
        for name in who:
            found += _unknown(("rotas", n), name, names, "a person")
        if rota.calendar_file is None and (rota.start is None or not rota.people):
            found.append((("rotas", n), "expected people and start, or a calendar_file"))
    for n, escalation in enumerate(escalations):
        for m, step in enumerate(escalation.steps):
            for target in step.tell:
                where = ("escalations", n, "steps", m, "tell")
                found += _unknown_target(where, target, names, rota_names, channels)
    if people and not escalations:
        found.append((("people",), "expected [[escalations]] too: without any, nobody of these is ever told"))
    return found


def _unknown_target(
    where: tuple[str | int, ...], target: str, people: Sequence[str], rotas: Sequence[str], channels: Sequence[str]
) -> list[Fault]:
    kind, _, name = target.partition(":")
    known = {"person": people, "rota": rotas, "channel": channels}
    if kind in known:
        return _unknown(where, name, known[kind], f"a {kind}")
    if target in {"everybody", "supervisor", "district"}:
        return []
    wanted = "person:NAME, rota:NAME, channel:NAME, everybody, supervisor or district"
    return [(where, f"{target!r}: expected {wanted}")]


def _unknown(where: tuple[str | int, ...], name: str, known: Sequence[str], what: str) -> list[Fault]:
    if name in known:
        return []
    return [(where, f"{name!r} is not the name of {what}, expected one of: {', '.join(known) or 'none is there'}")]
