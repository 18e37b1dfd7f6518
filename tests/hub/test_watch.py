"""The terminal view follows a real console, says what is new and what is wrong, and leaves the terminal clean."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

import menshen
from hub import watch
from hub.board import Snapshot
from tests.support.console import ZONE, ServedConsole, served
from tests.support.snapshots import alert, board, fever
from wire.errors import MenshenError

HOSTILE = "line\u2028separator, next\x85line, \x1b[2J and \u202e"


@pytest.fixture
def console() -> Iterator[ServedConsole]:
    with served(board()) as console:
        yield console


class _Printed(io.StringIO):
    """What was printed; `until` waits for words in it."""

    async def until(self, words: str, timeout_s: float = 15.0) -> None:
        async with asyncio.timeout(timeout_s):
            while words not in self.getvalue():
                await asyncio.sleep(0.02)


async def test_what_is_no_terminal_gets_one_line_for_each_new_thing(console: ServedConsole) -> None:
    out = _Printed()
    task = asyncio.create_task(watch.watch(console.hub, lang="en", console=Console(file=out, width=40), zone=ZONE))
    await out.until("vehicle p9Zt2c let in")
    console.board.write(board(passages=(fever(5000),), alerts=(alert(1, told="pending"),)))
    await out.until("fever refused")
    task.cancel()
    lines = out.getvalue().splitlines()
    assert lines[0] == f"Connecting to {console.url} …"
    assert lines[1] == "baotou-1 — Normal: Every gate reports; no alert is open."
    assert lines[-2] == "alert: critical fever north / a since 2020-02-12 11:50:00 (not told yet)"
    assert lines[-1] == "2020-02-12 11:59:59 north / a person k3Xq7a 37.9 ± 0.2 °C fever refused"


async def test_a_hub_that_goes_and_comes_back_is_said_once_and_followed_again(console: ServedConsole) -> None:
    out = _Printed()
    task = asyncio.create_task(watch.watch(console.hub, lang="en", console=Console(file=out), zone=ZONE))
    await out.until("let in")
    await asyncio.to_thread(console.stop)
    await out.until("connection lost: All connection attempts failed; trying again")
    console.board.write(board(passages=(fever(5000),)))
    console.start()
    await out.until("fever refused")
    task.cancel()
    assert out.getvalue().count("attempts failed") == 1


async def test_line_separators_in_a_detail_do_not_tear_the_stream(console: ServedConsole) -> None:
    sent = board(alerts=(alert(1, detail=HOSTILE),))
    console.board.write(sent)
    async for item in watch.boards(console.hub):
        if isinstance(item, Snapshot):
            break
        assert item is None
    assert item == sent


async def test_what_is_no_hub_is_said_and_not_raised() -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = b'data: {"time_ns": "soon"}\n\n'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        first = await anext(watch.boards(watch.Hub(url)))
    assert isinstance(first, str)
    assert "no board of this version" in first
    assert "time_ns" in first


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "ftp://hub", "http://", ""])
def test_what_is_no_address_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(MenshenError, match=r"is no address of a hub: expected something like http://"):
        watch.checked(url)


def test_the_metrics_of_a_hub_that_runs_are_printed_and_a_missing_token_or_hub_is_told(
    console: ServedConsole, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_text(console.token)
    assert menshen.main(["hub", "metrics", "--url", console.url, "--token-file", str(tmp_path / "token")]) == 0
    assert 'menshen_gate_online{gate="north",site="baotou-1"} 1.0' in capsys.readouterr().out.splitlines()
    with pytest.raises(MenshenError, match="asks for a token"):
        watch.metrics(watch.Hub(console.url))
    console.stop()
    with pytest.raises(MenshenError, match=r"/api/metrics: "):
        watch.metrics(console.hub)


PROGRAM = """
from datetime import timezone
from hub.watch import run
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that run in the background inherit that it is ignored
raise SystemExit(run(sys.argv[1], token=sys.argv[2], lang="zh", zone=timezone.utc))
"""


def _read_until(terminal: int, words: bytes, timeout_s: float = 20.0) -> bytes:
    got, deadline = b"", time.monotonic() + timeout_s
    while words not in got:
        assert time.monotonic() < deadline, got[-2000:]
        try:
            got += os.read(terminal, 65536)
        except OSError:  # the other side of a pseudo-terminal is closed
            break
    return got


def test_ctrl_c_ends_the_full_screen_with_the_terminal_as_it_was(console: ServedConsole) -> None:
    ours, theirs = pty.openpty()
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, console.url, console.token],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
    )  # fmt: skip
    os.close(theirs)
    try:
        screen = _read_until(ours, "体温正常".encode())
        assert b"\x1b[?1049h" in screen  # the alternate screen
        program.send_signal(signal.SIGINT)
        rest = _read_until(ours, b"\x1b[?1049l")
        assert program.wait(10) == 0
        assert b"Traceback" not in rest
        assert b"\x1b[?25h" in rest  # the cursor is back
    finally:
        program.kill()
        program.wait()
        os.close(ours)


def test_the_view_s_clock_goes_on_between_two_boards() -> None:
    later = watch._advanced(board(), 2.5)
    assert later == msgspec.structs.replace(board(), time_ns=board().time_ns + 2_500_000_000)
