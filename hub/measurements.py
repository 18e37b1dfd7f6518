"""The time-series schema, declared in one place: measurements, tags, fields, and the line of each event.

No person is a tag or a field (privacy, cardinality): tags are places, outcomes and states, whose number is bounded.
The time of a point is its event's; the last three digits of the nanoseconds are the event's number modulo 1000, so that
two events of one gate in the same microsecond do not overwrite each other, and a replay overwrites only itself.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

from hub.journal import Entry
from hub.rollups import Bucket, Span, Sums
from wire.events import (
    DeviceState,
    Direction,
    Disinfection,
    Gap,
    HealthDeclared,
    LaneState,
    Outcome,
    Override,
    PersonPassage,
    Registration,
    RoundDue,
    SecondaryMeasurement,
    Temperature,
    VehiclePassage,
    Verdict,
)
from wire.messages import StreamId

FieldValue = float | int | bool | str


class Measurement(NamedTuple):
    """One measurement: what it counts, its tags (beside site, gate and urgency) and its fields with their units."""

    name: str
    about: str
    tags: dict[str, str]
    fields: dict[str, str]


COMMON_TAGS = {
    "site": "the site's name",
    "gate": "the gate's name; `hub` for what the hub observed itself",
    "urgency": "`urgent` or `routine`, the event's stream",
}
COMMON_FIELDS = {
    "seq": "integer: the event's number in its stream",
    "epoch": "string: the epoch of the stream",
    "late_s": "seconds from the event to the journal",
    "synced": "boolean: whether the time is right: the clock was synchronised, or the event was dated when it was",
}

PERSON = Measurement(
    "person_passage",
    "one person at a lane",
    {
        "lane": "the lane",
        "direction": "in or out",
        "outcome": "what the barrier was told",
        "verdict": "of the screening",
        "place": "the place inside the plant that the lane leads into; `entrance` at the plant's own",
    },
    {
        "badge": "boolean: whether a badge was read",
        "skin_c": "°C: skin temperature, corrected against the reference; absent when unmeasured",
        "u_c": "K: its standard uncertainty",
        "limit_c": "°C: from where this lane said fever at that moment",
        "reference_c": "°C: the reference as seen",
        "looks": "integer: frames that the temperature is made of",
        "refusal": "string: why there is no temperature",
        "reasons": "string: all reasons of the decision, with commas",
    },
)
VEHICLE = Measurement(
    "vehicle_passage",
    "one vehicle at a lane",
    {"lane": "the lane", "direction": "in or out", "outcome": "what the barrier was told"},
    {
        "registered": "boolean",
        "confidence": "0 to 1: of the reading; absent when there is none",
        "reasons": "string: all reasons of the decision, with commas",
    },
)
DEVICE = Measurement(
    "device_state",
    "a device, or a gate, changed its health",
    {"device": "its name", "kind": "what it is", "health": "ok, degraded or failed"},
    {"detail": "string: what it said"},
)
GAP = Measurement(
    "gap",
    "events that were lost before they could be sent",
    {"cause": "why"},
    {"lost": "integer: how many, absent when unknown", "covers": "integer: numbers that the gap stands for"},
)
DISINFECTION = Measurement(
    "disinfection",
    "a place or a vehicle was disinfected",
    {"place": "the place, or `vehicle`"},
    {"agent": "string: what was used"},
)
SECONDARY = Measurement(
    "secondary_measurement",
    "a contact thermometer's reading",
    {"lane": "the lane"},
    {"body_c": "°C: what it showed", "outcome": "string: what the barrier was told because of it, if anything"},
)
OVERRIDE = Measurement(
    "override",
    "a guard decided otherwise than the lane",
    {"lane": "the lane", "outcome": "what the barrier was told"},
    {"why": "string: the guard's reason"},
)
LANE = Measurement(
    "lane_state",
    "a lane works in another way from then on",
    {"lane": "the lane", "mode": "screening, manual or open"},
    {"detail": "string: why"},
)
REGISTRATION = Measurement(
    "registration",
    "a visitor or a vehicle was registered at the gate",
    {"guest": "visitor or vehicle", "lane": "the lane"},
    {"valid_s": "seconds that it may pass for", "detailed": "boolean: whether the hub got the details"},
)
ROUND = Measurement(
    "round_due",
    "a round of disinfection had to be done by then; whether it was is told by `rounds_hour` and `rounds_day`",
    {"kind": "the kind of place", "place": "the place, or `vehicle`"},
    {"window_s": "seconds that it could be done within"},
)
DECLARED = Measurement(
    "health_declared",
    "somebody declared their health, or what was declared was seen to",
    {"concern": "none, note, call or ill"},
    {"settled": "boolean: seen to"},
)
UNREADABLE = Measurement("unreadable", "an event that this hub could not read, kept in the journal", {}, {})

SCHEMA = (
    PERSON,
    VEHICLE,
    DEVICE,
    GAP,
    DISINFECTION,
    SECONDARY,
    REGISTRATION,
    OVERRIDE,
    LANE,
    ROUND,
    DECLARED,
    UNREADABLE,
)


ROLLUPS = tuple(
    Measurement(f"{figure}_{span}", f"{about}, by {span}", tags, fields)
    for figure, about, tags, fields in (
        (
            "people",
            "people at lanes",
            {"lane": "the lane", "direction": "in or out"},
            {
                "passages": "integer",
                "allowed": "integer: let in",
                "denied": "integer: refused",
                "again": "integer: to be measured again",
                "other": "integer: of a decision that this hub does not know",
                "fevers": "integer",
                "suspects": "integer",
                "unmeasured": "integer: without a temperature",
                "skin_mean_c": "°C: mean of the skin temperatures; absent when there are none",
                "skin_min_c": "°C: the lowest",
                "skin_max_c": "°C: the highest",
            },
        ),
        (
            "skin",
            "people by skin temperature",
            {"lane": "the lane", "bin_c": "°C: the lower edge of a bin of 0.2 K"},
            {"people": "integer"},
        ),
        (
            "fevers",
            "people with a fever at lanes",
            {"lane": "the lane"},
            {
                "people": "integer",
                "skin_mean_c": "°C: mean of their skin temperatures",
                "skin_min_c": "°C: the lowest",
                "skin_max_c": "°C: the highest",
            },
        ),
        (
            "screening",
            "how lanes measure people",
            {"lane": "the lane"},
            {
                "measured": "integer: people with a temperature",
                "looks": "integer: frames that their temperatures are made of, all together",
                "skin_mc": "integer: the sum of their temperatures in thousandths of °C",
                "limited": "integer: of those measured, for whom the lane said from where it is a fever",
                "limit_mc": "integer: the sum of those limits in thousandths of °C",
                "unsynced": "integer: passages while the gate's clock was not synchronised",
            },
        ),
        (
            "refusals",
            "people without a temperature, by why",
            {"lane": "the lane", "refusal": "why there is none"},
            {"people": "integer"},
        ),
        (
            "vehicles",
            "vehicles at lanes",
            {"lane": "the lane", "direction": "in or out"},
            {
                "passages": "integer",
                "allowed": "integer: let in",
                "denied": "integer: refused",
                "again": "integer: to be read again",
                "other": "integer: of a decision that this hub does not know",
                "unregistered": "integer",
                "unread": "integer",
                "undisinfected": "integer",
            },
        ),
        (
            "reasons",
            "decisions by reason",
            {"kind": "person or vehicle", "reason": "of the decision"},
            {"passages": "integer"},
        ),
        ("device", "faults of devices", {"device": "its name"}, {"faults": "integer: how often it was told"}),
        ("disinfections", "disinfections", {"place": "the place, or `vehicle`"}, {"done": "integer"}),
        ("contact", "contact thermometers", {"lane": "the lane"}, {"measured": "integer"}),
        ("lost", "losses", {}, {"gaps": "integer", "events": "integer: known to be lost"}),
        ("events", "all events", {}, {"events": "integer", "late": "integer: over a minute late, of a backlog"}),
    )
    for span in Span
)
"""Figures over an hour (UTC) or a day of the site, at its beginning; they carry the tags site and gate, `events` the
urgency too."""

ROUND_FIGURES = tuple(
    Measurement(
        f"rounds_{span}",
        f"rounds of disinfection that had to be done, by {span}; the gate is `hub`",
        {"kind": "the kind of place", "place": "the place, or `vehicle`"},
        {
            "due": "integer: done, late and overdue together",
            "done": "integer: in time",
            "late": "integer: done, but after their time",
            "overdue": "integer: not done yet",
        },
    )
    for span in Span
)
"""Of what had to be done by a moment of that hour or day (`hub.rounds`): written again whenever it is done late."""


_TEAM = {"team": "the team's name; absent for who is in none", "shift": "the shift's name; absent where none is known"}
_ON_DUTY = {
    "on_duty": "integer: people on duty",
    "never": "integer: of these, not measured",
    "once": "integer: of these, measured once",
    "twice": "integer: of these, measured twice or more",
    "first_missing": "integer: not measured although the shift has begun",
    "second_missing": "integer: measured once although the shift is over",
    "missing": "integer: both of these",
}
_OFF_DUTY = {
    "away": "integer: people on leave, sick or travelling",
    "isolated": "integer: with an open case of isolation",
    "resting": "integer: whose day off it is",
    "unknown": "integer: of whom no shift is known, and who did not come",
    "uncalled": "integer: measured without being on duty",
}
DUTIES = (
    Measurement("duty_hour", "daily measurements of a team's shift, the newest of the hour", _TEAM, _ON_DUTY),
    Measurement(
        "duty_day", "the same of the site's day, at its beginning; written again until it is over", _TEAM, _ON_DUTY
    ),
    Measurement(
        "off_duty_day", "a team's people who are not on duty on the site's day", {"team": _TEAM["team"]}, _OFF_DUTY
    ),
)
"""双测, from `hub.duties`. They carry the tag site, and no person."""


def rollup_line(bucket: Bucket, sums: Sums) -> str:
    """A bucket in line protocol, nanoseconds, without a line end."""
    tags = ",".join(f"{key}={escape_tag(value)}" for key, value in sorted(bucket.figure.tags) if value)
    fields = ",".join(f"{key}={field_text(value)}" for key, value in sums.fields().items())
    return f"{bucket.figure.name}_{bucket.span},{tags} {fields} {bucket.start_ns}"


def line_of(entry: Entry) -> str:
    """The entry in line protocol, nanoseconds, without a line end."""
    event = entry.event()
    if isinstance(event, PersonPassage):
        return _person_line(entry, event)
    measurement, tags, fields = _parts(event)
    stream = entry.stream
    tags = {"site": stream.site, "gate": stream.gate, "urgency": stream.urgency.value, **tags}
    fields = {"seq": entry.seq, "epoch": stream.epoch, "late_s": _late_s(entry), **fields}
    if event is not None:
        fields["synced"] = event.clock.is_right
    if isinstance(event, Gap):
        fields["covers"] = entry.last - entry.seq + 1
    all_fields = ",".join(f"{key}={field_text(value)}" for key, value in fields.items() if _storable(value))
    return f"{measurement.name},{_tag_text(tags)} {all_fields} {point_time_ns(entry)}"


def _person_line(entry: Entry, event: PersonPassage) -> str:
    """Most events are these: written straight, for a hub that catches up writes tens of thousands a second."""
    head = _person_head(entry.stream, event.lane, event.direction, event.outcome, event.verdict, event.place)
    badge = "false" if event.badge is None else "true"
    refusal = f',refusal="{event.refusal}"' if event.refusal else ""
    reasons = f',reasons="{",".join(event.reasons)}"' if event.reasons else ""
    measured = "" if event.temperature is None else _temperature_text(event.temperature)
    synced = "true" if event.clock.is_right else "false"
    return (
        f"{head},late_s={_late_s(entry)!r},badge={badge}{refusal}{reasons}{measured},synced={synced},"
        f"seq={entry.seq}i {point_time_ns(entry)}"
    )


@lru_cache(maxsize=20_000)
def _person_head(
    stream: StreamId, lane: str, direction: Direction, outcome: Outcome, verdict: Verdict, place: str | None
) -> str:
    """Measurement, tags and the field that all points of a stream have alike."""
    tags = {
        "site": stream.site, "gate": stream.gate, "urgency": stream.urgency.value, "lane": lane,
        "direction": direction.value, "outcome": outcome.value, "verdict": verdict.value, "place": place or "entrance",
    }  # fmt: skip
    return f"{PERSON.name},{_tag_text(tags)} epoch={field_text(stream.epoch)}"


def _temperature_text(measured: Temperature) -> str:
    limit = "" if measured.limit_c is None else f",limit_c={float(measured.limit_c)!r}"
    reference = "" if measured.reference_c is None else f",reference_c={float(measured.reference_c)!r}"
    return f",skin_c={float(measured.skin_c)!r},u_c={float(measured.u_c)!r},looks={measured.looks}i{limit}{reference}"


def _late_s(entry: Entry) -> float:
    return max(0.0, (entry.received_ns - entry.time_ns) / 1e9)


def _tag_text(tags: dict[str, str]) -> str:
    return ",".join(f"{key}={escape_tag(value)}" for key, value in sorted(tags.items()) if value)


def point_time_ns(entry: Entry) -> int:
    """The event's microsecond, with the number modulo 1000 as its nanoseconds."""
    return entry.time_ns - entry.time_ns % 1000 + entry.seq % 1000


