"""`menshen demo`: a broker, a hub and two gates on this machine, each a process of its own, with a live view.

The north gate is simulated (people with badges, vehicles), the south gate replays a thermal recording: a real one from
`--recording` or the folder that holds real data, else one that the simulator renders. Everything lives under `--data`,
so a second run continues the same journal. The truth about the north gate is written to `DATA/north`, for
`menshen sim judge DATA/north --hub URL` while the demo runs.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from sim import live, recordings
from sim.gates import SimulatedGate, gate_file, gate_head
from sim.pager import Pager
from sim.roster import Site
from sim.witness import Witness
from wire.errors import MenshenError
from wire.process import die_with_parent

SITE = "demo"
SEED = 20200209
PLANT = "demo"
NORTH, SOUTH = "north", "south"
USERS = ("officer", "admin", "guard")
"""Logins and roles at once."""
PASSWORD, TOKEN = "sign-in.txt", "api.token"
READY_WITHIN_S = 30.0
STOP_WITHIN_S = 10.0
_REAL_DATA = Path(__file__).parents[2] / "shared" / "data" / "thermal" / "recordings"


def main(argv: list[str]) -> int:
    """Run the demo until Ctrl-C, or for `--seconds`; the exit code is 0 after a clean stop."""
    arguments = _parser().parse_args(argv)
    folder: Path = arguments.data
    folder.mkdir(parents=True, exist_ok=True)
    secret = _secret(folder / "pager.key")
    pager = Pager(secret, folder / "pages.log")
    pager.start()
    try:
        ports = _free_ports(arguments.port)
        north = _write_files(folder, ports, pager.url, arguments.recording)
        with _processes(folder, ports) as url:
            witness = Witness(folder / NORTH, north, NORTH, SEED)
            witness.start()
            try:
                _watch(url, arguments)
            finally:
                witness.stop()
    except KeyboardInterrupt:
        pass
    finally:
        pager.stop()
    print(f"Stopped. The journal, spools and logs are kept in {folder}; run it again and it goes on.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="menshen demo", description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=Path("var/demo"), help="where everything is kept")
    parser.add_argument("--port", type=int, default=8080, help="of the console; another if it is taken")
    parser.add_argument(
        "--lang", choices=["en", "zh"], default="zh" if os.environ.get("LANG", "")[:2] == "zh" else "en"
    )
    parser.add_argument("--recording", type=Path, help="an .npz recording for the second gate")
    parser.add_argument("--seconds", type=float, help="stop by itself after so long")
    return parser


def _write_files(folder: Path, ports: tuple[int, int], pager_url: str, recording: Path | None) -> Site:
    """Everything that the programs read; the plant's site as the north gate has it."""
    key = _secret(folder / "token.key")
    now_ns = time.time_ns()
    site = live.site_of(live.Spot(PLANT, SEED, SITE, NORTH), now_ns, key)
    (folder / "registry.json").write_bytes(msgspec.json.encode(live.known_now(site, now_ns)))
    broker, web = ports
    (folder / "hub.toml").write_text(_HUB.format(broker=broker, web=web, pager=pager_url))
    (folder / "north.toml").write_text(gate_file(_gate(NORTH, broker)))
    camera = _SOUTH.format(path=_recording(folder, recording))
    (folder / "south.toml").write_text(gate_head(_gate(SOUTH, broker)) + camera)
    return site


def _gate(name: str, port: int) -> SimulatedGate:
    plant = PLANT if name == NORTH else None
    return SimulatedGate(site=SITE, gate=name, port=port, seed=SEED, plant=plant, spool=f"{name}/spool.db")


def _recording(folder: Path, wanted: Path | None) -> Path:
    """What the second gate replays: as asked, a real recording where there are any, else a rendered one."""
    if wanted is not None:
        if not wanted.is_file():
            raise MenshenError(f"--recording {wanted}: no such file, expected an .npz recording")
        return wanted.resolve()
    real = sorted(_REAL_DATA.glob("*.npz"))
    if real:
        return real[0]
    rendered = folder / "rendered.npz"
    if not rendered.exists():
        print("Rendering a recording for the second gate (once) …")
        recordings.write(rendered, seed=SEED, people=8, fevers=1)
    return rendered.resolve()


