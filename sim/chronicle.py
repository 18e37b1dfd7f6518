"""A plant's days as files: the truth, each gate's events straight from it, each site's registry, and the token key.

RUN/run.json                what was asked: plant, seed, days; called `unfinished.json` until all of it is written
RUN/truth.jsonl             one record a line, in the order of time (`sim.truth`)
RUN/events/SITE/GATE.jsonl  what a gate without any fault says, one event a line
RUN/canteens.toml           what a hub's settings say of canteens and meals, for `menshen sim judge --crowds --meals`
RUN/SITE.registry.json      what the gates know on the first day
RUN/SITE.people.jsonl       who is in which team and shift
RUN/SITE.{shifts,teams,people,days}.csv
                            the same as HR would have it (`sim.hr`): files to import into a hub, in this order
RUN/token.key               of the seed, for the same bytes at each run
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from sim import hr
from sim.plant import Kind, Plant
from sim.roster import Member, Site, home_from_elsewhere, registry, sites, token_key
from sim.screened import ScreenedGate
from sim.story import Story
from sim.truth import DutyTruth, Truth, event_of
from wire.errors import MenshenError
from wire.events import AnyEvent
from wire.messages import encode_event

TRUTH, RUN, KEY, UNFINISHED = "truth.jsonl", "run.json", "token.key", "unfinished.json"
CANTEENS = "canteens.toml"
_PACED_AT_ONCE = 200
_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Truth] = msgspec.json.Decoder(Truth)


class Run(Struct, frozen=True, kw_only=True):
    """What a run was asked for."""

    plant: Plant
    seed: int
    days: int
    screened: tuple[str, ...] = ()
    """Gates whose people were screened for real, before rendered frames."""
    gate: str = ""
    since_ns: int = 0
    """Of one live gate only (`sim.live`), from that moment on."""


def write(  # noqa: PLR0913 - a run has that many knobs
    folder: Path,
    plant: Plant,
    *,
    seed: int,
    days: int = 1,
    speed: float = 0.0,
    screened: Sequence[str] = (),
    tell: Callable[[int, int], None] = lambda _day, _records: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Counter[str]:
    """Write a run; how many of each outcome, and of each kind of record that has none. `tell` hears of each day.

    The people of the gates named in `screened` (at any site) are screened for real: that takes half a second a person.
    At `speed` 0 as fast as it goes, else so many simulated seconds a second. The same seed gives the same bytes.
    A run that was interrupted is begun anew, whatever is asked now. Raises `MenshenError` when the folder holds another
    run or cannot be written, `ValueError` for numbers out of bounds.
    """
    if days < 1 or speed < 0 or seed < 0:
        raise ValueError(f"{days} days, speed {speed}, seed {seed}: expected at least 1, 0 and 0")
    strange = sorted(set(screened) - set(plant.gate_names()))
    if strange:
        raise ValueError(f"screened gates {strange}: expected some of {', '.join(plant.gate_names())}")
    asked = Run(plant=plant, seed=seed, days=days, screened=tuple(screened))
    try:
        _clear(folder)
        _write_run(folder, asked, UNFINISHED)
        counts = _write(folder, asked, _Pace(speed, clock, sleep), tell)
        (folder / UNFINISHED).replace(folder / RUN)
    except OSError as error:
        raise MenshenError(f"{folder}: {error.strerror or error}; expected a folder to write into") from error
    return counts


def _write(folder: Path, asked: Run, pace: _Pace, tell: Callable[[int, int], None]) -> Counter[str]:
    places = sites(asked.plant, asked.seed, token_key(asked.seed))
    _prepare(folder, places, asked.seed)
    counts: Counter[str] = Counter()
    gates = {(site.name, gate): ScreenedGate(site, gate) for site in places for gate in asked.screened}
    for number, rows in enumerate(_story(places, asked.days)):
        for portion in pace.portions(rows):
            _append(folder, portion, gates)
        _append_rests(folder, places, rows)
        counts.update(str(getattr(truth, "outcome", type(truth).__struct_config__.tag)) for truth in rows)
        tell(number, len(rows))
    for (site, gate), screen in gates.items():
        _append_events(folder, site, gate, screen.rest())
    return counts


def _write_run(folder: Path, asked: Run, name: str = RUN) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(msgspec.json.format(msgspec.json.encode(asked)) + b"\n")


def _clear(folder: Path) -> None:
    """Take away what an interrupted run wrote, and nothing else. Raises `MenshenError` where another run is."""
    if (folder / RUN).exists() or ((folder / TRUTH).exists() and not (folder / UNFINISHED).exists()):
        raise MenshenError(
            f"{folder}: another run is there already; give a folder of its own to each run, or delete it"
        )
    if not (folder / UNFINISHED).exists():
        return
    try:
        plant = msgspec.json.decode((folder / UNFINISHED).read_bytes(), type=Run).plant
    except msgspec.DecodeError:
        return  # interrupted while it was written: there is nothing else yet
    for path in _files(folder, plant):
        path.unlink(missing_ok=True)


def _files(folder: Path, plant: Plant) -> Iterator[Path]:
    """What a run writes beside what was asked."""
    yield from (folder / KEY, folder / TRUTH, folder / CANTEENS)
    for site in plant.site_names():
        yield from _of_site(folder, site)
        yield from (_events(folder, site, gate) for gate in plant.gate_names())


def _of_site(folder: Path, site: str) -> tuple[Path, ...]:
    names = ("registry.json", "people.jsonl", "shifts.csv", "teams.csv", "people.csv", "days.csv")
    return tuple(folder / f"{site}.{name}" for name in names)


def _events(folder: Path, site: str, gate: str) -> Path:
    return folder / "events" / site / f"{gate}.jsonl"


def begin_live(folder: Path, run: Run) -> None:
    """Begin the record of a live gate anew. Raises `MenshenError` when it cannot be written."""
    try:
        _write_run(folder, run)
        (folder / TRUTH).write_bytes(b"")
    except OSError as error:
        raise MenshenError(f"{folder}: {error.strerror}; expected a folder to write into") from error


def append_truth(folder: Path, rows: Sequence[Truth]) -> None:
    with (folder / TRUTH).open("ab") as file:
        file.writelines(_encoder.encode(truth) + b"\n" for truth in rows)


def read_run(folder: Path) -> Run:
    """What the run in a folder was asked for. Raises `MenshenError` when there is none."""
    try:
        return msgspec.json.decode((folder / RUN).read_bytes(), type=Run)
    except (OSError, msgspec.DecodeError) as error:
        raise MenshenError(
            f"{folder / RUN}: {error}; expected the folder of a `menshen sim run` that was finished"
        ) from error


def read_truth(folder: Path) -> Iterator[Truth]:
    """The records of a run in their order. Raises `MenshenError` for a line that is none."""
    path = folder / TRUTH
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                yield _record(path, number, line)
    except OSError as error:
        raise MenshenError(f"{path}: {error.strerror}; expected the truth of a `menshen sim run`") from error


def read_members(folder: Path, site: str) -> list[Member]:
    """Who belongs to a site of a run. Raises `MenshenError`."""
    path = _of_site(folder, site)[1]
    try:
        return [msgspec.json.decode(line, type=Member) for line in path.read_bytes().splitlines()]
    except (OSError, msgspec.DecodeError) as error:
        raise MenshenError(f"{path}: {error}; expected who belongs to a site of a `menshen sim run`") from error


def read_numbers(folder: Path, site: str) -> list[str]:
    """HR's numbers of a site's people. Raises `MenshenError`."""
    path = _of_site(folder, site)[4]
    try:
        return [line.split(",")[0] for line in path.read_text("utf-8").splitlines()[1:]]
    except OSError as error:
        raise MenshenError(f"{path}: {error.strerror}; expected the people of a `menshen sim run`") from error


def _record(path: Path, number: int, line: bytes) -> Truth:
    try:
        return _decoder.decode(line)
    except msgspec.DecodeError as error:
        raise MenshenError(f"{path}:{number}: {error}; expected a record of truth") from error


def _prepare(folder: Path, places: Sequence[Site], seed: int) -> None:
    (folder / KEY).write_bytes(token_key(seed))
    (folder / TRUTH).touch()
    if places:
        (folder / CANTEENS).write_text(_canteens(places[0].plant), "utf-8")
    for site in places:
        copy = registry(site, set(home_from_elsewhere(site, 0)))
        known, people, *files = _of_site(folder, site.name)
        known.write_bytes(msgspec.json.encode(copy))
        people.write_bytes(b"".join(_encoder.encode(member) + b"\n" for member in site.members))
        written = (hr.shifts_file(site), hr.teams_file(site), hr.people_file(site), hr.DAYS_HEAD)
        for file, text in zip(files, written, strict=True):
            file.write_text(text, "utf-8")
        for gate in site.plant.gate_names():
            events = _events(folder, site.name, gate)
            events.parent.mkdir(parents=True, exist_ok=True)
            events.touch()


def _canteens(plant: Plant) -> str:
    """The limits of a plant's canteens as `hub.toml` has them; the sites are alike. The truth knows no tolerance."""
    return "[meals]\ntolerance_min = 0\n\n" + "\n".join(
        f'[[checkpoints]]\nat = "{point.place}"\nmost_inside = {plant.canteen_seats}\nstay_min = {plant.sitting_min}\n'
        for point in plant.checkpoints()
        if point.kind is Kind.CANTEEN
    )