_Other = (
    VehiclePassage | DeviceState | Gap | Disinfection | SecondaryMeasurement | Registration | Override | LaneState
    | RoundDue | HealthDeclared
)  # fmt: skip
"""Every event but the passage of a person."""


def _parts(event: _Other | None) -> tuple[Measurement, dict[str, str], dict[str, FieldValue | None]]:  # noqa: C901, PLR0911 - one a kind
    match event:
        case VehiclePassage():
            tags = {"lane": event.lane, "direction": event.direction.value, "outcome": event.outcome.value}
            reasons = ",".join(event.reasons)
            return VEHICLE, tags, {"registered": event.registered, "confidence": event.confidence, "reasons": reasons}
        case DeviceState():
            tags = {"device": event.device, "kind": event.kind.value, "health": event.health.value}
            return DEVICE, tags, {"detail": event.detail}
        case Gap():
            return GAP, {"cause": event.cause.value}, {"lost": event.lost}
        case Disinfection():
            return DISINFECTION, {"place": event.place or "vehicle"}, {"agent": event.agent}
        case SecondaryMeasurement():
            outcome = event.outcome.value if event.outcome else None
            return SECONDARY, {"lane": event.lane}, {"body_c": float(event.body_c), "outcome": outcome}
        case Registration():
            tags = {"guest": event.guest.value, "lane": event.lane or ""}
            valid_s = max(0.0, (event.until_ns - event.time_ns) / 1e9)
            return REGISTRATION, tags, {"valid_s": valid_s, "detailed": bool(event.sealed)}
        case Override():
            return OVERRIDE, {"lane": event.lane, "outcome": event.outcome.value}, {"why": event.why}
        case LaneState():
            return LANE, {"lane": event.lane, "mode": event.mode.value}, {"detail": event.detail}
        case RoundDue():
            tags = {"kind": event.kind, "place": event.place or "vehicle"}
            return ROUND, tags, {"window_s": max(0.0, (event.time_ns - event.from_ns) / 1e9)}
        case HealthDeclared():
            return DECLARED, {"concern": event.concern}, {"settled": event.settled}
        case None:
            return UNREADABLE, {}, {}


def _storable(value: FieldValue | None) -> bool:
    return value is not None and value != "" and not (isinstance(value, float) and not math.isfinite(value))


def escape_tag(value: str) -> str:
    """A tag's value as line protocol has it."""
    return value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ").replace("\n", "\\n")


def field_text(value: FieldValue | None) -> str:
    """A field's value as line protocol has it."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return f"{value}i"
        case float():
            return repr(value)
        case _:
            return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'
