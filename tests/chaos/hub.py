"""`menshen hub run`, with a clock that is set from outside."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.chaos import clock

if __name__ == "__main__":
    clock.install(Path(sys.argv[1]))
    import menshen

    raise SystemExit(menshen.main(["hub", "run", sys.argv[2], "--log-level", "warning"]))
