"""What is known of a gate, in words: its machine, its certificate, its settings. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import unified_diff
from typing import NamedTuple

from hub.board import GateRow, GateVitals, Snapshot
from hub.clock_gap import WRONG_S
from hub.configurations.desk import Wanted
from hub.token_keys.desk import Standing
from hub.trust.gates import GateRow as Enrolled
from hub.web.view import Level, gate_level, lasted, listed, plain, worst
from hub.web.words import Lang, say
from wire.machine import (
    CLOCK_ERROR_S,
    HOT_C,
    SINCE_BOOT,
    SLOWED,
    SPARE_LOW,
    UNDERVOLTAGE,
    WORN_OUT_PERCENT,
    WORN_PERCENT,
    Machine,
)

SOON_NS = 10 * 86_400 * 10**9
"""A certificate is renewed with a third of its life left: one that is this close to its end was not."""
LITTLE_MB, DRIFT_C = 500.0, 0.2
_MOST_DIFF_LINES = 200


class GateLine(NamedTuple):
    """One gate, from wherever it is known; None is what it is not known from."""

    name: str
    row: GateRow | None
    enrolled: Enrolled | None
    wanted: Wanted | None
    keys: Standing | None = None
    """How far a change of the site's token key is, at all gates."""


class Fact(NamedTuple):
    """One thing about a gate: the key of its name, what it is, and whether it calls for attention."""

    key: str
    text: str
    level: Level = Level.CALM


def lines_of(
    snapshot: Snapshot,
    site: str,
    enrolled: Sequence[Enrolled],
    wanted: Mapping[str, Wanted],
    keys: Standing | None = None,
) -> list[GateLine]:
    """Every gate of the site that was heard of, enrolled, expected or told what to run, by name."""
    heard = {row.gate: row for row in snapshot.gates if row.site == site}
    known = {row.gate: row for row in enrolled}
    names = sorted(heard | known | dict(wanted))
    return [GateLine(name, heard.get(name), known.get(name), wanted.get(name), keys) for name in names]


def state_level(line: GateLine) -> Level:
    return Level.UNKNOWN if line.row is None else gate_level(line.row)


def line_level(line: GateLine, *facts: Fact | None) -> Level:
    """The gate's own state and what is known of it, whichever is worst."""
    return worst((state_level(line), *(fact.level for fact in facts if fact is not None)))


# -- certificate -------------------------------------------------------------------------------------------------------


def certificate(line: GateLine, now_ns: int, lang: Lang, date: str) -> Fact:
    """`date` is the day of what there is to say: see `certificate_ns`."""
    found = line.enrolled
    if found is None:
        return Fact("gate.certificate", say(lang, "gate.certificate.none"), Level.NOTE)
    if found.until_ns is not None:
        left_ns = found.until_ns - now_ns
        level = Level.GRAVE if left_ns <= 0 else Level.WARN if left_ns < SOON_NS else Level.CALM
        key = "gate.certificate.over" if left_ns <= 0 else "gate.certificate.until"
        return Fact("gate.certificate", say(lang, key, date=date), level)
    if found.expected_until_ns is not None:
        return Fact("gate.certificate", say(lang, "gate.certificate.expected", date=date), Level.NOTE)
    if found.revoked_ns is not None:
        return Fact("gate.certificate", say(lang, "gate.certificate.revoked", date=date), Level.WARN)
    return Fact("gate.certificate", say(lang, "gate.certificate.unused"), Level.NOTE)


def certificate_ns(line: GateLine) -> int:
    found = line.enrolled
    if found is None:
        return 0
    return found.until_ns or found.expected_until_ns or found.revoked_ns or 0


# -- token key ---------------------------------------------------------------------------------------------------------


