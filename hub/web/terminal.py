"""The board for a terminal: a full screen as a rich renderable, or plain lines. Pure, so tests need no terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from typing import TypeVar

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.layout import Layout
from rich.table import Table
from rich.text import Text

from hub.alerts.texts import detail_of
from hub.board import AlertRow, GateRow, PassageRow, ProjectionRow, Snapshot
from hub.web import view
from hub.web.view import Level, label, plain
from hub.web.words import Lang, name, say

T = TypeVar("T")

STYLES = {
    Level.CALM: "",
    Level.UNKNOWN: "italic dim",
    Level.NOTE: "bold dodger_blue1",
    Level.WARN: "bold dark_orange3",
    Level.GRAVE: "bold white on #8c0d12",
}
"""Readable on dark and on light terminals; no green, and always beside words."""
WIDE = 150
"""From this many columns on, the passages stand beside the gates instead of under them."""
ROOMY = 88
"""From this many columns on, a passage has a column for its verdict."""
TOKENS = 116
"""From this many columns on, a passage shows its token: reasons are worth more."""
_HEADER_LINES = 3
_OPENING_PASSAGES = 10


class Screen:
    """One board as a full screen that fits whatever size it is drawn at, from 80x24 up.

    `age_s` is how old the board is, `broken` whether the connection to the hub is; a board that never came is None.
    """

    def __init__(
        self,
        snapshot: Snapshot | None,
        *,
        lang: Lang,
        url: str,
        zone: tzinfo | None = None,
        age_s: float = 0.0,
        broken: bool = False,
    ) -> None:
        self._snapshot = snapshot
        self._lang: Lang = lang
        self._url = url
        self._zone = zone
        self._age_s = age_s
        self._broken = broken

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = options.height or options.size.height
        if self._snapshot is None:
            yield Text(say(self._lang, "connecting", url=plain(self._url)), no_wrap=True, overflow="ellipsis")
            return
        body = _Body(self._snapshot, self._lang, self._zone, options.max_width, height - _HEADER_LINES - 1)
        whole = Layout()
        whole.split_column(
            Layout(self._header(self._snapshot), size=_HEADER_LINES),
            Layout(body.layout()),
            Layout(self._footer(), size=1),
        )
        yield whole

    def _header(self, snapshot: Snapshot) -> RenderableType:
        lang = self._lang
        overall = view.overall(snapshot, {}, lang)
        clock = f"{view.date(snapshot.time_ns, self._zone)} {view.clock(snapshot.time_ns, self._zone)}"
        title = Text.assemble((f"{say(lang, 'title')}  {plain(snapshot.site)}", "bold"))
        return Group(
            _ends(title, Text(f"{clock} {view.offset(snapshot.time_ns, self._zone)}")),
            self._stale() if self._broken else _state(overall, lang),
            _ends(Text(_figures(snapshot, lang)), Text(say(lang, "address", url=plain(self._url)), style="dim")),
        )

    def _stale(self) -> Text:
        words = say(self._lang, "stale", age=int(self._age_s))
        return Text(f" {words} ", style=STYLES[Level.GRAVE], no_wrap=True, overflow="ellipsis")

    def _footer(self) -> Text:
        return Text(
            f"{say(self._lang, 'quit')}   {say(self._lang, 'triage')}", style="dim", no_wrap=True, overflow="ellipsis"
        )


class _Body:
    """The gates, alerts, readers and passages of one board in `width` columns and `height` lines."""

    def __init__(self, snapshot: Snapshot, lang: Lang, zone: tzinfo | None, width: int, height: int) -> None:
        self._s = snapshot
        self._lang: Lang = lang
        self._zone = zone
        self._wide = width >= WIDE
        self._height = height
        passages_width = width // 2 if self._wide else width
        self._roomy = passages_width >= ROOMY
        self._tokens = passages_width >= TOKENS

    def layout(self) -> Layout:
        """Side by side on a wide terminal, else one under the other, the passages taking what is left."""
        layout = Layout()
        left = [Layout(part, size=size) for part, size in self._overview()]
        passages = Layout(self._passages(), minimum_size=3)
        if not self._wide:
            layout.split_column(*left, passages)
            return layout
        overview = Layout()
        overview.split_column(*left, Layout(Text(" ")))
        layout.split_row(overview, Layout(Text(" "), size=2), passages)
        return layout

    def _overview(self) -> Iterator[tuple[RenderableType, int]]:
        third = max(1, (self._height - 4) // 3)
        readers = self._readers()
        gates = _shown(sorted(self._s.gates, key=_gate_order), third)
        alerts = _shown(self._s.alerts, third)
        yield self._gates(gates), len(gates) + 1 + self._cut(self._s.gates, gates)
        yield self._alerts(alerts), len(alerts) + 1 + self._cut(self._s.alerts, alerts)
        yield readers, len(self._s.projections) + 1 if self._wide else 1

    @staticmethod
    def _cut(all_rows: Sequence[object], shown: Sequence[object]) -> int:
        return int(len(all_rows) > len(shown))

    def _gates(self, rows: Sequence[GateRow]) -> RenderableType:
        table = _table(self._say("gates"), self._say("state"), self._say("seen"), self._say("unsent"))
        table.add_column(self._say("devices"), ratio=1, no_wrap=True, overflow="ellipsis")
        for title in ("people", "fevers-today", "refused-today"):
            table.add_column(self._say(title), justify="right", no_wrap=True)
        for row in rows:
            table.add_row(*self._gate(row))
        if self._cut(self._s.gates, rows):
            table.add_row(Text(self._say("more", n=len(self._s.gates) - len(rows)), style="dim"))
        return table if self._s.gates else Text(self._say("no-gates"), style=STYLES[Level.UNKNOWN])

    def _gate(self, row: GateRow) -> tuple[Text, ...]:
        level = view.gate_level(row)
        title = row.gate if row.site == self._s.site else f"{row.site}/{row.gate}"
        return (
            Text(plain(title), style="bold"),
            _word(label(self._lang, "gate-state", row.state), level),
            Text(view.ago(self._lang, row.seen_ns, self._s.time_ns)),
            _word(self._unsent(row), view.spool_level(row)),
            self._devices(row),
            Text(str(row.people_today)),
            _word(str(row.fevers_today), Level.GRAVE if row.fevers_today else Level.CALM),
            _word(str(row.refused_today), Level.WARN if row.refused_today else Level.CALM),
        )

    def _unsent(self, row: GateRow) -> str:
        n = row.spool_urgent + row.spool_routine
        return self._say("unsent-urgent", n=n, urgent=row.spool_urgent) if row.spool_urgent else str(n)

    def _devices(self, row: GateRow) -> Text:
        if row.state != "online" or not row.devices:
            return _word(self._say("no-devices"), Level.UNKNOWN)
        sick = view.sick_devices(row)
        if not sick:
            return Text(view.devices(row, self._lang))
        words = (
            _word(f"{plain(device.name)} {label(self._lang, 'health', device.health)}", view.device_level(device))
            for device in sick
        )
        return Text(view.listed(self._lang, ("", ""))).join(words)

    def _alerts(self, rows: Sequence[AlertRow]) -> RenderableType:
        if not self._s.alerts:
            return Text(self._say("no-alerts"), style="dim")
        table = _table(self._say("alerts"), "", self._say("place"), self._say("time"), "")
        table.add_column("", ratio=1, no_wrap=True, overflow="ellipsis")
        for row in rows:
            table.add_row(*self._alert(row))
        if self._cut(self._s.alerts, rows):
            table.add_row(Text(self._say("more", n=len(self._s.alerts) - len(rows)), style="dim"))
        return table

    def _alert(self, row: AlertRow) -> tuple[Text, ...]:
        lang = self._lang
        times = f"{row.count}×" if row.count > 1 else ""
        facts = _word(label(lang, "told", row.told), view.told_level(row))
        if row.detail:
            facts.append(f"  {plain(detail_of(row, lang))}")
        return (
            _word(label(lang, "severity", row.severity), view.alert_level(row)),
            Text(label(lang, "rule", row.rule), style="bold"),
            Text(view.place(row.gate, row.lane)),
            Text(view.brief(row.since_ns, self._zone, self._s.time_ns)),
            Text(times),
            facts,
        )

    def _readers(self) -> RenderableType:
        """One line, or a line for each where there is room."""
        parts = [Text(self._say("readers"), style="dim")]
        if self._s.dead_letters:
            parts[0].append(f"  {self._say('dead')} {self._s.dead_letters}", style=STYLES[Level.NOTE])
        parts += [_word(_reader(row, self._lang), view.reader_level(row)) for row in self._s.projections]
        line = Text("\n" if self._wide else "   ").join(parts)
        line.no_wrap, line.overflow = True, "ellipsis"
        return line

    def _passages(self) -> RenderableType:
        if not self._s.passages:
            return Text(self._say("no-passages"), style=STYLES[Level.UNKNOWN])
        table = _table(self._say("time"), self._say("place"), self._say("who"))
        table.add_column(self._say("skin"), justify="right", no_wrap=True, overflow="ellipsis")
        if self._roomy:
            table.add_column(self._say("verdict"), no_wrap=True)
        table.add_column(self._say("decision"), no_wrap=True)
        table.add_column(self._say("reasons"), ratio=1, no_wrap=True, overflow="ellipsis")
        for row in self._s.passages[: self._height]:
            table.add_row(*self._passage(row))
        return table

    def _passage(self, row: PassageRow) -> Iterator[Text]:
        lang, level = self._lang, view.verdict_level(row)
        yield Text(view.brief(row.time_ns, self._zone, self._s.time_ns), style="dim")
        yield Text(view.place(row.gate, row.lane))
        yield Text(_who(row, lang) if self._tokens else view.who(row, lang))
        yield _word(self._measured(row), level) if row.temperature else Text(self._measured(row), style="dim")
        if self._roomy:
            yield _word(name(lang, row.verdict) if row.verdict else "", level)
        yield _word(name(lang, row.outcome), view.outcome_level(row))
        yield self._why(row)

    def _measured(self, row: PassageRow) -> str:
        refused = row.temperature is None and row.refusal is not None
        return view.NEVER if refused and not self._roomy else view.measured(row, self._lang)

    def _why(self, row: PassageRow) -> Text:
        """What is most worth knowing first, for the end may be cut; a narrow line has no column for the verdict."""
        lang = self._lang
        parts = [Text(view.why(row, lang, with_verdict=not self._roomy))]
        if row.refusal is not None and not self._roomy:
            parts.insert(0, Text(name(lang, row.refusal)))
        if view.is_late(row):
            late = _word(self._say("caught-up", ago=view.lasted(lang, row.late_s)), Level.NOTE)
            parts.insert(0 if view.outcome_level(row) is Level.CALM else len(parts), late)
        return Text("  ").join(part for part in parts if part)

    def _say(self, key: str, **values: object) -> str:
        return say(self._lang, key, **values)


def opening_lines(snapshot: Snapshot, lang: Lang, zone: tzinfo | None) -> Iterator[str]:
    """Where things stand, for a reader who comes in: the overall state, gates, open alerts, the last passages."""
    overall = view.overall(snapshot, {}, lang)
    yield f"{plain(snapshot.site)} — {overall.headline}: {view.listed(lang, overall.details)}"
    yield from (_gate_line(row, lang) for row in snapshot.gates)
    yield from (_alert_line(row, lang, zone) for row in snapshot.alerts)
    yield from (_passage_line(row, lang, zone) for row in reversed(snapshot.passages[:_OPENING_PASSAGES]))


def lines(before: Snapshot, now: Snapshot, lang: Lang, zone: tzinfo | None) -> Iterator[str]:
    """What happened between two boards, a line each, oldest first: gates, alerts opened and closed, passages."""
    states = {(row.site, row.gate): row.state for row in before.gates}
    yield from (_gate_line(row, lang) for row in now.gates if states.get((row.site, row.gate)) != row.state)
    were, are = {row.id for row in before.alerts}, {row.id for row in now.alerts}
    yield from (_alert_line(row, lang, zone) for row in now.alerts if row.id not in were)
    for row in before.alerts:
        if row.id not in are:
            rule = label(lang, "rule", row.rule)
            yield f"{say(lang, 'alert-closed')}: {rule} {view.place(row.gate, row.lane)}"
    seen = max((row.offset for row in before.passages), default=-1)
    if now.journal_events < before.journal_events:  # another journal: its numbers start anew
        seen = -1
    yield from (_passage_line(row, lang, zone) for row in reversed(now.passages) if row.offset > seen)


def _gate_line(row: GateRow, lang: Lang) -> str:
    return f"{say(lang, 'gate')} {plain(row.gate)}: {label(lang, 'gate-state', row.state)}"


def _alert_line(row: AlertRow, lang: Lang, zone: tzinfo | None) -> str:
    words = [
        f"{say(lang, 'alert')}:",
        label(lang, "severity", row.severity),
        label(lang, "rule", row.rule),
        view.place(row.gate, row.lane),
        say(lang, "since", time=f"{view.date(row.since_ns, zone)} {view.clock(row.since_ns, zone)}"),
        f"({label(lang, 'told', row.told)})",
        plain(detail_of(row, lang)),
    ]
    return " ".join(word for word in words if word)


def _passage_line(row: PassageRow, lang: Lang, zone: tzinfo | None) -> str:
    words = [
        view.date(row.time_ns, zone),
        view.clock(row.time_ns, zone),
        view.place(row.gate, row.lane),
        _who(row, lang),
        view.measured(row, lang) + (" °C" if row.temperature else ""),
        name(lang, row.verdict) if row.verdict else "",
        ": ".join(part for part in (name(lang, row.outcome), view.why(row, lang)) if part),
        f"({say(lang, 'caught-up', ago=view.lasted(lang, row.late_s))})" if view.is_late(row) else "",
    ]
    return " ".join(word for word in words if word)


def _figures(snapshot: Snapshot, lang: Lang) -> str:
    return f"{say(lang, 'rate')} {snapshot.events_per_s:.1f}   {say(lang, 'journal')} {snapshot.journal_events}"


def _who(row: PassageRow, lang: Lang) -> str:
    return " ".join(part for part in (view.who(row, lang), plain(row.who or "")) if part)


def _reader(row: ProjectionRow, lang: Lang) -> str:
    words = f"{label(lang, 'reader', row.name)} {label(lang, 'reader-state', row.state)}"
    if row.behind:
        words += f", {say(lang, 'behind', n=row.behind)}"
    return f"{words} ({plain(row.error)})" if row.error else words


def _gate_order(row: GateRow) -> int:
    """What is abnormal comes first, so that it is never what does not fit."""
    return -list(Level).index(view.card_level(row))


def _shown(rows: Sequence[T], room: int) -> Sequence[T]:
    """As many rows as fit, one line being kept to say how many did not."""
    return rows if len(rows) <= room else rows[: max(1, room - 1)]


def _word(words: str, level: Level) -> Text:
    """Words in the colour of their level; the rest of their cell stays as it is."""
    return Text.assemble((words, STYLES[level]))


def _table(*titles: str) -> Table:
    table = Table(box=None, expand=True, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim underline")
    for title in titles:
        table.add_column(title, no_wrap=True, overflow="ellipsis")
    return table


def _ends(left: Text, right: Text) -> Table:
    """One line with something at either end."""
    line = Table.grid(expand=True)
    line.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    line.add_column(justify="right", no_wrap=True, overflow="ellipsis")
    line.add_row(left, right)
    return line


def _state(overall: view.Overall, lang: Lang) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f" {overall.headline} ", style=STYLES[overall.level] or "bold reverse dim")
    return line.append("  " + view.listed(lang, overall.details))
