"""A whole gate agent, with camera, screening and the guard looking on, fits beside everything else on a Pi."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.support.guard import GATE, PASSWORD, frame, write_gate

MOST_MB = 150


def resident_mb(process: subprocess.Popen[str]) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1000


@pytest.mark.timeout(60)
def test_a_whole_agent_stays_small_and_ends_at_once_although_somebody_looks(tmp_path):
    images = np.stack([((frame() + 273.15) * 100).astype(np.uint16) for _ in range(20)])
    np.savez(tmp_path / "r.npz", frames=images, t_s=np.arange(20) / 9)
    write_gate(tmp_path, GATE + 'driver = "replay"\npath = "r.npz"\nloop = true\npause_s = 0.0\n')
    log = tmp_path / "log"
    with log.open("w") as out:
        command = [sys.executable, "-c", "import menshen; raise SystemExit(menshen.main())", "edge", "run", "gate.toml"]
        process = subprocess.Popen(command, cwd=tmp_path, stderr=out, text=True)
    try:
        while (found := re.search(r"url=(\S+)", log.read_text())) is None:
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        with httpx.Client(base_url=found[1], headers={"origin": found[1]}, timeout=20) as client:
            client.post("/login", data={"password": PASSWORD})
            number = 0
            for _ in range(8):
                number = client.get("/lanes/people/now", params={"after": number}).json()["number"]
            assert resident_mb(process) < MOST_MB
            waiting = threading.Thread(target=lambda: client.get("/lanes/people/now", params={"after": number + 10**6}))
            waiting.start()
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
            waiting.join()
        assert "Traceback" not in log.read_text()
    finally:
        process.kill()
