"""What a snapshot means to a person, before it is a page or a terminal: levels, times, sentences. Pure.

Colour is only for what is abnormal, and never alone: each level but `calm` comes with words. There is no green;
`unknown` (no data) looks like nothing good.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from itertools import chain

from msgspec import Struct

from hub.board import AlertRow, DeviceRow, GateRow, PassageRow, ProjectionRow, Snapshot
from hub.web.words import WORDS, Lang, known, name, say
from wire.events import MAX_TIME_NS, Direction, Outcome, Reason, Temperature, Verdict
from wire.releases import Phase

LATE_S = 60.0
"""A passage that came this much after the fact is marked: it was caught up after an outage."""
OLD_REGISTRY_S = 900.0
"""A beat confirms a gate's copy of the registry every few seconds: one that waited so long for it has a fault."""
NEVER = "—"
_SECOND_NS = 1_000_000_000
_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Level(StrEnum):
    """How much something calls for attention, from nothing to at once."""

    CALM = "calm"
    UNKNOWN = "unknown"
    NOTE = "note"
    WARN = "warn"
    GRAVE = "grave"


_RANK = {level: rank for rank, level in enumerate(Level)}


def worst(levels: Iterable[Level]) -> Level:
    """The level that calls loudest; calm where there is none."""
    return max(levels, key=_RANK.__getitem__, default=Level.CALM)


class Overall(Struct, frozen=True):
    """The state of the whole site in words: a headline and what it stands on."""

    level: Level
    headline: str
    details: tuple[str, ...]


# ── levels ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_GATE_LEVELS = {"online": Level.CALM, "silent": Level.WARN, "offline": Level.GRAVE}
_DEVICE_LEVELS = {"ok": Level.CALM, "degraded": Level.WARN, "failed": Level.GRAVE}
_ALERT_LEVELS = {"critical": Level.GRAVE, "warning": Level.WARN, "info": Level.NOTE}
_READER_LEVELS = {"live": Level.CALM, "catching-up": Level.NOTE, "waiting": Level.WARN}
_TOLD_LEVELS = {"delivered": Level.CALM, "pending": Level.NOTE, "late": Level.NOTE}
_VERDICT_LEVELS = {
    Verdict.FEVER: Level.GRAVE,
    Verdict.SUSPECT: Level.WARN,
    Verdict.UNMEASURED: Level.NOTE,
    Verdict.OTHER: Level.NOTE,
}
_VERDICT_REASONS = {
    Verdict.NORMAL: Reason.TEMPERATURE_NORMAL,
    Verdict.SUSPECT: Reason.SUSPECT,
    Verdict.FEVER: Reason.FEVER,
    Verdict.UNMEASURED: Reason.UNMEASURED,
}
_OUTCOME_LEVELS = {Outcome.DENY: Level.WARN, Outcome.REMEASURE: Level.NOTE, Outcome.OTHER: Level.NOTE}


def gate_level(row: GateRow) -> Level:
    """How much the gate's own state calls for attention."""
    return _GATE_LEVELS.get(row.state, Level.UNKNOWN)


def card_level(row: GateRow) -> Level:
    """The gate's own state, its devices', its spool's and its registry's, whichever is worst."""
    own = (gate_level(row), spool_level(row), registry_level(row), settings_level(row))
    return worst((*own, *map(device_level, row.devices)))


def device_level(row: DeviceRow) -> Level:
    return _DEVICE_LEVELS.get(row.health, Level.UNKNOWN)


def alert_level(row: AlertRow) -> Level:
    return _ALERT_LEVELS.get(row.severity, Level.WARN)


def told_level(row: AlertRow) -> Level:
    """How much it matters whether somebody was told: an untold alert is itself abnormal."""
    return _TOLD_LEVELS.get(row.told, Level.WARN)


def reader_level(row: ProjectionRow) -> Level:
    return _READER_LEVELS.get(row.state, Level.UNKNOWN)


def verdict_level(row: PassageRow) -> Level:
    return _VERDICT_LEVELS.get(row.verdict, Level.CALM) if row.verdict is not None else Level.CALM