@contextlib.contextmanager
def _processes(folder: Path, ports: tuple[int, int]) -> Iterator[str]:
    """Hub first, then the gates; stopped in the reverse order. Gives the console's address."""
    url = f"http://127.0.0.1:{ports[1]}"
    running: list[subprocess.Popen[bytes]] = []
    try:
        _tell_who_may_pass(folder)
        _let_people_in(folder)
        running.append(_start(folder, "hub", ["hub", "run", "hub.toml"]))
        _wait_for(url, running[0], folder / "hub.log")
        running += [_start(folder, name, ["edge", "run", f"{name}.toml"]) for name in ("north", "south")]
        yield url
    finally:
        for process in reversed(running):
            process.terminate()
        for process in reversed(running):
            _end(process)


def _tell_who_may_pass(folder: Path) -> None:
    """The plant's registry goes to the hub, and by it to both gates. Raises `MenshenError`."""
    _hub(folder, "registry", "import", "hub.toml", "registry.json")


def _let_people_in(folder: Path) -> None:
    """A user of each role that people try, with one password, and a token for the view. Raises `MenshenError`."""
    if (folder / TOKEN).exists():
        return
    password = _secret(folder / PASSWORD).decode()
    for login in USERS:
        if not _is_known(folder, login):
            _hub(folder, "user", "add", "hub.toml", login, "--role", login, said=password + "\n")
    token = _hub(folder, "token", "add", "hub.toml", f"demo {time.time_ns()}", "--may", "board", "--may", "records")
    (folder / TOKEN).touch(mode=0o600)
    (folder / TOKEN).write_text(token)


def _is_known(folder: Path, login: str) -> bool:
    return any(line.split("\t")[0] == login for line in _hub(folder, "user", "list", "hub.toml").splitlines())


def _hub(folder: Path, *arguments: str, said: str = "") -> str:
    """What a command of the hub prints. Raises `MenshenError`."""
    command = [sys.executable, "-m", "menshen", "hub", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, input=said, check=False)
    if done.returncode:
        raise MenshenError(f"menshen hub {arguments[0]} {arguments[1]}: {done.stderr.strip()}")
    return done.stdout.strip()


def _start(folder: Path, name: str, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    log = folder / f"{name}.log"
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "menshen", *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,  # Ctrl-C is for the demo, which then stops them in order
            preexec_fn=die_with_parent,
        )


def _wait_for(url: str, hub: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        if hub.poll() is not None:
            last = log.read_text(errors="replace").splitlines()[-1:] or ["it said nothing"]
            raise MenshenError(f"the hub ended at once: {last[0]} (all of it in {log})")
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(f"{url}/healthz", timeout=1):
            return
        time.sleep(0.05)
    raise MenshenError(f"the hub is not ready after {READY_WITHIN_S:.0f} s; see {log}")


def _watch(url: str, arguments: argparse.Namespace) -> None:
    data: Path = arguments.data
    print(f"Console: {url}  (logs and data in {data})")
    print(f"Sign in as {', '.join(USERS)} with the password {(data / PASSWORD).read_text()}")
    print(f"For a display that everybody may see: {url}/wall", flush=True)
    command = [sys.executable, "-m", "menshen", "hub", "watch", "--url", url, "--lang", arguments.lang]
    command += ["--token-file", str(data / TOKEN)]
    view = subprocess.Popen(command, preexec_fn=die_with_parent)
    try:
        view.wait(arguments.seconds)
    except subprocess.TimeoutExpired:
        view.terminate()
    finally:
        _end(view)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_ports(web: int) -> tuple[int, int]:
    """A port for the broker, and one for the console: the one asked for, or another when it is taken."""
    with socket.socket() as broker, socket.socket() as console:
        console.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        broker.bind(("127.0.0.1", 0))
        try:
            console.bind(("127.0.0.1", web))
        except OSError:
            console.bind(("127.0.0.1", 0))
        return broker.getsockname()[1], console.getsockname()[1]


def _secret(path: Path) -> bytes:
    """The secret in the file, made when it is not there, readable by its owner only."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32))
    return path.read_bytes().strip()


_HUB = f"""# Written by `menshen demo` at each start.
site = "{SITE}"
data = "hub"
token_key_file = "token.key"

[broker]
port = {{broker}}
backoff_max_s = 2.0

[embedded_broker]
enabled = true

[web]
port = {{web}}

[alerts]
gate_silent_after_s = 15.0

[[channels]]
kind = "webhook"
name = "pager"
url = "{{pager}}"
secret_file = "pager.key"
"""

_SOUTH = """
[[lanes]]
name = "entrance"

[lanes.camera]
driver = "replay"
path = "{path}"
loop = true
"""
