"""`menshen evaluate …`: how good the screening is, on labelled data."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from edge.evaluate.fever import fever
from edge.evaluate.pictures import faces, faces_in_detail, recordings
from wire.errors import DriverError


def main(argv: list[str]) -> int:
    """One evaluation; the exit code is 0. Raises `DriverError` for data that is not there or not as described."""
    parser = argparse.ArgumentParser(prog="menshen evaluate", description=__doc__)
    kinds = parser.add_subparsers(required=True, metavar="WHAT")
    for name, work, about in (
        ("faces", faces, "a folder with frames.csv and 16-bit frames"),
        ("recordings", recordings, "a folder of .npz recordings"),
        ("fever", fever, "a table of skin and oral temperatures"),
    ):
        sub = kinds.add_parser(name, help=about)
        sub.add_argument("path", type=Path)
        sub.add_argument("--json", action="store_true", help="one line of JSON, without details")
        sub.set_defaults(work=work, detail=faces_in_detail if work is faces else work)
    arguments = parser.parse_args(argv)
    try:
        figures = (arguments.work if arguments.json else arguments.detail)(arguments.path)
    except (OSError, KeyError, ValueError) as error:
        raise DriverError(f"{arguments.path}: not as described in edge/thermal/README.md: {error!r}") from error
    print(json.dumps(figures, indent=None if arguments.json else 2))
    return 0
