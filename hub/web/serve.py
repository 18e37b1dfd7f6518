"""The console's server inside the hub's own event loop: it leaves signals to the hub and stops without waiting."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator

import uvicorn
from fastapi import FastAPI

from wire.errors import MenshenError

_GRACE_S = 3


class WebServer:
    """One application on one address. `start` listens, `stop` undoes exactly that.

    `url` is where it listens; with port 0 the system chooses one.
    """

    def __init__(self, app: FastAPI, *, host: str, port: int) -> None:
        self._app = app
        self._host = host
        self._port = port
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None
        self.url = f"http://{_bracketed(host)}:{port}"

    async def start(self) -> None:
        """Listen; `MenshenError` where the address cannot be had."""
        listener = _listen(self._host, self._port)
        self.url = f"http://{_bracketed(self._host)}:{listener.getsockname()[1]}"
        self._server = _Server(
            uvicorn.Config(
                self._app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=_GRACE_S
            )
        )
        self._task = asyncio.create_task(self._server.serve([listener]), name="web")

    async def stop(self) -> None:
        """End every stream, then the server."""
        self._app.state.closing.set()
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task
        self._server = self._task = None


class _Server(uvicorn.Server):
    """uvicorn takes SIGINT and SIGTERM for itself; here they are the hub's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol said: else asyncio does not know it for TCP, and each answer waits 40 ms for the last one's ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise MenshenError(
            f"the console cannot listen on {host} port {port}: {error.strerror or error}; "
            "is another hub running, or is the address not this machine's?"
        ) from error
    return listener


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
