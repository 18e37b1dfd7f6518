"""README's installation on two machines joined by a cable: `deploy/try/two-machines.sh`, which says how."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import binary

ROOT = Path(__file__).parents[2]
_PROBE = 'mkdir -p u w m && mount -t overlay overlay -o "lowerdir=/,upperdir=$PWD/u,workdir=$PWD/w" m'


def two_machines_can_be_made(folder: Path) -> None:
    """Skip where the kernel or our rights do not allow it."""
    for name, package in (("ip", "iproute2"), ("nginx", "nginx"), ("mosquitto", "mosquitto"), ("influxd", "influxdb")):
        binary(name, package)
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    tried = [["unshare", "--mount", "sh", "-c", _PROBE], ["unshare", "--net", "ip", "link", "add", "type", "veth"]]
    for command in tried:
        done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"{command[1]} namespaces as we need them cannot be made here: {done.stderr.strip()}")


@pytest.mark.slow
@pytest.mark.timeout(540)
def test_from_nothing_to_the_first_passage_over_faults_to_a_gate_that_is_refused(tmp_path):
    two_machines_can_be_made(tmp_path)
    done = subprocess.run(
        ["sh", str(ROOT / "deploy" / "try" / "two-machines.sh"), str(tmp_path / "two"), "--venv", sys.prefix],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    steps = [line.partition(": ")[2] for line in done.stdout.splitlines() if line.startswith("==")]
    for step in (
        "the first passage is on the board",
        "the hub is back, nothing is lost",
        "the cable is back, nothing is lost",
        "and was not heard again",
        "nothing is left behind",
    ):
        assert step in steps