def token_key(line: GateLine, lang: Lang) -> Fact | None:
    """Whether an enrolled gate works by the site's newest token key, and if not why; None where it never changed."""
    keys = line.keys
    if keys is None or keys.current is None or line.name not in keys.enrolled:
        return None
    if line.name not in keys.missing:
        return Fact("gate.key", say(lang, "gate.key.newest"))
    held = line.row.token_key if line.row else None
    if held is not None and held.why:
        return Fact("gate.key", say(lang, "gate.key.fault", why=plain(held.why)), Level.WARN)
    return Fact("gate.key", say(lang, "gate.key.waiting"), Level.NOTE)


def key_change(lines: Sequence[GateLine], lang: Lang) -> str:
    """How far a change of the token key is that is not finished; empty where none is."""
    keys = next((line.keys for line in lines if line.keys is not None), None)
    if keys is None or keys.current is None or not keys.current.is_open:
        return ""
    have = len(keys.enrolled) - len(keys.missing)
    return say(lang, "gate.key.change", have=have, all=len(keys.enrolled))


# -- settings ----------------------------------------------------------------------------------------------------------


def settings(line: GateLine, lang: Lang) -> Fact:
    """Where what the hub wants it to run stands: not taken yet, on trial, confirmed, or turned down with why."""
    wanted, held = line.wanted, line.row.configuration if line.row else None
    version = wanted.version if wanted is not None and wanted.text else 0
    if not version and (held is None or not held.running):
        return Fact("settings", say(lang, "settings-own"))
    if held is None:
        return Fact("settings", say(lang, "gate.settings.untold", version=version), Level.NOTE)
    if held.running == version:
        key = "gate.settings.trial" if held.trial else "gate.settings.confirmed" if version else "settings-own"
        return Fact("settings", say(lang, key, version=version), Level.NOTE if held.trial else Level.CALM)
    if held.turned_down and held.turned_down == version:
        text = say(lang, "gate.settings.turned-down", version=version, running=_version(held.running, lang))
        return Fact("settings", text, Level.WARN)
    text = say(lang, "gate.settings.drift", version=_version(version, lang), running=_version(held.running, lang))
    return Fact("settings", text, Level.WARN)


def why_turned_down(line: GateLine) -> str:
    """The gate's own words, where the newest version is the one that it turned down."""
    wanted, held = line.wanted, line.row.configuration if line.row else None
    if wanted is None or held is None or held.turned_down != wanted.version:
        return ""
    return plain(held.why)


def changes(before: str, after: str) -> list[str]:
    """What sending would change, line by line, as diff(1) marks it; empty where nothing would."""
    found = unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    shown = [line for line in found if not line.startswith(("---", "+++"))]
    return shown[:_MOST_DIFF_LINES] + (["…"] if len(shown) > _MOST_DIFF_LINES else [])


def _version(version: int, lang: Lang) -> str:
    return say(lang, "settings-version", version=version) if version else say(lang, "settings-own")


# -- the machine -------------------------------------------------------------------------------------------------------


def facts(row: GateRow, lang: Lang) -> list[Fact]:
    """All that the gate's last pulse says of its machine; what it does not tell is left out, but for wear."""
    said = row.vitals
    return [] if said is None else list(_facts(row, said, lang))


def brief(row: GateRow, lang: Lang) -> Fact | None:
    """Heat, room and clock in one line, as bad as the worst of the machine; None of a gate that says nothing of it."""
    found = facts(row, lang)
    if not found:
        return None
    level = worst(fact.level for fact in found)
    bad = [fact for fact in found if fact.level in {Level.WARN, Level.GRAVE}]
    usual = [fact for fact in found if fact.key in {"vital.cpu", "vital.room", "vital.clock"}]
    return Fact("machine", listed(lang, (fact.text for fact in (bad or usual))), level)


