"""Render what is missing, learn from it, write the network."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from tests.bench.finder.render import SHARD, render_shards


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.finder", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the ONNX file to write; its weights go beside it, .pt")
    parser.add_argument("--scenes", type=Path, default=Path("var/finder"), help="where rendered scenes are kept")
    parser.add_argument("--shards", type=int, default=30, help=f"so many times {SHARD} scenes")
    parser.add_argument("--minutes", type=float, default=30.0, help="of learning, on one core")
    parser.add_argument("--start", type=Path, help="weights (.pt) to go on from")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    render_shards(arguments.scenes, arguments.seed, arguments.shards)
    try:
        from tests.bench.finder.train import train  # PyTorch is not in the development environment
    except ModuleNotFoundError as error:
        print(f"{error.name} is not installed here: pip install torch onnx", file=sys.stderr)
        return 1
    from tests.bench.finder.batches import batches

    source = batches(arguments.scenes, 40, np.random.default_rng(arguments.seed))
    train(source, arguments.out, arguments.minutes, arguments.seed, arguments.start)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
