"""The card of the soak: what was flushed is on it whatever happens, and of what was not, any part."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

_SPEC = importlib.util.spec_from_file_location(
    "card", Path(__file__).parents[2] / "deploy" / "try" / "card.py"
)  # the scripts of deploy/ are no package
assert _SPEC is not None
assert _SPEC.loader is not None
card = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(card)

SECTORS = 32
WRITE = st.tuples(st.integers(0, SECTORS - 1), st.integers(1, 12), st.integers(1, 255))
"""From which sector, how many, and what byte."""


@settings(max_examples=50)
@given(st.lists(st.one_of(WRITE, st.just("flush")), max_size=20), st.integers(0, 10**6))
def test_what_was_flushed_stays_what_was_not_is_any_of_its_writes_and_until_then_all_is_read(steps, seed):
    with tempfile.TemporaryFile() as image:
        image.truncate(SECTORS * card.SECTOR)
        device = card.Card(image.fileno(), seed)
        now = [0] * SECTORS
        may_be = [{0} for _ in range(SECTORS)]
        for step in steps:
            if step == "flush":
                device.flush()
                may_be = [{byte} for byte in now]
                continue
            begin, count, byte = step
            device.write(begin * card.SECTOR, bytes([byte]) * count * card.SECTOR)
            for sector in range(begin, min(SECTORS, begin + count)):
                now[sector] = byte
                may_be[sector].add(byte)
            assert device.read(0, SECTORS * card.SECTOR) == b"".join(bytes([byte]) * card.SECTOR for byte in now)
        device.cut()
        for sector, may in enumerate(may_be):
            found = os.pread(image.fileno(), card.SECTOR, sector * card.SECTOR)
            assert found in {bytes([byte]) * card.SECTOR for byte in may}
        assert device.is_dead


def test_a_cut_can_keep_lose_and_tear():
    """Else a soak would prove nothing."""
    with tempfile.TemporaryFile() as image:
        image.truncate(8 * card.PAGE)
        device = card.Card(image.fileno(), 1)
        for page in range(8):
            for _ in range(5):
                device.write(page * card.PAGE, b"\1" * card.PAGE)
        device.cut()
        assert all(device.did[fate] for fate in ("kept", "lost", "torn"))
