"""`menshen sim …`"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import resource
import time
from pathlib import Path

import msgspec
from msgspec.structs import replace
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from edge import settings
from edge.agent import Agent
from sim import chronicle, feed, live, plates, play, realism, recordings
from sim.gates import SimulatedGate, gate_file
from sim.judge import command as judge
from sim.lanes import command as lanes
from sim.plant import BUILT_IN, ZONE, plant
from sim.roster import home_from_elsewhere, registry, sites
from sim.witness import Witness
from wire.errors import MenshenError
from wire.link import BrokerSettings
from wire.process import run, set_up_logging
from wire.tokens import read_key

_OF_THEIR_OWN = {"feed": feed.main, "realism": realism.main}
"""Subcommands that read their options themselves."""


def main(argv: list[str]) -> int:
    """One subcommand of `menshen sim`; the exit code."""
    if argv and argv[0] in _OF_THEIR_OWN:
        return _OF_THEIR_OWN[argv[0]](argv[1:])
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except ValueError as error:
        raise MenshenError(str(error)) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="menshen sim", description="A simulated factory, and the truth about it.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _run_options(commands.add_parser("run", help="days of a plant as files and events; without --out one live gate"))
    again = commands.add_parser("play", help="play the events of a run to a hub; goes on where it was")
    again.add_argument("run_folder", type=Path, metavar="RUN")
    again.add_argument("--broker", required=True, metavar="HOST:PORT")
    again.add_argument("--speed", type=float, default=0.0, help="simulated seconds a second; 0: as fast as it goes")
    again.set_defaults(run=lambda arguments: _play(arguments.run_folder, arguments.broker, arguments.speed))
    judge.add_options(commands.add_parser("judge", help="hold what a hub kept against the truth of a run"))
    render = commands.add_parser("render", help="write thermal recordings and labelled frames with known people")
    render.add_argument("--out", type=Path, required=True, metavar="DIR|FILE.npz", help="a folder, or one recording")
    render.add_argument("--seed", type=int, default=1)
    render.add_argument("--recordings", type=int, default=24, help="of a folder")
    render.add_argument("--people", type=int, default=8, help="of one recording")
    render.add_argument("--fevers", type=int, default=1, help="of one recording")
    render.set_defaults(run=_render)
    taken = commands.add_parser("plates", help="write pictures of number plates with their text")
    taken.add_argument("--out", type=Path, required=True, metavar="DIR")
    taken.add_argument("--seed", type=int, default=1)
    taken.add_argument("--count", type=int, default=100)
    taken.set_defaults(run=_plates)
    lanes.add_options(commands.add_parser("lanes", help="judge what a lane decides in thousands of known situations"))
    commands.add_parser("realism", help="compare rendered frames with real recordings")
    copy = commands.add_parser("registry", help="write what the gates of a plant know")
    copy.add_argument("--out", type=Path, required=True)
    copy.add_argument("--key-file", type=Path, required=True)
    copy.add_argument("--seed", type=int, default=1)
    copy.add_argument("--plant", default="small", metavar="NAME|FILE")
    copy.set_defaults(run=_registry)
    commands.add_parser("feed", help="a scripted gate without devices, for load and fault tests")
    return parser


def _run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plant", metavar="NAME|FILE", help=f"{', '.join(BUILT_IN)}, or a .toml file")
    parser.add_argument("--seed", type=int, default=1)
    files = parser.add_argument_group("days of a plant: its truth, and the events straight from it")
    files.add_argument("--out", type=Path, help="a folder of its own for the files")
    files.add_argument("--days", type=int, default=1)
    files.add_argument(
        "--begins", metavar="DAY", help="the first day, as 2020-02-10 or today; in place of the plant's own"
    )
    files.add_argument("--speed", type=float, default=0.0, help="simulated seconds a second; 0: as fast as it goes")
    files.add_argument("--gates", type=int, help="in place of the plant's own number")
    files.add_argument("--frames", metavar="GATE,…", help="screen these gates' people before rendered frames: slow")
    files.add_argument("--broker", metavar="HOST:PORT", help="play the events to a hub too")
    gate = parser.add_argument_group("one gate, now: the real agent with simulated devices, until Ctrl-C")
    gate.add_argument("--gate", help="its name; by default the plant's first")
    gate.add_argument("--host", default="127.0.0.1", help="of the broker")
    gate.add_argument("--port", type=int, default=1883)
    gate.add_argument("--data", type=Path, default=Path("var/sim"), help="where its files are kept")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.out is None:
        return _run_gate(arguments)
    if arguments.plant is None:
        raise MenshenError(f"--out {arguments.out}: of which plant? Give --plant {'|'.join(BUILT_IN)} or a .toml file")
    which = plant(arguments.plant, arguments.gates)
    if arguments.begins is not None:
        which = replace(which, begins=_day(arguments.begins))
    # What is played to a hub is paced there; its files are ready before.
    speed = 0.0 if arguments.broker else arguments.speed
    began_s = time.monotonic()
    with _progress() as progress:
        task = progress.add_task("day", total=arguments.days)
        counts = chronicle.write(
            arguments.out,
            which,
            seed=arguments.seed,
            days=arguments.days,
            speed=speed,
            screened=arguments.frames.split(",") if arguments.frames else (),
            tell=lambda _day, _records: progress.advance(task),
        )
    print(f"{arguments.out}: {', '.join(f'{count:,} {what}' for what, count in sorted(counts.items()))}")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{counts.total():,} records in {time.monotonic() - began_s:.1f} s, at most {peak_mb:.0f} MB")
    return _play(arguments.out, arguments.broker, arguments.speed) if arguments.broker else 0


def _day(text: str) -> dt.date:
    """Raises `MenshenError`."""
    if text == "today":
        return dt.datetime.now(ZONE).date()
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise MenshenError(f"--begins {text}: expected a day such as 2020-02-10, or today") from None


def _run_gate(arguments: argparse.Namespace) -> int:
    from menshen import VERSION

    name = arguments.plant or "demo"
    which = plant(name)
    site_name, gate_name = which.site_names()[0], arguments.gate or which.gate_names()[0]
    folder: Path = arguments.data / gate_name
    folder.mkdir(parents=True, exist_ok=True)
    key_file = folder / "token.key"
    if not key_file.exists():
        key_file.touch(mode=0o600)
        key_file.write_text(os.urandom(24).hex())
    spot = live.Spot(name, arguments.seed, site_name, gate_name)
    now_ns = time.time_ns()
    site = live.site_of(spot, now_ns, read_key(key_file))
    known = live.known_now(site, now_ns)
    (folder / "registry.json").write_bytes(msgspec.json.encode(known))
    wanted = SimulatedGate(
        site=site_name,
        gate=gate_name,
        host=arguments.host,
        port=arguments.port,
        seed=arguments.seed,
        plant=str(Path(name).resolve()) if name.endswith(".toml") else name,
        place=next(point.place for point in which.checkpoints() if point.gate == gate_name),
    )
    (folder / "gate.toml").write_text(gate_file(wanted))
    gate = settings.load(folder / "gate.toml")
    set_up_logging()
    witness = Witness(folder, site, gate_name, arguments.seed)
    witness.start()
    try:
        return run(Agent(gate, VERSION).run())
    finally:
        witness.stop()


def _play(folder: Path, address: str, speed: float) -> int:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise MenshenError(f"--broker {address}: expected HOST:PORT, like 127.0.0.1:1883")
    if speed < 0:
        raise MenshenError(f"--speed {speed}: expected 0 or more")
    set_up_logging("warning")
    player = play.Player(folder, BrokerSettings(host=host, port=int(port), backoff_max_s=2.0), speed)
    with _progress() as progress:
        task = progress.add_task("events acknowledged", total=None)
        run(player.play(lambda: progress.update(task, completed=player.sent, total=player.total)))
    print(f"{folder}: the hub has acknowledged {player.sent:,} of {player.total:,} events")
    return 0 if player.sent == player.total else 130  # stopped by a signal; the next time it goes on from there


def _progress() -> Progress:
    parts = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*parts, console=Console(stderr=True), transient=True)


def _render(arguments: argparse.Namespace) -> int:
    out: Path = arguments.out
    if out.suffix == ".npz":
        recordings.write(out, seed=arguments.seed, people=arguments.people, fevers=arguments.fevers)
        print(f"{out}: {arguments.people} people, {arguments.fevers} feverish; the truth is beside it in .json")
        return 0
    if arguments.recordings < 1:
        raise MenshenError(f"--recordings {arguments.recordings}: expected at least 1")
    recordings.write_set(out, seed=arguments.seed, recordings=arguments.recordings)
    print(
        f"{out}: {arguments.recordings} recordings, each with its truth in .json, and frames.csv with labelled frames"
    )
    return 0


def _plates(arguments: argparse.Namespace) -> int:
    plates.write(arguments.out, seed=arguments.seed, count=arguments.count)
    print(f"{arguments.out}: {arguments.count} photos and crops; their text is in plates.csv")
    return 0


def _registry(arguments: argparse.Namespace) -> int:
    site = sites(plant(arguments.plant), arguments.seed, read_key(arguments.key_file))[0]
    copy = registry(site, set(home_from_elsewhere(site, 0)))
    arguments.out.write_bytes(msgspec.json.encode(copy))
    print(f"{arguments.out}: {len(copy.entries)} entries")
    return 0
