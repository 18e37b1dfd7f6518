"""`menshen evaluate …`: how good the screening is, on labelled data."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from edge.evaluate.fever import fever
from edge.evaluate.pictures import faces, faces_in_detail, recordings
from edge.evaluate.plates import plates
from edge.evaluate.plots import plot
from edge.evaluate.table import people_of
from wire.errors import DriverError


def main(argv: list[str]) -> int:
    """One evaluation; the exit code is 0. Raises `DriverError` for data that is not there or not as described."""
    parser = argparse.ArgumentParser(prog="menshen evaluate", description=__doc__)
    kinds = parser.add_subparsers(required=True, metavar="WHAT")
    for name, work, about in (
        ("faces", faces, "a folder with frames.csv and 16-bit frames"),
        ("recordings", recordings, "a folder of .npz recordings"),
        ("fever", fever, "a table of skin and oral temperatures"),
        ("plates", plates, "a folder with plates.csv and photographs of vehicles"),
    ):
        sub = kinds.add_parser(name, help=about)
        sub.add_argument("path", type=Path)
        sub.add_argument("--json", action="store_true", help="one line of JSON, without details")
        sub.set_defaults(work=work, detail=faces_in_detail if work is faces else work)
        if name == "fever":
            sub.add_argument("--plots", type=Path, metavar="DIR", help="write ROC, Bland-Altman and drift as PNGs too")
    arguments = parser.parse_args(argv)
    try:
        figures = (arguments.work if arguments.json else arguments.detail)(arguments.path)
        if getattr(arguments, "plots", None) is not None:
            plot(people_of(arguments.path), arguments.plots)
    except (OSError, KeyError, ValueError) as error:
        where = f"edge/{'plates' if arguments.work is plates else 'thermal'}/README.md"
        raise DriverError(f"{arguments.path}: not as described in {where}: {error!r}") from error
    print(json.dumps(figures, indent=None if arguments.json else 2, ensure_ascii=False))
    return 0
