"""`python -m tests.chaos`: the long form. Prints JSON; the exit code is 1 when anything is wrong."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from tests.chaos.plant import Size
from tests.chaos.run import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--gates", type=int, default=20)
    parser.add_argument("--kills", type=int, default=24)
    parser.add_argument("--rate-per-s", type=float, default=40.0, help="events a second of each gate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quiet-within-s", type=float, default=60.0)
    arguments = parser.parse_args()
    size = Size(arguments.gates, arguments.events // arguments.gates, arguments.rate_per_s, arguments.seed)
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="menshen-chaos-") as folder:
        findings, kills = run(Path(folder), size, arguments.kills, arguments.quiet_within_s, _tell)
    took_s = round(time.monotonic() - began_s, 1)
    print(json.dumps({**msgspec.to_builtins(findings), "faults": kills, "seed": arguments.seed, "took_s": took_s}))
    return 0 if findings.clean and findings.events == size.gates * size.events_per_gate else 1


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