def _facts(row: GateRow, said: GateVitals, lang: Lang) -> Iterator[Fact]:
    machine = said.machine
    if said.safe:
        yield Fact("vital.safe", say(lang, "vital.safe.yes"), Level.GRAVE)
    if machine.cpu_c is not None:
        level = Level.WARN if machine.cpu_c >= HOT_C else Level.CALM
        yield Fact("vital.cpu", f"{machine.cpu_c:.0f} °C", level)
    if machine.throttled is not None:
        yield _power(machine.throttled, lang)
    if said.disk_free_mb is not None:
        level = Level.WARN if said.disk_free_mb < LITTLE_MB else Level.CALM
        yield Fact("vital.room", say(lang, "vital.room.free", size=_size(said.disk_free_mb)), level)
    yield _wear(machine, lang)
    if said.memory_mb is not None:
        free = "" if machine.memory_free_mb is None else _size(machine.memory_free_mb)
        key = "vital.memory.both" if free else "vital.memory.own"
        yield Fact("vital.memory", say(lang, key, own=_size(said.memory_mb), free=free))
    yield from _clock(said, lang)
    for lane, rate in sorted(row.frames_per_s.items()):
        text = say(lang, "vital.frames.rate", lane=plain(lane), rate=f"{rate:.1f}")
        yield Fact("vital.frames", text, Level.CALM if rate else Level.NOTE)
    for lane, drift_c in sorted(said.drift_c.items()):
        level = Level.WARN if abs(drift_c) > DRIFT_C else Level.CALM
        yield Fact("vital.drift", f"{plain(lane)} {drift_c:+.2f} K", level)
    yield Fact("vital.uptime", lasted(lang, said.uptime_s))
    if machine.read_only_root is not None:
        yield Fact("vital.root", say(lang, "vital.root.ro" if machine.read_only_root else "vital.root.rw"))


def _power(bits: int, lang: Lang) -> Fact:
    if bits & UNDERVOLTAGE:
        return Fact("vital.power", say(lang, "vital.power.low"), Level.WARN)
    if bits & SLOWED:
        return Fact("vital.power", say(lang, "vital.power.hot"), Level.WARN)
    if bits >> SINCE_BOOT:
        return Fact("vital.power", say(lang, "vital.power.once"), Level.NOTE)
    return Fact("vital.power", say(lang, "vital.power.well"))


def _wear(machine: Machine, lang: Lang) -> Fact:
    worn, errors = machine.wear_percent, machine.disk_errors or 0
    parts = [plain(machine.storage)] if machine.storage else []
    parts.append(say(lang, "vital.wear.untold") if worn is None else say(lang, "vital.wear.percent", n=worn))
    if machine.spare_state is not None and machine.spare_state >= SPARE_LOW:
        parts.append(say(lang, "vital.wear.spare"))
    if errors:
        parts.append(say(lang, "vital.wear.errors", n=errors))
    if machine.written_gb is not None:
        parts.append(say(lang, "vital.wear.written", gb=f"{machine.written_gb:,.0f}"))
    if machine.in_memory:
        parts.append(say(lang, "vital.wear.memory"))
    is_over = (worn or 0) > WORN_OUT_PERCENT or machine.in_memory
    is_near = (worn or 0) >= WORN_PERCENT or errors or (machine.spare_state or 0) >= SPARE_LOW
    level = Level.GRAVE if is_over else Level.WARN if is_near else Level.CALM
    return Fact("vital.wear", listed(lang, parts), level)


def _clock(said: GateVitals, lang: Lang) -> Iterator[Fact]:
    clock, ahead_s = said.machine.clock, said.clock_ahead_s
    if clock is not None and not clock.synced:
        yield Fact("vital.clock", say(lang, "vital.clock.free"), Level.WARN)
    elif clock is not None and clock.error_s is not None:
        level = Level.WARN if clock.error_s > CLOCK_ERROR_S else Level.CALM
        yield Fact("vital.clock", say(lang, "vital.clock.error", s=f"{clock.error_s:.2f}"), level)
    if ahead_s is not None and abs(ahead_s) > WRONG_S:
        key = "vital.clock.ahead" if ahead_s > 0 else "vital.clock.behind"
        yield Fact("vital.clock", say(lang, key, time=lasted(lang, abs(ahead_s))), Level.WARN)


def _size(mb: float) -> str:
    return f"{mb / 1000:.1f} GB" if mb >= 1000 else f"{mb:.0f} MB"