def outcome_level(row: PassageRow) -> Level:
    return _OUTCOME_LEVELS.get(row.outcome, Level.CALM)


def passage_level(row: PassageRow) -> Level:
    """The worse of what was measured and what was decided."""
    return worst((verdict_level(row), outcome_level(row)))


def spool_level(row: GateRow) -> Level:
    """Urgent events that wait are worth a look, routine ones a note."""
    if row.spool_urgent:
        return Level.WARN
    return Level.NOTE if row.spool_routine else Level.CALM


def registry_level(row: GateRow) -> Level:
    """A copy that nobody confirms lets in who should be out; one that waits for shards soon has them."""
    held = row.registry
    if held is None:
        return Level.CALM
    if held.age_s is None or held.age_s >= OLD_REGISTRY_S:
        return Level.WARN
    return Level.NOTE if held.waiting else Level.CALM


def settings_level(row: GateRow) -> Level:
    """A gate that does not run what it is to run decides by other rules than the office believes."""
    held = row.configuration
    if held is None or row.wanted is None or held.running == row.wanted:
        return Level.NOTE if held is not None and held.trial else Level.CALM
    return Level.WARN


def release_level(row: GateRow) -> Level:
    """An update that was gone back from wants a look; one that is under way is no trouble."""
    held = row.release
    if held is None:
        return Level.CALM
    if not held.works:
        return Level.WARN
    return Level.CALM if held.phase is Phase.IDLE else Level.NOTE


# ── the whole site ──────────────────────────────────────────────────────────────────────────────────────────────────


def overall(snapshot: Snapshot, problems: dict[str, str], lang: Lang) -> Overall:
    """The site's state in words; `problems` is what the hub itself says is not well (`BoardSource.ready`)."""
    found = list(
        chain(_found_alerts(snapshot, lang), _found_gates(snapshot, lang), _found_hub(snapshot, problems, lang))
    )
    if not snapshot.gates:
        found.append((Level.UNKNOWN, say(lang, "overall.no-gate")))
    level = worst(level for level, _ in found)
    details = tuple(words for _, words in found) or (say(lang, "overall.calm"),)
    return Overall(level, say(lang, f"level.{level}"), details)


def _found_alerts(snapshot: Snapshot, lang: Lang) -> Iterable[tuple[Level, str]]:
    for severity, level in _ALERT_LEVELS.items():
        n = sum(alert.severity == severity and alert.state != "resolved" for alert in snapshot.alerts)
        if n:
            yield level, say(lang, f"overall.{severity}", n=n)


def _found_gates(snapshot: Snapshot, lang: Lang) -> Iterable[tuple[Level, str]]:
    for state in ("offline", "silent"):
        names = [plain(gate.gate) for gate in snapshot.gates if gate.state == state]
        if names:
            yield _GATE_LEVELS[state], say(lang, f"overall.{state}", names=listed(lang, names))
    old = [plain(gate.gate) for gate in snapshot.gates if registry_level(gate) is Level.WARN]
    if old:
        yield Level.WARN, say(lang, "overall.registry", names=listed(lang, old))
    for health in ("failed", "degraded"):
        n = sum(device.health == health for gate in snapshot.gates for device in gate.devices)
        if n:
            yield _DEVICE_LEVELS[health], say(lang, f"overall.{health}", n=n)


def _found_hub(snapshot: Snapshot, problems: dict[str, str], lang: Lang) -> Iterable[tuple[Level, str]]:
    for what, why in problems.items():
        told = say(lang, key) if (key := f"unready.{what}") in WORDS else plain(f"{what}: {why}")
        yield Level.WARN, say(lang, "overall.unready", what=told)
    behind = [row for row in snapshot.projections if reader_level(row) is not Level.CALM]
    if behind:
        names = listed(lang, (label(lang, "reader", row.name) for row in behind))
        yield worst(map(reader_level, behind)), say(lang, "overall.readers", names=names)
    if snapshot.dead_letters:
        yield Level.NOTE, say(lang, "overall.dead", n=snapshot.dead_letters)


# ── times and figures ───────────────────────────────────────────────────────────────────────────────────────────────


