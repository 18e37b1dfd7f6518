"""`menshen sim …`"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import msgspec

from edge import settings
from edge.agent import Agent, read_key
from sim import chronicle, feed, recordings
from sim.gates import SimulatedGate, gate_file
from sim.plant import BUILT_IN, plant
from sim.registry import registry
from wire.errors import MenshenError
from wire.process import run, set_up_logging


def main(argv: list[str]) -> int:
    """One subcommand of `menshen sim`; the exit code."""
    if argv[:1] == ["feed"]:
        return feed.main(argv[1:])
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except ValueError as error:
        raise MenshenError(str(error)) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="menshen sim", description="A simulated factory.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    gate = commands.add_parser("run", help="a simulated gate: the real agent with simulated devices, until Ctrl-C")
    gate.add_argument("--gate", default="sim-1", help="its name")
    gate.add_argument("--site", default="sim")
    gate.add_argument("--host", default="127.0.0.1", help="of the broker")
    gate.add_argument("--port", type=int, default=1883)
    gate.add_argument("--data", type=Path, default=Path("var/sim"), help="where its files are kept")
    gate.add_argument("--rate-per-min", type=float, default=12.0)
    gate.add_argument("--fever-share", type=float, default=0.02)
    _plant(gate)
    truth = gate.add_argument_group("a whole plant, as files: the truth, and the events straight from it")
    truth.add_argument(
        "--plant", metavar="PLANT", help=f"{', '.join(BUILT_IN)} or a .toml file; needs --out, no broker"
    )
    truth.add_argument("--out", type=Path, help="a folder of its own")
    truth.add_argument("--gates", type=int, help="in place of the plant's own number")
    truth.add_argument("--days", type=int, default=1)
    truth.add_argument("--speed", type=float, default=0.0, help="simulated seconds a second; 0: as fast as it goes")
    gate.set_defaults(run=_run)
    render = commands.add_parser("render", help="write a thermal recording with known people")
    render.add_argument("--out", type=Path, required=True, metavar="FILE.npz")
    render.add_argument("--fevers", type=int, default=1)
    _plant(render, people=8)
    render.set_defaults(run=_render)
    copy = commands.add_parser("registry", help="write the registry of a simulated plant")
    copy.add_argument("--out", type=Path, required=True)
    copy.add_argument("--key-file", type=Path, required=True)
    copy.add_argument("--vehicles", type=int, default=60)
    _plant(copy)
    copy.set_defaults(run=_registry)
    commands.add_parser("feed", help="a scripted gate without devices, for load and fault tests")
    return parser


def _plant(parser: argparse.ArgumentParser, people: int = 300) -> None:
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--people", type=int, default=people)


def _run(arguments: argparse.Namespace) -> int:
    from menshen import VERSION

    if arguments.plant is not None:
        return _run_plant(arguments)
    folder: Path = arguments.data / arguments.gate
    folder.mkdir(parents=True, exist_ok=True)
    key_file = folder / "token.key"
    if not key_file.exists():
        key_file.touch(mode=0o600)
        key_file.write_text(os.urandom(24).hex())
    copy = registry(arguments.seed, arguments.people, 60, read_key(key_file))
    (folder / "registry.json").write_bytes(msgspec.json.encode(copy))
    wanted = {name: getattr(arguments, name) for name in SimulatedGate.__struct_fields__ if hasattr(arguments, name)}
    (folder / "gate.toml").write_text(gate_file(SimulatedGate(**wanted)))
    gate = settings.load(folder / "gate.toml")
    set_up_logging()
    return run(Agent(gate, VERSION).run())


def _run_plant(arguments: argparse.Namespace) -> int:
    if arguments.out is None:
        raise MenshenError("--plant writes files: say where with --out FOLDER")
    which = plant(arguments.plant, arguments.gates)
    counts = chronicle.write(
        arguments.out, which, seed=arguments.seed, days=arguments.days, speed=arguments.speed, tell=_tell
    )
    print(f"{arguments.out}: {', '.join(f'{count:,} {outcome}' for outcome, count in sorted(counts.items()))}")
    return 0


def _tell(line: str) -> None:
    print(line, flush=True)


def _render(arguments: argparse.Namespace) -> int:
    recordings.write(arguments.out, seed=arguments.seed, people=arguments.people, fevers=arguments.fevers)
    print(f"{arguments.out}: {arguments.people} people, {arguments.fevers} feverish; the truth is beside it in .json")
    return 0


def _registry(arguments: argparse.Namespace) -> int:
    copy = registry(arguments.seed, arguments.people, arguments.vehicles, read_key(arguments.key_file))
    arguments.out.write_bytes(msgspec.json.encode(copy))
    print(f"{arguments.out}: {len(copy.entries)} entries")
    return 0
