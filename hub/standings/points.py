"""A point that the hub makes of how things stand, and its line. No person is in it: counts, places and states only."""

from __future__ import annotations

from typing import NamedTuple

from hub.measurements import FieldValue, Measurement, escape_tag, field_text

HOUR_NS = 3600 * 10**9


class Point(NamedTuple):
    """One point: it takes the place of the one of its name, tags and time. Tags stand in their order, without empty
    ones; a point always has all its fields, for the time series keep those that a newer point leaves out."""

    name: str
    tags: tuple[tuple[str, str], ...]
    time_ns: int
    fields: dict[str, FieldValue]


def tags_of(**tags: str) -> tuple[tuple[str, str], ...]:
    """Tags in the order of their names; the empty ones are left out, as the time series want it."""
    return tuple(sorted((key, value) for key, value in tags.items() if value))


def point_line(point: Point) -> str:
    """A point in line protocol, nanoseconds, without a line end."""
    tags = "".join(f",{key}={escape_tag(value)}" for key, value in point.tags)
    fields = ",".join(f"{key}={field_text(value)}" for key, value in sorted(point.fields.items()))
    return f"{point.name}{tags} {fields} {point.time_ns}"


SITE = Measurement(
    "site_hour",
    "how the site stands, the newest of the hour",
    {},
    {
        "gates": "integer: gates that are known",
        "online": "integer: that report",
        "silent": "integer: that do not, silent or offline",
        "devices": "integer: devices that are known",
        "failed": "integer: that failed",
        "degraded": "integer: that work less well",
        "critical": "integer: open critical alerts",
        "warnings": "integer: open warnings",
        "notices": "integer: open notices",
        "unsent": "integer: events that wait at gates",
    },
)
PULSE = Measurement(
    "pulse_hour",
    "a gate's pulse, the newest of the hour",
    {"gate": "the gate's name"},
    {
        "state": "integer: 0 online, 1 silent, 2 offline",
        "worst": "integer: the worst state of the hour",
        "seen_ms": "integer: when it was last heard of, ms since 1970; 0 when never",
        "version": "string: of its program",
        "unsent": "integer: events that wait there",
        "unsent_most": "integer: the most of the hour",
        "oldest_s": "seconds that the oldest of them waits",
        "registry_age_s": "seconds since a hub confirmed its copy of the registry; -1 when never",
        "registry_entries": "integer: tokens in that copy",
        "clock": "integer: 0 synchronised, 1 not",
    },
)
HEALTH = Measurement(
    "health_hour",
    "a device's health, the newest of the hour",
    {"gate": "the gate's name", "device": "its name", "kind": "what it is"},
    {"health": "integer: 0 ok, 1 degraded, 2 failed, 3 unknown", "worst": "integer: the worst of the hour"},
)
CAMERA = Measurement(
    "camera_hour",
    "a camera against its reference, by the gate's pulse",
    {"gate": "the gate's name", "camera": "its name"},
    {
        "drift_c": "K: the reference as seen minus its set temperature, the newest of the hour",
        "drift_min_c": "K: the lowest of the hour",
        "drift_max_c": "K: the highest of the hour",
        "frames_per_s": "frames a second; 0 when unknown",
    },
)
MACHINE = Measurement(
    "machine_hour",
    "a gate's machine, the newest of the hour; -1 is what it does not tell, of a temperature -273.15",
    {"gate": "the gate's name"},
    {
        "cpu_c": "°C: its processor",
        "cpu_max_c": "°C: the highest of the hour",
        "power": "integer: 0 enough, 1 undervoltage since its boot, 2 now",
        "slowed": "integer: 0 no, 1 slowed down by heat since its boot, 2 now",
        "memory_mb": "MB that the agent takes",
        "memory_free_mb": "MB free",
        "disk_free_mb": "MB free beside the spool",
        "disk_least_mb": "MB: the least of the hour",
        "wear_percent": "integer: how much of the storage's life is used, at most",
        "written_gb": "GB ever written to the spool's file system",
        "disk_errors": "integer: faults of that file system",
        "clock_ahead_s": "seconds: its clock minus the hub's",
        "clock_error_s": "seconds that its kernel takes the clock to be wrong at most",
        "uptime_s": "seconds since the agent's start, to the minute",
        "safe": "integer: 1 in safe mode",
    },
)
ALERT = Measurement(
    "alert",
    "one alert, at its beginning",
    {"gate": "the gate's name", "rule": "what it is", "severity": "critical, warning or info"},
    {
        "id": "integer: its number, for its page on the console",
        "open": "integer: 1 until it is resolved",
        "unseen": "integer: 1 until somebody acknowledges it",
        "state": "string: of its life",
        "count": "integer: how often its cause was told",
        "zh": "string: what it is, in Chinese",
        "en": "string: what it is, in English",
    },
)
SHIFT = Measurement(
    "shift",
    "a shift begins",
    {"shift": "its number in the register"},
    {"zh": "string: its name, in a Chinese sentence", "en": "string: in an English one"},
)
WARD = Measurement(
    "ward_hour",
    "an isolation place, the newest of the hour",
    {"place": "the place"},
    {
        "isolated": "integer: people there",
        "capacity": "integer: how many it takes",
        "percent": "per cent of it that is taken",
    },
)
CAUSES = Measurement(
    "cause_hour",
    "people in isolation by cause, the newest of the hour",
    {"cause": "why"},
    {"isolated": "integer: people with an open case"},
)
CASES = Measurement(
    "isolation_hour",
    "isolation at the site, the newest of the hour",
    {},
    {
        "isolated": "integer: people with an open case",
        "capacity": "integer: how many the places take",
        "free": "integer: how many more they take",
        "unplaced": "integer: of those isolated, in no place and no hospital",
        "unmeasured": "integer: of those isolated, with fewer than two readings today",
        "unreported": "integer: of those isolated, that the district was not told of",
        "over": "integer: of those isolated, whose days are over",
    },
)
DECLARED = Measurement(
    "declared_day",
    "daily declarations of health, the newest of the day",
    {"team": "the team's name; absent for who is in none"},
    {
        "due": "integer: people who are asked to declare today",
        "declared": "integer: of these, who declared today",
        "missing": "integer: of these, who did not",
        "concerns": "integer: people of the team who declared something that nobody has looked into yet",
    },
)

STANDINGS = (SITE, PULSE, HEALTH, CAMERA, MACHINE, ALERT, SHIFT, WARD, CAUSES, CASES, DECLARED)
"""All of them; each carries the tag site too."""
