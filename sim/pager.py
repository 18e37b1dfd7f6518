"""The demo's on-call telephone: an HTTP receiver that checks each page's signature and writes it down."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Pager:
    """Listens on a free port of 127.0.0.1. Pages go to `log`, one line each; a wrong signature is refused."""

    def __init__(self, secret: bytes, log: Path) -> None:
        self._secret = secret
        self._log = log
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        assert self._server is not None, "the pager was not started"
        return f"http://127.0.0.1:{self._server.server_port}/page"

    def start(self) -> None:
        pager = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                timestamp = self.headers.get("X-Menshen-Timestamp", "")
                good = pager.is_signed(timestamp, body, self.headers.get("X-Menshen-Signature", ""))
                if good:
                    pager.write_down(body)
                self.send_response(204 if good else 403)
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Pages are written down, requests are not."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True, name="pager").start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def is_signed(self, timestamp: str, body: bytes, signature: str) -> bool:
        wanted = hmac.new(self._secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(f"v1={wanted}", signature)

    def write_down(self, body: bytes) -> None:
        page = json.loads(body)
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"{page['since']} {page['text']['zh']} | {page['text']['en']} [{page['dedup_key']}]\n")