def _story(places: Sequence[Site], days: int) -> Iterator[list[Truth]]:
    """Day after day, each in the order of its time over all sites."""
    told = [Story(site).days(days) for site in places]
    for _ in range(days):
        rows = list(itertools.chain.from_iterable(next(story) for story in told))
        if len(told) > 1:
            rows.sort(key=lambda truth: truth.time_ns)
        yield rows


class _Pace:
    """Hands rows on in small portions, none before its time; the very first is due at once."""

    def __init__(self, speed: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._speed = speed
        self._clock = clock
        self._sleep = sleep
        self._began: tuple[float, int] | None = None

    def portions(self, rows: Sequence[Truth]) -> Iterator[Sequence[Truth]]:
        if not self._speed or not rows:
            yield rows
            return
        began_s, first_ns = self._began = self._began or (self._clock(), rows[0].time_ns)
        waiting: list[Truth] = []
        for truth in rows:
            wait_s = began_s + (truth.time_ns - first_ns) / 1e9 / self._speed - self._clock()
            if waiting and (wait_s > 0 or len(waiting) >= _PACED_AT_ONCE):
                yield waiting
                waiting = []
            if wait_s > 0:
                self._sleep(wait_s)
            waiting.append(truth)
        yield waiting


def _append(folder: Path, rows: Sequence[Truth], screened: Mapping[tuple[str, str], ScreenedGate]) -> None:
    append_truth(folder, rows)
    of_gate: dict[tuple[str, str], list[AnyEvent]] = {}
    for truth in rows:
        if (truth.site, truth.gate) not in screened and (event := event_of(truth)) is not None:
            of_gate.setdefault((truth.site, truth.gate), []).append(event)
    for (site, gate), events in of_gate.items():
        _append_events(folder, site, gate, events)
    for (site, gate), screen in screened.items():
        _append_events(folder, site, gate, screen.events([truth for truth in rows if truth.site == site]))


def _append_rests(folder: Path, places: Sequence[Site], rows: Sequence[Truth]) -> None:
    """Who did not work: HR knew it before."""
    for site in places:
        rolls = [truth for truth in rows if isinstance(truth, DutyTruth) and truth.site == site.name]
        with _of_site(folder, site.name)[-1].open("a", encoding="utf-8") as file:
            file.write(hr.rests(site, rolls))


def _append_events(folder: Path, site: str, gate: str, events: Iterable[AnyEvent]) -> None:
    with _events(folder, site, gate).open("ab") as file:
        file.writelines(encode_event(event) + b"\n" for event in events)
