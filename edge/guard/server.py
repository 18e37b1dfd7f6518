"""The guard's page inside the gate agent: its own socket, and no say in whether the gate works."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator

import structlog
import uvicorn
from starlette.applications import Starlette

from edge.guard.settings import GuardSettings
from wire.link import Backoff

log = structlog.get_logger(__name__)

GRACE_S = 2
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class GuardServer:
    """`run` serves until cancelled; where it cannot listen it says so and tries again: a gate works without it."""

    def __init__(self, app: Starlette, settings: GuardSettings) -> None:
        self._app = app
        self._settings = settings
        self.url: str | None = None
        """Where it listens, once it does."""

    async def run(self) -> None:
        backoff = Backoff(1.0, 60.0)
        if self._settings.host not in LOOPBACK and self._settings.certificate is None:
            log.warning("the guard's password travels unencrypted; give a certificate", host=self._settings.host)
        while True:
            try:
                await self._serve(self._listen())
            except OSError as error:  # an address that is taken, a certificate that cannot be read
                log.error("the guard's page cannot be served", host=self._settings.host, error=str(error))
            await asyncio.sleep(backoff.next_s())

    def _listen(self) -> socket.socket:
        host, port = self._settings.host, self._settings.port
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        listener.setblocking(False)
        return listener

    async def _serve(self, listener: socket.socket) -> None:
        settings = self._settings
        config = uvicorn.Config(
            self._app, log_config=None, access_log=False, server_header=False, lifespan="off",
            timeout_graceful_shutdown=GRACE_S, ssl_certfile=settings.certificate, ssl_keyfile=settings.key,
            limit_concurrency=100, h11_max_incomplete_event_size=16 * 1024,
        )  # fmt: skip
        scheme = "https" if settings.certificate else "http"
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        self.url = f"{scheme}://{host}:{listener.getsockname()[1]}"
        log.info("guard's page", url=self.url)
        server = _Server(config)
        serving = asyncio.create_task(server.serve([listener]), name="guard")
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            self._app.state.guard.stage.close()
            self._app.state.guard.station.ledger.close()
            raise
        finally:
            server.should_exit = True
            await serving


class _Server(uvicorn.Server):
    """uvicorn takes SIGINT and SIGTERM for itself; here they are the agent's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield
