"""Any application of ours, served on a free port of this machine in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI

from hub.web.serve import WebServer


@contextmanager
def served_app(app: FastAPI) -> Iterator[str]:
    """The address where it listens."""
    ready, found = threading.Event(), {}

    async def serve() -> None:
        server = WebServer(app, host="127.0.0.1", port=0)
        await server.start()
        found.update(url=server.url, loop=asyncio.get_running_loop(), stop=asyncio.Event())
        ready.set()
        await found["stop"].wait()
        await server.stop()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), name="app")
    thread.start()
    if not ready.wait(20):
        raise RuntimeError("the application did not start within 20 s")
    try:
        yield found["url"]
    finally:
        found["loop"].call_soon_threadsafe(found["stop"].set)
        thread.join(10)
