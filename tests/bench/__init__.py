"""How fast it is: `menshen bench latency --json` and others. Figures are printed, never asserted."""

from __future__ import annotations

import argparse


def main(argv: list[str]) -> int:
    """One bench of `menshen bench`; the exit code."""
    parser = argparse.ArgumentParser(prog="menshen bench", description=__doc__)
    benches = parser.add_subparsers(required=True, metavar="BENCH")
    from tests.bench import boards, duties, hubs, lane, latency, month, pages, registry, scale, thermal, tracing, writes
    from tests.bench.compare import run as compare

    boards.add(benches.add_parser("boards", help=boards.__doc__))
    compare.add(benches.add_parser("compare", help=compare.__doc__))
    duties.add(benches.add_parser("duties", help=duties.__doc__))
    hubs.add(benches.add_parser("fleet", help=hubs.__doc__))
    lane.add(benches.add_parser("lane", help=lane.__doc__))
    latency.add(benches.add_parser("latency", help=latency.__doc__))
    month.add(benches.add_parser("month", help=month.__doc__))
    pages.add(benches.add_parser("pages", help=pages.__doc__))
    registry.add(benches.add_parser("registry", help=registry.__doc__))
    scale.add(benches.add_parser("scale", help=scale.__doc__))
    thermal.add(benches.add_parser("thermal", help=thermal.__doc__))
    tracing.add(benches.add_parser("tracing", help=tracing.__doc__))
    writes.add(benches.add_parser("writes", help=writes.__doc__))
    arguments = parser.parse_args(argv)
    return int(arguments.run(arguments))