def local(time_ns: int, zone: tzinfo | None) -> datetime | None:
    """A wall-clock time in `zone` (None: the machine's own); None for what no event can carry."""
    if not 0 < time_ns <= MAX_TIME_NS:
        return None
    return datetime.fromtimestamp(time_ns // _SECOND_NS, UTC).astimezone(zone)


def clock(time_ns: int, zone: tzinfo | None, now_ns: int | None = None) -> str:
    """`08:12:03`, with the date before it where that is not the day of `now_ns`."""
    moment = local(time_ns, zone)
    if moment is None:
        return NEVER
    now = local(now_ns, zone) if now_ns is not None else None
    today = now is None or moment.date() == now.date()
    return f"{moment:%H:%M:%S}" if today else f"{moment:%m-%d %H:%M:%S}"


def brief(time_ns: int, zone: tzinfo | None, now_ns: int) -> str:
    """A time for narrow columns: `08:12:03` of today, `11-23 08:12` of another day."""
    words = clock(time_ns, zone, now_ns)
    return words[:-3] if " " in words else words


def date(time_ns: int, zone: tzinfo | None) -> str:
    moment = local(time_ns, zone)
    return NEVER if moment is None else f"{moment:%Y-%m-%d}"


def offset(time_ns: int, zone: tzinfo | None) -> str:
    """The zone's distance from UTC at that time: `UTC+08:00`."""
    moment = local(time_ns, zone)
    return "" if moment is None else f"UTC{moment.isoformat()[19:]}"


def iso(time_ns: int, zone: tzinfo | None) -> str:
    """For machines that read the page (the `datetime` attribute)."""
    moment = local(time_ns, zone)
    return "" if moment is None else moment.isoformat()


def lasted(lang: Lang, seconds: float) -> str:
    """A duration in its two largest units; a negative one (clocks differ) or none at all counts as 0."""
    s = int(min(seconds, MAX_TIME_NS / _SECOND_NS)) if seconds > 0 else 0
    if s < 60:
        return say(lang, "unit.s", n=s)
    if s < 3600:
        return say(lang, "unit.min", n=s // 60)
    if s < 86400:
        return _two(lang, ("h", s // 3600), ("min", s % 3600 // 60))
    return _two(lang, ("d", s // 86400), ("h", s % 86400 // 3600))


def _two(lang: Lang, *parts: tuple[str, int]) -> str:
    return " ".join(say(lang, f"unit.{unit}", n=n) for unit, n in parts if n)


def ago(lang: Lang, time_ns: int, now_ns: int) -> str:
    """`12 s ago`, or that it never was."""
    if time_ns <= 0:
        return say(lang, "seen-never")
    return say(lang, "seen-ago", ago=lasted(lang, (now_ns - time_ns) / _SECOND_NS))


def skin(temperature: Temperature) -> str:
    """The skin temperature in °C, to a tenth."""
    return f"{temperature.skin_c:.1f}"


def spread(temperature: Temperature) -> str:
    """Its standard uncertainty in K, to a tenth."""
    return f"{temperature.u_c:.1f}"


def reading(temperature: Temperature) -> str:
    """The skin temperature and its standard uncertainty in °C: `36.4 ± 0.2`."""
    return f"{skin(temperature)} ± {spread(temperature)}"


def is_late(row: PassageRow) -> bool:
    """Whether the passage was caught up after an outage."""
    return row.late_s >= LATE_S


# ── words for rows ──────────────────────────────────────────────────────────────────────────────────────────────────


def why(row: PassageRow, lang: Lang, *, with_verdict: bool = False) -> str:
    """The reasons of the decision; the one that only repeats the verdict is left out unless `with_verdict`."""
    told = None if with_verdict else _VERDICT_REASONS.get(row.verdict) if row.verdict else None
    return listed(lang, (name(lang, reason) for reason in row.reasons if reason is not told))


def listed(lang: Lang, words: Iterable[str]) -> str:
    """Words in a row with the language's own comma."""
    return ("，" if lang == "zh" else ", ").join(words)


def who(row: PassageRow, lang: Lang) -> str:
    """`person` or `vehicle`, and the way where it is not in."""
    kind = label(lang, "kind", row.kind)
    return kind if row.direction is Direction.IN else listed(lang, (kind, name(lang, row.direction)))


def measured(row: PassageRow, lang: Lang) -> str:
    """The reading, or why there is none, or nothing for a vehicle."""
    if row.temperature is not None:
        return reading(row.temperature)
    if row.refusal is not None:
        return name(lang, row.refusal)
    return NEVER if row.kind == "person" else ""


def spool(row: GateRow, lang: Lang) -> str:
    """What waits at the gate, urgent first."""
    waiting = [
        say(lang, f"spool-{urgency}", n=n)
        for urgency, n in (("urgent", row.spool_urgent), ("routine", row.spool_routine))
        if n
    ]
    return listed(lang, waiting) or say(lang, "spool-empty")


def registry(row: GateRow, lang: Lang) -> str:
    """How many tokens the gate's copy holds, how old it is, and what it still waits for."""
    held = row.registry
    if held is None:
        return NEVER
    parts = [say(lang, "registry-entries", n=held.entries)]
    if held.age_s is None:
        parts.append(say(lang, "registry-never"))
    else:
        parts.append(say(lang, "registry-age", ago=lasted(lang, held.age_s)))
    if held.waiting:
        parts.append(say(lang, "registry-waiting", n=held.waiting))
    return listed(lang, parts)


def settings(row: GateRow, lang: Lang) -> str:
    """What the gate runs, and how that differs from what it is to run."""
    held = row.configuration
    if held is None:
        return NEVER
    runs = say(lang, "settings-own") if held.running == 0 else say(lang, "settings-version", version=held.running)
    parts = [runs]
    if held.trial:
        parts.append(say(lang, "settings-trial"))
    if row.wanted is not None and held.running != row.wanted:
        turned_down = held.turned_down == row.wanted
        key = "settings-turned-down" if turned_down else "settings-wanted"
        parts.append(say(lang, key, version=row.wanted, why=plain(held.why)))
    return listed(lang, parts)


def release(row: GateRow, lang: Lang) -> str:
    """Which version runs, and how far an update is, or why the last did not work."""
    held = row.release
    if held is None:
        return NEVER
    parts = [say(lang, "release-runs", version=plain(held.version))]
    if held.phase is not Phase.IDLE:
        parts.append(say(lang, f"release-{held.phase}", share=f"{held.loaded:.0%}"))
    elif not held.works:
        parts.append(say(lang, "release-failed", why=plain(held.why)))
    return listed(lang, parts)


def sick_devices(row: GateRow) -> list[DeviceRow]:
    """The devices that are not known to work."""
    return [device for device in row.devices if device_level(device) is not Level.CALM]


def devices(row: GateRow, lang: Lang) -> str:
    """How many devices work; of a gate that does not report, what was last known."""
    total, sick = len(row.devices), len(sick_devices(row))
    if not total:
        return say(lang, "no-devices")
    words = say(lang, "some-devices-ok", n=total - sick, total=total) if sick else say(lang, "all-devices-ok", n=total)
    return words if row.state == "online" else say(lang, "last-known", what=words)


def place(gate: str, lane: str) -> str:
    """`north / a`, or the gate alone."""
    return " / ".join(plain(part) for part in (gate, lane) if part)


def missing_list(row: AlertRow) -> str:
    """Where the people are listed of whom an alert of missed checks tells."""
    _, _, team, shift, day = row.key.split("/")
    return f"/duties?day={day}&team={team}&shift={shift}&show=missing"


def label(lang: Lang, kind: str, value: str) -> str:
    """The words of a value that the board holds as text (`words.known`), fit to be shown."""
    return plain(known(lang, kind, value))


def plain(text: str) -> str:
    """Text that cannot steer a terminal or turn a line around: controls and bidirectional marks become `�`.

    Device and alert details come from outside; an escape sequence in one must be seen, not obeyed.
    """
    return "".join("\ufffd" if _steers(char) else char for char in text)


def _steers(char: str) -> bool:
    return char in _BIDI_CONTROLS or unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}
